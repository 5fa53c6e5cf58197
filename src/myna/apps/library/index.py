"""The index: one SQLite file that several processes and threads read and write.

Its tables, one version after another, are `MIGRATIONS`. Everything SQLite may complain of becomes
one of our errors here, without a path in it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from myna.errors import BusyError, VoiceError

FILE = "index.sqlite3"
PATIENCE = 10.0
"""Seconds to wait for another process."""
_IDLE = 4
"""Connections kept open for the next one."""
_AHEAD = 1
"""Pages written ahead before all go to their place: at once, so that the file they are written
ahead to stays small and, on a full disk, has room for a voice to be deleted."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE voices (
            id TEXT PRIMARY KEY,
            file TEXT NOT NULL UNIQUE,
            description TEXT NOT NULL,
            searched TEXT NOT NULL,
            model TEXT NOT NULL,
            family TEXT NOT NULL,
            languages TEXT NOT NULL,
            created TEXT NOT NULL,
            consent TEXT NOT NULL,
            licence TEXT NOT NULL,
            size INTEGER NOT NULL
        )""",
        # Place 0 is the name, others are aliases: one key holds them all apart.
        """CREATE TABLE names (
            key TEXT PRIMARY KEY,
            voice TEXT NOT NULL REFERENCES voices ON DELETE CASCADE,
            place INTEGER NOT NULL,
            name TEXT NOT NULL,
            UNIQUE (voice, place)
        )""",
        """CREATE VIEW cards AS
            SELECT
                id, file,
                (SELECT json_group_array(name)
                    FROM (SELECT name FROM names WHERE voice = id ORDER BY place)),
                description, model, family, languages, created, consent, licence, size, searched,
                (SELECT key FROM names WHERE voice = id AND place = 0) AS sorted
            FROM voices""",
        # Files that are being written or removed: no voice has them.
        "CREATE TABLE pending (file TEXT PRIMARY KEY, since REAL NOT NULL)",
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    ),
    (
        "ALTER TABLE voices ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
        "DROP VIEW cards",
        "ALTER TABLE names RENAME TO names_of_all",
        # Voices of two owners may have the same name: neither knows of the other's. The owner is
        # the voice's, repeated for the sake of the key.
        """CREATE TABLE names (
            key TEXT NOT NULL,
            owner TEXT NOT NULL,
            voice TEXT NOT NULL REFERENCES voices ON DELETE CASCADE,
            place INTEGER NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (key, owner),
            UNIQUE (voice, place)
        )""",
        "INSERT INTO names SELECT key, '', voice, place, name FROM names_of_all",
        "DROP TABLE names_of_all",
        """CREATE VIEW cards AS
            SELECT
                id, file,
                (SELECT json_group_array(name)
                    FROM (SELECT name FROM names WHERE voice = id ORDER BY place)),
                description, model, family, languages, created, consent, licence, size, owner,
                searched, (SELECT key FROM names WHERE voice = id AND place = 0) AS sorted
            FROM voices""",
    ),
)
"""What leads from each version of the tables to the next; only ever added to."""

_TOLD: dict[int, tuple[type[BusyError] | type[VoiceError], str]] = {
    sqlite3.SQLITE_BUSY: (BusyError, "Others are writing to the voice library. Try again."),
    sqlite3.SQLITE_PROTOCOL: (BusyError, "Others are writing to the voice library. Try again."),
    sqlite3.SQLITE_FULL: (
        VoiceError,
        "The disk is full: the voice library is as it was. Free some space and try again.",
    ),
    sqlite3.SQLITE_READONLY: (VoiceError, "The voice library may not be written to."),
    sqlite3.SQLITE_CANTOPEN: (
        VoiceError,
        "The index of the voice library cannot be opened. Does its folder exist, may it be "
        "written to, and is there space on the disk?",
    ),
    sqlite3.SQLITE_IOERR: (
        VoiceError,
        "The index of the voice library cannot be read or written; the disk may be full or "
        "damaged.",
    ),
}
_DAMAGED = (
    f"The index of the voice library is damaged. Move {FILE} and the files that begin so out of "
    f"its folder: the voices are then taken in again from their files."
)


class Index:
    """Connections to the file, lent to one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Open it, make it if need be, and bring its tables up to date.

        Raises:
            VoiceError: it cannot be opened, is damaged, or was written by a newer Myna.
            BusyError: others do not let go of it.
        """
        self._path = folder / FILE
        self._idle: list[sqlite3.Connection] = []
        self._left: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        with self.writing() as tables:
            _migrate(tables)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For one statement, which sees all or nothing of what others write.

        Raises:
            VoiceError, BusyError: it cannot be read.
        """
        connection = None
        try:
            connection = self._take()
            yield connection
        except sqlite3.Error as error:
            raise _told(error) from None
        finally:
            self._give(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One change, whole or not at all; nobody else writes within the block.

        Raises:
            VoiceError, BusyError: nothing was written.
        """
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file; it is opened again when asked for."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._process != os.getpid():
                # A connection is not carried across a fork, and may not even be closed there.
                self._left += self._idle
                self._idle, self._process = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return _connect(self._path)

    def _give(self, connection: sqlite3.Connection | None) -> None:
        if connection is None:
            return
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            with self._lock:
                if len(self._idle) < _IDLE and not connection.in_transaction:
                    self._idle.append(connection)
                    return
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        # A deleted voice does not come back after a power cut, when its file is gone.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_AHEAD}")
        _share(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _share(connection: sqlite3.Connection) -> None:
    """Write ahead, so that nobody who reads waits for those who write.

    SQLite does not wait for others with this one change, but fails at once.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.02)


def _migrate(tables: sqlite3.Connection) -> None:
    (version,) = tables.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise VoiceError("The voice library was written by a newer Myna; update to read it.")
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            tables.execute(statement)
    if version < len(MIGRATIONS):
        tables.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more than we tell


def _told(error: sqlite3.Error) -> Exception:
    """The error in our words; one that is a mistake of ours as it is."""
    code = _code(error)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return VoiceError(_DAMAGED)
    if code in _TOLD:
        kind, message = _TOLD[code]
        return kind(message)
    return error
