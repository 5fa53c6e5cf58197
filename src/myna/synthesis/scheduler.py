"""Many texts, one engine: speakers come and go between tokens, and nobody waits for the longest.

A thread of its own owns the engine. At each turn it draws one token for those who need it most, or
makes one piece of sound. Who waits for the first sound comes first, in the order of coming; then
those whose listeners will be out of sound soonest. What is said depends on the request alone.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from myna.datatypes import Audio, Pacing, Utterance, in_range
from myna.engines.base import Engine, Generation
from myna.engines.drawing import longest, most_tokens
from myna.errors import BusyError, CancelledError, DeadlineError, EngineError, MynaError
from myna.specs import TOKENS_PER_SECOND, FamilySpec
from myna.synthesis.performance import Script
from myna.synthesis.streaming import Telling
from myna.text import Polyphones

log = logging.getLogger(__name__)

Clock = Callable[[], float]

_GROWTH = 1.5
"""Of pieces, where the caller leaves it to the machine: what is said may not depend on how busy it
is."""
_PATIENCE = 0.05
"""Seconds between two looks at who waits while nobody can be served."""
_SOON = 1.0
"""Seconds of sound left below which a listener comes before those who have more."""
_FLOAT = 4
"""Bytes of a number in caches and latents."""
_PEAK = 320
"""Numbers per sample that a decoder holds at once; measured: 236 to 258 with v2, 22 to 50 with
`tiny`."""
_MARGINS = 3.0
"""Seconds around a piece that are decoded with it, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a scheduler takes on."""

    waiting: int = 64
    """Texts in the queue, 0 to 100000, besides those that are being said."""
    saying: int = 64
    """Texts that are said at the same time, 1 to 10000."""
    together: int = 8
    """Tokens drawn in one step at most, 1 to 10000."""
    memory: int = 4 << 30
    """Bytes that texts being said may need, all of them together, besides the models."""
    unheard: float = 30.0
    """Seconds of sound, 1 to 3600, that may wait to be fetched before a text is left aside."""

    def __post_init__(self) -> None:
        in_range("waiting", self.waiting, 0, 100_000)
        in_range("saying", self.saying, 1, 10_000)
        in_range("together", self.together, 1, 10_000)
        in_range("memory", self.memory, 1 << 20, 1 << 50)
        in_range("unheard", self.unheard, 1.0, 3600.0)


class Job:
    """A text on its way: iterate over it, from any thread, for its pieces of sound.

    Leaving the iteration half-way, or `cancel`, stops all work on it.
    """

    def __init__(self, utterance: Utterance, pacing: Pacing, deadline: float | None) -> None:
        self.utterance, self.pacing, self.deadline = utterance, pacing, deadline
        self.cancelled = threading.Event()
        self.waiting: queue.SimpleQueue[Audio | MynaError | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unheard = 0.0
        self.wake: Callable[[], None] = lambda: None

    @property
    def unheard(self) -> float:
        """Seconds of sound that nobody has fetched."""
        return self._unheard

    def __iter__(self) -> Iterator[Audio]:
        """Pieces as they come.

        Raises:
            DeadlineError: nothing was heard in time.
            CancelledError: somebody cancelled it, or the scheduler was closed.
            MynaError: as `Myna.stream`.
        """
        try:
            while (found := self.waiting.get()) is not None:
                if isinstance(found, MynaError):
                    self.waiting.put(found)  # for whoever iterates again
                    raise found
                with self._lock:
                    self._unheard -= found.seconds
                self.wake()
                yield found
            self.waiting.put(None)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Stop all work on it; of no effect once it is done."""
        self.cancelled.set()
        self.wake()

    def give(self, piece: Audio) -> None:
        """Hand a piece to whoever iterates."""
        with self._lock:
            self._unheard += piece.seconds
        self.waiting.put(piece)


@dataclass(frozen=True, slots=True)
class _Need:
    """Bytes that a text may come to need."""

    kept: int
    """As long as it is being said."""
    decoding: int
    """While a piece of it is made: one at a time, whoever speaks."""


