"""Marks guessed from the spelling alone, for when there is no tagger."""

from __future__ import annotations

import re
from functools import cache

from myna.text.ko.jamo import coda, onset
from myna.text.ko.words import any_of, word_list
from myna.text.traced import Match

LAX = frozenset("ㄱㄷㅂㅅㅈ")
"""Onsets that are tensed after a mark."""


def marks(text: str) -> dict[int, str]:
    """Mark by index of the character that it follows; see `myna.text.ko.sounds`."""
    found = {match.end() - 1: "/B" for match in _counter().finditer(text) if match[1]}
    for match in _WORD_BEFORE_WORD.finditer(text):
        if _is_adnominal(match[1], match[2]):
            found[match.end() - 1] = "/E"
    for match in _WORD_IN_UI.finditer(text):
        if not noun_in_ui().fullmatch(match[0]):
            found[match.end() - 1] = "/J"
    for index, char in enumerate(text[:-1]):
        if char in _VERB_STEMS and not _is_derived(char, text[index + 1]):
            found[index] = "/P"
    for match in _SHORT_STEM.finditer(text):
        if match[0] not in word_list("no_verbs") or _is_verb_after_object(text, match):
            found[match.end(1) - 1] = "/P"
    return found


@cache
def noun_in_ui() -> re.Pattern[str]:
    """A word that ends in 의 without that being a particle."""
    return re.compile(f"(?<![가-힣])(?:{any_of('nouns_in_ui')}|[가-힣]+주의)(?![가-힣])")


@cache
def _counter() -> re.Pattern[str]:
    """A counter after a number as the first group; none for other units."""
    others, counters = any_of("other_units"), any_of("tagged_counters")
    return re.compile(rf"(?<=\d)[십백천만억조]*(?:{others}|({counters}))")


_WORD_BEFORE_WORD = re.compile("(?<![가-힣])([가-힣]++)(?= ([가-힣]++))")
_WORD_IN_UI = re.compile("(?<![가-힣])[가-힣]+의(?![가-힣])")

_ENDINGS = ("할", "될", "갈", "릴", "킬", "하실", "오실", "주실", "가실", "계실")
_ENDINGS_IN_GEOL = ("할걸", "갈걸", "될걸", "볼걸", "을걸", "었을걸", "았을걸")
_FUTURE = frozenset("할될갈볼줄릴킬날올살알놀들질칠쓸낼")
"""Last syllables of verbs, before nouns that may follow other words in ㄹ as well."""
_AFTER_VERB_IN_EUL = re.compile(
    "(?:것|거)(?:[이은을도과만으예야다고라같]|$)|건(?:가|데|지)?$|[걸게]요?$|수(?:[가는도록]|밖|$)"
    "|줄[은도을만이]|뿐|듯|정도|만큼|필요|뻔|법|테|지경"
)
"""A particle 을 looks like an ending; before these, it is one."""


def _is_adnominal(word: str, after: str) -> bool:
    """Whether `word` is a verb that ends in ㄹ and belongs to the noun after it."""
    if coda(word[-1]) != "ㄹ" or onset(after[0]) not in LAX:
        return False
    if word in word_list("no_adnominals") or word.endswith(("를", "들", "월", "요일")):
        return False
    if word.endswith("을") and not word.endswith(_ENDINGS_IN_GEOL):
        return bool(coda(word[-2:-1])) and _AFTER_VERB_IN_EUL.match(after) is not None
    if word.endswith((*_ENDINGS, *_ENDINGS_IN_GEOL)) or _bound_noun().match(after):
        return True
    return word[-1] in _FUTURE and _noun().match(after) is not None


@cache
def _bound_noun() -> re.Pattern[str]:
    return re.compile(
        f"(?:{any_of('bound_nouns')})(?:[가이은는을를도의에만과예야다라인일였뿐같]|밖|$)"
    )


@cache
def _noun() -> re.Pattern[str]:
    return re.compile(any_of("nouns_after_verbs"))


_VERB_STEMS = frozenset("앉얹닮굶젊곪옮삶읽늙맑밝긁굵묽붉낡얽갉넓밟얇엷짧떫핥훑")
"""Syllables with a cluster that only stems of verbs have (삶 is a noun, too)."""
_PASSIVES = frozenset("굶옮곪")


def _is_derived(stem: str, after: str) -> bool:
    """Whether this is another verb or a noun, such as 읽히다, 옮기다, 읽기 and 굶주리다."""
    if stem + after == "굶주" or onset(after) == "ㅎ" or not onset(after) or after == "이":
        return True
    return after == "기" and (stem in _PASSIVES or coda(stem) in "ㄺㄼ")


_SHORT_STEM = re.compile(
    "(?<![가-힣])(남|참|담|삼|숨|품|넘|심|뿜|신|감|안|껴안|끌어안|더듬|다듬|쓰다듬|머금|가다듬)"
    "(?:고|지|다|게|던|도록|겠다|겠습니다|습니다|거나|든지|다가|더니)(?![가-힣])"
)


def _is_verb_after_object(text: str, match: Match) -> bool:
    """구두를 신고, but not 신고를 하다."""
    before = text[max(0, match.start() - 2) : match.start()]
    return match[0].endswith("고") and before in ("을 ", "를 ")
