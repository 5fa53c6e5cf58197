"""Models that are somewhere else: to the studio they look like those of its own process."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import ray.exceptions
from ray.serve.exceptions import ReplicaUnavailableError
from ray.serve.handle import DeploymentHandle

from myna.checkpoints.store import open_model
from myna.datatypes import Guard, Pacing, Reference, Utterance, Voice
from myna.errors import BusyError, CancelledError, DeadlineError, EngineError, MynaError
from myna.specs import FamilySpec
from myna.synthesis.job import Job
from myna_ray.again import Ask, End, Failure, LostError, Piece, Told, said
from myna_ray.speaker import Line

log = logging.getLogger(__name__)

Result = TypeVar("Result")

LOST = (
    ray.exceptions.RayActorError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
    ReplicaUnavailableError,
)
"""What Ray raises where a replica, or its machine, is gone."""

_CLONE_TRIES = 5
_CLONE_PAUSE = 1.0
"""Seconds between two of them."""


@dataclass(frozen=True, slots=True)
class RemoteEngine:
    """What can be known of an engine that is somewhere else."""

    spec: FamilySpec
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RemoteMyna:
    """Stands for a `Myna` in a replica."""

    engine: RemoteEngine
    clone: Callable[[Sequence[Reference]], Voice]
    """As `Myna.clone`; it blocks, and not the event loop."""


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """Stands for a `Loaded`."""

    name: str
    myna: RemoteMyna
    scheduler: RemoteScheduler

    def clone(self, references: Sequence[Reference]) -> Voice:
        """As `Loaded.clone`."""
        return self.myna.clone(references)


class RemotePool:
    """Stands for a `Pool` whose models are in replicas of `Speaker`.

    Make it on the event loop that serves the requests.

    Args:
        speakers: handle of that deployment.
        prompter: actor handle of a `Prompter`.
        most: texts that may be on their way at the same time.
        ahead: seconds of sound that are fetched from a replica before the listener fetches them.
        memory: bytes, twice as many as whole answers may take here before they are sent.
    """

    def __init__(
        self,
        speakers: DeploymentHandle[Any],
        prompter: Any,
        *,
        most: int = 256,
        ahead: float = 30.0,
        memory: int = 1 << 30,
    ) -> None:
        self.memory = memory
        self._speakers, self._prompter = speakers, prompter
        self._most, self._ahead = most, ahead
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._models: dict[str, RemoteModel] = {}

    @property
    def loaded(self) -> Sequence[RemoteModel]:
        """Models that were asked for; what is in memory is the replicas' affair."""
        return tuple(self._models.values())

    def use(self, name: str, what: Callable[[RemoteModel], Result]) -> Result:
        """Do something short with a model, such as submitting a text.

        Raises:
            ModelNotFoundError: it is not on this machine.
            MynaError: what is done with it.
        """
        with self._lock:
            found = self._models.get(name)
            if found is None:
                found = self._models[name] = self._model(name)
        return what(found)

    @property
    def lost(self) -> int:
        """How often a replica was lost that said something."""
        return sum(each.scheduler.lost for each in self.loaded)

    def sweep(self) -> None:
        """Nothing is unloaded here."""

    def close(self) -> None:
        """Cancel all that is being said."""
        for model in self.loaded:
            model.scheduler.close()

    def _model(self, name: str) -> RemoteModel:
        folder = open_model(name)
        speakers = self._speakers.options(multiplexed_model_id=name)

        def clone(references: Sequence[Reference]) -> Voice:
            cloning = _cloned(speakers, name, references)
            return asyncio.run_coroutine_threadsafe(cloning, self._loop).result()

        def room() -> int:
            return self._most - sum(each.scheduler.saying for each in self.loaded)

        scheduler = RemoteScheduler(
            name, speakers, self._prompter, self._loop, room=room, ahead=self._ahead
        )
        engine = RemoteEngine(folder.family, folder.fingerprint)
        return RemoteModel(name, RemoteMyna(engine, clone), scheduler)


class RemoteJob(Job):
    """A job that is fed from a replica."""

    def __init__(self, line: Line) -> None:
        super().__init__(
            line.utterance, line.pacing, guard=line.guard, growing=line.script is not None
        )
        self.fetched, self.written = asyncio.Event(), asyncio.Event()
        """Sound was, or perhaps was; text was, or perhaps was."""

    def hear(self, piece: Piece) -> None:
        """Sound, and which sentences are over."""
        self._timings += piece.timings
        self.give(piece.audio)

    def over(self, end: End) -> None:
        """All was said."""
        self._sentences, self._timings = end.sentences, end.timings
        self.end(None, end.report)


