"""When a library is opened: clear away what killed processes left, and take in what was restored.

A file with a note in the index that is an hour old belongs to nobody and is removed: either nobody
was told that it was saved, or somebody asked for it to be deleted, and a voice that a person wanted
gone must not come back. A file that the index has never heard of came from a backup, or the index
is new: it is taken in under the name in it.
"""

from __future__ import annotations

import logging

from myna.apps.library import names, tables
from myna.apps.library.entry import Words, facts, spoken
from myna.apps.library.index import Index
from myna.apps.library.shelf import Shelf, voice_of
from myna.apps.library.viewer import EVERYBODY, Viewer
from myna.errors import MynaError, VoiceError

log = logging.getLogger(__name__)

STALE = 3600.0
"""Seconds after which whoever wrote a file is taken to be gone."""


def recover(index: Index, shelf: Shelf) -> None:
    """Make files and index agree.

    Raises:
        VoiceError, BusyError: as any use of the library.
    """
    with index.reading() as connection:
        left = tables.stale(connection, STALE)
    for file in left:
        clear(index, shelf, file, STALE)
    # First the folder, then the index: whoever makes a file has noted it before.
    found = shelf.files()
    with index.reading() as connection:
        known = tables.files(connection)
    for file in found:
        if file not in known:
            _adopt(index, shelf, file)
    shelf.forget_leftovers(known, STALE)


def clear(index: Index, shelf: Shelf, file: str, older: float = 0.0) -> None:
    """Remove a file that is nobody's, with its note, if that is so many seconds old.

    What cannot be removed now, because somebody reads it or the library is busy, is removed when
    the library is opened later: the note says so.
    """
    try:
        with index.writing() as connection:
            # Without a note it has become a voice after all; in here it cannot become one.
            if tables.is_stale(connection, file, older) and shelf.remove(file):
                tables.settle(connection, file)
    except MynaError as error:
        log.warning("What is left of a voice is removed later: %s", error)


def _adopt(index: Index, shelf: Shelf, file: str) -> None:
    try:
        voice = shelf.load(file, file)
        known = facts(voice)
    except VoiceError as error:
        log.warning("A file in the voice library is not taken in: %s", error)
        return
    with index.writing() as connection:
        size = shelf.size(file)
        if size is None or file in tables.files(connection):
            return  # another process was here
        name, _ = tables.place(connection, names.tamed(voice.name), "number", Words(), EVERYBODY)
        identity = tables.insert(connection, known, file, size, Viewer(voice_of(file)[1]))
        tables.say(connection, identity, Words(languages=spoken(voice)))
        tables.call(connection, identity, name, (), EVERYBODY)
    log.warning("A file without an entry was taken in as the voice %r.", name)
