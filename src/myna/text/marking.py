"""Put together what is read of a text with markup, and the notes on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from myna.text.notes import Marked, Note
from myna.text.traced import Journal, Span, Traced


class Opened(NamedTuple):
    """A note whose last character is not known yet."""

    note: int
    """Its number."""
    first: int
    """Of the characters that are read, its first."""


class Marking:
    """The characters and notes found so far, in the order of the caller's text."""

    def __init__(self, source: str, journal: Journal | None) -> None:
        self._source = source
        self._journal = journal
        self._chars: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._notes: list[Note | None] = []

    def __len__(self) -> int:
        """Of the characters that are read."""
        return len(self._chars)

    def take(self, start: int, end: int) -> None:
        """These characters of the caller's text are read."""
        self._chars += self._source[start:end]
        self._starts += range(start, end)
        self._ends += range(start + 1, end + 1)

    def put(self, text: str, span: Span) -> None:
        """`text` is read in place of what is at `span`."""
        self._chars += text
        self._starts += [span[0]] * len(text)
        self._ends += [span[1]] * len(text)

    def add(self, note: Note) -> None:
        self._notes.append(note)

    def open(self) -> Opened:
        """A note begins here."""
        self._notes.append(None)
        return Opened(len(self._notes) - 1, len(self._chars))

    def close(self, opened: Opened, make: Callable[[Span], Note]) -> None:
        """And ends here. Spaces at its ends are not in it; if nothing is, there is no note."""
        first, last = opened.first, len(self._chars)
        while first < last and self._chars[first].isspace():
            first += 1
        while first < last and self._chars[last - 1].isspace():
            last -= 1
        if first < last:
            self._notes[opened.note] = make((self._starts[first], self._ends[last - 1]))

    def marked(self) -> Marked:
        if len(self._chars) == len(self._source) and not self._notes:
            return Marked(Traced.of(self._source, self._journal), ())
        text = Traced("".join(self._chars), self._starts, self._ends, self._journal)
        return Marked(text, tuple(note for note in self._notes if note is not None))
