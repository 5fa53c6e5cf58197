"""Cut text into sentences short enough for the token model.

A method marks where to cut by putting a newline there. `chunks` applies one and sees to the rest:
no piece is too short to be spoken whole, none lacks its closing mark or has nothing to speak.
`sentences` also cuts the one kind of piece that `chunks` leaves too long.

Source: the six methods and the rules round them are those of GPT-SoVITS (MIT), revision 48b1a01,
whose voices expect pieces of this shape; compared with recorded ones in tests/parity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from myna.errors import ConfigError

LONGEST = 510
"""Characters in a piece at most: the text encoder has 512 places, two of them for its own."""

SENTENCE_MARKS = frozenset("，。？！,.?!~:：—…")
"""A piece ends in one of these."""

_SILENT = frozenset("!?…,.- ")
"""A piece of only these is dropped."""
_CLAUSE_MARKS = frozenset(",.;?!、，。？！：…")
_SHORTEST = 5
_SHORTEST_OPENING = 4
_GROUP = 4
_GROUP_LENGTH = 50

_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")
_AT_MARK = re.compile(f"([{''.join(sorted(SENTENCE_MARKS))}])")


def sentences(text: str, *, language: str, cut: str = "cut5") -> list[str]:
    """The pieces of `text` that are spoken one at a time, none longer than `LONGEST`.

    A stretch of text that is longer and has no mark is cut anywhere. Arguments and errors as for
    `chunks`; an empty list where nothing can be spoken.
    """
    return [
        chunk[start : start + LONGEST]
        for chunk in chunks(text, language=language, cut=cut)
        for start in range(0, len(chunk), LONGEST)
        if re.search(r"\w", chunk[start : start + LONGEST])
    ]


def chunks(text: str, *, language: str, cut: str = "cut5") -> list[str]:
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
    stop = full_stop(language)
    opening = _AT_MARK.split(text, maxsplit=1)[0].strip()
    if text[0] not in SENTENCE_MARKS and len(opening) < _SHORTEST_OPENING:
        text = stop + text  # the models swallow a short opening
    pieces = [piece for piece in METHODS[cut](text).split("\n") if piece not in ("", " ")]
    return [
        short
        for piece in _merged(pieces)
        if re.search(r"\w", piece)
        for short in _within_limit(closed(piece, language))
    ]


def collapse(text: str) -> str:
    """Reduce each run of the marks that are phones to its first."""
    return _REPEATED.sub(r"\1", text)


def closed(text: str, language: str) -> str:
    """`text` with a closing mark."""
    return text if text[-1:] in SENTENCE_MARKS else text + full_stop(language)


def full_stop(language: str) -> str:
    """The mark that closes a sentence: `.` for en, else `。`."""
    return "." if language == "en" else "。"


def cut0(text: str) -> str:
    """Do not cut."""
    return "\n" if _silent(text) else text


def cut1(text: str) -> str:
    """Cut after every fourth clause; the rest stays with the last four."""
    text = text.strip("\n")
    clauses = _clauses(text)
    starts = list(range(0, len(clauses), _GROUP))[:-1] or [0]
    if len(starts) < 2 and len(clauses) <= _GROUP:
        return _lines([text])
    ends = [*starts[1:], len(clauses)]
    return _lines("".join(clauses[a:b]) for a, b in zip(starts, ends, strict=True))


def cut2(text: str) -> str:
    """Cut after the clause that brings a piece over 50 characters."""
    text = text.strip("\n")
    clauses = _clauses(text)
    if len(clauses) < 2:
        return text
    pieces = [""]
    for clause in clauses:
        if len(pieces[-1]) > _GROUP_LENGTH:
            pieces.append("")
        pieces[-1] += clause
    if len(pieces) > 1 and len(pieces[-1]) < _GROUP_LENGTH:
        last = pieces.pop()
        pieces[-1] += last
    return _lines(pieces)


def cut3(text: str) -> str:
    """Cut at every 。, which is lost."""
    return _lines(text.strip("\n").strip("。").split("。"))


def cut4(text: str) -> str:
    """Cut at every full stop that touches no digit; the stop is lost."""
    return _lines(re.split(r"(?<!\d)\.(?!\d)", text.strip("\n").strip(".")))


def cut5(text: str) -> str:
    """Cut after every mark, except a point between two digits."""
    text = text.strip("\n")
    pieces = [""]
    for index, char in enumerate(text):
        pieces[-1] += char
        inside_number = (
            char == "." and text[:index][-1:].isdigit() and text[index + 1 : index + 2].isdigit()
        )
        if char in _CLAUSE_MARKS and not inside_number:
            pieces.append("")
    return "\n".join(piece for piece in pieces if not _CLAUSE_MARKS.issuperset(piece))


METHODS: dict[str, Callable[[str], str]] = {
    "cut0": cut0,
    "cut1": cut1,
    "cut2": cut2,
    "cut3": cut3,
    "cut4": cut4,
    "cut5": cut5,
}


def _clauses(text: str) -> list[str]:
    """Pieces that end in a sentence mark; dashes and dots drawn as two characters become one."""
    text = closed(text.replace("……", "。").replace("——", "，"), "zh")
    return [clause for clause in re.split(f"(?<={_AT_MARK.pattern[1:-1]})", text) if clause]


def _lines(pieces: Iterable[str]) -> str:
    return "\n".join(piece for piece in pieces if not _silent(piece))


def _silent(text: str) -> bool:
    return _SILENT.issuperset(text)


def _merged(pieces: list[str]) -> list[str]:
    """Join neighbours until each is long enough; a short last one joins the one before."""
    merged = [""]
    for piece in pieces:
        if len(merged[-1]) >= _SHORTEST:
            merged.append("")
        merged[-1] += piece
    if len(merged) > 1 and len(merged[-1]) < _SHORTEST:
        last = merged.pop()
        merged[-1] += last
    return [piece for piece in merged if piece]


def _within_limit(piece: str) -> list[str]:
    """Cut a piece that is too long at its marks."""
    if len(piece) <= LONGEST:
        return [piece]
    shorter = [""]
    for part in _AT_MARK.split(piece):
        if len(shorter[-1]) + len(part) > LONGEST:
            shorter.append("")
        shorter[-1] += part
    return shorter
