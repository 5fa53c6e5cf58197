"""What is decoded, and from which random numbers: the same on every engine.

Letters in shapes: H latent channels, E latent frames at the speed asked for, N samples.
"""

from dataclasses import dataclass

import numpy as np

from myna.engines.base import DecodeRequest, Floats
from myna.engines.drawing import NO_NUMBERS
from myna.engines.randomness import Purpose, Stream
from myna.errors import EngineError
from myna.specs import DecoderSpec, SourceFilterSpec


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """The random numbers of one sentence, which belong to its request."""

    noise: Floats | None
    """(H, E), scaled as asked; None for none."""
    grain: Floats | None
    """(N,) standard normal; None for a generator that reads none."""


def chance(request: DecodeRequest, spec: DecoderSpec) -> Chance:
    """Draw the numbers of a request.

    Raises:
        EngineError: there is nothing to decode.
    """
    if not len(request.tokens) or not len(request.phones):
        raise EngineError("There is nothing to decode: the sentence has no tokens or no phones.")
    frames = spec.frames(len(request.tokens), request.speed)
    noise = grain = None
    if request.noise_scale > 0 and spec.posterior_layers:
        drawn = Stream(request.seed, request.part, Purpose.NOISE).normal(spec.hidden, frames)
        noise = drawn * np.float32(request.noise_scale)
    if isinstance(spec.generator, SourceFilterSpec):
        stream = Stream(request.seed, request.part, Purpose.GRAIN)
        grain = stream.normal(frames * spec.generator.hop)
    return Chance(noise, grain)


def checked(samples: Floats) -> Floats:
    """The samples of a sentence.

    Raises:
        EngineError: one of them is not a number.
    """
    if not np.isfinite(samples).all():
        raise EngineError(f"The decoder returned values that {NO_NUMBERS}")
    return samples
