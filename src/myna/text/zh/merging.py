"""Join words that share a tone sandhi: each function takes the words of a clause and joins some."""

from __future__ import annotations

from collections.abc import Callable

from myna.text.zh.readings import tones
from myna.text.zh.tagger import Token

_LONGEST_OF_THIRD_TONES = 3


def merged(tokens: list[Token]) -> list[Token]:
    """Words as the sandhi rules want them."""
    for merge in (_bu, _yi, _repeated, _third_tones, _meeting_third_tones, _er):
        tokens = merge(tokens)
    return tokens


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


def _third_tones(tokens: list[Token]) -> list[Token]:
    """Two words wholly in the third tone."""
    return _pairs(tokens, lambda left, right: set(left + right) == {"3"})


def _meeting_third_tones(tokens: list[Token]) -> list[Token]:
    """A word that ends and one that begins in the third tone."""
    return _pairs(tokens, lambda left, right: left[-1] == right[0] == "3")


def _pairs(tokens: list[Token], meet: Callable[[str, str], bool]) -> list[Token]:
    """Neighbours whose tones `meet`, if short; never three in a row, nor after a doubled word."""
    joined: list[Token] = []
    of_word = [tones(token.word) for token in tokens]
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


def _er(tokens: list[Token]) -> list[Token]:
    """儿 and the word before it."""
    joined: list[Token] = []
    for token in tokens:
        if joined and token.word == "儿":
            joined[-1] = Token(joined[-1].word + token.word, joined[-1].tag)
        else:
            joined.append(token)
    return joined
