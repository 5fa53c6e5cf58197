"""Speech in pieces while it is made: tokens are drawn and decoded in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable

import numpy as np

from myna.audio import loudness
from myna.audio.resample import HANN_SINC, Resampling
from myna.datatypes import Audio, Pacing
from myna.engines.base import Engine, Generation
from myna.engines.drawing import Drawing
from myna.engines.rendering import Rendering
from myna.synthesis.performance import Script, Track

Clock = Callable[[], float]

_SHARE = 0.5
"""Of the time until the listener has heard all, that making the next piece may take."""
_LEAST = 0.25
"""Seconds of a piece below which its margins would cost more than the piece."""


class Buffer:
    """What a listener has who began to listen when the first piece came.

    Args:
        pacing: the caller's wishes.
        clock: seconds.
    """

    def __init__(self, pacing: Pacing, clock: Clock = time.monotonic) -> None:
        self._pacing, self._clock = pacing, clock
        self._began: float | None = None
        self._given = 0.0
        self._pieces = 0
        self._worked = 0.0
        self._since = clock()

    @property
    def left(self) -> float | None:
        """Seconds until the listener has heard all; None before the first piece."""
        return None if self._began is None else self._began + self._given - self._clock()

    def next_piece(self) -> float:
        """Seconds that the next piece should have, so that it is there in time."""
        self._since = self._clock()
        pacing, left = self._pacing, self.left
        if left is None:
            return pacing.first
        if pacing.growth is not None:
            # So many steps are more than enough, and more would overflow.
            return min(pacing.first * pacing.growth ** min(self._pieces, 100), pacing.longest)
        per_second = self._worked / max(self._given, 1e-3)
        if per_second >= 1:  # nothing helps but to lose little on margins
            return pacing.longest
        return min(max(left * _SHARE / max(per_second, 1e-3), _LEAST), pacing.longest)

    def give(self, seconds: float) -> None:
        """A piece is handed out."""
        now = self._clock()
        self._worked += now - self._since
        self._given += seconds
        self._pieces += 1
        if self._began is None:
            self._began = now


class Telling:
    """A text that is being spoken, step by step: whoever draws its tokens decides when.

    Args:
        engine: its decoder is asked here, and nowhere else.
        generation: of the engine, which others may share.
        scripts: prepared as late as they are needed; of the same rate and pause.
        pacing: how long pieces are.
        clock: seconds, to know how fast this machine is.
    """

    def __init__(
        self,
        engine: Engine,
        generation: Generation,
        scripts: Iterable[Script],
        pacing: Pacing,
        clock: Clock = time.monotonic,
    ) -> None:
        self._engine, self._generation, self._pacing = engine, generation, pacing
        self._sentences = (
            (script, index, request)
            for script in scripts
            for index, request in enumerate(script.requests())
        )
        self.buffer = Buffer(pacing, clock)
        self.drawing: Drawing | None = None
        """Of the sentence that is being said; who adds tokens to it, makes pieces ready."""
        self._track: Track | None = None
        self._rate = engine.spec.rate
        self._wanted: float = 0.0

    def start(self) -> bool:
        """Begin the next sentence, if none is being said; False when the text is over.

        Raises:
            MynaError: it cannot be read or said.
        """
        if self.drawing is not None:
            return True
        found = next(self._sentences, None)
        if found is None:
            return False
        self._script, self._index, request = found
        script = self._script
        if self._track is None:
            self._track, self._rate = Track(script.rate, script.pause), script.rate
        self._silence = self._track.silence(script.lines[self._index].sentence)
        self._rendering: Rendering = self._engine.rendering(script.decoding(self._index))
        self._resampling = Resampling(self._engine.spec.rate, self._rate, HANN_SINC)
        self._want()
        self.drawing = self._generation.add(request)
        return True

    @property
    def ready(self) -> bool:
        """Whether there are tokens enough for the next piece."""
        drawing = self.drawing
        return drawing is not None and (drawing.done or drawing.count >= self._wanted)

    def piece(self) -> Audio | None:
        """The next piece, which is ready; None if it became none.

        Raises:
            EngineError: the decoder could not.
        """
        drawing, track = self.drawing, self._track
        assert drawing is not None
        assert track is not None
        if self._pacing.sentences:
            samples = self._script.render(self._index, drawing.result()).samples
            steady = self._engine.spec.steady
            samples = samples if steady else track.levelled(samples)
        else:
            made = self._rendering.add(drawing.ids, last=drawing.done)
            samples = loudness.limited(self._resampling.add(made, last=drawing.done))
        samples = np.concatenate([self._silence, track.add(samples)])
        self._silence = self._silence[:0]
        if drawing.done:
            self._leave()
        if not len(samples):
            self._want()
            return None
        self.buffer.give(len(samples) / self._rate)
        if not drawing.done:
            self._want()
        return Audio(samples, self._rate)

    def end(self) -> Audio | None:
        """The silence that the caller wrote behind the last sentence, if any."""
        silence = np.zeros(0, np.float32) if self._track is None else self._track.end()
        return Audio(silence, self._rate) if len(silence) else None

    def close(self) -> None:
        """Stop; room that this took is free at once."""
        self._sentences.close()
        self._leave()

    def _leave(self) -> None:
        if self.drawing is not None:
            drawing, self.drawing = self.drawing, None
            self._generation.remove(drawing)

    def _want(self) -> None:
        seconds, said = self.buffer.next_piece(), self.drawing.count if self.drawing else 0
        if self._pacing.sentences:
            self._wanted = np.inf
            return
        samples = round(seconds * self._engine.spec.rate)
        self._wanted = max(said + 1, self._rendering.needed(samples))


def stream(
    engine: Engine, scripts: Iterable[Script], pacing: Pacing, clock: Clock = time.monotonic
) -> Generator[Audio, None, None]:
    """Speak scripts, one after another, as one text; arguments as `Telling`.

    Whoever closes the iterator half-way stops all work on it at once.

    Yields:
        Pieces of at least one sample.
    """
    generation = engine.generation()
    telling = Telling(engine, generation, scripts, pacing, clock)
    try:
        while telling.start():
            while not telling.ready:
                assert telling.drawing is not None
                generation.advance([telling.drawing])
            piece = telling.piece()
            if piece is not None:
                yield piece
        end = telling.end()
        if end is not None:
            yield end
    finally:
        telling.close()
