"""The dictionary of Japanese words: kept packed, built for the analyser when it is first needed.

`data/words.xz` and `data/connections.xz` are naist-jdic, in columns that compress to a twentieth of
its tables. Built it takes 77 MB in the folder of Myna's data; if nothing can be written there, in a
private temporary folder, anew in every process.
"""

from __future__ import annotations

import hashlib
import io
import logging
import lzma
import math
import os
import re
import shutil
import tempfile
import threading
from functools import cache
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from myna.errors import TextError
from myna.extras import require
from myna.files import data_folder
from myna.text.ja.moras import katakana

if TYPE_CHECKING:
    from jpreprocess import JPreprocess

logger = logging.getLogger(__name__)

_DATA = Path(__file__).parent / "data"
_WORDS = "words.xz"
_CONNECTIONS = "connections.xz"
_COPIED = ("char.def", "unk.def")
_SPACE = 250 << 20
"""Bytes that building takes on the disk, for a moment; two thirds of it are given back."""

_lock = threading.Lock()


def analyser() -> JPreprocess:
    """The analyser with its dictionary; loaded once, about 120 MB.

    Raises:
        MissingExtraError: jpreprocess is not installed.
        TextError: there is no room on any disk for the dictionary.
    """
    with _lock:
        return _analyser()


@cache
def _analyser() -> JPreprocess:
    jpreprocess = require("jpreprocess", extra="ja", feature="Japanese")
    home = data_folder() / "text" / "ja"
    ready = home / _key(jpreprocess.JPREPROCESS_VERSION)
    try:
        if not ready.is_dir():
            _build(ready)
        try:
            return _loaded(ready)
        except RuntimeError:  # damaged since it was built
            shutil.rmtree(ready)
            _build(ready)
            return _loaded(ready)
    except OSError as error:
        logger.info("The Japanese dictionary cannot be kept in %s: %s", home, error)
        return _from_temporary()


def _key(version: str) -> str:
    """Another for other data, or another reader of them."""
    digest = hashlib.sha256(version.encode())
    for name in (_WORDS, _CONNECTIONS, *_COPIED):
        digest.update((_DATA / name).read_bytes())
    return digest.hexdigest()[:16]


def _loaded(folder: Path) -> JPreprocess:
    jpreprocess = require("jpreprocess", extra="ja", feature="Japanese")
    loaded: JPreprocess = jpreprocess.JPreprocess(str(folder))
    return loaded


def _from_temporary() -> JPreprocess:
    try:
        # The analyser reads its files whole, so they may go as soon as it stands.
        with tempfile.TemporaryDirectory(prefix="myna-ja-") as folder:
            _build(Path(folder) / "built")
            return _loaded(Path(folder) / "built")
    except OSError as error:
        raise TextError(
            f"The Japanese dictionary could not be built, neither in {data_folder()} nor in "
            f"{tempfile.gettempdir()}: {error}. It needs {_SPACE >> 20} MB in a folder that can be "
            f"written; name one in the variable MYNA_HOME."
        ) from error


def _build(ready: Path) -> None:
    """Build the dictionary in a folder beside `ready` that then takes its name.

    Raises:
        OSError: the disk is full, or not ours to write to.
    """
    jpreprocess = require("jpreprocess", extra="ja", feature="Japanese")
    ready.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(ready.parent).free
    if free < _SPACE:
        raise OSError(f"only {free >> 20} MB are left in {ready.parent}")
    logger.warning("Preparing the Japanese dictionary, once; this takes some ten seconds.")
    with tempfile.TemporaryDirectory(prefix=".building-", dir=ready.parent) as folder:
        sources, built = Path(folder) / "sources", Path(folder) / "built"
        sources.mkdir()
        for name in _COPIED:
            shutil.copyfile(_DATA / name, sources / name)
        _write_connections(sources / "matrix.def")
        _write_words(sources / "words.csv")
        try:
            jpreprocess.build_dictionary(str(sources), str(built))
        except RuntimeError as error:  # its only kind of error; the sources are known to be sound
            raise OSError(str(error)) from error
        for path in built.iterdir():
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
        try:
            os.rename(built, ready)
        except OSError:
            if not ready.is_dir():  # else another process was faster, with the same result
                raise


def _write_connections(path: Path) -> None:
    """The costs of one class of words after another, a square of 16-bit numbers.

    They are packed as all low bytes, then all high bytes.
    """
    low, high = np.frombuffer(_unpacked(_CONNECTIONS), np.uint8).reshape(2, -1)
    costs = (low.astype(np.uint16) | (high.astype(np.uint16) << 8)).view(np.int16)
    size = math.isqrt(len(costs))
    with path.open("w", encoding="ascii") as stream:
        stream.write(f"{size} {size}\n")
        for left, row in enumerate(costs.reshape(size, size).tolist()):
            stream.writelines(f"{left} {right} {cost}\n" for right, cost in enumerate(row))


def _write_words(path: Path) -> None:
    """One line a word, in the order of the original tables."""
    columns = _unpacked(_WORDS).decode("utf-8").split("\f")
    classes = columns[0].splitlines()
    cells = (map(_STRIPPED, io.StringIO(column)) for column in columns[1:])
    surface = read = ""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for kept, rest, kind, cost, base, kept_read, rest_read, pron, accent, chain in zip(
            *cells, strict=True
        ):
            surface = surface[: int(kept)] + rest
            read = read[: int(kept_read)] + rest_read if kept_read else katakana(surface)
            ids, _, grammar = classes[int(kind)].partition(" ")
            pron = {"": read, "=": as_pronounced(read)}.get(pron, pron)
            if accent.isdigit():
                accent = f"{accent}/{mora_count(pron)}"
            stream.write(
                f"{surface},{ids},{cost},{grammar},{based(surface, base)},{read},{pron},"
                f"{accent},{chain}\n"
            )


def _unpacked(name: str) -> bytes:
    return lzma.decompress((_DATA / name).read_bytes())


def as_pronounced(read: str) -> str:
    """A reading with its vowels drawn out as most words have them: コウ is コー."""
    return _LONG_E.sub("ー", _LONG_U.sub("ー", read))


def mora_count(pron: str) -> int:
    """How many moras a pronunciation has, but for rare combinations of small kana."""
    return len(pron) - len(_SMALL.findall(pron))


def based(surface: str, base: str) -> str:
    """The base form, given as how many characters to cut from the surface and what to add."""
    if not base:
        return surface
    digits = len(base) - len(base.lstrip("0123456789"))
    return surface[: len(surface) - int(base[:digits])] + base[digits:]


_STRIPPED = methodcaller("rstrip", "\n")
_LONG_U = re.compile("(?<=[オコソトノホモヨロヲゴゾドボポョォウクスツヌフムユルグズブプュゥ])ウ")
_LONG_E = re.compile("(?<=[エケセテネヘメレゲゼデベペ])イ")
_SMALL = re.compile("[ァィゥェォャュョヮ’]")
