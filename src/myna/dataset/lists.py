"""Words that come with recordings: lists of strangers, read strictly, and the old list, written.

Read are the old `vocal_path|speaker_name|language|text` list, tables (CSV or TSV) with a header,
LJSpeech's `id|text|normalised`, and what stands beside a recording: a Praat TextGrid, SRT or VTT
subtitles (see `myna.dataset.timed`), or a plain text of what is said. An error names file and line.
A list only says where recordings are; whether they are there is seen later, and nothing is ever
written where a list says.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.errors import DatasetError
from myna.files import replacing

MOST_BYTES = 64 << 20
"""Of a list; longer ones are refused before they are read."""
MOST_CHARACTERS = 20_000
"""Of one line."""

LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "zh": ("zh", "cn", "zh-cn", "zh-tw", "zh-hans", "zh-hant", "cmn", "zho", "mandarin", "chinese"),
    "ja": ("ja", "jp", "ja-jp", "jpn", "japanese"),
    "en": ("en", "eng", "en-us", "en-gb", "english"),
    "ko": ("ko", "kr", "ko-kr", "kor", "korean"),
    "yue": ("yue", "zh-hk", "yue-hk", "hk", "cantonese"),
}
"""Spellings of each language code; case does not matter, and `_` is `-`."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "audio", "file_name", "filename", "wav", "audio_file", "vocal_path"),
    "text": ("text", "transcript", "transcription", "sentence"),
    "speaker": ("speaker", "speaker_name", "speaker_id", "client_id"),
    "language": ("language", "lang", "locale"),
    "start": ("start",),
    "end": ("end",),
}
"""Names of columns in a table's header, of what we read in them."""

