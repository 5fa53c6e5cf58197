"""Long recordings of known texts, cut between sentences: one list of many, for `myna prepare`.

    python -m myna.dataset.narrations one.list two.list -o all.tsv

Where a recording is too long, our own recogniser lays its whole text on it; the list then names
parts with their times, each of as many sentences as fit. Texts that end without a mark get a stop,
since a model is to end where a sentence does. Recordings without words are left out.
"""

from __future__ import annotations

import argparse
import csv
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import StringIO
from itertools import accumulate
from pathlib import Path

from myna.audio.recordings import LONGEST_SECONDS
from myna.audio.recordings import read as read_recording
from myna.dataset import lists
from myna.dataset.lists import Line
from myna.datatypes import Audio
from myna.engines.recogniser import Alignment, Recogniser
from myna.errors import AudioError, DatasetError, TextError
from myna.files import replacing
from myna.text import read
from myna.text.sounds import heard_in

log = logging.getLogger(__name__)

LONGEST = 12.0
"""Seconds of a recording or part at most: as long as `myna prepare` takes."""

_COLUMNS = ("path", "speaker", "language", "text", "start", "end")
_SENTENCE_END = re.compile(r"(?<=[.?!])[\"'”’]*\s+")
_LETTER = re.compile(r"\w")
_MARKS = ".?!。？！…"
_CLOSING = "\"'”’)"


def one_list(
    sources: Sequence[Path],
    out: Path,
    recogniser: Recogniser,
    *,
    longest: float = LONGEST,
    on_progress: Callable[[str], None] = lambda _: None,
) -> tuple[Line, ...]:
    """Write a list of all recordings with words that several lists name, long ones in parts.

    Args:
        sources: lists, see `myna.dataset.lists`.
        out: a `.tsv` file.

    Returns:
        Its lines. A long recording is left out, with a warning, if its text is not what is heard.

    Raises:
        DatasetError: a list is missing or damaged, or nothing with words is named.
        AudioError: a recording is missing or damaged.
    """
    lines: list[Line] = []
    for source in sources:
        named = [line for line in lists.read(source) if line.text]
        for number, line in enumerate(named):
            if number % 200 == 0:
                on_progress(f"{source.name}: {number} of {len(named)}")
            path = source.parent / line.path
            line = replace(line, path=_named(path, out), text=ended(line.text))
            lines += [line] if line.start is not None else _parts(line, path, recogniser, longest)
    if not lines:
        raise DatasetError("No recording in these lists has words.")
    _write(out, lines)
    return tuple(lines)


def ended(text: str) -> str:
    """The text with a stop at its end, if it has no mark there that ends a sentence."""
    text = text.strip()
    if text.rstrip(_CLOSING)[-1:] in tuple(_MARKS):
        return text
    return text.rstrip(",;:- ") + "."


def sentences_of(text: str) -> list[str]:
    """The sentences of a text; quotes that close one are left out."""
    return [each.strip() for each in _SENTENCE_END.split(text) if _LETTER.search(each)]


def grouped(ends: Sequence[float], longest: float) -> list[tuple[int, int]]:
    """Consecutive sentences together, as many as fit: first and one past the last of each group.

    Args:
        ends: seconds at which each sentence ends and the next one starts; from 0.
        longest: seconds of a group; one sentence alone may be longer.
    """
    groups: list[tuple[int, int]] = []
    first, start = 0, 0.0
    for number, end in enumerate(ends):
        if number > first and end - start >= longest:
            groups.append((first, number))
            first, start = number, ends[number - 1]
    return [*groups, (first, len(ends))]


def _parts(line: Line, path: Path, recogniser: Recogniser, longest: float) -> list[Line]:
    audio = read_recording(path, longest_seconds=LONGEST_SECONDS)
    if audio.seconds <= longest:
        return [line]
    texts = sentences_of(line.text)
    try:
        ends = _ends(audio, texts, line.language, recogniser)
    except (AudioError, TextError) as error:
        log.warning("%s is left out: %s", path, error)
        return []
    starts = [0.0, *ends[:-1]]
    return [
        replace(
            line,
            text=ended(" ".join(texts[first:last])),
            start=round(starts[first], 3),
            end=round(ends[last - 1], 3),
        )
        for first, last in grouped(ends, longest)
    ]


def _ends(audio: Audio, texts: Sequence[str], language: str, recogniser: Recogniser) -> list[float]:
    """Where each sentence ends, in seconds: in the middle of the pause behind it.

    Raises:
        TextError: a sentence cannot be read.
        AudioError: the text is not what is heard.
    """
    sounds = [heard_in(read(ended(each), language=language, improved=True)) for each in texts]
    if not all(sounds):
        raise TextError("a sentence of its text has no sounds.")
    found: Alignment = recogniser.align(audio, [sound for each in sounds for sound in each])
    if not found.matches:
        raise AudioError(f"its text is not what is heard (score {found.score:.1f}).")
    placed = found.sounds
    borders = list(accumulate(len(each) for each in sounds))[:-1]
    return [*((placed[at - 1].end + placed[at].start) / 2 for at in borders), audio.seconds]


def _named(path: Path, out: Path) -> str:
    """The path as a list at `out` names it."""
    whole, folder = path.absolute(), out.absolute().parent
    return (whole.relative_to(folder) if whole.is_relative_to(folder) else whole).as_posix()


def _write(out: Path, lines: Sequence[Line]) -> None:
    text = StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows(_cells(lines))
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def _cells(lines: Sequence[Line]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        times = ("", "") if line.start is None else tuple(f"{each:.3f}" for each in line.times)
        yield (line.path, line.speaker, line.language, line.text, *times)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m myna.dataset.narrations",
        description="Make one list of many, with long recordings cut between sentences.",
    )
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.tsv")
    parser.add_argument("--longest", type=float, default=LONGEST, help="seconds (default: 12)")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    lines = one_list(
        given.lists,
        given.output,
        Recogniser.load(),
        longest=given.longest,
        on_progress=log.info,
    )
    log.info("%d recordings and parts: %s", len(lines), given.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
