"""Recordings that a request names or brings along: of paths a file inside the roots, or nothing.

Old clients name files of the server. Here such a name leads only to ordinary files inside folders
that the owner listed, whatever it is made of: `..`, links that lead out, other disks and machines,
addresses, percent signs, devices and pipes lead nowhere, and "nowhere" is the only answer, the same
whether there is such a file outside or not. What a name says is judged before any disk is asked.
"""

from __future__ import annotations

import base64
import binascii
import ntpath
import os
import re
import stat
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.server import fetching
from myna.errors import AudioError

if TYPE_CHECKING:
    from myna.apps.server.fetching import Fetcher
    from myna.apps.server.settings import ServerSettings

_LONGEST_PATH = 4096
_LONGEST_NAME = 255
"""Bytes."""
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_SLASHES = frozenset("\\\u2044\u2215\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c")
"""Backslash, and what looks like a slash and may be turned into one on the way."""
_DEVICES = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE
)
_MEDIA = re.compile(r"(?:(?:audio|video)/[A-Za-z0-9.+-]{1,64}|application/(?:octet-stream|ogg))?")
_MOST_ENTRIES = 100_000
"""Of a folder that are looked through for a name in other letters."""
_SHORTEST_BARE = 64
"""Characters; what is shorter is no recording, and may be a path."""

_Parts = tuple[str, ...]


def contents(path: str, settings: ServerSettings, fetcher: Fetcher) -> bytes:
    """The bytes of the recording that a request means, be it named or written out.

    Args:
        path: as `decode` or `resolve` takes it, or an address of the web.
        settings: the roots, and how large a recording may be: as large as a request.
        fetcher: knows what may be fetched.

    Raises:
        AudioError: there is none; in one and the same words, whatever there is outside the roots.
        BusyError: too many are being fetched.
    """
    if fetching.is_address(path):
        return fetcher.fetch(path)
    if is_inline(path):
        return decode(path, most=settings.most_body_bytes)
    data = read(path, settings.root_folders, most=settings.most_body_bytes)
    if data is None:
        raise AudioError(
            "There is no such recording in the folders that this server reads (--roots)."
        )
    return data


def resolve(path: str, roots: Sequence[Path]) -> Path | None:
    """The file inside one of the roots that a client means.

    Args:
        path: as the client wrote it: relative to a root, or absolute inside one. Upper and lower
            case may differ, if that leaves one file.
        roots: folders.

    Returns:
        The real path of an ordinary file inside the real path of a root; None if there is none.
    """
    for root in roots:
        parts = _parts(path, root)
        if parts:
            found = _walk(root, parts)
            if found is not None:
                return found[1]
    return None


def read(path: str, roots: Sequence[Path], *, most: int) -> bytes | None:
    """The bytes of the file that `resolve` finds, from folders that were not swapped meanwhile.

    Args:
        path: as for `resolve`.
        roots: as for `resolve`.
        most: bytes that it may have.

    Returns:
        None if there is none, or if it is not a file any longer.

    Raises:
        AudioError: it is larger.
    """
    for root in roots:
        parts = _parts(path, root)
        found = _walk(root, parts) if parts else None
        if found is None:
            continue
        descriptor = _open(*found)
        if descriptor is None:
            return None
        with open(descriptor, "rb") as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise AudioError(f"The recording is larger than {most / (1 << 20):g} MB. Cut it first.")
        return data
    return None


def is_inline(text: str) -> bool:
    """Whether a value given as a path is a recording in itself: a `data:` address, or base64."""
    if text[:5].lower() == "data:":
        return True
    if len(text) < _SHORTEST_BARE or not text.isascii():
        return False
    try:
        head = base64.b64decode(text[:_SHORTEST_BARE], validate=True)
    except ValueError:
        return False
    return _is_sound(head)


