"""One run at a time writes to a folder, and others can see that it does.

The lock ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from myna.errors import TrainingError

_FILE = ".running"
_GLANCE = 0.1
"""Seconds after which somebody who only looked whether a run goes on has let go."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder within the block.

    Raises:
        TrainingError: another run holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise TrainingError(f"The folder {folder} cannot be written ({error}).") from error
    try:
        if not _lock(descriptor):
            time.sleep(_GLANCE)
        if not _lock(descriptor):
            raise TrainingError(
                f"A run is already going on in {folder}. Wait for it, stop it, or choose another "
                f"folder."
            )
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a run holds the folder now."""
    try:
        descriptor = os.open(folder / _FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Take the lock if nobody holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
