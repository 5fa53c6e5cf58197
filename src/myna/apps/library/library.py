"""Voices kept on disk by name.

A folder holds one file for each voice, and an index. Several processes and threads may use it at
once. A voice is in the library as long as its entry is; its file comes before and goes after:

    add      note the file as pending | write the file | enter the voice and drop the note, at once
    delete   drop the entry and note the file as pending, at once | remove the file | drop the note

So no entry is ever without its file, whenever a process is killed, and a full disk leaves the
library as it was. What is left then is nobody's, see `recovery`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import Any, Self, TypeVar

from myna.apps.library import names, tables
from myna.apps.library.entry import Entry, Facts, Words, facts, spoken, words
from myna.apps.library.index import Index
from myna.apps.library.recovery import clear, recover
from myna.apps.library.shelf import Shelf, new_file
from myna.apps.library.tables import IfTaken
from myna.apps.library.viewer import EVERYBODY, Viewer
from myna.datatypes import Voice, in_range
from myna.errors import VoiceError
from myna.files import data_folder

LARGEST = 32 << 20
"""Bytes of a voice's file, and of a preview."""
LARGEST_SETTING = 1 << 16
"""Characters of a setting as JSON."""

Read = TypeVar("Read")


class Library:
    """The voices in one folder. Safe to share between threads, and to open in many processes.

    Everything here may wait for the disk, and for others who write.
    """

    def __init__(
        self, folder: str | Path | None = None, *, keep: int = 16, most: int | None = None
    ) -> None:
        """Open the library; make it if need be, and clear away what killed processes left.

        Args:
            folder: where; by default `voices` in the data folder.
            keep: so many voices used last stay in memory.
            most: voices there may be, of each owner who sees no others'; None for no limit.

        Raises:
            VoiceError: the folder cannot be used, its index is damaged or of a newer Myna.
            BusyError: other processes do not let go of the index.
        """
        path = data_folder() / "voices" if folder is None else Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VoiceError(
                f"The folder of the voice library cannot be made: {error.strerror}."
            ) from None
        self._most, self._viewer = most, EVERYBODY
        self._shelf = Shelf(path, keep)
        self._index = Index(path)
        recover(self._index, self._shelf)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index; it is opened again if it is used after all."""
        self._index.close()

    def seen_by(self, owner: str, *, sees_all: bool = False) -> Library:
        """The same library, as somebody sees it to whom belongs what they add here.

        They see their own voices and those that are everybody's; of two with the same name, their
        own. Settings that they keep are their own, too; where there is none, everybody's counts.

        Args:
            owner: letters, digits and `._-`; empty for everybody.
            sees_all: other owners' voices, too, and with everybody's settings.

        Raises:
            ConfigError: nobody can be called so.
        """
        seen = copy.copy(self)
        seen._viewer = Viewer(owner, sees_all)
        return seen

    def add(
        self,
        voice: Voice,
        *,
        name: str = "",
        description: str | None = None,
        languages: Iterable[str] | None = None,
        aliases: Iterable[str] | None = None,
        if_taken: IfTaken = "refuse",
    ) -> Entry:
        """Keep a voice.

        Args:
            voice: as cloning made it.
            name: what to call it (default: the voice's own name).
            description: a few words for people.
            languages: codes; by default that of the reference, if known.
            aliases: other names it answers to.
            if_taken: what to do if another voice has the name. A voice that is replaced keeps its
                id, and what is not given now.

        Raises:
            VoiceError: a name is unfit or taken, or the disk is full; the library is as it was.
            BusyError: others write to the library for too long.
        """
        called = names.checked(name or voice.name)
        said, known = words(description, languages, aliases), facts(voice)
        with self._making(called, said, if_taken) as file:
            size = self._shelf.save(file, replace(voice, name=called))
            return self._enter(file, size, voice, known, called, said, if_taken)

    def import_(
        self,
        data: bytes,
        name: str = "",
        *,
        description: str | None = None,
        languages: Iterable[str] | None = None,
        aliases: Iterable[str] | None = None,
        if_taken: IfTaken = "refuse",
    ) -> Entry:
        """Keep a voice file that came from anywhere, byte by byte as it is.

        Args as `add`; the default of `name` is made of what the file says.

        Raises:
            VoiceError: it is no voice file, or too large; and as `add`.
            BusyError: as `add`.
        """
        if len(data) > LARGEST:
            raise VoiceError(f"A voice file has at most {LARGEST >> 20} MiB; this one is larger.")
        said = words(description, languages, aliases)
        called = names.checked(name) if name else None
        with self._making(called, said, if_taken) as file:
            voice = self._shelf.put(file, data)
            called = called or names.tamed(voice.name)
            return self._enter(file, len(data), voice, facts(voice), called, said, if_taken)

    def get(self, which: str) -> Entry:
        """The voice of this id, name or alias, in whatever case.

        Raises:
            VoiceError: there is none.
        """
        return self._row(which).entry

    def find(self, which: str) -> Entry | None:
        """The voice of this id, name or alias, in whatever case, or None."""
        with self._index.reading() as connection:
            found = tables.find(connection, which, self._viewer)
        return None if found is None else found.entry

    def list(self, query: str = "", limit: int = 1000, offset: int = 0) -> tuple[Entry, ...]:
        """Voices with `query` in their name, an alias or the description, in the order of names.

        Raises:
            ConfigError: `limit` or `offset` is below 0, or too large.
        """
        in_range("limit", limit, 0, 1 << 32)
        in_range("offset", offset, 0, 1 << 32)
        with self._index.reading() as connection:
            found = tables.search(connection, query, int(limit), int(offset), self._viewer)
        return tuple(row.entry for row in found)

    def count(self) -> int:
        """How many voices there are."""
        with self._index.reading() as connection:
            return tables.count(connection, self._viewer)

    def voice(self, which: Entry | str) -> Voice:
        """What speaking needs of it; the same object as long as its file stays the same and it was
        used lately.

        Raises:
            VoiceError: there is none, or its file is missing or damaged.
        """
        return self._with_file(which, self._shelf.load)

    def export(self, which: Entry | str) -> bytes:
        """The voice's file as it is.

        Raises:
            VoiceError: there is none, or its file is missing.
        """
        return self._with_file(which, self._shelf.read)

    def rename(self, which: Entry | str, name: str) -> Entry:
        """Call it something else; its id and its aliases stay.

        Raises:
            VoiceError: there is no such voice, or the name is unfit or taken.
        """
        called = names.checked(name)
        with self._index.writing() as connection:
            entry = tables.look_up(connection, which, self._viewer).entry
            tables.call(connection, entry.id, called, entry.aliases, self._viewer)
            return tables.look_up(connection, entry.id, self._viewer).entry

    def describe(
        self,
        which: Entry | str,
        description: str | None = None,
        *,
        languages: Iterable[str] | None = None,
        aliases: Iterable[str] | None = None,
    ) -> Entry:
        """Change what is said of it; what is not given stays.

        Raises:
            VoiceError: there is no such voice, or something is unfit or taken.
        """
        said = words(description, languages, aliases)
        with self._index.writing() as connection:
            entry = tables.look_up(connection, which, self._viewer).entry
            tables.say(connection, entry.id, said)
            if said.aliases is not None:
                tables.call(connection, entry.id, entry.name, said.aliases, self._viewer)
            return tables.look_up(connection, entry.id, self._viewer).entry

    def delete(self, which: Entry | str) -> None:
        """Forget a voice, its file and its preview.

        Raises:
            VoiceError: there is no such voice.
        """
        with self._index.writing() as connection:
            row = tables.look_up(connection, which, self._viewer)
            tables.drop(connection, row)
        clear(self._index, self._shelf, row.file)

    def preview(self, which: Entry | str) -> bytes | None:
        """The WAV that `set_preview` kept, or None.

        Raises:
            VoiceError: there is no such voice.
        """
        return self._shelf.preview(self._row(which).file)

    def set_preview(self, which: Entry | str, data: bytes) -> None:
        """Keep a WAV in which the voice says something, until the voice is replaced or deleted.

        Raises:
            VoiceError: there is no such voice, this is no WAV, or the disk is full.
        """
        if len(data) > LARGEST or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
            raise VoiceError(f"A preview is a WAV file of at most {LARGEST >> 20} MiB.")
        row = self._row(which)
        self._shelf.set_preview(row.file, data)
        with self._index.reading() as connection:
            now = tables.find(connection, row.entry, self._viewer)
        if now is None or now.file != row.file:  # it was replaced or deleted meanwhile
            self._shelf.remove_preview(row.file)

    def settings(self, key: str, default: Any = None) -> Any:
        """What any process kept last under `key` by `set`, or `default`."""
        with self._index.reading() as connection:
            row = connection.execute(
                "SELECT value FROM settings WHERE key IN (?, ?) ORDER BY key = ? LIMIT 1",
                (key, self._own(key), key),
            ).fetchone()
        return default if row is None else json.loads(row[0])

    def set(self, key: str, value: Any) -> None:
        """Keep a small JSON value for all processes; None forgets it.

        Raises:
            VoiceError: it is too large, or the disk is full.
            TypeError, ValueError: it is no JSON value.
        """
        key = self._own(key)
        written = json.dumps(value, allow_nan=False)  # in ASCII: any text can be kept
        if len(written) > LARGEST_SETTING:
            raise VoiceError(f"A setting has at most {LARGEST_SETTING} characters.")
        with self._index.writing() as connection:
            if value is None:
                connection.execute("DELETE FROM settings WHERE key = ?", (key,))
            else:
                connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, written))

    def _own(self, key: str) -> str:
        """The key of a setting, which is another one for each who sees only their own."""
        alone = self._viewer.name and not self._viewer.sees_all
        return f"{self._viewer.name}/{key}" if alone else key

    @contextmanager
    def _making(self, name: str | None, said: Words, if_taken: IfTaken) -> Iterator[str]:
        """A new file that is written and entered within the block, or that is gone after it."""
        with self._index.writing() as connection:
            # What is refused is refused before the work; what counts is asked again at its end.
            replaced = None
            if name is not None:
                _, replaced = tables.place(connection, name, if_taken, said, self._viewer)
            self._check_room(connection, replaced)
            if replaced is None:
                file = new_file(names.new_id(), self._viewer.name)
            else:
                file = new_file(replaced.entry.id, replaced.entry.owner)
            tables.note(connection, file)
        try:
            yield file
        except BaseException:
            clear(self._index, self._shelf, file)
            raise

    def _enter(
        self,
        file: str,
        size: int,
        voice: Voice,
        known: Facts,
        name: str,
        said: Words,
        if_taken: IfTaken,
    ) -> Entry:
        """Make an entry of a file that is written; its note goes with the same stroke."""
        with self._index.writing() as connection:
            if not tables.settle(connection, file):
                raise VoiceError("Saving the voice took more than an hour, and was given up.")
            name, replaced = tables.place(connection, name, if_taken, said, self._viewer)
            self._check_room(connection, replaced)
            aliases: tuple[str, ...] = ()
            if replaced is None:
                identity = tables.insert(connection, known, file, size, self._viewer)
                languages = spoken(voice)
            else:
                identity, aliases = replaced.entry.id, replaced.entry.aliases
                languages = spoken(voice) or replaced.entry.languages
                tables.exchange(connection, replaced, known, file, size)
            tables.say(connection, identity, Words(languages=languages))
            tables.say(connection, identity, said)
            if said.aliases is not None:
                aliases = said.aliases
            tables.call(connection, identity, name, aliases, self._viewer)
            entry = tables.look_up(connection, identity, self._viewer).entry
        if replaced is not None:
            clear(self._index, self._shelf, replaced.file)
        return entry

    def _check_room(self, connection: Connection, replaced: tables.Row | None) -> None:
        if replaced is not None or self._most is None:
            return
        if tables.count_of(connection, self._viewer) >= self._most:
            whose = "it holds" if self._viewer.sees_all else "your part of it holds"
            raise VoiceError(
                f"The library is full: {whose} {self._most} voices. Delete one and try again."
            )

    def _row(self, which: Entry | str) -> tables.Row:
        with self._index.reading() as connection:
            return tables.look_up(connection, which, self._viewer)

    def _with_file(self, which: Entry | str, read: Callable[[str, str], Read]) -> Read:
        row = self._row(which)
        while True:
            try:
                return read(row.file, row.entry.name)
            except VoiceError:
                now = self._row(row.entry)
                if now.file == row.file:
                    raise
                row = now  # it was replaced meanwhile
