"""How characters are read, from pypinyin: the initial and the final with its tone."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

from myna.extras import require


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
    initials = _pinyin(word, "INITIALS")
    finals = _pinyin(word, "FINALS_TONE3")
    if not len(initials) == len(finals) == len(word):  # it keeps strange characters together
        return tuple(syllables(char)[0] if len(word) > 1 else Syllable(char, char) for char in word)
    return tuple(map(Syllable, initials, finals))


def tones(word: str) -> str:
    """The tones of the characters of `word`: `33` for 你好. A character without one is `0`."""
    return "".join(syllable.tone or "0" for syllable in syllables(word))


def _pinyin(word: str, style: str) -> list[str]:
    pypinyin = _pypinyin()
    found: list[str] = pypinyin.lazy_pinyin(
        word, neutral_tone_with_five=True, style=getattr(pypinyin.Style, style)
    )
    return found


@cache
def _pypinyin() -> Any:
    return require("pypinyin", extra="zh", feature="Mandarin")
