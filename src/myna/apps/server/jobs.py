"""Long texts that are said while nobody waits: a list on disk that several processes work through.

A job belongs to whoever holds its lease and keeps renewing it. When a process dies, its leases run
out, and another one goes on with what is finished on disk. All methods block and may be called from
any thread and process; each is one transaction.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from myna.apps.server.requests import SpeechRequest
from myna.datatypes import in_range
from myna.errors import BusyError
from myna.extras import require
from myna.files import save_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

State = Literal["queued", "running", "done", "failed"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    state TEXT NOT NULL,
    container TEXT NOT NULL,
    parts INTEGER NOT NULL,
    parts_done INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    finished REAL,
    owner TEXT NOT NULL DEFAULT '',
    lease REAL NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created);
"""
_SHOWN = "id, client, state, container, parts, parts_done, seconds, bytes, error, created, finished"
_ID_BYTES = 16
_PATIENCE = 10.0
"""Seconds to wait for another process that writes."""
_ORPHANED = 3600.0
"""Seconds after which a folder without an entry is no job that is just being added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """What jobs may take."""

    waiting: int = 100
    """Jobs that wait or are being said, 1 to 100000."""
    most_characters: int = 200_000
    """Of one text, 1 to 10 million."""
    part_characters: int = 1000
    """Of what is said in one go, about, and lost if a process dies meanwhile; 100 to 100000."""
    most_bytes: int = 8 << 30
    """On disk, by all jobs together, before new ones are refused."""
    kept_hours: float = 24.0
    """For which results can be fetched, 0.01 to 10000."""
    lease: float = 30.0
    """Seconds after which a job of a process that gave no sign is taken over, 1 to 3600."""
    tries: int = 3
    """How often a job is begun by processes that die before it is given up, 1 to 100."""
    at_once: int = 1
    """Jobs that one process works on at the same time, 1 to 64."""

    def __post_init__(self) -> None:
        in_range("waiting", self.waiting, 1, 100_000)
        in_range("most_characters", self.most_characters, 1, 10_000_000)
        in_range("part_characters", self.part_characters, 100, 100_000)
        in_range("most_bytes", self.most_bytes, 1 << 20, 1 << 50)
        in_range("kept_hours", self.kept_hours, 0.01, 10_000.0)
        in_range("lease", self.lease, 1.0, 3600.0)
        in_range("tries", self.tries, 1, 100)
        in_range("at_once", self.at_once, 1, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How a job stands."""

    id: str
    client: str
    """Whose it is."""
    state: State
    container: str
    parts: int
    """Pieces of the text that are said one after another."""
    parts_done: int
    seconds: float
    """Of speech that is finished."""
    bytes: int
    """On disk."""
    error: str
    """Why it failed."""
    created: float
    """Seconds since 1970."""
    finished: float | None