_SPELLINGS = {name: code for code, names in LANGUAGES.items() for name in names}
_FIELDS = {name: column for column, names in COLUMNS.items() for name in names}

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a list says of a recording, or of a part of one."""

    path: str
    """As the list has it, with `/`; empty if the words stand beside the recording."""
    text: str = ""
    """What is said, blanks made single; empty if the list does not say."""
    speaker: str = ""
    language: str = ""
    """One of `LANGUAGES`, or empty."""
    start: float | None = None
    """Of a part: where it starts and ends, in seconds. None, both, for a whole recording."""
    end: float | None = None
    number: int = 1
    """Line in the file it comes from."""
    origin: str = ""
    """Name of that file."""

    @property
    def times(self) -> tuple[float, float]:
        """Of a part."""
        assert self.start is not None
        assert self.end is not None
        return self.start, self.end

    @property
    def middle(self) -> float:
        """Of a part, in seconds; the section of a recording that has it has the part."""
        return sum(self.times) / 2.0


def read(path: str | Path) -> tuple[Line, ...]:
    """Read a list of recordings; what kind it is, its ending and its first line tell.

    Raises:
        DatasetError: there is no such file, it is empty, too large, no text, or a line is not as it
            should be; the message names the line.
        OSError: it cannot be read.
    """
    path = Path(path)
    text = read_text(path)
    first = text.partition("\n")[0]
    if path.suffix.lower() not in (".csv", ".tsv") or (
        _header(path, first) is None and "|" in first
    ):
        kind = _of_bars if path.suffix.lower() in (".list", ".txt") else _of_ljspeech
        lines = tuple(kind(path, text))
    else:
        lines = tuple(_of_table(path, text))
    if not lines:
        raise DatasetError(f"{path} names no recordings.")
    return lines


def read_plain(path: str | Path) -> tuple[Line, ...]:
    """Read a file that holds what is said in the recording beside it, and nothing else."""
    path = Path(path)
    return (Line(path="", text=_clean(path, 1, read_text(path))),)


def is_list(path: str | Path) -> bool:
    """Whether a file of any of the endings we know is a list, by its first line."""
    path = Path(path)
    if path.suffix.lower() == ".list":
        return True
    if path.suffix.lower() not in (".csv", ".tsv"):
        return False
    first = read_text(path).partition("\n")[0]
    return _header(path, first) is not None or (path.name == "metadata.csv" and "|" in first)


def write(path: str | Path, lines: Iterable[Line]) -> None:
    """Write the old list, `vocal_path|speaker_name|language|text`, whole or not at all.

    Raises:
        DatasetError: a path or a speaker has a `|` or a line break, which the format cannot say.
        OSError: the file cannot be written.
    """
    rows = []
    for line in lines:
        if any(mark in line.path + line.speaker for mark in "|\n\r"):
            raise DatasetError(
                f"A list cannot say {line.path!r} of {line.speaker!r}: neither may hold '|' or a "
                f"line break. Name them otherwise."
            )
        text = " ".join(line.text.split())
        rows.append(f"{line.path}|{line.speaker}|{line.language.upper()}|{text}\n")
    with replacing(path) as temporary:
        temporary.write_text("".join(rows), encoding="utf-8", newline="\n")


def language_code(name: str) -> str | None:
    """The code of a language in any spelling; None if it is none of ours."""
    return _SPELLINGS.get(name.strip().casefold().replace("_", "-"))


def read_text(path: Path) -> str:
    """The text of a stranger's file, its line breaks all made `\\n`.

    Raises:
        DatasetError: it is no ordinary file, too large, or neither in UTF-8 nor, as its first two
            bytes would say, in UTF-16.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise DatasetError(f"There is no file {path}.")
    if path.stat().st_size > MOST_BYTES:
        raise DatasetError(
            f"{path} has more than {MOST_BYTES >> 20} MiB; split it into several lists."
        )
    data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise wrong(
            path, number, f"not in UTF-8 ({error.reason}); save the file as UTF-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def wrong(path: Path, number: int, what: str) -> DatasetError:
    """The error for a line."""
    return DatasetError(f"{path}, line {number}: {what}.")


def seconds_of(path: Path, number: int, start: float, end: float) -> tuple[float, float]:
    """Times of a part, checked.

    Raises:
        DatasetError: they are no times, or it ends before it starts.
    """
    if not (math.isfinite(start) and math.isfinite(end) and 0.0 <= start < end):
        raise wrong(path, number, f"a part from {start:g} to {end:g} s is none")
    return start, end


def speaker_name(path: Path, number: int, name: str) -> str:
    """A speaker's name, checked.

    Raises:
        DatasetError: it has a `|`, which the list that we write could not say.
    """
    if "|" in name:
        raise wrong(path, number, f"a speaker's name has no '|', found {_shown(name)}")
    return name


def _of_bars(path: Path, text: str) -> Iterator[Line]:
    for number, line in _lines(path, text):
        parts = line.split("|", 3)
        if len(parts) != 4:
            raise wrong(path, number, f"expected path|speaker|language|text, found {_shown(line)}")
        name, speaker, language, words = (_clean(path, number, part) for part in parts)
        yield Line(
            path=_path(path, number, name),
            speaker=speaker,
            language=_language(path, number, language),
            text=words,
            number=number,
        )


def _of_ljspeech(path: Path, text: str) -> Iterator[Line]:
    for number, line in _lines(path, text):
        parts = line.split("|")
        if len(parts) not in (2, 3):
            raise wrong(path, number, f"expected id|text|normalised text, found {_shown(line)}")
        name, *words = (_clean(path, number, part) for part in parts)
        yield Line(path=_path(path, number, name), text=words[-1] or words[0], number=number)


def _of_table(path: Path, text: str) -> Iterator[Line]:
    header = _header(path, text.partition("\n")[0])
    if header is None:
        raise wrong(
            path,
            1,
            f"no header that names a recording; name a column {COLUMNS['path'][0]}, and others "
            f"{', '.join(column for column in COLUMNS if column != 'path')}",
        )
    rows = csv.reader(text.split("\n"), delimiter=_delimiter(path), strict=True)
    next(rows)
    before = rows.line_num
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise wrong(path, before + 1, f"not well formed ({error})") from error
        number, before = before + 1, rows.line_num
        if before != number:
            raise wrong(
                path, number, "a quoted field goes on over the line's end; close its quotes"
            )
        if not "".join(row).strip():
            continue
        if len(row) != len(header):
            raise wrong(path, number, f"{len(row)} fields, but the header has {len(header)}")
        yield _of_row(path, number, header, row)


def _of_row(path: Path, number: int, header: Sequence[str], row: Sequence[str]) -> Line:
    cells = {
        _FIELDS[name]: _clean(path, number, cell)
        for name, cell in zip(header, row, strict=True)
        if name in _FIELDS
    }
    start = end = None
    if cells.get("start") or cells.get("end"):
        first, last = (_number(path, number, cells.get(name, "")) for name in ("start", "end"))
        start, end = seconds_of(path, number, first, last)
    return Line(
        path=_path(path, number, cells["path"]),
        text=cells.get("text", ""),
        speaker=speaker_name(path, number, cells.get("speaker", "")),
        language=_language(path, number, cells.get("language", "")),
        start=start,
        end=end,
        number=number,
    )


def _header(path: Path, first: str) -> tuple[str, ...] | None:
    """Names of the columns, or None if this is no header of a table of recordings."""
    try:
        names = next(csv.reader([first], delimiter=_delimiter(path)), [])
    except csv.Error:
        return None
    found = tuple(name.strip().casefold() for name in names)
    known = [_FIELDS[name] for name in found if name in _FIELDS]
    return found if "path" in known and len(set(known)) == len(known) else None


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _lines(path: Path, text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MOST_CHARACTERS:
            raise wrong(path, number, f"longer than {MOST_CHARACTERS} characters")
        if line.strip():
            yield number, line


def _path(path: Path, number: int, name: str) -> str:
    name = name.replace("\\", "/")
    if not name:
        raise wrong(path, number, "no recording is named")
    if name.startswith("//"):
        raise wrong(path, number, f"{_shown(name)} lies on another machine; copy it here first")
    return name


def _language(path: Path, number: int, name: str) -> str:
    code = language_code(name) if name else ""
    if code is None:
        raise wrong(
            path, number, f"the language {_shown(name)} is unknown; use {', '.join(LANGUAGES)}"
        )
    return code


def _number(path: Path, number: int, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise wrong(path, number, f"{_shown(cell)} is no time in seconds") from None


def _clean(path: Path, number: int, text: str) -> str:
    """With single blanks, and nothing in it that is no character of a text."""
    if len(text) > MOST_CHARACTERS:
        raise wrong(path, number, f"longer than {MOST_CHARACTERS} characters")
    if found := _CONTROL.search(text):
        raise wrong(path, number, f"the character {found[0]!r} belongs in no text")
    return " ".join(text.split())


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")