@dataclass(slots=True, eq=False)
class _Speaker:
    """A job that is being said."""

    job: Job
    telling: Telling
    number: int
    need_of: _Need

    def need(self) -> tuple[int, float]:
        """Sorts first who needs it most."""
        left = self.telling.buffer.left
        if left is None:
            return 0, self.number
        return (1, left) if left < _SOON else (2, left)


class Scheduler:
    """Says many texts with one engine; leave it by `close`, or use it in a `with` statement.

    Args:
        engine: asked by nobody else until `close`.
        polyphones: reads Mandarin polyphones.
        limits: what it takes on.
        clock: seconds.
    """

    def __init__(
        self,
        engine: Engine,
        polyphones: Polyphones | None = None,
        limits: Limits | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._engine, self._polyphones, self._clock = engine, polyphones, clock
        self.limits = limits or Limits()
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closing = self._arrived = False
        self._numbers = 0
        self._speakers: list[_Speaker] = []
        self._next: tuple[Job, Script, _Need] | None = None
        """The first of the queue once it was read, if it has to wait for memory."""
        self._thread = threading.Thread(target=self._run, name="myna-scheduler", daemon=True)
        self._thread.start()

    def submit(
        self, utterance: Utterance, *, pacing: Pacing | None = None, within: float | None = None
    ) -> Job:
        """Say a text as soon as there is room.

        Args:
            utterance: with a seed, if what is said is to be the same again.
            pacing: how long its pieces are.
            within: seconds after which it is given up if nothing was heard of it.

        Raises:
            BusyError: the queue is full.
            EngineError: the scheduler was closed.
        """
        pacing = pacing or Pacing()
        if pacing.growth is None:
            pacing = replace(pacing, growth=_GROWTH)
        job = Job(utterance, pacing, None if within is None else self._clock() + within)
        job.wake = self._wake
        with self._changed:
            if self._closing:
                raise EngineError("The scheduler is closed.")
            # Those that can start at once are not kept waiting for the thread to take them.
            room = self.limits.saying - len(self._speakers)
            if len(self._queue) >= self.limits.waiting + max(room, 0):
                raise BusyError(
                    f"{len(self._queue)} texts are waiting to be said, as many as may. Try again "
                    f"later."
                )
            self._queue.append(job)
            self._arrived = True
            self._changed.notify()
        return job

    def close(self) -> None:
        """Stop; what is being said, and what waits, is cancelled."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        generation, worked = self._engine.generation(), True
        while True:
            with self._changed:
                if not (worked or self._arrived or self._closing):
                    # Sound may be fetched, a text cancelled, or its time be over.
                    self._changed.wait(_PATIENCE if self._queue or self._speakers else None)
                if self._closing:
                    break
                self._arrived = False
            self._clear()
            self._admit(generation)
            worked = self._turn(generation)
        for speaker in list(self._speakers):
            self._drop(speaker, CancelledError("The scheduler was closed."))
        for job in self._queue:
            job.waiting.put(CancelledError("The scheduler was closed."))

    def _clear(self) -> None:
        """Drop who was cancelled or is too late."""
        now = self._clock()
        for speaker in list(self._speakers):
            if error := _over(speaker.job, now, heard=speaker.telling.buffer.left is not None):
                self._drop(speaker, error)
        with self._changed:
            waiting, self._queue = self._queue, deque()
            for job in waiting:
                if error := _over(job, now, heard=False):
                    job.waiting.put(error)
                else:
                    self._queue.append(job)

    def _admit(self, generation: Generation) -> None:
        """Let those who wait begin, in the order of coming, as far as there is room."""
        while len(self._speakers) < self.limits.saying and generation.room:
            with self._changed:
                if not self._queue:
                    return
                job = self._queue[0]
            try:
                if self._next is None or self._next[0] is not job:
                    script = Script(self._engine, job.utterance, self._polyphones)
                    self._next = job, script, _need(script, job.pacing, self._engine.spec)
                _, script, need = self._next
                alone = need.kept + need.decoding
                if alone > self.limits.memory:
                    raise EngineError(
                        f"A sentence of this text may need {alone >> 20} MiB, and there are "
                        f"{self.limits.memory >> 20}. Cut it into shorter sentences, or lower "
                        f"longest_seconds."
                    )
                if _together([*self._needs(), need]) > self.limits.memory:
                    return
                telling = Telling(self._engine, generation, [script], job.pacing, self._clock)
            except Exception as error:  # noqa: BLE001 - one request's failure touches no other
                self._leave_queue(job)
                job.waiting.put(_told(error))
                continue
            self._leave_queue(job)
            self._numbers += 1
            self._speakers.append(_Speaker(job, telling, self._numbers, need))

    def _needs(self) -> list[_Need]:
        return [speaker.need_of for speaker in self._speakers]

    def _leave_queue(self, job: Job) -> None:
        with self._changed:
            self._queue.remove(job)

    def _turn(self, generation: Generation) -> bool:
        """One piece of sound for who needs it most, or a token for several; False if there was
        nothing to do."""
        chosen: list[_Speaker] = []
        for speaker in sorted(self._speakers, key=_Speaker.need):
            if speaker.job.unheard >= self.limits.unheard:
                continue
            if not self._started(speaker, generation):
                continue
            if speaker.telling.ready:
                if not chosen:
                    self._piece(speaker)
                    return True
                continue
            chosen.append(speaker)
            if len(chosen) == min(self.limits.together, generation.together):
                break
        drawings = [each.telling.drawing for each in chosen if each.telling.drawing is not None]
        if not drawings:
            return False
        try:
            generation.advance(drawings)
        except Exception as error:  # noqa: BLE001 - it is told to those whom it concerns
            for speaker in chosen:
                self._drop(speaker, _told(error))
        return True

    def _started(self, speaker: _Speaker, generation: Generation) -> bool:
        """Begin its next sentence if there is one, and room; end it if there is none."""
        if speaker.telling.drawing is None and not generation.room:
            return False
        try:
            if speaker.telling.start():
                return True
            end = speaker.telling.end()
        except Exception as error:  # noqa: BLE001 - one request's failure touches no other
            self._drop(speaker, _told(error))
            return False
        if end is not None:
            speaker.job.give(end)
        self._drop(speaker, None)
        return False

    def _piece(self, speaker: _Speaker) -> None:
        try:
            piece = speaker.telling.piece()
        except Exception as error:  # noqa: BLE001 - one request's failure touches no other
            self._drop(speaker, _told(error))
            return
        if piece is not None:
            speaker.job.give(piece)

    def _drop(self, speaker: _Speaker, error: MynaError | None) -> None:
        self._speakers.remove(speaker)
        speaker.telling.close()
        speaker.job.waiting.put(error)


def _over(job: Job, now: float, *, heard: bool) -> MynaError | None:
    if job.cancelled.is_set():
        return CancelledError("The request was cancelled.")
    if not heard and job.deadline is not None and now > job.deadline:
        return DeadlineError("Nothing was heard of the text in the time that it was given.")
    return None


def _told(error: Exception) -> MynaError:
    """What the caller hears of a failure."""
    if isinstance(error, MynaError):
        return error
    log.error("a request failed", exc_info=error)
    return EngineError(f"The request failed ({type(error).__name__}); the log says more.")


def _need(script: Script, pacing: Pacing, spec: FamilySpec) -> _Need:
    """What the longest sentence of a script may come to need."""
    model, kept, decoding = spec.token_model, 0, 0
    for request in script.requests():
        cache = longest(request, model) * model.layers * 2 * model.width * _FLOAT
        seconds = most_tokens(request, model) / TOKENS_PER_SECOND
        if not pacing.sentences:
            seconds = min(seconds, pacing.longest + _MARGINS)
        kept = max(kept, cache)
        decoding = max(decoding, round(seconds * spec.rate) * _PEAK * _FLOAT)
    return _Need(kept, decoding)


def _together(needs: Sequence[_Need]) -> int:
    return sum(need.kept for need in needs) + max(need.decoding for need in needs)
