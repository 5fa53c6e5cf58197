"""Which of its readings a character has, where the dictionary does not know or is wrong.

Two tables say so: `data/phrases.txt` for words, and `data/polyphones.txt` for single characters by
what is around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import accumulate
from typing import NamedTuple, Protocol

from myna.text import tables
from myna.text.zh.readings import phrases_in
from myna.text.zh.tagger import Token


class Polyphones(Protocol):
    """Reads characters in their context; pypinyin does where there is no such model."""

    def readings(self, clause: str) -> list[str]:
        """Pinyin with tone, 1 to 5, for each character of a clause and its closing mark.

        A mark is itself; empty where the model has no opinion.
        """


def decided(tokens: list[Token]) -> dict[int, str]:
    """Pinyin with tone of the characters on which a rule has an opinion, by place in the clause.

    Args:
        tokens: the words of the clause, as jieba cuts them.
    """
    text = "".join(token.word for token in tokens)
    found = dict(_of_phrases(text, tokens))
    rules = _rules()
    start = 0
    for number, token in enumerate(tokens):
        for i, char in enumerate(token.word, start):
            if i in found or char not in rules:
                continue
            place = _Place(text, tokens, number, start, i)
            for rule in rules[char]:
                if rule.fits(place):
                    found[i] = rule.reading
                    break
        start += len(token.word)
    return found


class _Place(NamedTuple):
    """A character, and what is around it."""

    text: str
    tokens: list[Token]
    number: int
    """Of its word."""
    start: int
    """Where its word starts."""
    at: int

    @property
    def word(self) -> str:
        return self.tokens[self.number].word

    def tag(self, offset: int) -> str:
        """Of its word, or of one near it; empty beyond the ends of the clause."""
        number = self.number + offset
        return self.tokens[number].tag if 0 <= number < len(self.tokens) else ""

    @property
    def loose(self) -> bool:
        """Whether the dictionary has no phrase here, so that its reading is a mere default."""
        return len(self.word) == 1 or _loose(self.word)[self.at - self.start]


@lru_cache(maxsize=4096)
def _parts(word: str) -> tuple[str, ...]:
    """The phrases of the dictionary that a word is made of, and single characters."""
    return tuple(phrases_in(word))


@lru_cache(maxsize=4096)
def _loose(word: str) -> tuple[bool, ...]:
    return tuple(len(part) == 1 for part in _parts(word) for _ in part)


# Rules

_REACH = 12
"""Characters before and after that a rule looks at."""
_MACROS = {
    "{n}": "[零〇一二三四五六七八九十百千万亿两几半数]",
    "{end}": r"(?:[!?…,.\-]|$)",
    "{title}": (
        "(?:先生|女士|小姐|太太|夫人|老师|医生|大夫|教授|博士|师傅|同学|同志|律师|警官|主任|经理"
        "|局长|处长|科长|校长|院长|部长|所长|队长|书记|阿姨|叔叔|大爷|大妈|奶奶|爷爷|老板|某|氏)"
    ),
}
_PATTERNS = ("before", "after", "word", "tag", "tag_before", "tag_after")


class _Rule(NamedTuple):
    """A reading and its conditions, one pattern each; None for any."""

    reading: str
    alone: bool
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    word: re.Pattern[str] | None
    tag: re.Pattern[str] | None
    tag_before: re.Pattern[str] | None
    tag_after: re.Pattern[str] | None

    def fits(self, place: _Place) -> bool:
        text, at = place.text, place.at
        if self.alone and len(place.word) > 1:
            return False
        if self.word is None:
            if not place.loose:
                return False
        elif not self.word.fullmatch(place.word):
            return False
        return (
            (self.before is None or bool(self.before.search(text, max(0, at - _REACH), at)))
            and (self.after is None or bool(self.after.match(text, at + 1, at + 1 + _REACH)))
            and (self.tag is None or bool(self.tag.match(place.tag(0))))
            and (self.tag_before is None or bool(self.tag_before.match(place.tag(-1))))
            and (self.tag_after is None or bool(self.tag_after.match(place.tag(1))))
        )


@cache
def _rules() -> Mapping[str, list[_Rule]]:
    """The rules of each character, in order."""
    rules: dict[str, list[_Rule]] = {}
    for line in tables.lines("zh", "polyphones.txt"):
        for macro, pattern in _MACROS.items():
            line = line.replace(macro, pattern)
        char, reading, *conditions = line.split()
        patterns: dict[str, re.Pattern[str] | None] = dict.fromkeys(_PATTERNS)
        for condition in conditions:
            name, _, pattern = condition.partition("=")
            if name in patterns:
                end = "$" if name == "before" else ""
                patterns[name] = re.compile(f"(?:{pattern}){end}")
            else:
                assert condition == "alone", line
        rules.setdefault(char, []).append(_Rule(reading, "alone" in conditions, **patterns))
    return rules


# Phrases


def _of_phrases(text: str, tokens: list[Token]) -> Iterator[tuple[int, str]]:
    """What the longest phrases say, from left to right.

    A phrase is one or more words; or, inside a word that the dictionary lacks, one or more of the
    parts that it has.
    """
    phrases, longest = _phrases()
    lengths = [len(token.word) for token in tokens]
    words = {0, *accumulate(lengths)}
    parts = {0, *accumulate(len(part) for token in tokens for part in _parts(token.word))}
    word_of = [number for number, length in enumerate(lengths) for _ in range(length)]
    start = 0
    while start < len(text):
        reach = longest.get(text[start], 0) if start in parts else 0
        for end in range(min(len(text), start + reach), start + 1, -1):
            readings = phrases.get(text[start:end])
            if readings is None:
                continue
            borders = parts if word_of[start] == word_of[end - 1] else words
            if start in borders and end in borders:
                yield from ((i, reading) for i, reading in enumerate(readings, start) if reading)
                start = end - 1
                break
        start += 1


@cache
def _phrases() -> tuple[dict[str, list[str]], dict[str, int]]:
    """The readings of each phrase, empty for what the dictionary reads right; and the length of the
    longest phrase that a character begins.
    """
    phrases: dict[str, list[str]] = {}
    for line in tables.lines("zh", "phrases.txt"):
        first, *rest = line.split()
        if len(first) > 1:
            phrases[first] = rest
            continue
        reading, *words = rest
        for word in words:
            readings = phrases.setdefault(word, [""] * len(word))
            for i, char in enumerate(word):
                if char == first:
                    readings[i] = reading
    longest: dict[str, int] = {}
    for phrase in phrases:
        longest[phrase[0]] = max(longest.get(phrase[0], 0), len(phrase))
    return phrases, longest
