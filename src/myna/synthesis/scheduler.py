"""Many texts, one engine: speakers come and go between tokens, and nobody waits for the longest.

A thread of its own owns the engine. At each turn it draws one token for those who need it most, or
makes one piece of sound. Who waits for the first sound comes first, in the order of coming; then
those whose listeners will be out of sound soonest; and everybody has an equal share at least, see
`myna.synthesis.turns`. What is said depends on the request alone.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from myna.datatypes import Guard, Pacing, Utterance, in_range
from myna.engines.base import Engine, Generation
from myna.engines.hearing import Hearing
from myna.engines.randomness import draw_seed
from myna.errors import BusyError, CancelledError, DeadlineError, EngineError, MynaError
from myna.synthesis.admission import MOST_PHONES, Budget, Need, need_of, need_of_growing
from myna.synthesis.growing import Growing, broken
from myna.synthesis.job import Job
from myna.synthesis.performance import Script, summed
from myna.synthesis.streaming import Clock, Telling
from myna.synthesis.turns import Speaker, serve
from myna.text import Polyphones

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_GROWTH = 1.5
"""Of pieces, where the caller leaves it to the machine: what is said may not depend on how busy it
is."""
_PATIENCE = 0.05
"""Seconds between two looks at who waits while nobody can be served."""


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
    silence: float = 120.0
    """Seconds, 1 to 86400, for which a text that is still being written may have no more to say."""

    def __post_init__(self) -> None:
        in_range("waiting", self.waiting, 0, 100_000)
        in_range("saying", self.saying, 1, 10_000)
        in_range("together", self.together, 1, 10_000)
        in_range("memory", self.memory, 1 << 20, 1 << 50)
        in_range("unheard", self.unheard, 1.0, 3600.0)
        in_range("silence", self.silence, 1.0, 86_400.0)


class Scheduler:
    """Says many texts with one engine; leave it by `close`, or use it in a `with` statement.

    Args:
        engine: asked by nobody else until `close`.
        polyphones: reads Mandarin polyphones.
        limits: what it takes on.
        clock: seconds.
        budget: of memory, which others share; by default one of its own, as `limits` says.
    """

    def __init__(
        self,
        engine: Engine,
        polyphones: Polyphones | None = None,
        limits: Limits | None = None,
        clock: Clock = time.monotonic,
        *,
        budget: Budget | None = None,
    ) -> None:
        self._engine, self._polyphones, self._clock = engine, polyphones, clock
        self.limits = limits or Limits()
        self._budget = budget or Budget(self.limits.memory)
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._asked: deque[tuple[Future[Any], Callable[[], None]]] = deque()
        self._closing = self._news = False
        self._numbers = 0
        self._rested = 0.0
        """When it is time for what is asked next, while texts are said."""
        self._speakers: list[Speaker] = []
        self._next: tuple[Job, Iterator[Script | None], Need] | None = None
        """The first of the queue once it was read, if it has to wait for memory."""
        self._thread = threading.Thread(target=self._run, name="myna-scheduler", daemon=True)
        self._thread.start()
        # A program that ends while an engine computes would be aborted.
        atexit.register(self.close)

    def submit(
        self,
        utterance: Utterance,
        *,
        pacing: Pacing | None = None,
        within: float | None = None,
        guard: Guard | None = None,
    ) -> Job:
        """Say a text as soon as there is room; it is read in the thread of the caller.

        Args:
            utterance: with a seed, if what is said is to be the same again.
            pacing: how long its pieces are.
            within: seconds after which it is given up if nothing was heard of it.
            guard: listen to its sentences, which are then given whole, and say some again: what is
                said is what `Myna.speak` says.

        Raises:
            BusyError: the queue is full.
            EngineError: the scheduler was closed.
            TextError: there is nothing to say, or in a language that the model does not speak.
            VoiceError: it was made by another model.
        """
        with self._changed:
            self._check()
        pacing = replace(pacing or Pacing(), sentences=True) if guard is not None else pacing
        job = Job(_seeded(utterance), _grown(pacing), self._until(within), guard=guard)
        job.script = Script(self._engine, job.utterance, self._polyphones)
        return self._add(job)

    def open(self, utterance: Utterance, *, pacing: Pacing | None = None) -> Job:
        """Say a text that is still being written, by `Job.write`, which is as much as `Myna.stream`
        of its pieces.

        Args:
            utterance: its own text does not count.
            pacing: how long the pieces of sound are.

        Raises:
            BusyError: the queue is full.
            EngineError: the scheduler was closed.
        """
        return self._add(Job(_seeded(utterance), _grown(pacing), growing=True))

    def ask(self, what: Callable[[], Result]) -> Future[Result]:
        """Do something else with the engine, such as cloning, between two turns.

        Where texts are said meanwhile, they have at least as much of the engine's time.

        Raises:
            BusyError: as much waits to be done as texts may wait and be said.
            EngineError: the scheduler was closed. What waits then is cancelled.
        """
        future: Future[Result] = Future()

        def answer() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(what())
            except BaseException as error:  # noqa: BLE001 - whoever waits for it hears of it
                future.set_exception(error)

        with self._changed:
            self._check_open()
            if len(self._asked) >= self.limits.waiting + self.limits.saying:
                raise BusyError("Too much waits to be done with this model. Try again later.")
            self._asked.append((future, answer))
            self._news = True
            self._changed.notify()
        return future

    @property
    def asked(self) -> int:
        """What waits to be done by `ask`, or is being done."""
        return len(self._asked)

    @property
    def waiting(self) -> int:
        """Texts in the queue."""
        return len(self._queue)

    @property
    def saying(self) -> int:
        """Texts that are being said."""
        return len(self._speakers)

    @property
    def busy(self) -> bool:
        """Whether texts are said, or wait, or something else is done or waits to be."""
        with self._changed:  # or a text might be between the queue and those that are said
            return bool(self._queue or self._speakers or self._asked)

    @property
    def full(self) -> bool:
        """Whether no further text is taken now."""
        # Those that can start at once are not kept waiting for the thread to take them.
        room = self.limits.saying - len(self._speakers)
        return len(self._queue) >= self.limits.waiting + max(room, 0)

    @property
    def closed(self) -> bool:
        """Whether it was closed, or failed."""
        return self._closing

    def _until(self, within: float | None) -> float | None:
        return None if within is None else self._clock() + within

    def _check(self) -> None:
        self._check_open()
        if self.full:
            raise BusyError(
                f"{len(self._queue)} texts are waiting to be said, as many as may. Try again later."
            )

    def _check_open(self) -> None:
        if self._closing:
            raise EngineError("The scheduler is closed.")

    def _add(self, job: Job) -> Job:
        job.wake, job.asked = self._wake, self._clock()
        with self._changed:
            self._check()
            self._queue.append(job)
            self._news = True
            self._changed.notify()
        return job

    def close(self) -> None:
        """Stop; what is being said, and what waits, is cancelled."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        atexit.unregister(self.close)

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _hearing(self) -> Hearing:
        return Hearing.load()

    def _wake(self) -> None:
        with self._changed:
            self._news = True
            self._changed.notify()

    def _run(self) -> None:
        error: MynaError = CancelledError("The scheduler was closed.")
        try:
            self._work(self._engine.generation())
        except Exception as failure:  # noqa: BLE001 - whoever waits hears of it
            error = _told(failure)
        with self._changed:
            self._closing = True  # nothing is added from here on
        for speaker in list(self._speakers):
            try:
                self._drop(speaker, error)
            except Exception:
                log.exception("a text could not be left")
                speaker.job.end(error)
        for future, _ in self._asked:
            future.cancel()
        for job in self._queue:
            job.end(error)
        self._queue.clear()
        self._asked.clear()

    def _work(self, generation: Generation) -> None:
        """Until it is closed."""
        worked = True
        while True:
            with self._changed:
                if not (worked or self._news or self._asked or self._closing):
                    # Sound may be fetched, a text cancelled, or its time be over.
                    self._changed.wait(_PATIENCE if self._queue or self._speakers else None)
                if self._closing:
                    return
                self._news = False
            if self._asked and not (worked and self._clock() < self._rested):
                self._answer()
            self._clear()
            self._admit(generation)
            worked = self._turn(generation)

    def _answer(self) -> None:
        start = self._clock()
        self._asked[0][1]()
        self._asked.popleft()
        end = self._clock()
        self._rested = end + (end - start)

    def _clear(self) -> None:
        """Drop who was cancelled or is too late."""
        now = self._clock()
        for speaker in list(self._speakers):
            if error := _over(speaker.job, now, heard=speaker.telling.buffer.left is not None):
                self._drop(speaker, error)
            elif speaker.telling.drawing is not None or not speaker.job.text.empty():
                speaker.since = now
            elif now - speaker.since > self.limits.silence:
                silence = f"No more of the text came within {self.limits.silence:g} s."
                self._drop(speaker, DeadlineError(f"{silence} Finish texts that are complete."))
        with self._changed:
            over = [(job, error) for job in self._queue if (error := _over(job, now, heard=False))]
            for job, _ in over:
                self._queue.remove(job)
        for job, error in over:
            job.end(error)

    def _admit(self, generation: Generation) -> None:
        """Let those who wait begin, in the order of coming, as far as there is room."""
        while len(self._speakers) < self.limits.saying and generation.room:
            with self._changed:
                if not self._queue:
                    return
                job = self._queue[0]
            try:
                if self._next is None or self._next[0] is not job:
                    self._next = job, *self._read(job)
                _, scripts, need = self._next
                if not self._budget.claim(self, [*self._needs(), need]):
                    return
                telling = Telling(
                    self._engine,
                    generation,
                    scripts,
                    job.pacing,
                    self._clock,
                    guard=job.guard,
                    hearing=lambda: self._hearing,
                )
            except Exception as error:  # noqa: BLE001 - one request's failure touches no other
                self._budget.claim(self, self._needs())
                self._leave_queue(job)
                job.end(_told(error))
                continue
            self._numbers += 1
            speaker = Speaker(job, telling, self._numbers, need, self._clock())
            self._leave_queue(job, speaker)

    def _read(self, job: Job) -> tuple[Iterator[Script | None], Need]:
        """Its scripts, and what the longest sentence of them may need."""
        spec = self._engine.spec
        if job.script is not None:
            return iter([job.script]), need_of(job.script, job.pacing, job.guard, spec)
        return self._growing(job), need_of_growing(job.utterance, job.pacing, spec)

    def _growing(self, job: Job) -> Iterator[Script | None]:
        """The sentences of a text as it is written; None while there is none."""
        growing = Growing(self._engine, job.utterance, self._polyphones)
        while True:
            try:
                piece = job.text.get_nowait()
            except queue.Empty:
                yield None
                continue
            if piece is None:
                if (script := growing.end()) is not None:
                    yield _checked(script)
                return
            for part in broken(piece):
                script = growing.add(part)
                self._news = True  # there may be more, but others come first
                yield None if script is None else _checked(script)

    def _needs(self) -> list[Need]:
        return [speaker.memory for speaker in self._speakers]

    def _leave_queue(self, job: Job, speaker: Speaker | None = None) -> None:
        self._next = None
        with self._changed:
            self._queue.remove(job)
            if speaker is not None:
                self._speakers.append(speaker)

    def _turn(self, generation: Generation) -> bool:
        """One piece of sound for who needs it most, or a token for several; False if there was
        nothing to do."""
        chosen: list[Speaker] = []
        now = self._clock()
        for speaker in sorted(self._speakers, key=lambda each: each.need):
            if speaker.job.unheard >= self.limits.unheard:
                continue
            if not self._started(speaker, generation):
                continue
            if speaker.telling.ready:
                if not chosen:
                    self._piece(speaker)
                    serve(self._speakers, [speaker], self._clock() - now)
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
        serve(self._speakers, chosen, self._clock() - now)
        return True

    def _started(self, speaker: Speaker, generation: Generation) -> bool:
        """Begin its next sentence if there is one, and room; end it if there is none."""
        if speaker.telling.drawing is None and not generation.room:
            return False
        try:
            if speaker.telling.start():
                return speaker.telling.drawing is not None
            end = speaker.telling.end()
        except Exception as error:  # noqa: BLE001 - one request's failure touches no other
            self._drop(speaker, _told(error))
            return False
        if end is not None:
            speaker.job.give(end)
        self._drop(speaker, None)
        return False

    def _piece(self, speaker: Speaker) -> None:
        try:
            piece = speaker.telling.piece()
        except Exception as error:  # noqa: BLE001 - one request's failure touches no other
            self._drop(speaker, _told(error))
            return
        speaker.job.note(speaker.telling)
        if piece is not None:
            speaker.job.give(piece)

    def _drop(self, speaker: Speaker, error: MynaError | None) -> None:
        self._speakers.remove(speaker)
        self._budget.claim(self, self._needs())
        job, telling = speaker.job, speaker.telling
        telling.close()
        if error is None:
            seed = job.utterance.sampling.seed
            assert seed is not None
            fingerprint = self._engine.fingerprint
            job.end(None, summed(fingerprint, seed, telling.sentences, telling.reports))
        else:
            job.end(error)


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


def _seeded(utterance: Utterance) -> Utterance:
    """With a seed, so that its report can tell it."""
    if utterance.sampling.seed is not None:
        return utterance
    return replace(utterance, sampling=replace(utterance.sampling, seed=draw_seed()))


def _grown(pacing: Pacing | None) -> Pacing:
    pacing = pacing or Pacing()
    return pacing if pacing.growth is not None else replace(pacing, growth=_GROWTH)


def _checked(script: Script) -> Script:
    if any(len(line.phones) > MOST_PHONES for line in script.lines):
        raise EngineError(
            f"A sentence has more than {MOST_PHONES} phones. Cut it into shorter ones."
        )
    return script
