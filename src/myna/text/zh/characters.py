"""Characters that need others in their place before the improved rules can read a text.

Full-width letters and signs, digits in circles, traditional characters that the compatible table
leaves alone, and ideographs too rare for it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from myna.extras import require
from myna.text import tables
from myna.text.rules import Match, Rule
from myna.text.traced import Traced
from myna.text.zh.numbers import cardinal

_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_MARKS = "！（），．：；？～"
"""Full-width ones that stay: as marks they are more than their narrow forms."""


@cache
def plain() -> dict[int, str]:
    """Signs that have a plainer form: `％` to `%`, `㎡` to `m²`, `②` to 二."""
    table = {code: char for code, char in _FULL_WIDTH.items() if chr(code) not in _MARKS}
    table |= {0x3000: " ", 0x00A0: " ", 0x202F: " ", 0x2009: " "}
    table |= dict.fromkeys(map(ord, "﹣−‐‑‒–"), "-")
    table |= {ord(old): new for old, new in zip("￥￡∶〜∼～〇µ", "¥£:~~~零μ", strict=True)}
    table |= {ord("℃"): "°C", ord("℉"): "°F", ord("㏎"): "km", ord("㏄"): "ml"}
    for code in (*range(0x3380, 0x33E0), *range(0x2F00, 0x2FD6), *range(0xF900, 0xFB00)):
        table.setdefault(code, _compatible(chr(code)))
    for first, last in _NUMBERED:
        for code in range(first, last + 1):
            table[code] = cardinal(str(int(unicodedata.numeric(chr(code)))))
    table |= {0x2080 + digit: str(digit) for digit in range(10)}
    return table


_NUMBERED = (
    (0x2460, 0x249B),
    (0x24EA, 0x24FE),
    (0x2776, 0x2793),
    (0x3220, 0x3229),
    (0x3280, 0x3289),
    (0x2160, 0x216B),
    (0x2170, 0x217B),
)
"""Ranges of circled, bracketed and Roman numbers."""


def _compatible(char: str) -> str:
    """`㎎` as `mg`; powers stay raised."""
    return unicodedata.normalize("NFKC", char).translate({0x32: "²", 0x33: "³", 0x2215: "/"})


_VULGAR = re.compile("([0-9]?)([¼½¾⅐-⅞])")


def _vulgar(match: Match) -> str:
    over, _, under = unicodedata.normalize("NFKC", match[2]).partition("⁄")
    whole = f"{cardinal(match[1])}又" if match[1] else ""
    return f"{whole}{cardinal(under)}分之{cardinal(over)}"


RULES = (
    Rule("zh.fraction", _VULGAR, _vulgar),
    Rule("zh.zero", re.compile("(?<=[零一二三四五六七八九十])[○◯]"), "零"),
    Rule("zh.repeated", re.compile("([\u4e00-\u9fa5])々"), r"\1\1"),
)


# Traditional characters

_GAN = re.compile("乾(?![隆坤元卦县陵清])(?<!康乾)(?<!朗朗乾)")
_ZHE = re.compile("著(?![名作者称述书录有])(?<![编原名显专论巨译土卓昭遗合所执]著)")
_LIAO = re.compile("瞭(?!望)")


@cache
def more_simplified() -> dict[int, str]:
    """What the compatible table lacks or has wrong, but for what depends on the word."""
    pairs = " ".join(tables.lines("zh", "simplified_more.txt")).split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def simplified(text: Traced, *, traditional: bool) -> Traced:
    """Simplify what the compatible table leaves as it is or takes for another character.

    Args:
        text: from the compatible table.
        traditional: whether that changed anything: 著 is 着 only in a traditional text.
    """
    text = text.translate(more_simplified()).sub(_GAN, "干").sub(_LIAO, "了")
    return text.sub(_ZHE, "着") if traditional else text


# Rare ideographs

_RARE = re.compile("[\u3400-\u4dbf\u9fa6-\u9fff\U00020000-\U000323af]")


def with_homophones(text: Traced) -> Traced:
    """A common character of the same sound for an ideograph outside U+4E00 to U+9FA5.

    The rest of Mandarin, and the model that understands its sentences, know no others. What
    pypinyin cannot read either stays.

    Raises:
        MissingExtraError: there is such an ideograph, and pypinyin is not installed.
    """
    return text.sub(_RARE, lambda match: _homophone(match[0]) or match[0], "zh.homophone")


_VARIANTS = {"㐂": "喜", "𠮷": "吉"}
"""Of names and shop signs; pypinyin does not know them."""


def _homophone(char: str) -> str | None:
    if char in _VARIANTS:
        return _VARIANTS[char]
    sounds = _sounds().get(ord(char), "").split(",")
    return _common().get(sounds[0])


@cache
def _sounds() -> dict[int, str]:
    found: dict[int, str] = require(
        "pypinyin.pinyin_dict", extra="zh", feature="Mandarin"
    ).pinyin_dict
    return found


@cache
def _common() -> dict[str, str]:
    """A character for each sound: of the first level of GB 2312, with few others."""
    sounds = _sounds()
    found: dict[str, str] = {}
    codes = [bytes((a, b)) for a in range(0xB0, 0xD8) for b in range(0xA1, 0xFF)]
    chars = [code.decode("gb2312") for code in codes if code < b"\xd7\xfa"]
    for char in sorted(chars, key=lambda char: sounds[ord(char)].count(",")):
        found.setdefault(sounds[ord(char)].split(",")[0], char)
    return found
