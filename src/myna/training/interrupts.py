"""Ctrl-C and the request to end are heard between steps, so that no step is left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether somebody asked the run to end."""

    asked = False


@contextmanager
def heard() -> Iterator[Interrupts]:
    """Within the block, the first SIGINT or SIGTERM is only noted; a second acts as always.

    Signals reach only the main thread; in any other the block changes nothing.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {
        number: signal.getsignal(number) or signal.SIG_DFL
        for number in (signal.SIGINT, signal.SIGTERM)
    }

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        interrupts.asked = True
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
