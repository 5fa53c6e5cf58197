"""Everything that is not words, written out as a native of Hong Kong reads it.

Each rule is a substitution, and their order matters: what one wrote out has no digits any more, so
the more special reading of a number goes first, and the last rules read what is left.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from myna.text.rules import Match, Rule, applied
from myna.text.traced import Traced
from myna.text.yue import dates, money, telephone
from myna.text.yue.numbers import COUNTED, NUMBER, amount, cardinal, decimal, digits

_Rules = tuple[Callable[[Traced], Traced], ...]


def written_out(text: Traced) -> Traced:
    """`text` without digits, units and signs of arithmetic, but for what nobody can read."""
    if _NUMBERED.search(text.text):
        text = plain(text)
        text = applied(_ARITHMETIC, text)
        text = applied(dates.RULES, text)
        text = applied(telephone.RULES, text)
        text = applied(_RANGES, text)
        text = money.written_out(text)
        text = applied(_NUMBERS, text)
    return applied(_SIGNS, text)


def plain(text: Traced) -> Traced:
    """Digits and signs in the form that the rules look for."""
    return applied(_PLAIN, text)


_NUMBERED = re.compile(r"\d|[½⅓⅔¼¾①-⑳]")

# Characters that are written in several ways

_DIGIT = re.compile(r"(?![0-9])\d")
_FULL_WIDTH = re.compile(r"[Ａ-Ｚａ-ｚ＃＄％＆＊＋＜＝＞＠]|(?<=[0-9])[．：／－～](?=[0-9])")
_DASH = re.compile(r"(?<=[0-9%度℃年月日號])[‐‑‒–—−﹣～〜](?=[-0-9$])|[−﹣－](?=[0-9])")
_SAME = {
    "㎜": "mm",
    "㎝": "cm",
    "㎞": "km",
    "㎎": "mg",
    "㎏": "kg",
    "㎖": "ml",
    "㎡": "m²",
    "㎥": "m³",
    "℉": "°F",
    "º": "°",
    "˚": "°",
    "﹪": "%",
    "﹩": "$",
    "⁄": "/",
    "∶": ":",
    "✕": "×",
    "∕": "/",
}
_OTHER_SIGN = re.compile(f"[{''.join(_SAME)}]")
_THOUSANDS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_CIRCLED = re.compile("[①-⑳]")

_PLAIN: _Rules = (
    Rule("", _DIGIT, lambda match: str(unicodedata.decimal(match[0]))),
    Rule("", _FULL_WIDTH, lambda match: chr(ord(match[0]) - 0xFEE0)),
    Rule("", _DASH, "-"),
    Rule("", _OTHER_SIGN, lambda match: _SAME[match[0]]),
    Rule("yue.thousands", _THOUSANDS, lambda match: match[0].replace(",", "")),
    Rule("", _CIRCLED, lambda match: cardinal(str(ord(match[0]) - 0x245F))),
)

# Arithmetic; without a sign of equality, a hyphen is none of it

_OPERATORS = {
    "+": "加",
    "-": "減",
    "×": "乘",
    "*": "乘",
    "x": "乘",
    "÷": "除以",
    "/": "除以",
    "=": "等於",
    ">": "大過",
    "<": "細過",
    "≥": "大過或者等於",
    "≤": "細過或者等於",
    "≠": "唔等於",
    "≈": "大約等於",
}
_TERM = r"-?[0-9]+(?:\.[0-9]+)?"
_EQUATION = re.compile(rf"(?<![0-9.]){_TERM}(?: ?[-+×*x÷/] ?{_TERM}){{1,9}}(?= ?=)")
_OPERATOR = re.compile(r"(?<=[0-9]) ?([-+×*x÷/]) ?(?=[-0-9])")
_COMPARED = re.compile(r"(?<=[0-9²³%]) ?([+×÷=><≥≤≠≈]) ?(?=[-0-9])")
_PRODUCT = re.compile(r"(?<=[0-9]) ?[x*] ?(?=[0-9])")
_ODDS = re.compile(r"(?<![0-9.:])([0-9]+) ?[:：] ?([0-9]+)(?![0-9:])")
_SCORE = re.compile(
    r"(?<=[贏赢輸输負负勝胜和數数分先後成])([^0-9，。！？,.!?]{0,6}[0-9]{1,3})[-:：](?=[0-9]{1,3}(?![0-9\-]))"
    rf"(?![0-9]+ ?(?:{COUNTED}|[%號号月]))"
)

_ARITHMETIC: _Rules = (
    Rule(
        "yue.arithmetic",
        _EQUATION,
        lambda match: _OPERATOR.sub(lambda sign: _OPERATORS[sign[1]], match[0]),
    ),
    Rule("yue.arithmetic", _COMPARED, lambda match: _OPERATORS[match[1]]),
    Rule("yue.arithmetic", _PRODUCT, "乘"),
    Rule("yue.score", _SCORE, lambda match: f"{match[1]}比"),
)

# Ranges, while both ends still stand as digits

_UNIT_WORDS = {
    "km/h": "公里每小時",
    "kmh": "公里每小時",
    "kph": "公里每小時",
    "m/s": "米每秒",
    "km²": "平方公里",
    "km2": "平方公里",
    "m²": "平方米",
    "m2": "平方米",
    "m³": "立方米",
    "m3": "立方米",
    "cm²": "平方厘米",
    "cm2": "平方厘米",
    "cm³": "立方厘米",
    "cm3": "立方厘米",
    "ft²": "平方呎",
    "ft2": "平方呎",
    "sqft": "平方呎",
    "sq ft": "平方呎",
    "km": "公里",
    "m": "米",
    "cm": "厘米",
    "mm": "毫米",
    "nm": "納米",
    "kg": "公斤",
    "g": "克",
    "mg": "毫克",
    "lb": "磅",
    "lbs": "磅",
    "oz": "安士",
    "l": "公升",
    "L": "公升",
    "ml": "毫升",
    "mL": "毫升",
    "cc": "立方厘米",
    "ft": "呎",
    "in": "吋",
    "ha": "公頃",
    "h": "小時",
    "hr": "小時",
    "hrs": "小時",
    "min": "分鐘",
    "mins": "分鐘",
    "s": "秒",
    "sec": "秒",
    "secs": "秒",
    "ms": "毫秒",
    "Hz": "赫茲",
    "kHz": "千赫",
    "MHz": "兆赫",
    "GHz": "千兆赫",
    "W": "瓦特",
    "kW": "千瓦",
    "kWh": "千瓦時",
    "V": "伏特",
    "mAh": "毫安時",
    "dB": "分貝",
    "db": "分貝",
    "kcal": "千卡",
    "cal": "卡路里",
    "hPa": "百帕",
    "℃": "度",
    "°C": "度",
    "°F": "度",
    "°": "度",
}
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNIT_WORDS, key=len, reverse=True))
_A_UNIT = rf"(?:{_UNIT})(?![A-Za-z0-9²³])"
_RANGE = re.compile(
    rf"(?<![A-Za-z0-9.\-])(-?{NUMBER})( ?(?:%|{_A_UNIT}|{COUNTED}|[號号月]))? ?[-~] ?"
    r"(?=\$?-?[0-9])(?![0-9]+-)"
)
_PLUS = re.compile(r"(?<![0-9A-Za-z])\+(?=[0-9])")
_PLUS_MINUS = re.compile(r"±(?=[0-9])")
_COUNTED_BEFORE_TO = re.compile(rf"(?<![0-9.第])2(?=至-?{NUMBER} ?(?:{_A_UNIT}|{COUNTED}))")

_RANGES: _Rules = (
    Rule("yue.ratio", _ODDS, lambda match: f"{decimal(match[1])}比{decimal(match[2])}"),
    Rule("yue.sign", _PLUS_MINUS, "正負"),
    Rule("yue.sign", _PLUS, "加"),
    Rule("yue.range", _RANGE, lambda match: f"{match[1]}{match[2] or ''}至"),
)

# Numbers with what follows them

_VERSION = re.compile(r"(?<![0-9.])[0-9]+(?:\.[0-9]+){2,}")
_PERCENT = re.compile(rf"(-?)({NUMBER}) ?([%‰])")
_PERCENT_RANGE = re.compile(rf"({NUMBER})(?=至-?[0-9]+(?:\.[0-9]+)? ?%)")
_FAHRENHEIT = re.compile(rf"(-?)({NUMBER})(?= ?°F)")
_TEMPERATURE = re.compile(rf"-({NUMBER})(?=(?:至-?{NUMBER})? ?(?:℃|°C|度))")
_UNITS = re.compile(rf"({NUMBER})( ?{_A_UNIT})")
_NEXT_UNIT = re.compile(rf"(?<=[0-9]) ?/ ?({_UNIT})(?![A-Za-z])")
_POWERS = {"²": "嘅平方", "³": "嘅立方"}
_POWER = re.compile(rf"({NUMBER})(?:([²³])|\^([0-9]{{1,3}})(?![0-9.]))")
_MIXED = re.compile(r"(?<![0-9/.])([0-9]{1,4}) ([0-9]{1,4})/([0-9]{1,4})(?![0-9/.])")
_SMALLEST_PRESSURE = 30
"""Of blood: 120/80 is no fraction."""
_FRACTION = re.compile(r"(?<![0-9/.])(-?)([0-9]{1,6})/([0-9]{1,6})(?![0-9/.])")
_FRACTIONS = {"½": "二分之一", "⅓": "三分之一", "⅔": "三分之二", "¼": "四分之一", "¾": "四分之三"}
_FRACTION_SIGN = re.compile(f"(?:(?<![0-9])([0-9]{{1,9}}))?([{''.join(_FRACTIONS)}])")
_ORDINAL = re.compile(r"第 ?([0-9]+)(?![0-9.])")
_VAGUE = re.compile(rf"({NUMBER})\+(?= ?(?:{COUNTED}))")
_ABOUT = re.compile(r"[~～≈](?=[0-9])")
_NEGATIVE = re.compile(rf"(?<![A-Za-z0-9])-({NUMBER})")
_WITH_ZERO = re.compile(r"(?<![0-9.])0[0-9]+(?![0-9.])")
_LONG = re.compile(rf"(?<![0-9.])[0-9]{{9,}}(?![0-9.])(?! ?(?:{COUNTED}))")
_DISCOUNT = re.compile("(?<![0-9.])[0-9]{2}(?=折)")
_AFTER_HUNDREDS = re.compile("(?<=[百千萬億])[0-9](?![0-9.])")
_COUNTED_NUMBER = re.compile(rf"({NUMBER})(?= ?(?:{COUNTED}))")
_LEFT = re.compile(NUMBER)
_LAST = re.compile("[0-9]+")


def _part(number: str) -> str:
    return digits(number) if number.startswith("0") or len(number) > 2 else cardinal(number)


def _long(match: Match) -> str:
    return cardinal(match[0]) if match[0].endswith("0000") else digits(match[0])


def _units(match: Match) -> str:
    return amount(match[1]) + _UNIT_WORDS[match[2].strip()]


def _percent(match: Match) -> str:
    minus = "負" if match[1] else ""
    return f"{minus}{'百' if match[3] == '%' else '千'}分之{decimal(match[2])}"


def _power(match: Match) -> str:
    exponent = _POWERS[match[2]] if match[2] else f"嘅{cardinal(match[3])}次方"
    return decimal(match[1]) + exponent


def _fraction(match: Match) -> str:
    minus = "負" if match[1] else ""
    if int(match[2]) > int(match[3]) > _SMALLEST_PRESSURE:
        return f"{cardinal(match[2])}，{cardinal(match[3])}"
    return f"{minus}{cardinal(match[3])}分之{cardinal(match[2])}"


def _fraction_sign(match: Match) -> str:
    part = _FRACTIONS[match[2]]
    return f"{cardinal(match[1])}又{part}" if match[1] else part


_NUMBERS: _Rules = (
    Rule("yue.version", _VERSION, lambda match: "點".join(map(_part, match[0].split(".")))),
    Rule("yue.percent", _PERCENT_RANGE, lambda match: f"百分之{decimal(match[1])}"),
    Rule("yue.percent", _PERCENT, _percent),
    Rule("yue.temperature", _TEMPERATURE, lambda match: f"零下{match[1]}"),
    Rule("yue.temperature", _FAHRENHEIT, lambda match: f"華氏{match[1]}{match[2]}"),
    Rule("yue.range", _COUNTED_BEFORE_TO, "兩"),
    Rule("yue.unit", _UNITS, _units),
    Rule("yue.power", _POWER, _power),
    Rule(
        "yue.fraction", _MIXED, lambda m: f"{cardinal(m[1])}又{cardinal(m[3])}分之{cardinal(m[2])}"
    ),
    Rule("yue.fraction", _FRACTION, _fraction),
    Rule("yue.fraction", _FRACTION_SIGN, _fraction_sign),
    Rule("yue.ordinal", _ORDINAL, lambda match: f"第{cardinal(match[1])}"),
    Rule("yue.vague", _VAGUE, lambda match: f"{decimal(match[1])}幾"),
    Rule("yue.vague", _ABOUT, "大約"),
    Rule("yue.negative", _NEGATIVE, lambda match: f"負{match[1]}"),
    Rule("yue.digits", _WITH_ZERO, lambda match: digits(match[0])),
    Rule("yue.digits", _LONG, _long),
    Rule("yue.digits", _DISCOUNT, lambda match: digits(match[0])),
    dates.BARE_YEAR,
    Rule("yue.number", _AFTER_HUNDREDS, lambda match: digits(match[0])),
    Rule("yue.number", _COUNTED_NUMBER, lambda match: amount(match[1])),
    Rule("yue.number", _LEFT, lambda match: decimal(match[0])),
    Rule("yue.number", _LAST, lambda match: digits(match[0])),
)

# Signs that are left

_AND = re.compile(" ?[&＆] ?")
_OR = re.compile(r"(?<=[\u4e00-\u9fff]) ?[/／] ?(?=[\u4e00-\u9fff])")
_AGAIN = re.compile(r"([\u3400-\u9fff])々")

_SIGNS: _Rules = (
    Rule("yue.sign", _AND, "同"),
    Rule("", _OR, "，"),
    Rule("yue.repeated", _AGAIN, r"\1\1"),
)
