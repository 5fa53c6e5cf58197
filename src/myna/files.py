"""Files appear whole or not at all, and are known by what is in them."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = 1 << 20


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


def sha256(path: str | Path) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def data_folder() -> Path:
    """Where models, cached voices and the like are kept.

    `$MYNA_HOME` if set, else `myna` in `$XDG_CACHE_HOME`, else `~/.cache/myna`.
    """
    if home := os.environ.get("MYNA_HOME"):
        return Path(home).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "myna"
