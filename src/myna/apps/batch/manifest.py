"""The manifest: for each line what was made of it, as a line of JSON.

While a run goes on, rows are added as lines are finished; at its end they are in the script's
order. A row that was cut short by a crash is left out when it is read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from myna.apps.batch.planning import Task
from myna.datatypes import Timing
from myna.files import replacing

log = logging.getLogger(__name__)

FILE = "manifest.jsonl"
MADE, FAILED = "made", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRow:
    """Another take of a line, not as good as its recording."""

    file: str
    sha256: str
    seconds: float
    seed: int
    speed: float
    coverage: float | None
    clearness: float | None
    missing: tuple[str, ...]
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CueRow:
    """How a line keeps its time; all in seconds."""

    start: float
    """As the script asks."""
    end: float
    window: float
    """From the start to the next cue's, or its own end."""
    placed: float | None = None
    """Where it starts in the track; None as long as there is none."""
    drift: float | None = None
    """By how much that is late: the line before it lasted too long."""
    over: float = 0.0
    """By how much it lasts longer than its window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was made of a line."""

    number: int
    id: str
    line: int
    """Where it starts in the script."""
    text: str
    voice: str
    model: str
    language: str
    status: str
    """`made` or `failed`."""
    error: str = ""
    """Why it failed."""
    file: str = ""
    """Name of the recording, in the manifest's folder."""
    sha256: str = ""
    """Of the file."""
    seconds: float = 0.0
    rate: int = 0
    seed: int | None = None
    speed: float = 1.0
    coverage: float | None = None
    """Share of its words that our recogniser hears; None if it cannot tell."""
    clearness: float | None = None
    """Of several takes, the highest is the clearest; None for a single one."""
    missing: tuple[str, ...] = ()
    """Words that it does not hear."""
    retries: int = 0
    """How often sentences were said again."""
    warnings: tuple[str, ...] = ()
    timings: tuple[Timing, ...] = ()
    """Of its sentences, and of their words where those are known."""
    takes: tuple[TakeRow, ...] = ()
    """The others, the better ones first."""
    cue: CueRow | None = None
    elapsed: float = 0.0
    """Seconds of work."""
    attempt: int = 0
    """How often it had failed before."""
    key: str
    """Of all that it depends on: a line with another key is said again."""

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of all its files, by name."""
        found = {take.file: take.sha256 for take in self.takes}
        return {self.file: self.sha256, **found} if self.status == MADE else {}

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)


def facts(task: Task) -> dict[str, Any]:
    """What a row says of the script, whatever was made of its line."""
    entry = task.entry
    cue = None
    if task.window is not None:
        start, end = entry.cue
        cue = CueRow(start=start, end=end, window=task.window)
    return {
        "number": task.number,
        "id": entry.id,
        "line": entry.line,
        "text": entry.text,
        "language": task.language,
        "cue": cue,
        "key": task.key,
    }


def read(folder: Path) -> list[Row]:
    """All rows that are whole.

    Raises:
        OSError: the file cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    *lines, _ = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(_row(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            log.warning("%s, line %d is damaged; that line is said again.", path, number)
    return rows


def write(folder: Path, rows: Iterable[Row]) -> None:
    """All rows, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with (
        replacing(folder / FILE) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        stream.writelines(row.as_json() + "\n" for row in rows)


def add(folder: Path, row: Row) -> None:
    """One more row.

    Raises:
        OSError: the file cannot be written.
    """
    with (folder / FILE).open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(row.as_json() + "\n")


def _row(given: dict[str, Any]) -> Row:
    cue = given.pop("cue")
    timings = tuple(map(Timing.of, given.pop("timings")))
    takes = tuple(
        TakeRow(**{**each, "missing": tuple(each["missing"])}) for each in given.pop("takes")
    )
    missing, warnings = tuple(given.pop("missing")), tuple(given.pop("warnings"))
    row = Row(
        **given,
        cue=None if cue is None else CueRow(**cue),
        timings=timings,
        takes=takes,
        missing=missing,
        warnings=warnings,
    )
    if row.status not in (MADE, FAILED) or not all(map(_plain, row.files)):
        raise ValueError("no row of ours")
    return row


def _plain(name: object) -> bool:
    """Whether it names a file in the manifest's own folder: manifests, too, come from strangers."""
    return isinstance(name, str) and bool(name) and Path(name).name == name and "\\" not in name
