"""Files appear whole or not at all, and are known by what is in them; folders have one writer."""

import errno
import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from myna.errors import MynaError

_BLOCK = 1 << 20
_LOCK = ".running"
_GLANCE = 0.1
"""Seconds after which somebody who only looked whether a folder is locked has let go."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its name when the block ends well.

    On any error, Ctrl-C included, the temporary file is removed and `path` is as it was.

    Raises:
        OSError: the folder does not exist or cannot be written, or the disk is full; or `path` is
            no ordinary file but a folder, a device or a pipe, which would be lost.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "It is no ordinary file, and is not replaced", str(path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.open("xb").close()
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_json(path: str | Path, value: object) -> None:
    """Write plain values for people and programs to read, whole or not at all.

    Raises:
        ValueError: a number in it is not finite.
        OSError: the file cannot be written.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def sha256(path: str | Path) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def locked(folder: Path, error: type[MynaError]) -> Iterator[None]:
    """Hold a folder within the block, so that no other run writes to it; it is made if need be.

    The lock ends with the process that holds it, however that ends.

    Raises:
        MynaError: of the kind given: another run holds it.
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _lock(descriptor):
            time.sleep(_GLANCE)
        if not _lock(descriptor):
            raise error(
                f"A run is already going on in {folder}. Wait for it, stop it, or choose another "
                f"folder."
            )
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a run holds the folder now."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
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


def data_folder() -> Path:
    """Where models, cached voices and the like are kept.

    `$MYNA_HOME` if set, else `myna` in `$XDG_CACHE_HOME`, else `~/.cache/myna`.
    """
    if home := os.environ.get("MYNA_HOME"):
        return Path(home).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "myna"
