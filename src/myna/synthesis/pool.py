"""Models that are loaded when somebody asks for them, within a budget of memory.

Each has a scheduler of its own. Where there is no room for one more, the one that was used longest
ago and has nothing to do makes room; one that nobody asked for in a while leaves by itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from myna.checkpoints.store import ModelFolder, open_model
from myna.datatypes import Audio, Delivery, Reference, Speech, Voice
from myna.errors import BusyError, EngineError
from myna.memory import give_back
from myna.synthesis import cloning, converting
from myna.synthesis.admission import Budget
from myna.synthesis.between import Between
from myna.synthesis.scheduler import Limits, Scheduler
from myna.synthesis.speaker import Myna
from myna.synthesis.streaming import Clock

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Load = Callable[[ModelFolder], Myna]

_WIDENED = 2
"""Bytes in an engine for each in a file, which may be of half precision."""
_BESIDES = 100 << 20
"""Bytes that an engine needs besides its weights: graphs, arenas; measured with `tiny`."""


@dataclass(slots=True, eq=False)
class Loaded:
    """A model that can speak now."""

    name: str
    myna: Myna
    scheduler: Scheduler
    bytes: int
    """That it is taken to need."""
    used: float = field(default=0.0)
    """When it was asked for last."""
    users: int = 0
    """Threads that do something with it this moment."""

    @property
    def busy(self) -> bool:
        """Whether texts are said, or wait, or something else is done with it."""
        return bool(self.users or self.scheduler.busy)

    def clone(self, references: Sequence[Reference]) -> Voice:
        """As `Myna.clone`, in the thread of the caller; the engine hears them between two tokens
        of those who speak."""
        ears = Between(self.myna.engine, self.scheduler)
        return cloning.clone(ears, references, name="", polyphones=self.myna.polyphones)

    def convert(
        self,
        recording: Audio,
        voice: Voice,
        *,
        text: str = "",
        language: str = "auto",
        seed: int | None = None,
        delivery: Delivery | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Speech:
        """As `Myna.convert`, in the thread of the caller; the engine decodes between two tokens of
        those who speak."""
        return converting.convert(
            Between(self.myna.engine, self.scheduler),
            recording,
            voice,
            lambda: self.myna.hearing,
            text=text,
            language=language,
            seed=seed,
            delivery=delivery,
            polyphones=self.myna.polyphones,
            progress=progress,
        )


class Pool:
    """Keeps models at hand; safe to use from many threads.

    Args:
        load: makes one ready.
        memory: bytes that all of them together may need.
        idle: seconds after which one that nobody asks for is unloaded by `sweep`; None for never.
        limits: of each one's scheduler; memory is for all of them together.
        clock: seconds.
    """

    def __init__(
        self,
        load: Load = lambda folder: Myna.load(folder.path),
        *,
        memory: int = 4 << 30,
        idle: float | None = None,
        limits: Limits | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._load, self._memory, self._idle = load, memory, idle
        self._limits, self._clock = limits or Limits(), clock
        self._budget = Budget(self._limits.memory)
        self._lock = threading.RLock()
        self._models: dict[str, Loaded] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._promised: dict[str, int] = {}
        """Bytes of models that are being loaded."""
        self._closed = self._worked = False

    @property
    def memory(self) -> int:
        """Bytes that all models together may need."""
        return self._memory

    @property
    def loaded(self) -> Sequence[Loaded]:
        """What is loaded now."""
        return tuple(self._models.values())

    def use(self, name: str, what: Callable[[Loaded], Result]) -> Result:
        """Do something with a model, such as submitting a text, after loading it if need be.

        It stays loaded meanwhile. One whose scheduler failed is loaded again.

        Raises:
            ModelNotFoundError: it is not on this machine.
            BusyError: it does not fit beside those that are busy.
            EngineError: it is larger than all memory there is for models, or the pool was closed.
            MynaError: as `Myna.load`, and what is done with it.
        """
        while True:
            with self._lock:
                self._check_open()
                found = self._models.get(name)
                if found is not None and found.scheduler.closed:
                    self._unload(found)
                    found = None
                if found is not None:
                    found.users += 1
                else:
                    opening = self._opening.setdefault(name, threading.Lock())
            if found is not None:
                break
            with opening:
                self._open(name)
        try:
            return what(found)
        finally:
            with self._lock:
                found.users -= 1
                found.used = self._clock()

    def sweep(self) -> None:
        """Unload what has been idle too long; and once all are idle, give freed memory back."""
        if self._let_go():
            give_back()

    def _let_go(self) -> bool:
        """Unload; whether there may be memory to give back."""
        with self._lock:
            now, busy = self._clock(), False
            for loaded in list(self._models.values()):
                if loaded.busy:
                    loaded.used, busy = now, True
                elif self._idle is not None and now - loaded.used > self._idle:
                    self._unload(loaded)
                    self._worked = True
            worked, self._worked = self._worked, busy
            return worked and not busy

    def close(self) -> None:
        """Unload all; what is being said is cancelled."""
        with self._lock:
            self._closed = True
            for loaded in list(self._models.values()):
                self._unload(loaded)

    def _open(self, name: str) -> None:
        """Load a model if nobody else just did; others speak meanwhile."""
        with self._lock:
            if name in self._models:
                return
            folder = open_model(name)
            need = self._promised[name] = self._make_room(folder)
        try:
            myna = self._load(folder)
            with self._lock:  # the memory is never anybody else's in between
                self._check_open()
                scheduler = Scheduler(
                    myna.engine, myna.polyphones, self._limits, budget=self._budget
                )
                self._models[name] = Loaded(name, myna, scheduler, need, self._clock())
        finally:
            with self._lock:
                del self._promised[name]
        log.info("loaded the model %s", name)

    def _make_room(self, folder: ModelFolder) -> int:
        """Unload others as far as needed; the bytes that this one needs."""
        need = memory_of(folder)
        if need > self._memory:
            raise EngineError(
                f"The model {folder.name} needs about {need >> 20} MiB, and there are "
                f"{self._memory >> 20} for all models. Allow more."
            )
        while self._taken() + need > self._memory:
            idle = [each for each in self._models.values() if not each.busy]
            if not idle:
                raise BusyError(
                    f"There is no memory for the model {folder.name} while others speak. Try "
                    f"again later."
                )
            self._unload(min(idle, key=lambda each: each.used))
        return need

    def _taken(self) -> int:
        return sum(each.bytes for each in self._models.values()) + sum(self._promised.values())

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The models were unloaded for good.")

    def _unload(self, loaded: Loaded) -> None:
        del self._models[loaded.name]
        loaded.scheduler.close()
        log.info("unloaded the model %s", loaded.name)


def memory_of(folder: ModelFolder) -> int:
    """Bytes that a loaded model is taken to need."""
    return _WIDENED * sum(stored.size for stored in folder.files.values()) + _BESIDES
