"""The files of the library: one for each voice, named by us, and perhaps a preview beside it.

What a caller says never becomes part of a path, and no path becomes part of an error.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from myna.apps.library.viewer import OWNER
from myna.datatypes import Voice
from myna.errors import VoiceError
from myna.files import replacing

_LONGEST_TOLD = 300
"""Characters of an error."""

log = logging.getLogger(__name__)

_STEM = rf"(voice_[0-9a-f]{{16}})-[0-9a-f]{{8}}(?:@({OWNER}))?"
_FILE = re.compile(rf"{_STEM}\.voice")
_OURS = re.compile(rf"\.?{_STEM}\.(voice|wav)(\.[0-9a-f]{{8}}\.part)?")


def new_file(voice: str, owner: str) -> str:
    """A new name for a file of the voice with this id and owner; never used before."""
    return f"{voice}-{secrets.token_hex(4)}{'@' if owner else ''}{owner}.voice"


def voice_of(file: str) -> tuple[str, str]:
    """Id and owner of the voice that the file was written for."""
    found = _FILE.fullmatch(file)
    assert found, file
    return found[1], found[2] or ""


class Shelf:
    """Reads and writes the files, and keeps the voices used last in memory."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        self._kept: OrderedDict[str, tuple[tuple[int, int], Voice]] = OrderedDict()
        self._lock = threading.Lock()

    def save(self, file: str, voice: Voice) -> int:
        """Keep a voice; tell the size of its file.

        Raises:
            VoiceError: it cannot be written; the message says why.
        """
        path = self._path(file)
        with _writing():
            voice.save(path)
            _settle(self._folder)
            return path.stat().st_size

    def put(self, file: str, data: bytes) -> Voice:
        """Keep bytes that came from anywhere, if they are a voice, and give that voice.

        Raises:
            VoiceError: they are none, or they cannot be written; nothing is kept.
        """
        with _writing():
            with replacing(self._path(file)) as temporary:
                temporary.write_bytes(data)
                voice = _load(temporary, "The file")
            _settle(self._folder)
        return voice

    def load(self, file: str, name: str) -> Voice:
        """The voice in a file, from memory if it was used lately; `name` is for messages.

        Raises:
            VoiceError: the file is missing or damaged.
        """
        path = self._path(file)
        with _reading(f"The voice {name!r}"):
            stat = path.stat()
        state = stat.st_mtime_ns, stat.st_size
        with self._lock:
            kept = self._kept.get(file)
            if kept is not None and kept[0] == state:
                self._kept.move_to_end(file)
                return kept[1]
        voice = _load(path, f"The voice {name!r}")
        with self._lock:
            self._kept[file] = state, voice
            self._kept.move_to_end(file)
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        return voice

    def read(self, file: str, name: str) -> bytes:
        """The bytes of a voice's file.

        Raises:
            VoiceError: the file is missing or cannot be read.
        """
        with _reading(f"The voice {name!r}"):
            return self._path(file).read_bytes()

    def preview(self, file: str) -> bytes | None:
        """What was kept beside the voice, if anything."""
        try:
            return self._preview(file).read_bytes()
        except OSError:
            return None

    def set_preview(self, file: str, data: bytes) -> None:
        """Keep something beside the voice; it goes with it.

        Raises:
            VoiceError: it cannot be written.
        """
        with _writing(), replacing(self._preview(file)) as temporary:
            temporary.write_bytes(data)

    def remove_preview(self, file: str) -> None:
        """Remove what was kept beside the voice."""
        with suppress(OSError):
            self._preview(file).unlink()

    def remove(self, file: str) -> bool:
        """Remove a file, and what is beside it; False if it is still there, as when in use."""
        with self._lock:
            self._kept.pop(file, None)
        self.remove_preview(file)
        try:
            self._path(file).unlink(missing_ok=True)
        except OSError as error:
            log.warning("The file of a deleted voice is still there: %s.", error.strerror)
            return False
        return True

    def size(self, file: str) -> int | None:
        """Of a file, in bytes; None if there is none."""
        try:
            return self._path(file).stat().st_size
        except OSError:
            return None

    def files(self) -> tuple[str, ...]:
        """All voices' files there are."""
        return tuple(name for name in self._listed() if _FILE.fullmatch(name))

    def forget_leftovers(self, known: frozenset[str], older: float) -> None:
        """Remove what a killed process left that is nobody's voice: temporary files, and previews
        beside none of the `known` files; only if unchanged for that many seconds."""
        for name in self._listed():
            if not _OURS.fullmatch(name) or _FILE.fullmatch(name):
                continue
            if name.endswith(".wav") and Path(name).with_suffix(".voice").name in known:
                continue
            path = self._folder / name
            with suppress(OSError):
                if time.time() - path.stat().st_mtime >= older:
                    path.unlink()

    def _path(self, file: str) -> Path:
        if not _FILE.fullmatch(file):  # an index may be a stranger's, too
            raise VoiceError("The index of the voice library names a file that is not its own.")
        return self._folder / file

    def _preview(self, file: str) -> Path:
        return self._path(file).with_suffix(".wav")

    def _listed(self) -> list[str]:
        with _reading("The voice library"):
            return sorted(os.listdir(self._folder))


def _load(path: Path, what: str) -> Voice:
    """Read a voice; `what` stands in errors for its path."""
    with _reading(what):
        try:
            return Voice.load(path)
        except VoiceError as error:
            told = str(error).replace(str(path), what)
            # It may quote the file: at any length, and what is no text.
            told = told if len(told) <= _LONGEST_TOLD else f"{told[:_LONGEST_TOLD]} ..."
            raise VoiceError(told.encode(errors="backslashreplace").decode()) from None


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise VoiceError(
            f"{what} has lost its file. Remove it and take it in again from a copy."
        ) from None
    except OSError as error:
        raise VoiceError(f"{what} cannot be read: {error.strerror or 'no reason known'}.") from None


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise VoiceError(
                "The disk is full: nothing was saved. Free some space and try again."
            ) from None
        raise VoiceError(
            f"The voice library cannot be written to: {error.strerror or 'no reason known'}."
        ) from None


def _settle(folder: Path) -> None:
    """Have the names in a folder outlast a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
