"""A text that knows where in the caller's text each of its characters came from.

Normalising is a chain of substitutions; done on a `Traced`, each of them carries the places along.
A replacement takes the place of all that it replaces, but for what both begin or end with: of
`3-5天` becoming `三到五天`, 天 keeps its own place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from myna.datatypes import Applied, Span, Unread

Match = re.Match[str]

__all__ = ["Applied", "Journal", "Span", "Traced", "Unread", "joined"]


class Journal:
    """What happened on the way from one text to its phones; belongs to that one request."""

    def __init__(self, *, explain: bool = False) -> None:
        self.explain = explain
        self.applied: list[Applied] = []
        """Kept only if `explain` is set."""
        self.unread: list[Unread] = []

    def clear(self) -> None:
        """Forget: the text is read once more."""
        self.applied.clear()
        self.unread.clear()

    def note(self, rule: str, span: Span, before: str, after: str) -> None:
        """Remember that a rule fired."""
        if self.explain:
            self.applied.append(Applied(rule, span, before, after))

    def note_unread(self, span: Span, text: str) -> None:
        """Remember what is not spoken. Spaces, punctuation and invisible characters go unnoted."""
        if any(unicodedata.category(char)[0] in "LNS" for char in text):
            self.unread.append(Unread(span, text))


class Traced:
    """Characters and their places. Immutable, but for the journal that all texts of one share."""

    __slots__ = ("ends", "journal", "starts", "text")

    def __init__(
        self, text: str, starts: Sequence[int], ends: Sequence[int], journal: Journal | None = None
    ) -> None:
        assert len(text) == len(starts) == len(ends)
        self.text = text
        self.starts = starts
        """Of each character, where in the caller's text its origin begins."""
        self.ends = ends
        """And where it ends. Equal to the start for a character that was put in, unless that was
        within a replacement."""
        self.journal = journal or Journal()

    @classmethod
    def of(cls, text: str, journal: Journal | None = None) -> Traced:
        """The caller's text itself."""
        return cls(text, range(len(text)), range(1, len(text) + 1), journal)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Traced({self.text!r})"

    def __len__(self) -> int:
        return len(self.text)

    def __bool__(self) -> bool:
        return bool(self.text)

    def __getitem__(self, part: slice) -> Traced:
        return Traced(self.text[part], self.starts[part], self.ends[part], self.journal)

    def __iter__(self) -> Iterator[Traced]:
        return (self[i : i + 1] for i in range(len(self)))

    def __add__(self, other: Traced | str) -> Traced:
        """Both, one after the other; a plain string is put in where this text ends."""
        if isinstance(other, str):
            other = self.inserted(other, len(self))
        return Traced(
            self.text + other.text,
            [*self.starts, *other.starts],
            [*self.ends, *other.ends],
            self.journal,
        )

    def __radd__(self, other: str) -> Traced:
        return self.inserted(other, 0) + self

    def inserted(self, text: str, at: int) -> Traced:
        """`text` as something put in before the character `at` of this text."""
        start, end = self._border(at)
        return Traced(text, [start] * len(text), [end] * len(text), self.journal)

    def _border(self, at: int) -> Span:
        """The place before the character `at`: empty, but for one within a replacement."""
        start = self.starts[at] if at < len(self) else self.ends[-1] if self else 0
        return start, max(start, self.ends[at - 1] if at else start)

    def span(self, start: int = 0, end: int | None = None) -> Span:
        """Where in the caller's text the characters `start` to `end` came from."""
        end = len(self) if end is None else end
        if start < end:
            return min(self.starts[start:end]), max(self.ends[start:end])
        return self._border(start)

    def sub(
        self, pattern: re.Pattern[str], replacement: str | Callable[[Match], str], rule: str = ""
    ) -> Traced:
        """`pattern.sub(replacement, text)`; a named rule is noted in the journal."""
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            old = match[0]
            new = match.expand(replacement) if isinstance(replacement, str) else replacement(match)
            if new == old:
                continue
            if rule:
                self.journal.note(rule, self.span(start, end), old, new)
            same = _same_start(old, new)
            alike = _same_start(old[same:][::-1], new[same:][::-1])
            first, last = start + same, end - alike
            pieces += (self.text[done:first], new[same : len(new) - alike])
            starts += self.starts[done:first]
            ends += self.ends[done:first]
            origin = self.span(first, last)
            count = len(new) - same - alike
            starts += [origin[0]] * count
            ends += [origin[1]] * count
            done = last
        if not pieces:
            return self
        return Traced(
            "".join([*pieces, self.text[done:]]),
            [*starts, *self.starts[done:]],
            [*ends, *self.ends[done:]],
            self.journal,
        )

    def replace(self, old: str, new: str, rule: str = "") -> Traced:
        """`text.replace(old, new)`."""
        if old not in self.text:
            return self
        return self.sub(re.compile(re.escape(old)), lambda _: new, rule)

    def translate(self, table: Mapping[int, str], rule: str = "") -> Traced:
        """`text.translate(table)`: characters to strings, which may be empty."""
        changed = self.text.translate(table)
        if changed == self.text:
            return self
        if len(changed) == len(self.text) and not rule and all(len(v) == 1 for v in table.values()):
            return Traced(changed, self.starts, self.ends, self.journal)
        starts: list[int] = []
        ends: list[int] = []
        pieces: list[str] = []
        for char, start, end in zip(self.text, self.starts, self.ends, strict=True):
            new = table.get(ord(char), char)
            if rule and new != char:
                self.journal.note(rule, (start, end), char, new)
            pieces.append(new)
            starts += [start] * len(new)
            ends += [end] * len(new)
        return Traced("".join(pieces), starts, ends, self.journal)

    def kept(self, wanted: Callable[[str], bool]) -> Traced:
        """Only the wanted characters; the others are noted as unread, run by run."""
        kept = [i for i, char in enumerate(self.text) if wanted(char)]
        if len(kept) == len(self):
            return self
        done = 0
        for i in [*kept, len(self)]:
            if i > done:
                self.journal.note_unread(self.span(done, i), self.text[done:i])
            done = i + 1
        return Traced(
            "".join(self.text[i] for i in kept),
            [self.starts[i] for i in kept],
            [self.ends[i] for i in kept],
            self.journal,
        )

    def strip(self, chars: str | None = None) -> Traced:
        """`text.strip(chars)`."""
        left = len(self.text) - len(self.text.lstrip(chars))
        return self[left : max(left, len(self.text.rstrip(chars)))]

    def split(self, pattern: re.Pattern[str]) -> list[Traced]:
        """The text between the matches of `pattern`, which are lost; groups are not returned."""
        borders = [0]
        for match in pattern.finditer(self.text):
            borders += match.span()
        borders.append(len(self))
        return [self[a:b] for a, b in zip(borders[::2], borders[1::2], strict=True)]


def joined(parts: Iterable[Traced], empty: Traced | None = None) -> Traced:
    """Several texts as one; `empty` is the result if there are none."""
    parts = list(parts)
    if not parts:
        return Traced("", [], []) if empty is None else empty[:0]
    return Traced(
        "".join(part.text for part in parts),
        [start for part in parts for start in part.starts],
        [end for part in parts for end in part.ends],
        parts[0].journal,
    )


def _same_start(a: str, b: str) -> int:
    """How many characters both begin with."""
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count
