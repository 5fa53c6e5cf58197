"""The folder of a run: which lines are made already, and where the files of others go.

A recording that was made of the same line before is kept, wherever in the script the line is now.
Recordings that change their names are first parked under names made of what they hold, so that a
run that is ended in between loses none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from myna.apps.batch import manifest
from myna.apps.batch.casting import Part
from myna.apps.batch.manifest import FAILED, MADE, Row, TakeRow
from myna.apps.batch.planning import Task
from myna.apps.batch.saying import Said, Take
from myna.files import replacing, sha256

_PARKED = ".parked-"


class Keeping:
    """What a folder holds of a plan; the folder is there and locked.

    Args:
        folder: of the recordings and the manifest.
        tasks: all of the plan.
        parts: who speaks, by digest.
    """

    def __init__(self, folder: Path, tasks: Sequence[Task], parts: Mapping[str, Part]) -> None:
        self._folder, self._parts = folder, parts
        self._before = manifest.read(folder)
        self._failed = {row.key: row for row in self._before if row.status == FAILED}
        self.rows: dict[int, Row] = {}
        """Of finished lines, by number."""
        self._settle(tasks)

    def attempts(self, task: Task) -> int:
        """How often a line has failed."""
        row = self._failed.get(task.key)
        return 0 if row is None else row.attempt + 1

    def still_failed(self, task: Task) -> None:
        """Take over that a line failed before."""
        row = self._failed[task.key]
        self._add(task, status=FAILED, error=row.error, elapsed=row.elapsed, attempt=row.attempt)

    def add(self, task: Task, said: Said, attempt: int) -> None:
        """Keep what was said: first the files, each whole or not at all, then the row.

        Raises:
            OSError: something cannot be written.
        """
        names = _names(task, len(said.takes))
        for old in self._folder.glob(f"{task.stem}_take*.{task.format}"):
            if old.name not in names:
                old.unlink()
        if not said.takes:
            for name in _names(task, 1):  # what it holds is another text
                (self._folder / name).unlink(missing_ok=True)
            self._add(task, status=FAILED, error=said.error, elapsed=said.elapsed, attempt=attempt)
            return
        for name, take in zip(names, said.takes, strict=True):
            with replacing(self._folder / name) as temporary:
                temporary.write_bytes(take.data)
        best, *others = said.takes
        self._add(
            task,
            status=MADE,
            file=names[0],
            sha256=_digest(best),
            seconds=best.seconds,
            rate=said.rate,
            seed=best.seed,
            speed=best.speed,
            coverage=best.coverage,
            clearness=best.clearness,
            missing=best.missing,
            retries=best.retries,
            warnings=best.warnings,
            timings=best.timings,
            takes=tuple(map(_take, names[1:], others)),
            elapsed=said.elapsed,
            attempt=attempt,
        )

    def replace(self, rows: Iterable[Row]) -> None:
        """Say something else of lines that are finished; `finish` writes it."""
        self.rows.update({row.number: row for row in rows})

    def finish(self) -> list[str]:
        """Write the rows in the order of the script; files that are of no line any more."""
        rows = [self.rows[number] for number in sorted(self.rows)]
        manifest.write(self._folder, rows)
        ours = {name for row in rows for name in row.files}
        old = {name for row in self._before for name in row.files} - ours
        return sorted(name for name in old if (self._folder / name).is_file())

    def _add(self, task: Task, **made: Any) -> None:
        part = self._parts[task.part]
        row = Row(**manifest.facts(task), voice=task.voice, model=part.fingerprint, **made)
        if row.cue is not None and row.status == MADE:
            over = max(0.0, row.seconds - row.cue.window)
            row = replace(row, cue=replace(row.cue, over=over))
        self.rows[task.number] = row
        manifest.add(self._folder, row)

    def _settle(self, tasks: Sequence[Task]) -> None:
        """Find what is there already, and give it the names that it has now."""
        places = self._places()
        there: dict[str, list[Row]] = defaultdict(list)
        for row in self._before:
            if row.status == MADE and all(name in places for name in row.files):
                there[row.key].append(row)
        moves: list[tuple[Path, str, str]] = []
        for task in tasks:
            if not there[task.key]:
                continue
            row = _nearest(there[task.key], task)
            names = _names(task, len(row.files))
            moves += [
                (places[old], name, digest)
                for name, (old, digest) in zip(names, row.files.items(), strict=True)
            ]
            self.rows[task.number] = _renamed(row, task)
        self._move(moves)

    def _places(self) -> dict[str, Path]:
        """Where the files of the old manifest are, by name: those that are as they were."""
        found: dict[str, Path] = {}
        for row in self._before:
            for name, digest in row.files.items():
                for path in (self._folder / name, self._folder / f"{_PARKED}{digest[:32]}"):
                    if path.is_file() and sha256(path) == digest:
                        found[name] = path
                        break
        return found

    def _move(self, moves: Sequence[tuple[Path, str, str]]) -> None:
        """Park what moves, write where it will be, and take it there."""
        moving = [(path, name, digest) for path, name, digest in moves if path.name != name]
        parked = {path: self._folder / f"{_PARKED}{digest[:32]}" for path, _, digest in moving}
        staying = {path for path, name, _ in moves if path.name == name}
        for path, aside in parked.items():
            if path in staying:
                _copy(path, aside)
            else:
                os.replace(path, aside)
        manifest.write(self._folder, [self.rows[number] for number in sorted(self.rows)])
        left = Counter(parked[path] for path, _, _ in moving)
        for path, name, _ in moving:
            aside = parked[path]
            left[aside] -= 1
            if left[aside]:
                _copy(aside, self._folder / name)
            else:
                os.replace(aside, self._folder / name)
        for forgotten in self._folder.glob(f"{_PARKED}*"):
            forgotten.unlink()


def _nearest(rows: list[Row], task: Task) -> Row:
    """Of rows of the same line, the one that needs no move."""
    return next((row for row in rows if Path(row.file).stem == task.stem), rows[0])


def _renamed(row: Row, task: Task) -> Row:
    names = _names(task, len(row.files))
    cue = manifest.facts(task)["cue"]
    if cue is not None:
        cue = replace(cue, over=max(0.0, row.seconds - cue.window))
    return replace(
        row,
        **{**manifest.facts(task), "cue": cue},
        voice=task.voice,
        file=names[0],
        takes=tuple(
            replace(take, file=name) for name, take in zip(names[1:], row.takes, strict=True)
        ),
    )


def _names(task: Task, count: int) -> list[str]:
    """Of the recording, and of the other takes of it."""
    others = [f"{task.stem}_take{number}.{task.format}" for number in range(2, count + 1)]
    return [f"{task.stem}.{task.format}", *others]


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def _take(name: str, take: Take) -> TakeRow:
    return TakeRow(
        file=name,
        sha256=_digest(take),
        seconds=take.seconds,
        seed=take.seed,
        speed=take.speed,
        coverage=take.coverage,
        clearness=take.clearness,
        missing=take.missing,
        retries=take.retries,
    )


def _digest(take: Take) -> str:
    return hashlib.sha256(take.data).hexdigest()
