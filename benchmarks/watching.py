"""What a process takes and touches while something is done to it, as Linux tells."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_IN_OPENED = 0x01 | 0x02 | 0x20 | 0x100 | 0x200
"""Read, written, opened, made, removed."""
_IN_FOLDER = 0x40000000


@dataclass
class Watch:
    """What the process takes while it is abused."""

    pid: int
    most_mb: float = 0.0
    slowest_health: float = 0.0
    traps: list[str] = field(default_factory=list)
    strange: set[str] = field(default_factory=set)
    """Files that were open, outside of where the server has business, and were not before."""
    ended: bool = False


@contextmanager
def watching(
    watch: Watch, folder: Path, home: Path | None, ask: Callable[[], object]
) -> Iterator[None]:
    """Look at the process and at the traps meanwhile.

    Args:
        watch: what was seen is written here.
        folder: of traps; folders in it are none.
        home: where the process may have files open.
        ask: something that it should answer at once.
    """
    usual = _strange(watch.pid, home)
    with _inotify(folder) as opened:

        def look() -> None:
            while not watch.ended:
                watch.most_mb = max(watch.most_mb, memory_mb(watch.pid))
                watch.strange |= _strange(watch.pid, home) - usual
                watch.traps += opened()
                start = time.perf_counter()
                with suppress(OSError):
                    ask()
                watch.slowest_health = max(watch.slowest_health, time.perf_counter() - start)
                time.sleep(0.05)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            watch.ended = True
            thread.join()


def memory_mb(pid: int) -> float:
    """Resident memory of a process and those it started; 0 if it is gone."""
    total = 0.0
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += int(next(each for each in lines if each.startswith("VmRSS")).split()[1]) / 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            children = (task / "children").read_text().split()
            total += sum(memory_mb(int(child)) for child in children)
    return total


def handles(pid: int) -> int:
    """Open files and sockets."""
    with suppress(OSError):
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return 0


def _strange(pid: int, home: Path | None) -> set[str]:
    own: tuple[str, ...] = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[1]))
    own += ("/dev/", "/proc/", "/tmp/", "/usr/", "/lib", *([str(home)] if home else []))
    found = set()
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = os.readlink(each)
                if target.startswith("/") and not target.startswith(own):
                    found.add(target)
    return found


@contextmanager
def _inotify(folder: Path) -> Iterator[Callable[[], list[str]]]:
    """Names of files in a folder that somebody opened, changed, made or removed since."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, bytes(folder), _IN_OPENED) < 0:
        raise OSError(ctypes.get_errno(), "inotify cannot watch", str(folder))

    def opened() -> list[str]:
        names = []
        with suppress(BlockingIOError):
            data = os.read(descriptor, 1 << 16)
            while data:
                _, mask, _, length = struct.unpack_from("iIII", data)
                name = data[16 : 16 + length].rstrip(b"\0").decode()
                data = data[16 + length :]
                if name and not mask & _IN_FOLDER:
                    names.append(name)
        return names

    try:
        yield opened
    finally:
        os.close(descriptor)
