"""Characters that stand for others: full-width and curly forms, dashes, quotes, ligatures.

After these rules a text has ASCII quotes and hyphens, an em dash only as a pause and an en dash
only between things, and letters that are at most accented.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from myna.text.rules import Match, Rule
from myna.text.traced import Traced

_APOSTROPHES = "‘’‛ʼ´`′＇"
_QUOTES = "“”„‟«»‹›″＂《》〈〉「」『』【】"
_HYPHENS = "‐‑‒−﹣－"
_DASHES = "―⸺⸻"
_SPACES = "\t\v\f\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_INVISIBLE = "\xad\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"
_SAME = {
    **{chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)},
    **dict.fromkeys(_APOSTROPHES, "'"),
    **dict.fromkeys(_QUOTES, '"'),
    **dict.fromkeys(_HYPHENS, "-"),
    **dict.fromkeys(_DASHES, "—"),
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_INVISIBLE, ""),
    **dict(zip("\r\u2028\u2029\x85", "\n\n\n\n", strict=True)),
    **dict(zip("、。・·•∙⋅：；", ",.  ,,*:;", strict=True)),
    "…": "...",
    "⋯": "...",
    "‥": "..",
    "℃": "°C",
    "℉": "°F",
    "№": "No. ",
    "ß": "ss",
    "ẞ": "SS",
    **dict(zip("øØđĐłŁðÐıħĦ", "oOdDlLdDihH", strict=True)),
    "æ": "ae",
    "Æ": "Ae",
    "œ": "oe",
    "Œ": "Oe",
    "þ": "th",
    "Þ": "Th",
    **dict(zip("™®©", ["", "", ""], strict=True)),
    **dict(zip("ſKİ", "sKI", strict=True)),  # rules that ignore case take them for these
}
_TABLE = {ord(char): plain for char, plain in _SAME.items()}
_FRACTIONS = re.compile("([0-9]?) ?([¼½¾⅐-⅞])")
_RESUME = re.compile("r(?:é|é)sum(?:é|é|e)(s?)\\b", re.IGNORECASE)
_ACCENTED = re.compile("[À-ɏḀ-ỿ]|[A-Za-z][̀-ͯ]+")
_STYLED = re.compile("[\u2102-\u2149\u2460-\u249b\ufb00-\ufb06\U0001d400-\U0001d7ff]")
_LINE_ENDS = re.compile(r"(?<![\s])[ ]*\n[\s]*")


def _plain(text: Traced) -> Traced:
    if text.text.isascii() and not _CONTROL.search(text.text):
        return text
    return text.translate(_TABLE, "en.character")


_CONTROL = re.compile("[\t\v\f\r]")


def _fraction(match: Match) -> str:
    parts = unicodedata.normalize("NFKC", match[2]).replace("\u2044", "/")
    return f"{match[1]} {parts}" if match[1] else parts


def _without_accent(match: Match) -> str:
    """The letter of an accented Latin one; others stay."""
    parts = unicodedata.normalize("NFD", match[0])
    return parts[0] if parts[0].isascii() else match[0]


def _styled(match: Match) -> str:
    plain = unicodedata.normalize("NFKC", match[0])
    return plain if plain.isascii() and plain.isalnum() else match[0]


def _line_end(match: Match) -> str:
    before = match.string[: match.start()]
    if not before or match.end() == len(match.string):
        return " "
    return " " if before[-1] in ",.!?;:-" else ", "


RULES: tuple[Callable[[Traced], Traced], ...] = (
    _plain,
    Rule("en.fraction", _FRACTIONS, _fraction),
    Rule("en.character", _STYLED, _styled),
    Rule("en.accent", _RESUME, r"rezumay\1"),
    Rule("", _ACCENTED, _without_accent),
    Rule("en.line", _LINE_ENDS, _line_end),
)