class Jobs:
    """The list, and a folder for each job.

    Args:
        folder: of its own; it is made if need be.
        limits: what jobs may take.
    """

    def __init__(self, folder: Path, limits: JobLimits | None = None) -> None:
        self.limits = limits or JobLimits()
        self._root = folder
        folder.mkdir(parents=True, exist_ok=True)
        with self._writing() as database:
            for statement in _SCHEMA.split(";\n"):
                database.execute(statement)

    def add(self, request: SpeechRequest, parts: Sequence[str], *, client: str = "") -> Job:
        """Put a text on the list.

        Args:
            request: all but the text; its seed is set, so that whoever says it says the same.
            parts: the text.
            client: whose it is.

        Raises:
            BusyError: too many wait already, or results take too much room on disk.
            OSError: it cannot be written.
        """
        self.sweep()
        assert parts, "a text has words"
        assert request.sampling.seed is not None, "what is said does not depend on who says it"
        name = secrets.token_hex(_ID_BYTES)
        folder = self.folder(name)
        folder.mkdir()
        try:
            save_json(folder / "request.json", {**_plain(request), "parts": list(parts)})
            with self._writing() as database:
                (waiting,) = database.execute(
                    "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
                ).fetchone()
                (taken,) = database.execute("SELECT coalesce(sum(bytes), 0) FROM jobs").fetchone()
                if waiting >= self.limits.waiting:
                    raise BusyError(
                        f"{waiting} jobs wait already, as many as may. Try again later."
                    )
                if taken >= self.limits.most_bytes:
                    raise BusyError(
                        "The results of jobs take all the room they may. Delete some that were "
                        "fetched, or try again when old ones have expired."
                    )
                database.execute(
                    "INSERT INTO jobs (id, client, state, container, parts, created) "
                    "VALUES (?, ?, 'queued', ?, ?, ?)",
                    (name, client, request.container, len(parts), time.time()),
                )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        found = self.get(name)
        assert found is not None
        return found

    def get(self, name: str) -> Job | None:
        """The job of that id, if there is one."""
        with self._reading() as database:
            row = database.execute(f"SELECT {_SHOWN} FROM jobs WHERE id = ?", (name,)).fetchone()  # noqa: S608 - a constant
        return None if row is None else Job(**row)

    def newest(self, *, client: str | None = None, most: int = 100) -> list[Job]:
        """The newest jobs, newest first: those of one client, or of all."""
        with self._reading() as database:
            rows = database.execute(
                f"SELECT {_SHOWN} FROM jobs WHERE ? IS NULL OR client = ? "  # noqa: S608 - a constant
                "ORDER BY created DESC, id LIMIT ?",
                (client, client, most),
            ).fetchall()
        return [Job(**row) for row in rows]

    def remove(self, name: str) -> bool:
        """Forget a job and all that was made for it; whoever works on it stops. False if there is
        none."""
        with self._writing() as database:
            found = database.execute("DELETE FROM jobs WHERE id = ?", (name,)).rowcount
        if found:
            shutil.rmtree(self.folder(name), ignore_errors=True)
        return bool(found)

    def folder(self, name: str) -> Path:
        """Where the files of a job are."""
        assert name.isalnum(), "ids come from the list"
        return self._root / name

    def result(self, job: Job) -> Path:
        """Where the sound of a job is, or will be."""
        return self.folder(job.id) / f"result.{job.container}"

    def request(self, name: str) -> tuple[SpeechRequest, list[str]]:
        """What was asked, and the parts of its text.

        Raises:
            OSError: it was removed meanwhile.
        """
        found = json.loads((self.folder(name) / "request.json").read_text(encoding="utf-8"))
        parts = found.pop("parts")
        return _request(found), parts

    def claim(self, owner: str) -> Job | None:
        """Take the oldest job that waits, or whose owner gave no sign; None if there is none."""
        now = time.time()
        with self._writing() as database:
            database.execute(
                "UPDATE jobs SET state = 'failed', owner = '', finished = ?, error = ? "
                "WHERE state = 'running' AND lease < ? AND tries >= ?",
                (now, _given_up(self.limits.tries), now, self.limits.tries),
            )
            row = database.execute(
                "SELECT id FROM jobs WHERE state = 'queued' OR (state = 'running' AND lease < ?) "
                "ORDER BY created, id LIMIT 1",
                (now,),
            ).fetchone()
            if row is None:
                return None
            database.execute(
                "UPDATE jobs SET state = 'running', owner = ?, lease = ?, tries = tries + 1 "
                "WHERE id = ?",
                (owner, now + self.limits.lease, row["id"]),
            )
        return self.get(row["id"])

    def renew(self, name: str, owner: str) -> bool:
        """Hold a job longer. False if it is no longer the owner's: removed, or taken over."""
        return self._change(name, owner, "lease = ?", time.time() + self.limits.lease)

    def progress(self, name: str, owner: str, *, parts: int, seconds: float) -> bool:
        """Note what is finished; False as `renew`."""
        change = "lease = ?, parts_done = ?, seconds = ?, bytes = ?"
        lease = time.time() + self.limits.lease
        return self._change(name, owner, change, lease, parts, seconds, self._bytes(name))

    def give_back(self, name: str, owner: str) -> bool:
        """Let somebody else go on, because this process stops as it should; False as `renew`."""
        return self._change(name, owner, "state = 'queued', owner = '', tries = tries - 1")

    def finish(self, name: str, owner: str, *, seconds: float) -> bool:
        """The result is there; False as `renew`."""
        change = "state = 'done', owner = '', finished = ?, seconds = ?, bytes = ?"
        return self._change(name, owner, change, time.time(), seconds, self._bytes(name))

    def fail(self, name: str, owner: str, error: str) -> bool:
        """It cannot be said; False as `renew`."""
        change = "state = 'failed', owner = '', finished = ?, error = ?"
        return self._change(name, owner, change, time.time(), error)

    def sweep(self) -> None:
        """Remove what has expired, and folders that belong to no job."""
        now = time.time()
        with self._writing() as database:
            database.execute(
                "DELETE FROM jobs WHERE finished < ?", (now - self.limits.kept_hours * 3600,)
            )
            known = {row["id"] for row in database.execute("SELECT id FROM jobs")}
        for folder in self._root.iterdir():
            with suppress(OSError):  # another process sweeps too
                old = now - folder.stat().st_mtime > _ORPHANED
                if old and folder.is_dir() and folder.name not in known:
                    shutil.rmtree(folder, ignore_errors=True)

    def _change(self, name: str, owner: str, change: str, *values: object) -> bool:
        with self._writing() as database:
            cursor = database.execute(
                f"UPDATE jobs SET {change} WHERE id = ? AND owner = ? AND state = 'running'",  # noqa: S608 - constants
                (*values, name, owner),
            )
        return cursor.rowcount == 1

    def _bytes(self, name: str) -> int:
        with suppress(FileNotFoundError):  # it was removed meanwhile
            return sum(path.stat().st_size for path in self.folder(name).iterdir())
        return 0

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(
            self._root / "jobs.sqlite3", timeout=_PATIENCE, isolation_level=None
        )
        database.row_factory = sqlite3.Row
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All within the block happens, or nothing."""
        with self._reading() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


def _given_up(tries: int) -> str:
    return f"It was begun {tries} times, and each time the process that said it ended."


def _plain(request: SpeechRequest) -> dict[str, Any]:
    """A request as JSON has it."""
    found = asdict(replace(request, text=""))
    for clip in found["clips"]:
        if clip["data"] is not None:
            clip["data"] = base64.b64encode(clip["data"]).decode("ascii")
    return found


def _request(found: dict[str, Any]) -> SpeechRequest:
    for clip in found["clips"]:
        if clip["data"] is not None:
            clip["data"] = base64.b64decode(clip["data"])
    return _adapter().validate_python(found)


@cache
def _adapter() -> TypeAdapter[SpeechRequest]:
    pydantic = require("pydantic", extra="server", feature="The server")
    adapter: TypeAdapter[SpeechRequest] = pydantic.TypeAdapter(SpeechRequest)
    return adapter
