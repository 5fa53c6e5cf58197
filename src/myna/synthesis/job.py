"""A text on its way through a scheduler, as whoever asked for it sees it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from myna.datatypes import Audio, Guard, Pacing, Sentence, Speech, SpeechReport, Timing, Utterance
from myna.errors import ConfigError, MynaError

if TYPE_CHECKING:
    from myna.synthesis.performance import Script
    from myna.synthesis.streaming import Telling

log = logging.getLogger(__name__)

Waker = Callable[[], None]


class Job:
    """Iterate over it, from any thread, for its pieces of sound.

    Leaving the iteration half-way, or `cancel`, stops all work on it.

    Args:
        utterance: what is to be said, with its seed.
        pacing: how long its pieces are.
        deadline: by the scheduler's clock; None for none.
        guard: listen to its sentences.
        growing: its text comes by `write`.
    """

    def __init__(
        self,
        utterance: Utterance,
        pacing: Pacing,
        deadline: float | None = None,
        *,
        guard: Guard | None = None,
        growing: bool = False,
    ) -> None:
        self.utterance, self.pacing, self.deadline = utterance, pacing, deadline
        self.guard, self.growing = guard, growing
        self.script: Script | None = None
        """Its text, read; None if it is still being written."""
        self.asked = 0.0
        """When it was given to the scheduler, by its clock."""
        self.cancelled = threading.Event()
        self.text: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        """Pieces that were written, and None behind the last."""
        self.wake: Waker = lambda: None
        """Tells the scheduler that something changed."""
        self.heard: Waker = lambda: None
        """Called, in the scheduler's thread, when there is something to `take`."""
        self._found: queue.SimpleQueue[Audio | MynaError | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unheard = 0.0
        self._sentences: tuple[Sentence, ...] = ()
        self._timings: tuple[Timing, ...] = ()
        self._report: SpeechReport | None = None

    @property
    def unheard(self) -> float:
        """Seconds of sound that nobody has fetched."""
        return self._unheard

    @property
    def timings(self) -> tuple[Timing, ...]:
        """Of the sentences that are finished so far."""
        return self._timings

    def __iter__(self) -> Iterator[Audio]:
        """Pieces as they come.

        Raises:
            DeadlineError: nothing was heard in time.
            CancelledError: somebody cancelled it, or the scheduler was closed.
            MynaError: as `Myna.stream`.
        """
        try:
            while (found := self.take()) is not None:
                yield found
        finally:
            self.cancel()

    def take(self, *, wait: bool = True) -> Audio | None:
        """The next piece; None behind the last.

        Args:
            wait: for it, if it is not there yet.

        Raises:
            queue.Empty: it is not there, and is not waited for.
            MynaError: as iteration.
        """
        found = self._found.get(wait)
        if found is None or isinstance(found, MynaError):
            self._found.put(found)  # for whoever asks again
            if found is not None:
                raise found
            return None
        with self._lock:
            self._unheard -= found.seconds
        self.wake()
        return found

    def speech(self, pieces: Sequence[Audio]) -> Speech:
        """All of it, from all of its pieces, once it is over."""
        assert self._report is not None, "it is over"
        return Speech(
            audio=Audio(np.concatenate([piece.samples for piece in pieces]), pieces[0].rate),
            sentences=self._sentences,
            timings=self._timings,
            report=self._report,
        )

    def write(self, text: str) -> None:
        """More of its text, broken anywhere."""
        self._check_growing()
        self.text.put(text)
        self.wake()

    def finish(self) -> None:
        """No more text will come."""
        self._check_growing()
        self.text.put(None)
        self.wake()

    def cancel(self) -> None:
        """Stop all work on it; of no effect once it is done."""
        self.cancelled.set()
        self.wake()

    def give(self, piece: Audio) -> None:
        """Hand a piece to whoever asked."""
        with self._lock:
            self._unheard += piece.seconds
        self._found.put(piece)
        self._tell()

    def note(self, telling: Telling) -> None:
        """Remember which sentences are over."""
        if len(self._timings) != len(telling.timings):
            self._timings, self._sentences = tuple(telling.timings), tuple(telling.sentences)

    def end(self, error: MynaError | None, report: SpeechReport | None = None) -> None:
        """Nothing more will come."""
        self._report = report
        self._found.put(error)
        self._tell()

    def _tell(self) -> None:
        try:
            self.heard()
        except Exception:  # one listener's failure touches no other
            log.exception("whoever hears of a piece failed")

    def _check_growing(self) -> None:
        if not self.growing:
            raise ConfigError("This text was given whole; open one that grows to write to it.")
