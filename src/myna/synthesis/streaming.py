"""Speech in pieces while it is made: tokens are drawn and decoded in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace

import numpy as np

from myna.audio import loudness
from myna.audio.resample import HANN_SINC, Resampling
from myna.datatypes import (
    Audio,
    Guard,
    Pacing,
    SemanticTokens,
    Sentence,
    SentenceReport,
    Timing,
    Word,
)
from myna.engines.base import Engine, Generation, TokenRequest
from myna.engines.drawing import Drawing
from myna.engines.rendering import Rendering
from myna.synthesis.guard import Attempts, Take, bounded, part
from myna.synthesis.performance import Context, Rendered, Script, Track, timing
from myna.synthesis.takes import Listen, Listener

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
        # Who ran dry waited, and goes on from here.
        self._began = now if self._began is None else max(self._began, now - self._given)
        self._given += seconds
        self._pieces += 1


class Telling:
    """A text that is being spoken, step by step: whoever draws its tokens decides when.

    Args:
        engine: its decoder is asked here, and nowhere else.
        generation: of the engine, which others may share.
        scripts: prepared as late as they are needed; of the same rate and pause. None among them
            stands for more that is not known yet.
        pacing: how long pieces are.
        clock: seconds, to know how fast this machine is.
        guard: listen to sentences, and say some again; only for whole ones.
        hearing: who listens.
    """

    def __init__(
        self,
        engine: Engine,
        generation: Generation,
        scripts: Iterable[Script | None],
        pacing: Pacing,
        clock: Clock = time.monotonic,
        *,
        guard: Guard | None = None,
        hearing: Listen | None = None,
    ) -> None:
        assert guard is None or (pacing.sentences and hearing is not None)
        self._engine, self._generation, self._pacing = engine, generation, pacing
        self._guard, self._hearing = guard, hearing
        self._sentences = _sentences(scripts)
        self.buffer = Buffer(pacing, clock)
        self.drawing: Drawing | None = None
        """Of the sentence that is being said; who adds tokens to it, makes pieces ready."""
        self.sentences: list[Sentence] = []
        self.reports: list[SentenceReport] = []
        self.timings: list[Timing] = []
        """Of the sentences that were said to their end."""
        self._track: Track | None = None
        self._context: Context | None = None
        self._rate = engine.spec.rate
        self._wanted: float = 0.0
        self._request: TokenRequest | None = None
        """Of the sentence that is being said, in whatever take."""
        self._silence = np.zeros(0, np.float32)
        self._resampling: Resampling

    def start(self) -> bool:
        """Begin the next sentence, or the next take of it, if none is being said.

        Returns:
            False when the text is over. If there is no `drawing` afterwards, more of the text is
            still to come.

        Raises:
            MynaError: it cannot be read or said.
        """
        if self.drawing is not None:
            return True
        if self._request is None:
            try:
                found = next(self._sentences)
            except StopIteration:
                return False
            if found is None:
                return True
            self._begin(*found)
        assert self._request is not None
        self._want()
        attempt = 0 if self._attempts is None else self._attempts.next
        request = replace(self._request, part=part(self._request.part, attempt))
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
            EngineError: the decoder could not; or as `Listener.finished`.
        """
        drawing, track = self.drawing, self._track
        assert drawing is not None
        assert track is not None
        if self._pacing.sentences:
            whole = self._whole(drawing)
            if whole is None:
                self._leave()
                return None
            steady = self._engine.spec.steady
            made = whole.samples if steady else track.levelled(whole.samples)
        else:
            whole = None
            made = self._rendering.add(drawing.ids, last=drawing.done)
            made = loudness.limited(self._resampling.add(made, last=drawing.done))
        samples = np.concatenate([self._silence, track.add(made)])
        self._silence = self._silence[:0]
        if drawing.done:
            if whole is None:
                self._remember(drawing.result())
                report = self._report(drawing)
                words = self._script.words(self._index, drawing.result(), report.seconds)
                self._note(report, words)
            else:
                self._note(whole.report, whole.words)
            self._leave()
            self._request = None
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

    def _begin(self, script: Script, index: int) -> None:
        if self._track is None or self._context is None:
            self._track, self._rate = Track(script.rate, script.pause), script.rate
            self._context = Context(script.context)
        self._script, self._index = script, index
        self._request = script.request(index, self._context.before)
        if self._guard is not None and self._guard.again:
            self._request = bounded(self._request, len(script.lines[index].phones))
        self._silence = self._track.silence(script.lines[index].sentence)
        self._attempts: Attempts | None = None
        if self._guard is not None:
            assert self._hearing is not None
            self._attempts = Attempts(self._guard, self._engine.spec.least_score)
            self._takes: dict[Take, tuple[Rendered, SemanticTokens]] = {}
            self._listener = Listener(
                self._engine, script, script.voice, self._guard, self._hearing
            )
        if not self._pacing.sentences:
            self._rendering: Rendering = self._engine.rendering(script.decoding(index))
            self._resampling = Resampling(self._engine.spec.rate, self._rate, HANN_SINC)

    def _whole(self, drawing: Drawing) -> Rendered | None:
        """The sentence; None if it is to be said again."""
        tokens = drawing.result()
        piece = self._script.render(self._index, tokens)
        attempts = self._attempts
        if attempts is None:
            self._remember(tokens)
            return piece
        take = self._listener.take(self._index, piece, tokens)
        attempts.add(take)
        self._takes[take] = piece, tokens
        if not attempts.done:
            return None
        best = attempts.best
        found, tokens = self._takes[best]
        self._takes = {}
        self._remember(tokens)
        return self._listener.finished(self._index, found, best, attempts.retries)

    def _remember(self, tokens: SemanticTokens) -> None:
        assert self._context is not None
        self._context.add(self._script.said(self._index, tokens))

    def _report(self, drawing: Drawing) -> SentenceReport:
        line, track = self._script.lines[self._index], self._track
        assert track is not None
        tokens = drawing.result()
        return SentenceReport(
            text=line.sentence.source.strip(),
            phones=len(line.phones),
            tokens=len(tokens.ids),
            seconds=(track.length - track.starts[-1]) / self._rate,
            ended=tokens.ended,
        )

    def _note(self, report: SentenceReport, words: Sequence[Word]) -> None:
        """A sentence is over."""
        assert self._track is not None
        start = self._track.starts[-1] / self._rate
        self.sentences.append(self._script.lines[self._index].sentence)
        self.timings.append(timing(start, report, words))
        self.reports.append(report)

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


def _sentences(
    scripts: Iterable[Script | None],
) -> Generator[tuple[Script, int] | None, None, None]:
    for script in scripts:
        if script is None:
            yield None
        else:
            yield from ((script, index) for index in range(len(script.lines)))


def stream(
    engine: Engine, scripts: Iterable[Script], pacing: Pacing, clock: Clock = time.monotonic
) -> Generator[Audio, None, None]:
    """Speak scripts, one after another, as one text; arguments as `Telling`, but that waiting for
    more of the text is up to `scripts`.

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