class RemoteScheduler:
    """Stands for a `Scheduler` in a replica.

    Args:
        model: name of what speaks.
        speakers: handle of those who have it.
        room: further texts that may be taken on.
    """

    def __init__(
        self,
        model: str,
        speakers: DeploymentHandle[Any],
        prompter: Any,
        loop: asyncio.AbstractEventLoop,
        *,
        room: Callable[[], int],
        ahead: float,
    ) -> None:
        self._model, self._speakers = model, speakers.options(stream=True)
        self._prompter, self._loop = prompter, loop
        self._room, self._ahead = room, ahead
        self._lock = threading.Lock()
        self._jobs: set[Job] = set()
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="myna-ask")
        self.lost = 0
        """How often a replica was lost that said something."""

    @property
    def waiting(self) -> int:
        """None wait here: Ray Serve keeps them until a replica takes them."""
        return 0

    @property
    def saying(self) -> int:
        """Texts on their way."""
        return len(self._jobs)

    @property
    def busy(self) -> bool:
        """Whether texts are on their way."""
        return bool(self._jobs)

    @property
    def full(self) -> bool:
        """Whether no further text is taken now."""
        return self._room() <= 0

    def submit(
        self,
        utterance: Utterance,
        *,
        pacing: Pacing | None = None,
        within: float | None = None,
        guard: Guard | None = None,
    ) -> Job:
        """As `Scheduler.submit`, of an utterance that has its seed."""
        pacing = pacing or Pacing()
        line = Line(model=self._model, utterance=utterance, pacing=pacing, guard=guard)
        return self._begin(line, within)

    def open(self, utterance: Utterance, *, pacing: Pacing | None = None) -> Job:
        """As `Scheduler.open`, of an utterance that has its seed."""
        line = Line(
            model=self._model,
            utterance=utterance,
            pacing=pacing or Pacing(),
            script=self._prompter,
            page=secrets.token_hex(16),
        )
        return self._begin(line, None)

    def ask(self, what: Callable[[], Result]) -> Future[Result]:
        """As `Scheduler.ask`; what is done asks a replica in turn."""
        return self._threads.submit(what)

    def close(self) -> None:
        """Cancel all."""
        for job in list(self._jobs):
            job.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, line: Line, within: float | None) -> Job:
        assert line.utterance.sampling.seed is not None, "who takes over needs it"
        job = RemoteJob(line)
        with self._lock:
            if self._room() <= 0:
                raise BusyError("As many texts are being said as may. Try again later.")
            self._jobs.add(job)
        saying = asyncio.run_coroutine_threadsafe(self._say(job, line, within), self._loop)

        def wake() -> None:
            if job.cancelled.is_set():
                saying.cancel()
            with suppress(RuntimeError):  # the loop was closed: nobody listens any more
                self._loop.call_soon_threadsafe(job.fetched.set)
                self._loop.call_soon_threadsafe(job.written.set)

        job.wake = wake
        saying.add_done_callback(lambda done: self._over(job, done))
        return job

    def _over(self, job: Job, done: Future[None]) -> None:
        self._jobs.discard(job)
        if done.cancelled():
            job.end(CancelledError("The request was cancelled."))
        elif error := done.exception():
            log.error("a request failed", exc_info=error)
            kind = type(error).__name__
            job.end(EngineError(f"The request failed ({kind}); the log says more."))

    async def _say(self, job: RemoteJob, line: Line, within: float | None) -> None:
        """Feed a job until all is said, and hand on what is written."""
        writing = asyncio.create_task(self._write(job, line.page)) if line.page else None
        try:
            async with (
                asyncio.timeout(within) as patience,
                aclosing(said(self._ask(line))) as pieces,
            ):
                async for told in pieces:
                    patience.reschedule(None)
                    if isinstance(told, End):
                        job.over(told)
                        return
                    job.hear(told)
                    while job.unheard > self._ahead:
                        job.fetched.clear()
                        await job.fetched.wait()
        except TimeoutError:
            job.end(DeadlineError("Nothing was heard of the text in the time that it was given."))
        except MynaError as error:
            job.end(error)
        finally:
            if writing is not None:
                writing.cancel()
                self._prompter.forget.remote(line.page)

    def _ask(self, line: Line) -> Ask:
        async def ask() -> AsyncGenerator[Told, None]:
            pieces = self._speakers.say.remote(line)
            try:
                async for each in pieces:
                    yield each
            except LOST as error:
                self.lost += 1
                raise LostError(str(error).partition("\n")[0]) from error
            finally:
                pieces.cancel()  # of no effect once it is over

        return ask

    async def _write(self, job: RemoteJob, page: str) -> None:
        written = 0
        while True:
            pieces: list[str | None] = []
            while not job.text.empty():
                pieces.append(job.text.get())
            over = None in pieces
            text = [piece for piece in pieces if piece is not None]
            if pieces:
                await self._prompter.write.remote(page, written, text, over)
                written += len(text)
            if over:
                return
            await job.written.wait()
            job.written.clear()


async def _cloned(
    speakers: DeploymentHandle[Any], model: str, references: Sequence[Reference]
) -> Voice:
    """A voice of recordings; cloning again gives the same."""
    for _ in range(_CLONE_TRIES):
        try:
            found: Voice | Failure = await speakers.clone.remote(model, references)
        except LOST as error:
            log.warning("lost a replica that cloned: %s", str(error).partition("\n")[0])
            await asyncio.sleep(_CLONE_PAUSE)
            continue
        if isinstance(found, Failure):
            raise found.error()
        return found
    raise EngineError(f"{_CLONE_TRIES} replicas were lost one after another. Try again later.")