def decode(text: str, *, most: int) -> bytes:
    """The bytes of a recording that came as text: `data:audio/wav;base64,...`, or base64 alone.

    Args:
        text: such text; white space in it is left out.
        most: bytes that it may have, checked before decoding.

    Raises:
        AudioError: it is larger, is not base64, or says that it is no recording.
    """
    if len(text) > most * 3 // 2 + 1024:
        raise AudioError(f"The recording is larger than {most / (1 << 20):g} MB. Cut it first.")
    if text[:5].lower() == "data:":
        head, comma, text = text[5:].partition(",")
        kind, *parameters = head.split(";")
        if not comma or not parameters or parameters[-1].strip().lower() != "base64":
            raise AudioError("Recordings in data: addresses are written in base64.")
        if not _MEDIA.fullmatch(kind.strip()):
            raise AudioError("The data: address holds no recording; it begins with data:audio/.")
    text = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AudioError("The recording is not well-formed base64.") from error
    if not data:
        raise AudioError("The recording is empty.")
    if len(data) > most:
        raise AudioError(f"The recording is larger than {most / (1 << 20):g} MB. Cut it first.")
    return data


def _is_sound(head: bytes) -> bool:
    return (
        head.startswith(
            (b"RIFF", b"RIFX", b"RF64", b"OggS", b"fLaC", b"ID3", b"FORM", b"\x1aE\xdf")
        )
        or head[4:8] == b"ftyp"
        or (head[0] == 0xFF and head[1] & 0xE0 == 0xE0)
    )


def _parts(path: str, root: Path, *, windows: bool = os.name == "nt") -> _Parts | None:
    """Names from the root down to what a path means; None if it means nothing inside.

    Asks no disk: on Windows even to look for `\\\\host\\share` sends the user's credentials there.
    """
    if not path or len(path) > _LONGEST_PATH or path.startswith(("//", "\\\\")):
        return None
    if windows:
        drive = _DRIVE.match(path)
        base = ntpath.normpath(str(root)).replace("\\", "/")
        path = path.replace("\\", "/")
        if drive:
            return _below(path, base)
    elif path.startswith("/"):
        return _below(path, str(root)) or _below(path, os.path.realpath(root))
    return None if path.startswith("/") else _clean(path)


def _below(path: str, base: str) -> _Parts | None:
    """Names under an absolute root; clients may have turned its name into lower case."""
    own = [name for name in base.split("/") if name]
    names = [name for name in path.split("/") if name not in ("", ".")]
    if len(names) <= len(own) or [*map(_folded, names[: len(own)])] != [*map(_folded, own)]:
        return None
    return _clean("/".join(names[len(own) :]))


def _clean(path: str) -> _Parts | None:
    if any(unicodedata.category(each) in ("Cc", "Cs") for each in path):
        return None
    if _SLASHES & set(path) or ":" in path or _PERCENT.search(path):
        return None
    names = tuple(name for name in path.split("/") if name not in ("", "."))
    for name in names:
        if name.startswith(".") or name.endswith((".", " ")) or _DEVICES.fullmatch(name):
            return None
        if name.startswith(("~", " ")) or len(name.encode()) > _LONGEST_NAME:
            return None
    return names or None


def _walk(root: Path, parts: _Parts) -> tuple[Path, Path] | None:
    """The real paths of the root and of the file; no step of the way leaves the root."""
    try:
        base = root.resolve(strict=True)
        here = base
        for name in parts:
            there = _entry(here, name)
            if there is None:
                return None
            here = there.resolve(strict=True)
            if base not in here.parents:
                return None
        return (base, here) if stat.S_ISREG(here.lstat().st_mode) else None
    except (OSError, RuntimeError, ValueError):
        return None


def _entry(folder: Path, name: str) -> Path | None:
    """What is called so in a folder, or is the only one called so in other letters."""
    if os.path.lexists(folder / name):
        return folder / name
    wanted, found = _folded(name), None
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= _MOST_ENTRIES:
                return None
            if _folded(entry.name) == wanted:
                if found is not None:
                    return None
                found = folder / entry.name
    return found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _open(base: Path, file: Path) -> int | None:
    """Open a file step by step from its root, through no link; None if it is not there any more.

    A pipe or device that took its place meanwhile is opened without waiting for it, and closed.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        if os.open not in os.supports_dir_fd:
            descriptor = os.open(file, flags)
        else:
            descriptor = _open_below(base, file.relative_to(base).parts, flags)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor


def _open_below(base: Path, names: _Parts, flags: int) -> int:
    folder = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(names[-1], flags, dir_fd=folder)
    finally:
        os.close(folder)
