"""Models of full published size with drawn weights, so that nothing is downloaded.

Each weight is as large as keeps signals of about one size on their way: sounds come out at speaking
level, attention looks at some places more than at others, and a residual stays larger than what is
added to it. Otherwise they mean nothing: what is said is noise with an envelope.
"""

import re
from collections.abc import Mapping
from math import prod, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from myna.checkpoints import shapes, store
from myna.specs import ENCODERS, FAMILIES, EcapaSpec, GeneratorSpec

LOOK = 2.0
"""Size of queries and keys: scores of a place have the square of it as their deviation."""

_SIZES = (
    # The first that a name contains: of the weights of one output, all together.
    ("attention.out.", 0.3),
    ("feedforward.1.", 0.3),
    ("feedforward.2.", 0.3),
    ("prior_encoder.head.", 0.5),
    ("flow.", 0.5),
    ("generator.condition.", 0.3),
    ("generator.last.", 0.5),
)


def draw(home: Path, family: str, *, encoders: bool = True, look: float = LOOK) -> None:
    """Write a voice model and the encoders that English cloning needs, in half precision, as
    published files are.

    Args:
        home: what `MYNA_HOME` is to be.
        family: a published one.
        encoders: whether they are wanted.
        look: see `LOOK`.
    """
    spec, random = FAMILIES[family], np.random.default_rng(0)
    generator = spec.decoder.generator
    assert isinstance(generator, GeneratorSpec), "published families have this one"

    def tensors(wanted: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float16]]:
        return {
            name: _tensor(name, shape, random, generator, look).astype(np.float16)
            for name, shape in wanted.items()
        }

    parts = {
        "token_model": tensors(shapes.token_model(spec.token_model)),
        "decoder": tensors(shapes.decoder(spec.decoder)),
    }
    models = home / "models"
    store.write(models / family, kind=store.VOICE_MODEL, spec=family, parts=parts, provenance={})
    for name in (spec.content_encoder, spec.speaker_encoder) if encoders else ():
        if name is not None and not (models / name).exists():
            encoder = ENCODERS[name]
            assert not isinstance(encoder, EcapaSpec), "published families have theirs"
            weights = {"weights": tensors(shapes.encoder(encoder))}
            store.write(models / name, kind=store.ENCODER, spec=name, parts=weights, provenance={})


def _tensor(
    name: str,
    shape: tuple[int, ...],
    random: np.random.Generator,
    generator: GeneratorSpec,
    look: float,
) -> NDArray[np.float64]:
    if name.endswith(("norm.weight", "alpha", "running_var", "timbre_activation.weight")):
        return random.uniform(0.9, 1.1, shape)
    if name.endswith("weight_g"):
        return _length(name, generator) * random.uniform(0.9, 1.1, shape)
    if len(shape) == 1:
        return random.normal(0.0, 0.05, shape)
    if name.endswith("embedding.weight") or name == "codebook.weight":
        return random.normal(0.0, 1.0, shape)
    if "relative" in name:
        return random.normal(0.0, 0.3, shape)
    size = next((size for part, size in _SIZES if part in name), 1.0)
    if name.startswith("prior_encoder.") and re.search(r"attention\.(query|key)", name):
        size = look
    return random.normal(0.0, size / sqrt(prod(shape[1:])), shape)


def _length(name: str, generator: GeneratorSpec) -> float:
    """Of the kernels of one output, where a file keeps them as a direction and a length."""
    found = re.search(r"upsamples\.(\d+)\.", name)
    if found is None:
        return next((size for part, size in _SIZES if part in name), 1.0)
    # Of a transposed convolution, kernels of one input; each output hears few of them.
    return 1.2 * sqrt(generator.rates[int(found[1])] / 2)
