"""What stands in the index, and every statement that reads or changes it.

Each function is given a connection lent by `Index`, and is part of the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from myna.apps.library import names
from myna.apps.library.entry import Entry, Facts, Words
from myna.apps.library.shelf import voice_of
from myna.apps.library.viewer import NEAREST, SEEN, Viewer
from myna.errors import ConfigError, VoiceError

IfTaken = Literal["refuse", "replace", "number"]
"""What to do about a name that another voice has: say so, put the new voice in its place under its
id, or call the new one `name 2`."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry, and the name of its file."""

    entry: Entry
    file: str


def find(tables: sqlite3.Connection, which: Entry | str, viewer: Viewer) -> Row | None:
    """The voice of this id, name or alias: of several, the viewer's own, else everybody's.

    Raises:
        VoiceError: others have several that are called so.
    """
    key = which.id if isinstance(which, Entry) else _sought(which)
    if key is None:
        return None
    sql = f"""
        SELECT * FROM cards
        WHERE {SEEN} AND (id = :key OR id IN (SELECT voice FROM names WHERE key = :key))
        ORDER BY id = :key DESC, {NEAREST} LIMIT 2"""  # noqa: S608 - constants
    rows = [*map(_row, tables.execute(sql, {"key": key, **viewer.sees}).fetchall())]
    if len(rows) == 2 and rows[0].entry.id != key and rows[0].entry.owner not in ("", viewer.name):
        raise VoiceError(
            f"Several voices are called {names.quoted(rows[0].entry.name)}. Name one by its id."
        )
    return rows[0] if rows else None


def look_up(tables: sqlite3.Connection, which: Entry | str, viewer: Viewer) -> Row:
    """The voice of this id, name or alias.

    Raises:
        VoiceError: there is none; or as `find`.
    """
    row = find(tables, which, viewer)
    if row is None:
        name = which.name if isinstance(which, Entry) else which
        raise VoiceError(f"There is no voice {names.quoted(name)} in the library.")
    return row


def search(
    tables: sqlite3.Connection, query: str, limit: int, offset: int, viewer: Viewer
) -> tuple[Row, ...]:
    """Voices with `query` in their name, an alias or the description, in the order of names."""
    sql = f"""
        SELECT * FROM cards WHERE {SEEN} AND (instr(searched, :sought)
            OR EXISTS (SELECT 1 FROM names WHERE voice = cards.id AND instr(key, :sought)))
        ORDER BY sorted, owner LIMIT :limit OFFSET :offset"""  # noqa: S608 - a constant
    sought = _sought(query)
    if sought is None:
        return ()
    given = {"sought": sought, "limit": limit, "offset": offset, **viewer.sees}
    return tuple(map(_row, tables.execute(sql, given).fetchall()))


def count(tables: sqlite3.Connection, viewer: Viewer) -> int:
    """How many voices somebody sees."""
    sql = f"SELECT count(*) FROM voices WHERE {SEEN}"  # noqa: S608 - a constant
    (number,) = tables.execute(sql, viewer.sees).fetchone()
    return int(number)


def count_of(tables: sqlite3.Connection, viewer: Viewer) -> int:
    """How many voices count for somebody's share: their own, or all for those who see all."""
    sql = "SELECT count(*) FROM voices WHERE :sees_all OR owner = :viewer"
    (number,) = tables.execute(sql, viewer.sees).fetchone()
    return int(number)


def place(
    tables: sqlite3.Connection, name: str, if_taken: IfTaken, said: Words, viewer: Viewer
) -> tuple[str, Row | None]:
    """What a new voice will be called, and which voice it replaces.

    Raises:
        VoiceError: the name, or one of the aliases, is taken.
        ConfigError: `if_taken` is nothing we know.
    """
    if if_taken not in get_args(IfTaken):
        raise ConfigError(f"if_taken is {if_taken!r}; it is one of {', '.join(get_args(IfTaken))}.")
    if if_taken == "number":
        name = next(each for each in names.numbered(name) if not _holders(tables, each, viewer))
    holders = _holders(tables, name, viewer)
    if holders and if_taken == "refuse":
        raise _taken(name)
    replaced = None
    if holders:
        replaced = look_up(tables, name if len(holders) > 1 else holders.pop(), viewer)
    if replaced is not None and names.key(replaced.entry.name) != names.key(name):
        raise VoiceError(
            f"{name!r} is another name of the voice {replaced.entry.name!r}. Replace that one, or "
            f"choose another name."
        )
    for alias in said.aliases or ():
        _check_free(tables, alias, None if replaced is None else replaced.entry.id, viewer)
    return name, replaced


def insert(tables: sqlite3.Connection, facts: Facts, file: str, size: int, viewer: Viewer) -> str:
    """Enter a voice, which has no name yet, and tell its id.

    That is the one its file was written for, unless a voice has it already.
    """
    voice, _ = voice_of(file)
    if tables.execute("SELECT 1 FROM voices WHERE id = ?", (voice,)).fetchone() is not None:
        voice = names.new_id()
    tables.execute(
        "INSERT INTO voices VALUES (?, ?, '', '', ?, ?, '[]', ?, ?, ?, ?, ?)",
        (
            *(voice, file, facts.model, facts.family, _now(), facts.consent, facts.licence, size),
            viewer.name,
        ),
    )
    return voice


