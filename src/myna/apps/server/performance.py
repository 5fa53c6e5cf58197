"""One request that is being said, on the event loop's side."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

from myna.datatypes import Audio, Speech, Timing
from myna.errors import (
    BusyError,
    CheckpointError,
    EngineError,
    ModelNotFoundError,
    MynaError,
    TextError,
)
from myna.synthesis.job import Job

log = logging.getLogger(__name__)

_BYTES = 8
"""Of memory for a sample of an answer: in its piece, and in the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How a request went."""

    model: str
    voice: str
    characters: int
    audio_seconds: float
    seconds: float
    """From the request to its end."""
    first_sound: float | None
    """Seconds to the first piece; None if there was none."""
    error: MynaError | None = None
    cancelled: bool = False


class Room:
    """Memory for answers that are kept whole until they are sent: of all requests together.

    Args:
        most: bytes; one answer may have half of them.
    """

    def __init__(self, most: int) -> None:
        self._most, self._taken = most, 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Bytes."""
        return self._taken

    @property
    def most_of_one(self) -> int:
        """Bytes that one answer may have."""
        return self._most // 2

    def take(self, size: int) -> None:
        """Bytes for one more piece.

        Raises:
            BusyError: there is no room.
        """
        with self._lock:
            if self._taken + size > self._most:
                raise BusyError(
                    "Too many long answers are made at once. Try again later, or ask for a stream."
                )
            self._taken += size

    def give(self, size: int) -> None:
        """Bytes that are not needed any more."""
        with self._lock:
            self._taken -= size


@dataclass(slots=True)
class Held:
    """What one answer has of a `Room`."""

    room: Room
    size: int = 0

    def add(self, samples: int, rate: int) -> None:
        """Keep a piece.

        Raises:
            TextError: the answer becomes too long.
            BusyError: there is no room.
        """
        size = samples * _BYTES
        if self.size + size > self.room.most_of_one:
            most = self.room.most_of_one / _BYTES / rate
            raise TextError(
                f"The speech lasts more than {most:.0f} s, which is as much as is made at once. "
                f"Ask for a stream, or send the text in parts."
            )
        self.room.take(size)
        self.size += size

    def leave(self) -> None:
        """Give all of it back."""
        self.room.give(self.size)
        self.size = 0


class Performance:
    """Iterate over it for its pieces of sound, or await `speech` for all of it.

    One that is forgotten is cancelled.

    Args:
        job: of a scheduler.
        rate: of its sound, in Hz.
        voice: name of who speaks.
        model: name of what speaks.
        ended: is told once how it went.
        room: for `speech`, as long as this is not forgotten; None for as much as it takes.
    """

    def __init__(
        self,
        job: Job,
        *,
        rate: int,
        voice: str,
        model: str,
        ended: Callable[[Figures], None],
        room: Room | None = None,
    ) -> None:
        seed = job.utterance.sampling.seed
        assert seed is not None, "the scheduler draws one"
        self.rate, self.seed, self.voice, self.model = rate, seed, voice, model
        self._job, self._ended = job, ended
        self._characters = len(job.utterance.text)
        self._began = time.monotonic()
        self._first: float | None = None
        self._spoken = 0.0
        self._told = False
        self._news, loop = asyncio.Event(), asyncio.get_running_loop()
        tell = self._news.set  # not of `self`, which the job would keep alive

        def heard() -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(tell)

        job.heard = heard
        weakref.finalize(self, job.cancel).atexit = False
        self._held = None if room is None else Held(room)
        if self._held is not None:
            weakref.finalize(self, self._held.leave).atexit = False

    @property
    def timings(self) -> tuple[Timing, ...]:
        """Of the sentences that are finished so far."""
        return self._job.timings

    async def __aiter__(self) -> AsyncGenerator[Audio, None]:
        """Pieces as they come; leaving the iteration cancels what is left.

        Raises:
            MynaError: as `Job.__iter__`.
        """
        try:
            while (piece := await self._take()) is not None:
                yield piece
        finally:
            self.cancel()

    async def speech(self) -> Speech:
        """All of it.

        Raises:
            TextError: it becomes longer than one answer may be.
            BusyError: there is no room for one so long beside others.
            MynaError: as `Job.__iter__`.
        """
        pieces: list[Audio] = []
        async with aclosing(aiter(self)) as coming:
            async for piece in coming:
                if self._held is not None:
                    try:
                        self._held.add(len(piece.samples), piece.rate)
                    except MynaError as error:
                        self._tell(error=error)
                        raise
                pieces.append(piece)
        return self._job.speech(pieces)

    async def write(self, text: str) -> None:
        """More of a text that comes in pieces."""
        self._characters += len(text)
        self._job.write(text)

    async def finish(self) -> None:
        """No more text will come."""
        self._job.finish()

    def cancel(self) -> None:
        """Stop all work on it at once; of no effect once it is over."""
        self._job.cancel()
        self._tell(cancelled=True)

    async def _take(self) -> Audio | None:
        while True:
            self._news.clear()
            try:
                piece = self._job.take(wait=False)
            except queue.Empty:
                await self._news.wait()
                continue
            except MynaError as error:
                self._tell(error=error)
                raise public(error) from error
            if piece is None:
                self._tell()
                return None
            if self._first is None:
                self._first = time.monotonic() - self._began
            self._spoken += piece.seconds
            return piece

    def _tell(self, *, error: MynaError | None = None, cancelled: bool = False) -> None:
        if self._told:
            return
        self._told = True
        self._ended(
            Figures(
                model=self.model,
                voice=self.voice,
                characters=self._characters,
                audio_seconds=self._spoken,
                seconds=time.monotonic() - self._began,
                first_sound=self._first,
                error=error,
                cancelled=cancelled,
            )
        )


def public(error: MynaError) -> MynaError:
    """What clients hear of an error: nothing of the folders of this machine."""
    if not isinstance(error, CheckpointError | ModelNotFoundError):
        return error
    log.error("a model is not as it should be", exc_info=error)
    return EngineError(
        "The model is damaged on this server, or lacks a part that this needs; the log says more."
    )
