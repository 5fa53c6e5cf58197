"""A stretch of Japanese letters to words, each with its pronunciation, accent and place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from myna.text.ja.dictionary import analyser

if TYPE_CHECKING:
    from jpreprocess.jpreprocess import NjdObject

SILENT = "、"
"""Pronunciation of what cannot be read; heard as a short pause between words."""


class Word(NamedTuple):
    """A word as the analyser found it."""

    surface: str
    """As it is written, full-width; digits are written out in ideographs."""
    pron: str
    """In katakana, vowels drawn out with `ー`."""
    accent: int
    """After which mora the pitch falls, counted in its accent phrase; 0 is never."""
    chained: bool
    """It continues the accent phrase of the word before it."""
    start: int
    """First of its characters in the text."""
    end: int
    """And the one after the last."""
    shared: bool
    """Other words have the same characters: it is part of a number that is written out."""
    kind: str
    """Part of speech and its first group: `名詞/数`."""
    base: str
    """Its dictionary form."""


def words(text: str) -> list[Word]:
    """The words of a text that holds only letters, ideographs, kana and digits.

    Raises:
        MissingExtraError: jpreprocess is not installed.
    """
    wide, places = _full_width(text)
    nodes, wide = _nodes(wide, places)
    found = []
    for node, (start, end) in zip(nodes, _places([n["string"] for n in nodes], wide), strict=True):
        found.append(
            Word(
                node["string"],
                _pron(node),
                node["acc"],
                node["chain_flag"] == 1,
                places[start],
                places[end],
                wide[start:end] != node["string"],
                f"{node['pos']}/{node['pos_group1']}",
                node["orig"],
            )
        )
    return found


def _nodes(wide: str, places: list[int]) -> tuple[list[NjdObject], str]:
    """What the analyser finds, and the text that it read.

    Of an ideograph that begins no word, Open JTalk makes an unknown word together with the next;
    our analyser makes it of the one alone. So the next is taken out, and out of `places` too.
    """
    engine = analyser()
    nodes = engine.run_frontend(wide)
    paired: set[int] = set()  # places of ideographs that have got the next one
    for _ in range(_MOST_PASSES):
        if not any(map(_is_unknown, nodes)):
            break
        spans = _places([node["string"] for node in nodes], wide)
        extra: list[int] = []
        for node, (start, end), after in zip(nodes, spans, nodes[1:], strict=False):
            if (
                _is_unknown(node)
                and places[start] not in paired
                and start not in extra[-1:]
                and _IDEOGRAPH.fullmatch(after["string"])
                and wide.startswith(after["string"], end)
            ):
                paired.add(places[start])
                extra.append(end)
        if not extra:
            break
        for at in reversed(extra):
            wide = wide[:at] + wide[at + 1 :]
            del places[at]
        nodes = engine.run_frontend(wide)
    return nodes, wide


_MOST_PASSES = 4
"""Taking an ideograph out may bring forth another that begins no word, though hardly ever twice."""


def _is_unknown(node: NjdObject) -> bool:
    return node["pron"] == SILENT and _IDEOGRAPH.fullmatch(node["string"]) is not None


_IDEOGRAPH = re.compile("[々\u3400-\u4db5\u4e00-\u9fa5\uf900-\ufa6a]")


def _pron(node: NjdObject) -> str:
    """Kana that Open JTalk has no sound for are silent in words it does not know."""
    pron: str = node["pron"]
    if node["pos"] == "フィラー" and _SOUNDLESS.search(pron):
        return _SOUNDLESS.sub("", pron) or SILENT
    return pron


_SOUNDLESS = re.compile("[ヵヶヮ]")


def _places(surfaces: list[str], text: str) -> list[tuple[int, int]]:
    """Where each surface lies in `text`: in order, none before the one that precedes it.

    Surfaces that are not found, as those of written out numbers, share what lies between their
    neighbours; where they are read one by one, each digit has its own.
    """
    places: list[tuple[int, int]] = []
    waiting: list[str] = []
    at = digits_end = 0
    for surface in surfaces:
        if at >= digits_end and (digits := _DIGITS.match(text, at)):
            digits_end = digits.end()
        farthest = max(at + _FARTHEST, digits_end) + len(surface)
        found = text.find(surface, at, farthest) if surface else -1
        if found > at and not waiting and found > digits_end:
            found = -1
        if found < 0 or (found > at and _NUMBER.fullmatch(surface)):
            waiting.append(surface)
            continue
        places += _between(at, found, waiting, digits_end)
        waiting = []
        at = found + len(surface)
        places.append((found, at))
    return places + _between(at, len(text), waiting, digits_end)


def _between(start: int, end: int, lost: list[str], digits_end: int) -> list[tuple[int, int]]:
    if len(lost) == end - start and digits_end >= end and _POWERS.isdisjoint(lost):
        return [(i, i + 1) for i in range(start, end)]
    return [(start, end)] * len(lost)


_FARTHEST = 40
"""Characters; a number is written out in fewer, or it is read digit by digit."""
_DIGITS = re.compile("[０-９]+")
_POWERS = frozenset("十百千万億兆京")
_NUMBER = re.compile("[一二三四五六七八九十百千万億兆京]")


_NARROW = re.compile("[!-~\uff66-\uff9d]")
_WIDE = {
    **{code: code + 0xFEE0 for code in range(0x21, 0x7F)},
    ord("-"): ord("−"),
    ord("\\"): ord("￥"),
    ord("'"): ord("’"),
    ord('"'): ord("”"),
    ord("`"): ord("‘"),
    ord("~"): ord("〜"),
    **{
        0xFF66 + i: ord(kana)
        for i, kana in enumerate(
            "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
        )
    },
}


def _full_width(text: str) -> tuple[str, list[int]]:
    """As the analyser reads it, and for each character and the end its place in `text`."""
    return text.translate(_WIDE), list(range(len(text) + 1))
