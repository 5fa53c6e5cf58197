"""Scripts: JSON lines, tables, subtitles and plain text become entries, or a list of faults.

All that can be wrong with a script is told at once, with the line it is in. Files are UTF-8, or
UTF-16 with its mark, with any line breaks.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from myna.apps.batch import cues, prose
from myna.apps.batch.entries import (
    MOST_ENTRIES,
    Entry,
    Fault,
    entry,
    known,
    shown,
    unknown,
)
from myna.dataset.lists import read_text
from myna.errors import DatasetError

Read = tuple[list[Entry], list[Fault]]


def read(path: str | Path) -> Read:
    """Read a script; its ending says which kind it is.

    Args:
        path: a `.jsonl` file with an object of `KEYS` in each line; a `.csv` or `.tsv` file whose
            first row names them, with commas, semicolons or tabs between; `.srt` subtitles; or a
            `.txt` file.

    Returns:
        the entries in their order, and all that is wrong: what has faults must not be spoken.

    Raises:
        DatasetError: there is no such file, no such kind, it is too large, or no text at all.
        OSError: it cannot be read.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DatasetError(
            f"{path} is no script that Myna reads; the ending is one of {', '.join(READERS)}."
        )
    entries, faults = reader(read_text(path))
    if not entries and not faults:
        raise DatasetError(f"{path} holds nothing to say.")
    if len(entries) > MOST_ENTRIES:
        faults.append(
            Fault(
                entries[MOST_ENTRIES].line,
                f"there are {len(entries)} entries, {MOST_ENTRIES} at most; split the script.",
            )
        )
    return entries, sorted([*faults, *_twice(entries)])


def _of_json_lines(text: str) -> Read:
    return _gathered(_objects(text))


def _objects(text: str) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line, object_pairs_hook=_pairs, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            yield number, f"this is no JSON: {said}. Write one object in each line."
            continue
        if not isinstance(found, dict):
            yield number, 'this is no JSON object; write each line like {"text": "Hello."}.'
            continue
        yield number, {key: value for key, value in found.items() if value is not None}


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


_DELIMITERS = (",", ";", "\t")


def _of_table(text: str) -> Read:
    return _gathered(_rows(text))


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    first = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = max(_DELIMITERS, key=lambda each: _recognised(first, each))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, f"this is no row of a table ({error}); check the quotes from here on."
            return
        if not "".join(row).strip():
            continue
        if header is None:
            header = [cell.strip().casefold() for cell in row]
            if fault := _of_header(header):
                yield number, fault
                return
        elif len(row) != len(header):
            yield number, f"{len(row)} cells, and the first row has {len(header)}."
        else:
            cells = zip(header, row, strict=True)
            yield number, {key: cell for key, cell in cells if cell.strip() or key == "text"}


def _recognised(line: str, delimiter: str) -> int:
    """How many cells of a first row are known keys."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return 0
    return sum(known(cell.strip().casefold()) is not None for cell in cells)


def _of_header(header: Sequence[str]) -> str | None:
    """What is wrong with the names of columns."""
    wrong = [unknown(name) for name in header if known(name) is None]
    found = [known(name) for name in header]
    if "text" not in found:
        wrong.insert(0, "the first row names no column `text`.")
    twice = {name for name in found if name is not None and found.count(name) > 1}
    wrong += [f"two columns are named {name}." for name in sorted(twice)]
    return " ".join(wrong) or None


def _gathered(lines: Iterable[tuple[int, Mapping[str, Any] | str]]) -> Read:
    """Entries of what lines say, or the words for why they say nothing."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    for number, given in lines:
        if isinstance(given, str):
            faults.append(Fault(number, given))
            continue
        values: dict[str, Any] = {}
        for name, value in given.items():
            key = known(name)
            if key is None:
                faults.append(Fault(number, unknown(name)))
            elif key in values:
                faults.append(Fault(number, f"{key} is there twice, once as {shown(name)}."))
            else:
                values[key] = value
        made, wrong = entry(number, values)
        faults += wrong
        if made is not None:
            entries.append(made)
    return entries, faults


def _twice(entries: Sequence[Entry]) -> Iterator[Fault]:
    """Ids name recordings: one each."""
    seen: dict[str, int] = {}
    for each in entries:
        if not each.id:
            continue
        name = each.id.casefold()
        if name in seen:
            yield Fault(
                each.line, f"the id {shown(each.id)} is that of line {seen[name]}, too; change one."
            )
        seen.setdefault(name, each.line)


READERS: Mapping[str, Callable[[str], Read]] = {
    ".jsonl": _of_json_lines,
    ".csv": _of_table,
    ".tsv": _of_table,
    ".srt": cues.read,
    ".txt": prose.read,
}
"""By ending, in small letters."""
