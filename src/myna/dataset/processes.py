"""Processes that compute with one thread, end when their parent does, and leave Ctrl-C to it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

_MATHS_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def processes(count: int) -> ProcessPoolExecutor:
    """That many, started as they are needed; give them work within `deaf`."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, initializer=_prepare)


@contextmanager
def deaf() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, and a process started within does not hear it at all.

    Without, one that is interrupted before it can ignore Ctrl-C tells where it was, at length.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    # Of a program with several threads, any of them may get the signal, and this one would hear of
    # it; so it is not enough to block it here, which is for processes started within.
    heard: list[bool] = []
    handler = signal.getsignal(signal.SIGINT)
    held = callable(handler) and threading.current_thread() is threading.main_thread()
    if held:
        signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if held:
            signal.signal(signal.SIGINT, handler)
            if heard:
                signal.raise_signal(signal.SIGINT)


def _prepare() -> None:
    os.environ.update(dict.fromkeys(_MATHS_THREADS, "1"))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