def exchange(tables: sqlite3.Connection, replaced: Row, facts: Facts, file: str, size: int) -> None:
    """Put another file in the place of a voice's own, which is nobody's from now on."""
    tables.execute(
        "UPDATE voices SET file = ?, model = ?, family = ?, created = ?, consent = ?, licence = ?, "
        "size = ? WHERE id = ?",
        (
            *(file, facts.model, facts.family, _now(), facts.consent, facts.licence, size),
            replaced.entry.id,
        ),
    )
    note(tables, replaced.file)


def say(tables: sqlite3.Connection, voice: str, said: Words) -> None:
    """What people say of a voice; nothing about its aliases."""
    if said.description is not None:
        tables.execute(
            "UPDATE voices SET description = ?, searched = ? WHERE id = ?",
            (said.description, names.key(said.description), voice),
        )
    if said.languages is not None:
        codes = json.dumps(said.languages)
        tables.execute("UPDATE voices SET languages = ? WHERE id = ?", (codes, voice))


def call(
    tables: sqlite3.Connection, voice: str, name: str, aliases: tuple[str, ...], viewer: Viewer
) -> None:
    """Give a voice these names and no others.

    Raises:
        VoiceError: another voice has one of them.
    """
    wanted = {names.key(each): each for each in (*aliases, name)}
    wanted = {names.key(name): name} | wanted
    tables.execute("DELETE FROM names WHERE voice = ?", (voice,))
    for number, (key, each) in enumerate(wanted.items()):
        _check_free(tables, each, None, viewer)
        tables.execute(
            "INSERT INTO names SELECT ?, owner, id, ?, ? FROM voices WHERE id = ?",
            (key, number, each, voice),
        )


def drop(tables: sqlite3.Connection, row: Row) -> None:
    """Forget a voice; its file is nobody's from now on."""
    tables.execute("DELETE FROM voices WHERE id = ?", (row.entry.id,))
    note(tables, row.file)


def note(tables: sqlite3.Connection, file: str) -> None:
    """Note that a file is being written or removed."""
    tables.execute("INSERT INTO pending VALUES (?, ?)", (file, time.time()))


def settle(tables: sqlite3.Connection, file: str) -> bool:
    """Drop the note of a file; False if there was none."""
    return bool(tables.execute("DELETE FROM pending WHERE file = ?", (file,)).rowcount)


def stale(tables: sqlite3.Connection, seconds: float) -> tuple[str, ...]:
    """Files noted so long ago, or by a clock so wrong, that nobody works on them."""
    sql = "SELECT file FROM pending WHERE abs(? - since) >= ?"
    return tuple(file for (file,) in tables.execute(sql, (time.time(), seconds)).fetchall())


def is_stale(tables: sqlite3.Connection, file: str, seconds: float) -> bool:
    """Whether this is one of them."""
    sql = "SELECT 1 FROM pending WHERE file = ? AND abs(? - since) >= ?"
    return tables.execute(sql, (file, time.time(), seconds)).fetchone() is not None


def files(tables: sqlite3.Connection) -> frozenset[str]:
    """All files that the index knows of."""
    sql = "SELECT file FROM voices UNION SELECT file FROM pending"
    return frozenset(file for (file,) in tables.execute(sql).fetchall())


def _sought(text: str) -> str | None:
    """The key of what somebody looks for; None if no name or description has it in it."""
    halves = any("\ud800" <= character <= "\udfff" for character in text[: names.LONGEST_GIVEN])
    return None if halves or len(text) > names.LONGEST_GIVEN else names.key(text)


def _row(row: tuple[Any, ...]) -> Row:
    """A row of the view `cards`."""
    name, *aliases = json.loads(row[2])
    entry = Entry(
        id=row[0],
        name=name,
        description=row[3],
        model=row[4],
        family=row[5],
        languages=tuple(json.loads(row[6])),
        created=row[7],
        consent=row[8],
        licence=row[9],
        size=row[10],
        aliases=tuple(aliases),
        owner=row[11],
    )
    return Row(entry, row[1])


def _holders(tables: sqlite3.Connection, name: str, viewer: Viewer) -> set[str]:
    """Ids of voices of this name: one, unless the viewer sees those of several owners."""
    sql = f"SELECT voice FROM names WHERE {SEEN} AND key = :key"  # noqa: S608 - a constant
    found = tables.execute(sql, {"key": names.key(name), **viewer.sees}).fetchall()
    return {voice for (voice,) in found}


def _check_free(tables: sqlite3.Connection, name: str, own: str | None, viewer: Viewer) -> None:
    if _holders(tables, name, viewer) - {own}:
        raise _taken(name)


def _taken(name: str) -> VoiceError:
    return VoiceError(
        f"A voice called {name!r} is in the library already. Choose another name, or have that "
        f"voice replaced."
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
