"""Choose the next token from its logits.

The steps and their order are those the published models were tuned with: repetition penalty, top-p
on the penalised logits, temperature, top-k, then a draw. Values are checked against recorded ones.

Letters in shapes: V vocabulary.
"""

import numpy as np
from numpy.typing import NDArray

from myna.specs import SamplingSpec

Floats = NDArray[np.float32]


def penalise(logits: Floats, said: NDArray[np.int64], penalty: float) -> Floats:
    """Make tokens already said less likely, once each however often they were said.

    Args:
        logits: (V,)
        said: (any,) ids, the prompt's included.
        penalty: above 1 discourages repetition.

    Returns:
        (V,), a new array.
    """
    logits = logits.copy()
    if penalty != 1:
        chosen = logits[said]
        logits[said] = np.where(chosen < 0, chosen * penalty, chosen / penalty)
    return logits


def distribution(logits: Floats, sampling: SamplingSpec) -> Floats:
    """Probabilities (V,) to draw from, given penalised logits (V,)."""
    if sampling.top_p < 1:
        order = np.argsort(-logits, kind="stable")
        # The likeliest token stays even if it alone exceeds top_p.
        beyond = np.cumsum(_softmax(logits[order])) > sampling.top_p
        beyond[0] = False
        logits = logits.copy()
        logits[order[beyond]] = -np.inf
    logits = logits / np.float32(sampling.temperature)
    if sampling.top_k < len(logits):
        least = np.partition(logits, -sampling.top_k)[-sampling.top_k]
        logits = np.where(logits < least, np.float32(-np.inf), logits)
    return _softmax(logits)


def draw(probabilities: Floats, exponential: Floats) -> int:
    """One id, given one exponential number per id: the exponential race, same as a categorical."""
    return int(np.argmax(probabilities / exponential))


def _softmax(logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max())
    normalised: Floats = weights / weights.sum(dtype=np.float32)
    return normalised
