"""Lexicons: how some words are read, word by word, from a file that people write.

A line is a language, a word and its reading, with tabs between them; docs/markup.md tells users.
A lexicon may belong to a request or travel with a voice.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from myna.errors import MarkupError, TextError
from myna.text.notes import ALPHABETS, LANGUAGES, Reading, shown
from myna.text.traced import Traced

Spelled = Callable[[str, str], Sequence[Sequence[str]]]
"""Of a language and a notation the phones, syllable by syllable; `Frontend.spelled`."""

LARGEST = 1_000_000
"""Bytes of a file, or characters of a text."""
MOST = 20_000
"""Entries."""
LONGEST_WORD = 64
LONGEST_READING = 512


class Entry(NamedTuple):
    """A word of a language, and how it is read."""

    language: str
    word: str
    reading: str


@dataclass(frozen=True)
class Lexicon:
    """Readings of words. Immutable, so safe to share between threads."""

    entries: tuple[Entry, ...] = ()
    """No word of a language twice."""

    @classmethod
    def read(cls, path: str | Path, spelled: Spelled | None = None) -> Lexicon:
        """The lexicon in a file.

        Raises:
            TextError: as `parse`; or there is no such file, or it is too large, or not in UTF-8.
            OSError: it cannot be read.
        """
        path = Path(path)
        if not path.is_file():
            raise TextError(f"There is no lexicon {path}.")
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise TextError(_too_large(str(path)))
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise TextError(f"{path} is not text in UTF-8 ({error}); convert it first.") from error
        return cls.parse(text, str(path), spelled)

    @classmethod
    def parse(cls, text: str, name: str = "The lexicon", spelled: Spelled | None = None) -> Lexicon:
        """The lexicon in a text; of two lines with the same word the later one counts.

        Args:
            text: lines.
            name: of the text, for messages.
            spelled: checks that each reading is one; of Chinese words also that there is a
                syllable for each character.

        Raises:
            TextError: the text is too large, or a line is not well formed; the message has its
                number.
        """
        if len(text) > LARGEST:
            raise TextError(_too_large(name))
        found: dict[tuple[str, str], Entry] = {}
        for number, line in enumerate(_LINE_END.split(text.removeprefix("\ufeff")), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                entry = _entry(line)
                if spelled is not None:
                    _check(entry, spelled)
            except TextError as error:
                raise TextError(f"{name}, line {number}: {error}") from error
            found[entry.language, entry.word] = entry
            if len(found) > MOST:
                raise TextError(f"{name} has more than {MOST:,} words; leave out the rarest.")
        return cls(tuple(found.values()))

    def __or__(self, other: Lexicon) -> Lexicon:
        """Both; where both have a word, as `other` reads it."""
        found = {(entry.language, entry.word): entry for entry in (*self.entries, *other.entries)}
        return Lexicon(tuple(found.values()))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def as_text(self) -> str:
        """Lines that `parse` reads as this lexicon."""
        return "".join("\t".join(entry) + "\n" for entry in self.entries)

    def find(self, text: Traced, language: str) -> list[Reading]:
        """Readings of the words of this lexicon in `text`, in order, none overlapping another.

        From left to right, of several words at one place the longest. Where a word has a Latin
        letter or a digit at its end, none may be beyond it; in English, a word without capitals
        may be written with some. Words that are part of something put in are left alone.

        Args:
            text: in one language, before it is normalised.
            language: zh, en, ja, ko or yue.
        """
        words = self._words.get(language)
        return [] if words is None else list(words.find(text, ALPHABETS[language]))

    @cached_property
    def _words(self) -> dict[str, _Words]:
        of_language: dict[str, list[Entry]] = {}
        for entry in self.entries:
            of_language.setdefault(entry.language, []).append(entry)
        return {
            language: _Words(entries, any_case=language == "en")
            for language, entries in of_language.items()
        }


class _Words:
    """Words of one language, by their first characters."""

    def __init__(self, entries: Iterable[Entry], *, any_case: bool) -> None:
        self._any_case = any_case
        self._readings: dict[str, str] = {}
        self._lengths: dict[str, list[int]] = {}
        """Of the words that begin with a character, from short to long."""
        for entry in entries:
            word = entry.word.translate(_PLAIN)
            self._readings[word] = entry.reading
            firsts = {word[0], word[0].upper()[:1]} if self._ignores_case(word) else {word[0]}
            for first in firsts:
                lengths = self._lengths.setdefault(first, [])
                if len(word) not in lengths:
                    insort(lengths, len(word))

    def _ignores_case(self, word: str) -> bool:
        return self._any_case and word == word.lower()

    def find(self, text: Traced, alphabet: str) -> Iterable[Reading]:
        plain = text.text.translate(_PLAIN)
        start = 0
        while start < len(plain):
            end, notation = self._longest(plain, start)
            if end and _separate(text, start, end):
                span = text.span(start, end)
                yield Reading(span, notation, alphabet, span[0])
                start = end
            else:
                start += 1

    def _longest(self, text: str, start: int) -> tuple[int, str]:
        """Where the longest word at `start` ends, and its reading; 0 if there is none."""
        for length in reversed(self._lengths.get(text[start], ())):
            end = start + length
            written = text[start:end]
            reading = self._readings.get(written)
            if reading is None and self._any_case:
                reading = self._readings.get(written.lower())
            if reading is not None and len(written) == length and _is_whole(text, start, end):
                return end, reading
        return 0, ""


_LINE_END = re.compile("\r\n|\n|\r")
_COLUMNS = re.compile(r"\t+")
_PLAIN = {ord("’"): "'", ord("\u00a0"): " "}
"""Ways to write one and the same, all of length one."""
_POSSESSIVE = re.compile(r"'s(?![A-Za-z0-9])", re.IGNORECASE)


def _entry(line: str) -> Entry:
    columns = [column.strip() for column in _COLUMNS.split(line.strip("\t "))]
    if len(columns) != 3 or not all(columns):
        raise TextError(
            f"{shown(line)} is not a language, a word and its reading with tabs between them."
        )
    language, word, reading = columns[0].lower(), " ".join(columns[1].split()), columns[2]
    if language not in LANGUAGES:
        raise TextError(f"There is no language {shown(columns[0])}; use {', '.join(LANGUAGES)}.")
    if len(word) > LONGEST_WORD or len(reading) > LONGEST_READING:
        raise TextError(
            f"Words have at most {LONGEST_WORD} characters and readings {LONGEST_READING}; "
            f"{shown(word)} is longer."
        )
    return Entry(language, word, reading)


def _check(entry: Entry, spelled: Spelled) -> None:
    """Whether the reading is one, and long enough for the word.

    Raises:
        TextError: it is not.
    """
    try:
        syllables = spelled(entry.language, entry.reading)
    except MarkupError as error:
        what = f"{shown(entry.reading)} is no reading of {shown(entry.word)}."
        raise TextError(f"{what} {error}") from error
    counted = entry.language in ("zh", "yue") and all(map(_is_ideograph, entry.word))
    if counted and len(syllables) != len(entry.word):
        raise TextError(
            f"{shown(entry.reading)} has {len(syllables)} syllables for the {len(entry.word)} "
            f"characters of {shown(entry.word)}; each needs one."
        )


def _is_ideograph(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or char == "\u3007" or char >= "\U00020000"


def _separate(text: Traced, start: int, end: int) -> bool:
    """Whether what is beside a word came from other characters of the caller's than the word."""
    return not (
        (start and text.ends[start - 1] > text.starts[start])
        or (end < len(text) and text.starts[end] < text.ends[end - 1])
    )


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no Latin word goes on at either end of what is written there."""
    if _is_latin(text[start]) and start and _goes_on(text, start - 1, start - 2):
        return False
    if _is_latin(text[end - 1]) and end < len(text):
        return not _goes_on(text, end, end + 1) or _POSSESSIVE.match(text, end) is not None
    return True


def _goes_on(text: str, place: int, beyond: int) -> bool:
    """Whether the character there, or behind an apostrophe there the one beyond it, is Latin."""
    if text[place] == "'" and 0 <= beyond < len(text):
        place = beyond
    return _is_latin(text[place])


def _is_latin(char: str) -> bool:
    return char.isalnum() and char < "\u1100"


def _too_large(name: str) -> str:
    return f"{name} is larger than {LARGEST // 1_000_000} MB; leave out the rarest words."
