"""Run steps over clips: in several processes, resumable after any end, every clip accounted for.

Each finished unit of a step is a line in `stages/NN-name.jsonl`, under a key of all that its result
depends on: its clips, the step's settings and the step's version. A later run takes what has the
same key, and its files, from there; so a run that was ended in any way goes on where it was, one
with other settings does again only what they change, and the result is the same either way.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TextIO

from myna.dataset.manifest import Clip
from myna.dataset.processes import deaf, processes
from myna.errors import (
    ConfigError,
    DatasetError,
    DownloadError,
    MissingExtraError,
    ModelNotFoundError,
    MynaError,
)
from myna.files import replacing

LOG = logging.getLogger(__name__)

STAGES = "stages"
"""Folder of finished work, in the set's folder."""
WORK = "work"
"""Folder of the audio that steps hand to each other."""

_AHEAD = 4
"""Units that wait for each process: enough that none idles, few enough that Ctrl-C is quick."""

_NOT_THE_CLIP = (ConfigError, MissingExtraError, ModelNotFoundError, DownloadError)
"""Errors that every clip would have; they end the run."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit of a step keeps the audio it makes."""

    folder: Path
    """Of the set; paths of clips are relative to it."""
    step: str

    def keep(self, data: bytes) -> str:
        """Keep a FLAC file under a name made of its content, so that whatever comes of it stays
        known when other settings make the same; gives the name, relative to `folder`.

        Raises:
            OSError: it cannot be written.
        """
        digest = hashlib.blake2b(data, digest_size=10).hexdigest()
        name = f"{WORK}/{self.step}/{digest}.flac"
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / name) as temporary:
            temporary.write_bytes(data)
        return name


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """What is done to clips; a frozen dataclass whose fields are its settings, all plain values.

    A step is sent to other processes, so what is heavy is made there, on first use.
    """

    name: ClassVar[str]
    """Of the step; names files."""
    fault: ClassVar[str]
    """Word for a clip that is dropped because the step raised an error of ours."""
    version: ClassVar[int] = 1
    """Raised by whoever changes what the step does to the same clips."""
    whole: ClassVar[bool] = False
    """Whether the step needs to see all clips together."""
    most_processes: ClassVar[int | None] = None
    """A step that fills all cores or a GPU by itself says 1."""

    @abstractmethod
    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """What becomes of the clips: one, or all that are kept if the step sees them `whole`.

        What comes back is not fewer: a clip that cannot be used is dropped with a reason, and one
        that was cut gives way to its parts.
        """

    def narrowed(self, clips: tuple[Clip, ...]) -> Step:  # noqa: ARG002
        """The same step with only those settings that matter for these clips."""
        return self


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is, in clips."""

    step: str
    done: int
    total: int
    seconds_left: float | None
    """None while nobody knows."""


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Account:
    """What a step did with the clips: `given + added == kept + all that were dropped`."""

    step: str
    given: int
    added: int
    """Clips that came of cutting others."""
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    """By word."""


class Runner:
    """Runs steps over the clips of a set, one after another; a context that owns its processes.

    Args:
        folder: of the set.
        jobs: processes; 1 works in this one. More need a main module that may be imported again
            (`if __name__ == "__main__":`), as everything that starts processes does.
        on_progress: told of every finished unit. What it raises ends the run, which can be resumed.
    """

    def __init__(
        self, folder: Path, *, jobs: int = 1, on_progress: OnProgress | None = None
    ) -> None:
        self.folder = folder
        self.jobs = jobs
        self.accounts: list[Account] = []
        self.files: set[str] = set()
        """Audio that finished units refer to."""
        self._on_progress = on_progress or (lambda _: None)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Runner:
        (self.folder / STAGES).mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, step: Step, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """Take the clips that are kept through one step; dropped ones stay where they are.

        Raises:
            DatasetError: a process was ended from outside.
            MynaError: the step cannot work at all: a package or a model is missing, say.
            OSError: the disk is full, say.
        """
        kept = tuple(clip for clip in clips if clip.kept)
        units = [(clip,) for clip in kept] if not step.whole else [kept] if kept else []
        path = self.folder / STAGES / f"{len(self.accounts) + 1:02}-{step.name}.jsonl"
        steps = [step.narrowed(unit) for unit in units]
        keys = [_key(each, unit) for each, unit in zip(steps, units, strict=True)]
        rows = {key: row for key, row in _rows(path).items() if self._usable(row)}
        missing = [index for index, key in enumerate(keys) if key not in rows]
        if missing:
            _write(path, rows)  # without what may be left of a half-written line
            with path.open("a", encoding="utf-8", newline="\n") as stream:
                for index, made in self._made(steps, units, missing):
                    rows[keys[index]] = made
                    _append(stream, keys[index], made)
        rows = {key: rows[key] for key in keys}
        if list(rows) != list(_rows(path)):
            _write(path, rows)
        self.files |= {clip.audio for row in rows.values() for clip in row if clip.audio}
        return self._settled(step, clips, units, [rows[key] for key in keys])

    def _usable(self, row: tuple[Clip, ...]) -> bool:
        return all((self.folder / clip.audio).is_file() for clip in row if clip.kept and clip.audio)

    def _made(
        self,
        steps: Sequence[Step],
        units: Sequence[tuple[Clip, ...]],
        missing: Sequence[int],
    ) -> Iterator[tuple[int, tuple[Clip, ...]]]:
        """Index and result of each missing unit, as they are finished."""
        name = steps[missing[0]].name
        started, total = time.monotonic(), sum(map(len, units))
        done = before = total - sum(len(units[index]) for index in missing)
        self._on_progress(Progress(name, done, total, None))
        jobs = min(self.jobs, steps[missing[0]].most_processes or self.jobs)
        place = Place(self.folder, name)
        todo = [(index, (steps[index], units[index], place)) for index in missing]
        results = self._here(todo) if self.jobs == 1 else self._elsewhere(todo, jobs)
        for index, made in results:
            yield index, made
            done += len(units[index])
            left = (time.monotonic() - started) / (done - before) * (total - done)
            self._on_progress(Progress(name, done, total, left))

    def _here(self, todo: Sequence[tuple[int, Any]]) -> Iterator[tuple[int, tuple[Clip, ...]]]:
        for index, unit in todo:
            yield index, _run(*unit)

    def _elsewhere(
        self, todo: Sequence[tuple[int, Any]], jobs: int
    ) -> Iterator[tuple[int, tuple[Clip, ...]]]:
        if self._pool is None:
            self._pool = processes(self.jobs)
        ahead = jobs * _AHEAD if jobs == self.jobs else jobs
        waiting: dict[Future[tuple[Clip, ...]], int] = {}
        rest = iter(todo)
        try:
            while True:
                for index, unit in rest:
                    with deaf():  # it may start a process
                        future = self._pool.submit(_run, *unit)
                    waiting[future] = index
                    if len(waiting) >= ahead:
                        break
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            raise DatasetError(
                "A process that worked on the clips was ended from outside, most likely because "
                "memory ran out. What is finished is kept: run the same again, with fewer --jobs."
            ) from error

    def _settled(
        self,
        step: Step,
        clips: Sequence[Clip],
        units: Sequence[tuple[Clip, ...]],
        made: Sequence[tuple[Clip, ...]],
    ) -> tuple[Clip, ...]:
        """All clips in order, and the account of the step checked."""
        for unit, results in zip(units, made, strict=True):
            _check(step, unit, results)
        if step.whole:
            flat = iter(made[0] if made else ())
            out = tuple(next(flat) if clip.kept else clip for clip in clips)
        else:
            pieces = iter(made)
            out = tuple(each for clip in clips for each in (next(pieces) if clip.kept else (clip,)))
        given = sum(len(unit) for unit in units)
        everything = [clip for each in made for clip in each]
        dropped = Counter(clip.dropped for clip in everything if not clip.kept)
        account = Account(
            step.name,
            given=given,
            added=len(everything) - given,
            kept=sum(clip.kept for clip in out),
            dropped=dict(sorted(dropped.items())),
        )
        assert account.given + account.added == account.kept + sum(account.dropped.values())
        self.accounts.append(account)
        return out


def _check(step: Step, unit: Sequence[Clip], results: Sequence[Clip]) -> None:
    """Nothing vanished: as many clips or more, of the same recordings, dropped with a reason."""
    assert len(results) >= len(unit), step.name
    assert len(results) == len(unit) or not step.whole, step.name
    assert {clip.source for clip in results} == {clip.source for clip in unit}, step.name
    assert all(clip.reason for clip in results if clip.dropped), step.name


def _run(step: Step, clips: tuple[Clip, ...], place: Place) -> tuple[Clip, ...]:
    """One unit, in whatever process."""
    try:
        return tuple(step.run(clips, place))
    except _NOT_THE_CLIP:
        raise
    except MynaError as error:
        if step.whole:
            raise
        return tuple(clip.drop(step.fault, str(error)) for clip in clips)


def _key(step: Step, clips: Sequence[Clip]) -> str:
    facts = [step.name, step.version, asdict(step), [asdict(clip) for clip in clips]]
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _rows(path: Path) -> dict[str, tuple[Clip, ...]]:
    """What is finished, by key; a line without its end is not."""
    rows: dict[str, tuple[Clip, ...]] = {}
    if not path.is_file():
        return rows
    *lines, _ = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            rows[str(row["key"])] = tuple(Clip.from_json(json.dumps(c)) for c in row["clips"])
        except (ValueError, TypeError, KeyError, RecursionError, DatasetError):
            LOG.warning("%s, line %d is damaged; that work is done again.", path, number)
    return rows


def _write(path: Path, rows: Mapping[str, tuple[Clip, ...]]) -> None:
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        for key, clips in rows.items():
            _append(stream, key, clips)


def _append(stream: TextIO, key: str, clips: Sequence[Clip]) -> None:
    row = {"key": key, "clips": [asdict(clip) for clip in clips]}
    stream.write(json.dumps(row, allow_nan=False) + "\n")
    stream.flush()
