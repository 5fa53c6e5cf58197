"""How characters are read, from pypinyin: the initial and the final with its tone."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from myna.extras import require
from myna.text import tables


class Syllable(NamedTuple):
    """One character: `zh` and `ong1` for 中. A mark, or what has no reading, is twice itself."""

    initial: str
    final: str
    """Ends in the tone, 1 to 5."""

    @property
    def tone(self) -> str:
        """1 to 5; empty where there is none."""
        return self.final[-1] if self.final[-1:] in {*"12345"} else ""

    def with_tone(self, tone: str | int) -> Syllable:
        return Syllable(self.initial, f"{self.final[:-1]}{tone}")


@lru_cache(maxsize=4096)
def syllables(word: str) -> tuple[Syllable, ...]:
    """One syllable per character of `word`, read as one word.

    Raises:
        MissingExtraError: pypinyin is not installed.
    """
    initials = _lazy_pinyin(word, "INITIALS")
    finals = _lazy_pinyin(word, "FINALS_TONE3")
    if not len(initials) == len(finals) == len(word):  # it keeps strange characters together
        return tuple(syllables(char)[0] if len(word) > 1 else Syllable(char, char) for char in word)
    return tuple(map(Syllable, initials, finals))


@lru_cache(maxsize=4096)
def syllable(pinyin: str) -> Syllable:
    """`zhong1` as a syllable; what is no pinyin is twice itself.

    Raises:
        MissingExtraError: pypinyin is not installed.
    """
    if not pinyin[:1].isalpha():
        return Syllable(pinyin, pinyin)
    convert = _pypinyin("pypinyin.contrib.tone_convert")
    return Syllable(
        convert.to_initials(pinyin), convert.to_finals_tone3(pinyin, neutral_tone_with_five=True)
    )


def pinyin(text: str) -> list[str]:
    """The pinyin with tone of each character of `text`, read as pypinyin cuts it into phrases.

    Raises:
        MissingExtraError: pypinyin is not installed.
    """
    found = _lazy_pinyin(text, "TONE3")
    if len(found) != len(text):
        return [reading for char in text for reading in (pinyin(char) if len(text) > 1 else [char])]
    return found


def tones(word: str) -> str:
    """The tones of the characters of `word`: `33` for 你好. A character without one is `0`."""
    return "".join(syllable.tone or "0" for syllable in syllables(word))


def is_phrase(word: str) -> bool:
    """Whether pypinyin has the readings of `word` as a whole."""
    return word in _pypinyin("pypinyin.constants").PHRASES_DICT


def phrases_in(text: str) -> list[str]:
    """`text` as pypinyin cuts it: phrases that it has the readings of, and single characters."""
    parts: list[str] = []
    for part in _pypinyin("pypinyin.seg.mmseg").seg.cut(text):
        parts += [part] if is_phrase(part) else part
    return parts


@lru_cache(maxsize=4096)
def in_dictionary(word: str) -> tuple[str, ...] | None:
    """The pinyin of a word in the phrase dictionary that the published voices go by, if it is one.

    That is pypinyin's table with a few entries changed and some left out, which came later.

    Raises:
        MissingExtraError: pypinyin is not installed.
    """
    changed, absent = _corrections()
    if word in changed:
        return changed[word]
    readings = _pypinyin("pypinyin.constants").PHRASES_DICT.get(word)
    if readings is None or word in absent:
        return None
    to_tone3 = _pypinyin("pypinyin.contrib.tone_convert").to_tone3
    return tuple(to_tone3(reading[0], neutral_tone_with_five=True) for reading in readings)


def corrected(word: str, readings: Sequence[str]) -> list[Syllable]:
    """A word as a model of polyphones reads it, put right by the phrase dictionary.

    Args:
        word: the whole of it is looked up first, then each character.
        readings: of each character, pinyin with tone; empty where the model has no opinion.

    Raises:
        MissingExtraError: pypinyin is not installed.
    """
    known = in_dictionary(word)
    if known is not None and len(known) == len(word):
        return [syllable(reading) for reading in known]
    changed, _ = _corrections()
    said = []
    for i, (char, reading) in enumerate(zip(word, readings, strict=True)):
        reading = changed[char][0] if char in changed else reading
        said.append(syllable(reading) if reading else syllables(word)[i])
    return said


@cache
def _corrections() -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    changed: dict[str, tuple[str, ...]] = {}
    absent: set[str] = set()
    for line in tables.lines("zh", "corrections.txt"):
        word, *rest = line.split()
        if word == "-":
            absent.update(rest)
        else:
            changed[word] = tuple(rest)
    return changed, frozenset(absent)


def _lazy_pinyin(word: str, style: str) -> list[str]:
    pypinyin = _pypinyin("pypinyin")
    found: list[str] = pypinyin.lazy_pinyin(
        word, neutral_tone_with_five=True, style=getattr(pypinyin.Style, style)
    )
    return found


@cache
def _pypinyin(module: str) -> Any:
    require("pypinyin", extra="zh", feature="Mandarin")
    return importlib.import_module(module)
