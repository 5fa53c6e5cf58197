"""The codebook of a model trained from scratch: the centres of the content features it will hear.

Published models bring theirs. Semantic tokens are the nearest centres, so they must be there before
a token model or a decoder can be trained.

Letters in shapes: N vectors, C channels, K codes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from myna.errors import TrainingError

_PASSES = 30
_SAMPLE = 16
"""Vectors per code that the start is drawn from."""
_BLOCK = 8192
"""Vectors compared with all centres at once."""


def centres(vectors: Tensor, codes: int, *, seed: int = 0, passes: int = _PASSES) -> Tensor:
    """K-means (Lloyd, 1982), started as k-means++ does (Arthur and Vassilvitskii, 2007).

    Args:
        vectors: (N, C), at least one per code.
        codes: how many centres to find.

    Returns:
        (K, C). Every centre is the nearest one of at least one vector, if the vectors differ.

    Raises:
        TrainingError: there are fewer vectors than codes, or some are no numbers.
    """
    if len(vectors) < codes:
        raise TrainingError(
            f"{len(vectors)} content vectors are too few for {codes} codes; give more speech "
            f"(a second has 25)."
        )
    if not bool(torch.isfinite(vectors).all()):
        raise TrainingError("The content encoder returned values that are no numbers.")
    found = _start(vectors, codes, torch.Generator().manual_seed(seed))
    for _ in range(passes):
        nearest, distance = assigned(vectors, found)
        counts = torch.bincount(nearest, minlength=codes)
        sums = torch.zeros_like(found).index_add_(0, nearest, vectors)
        found = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], found)
        if empty := int((counts == 0).sum()):
            # Vectors that no centre is near to are the best places for centres without vectors.
            found[counts == 0] = vectors[distance.topk(empty).indices]
    return found


def _start(vectors: Tensor, codes: int, generator: torch.Generator) -> Tensor:
    """Vectors far from each other: each is drawn in proportion to its squared distance to the rest.

    They are drawn from a sample, which is as good and takes a bounded time.
    """
    order = torch.randperm(len(vectors), generator=generator)[: _SAMPLE * codes]
    sample = vectors[order.to(vectors.device)]
    chosen = [0]
    distance = (sample - sample[0]).square().sum(1)
    for number in torch.rand(codes - 1, generator=generator).tolist():
        reached = distance.cumsum(0)
        index = int(torch.searchsorted(reached, reached[-1] * number, right=True))
        index = min(index, len(sample) - 1)
        chosen.append(index)
        distance = torch.minimum(distance, (sample - sample[index]).square().sum(1))
    return sample[torch.tensor(chosen, device=sample.device)].clone()


def assigned(vectors: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
    """Of each vector (N, C) the nearest centre (N,) and the squared distance to it (N,)."""
    nearest, distances = [], []
    lengths = found.square().sum(1)
    for block in vectors.split(_BLOCK):
        distance = lengths - 2 * (block @ found.t())
        least, index = distance.min(1)
        nearest.append(index)
        distances.append((least + block.square().sum(1)).clamp(min=0))
    return torch.cat(nearest), torch.cat(distances)
