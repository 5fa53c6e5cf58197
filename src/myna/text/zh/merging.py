"""Join words that share a tone sandhi: each function takes the words of a clause and joins some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise
from types import MappingProxyType

from myna.text.zh.readings import tones
from myna.text.zh.tagger import Token

_LONGEST_OF_THIRD_TONES = 3


def merged(
    tokens: list[Token], tones_read: Mapping[int, str] = MappingProxyType({})
) -> list[Token]:
    """The words of a clause as the sandhi rules want them.

    `tones_read` are tones that are not those of the dictionary, by place in the clause.
    """
    for merge in (_bu, _yi, _repeated):
        tokens = merge(tokens)
    for meet in (_both_third, _meeting_third):
        tokens = _pairs(tokens, meet, tones_read)
    return _er(tokens)


def _bu(tokens: list[Token]) -> list[Token]:
    """不 and the word after it."""
    joined: list[Token] = []
    before = ""
    for token in tokens:
        word = "不" + token.word if before == "不" else token.word
        if word != "不":
            joined.append(Token(word, token.tag))
        before = word
    if before == "不":
        joined.append(Token("不", "d"))
    return joined


def _yi(tokens: list[Token]) -> list[Token]:
    """A verb said twice with 一 between; then a lone 一 and the word after it."""
    verbs: list[Token] = []
    rest = iter(range(len(tokens)))
    for i in rest:
        token = tokens[i]
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        if token.word == "一" and verbs and after == verbs[-1] and after.tag == "v":
            verbs[-1] = Token(f"{after.word}一{after.word}", "v")
            next(rest)
        else:
            verbs.append(token)
    joined: list[Token] = []
    for token in verbs:
        if joined and joined[-1].word == "一":
            joined[-1] = Token("一" + token.word, joined[-1].tag)
        else:
            joined.append(token)
    return joined


def _repeated(tokens: list[Token]) -> list[Token]:
    """A word and the same word after it."""
    joined: list[Token] = []
    for token in tokens:
        if joined and token.word == joined[-1].word:
            joined[-1] = Token(joined[-1].word + token.word, joined[-1].tag)
        else:
            joined.append(token)
    return joined


def _both_third(left: str, right: str) -> bool:
    """Two words wholly in the third tone."""
    return set(left + right) == {"3"}


def _meeting_third(left: str, right: str) -> bool:
    """A word that ends and one that begins in the third tone."""
    return left[-1] == right[0] == "3"


def _pairs(
    tokens: list[Token], meet: Callable[[str, str], bool], tones_read: Mapping[int, str]
) -> list[Token]:
    """Neighbours whose tones `meet`, if short; never three in a row, nor after a doubled word."""
    joined: list[Token] = []
    of_word = _tones(tokens, tones_read)
    just_joined = False
    for i, token in enumerate(tokens):
        before = tokens[i - 1]
        doubled = len(before.word) == 2 and before.word[0] == before.word[1]
        if (
            i > 0
            and not just_joined
            and not doubled
            and meet(of_word[i - 1], of_word[i])
            and len(before.word) + len(token.word) <= _LONGEST_OF_THIRD_TONES
        ):
            joined[-1] = Token(joined[-1].word + token.word, joined[-1].tag)
            just_joined = True
        else:
            joined.append(token)
            just_joined = False
    return joined


def _tones(tokens: list[Token], tones_read: Mapping[int, str]) -> list[str]:
    of_word = [tones(token.word) for token in tokens]
    if not tones_read:
        return of_word
    of_clause = list("".join(of_word))
    for place, tone in tones_read.items():
        of_clause[place] = tone
    ends = [*accumulate(len(token.word) for token in tokens)]
    return ["".join(of_clause[start:end]) for start, end in pairwise([0, *ends])]


def _er(tokens: list[Token]) -> list[Token]:
    """儿 and the word before it."""
    joined: list[Token] = []
    for token in tokens:
        if joined and token.word == "儿":
            joined[-1] = Token(joined[-1].word + token.word, joined[-1].tag)
        else:
            joined.append(token)
    return joined
