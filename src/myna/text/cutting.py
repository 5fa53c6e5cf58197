"""Cut text into sentences short enough for the token model.

A method says where to cut. `chunks` applies one and sees to the rest: no piece is too short to be
spoken whole, none lacks its closing mark or has nothing to speak.
`sentences` also cuts the one kind of piece that `chunks` leaves too long.

Source: the six methods and the rules round them are those of GPT-SoVITS (MIT), revision 48b1a01,
whose voices expect pieces of this shape; compared with recorded ones in tests/parity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from myna.errors import ConfigError
from myna.text.traced import Traced, joined

LONGEST = 510
"""Characters in a piece at most: the text encoder has 512 places, two of them for its own."""

SENTENCE_MARKS = frozenset("，。？！,.?!~:：—…")
"""A piece ends in one of these."""

_SILENT = frozenset("!?…,.- ")
"""A piece of only these is dropped."""
_HIDDEN = {ord(mark): chr(0xFDD0 + i) for i, mark in enumerate(".,:?!：")}
_SHOWN = {ord(hidden): chr(mark) for mark, hidden in _HIDDEN.items()}
"""Marks that do not end a piece, while it is cut; the stand-ins are characters of no text."""

_INSIDE_WORDS = re.compile(
    r"(?<=[0-9])[.,:：](?=[0-9])"
    r"|(?<=[A-Za-z0-9])\.(?=[A-Za-z0-9])"
    r"|(?:https?://|www\.)[!-~]+(?=[!-~])"
    r"|\b(?:Mrs?|Ms|Dr|Prof|St|Mt|vs|No|Gen|Lt|Sgt|Capt|Rev|Sen|Rep|Gov|Fig)\.(?= )"
    r"|\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|pp?|vol|approx|est|ca)\.(?= [0-9])"
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jr|Sr|Ave|Blvd|Rd|lbs?|oz|ft|approx|dept|esp|incl|Inc|Ltd|Co|Corp|etc|cm|mi)\."
    r"(?= [a-z(])"
    r"|\b(?:[A-Za-z]\.)+(?= [a-z])"
    r"|\b[A-Z]\.(?= [A-Z]\.)|(?<=\b[A-Z]\. )[A-Z]\.(?= [A-Z][a-z])|\b[ap]\.m\.(?= [A-Z]{2,4}\b)"
    r"|\bU\.(?:S|K|N)\.(?= (?!The|He|She|It|They|We|You|In|On|At|But|And|So|This|That)[A-Z][a-z])"
)

_CLAUSE_MARKS = frozenset(",.;?!、，。？！：…")
_SHORTEST = 5
_SHORTEST_OPENING = 4
_GROUP = 4
_GROUP_LENGTH = 50

_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")
_MARK = f"[{''.join(sorted(SENTENCE_MARKS))}]"
_AFTER_MARK = re.compile(f"(?<={_MARK})")
_ROUND_MARK = re.compile(f"(?<={_MARK})|(?={_MARK})")
_NEWLINE = re.compile("\n")


def sentences(
    text: Traced, *, language: str, cut: str = "cut5", improved: bool = False
) -> list[Traced]:
    """The pieces of `text` that are spoken one at a time, none longer than `LONGEST`.

    A stretch of text that is longer and has no mark is cut anywhere. With `improved`, marks inside
    numbers, addresses and abbreviations do not cut. Other arguments and errors as for `chunks`; an
    empty list where nothing can be spoken.
    """
    if improved:
        text = text.translate(dict.fromkeys(_SHOWN, ""))
        text = text.sub(_INSIDE_WORDS, lambda match: match[0].translate(_HIDDEN))
    return [
        piece.translate(_SHOWN) if improved else piece
        for chunk in chunks(text, language=language, cut=cut)
        for start in range(0, len(chunk), LONGEST)
        if _has_words(piece := chunk[start : start + LONGEST])
    ]


def chunks(text: Traced, *, language: str, cut: str = "cut5") -> list[Traced]:
    """The pieces the published pipeline makes of `text`.

    Args:
        text: as the caller wrote it.
        language: decides the mark that closes a piece which has none: `.` for en, else `。`.
        cut: name of a method in `METHODS`.

    Returns:
        Pieces of at most `LONGEST` characters, but for a stretch without marks, which stays whole
        and may follow an empty piece; no pieces where nothing can be spoken.

    Raises:
        ConfigError: there is no method of that name.
    """
    if cut not in METHODS:
        raise ConfigError(f"There is no cutting method {cut!r}; there are {', '.join(METHODS)}.")
    text = collapse(text).strip("\n")
    if not text:
        return []
    opening = _AFTER_MARK.split(text.text, maxsplit=1)[0].rstrip("".join(SENTENCE_MARKS))
    if text.text[0] not in SENTENCE_MARKS and len(opening.strip()) < _SHORTEST_OPENING:
        text = full_stop(language) + text  # the models swallow a short opening
    lines = [line for piece in METHODS[cut](text) for line in piece.split(_NEWLINE)]
    return [
        short
        for piece in _merged([line for line in lines if line.text not in ("", " ")])
        if _has_words(piece)
        for short in _within_limit(closed(piece, language))
    ]


def collapse(text: Traced) -> Traced:
    """Reduce each run of the marks that are phones to its first."""
    return text.sub(_REPEATED, r"\1")


def closed(text: Traced, language: str) -> Traced:
    """`text` with a closing mark."""
    return text if text.text[-1:] in SENTENCE_MARKS else text + full_stop(language)


def full_stop(language: str) -> str:
    """The mark that closes a sentence: `.` for en, else `。`."""
    return "." if language == "en" else "。"


def cut0(text: Traced) -> list[Traced]:
    """Do not cut; a text without words is two pieces of nothing."""
    return [text[:0], text[:0]] if _silent(text) else [text]


def cut1(text: Traced) -> list[Traced]:
    """Cut after every fourth clause; the rest stays with the last four."""
    text = text.strip("\n")
    clauses = _clauses(text)
    starts = list(range(0, len(clauses), _GROUP))[:-1] or [0]
    if len(starts) < 2 and len(clauses) <= _GROUP:
        return _spoken([text])
    ends = [*starts[1:], len(clauses)]
    return _spoken(joined(clauses[a:b]) for a, b in zip(starts, ends, strict=True))


def cut2(text: Traced) -> list[Traced]:
    """Cut after the clause that brings a piece over 50 characters."""
    text = text.strip("\n")
    clauses = _clauses(text)
    if len(clauses) < 2:
        return [text]
    pieces: list[list[Traced]] = [[]]
    for clause in clauses:
        if sum(map(len, pieces[-1])) > _GROUP_LENGTH:
            pieces.append([])
        pieces[-1].append(clause)
    if len(pieces) > 1 and sum(map(len, pieces[-1])) < _GROUP_LENGTH:
        last = pieces.pop()
        pieces[-1] += last
    return _spoken(map(joined, pieces))


def cut3(text: Traced) -> list[Traced]:
    """Cut at every 。, which is lost."""
    return _spoken(text.strip("\n").strip("。").split(_IDEOGRAPHIC_STOP))


def cut4(text: Traced) -> list[Traced]:
    """Cut at every full stop that touches no digit; the stop is lost."""
    return _spoken(text.strip("\n").strip(".").split(_STOP_OUTSIDE_NUMBERS))


def cut5(text: Traced) -> list[Traced]:
    """Cut after every mark, except a point between two digits."""
    text = text.strip("\n")
    return [
        piece for piece in text.split(_AFTER_CLAUSE) if not _CLAUSE_MARKS.issuperset(piece.text)
    ]


METHODS: dict[str, Callable[[Traced], list[Traced]]] = {
    "cut0": cut0,
    "cut1": cut1,
    "cut2": cut2,
    "cut3": cut3,
    "cut4": cut4,
    "cut5": cut5,
}

_IDEOGRAPHIC_STOP = re.compile("。")
_STOP_OUTSIDE_NUMBERS = re.compile(r"(?<!\d)\.(?!\d)")
_DIGIT = "[\\d²³¹⁰⁴-⁹₀-₉①-⑨]"
_AFTER_CLAUSE = re.compile(
    rf"(?<=[{''.join(sorted(_CLAUSE_MARKS - {'.'}))}])|(?<=\.)(?<!{_DIGIT}\.(?={_DIGIT}))"
)


def _clauses(text: Traced) -> list[Traced]:
    """Pieces that end in a sentence mark; dashes and dots drawn as two characters become one."""
    text = closed(text.replace("……", "。").replace("——", "，"), "zh")
    return [clause for clause in text.split(_AFTER_MARK) if clause]


def _spoken(pieces: Iterable[Traced]) -> list[Traced]:
    return [piece for piece in pieces if not _silent(piece)]


def _silent(text: Traced) -> bool:
    return _SILENT.issuperset(text.text)


def _has_words(text: Traced) -> bool:
    return re.search(r"\w", text.text) is not None


def _merged(pieces: list[Traced]) -> list[Traced]:
    """Join neighbours until each is long enough; a short last one joins the one before."""
    merged: list[list[Traced]] = []
    for piece in pieces:
        if not merged or sum(map(len, merged[-1])) >= _SHORTEST:
            merged.append([])
        merged[-1].append(piece)
    if len(merged) > 1 and sum(map(len, merged[-1])) < _SHORTEST:
        last = merged.pop()
        merged[-1] += last
    return [joined(parts) for parts in merged]


def _within_limit(piece: Traced) -> list[Traced]:
    """Cut a piece that is too long at its marks."""
    if len(piece) <= LONGEST:
        return [piece]
    shorter = [piece[:0]]
    for part in piece.split(_ROUND_MARK):
        if len(shorter[-1]) + len(part) > LONGEST:
            shorter.append(piece[:0])
        shorter[-1] = joined([shorter[-1], part])
    return shorter
