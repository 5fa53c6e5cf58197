"""What letters become beside others: the rules of Korean pronunciation, on jamo with marks.

A mark stands after the syllable that it is about: /J after a particle 의, /E after an ending in ㄹ
before a noun, /P after the stem of a verb, /B after a counter; improved readings also have /T
before what is tensed, /N where an ㄴ comes in, /L where ㄹ becomes ㄴ, and /C where the first word
of a compound ends. All Latin letters were spelled out before, so that nothing else looks like one.

Source: g2pk2 0.0.3 (Apache-2.0), mistakes included; numbers in comments are articles of the
Standard Korean Pronunciation.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from myna.text import tables
from myna.text.ko.jamo import pattern
from myna.text.traced import Traced


def spoken(jamo: Traced, *, improved: bool) -> Traced:
    """`jamo` as it sounds, without marks. A letter stays in the place of its syllable."""
    for rule in _rules(_EARLY, improved):
        jamo = _applied(jamo, rule)
    jamo = _with_boundaries(jamo, improved)
    for rule in _rules(_LATE, improved):
        jamo = _applied(jamo, rule)
    return jamo


_GONE = "x"
"""In a replacement, a letter that falls away; so both sides are equally long, letter for letter."""

_TENSED = tuple(zip("ㄱㄷㅂㅅㅈ", "ㄲㄸㅃㅆㅉ", strict=True))
_TENSED_IN_ENDINGS = tuple(pair for pair in _TENSED if pair[0] != "ㅂ")
_INSIDE_WORD = "(?<=[ㅏ-ㅣ\u11a8-\u11c2A-Z])"
"""After a vowel, a coda or a mark."""

_BOTH, _COMPATIBLE, _IMPROVED = (False, True), (False,), (True,)

_CLUSTERS = (
    "ㄳㄱㅆ",
    "ㄵㄴㅈ",
    "ㄺㄹㄱ",
    "ㄻㄹㅁ",
    "ㄼㄹㅂ",
    "ㄽㄹㅆ",
    "ㄾㄹㅌ",
    "ㄿㄹㅍ",
    "ㅄㅂㅆ",
)
"""A cluster, the letter that stays, and the one that moves on."""

_EARLY = (
    # 29, 20 and 15: the seams of compounds
    (_IMPROVED, "·ㄹ/N( ?)ㅇ(?=[ㅣㅑㅕㅛㅠㅖㅒ])", r"·ㄹxx\1ㄹ"),
    (_IMPROVED, "(·[ㄱ-ㅎ])/N( ?)ㅇ(?=[ㅣㅑㅕㅛㅠㅖㅒ])", r"\1xx\2ㄴ"),
    (_IMPROVED, "/L( ?)ㄹ", r"xx\1ㄴ"),
    (_IMPROVED, "·[ㄱㄲㄳㄺㅋ]/Cㅇ", "ㄱxxx"),
    (_IMPROVED, "·[ㄷㅅㅆㅈㅊㅌ]/Cㅇ", "ㄷxxx"),
    (_IMPROVED, "·[ㅂㅄㅍㄿ]/Cㅇ", "ㅂxxx"),
    *((_IMPROVED, f"/T( ?){lax}", rf"xx\1{tense}") for lax, tense in _TENSED),
    (_IMPROVED, "/[NLCT]", "xx"),
    # 5
    (_BOTH, "([ㅈㅉㅊ])ㅕ", r"\1ㅓ"),
    (_BOTH, "([ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅈㅉㅊㅋㅌㅍㅎ])ㅢ", r"\1ㅣ"),
    (_IMPROVED, "의/J", "에xx"),
    (_BOTH, "/J", "xx"),
    (_IMPROVED, _INSIDE_WORD + "의", "이"),
    # 16: names of letters; g2pk2 takes any syllable with their vowel for one, such as 늦은
    (_COMPATIBLE, "ㅡ·ㄷㅇ", "ㅡㅅx"),
    (_COMPATIBLE, "ㅡ·[ㅈㅊㅌㅎ]ㅇ", "ㅡㅅx"),
    (_COMPATIBLE, "ㅡ·ㅋㅇ", "ㅡㄱx"),
    (_COMPATIBLE, "ㅡ·ㅍㅇ", "ㅡㅂx"),
    (_IMPROVED, "디그·ㄷㅇ", "디그ㅅx"),
    (_IMPROVED, "((?:지|치|티|히)으)·[ㅈㅊㅌㅎ]ㅇ", r"\1ㅅx"),
    (_IMPROVED, "키으·ㅋㅇ", "키으ㄱx"),
    (_IMPROVED, "피으·ㅍㅇ", "피으ㅂx"),
    # 11, 25 and 24: stems
    (_BOTH, "·ㄺ/P[ㄱㄲ]", "·ㄹxxㄲ"),
    *((_BOTH, f"(·[ㄼㄾㄴㅁ])/P{lax}", rf"\1xx{tense}") for lax, tense in _TENSED_IN_ENDINGS),
    *((_BOTH, f"·ㄵ/P{lax}", f"·ㄴxx{tense}") for lax, tense in _TENSED_IN_ENDINGS),
    *((_BOTH, f"·ㄻ/P{lax}", f"·ㅁxx{tense}") for lax, tense in _TENSED_IN_ENDINGS),
    # 10
    (_BOTH, "바·ㄼ($|[^ㅇㅎ])", r"바·ㅂ\1"),
    (_BOTH, "너·ㄼ([ㅈㅉㄷㄸ]ㅜ)", r"너·ㅂ\1"),
    # 17
    (_BOTH, "·ㄷㅇ(?=[ㅣㅕ])", "ㅈx"),
    (_BOTH, "·ㅌㅇ(?=[ㅣㅕ])", "ㅊx"),
    (_BOTH, "·ㄾㅇ(?=[ㅣㅕ])", "·ㄹㅊ"),
    (_BOTH, "·ㄷㅎ(?=ㅣ)", "xㅊ"),
    (_IMPROVED, "·ㄷㅎ(?=ㅕ)", "xㅊ"),
    # 27
    *((_BOTH, f"·ㄹ/E {lax}", f"·ㄹxx {tense}") for lax, tense in _TENSED),
    (_BOTH, "·ㄹ걸", "·ㄹ껄"),
    (_BOTH, "·ㄹ밖에", "·ㄹ빠ㄲxㅔ"),
    (_BOTH, "·ㄹ세라", "·ㄹ쎄라"),
    (_BOTH, "·ㄹ수록", "·ㄹ쑤록"),
    (_BOTH, "·ㄹ지라도", "·ㄹ찌라도"),
    (_BOTH, "·ㄹ지언정", "·ㄹ찌언정"),
    (_BOTH, "·ㄹ진대", "·ㄹ찐대"),
    (_BOTH, "/[PJEB]", "xx"),
)
_LATE = (
    # 13
    *((_BOTH, f"·{letter}ㅇ", f"{letter}x") for letter in "ㄱㄲㄴㄷㄹㅁㅂㅅㅆㅈㅊㅋㅌㅍ"),
    # 14
    *(
        (_BOTH, f"·{cluster}ㅇ", f"·{stays}{moves}")
        for cluster, stays, moves in map(tuple, _CLUSTERS)
    ),
    # 12
    (_BOTH, "·ㅎㅇ", "xㅇ"),
    (_BOTH, "·ㄶㅇ", "ㄴx"),
    (_BOTH, "·ㅀㅇ", "ㄹx"),
    # 5 once more: by now 묻혀 is 무쳐
    (_IMPROVED, "([ㅈㅉㅊ])ㅕ", r"\1ㅓ"),
)


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    replacement: str
    moves: bool
    """A letter of a cluster becomes an onset: it stays in the place of the coda."""


@cache
def _rules(rows: tuple[tuple[tuple[bool, ...], str, str], ...], improved: bool) -> list[_Rule]:
    return [
        _Rule(
            re.compile(pattern(before)),
            pattern(after),
            moves=re.match("·[ㄳㄵㄺㄻㄼㄽㄾㄿㅄ]ㅇ", before) is not None and _GONE not in after,
        )
        for modes, before, after in rows
        if improved in modes
    ]


def _applied(jamo: Traced, rule: _Rule) -> Traced:
    matches = list(rule.pattern.finditer(jamo.text))
    if not matches:
        return jamo
    starts, ends = jamo.starts, jamo.ends
    if rule.moves:
        starts, ends = list(starts), list(ends)
        for match in matches:
            starts[match.end() - 1] = starts[match.start()]
            ends[match.end() - 1] = ends[match.start()]
    pieces: list[str] = []
    done = 0
    for match in matches:
        pieces += (jamo.text[done : match.start()], match.expand(rule.replacement))
        done = match.end()
    pieces.append(jamo.text[done:])
    return _without_gone(Traced("".join(pieces), starts, ends, jamo.journal))


def _without_gone(jamo: Traced) -> Traced:
    kept = [i for i, char in enumerate(jamo.text) if char != _GONE]
    if len(kept) == len(jamo):
        return jamo
    return Traced(
        jamo.text.replace(_GONE, ""),
        [jamo.starts[i] for i in kept],
        [jamo.ends[i] for i in kept],
        jamo.journal,
    )


_BOUNDARY = re.compile(pattern(r"(·[ㄱ-ㅎ])(?:( ?)([ㄱ-ㅎ])|\W|$)"))


def _with_boundaries(jamo: Traced, improved: bool) -> Traced:
    """Articles 9 to 12, 18 to 20 and 23: a coda and the onset or mark after it."""
    pieces: list[str] = []
    origins: list[int] = []
    done = 0
    for match in _BOUNDARY.finditer(jamo.text):
        start, end = match.span()
        rest = match[0][1:]
        decide = _improved_boundary if improved else _boundary
        coda, gap, onset = decide(match[1], match[2] if match[3] else rest, match[3] or "")
        pieces += (jamo.text[done:start], coda, gap, onset)
        origins += range(done, start)
        origins += [start] * len(coda)
        origins += range(start + 1, start + 1 + len(gap))
        origins += [end - 1] * len(onset)
        done = end
    if not pieces:
        return jamo
    pieces.append(jamo.text[done:])
    origins += range(done, len(jamo))
    return Traced(
        "".join(pieces),
        [jamo.starts[i] for i in origins],
        [jamo.ends[i] for i in origins],
        jamo.journal,
    )


@lru_cache(maxsize=4096)
def _boundary(coda: str, gap: str, onset: str) -> tuple[str, str, str]:
    """What a coda, what is between, and an onset become; the rows of the table in their order.

    A row can lead to the next: ㅎ before a mark is ㄷ.
    """
    for row_coda, cells in _table():
        for column, (new_coda, keeps_gap, new_onset) in cells.items():
            if coda != row_coda:
                break
            if column and column == onset:
                coda, onset = new_coda.replace("_", gap), new_onset
            elif not column and (gap or not onset):
                coda, gap = new_coda, gap if keeps_gap else gap[1:]
    return coda, gap, onset


_ASPIRATES = frozenset(pattern("ㅋㅌㅍ"))
_H, _L, _N = (pattern(letter) for letter in "ㅎㄹㄴ")
_CODA_J, _CODA_T = pattern("·ㅈ"), pattern("·ㄷ")
_LIQUID_CODAS = frozenset(pattern("·[ㄹㄼㄾㅀㄽ]")[1:-1])


def _improved_boundary(coda: str, gap: str, onset: str) -> tuple[str, str, str]:
    """As `_boundary`, but for what it overdoes: ㄹ changes nothing across a space, and is changed
    by nothing; and for the damaged cells of the table."""
    alone = _boundary(coda, "", "")[0]
    apart = gap and (onset == _L or (onset == _N and coda in _LIQUID_CODAS))
    if apart or not onset or onset in _ASPIRATES:
        return alone, gap, onset
    if gap and coda == _CODA_J and onset == _H:
        coda = _CODA_T
    return _boundary(coda, gap, onset)


@cache
def _table() -> list[tuple[str, dict[str, tuple[str, bool, str]]]]:
    """Rows of `table.txt`: by coda, and by onset (empty for no letter) what both become."""
    header, *rows = (line.split("\t") for line in tables.lines("ko", "table.txt"))
    columns = ["" if name == "$" else pattern(name) for name in header[1:]]
    return [
        (
            pattern("·" + row[0]),
            {c: _cell(cell) for c, cell in zip(columns, row[1:], strict=True) if cell != "."},
        )
        for row in rows
    ]


def _cell(cell: str) -> tuple[str, bool, str]:
    coda, keeps_gap, onset = cell.rpartition("_")
    if not keeps_gap:
        coda, onset = onset, ""
    return pattern(f"·[{coda}]")[1:-1], bool(keeps_gap), pattern(onset)
