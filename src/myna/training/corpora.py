"""Filter banks of corpora that come as lists of recordings, computed once and kept.

A corpus is `NAME.list` in a folder, with lines `path|speaker|language|text`; paths are relative to
that folder.

Letters in shapes: F frames of the filter bank (100 per second), K bands.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from myna.audio.filterbank import fbank
from myna.audio.recordings import read
from myna.audio.resample import HIGH_QUALITY, resample
from myna.dataset import lists
from myna.files import replacing, sha256
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Halves = NDArray[np.float16]

log = logging.getLogger(__name__)

_FACTS = "corpus"


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A recording as a recogniser or an encoder hears it."""

    line: lists.Line
    """What the list says of it."""
    bands: Halves
    """(F, K) log power."""


def filter_banks(
    speech: Path,
    name: str,
    cache: Path,
    on_progress: Callable[[str], None] = lambda _: None,
) -> tuple[Heard, ...]:
    """All recordings of a corpus, in the order of its list.

    Args:
        speech: folder of the list and, by paths in it, the recordings.
        name: of the corpus.
        cache: folder in which they are kept as `NAME.safetensors`; made anew if the list changed.
        on_progress: told now and then what is being done.

    Raises:
        DatasetError: there is no such list, or it is damaged.
        AudioError: a recording is missing, damaged or shorter than 25 ms.
    """
    path = speech / f"{name}.list"
    lines = lists.read(path)
    digest = sha256(path)
    kept = cache / f"{name}.safetensors"
    if (found := _kept(kept, digest)) is None:
        found = _computed(speech, name, lines, on_progress)
        _keep(kept, digest, found)
    bands, frames = found
    ends = np.cumsum(frames)
    return tuple(
        Heard(line, bands[end - count : end])
        for line, end, count in zip(lines, ends.tolist(), frames.tolist(), strict=True)
    )


def _computed(
    speech: Path, name: str, lines: tuple[lists.Line, ...], on_progress: Callable[[str], None]
) -> tuple[Halves, NDArray[np.int64]]:
    rows = list(_each(speech, name, lines, on_progress))
    return np.concatenate(rows), np.array([len(row) for row in rows], np.int64)


def _each(
    speech: Path, name: str, lines: tuple[lists.Line, ...], on_progress: Callable[[str], None]
) -> Iterator[Halves]:
    for number, line in enumerate(lines):
        if number % 500 == 0:
            on_progress(f"filter banks of {name}: {number} of {len(lines)}")
        audio = read(speech / line.path)
        if audio.rate != CONTENT_RATE:
            audio = resample(audio, CONTENT_RATE, HIGH_QUALITY)
        yield fbank(audio).astype(np.float16)


def _keep(path: Path, digest: str, found: tuple[Halves, NDArray[np.int64]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {_FACTS: json.dumps({"list": digest})}
    with replacing(path) as temporary:
        temporary.write_bytes(save({"bands": found[0], "frames": found[1]}, metadata=facts))


def _kept(path: Path, digest: str) -> tuple[Halves, NDArray[np.int64]] | None:
    if not path.is_file():
        return None
    try:
        with safe_open(path, "numpy") as file:
            if json.loads((file.metadata() or {}).get(_FACTS, "{}")).get("list") != digest:
                log.info("The list of %s has changed; its filter banks are made anew.", path.stem)
                return None
            return file.get_tensor("bands"), file.get_tensor("frames")
    except (SafetensorError, ValueError) as error:
        log.warning("%s is damaged (%s), and is made anew.", path, error)
        return None
