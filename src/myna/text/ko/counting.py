"""Numbers before counters: whether they are native (세 개) or of Chinese origin (삼층)."""

from __future__ import annotations

import re
from functools import cache

from myna.text.ko.numbers import cardinal, native
from myna.text.ko.words import any_of
from myna.text.traced import Match

NUMBER = r"[0-9]{1,3}(?>(?:,[0-9]{3})+)(?![0-9])|[0-9]++"
"""A pattern of whole numbers, with commas or without."""
START = r"(?<![0-9])(?<![0-9][.,])"
"""A pattern of where they begin."""
TILDE = "[~∼〜～–-]"
"""A pattern of what is between the two numbers of a range."""

_PARTICLE = (
    "[이가은는을를의에와과도만로까부보씩짜정쯤밖마나라인입예였하랑째조뿐동후전반당들내요야고며면다남"
    "미께중임]"
)
"""First syllables of what may follow a counter in one word."""


def counted_pattern() -> str:
    """A pattern of a number, or a range of two, and a native counter."""
    return (
        rf"{START}(?>(?:(?P<first>{NUMBER}) ?{TILDE} ?)?)(?P<number>{NUMBER})(?P<gap> ?)"
        rf"(?P<counter>{any_of('native_counters')})(?={_PARTICLE}|[^가-힣]|$)"
    )


_MOST_NATIVE = {"시": 12, "시간": 23, "배": 10, "분": 20, "해": 20}
_USUALLY_NATIVE = 999
"""Of a larger number, even the last digits are of Chinese origin."""

_GENERATIONS = re.compile(
    r"째|손|[가-힣]? ?[0-9]| (?!가|를|의|만|밖|있|없|정도|이상|이하|더|씩|모두|다|뿐)[가-힣]"
)
"""After 대: 3대째 is the third generation, 3대 영양소 are the three great nutrients."""


def counted(match: Match) -> str:
    """The words of a match of `counted_pattern`."""
    first, number, counter = match["first"], match["number"].replace(",", ""), match["counter"]
    if _is_native(match, number, counter):
        words = f"{native(number)} {counter}"
        return f"{native(first.replace(',', ''))} {counter}에서 {words}" if first else words
    words = f"{cardinal(number)}{match['gap']}{counter}"
    return f"{cardinal(first.replace(',', ''))}에서 {words}" if first else words


def _is_native(match: Match, number: str, counter: str) -> bool:
    before = match.string[max(0, match.start() - 12) : match.start()]
    after = match.string[match.end() : match.end() + 12]
    if not 0 < int(number[:9]) <= _MOST_NATIVE.get(counter, _USUALLY_NATIVE) or len(number) > 9:
        return False
    if before.endswith(("제", "제 ")):
        return False
    match counter:
        case "분":
            return _people().search(before) is not None
        case "번":
            return not (_numbered().match(after) or _before_numbered().search(before))
        case "대":
            if _machines().search(before):
                return True
            return not (_GENERATIONS.match(after) or (number[-1] == "0" and len(number) == 2))
    return True


@cache
def _people() -> re.Pattern[str]:
    return re.compile(f"(?:{any_of('people')})(?:이|은|들|들이|을)? ?$")


@cache
def _machines() -> re.Pattern[str]:
    return re.compile(f"(?:{any_of('machines')})[가-힣]{{0,2}} ?$")


@cache
def _numbered() -> re.Pattern[str]:
    chosen = "을 (?:고르|선택|누르|눌|클릭|보시|참조|찍)|으로 (?:가|전화|문의|연락)"
    return re.compile(f" ?(?:{any_of('numbered')}|{chosen})")


@cache
def _before_numbered() -> re.Pattern[str]:
    return re.compile(f"(?:{any_of('before_numbered')}) ?$")
