"""Many texts, one engine: speakers come and go between tokens, and nobody waits for the longest.

A thread of its own owns the engine. At each turn it draws one token for those who need it most, or
makes one piece of sound. Who waits for the first sound comes first, in the order of coming; then
those whose listeners will be out of sound soonest. What is said depends on the request alone.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from myna.datatypes import Guard, Pacing, Utterance, in_range
from myna.engines.base import Engine, Generation
from myna.engines.hearing import Hearing
from myna.engines.randomness import draw_seed
from myna.errors import BusyError, CancelledError, DeadlineError, EngineError, MynaError
from myna.specs import TOKENS_PER_SECOND, FamilySpec
from myna.synthesis.growing import Growing, broken
from myna.synthesis.guard import lasting
from myna.synthesis.job import Job
from myna.synthesis.performance import MOST_CONTEXT, Script, summed
from myna.synthesis.streaming import Clock, Telling
from myna.text import Polyphones

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_GROWTH = 1.5
"""Of pieces, where the caller leaves it to the machine: what is said may not depend on how busy it
is."""
_PATIENCE = 0.05
"""Seconds between two looks at who waits while nobody can be served."""
_SOON = 1.0
"""Seconds of sound left below which a listener comes before those who have more."""
_WHOLE = 0.5
"""Seconds of sound left below which a listener comes before texts that nobody hears as they are
said."""
_LOST = 1.0
"""Seconds of silence after which a listener comes before those no more."""
_CLAIM = 5.0
"""Seconds of sound by which a text is more urgent for each second of an equal share of the engine
that it did not have."""
_SLOWEST = 0.5
"""Of the speeds of a `Delivery`."""
_AGEING = 0.05
"""Seconds of sound by which a whole text becomes more urgent in each second in which nothing is
done for it."""
_FLOAT = 4
"""Bytes of a number in caches and latents."""
_PEAK = 320
"""Numbers per sample that a decoder holds at once; measured: 236 to 258 with v2, 22 to 50 with
`tiny`."""
_MARGINS = 3.0
"""Seconds around a piece that are decoded with it, at most."""
_MOST_PHONES = 512
"""Of a sentence of a text that is still being written, for which there has to be memory."""


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
    since: float
    """When it began, or had something to say last."""
    due: float = 0.0
    """Seconds that an equal share of the engine would have been."""
    served: float = 0.0
    """Seconds of the engine's time that it had."""

    @property
    def need(self) -> tuple[int, float, float]:
        """Sorts first who needs it most."""
        left = self.telling.buffer.left
        whole = self.job.guard is not None
        if left is None and not whole:
            return 0, self.number, 0.0
        left = _WHOLE if whole or left is None else left
        if self.job.unheard > 0:  # that is no silence, however long nobody fetches it
            left = max(left, self.job.unheard)
        if whole or left < -_LOST:
            # Listeners who can be kept from running dry come first, but who never had an equal
            # share does not wait for ever. Of two with as much claim, the one for which less was
            # done comes first, so that short texts are soon over.
            claim = max(self.due - self.served, 0.0)
            return 1, round(_WHOLE - _CLAIM * claim, 1), self.served
        return 1 if left < _SOON else 2, left, 0.0


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
        self._asked: deque[tuple[Future[Any], Callable[[], None]]] = deque()
        self._closing = self._news = False
        self._numbers = 0
        self._rested = 0.0
        """When it is time for what is asked next, while texts are said."""
        self._speakers: list[_Speaker] = []
        self._next: tuple[Job, Iterator[Script | None], _Need] | None = None
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
                alone = need.kept + need.decoding
                if alone > self.limits.memory:
                    raise EngineError(
                        f"A sentence of this text may need {alone >> 20} MiB, and there are "
                        f"{self.limits.memory >> 20}. Cut it into shorter sentences, or lower "
                        f"longest_seconds."
                    )
                if _together([*self._needs(), need]) > self.limits.memory:
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
                self._leave_queue(job)
                job.end(_told(error))
                continue
            self._numbers += 1
            speaker = _Speaker(job, telling, self._numbers, need, self._clock())
            self._leave_queue(job, speaker)

    def _read(self, job: Job) -> tuple[Iterator[Script | None], _Need]:
        """Its scripts, and what the longest sentence of them may need."""
        spec = self._engine.spec
        if job.script is not None:
            return iter([job.script]), _need(job.script, job, spec)
        prompt = job.utterance.voice.prompt
        read = 0 if prompt is None else len(prompt.phones) + len(prompt.tokens)
        read += 2 * MOST_CONTEXT if job.utterance.sampling.context else 0
        seconds = job.utterance.sampling.longest_seconds
        tokens = min(round(seconds * TOKENS_PER_SECOND), spec.token_model.most_tokens)
        need = _bytes(read + _MOST_PHONES + tokens, tokens, job.pacing, spec)
        return self._growing(job), need

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

    def _needs(self) -> list[_Need]:
        return [speaker.need_of for speaker in self._speakers]

    def _leave_queue(self, job: Job, speaker: _Speaker | None = None) -> None:
        self._next = None
        with self._changed:
            self._queue.remove(job)
            if speaker is not None:
                self._speakers.append(speaker)

    def _turn(self, generation: Generation) -> bool:
        """One piece of sound for who needs it most, or a token for several; False if there was
        nothing to do."""
        chosen: list[_Speaker] = []
        now = self._clock()
        for speaker in sorted(self._speakers, key=lambda each: each.need):
            if speaker.job.unheard >= self.limits.unheard:
                continue
            if not self._started(speaker, generation):
                continue
            if speaker.telling.ready:
                if not chosen:
                    self._piece(speaker)
                    self._serve([speaker], now)
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
        self._serve(chosen, now)
        return True

    def _serve(self, speakers: Sequence[_Speaker], since: float) -> None:
        """These had the engine's time until now."""
        seconds = self._clock() - since
        for speaker in self._speakers:
            speaker.due += seconds / len(self._speakers)
        for speaker in speakers:
            speaker.served += seconds / len(speakers)

    def _started(self, speaker: _Speaker, generation: Generation) -> bool:
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

    def _piece(self, speaker: _Speaker) -> None:
        try:
            piece = speaker.telling.piece()
        except Exception as error:  # noqa: BLE001 - one request's failure touches no other
            self._drop(speaker, _told(error))
            return
        speaker.job.note(speaker.telling)
        if piece is not None:
            speaker.job.give(piece)

    def _drop(self, speaker: _Speaker, error: MynaError | None) -> None:
        self._speakers.remove(speaker)
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
    if any(len(line.phones) > _MOST_PHONES for line in script.lines):
        raise EngineError(
            f"A sentence has more than {_MOST_PHONES} phones. Cut it into shorter ones."
        )
    return script


