"""A sentence becomes sound, at once or while it is still being said: the same on every engine.

An engine computes parts of it. Which part, from which random numbers, and what of it is final, is
decided here.

Letters in shapes as in `myna.engines.base`, and E latent frames of a part at the speed asked for, H
latent channels, S frames of filters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from myna.audio.pace import places
from myna.engines.base import DecodeRequest, Floats, Ids
from myna.engines.drawing import NO_NUMBERS
from myna.engines.randomness import Columns, Purpose, Stream
from myna.errors import EngineError
from myna.specs import DecoderSpec, SourceFilterSpec

_FRAMES, _SAMPLES = 32, 4096
"""Random columns drawn at once."""
_LONGEST = 400
"""Frames made at once, where a sentence need not be."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Part:
    """What an engine computes at once."""

    tokens: Ids
    """(T,) neighbours in the sentence, with all around the places that can matter."""
    phones: Ids
    """(P,) of the whole sentence."""
    timbre: Floats
    """(G,)"""
    places: Floats
    """(E,) frames of the tokens to decode, in fractions where the speed is not 1."""
    noise: Floats | None
    """(H, E), scaled as asked; None for none."""
    grain: Floats | None
    """(N,) standard normal; None for a generator that reads none."""
    since: int = 0
    """Frame of filters at which pulses have turned ..."""
    turned: float = 0.0
    """... so much of a period."""


Compute = Callable[[Part], tuple[Floats, NDArray[np.float64] | None]]
"""Samples (N,), and from a generator of pulses how far they have turned at each frame (S,)."""


class Rendering:
    """A sentence as it becomes sound.

    A family that looks ahead only so far (`DecoderSpec.sight`) says piece by piece what it says at
    once, up to rounding. With others, what is said before the sentence is known to its end knows
    less of what follows; pieces are faded into each other over a frame.

    Args:
        compute: the engine's decoder.
        request: its tokens do not count.
        spec: of the decoder.
    """

    def __init__(self, compute: Compute, request: DecodeRequest, spec: DecoderSpec) -> None:
        if not len(request.phones):
            raise EngineError("There is nothing to decode: the sentence has no phones.")
        self._compute, self._request, self._spec = compute, request, spec
        noise, grain = (
            Stream(request.seed, request.part, purpose)
            for purpose in (Purpose.NOISE, Purpose.GRAIN)
        )
        drawn = request.noise_scale > 0 and spec.posterior_layers > 0
        self._noise = Columns(noise, spec.hidden, _FRAMES) if drawn else None
        self._source = spec.generator if isinstance(spec.generator, SourceFilterSpec) else None
        self._grain = Columns(grain, 1, _SAMPLES)
        self._done = 0
        """Frames that are final."""
        self._turned = 0.0
        self._tail = np.zeros(0, dtype=np.float32)
        """Samples before the last final frame's end that are to be faded into the next piece."""

    def add(self, tokens: Ids, *, last: bool) -> Floats:
        """Samples that become final, maybe none.

        Args:
            tokens: (T,) of the sentence so far; those of the call before, and more.
            last: whether these are all.

        Raises:
            EngineError: all are no tokens; or what was computed is no number.
        """
        if last and not len(tokens):
            raise EngineError("There is nothing to decode: the sentence has no tokens.")
        spec, steady = self._spec, self._spec.sight is not None
        known = len(tokens) * spec.frames_per_token
        at_once = last and not self._done
        where = places(known, self._request.speed, fitted=at_once and not steady)
        ready = len(where) if last else self._final(known, where)
        made = []
        while self._done < ready:
            # Any part can be made alone: what is long is made in steps, which bounds the memory.
            stop = min(ready, self._done + _LONGEST) if steady else ready
            made.append(self._made(tokens, where, stop, end=last and stop == ready))
        return np.concatenate(made) if made else np.zeros(0, dtype=np.float32)

    def _made(self, tokens: Ids, where: Floats, ready: int, *, end: bool) -> Floats:
        """Samples of the frames from the last final one to `ready`, which become final."""
        spec, steady = self._spec, self._spec.sight is not None
        # The last frame is said again, to be faded, if pieces may differ from the whole.
        fade = 0 if steady or not self._done else 1
        first = max(0, self._done - fade - spec.reach)
        samples, turns = self._compute(
            self._part(tokens, where, first, min(len(where), ready + spec.reach))
        )
        if not np.isfinite(samples).all():
            raise EngineError(f"The decoder returned values that {NO_NUMBERS}")
        hop = spec.generator.hop
        fresh = samples[(self._done - fade - first) * hop : (ready - first) * hop].copy()
        if fade:
            share = (np.arange(hop, dtype=np.float32) + 0.5) / hop
            fresh[:hop] = self._tail * (1 - share) + fresh[:hop] * share
        if not (end or steady):
            fresh, self._tail = fresh[:-hop], fresh[-hop:]
        if turns is not None and not end:
            assert self._source is not None
            self._turned = float(turns[(ready - first) * self._source.oversampling])
        self._done = ready
        return fresh

    def needed(self, samples: int) -> int:
        """Tokens after which at least so many more samples are final."""
        spec = self._spec
        frames = self._done + -(-samples // spec.generator.hop) + spec.reach
        return ceil((frames * self._request.speed + spec.ahead + 2) / spec.frames_per_token)

    def _final(self, known: int, where: Floats) -> int:
        """Frames that no later token changes, of `known` ones of tokens."""
        sure = int(np.searchsorted(where, known - 1 - self._spec.ahead))
        return sure - self._spec.reach

    def _part(self, tokens: Ids, where: Floats, first: int, stop: int) -> Part:
        request, hop = self._request, self._spec.generator.hop
        noise = grain = None
        since, near = 0, slice(0, len(tokens))
        if self._spec.sight is not None:
            per_token = self._spec.frames_per_token
            before = int(where[first]) - self._spec.ahead
            after = int(where[stop - 1]) + 2 + self._spec.ahead
            near = slice(max(0, before // per_token), -(-after // per_token))
        if self._noise is not None:
            noise = self._noise.between(first, stop) * np.float32(request.noise_scale)
        if self._source is not None:
            grain = self._grain.between(first * hop, stop * hop)[0]
            since = (self._done - first) * self._source.oversampling
        return Part(
            tokens=tokens[near],
            phones=request.phones,
            timbre=request.timbre,
            places=where[first:stop] - near.start * self._spec.frames_per_token,
            noise=noise,
            grain=grain,
            since=since,
            turned=self._turned,
        )
