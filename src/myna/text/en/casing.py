"""What capitals say: initialisms to spell, words to shout, and words run together.

Spelled letters come out as single capitals, with `'s` for the plural; so the phones come from the
letters' names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from myna.text import tables
from myna.text.en import dictionary, lexicon
from myna.text.rules import Match, Rule
from myna.text.traced import Traced

_CAPITALS = re.compile(r"(?<![A-Za-z])([A-Z]{2,})('?s)?(?![A-Za-z])")
_HUMPED = re.compile(
    r"(?<![A-Za-z])(?=[A-Za-z]*[a-z][A-Z]|[A-Za-z]*[A-Z]{2}[a-z])[A-Za-z]{3,60}(?![A-Za-z])"
)
_MC = re.compile(r"(?:Ma?c|O'|De|Le|La|Van|Fitz)[A-Z][a-z]+")
_HUMP = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+|[A-Z]+|[a-z]+")
_LETTERS_AND = re.compile(r"(?<![A-Za-z&])([A-Z]{1,3})&([A-Z]{1,3})('?s)?(?![A-Za-z&])")
_SHOUTED = 0.6
"""From this part of all letters on, a text of several words is in capitals as a whole."""
_LONGEST_SPELLED = 5


def is_short_word(word: str) -> bool:
    """Whether a lower-case word of up to three letters is English, and no abbreviation."""
    return word in _short_words()


def spaced(letters: str) -> str:
    """To be spelled."""
    return " ".join(letters.upper())


@cache
def _short_words() -> frozenset[str]:
    return frozenset(" ".join(tables.lines("en", "short_words.txt")).split())


@cache
def _listed() -> dict[str, bool]:
    """Whether a word in capitals is spelled, for those that a list decides."""
    found: dict[str, bool] = {}
    for line in tables.lines("en", "initialisms.txt"):
        how, *words = line.split()
        found.update(dict.fromkeys(words, how == "spelled"))
    return found


def _cased(text: Traced) -> Traced:
    """All words of a text; one in capitals throughout is not made of initialisms."""
    if not _TWO_CAPITALS.search(text.text):
        return text
    shouted = _is_shouted(text.text)

    def capitals(match: Match) -> str:
        letters, plural = match[1], match[2] or ""
        if not _is_spelled(letters, shouted=shouted):
            return match[0]
        return spaced(letters) + ("'s" if plural else "")

    return text.sub(_HUMPED, _humped, "en.run_together").sub(_CAPITALS, capitals, "en.initialism")


_TWO_CAPITALS = re.compile(r"[A-Z]{2}|[a-z][A-Z]")


def _is_shouted(text: str) -> bool:
    words = re.findall(r"[A-Za-z]{2,}", text)
    capitals = [word for word in words if word.isupper()]
    known = [word for word in capitals if _is_word(word.lower())]
    return len(known) >= 2 and len(capitals) >= _SHOUTED * len(words)


def _is_word(word: str) -> bool:
    return is_short_word(word) if len(word) <= 3 else dictionary.has(word)


def _is_spelled(letters: str, *, shouted: bool) -> bool:
    listed = _listed().get(letters)
    word = letters.lower()
    if shouted and is_short_word(word):
        return False
    if listed is not None:
        return listed
    if lexicon.has(word):
        return False
    if len(letters) <= 3:
        return not is_short_word(word)
    if not re.search("[aeiouy]", word):
        return True
    return not _is_word(word) and len(letters) <= _LONGEST_SPELLED


def _humped(match: Match) -> str:
    """`ChatGPT`, `iPhone`, `parseHTTPServer`: the parts, unless the whole is a known word."""
    whole = match[0]
    stem = whole[:-1] if whole.endswith("s") and whole[:-1].isupper() else whole
    if stem != whole:
        return whole
    lower = whole.lower()
    if lexicon.has(lower) or (dictionary.has(lower) and len(lower) > 3) or _MC.fullmatch(whole):
        return whole.capitalize() if not lexicon.has(lower) else lower
    parts: list[str] = []
    for part in _HUMP.findall(whole):
        if part.isupper() and len(part) > 1 and _is_spelled(part, shouted=False):
            parts.append(spaced(part))
        elif len(part) > 2 and part[:-1].isupper() and part.endswith("s"):
            parts.append(f"{spaced(part[:-1])}'s")
        elif part.isalpha() and len(part) > 1 and not re.search("[aeiouy]", part.lower()):
            parts.append(spaced(part))
        else:
            parts.append(part)
    return " ".join(parts)


def _letters_and(match: Match) -> str:
    plural = "'s" if match[3] else ""
    return f"{spaced(match[1])} and {spaced(match[2])}{plural}"


FIRST = (Rule("en.initialism", _LETTERS_AND, _letters_and),)
"""Before `&` is a word."""
RULES: tuple[Callable[[Traced], Traced], ...] = (_cased,)