def _need(script: Script, job: Job, spec: FamilySpec) -> _Need:
    """What the longest sentence of a script may come to need."""
    model, guard = spec.token_model, job.guard
    seconds = job.utterance.sampling.longest_seconds
    context = 2 * MOST_CONTEXT if script.context else 0
    kept = decoding = 0
    for line in script.lines:
        phones = len(line.phones)
        longest = lasting(phones, seconds) if guard is not None and guard.again else seconds
        tokens = min(round(longest * TOKENS_PER_SECOND), model.most_tokens)
        positions = script.prompted + phones + context + tokens
        need = _bytes(positions, tokens, job.pacing, spec)
        takes = 0 if guard is None else 1 + guard.retries
        sound = round(tokens / TOKENS_PER_SECOND / _SLOWEST * script.rate) * _FLOAT
        kept, decoding = max(kept, need.kept + takes * sound), max(decoding, need.decoding)
    return _Need(kept, decoding)


def _bytes(positions: int, tokens: int, pacing: Pacing, spec: FamilySpec) -> _Need:
    """What a sentence of so many positions may need, of which `tokens` are said."""
    model, seconds = spec.token_model, tokens / TOKENS_PER_SECOND
    if not pacing.sentences:
        seconds = min(seconds, pacing.longest + _MARGINS)
    kept = positions * model.layers * 2 * model.width * _FLOAT
    return _Need(kept, round(seconds * spec.rate) * _PEAK * _FLOAT)


def _together(needs: Sequence[_Need]) -> int:
    return sum(need.kept for need in needs) + max(need.decoding for need in needs)
