"""Mandarin text to ideographs and the six marks that are phones.

Each clause goes through the rules of `_RULES` in their order, which decides a lot: arithmetic comes
before ranges and telephone numbers, so that "3-5天" is read as a subtraction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise

from myna.text import tables
from myna.text.rules import Match, Rule, applied
from myna.text.symbols import MARKS
from myna.text.traced import Traced, joined
from myna.text.zh.numbers import cardinal, decimal, digits
from myna.text.zh.words import word_list


def normalise(text: Traced, *, improved: bool = False) -> Traced:
    """Write out numbers, units, dates and signs; keep ideographs and `! ? … , . -`.

    Latin letters, kana and ideographs outside U+4E00 to U+9FA5 cannot be read: they are dropped
    and noted in the journal.

    Args:
        text: as the caller wrote it.
        improved: write out as a native reads, not as the published voices were trained.
    """
    clauses = clauses_normalised(text, improved=improved)
    if improved:
        from myna.text.zh import characters

        clauses = [characters.with_homophones(clause) for clause in clauses]
    marked = joined((_with_plain_marks(clause) for clause in clauses), text)
    return marked.kept(_is_read).sub(_RUN_OF_MARKS, _first)


def clauses_normalised(text: Traced, *, improved: bool = False) -> list[Traced]:
    """The clauses of a text with numbers, units, dates and signs written out; each keeps its mark.

    That is all of `normalise` but its last step, in which every other sign becomes one of the six
    marks or is dropped: Cantonese shares it and ends in its own way.

    Args:
        text: as the caller wrote it.
        improved: as for `normalise`.
    """
    plain = text.translate(_simplified())
    if improved:  # imported here because its many patterns take time
        from myna.text.zh import characters
        from myna.text.zh.improved import written_out

        plain = written_out(characters.simplified(plain, traditional=plain is not text))
    clauses = _clauses(plain.kept(_is_in_clauses).translate(_HALF_WIDTH))
    return [applied(_RULES, clause) for clause in clauses]


def _is_read(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fa5" or char in MARKS


def _first(match: Match) -> str:
    return match[0][0]


_RUN_OF_MARKS = re.compile(r"[!?…,.\-]{2,}")

_LEFT_OUT = frozenset(" —《》【】<>{}()（）#&@“”^_|\\")


def _is_in_clauses(char: str) -> bool:
    return char not in _LEFT_OUT


_CLAUSE_END = re.compile(r"[：、，；。？！,;?!]’?|\n")


def _clauses(text: Traced) -> list[Traced]:
    borders = [0, *(match.end() for match in _CLAUSE_END.finditer(text.text)), len(text)]
    pieces = (text[a:b] for a, b in pairwise(borders))
    return [clause for piece in pieces if (clause := piece.strip())]


_HALF_WIDTH = {
    ord("　"): " ",
    **{
        code + 0xFEE0: chr(code)
        for first, last in ("az", "AZ", "09")
        for code in range(ord(first), ord(last) + 1)
    },
}


@cache
def _simplified() -> dict[int, str]:
    pairs = " ".join(tables.lines("zh", "simplified.txt")).split()
    return {ord(pair[0]): pair[1] for pair in pairs}


# Dates and times

_YEAR_MONTH_DAY = re.compile(
    r"([0-9]{4}|[0-9]{2})年"
    r"(?:(0?[1-9]|1[0-2])月)?"
    r"(?:(0?[1-9]|[12][0-9]|30|31)([日号]))?"
)
_DATE = re.compile(r"([0-9]{4})([- /.])(0[1-9]|1[0-2])\2(0[1-9]|[12][0-9]|3[01])")
_CLOCK = r"([0-1]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?"
_TIME = re.compile(_CLOCK)
_TIMES = re.compile(f"{_CLOCK}[~-]{_CLOCK}")


def _year_month_day(match: Match) -> str:
    year, month, day, word = match.groups()
    return "".join(
        (
            f"{digits(year)}年",
            f"{cardinal(month)}月" if month else "",
            f"{cardinal(day)}{word}" if day else "",
        )
    )


def _date(match: Match) -> str:
    return f"{digits(match[1])}年{cardinal(match[3])}月{cardinal(match[4])}日"


def _time(match: Match) -> str:
    hour, minute, second = match.groups()
    return _clock(hour, minute, second, half=minute == "30")


def _times(match: Match) -> str:
    hour, minute, second, hour_2, minute_2, second_2 = match.groups()
    half = minute == "30"  # of the second time too: so the voices were trained
    first = _clock(hour, minute, second, half=half)
    return f"{first}至{_clock(hour_2, minute_2, second_2, half=half)}"


def _clock(hour: str, minute: str, second: str | None, *, half: bool) -> str:
    words = f"{cardinal(hour)}点"
    if minute != "00":
        words += "半" if half else f"{_sixtieths(minute)}分"
    if second and second != "00":
        words += f"{_sixtieths(second)}秒"
    return words


def _sixtieths(number: str) -> str:
    return ("零" if number.startswith("0") else "") + cardinal(number)


# Quantities

_UNITS_READ = {
    "cm2": "平方厘米",
    "cm²": "平方厘米",
    "cm3": "立方厘米",
    "cm³": "立方厘米",
    "cm": "厘米",
    "db": "分贝",
    "ds": "毫秒",
    "kg": "千克",
    "km": "千米",
    "m2": "平方米",
    "m²": "平方米",
    "m³": "立方米",
    "m3": "立方米",
    "ml": "毫升",
    "m": "米",
    "s": "秒",
}
"""Replaced anywhere in a clause, one after the other: `mm` is two times 米."""
_UNIT = r"(?:%|°C|℃|度|摄氏度|cm2|cm²|cm3|cm³|cm|db|ds|kg|km|m2|m²|m³|m3|ml|m|mm|s)"
_WHOLE = r"(?<![0-9])[0-9]+"
"""All digits of a number: to try each of them as its start would take long on long numbers."""
_AMOUNT = rf"(?:{_WHOLE}(?:\.[0-9]+)?|\.[0-9]+)"
_AMOUNTS = re.compile(rf"({_AMOUNT}{_UNIT})~({_AMOUNT}{_UNIT})")
_TEMPERATURE = re.compile(rf"(-?)({_WHOLE}(?:\.[0-9]+)?)(?:°C|℃|度|摄氏度)")
_FRACTION = re.compile(rf"(-?)({_WHOLE})/([0-9]+)")
_PERCENTAGE = re.compile(rf"(-?)({_WHOLE}(?:\.[0-9]+)?)%")

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ", "0123456789xyn", strict=True))
_RAISED = f"[{''.join(_SUPERSCRIPTS)}]"
_POWER = re.compile(f"{_RAISED}+")
_OPERATORS = {"+": "加", "-": "减", "×": "乘", "÷": "除", "=": "等于"}
_OPERAND = rf"(?:(?:-?{_WHOLE}(?:\.[0-9]+)?|\.[0-9]+|[A-Za-z]){_RAISED}*)"
_ARITHMETIC = re.compile(rf"({_OPERAND})([+\-×÷=])({_OPERAND})")

_RANGE = re.compile(
    r"(?<![0-9+\-×÷=])(-?[0-9]+(?:\.[0-9]+)?)[-~](-?[0-9]+(?:\.[0-9]+)?)(?![0-9+\-×÷=])"
)
_NEGATIVE = re.compile(r"-([0-9]+)")
_VERSION = re.compile(rf"{_WHOLE}(?:\.[0-9]+){{2,}}")
_DECIMAL = re.compile(rf"(-?)({_WHOLE}\.[0-9]+)|(\.[0-9]+)")
_LONG_NUMBER = re.compile(r"[0-9]{3,}")
_NUMBER = re.compile(r"(-?)([0-9]+(?:\.[0-9]+)?|\.[0-9]+)")


def _units(clause: Traced) -> Traced:
    for unit, word in _UNITS_READ.items():
        clause = clause.replace(unit, word, "zh.unit")
    return clause


def _temperature(match: Match) -> str:
    return f"{'零下' if match[1] else ''}{decimal(match[2])}度"


def _arithmetic(clause: Traced) -> Traced:
    """Until nothing changes: an operand may belong to two operators."""
    before = None
    while clause is not before:
        before = clause
        clause = clause.sub(_ARITHMETIC, _operation, "zh.arithmetic")
    return clause


def _operation(match: Match) -> str:
    return f"{match[1]}{_OPERATORS[match[2]]}{match[3]}"


def _power(match: Match) -> str:
    return f"的{''.join(_SUPERSCRIPTS[char] for char in match[0])}次方"


def _fraction(match: Match) -> str:
    return f"{_sign(match)}{decimal(match[3])}分之{decimal(match[2])}"


def _percentage(match: Match) -> str:
    return f"{_sign(match)}百分之{decimal(match[2])}"


def _range(match: Match) -> str:
    return f"{_NUMBER.sub(_number, match[1])}到{_NUMBER.sub(_number, match[2])}"


def _number(match: Match) -> str:
    return f"{_sign(match)}{decimal(match[2])}"


def _sign(match: Match) -> str:
    return "负" if match[1] else ""


def _version(match: Match) -> str:
    return "点".join(digits(part) for part in match[0].split("."))


def _counted(clause: Traced) -> Traced:
    """A whole number before a quantifier; 2 alone is 两."""
    return clause.sub(_counted_pattern(), _counted_words, "zh.counted")


def _counted_words(match: Match) -> str:
    number, vague = match.groups(default="")
    vague = "多" if vague == "+" else vague
    words = cardinal(number)
    return ("两" if words == "二" else words) + vague


@cache
def _counted_pattern() -> re.Pattern[str]:
    return re.compile(rf"({_WHOLE})([多余几+])?(?={'|'.join(sorted(word_list('quantifiers')))})")


# Telephone numbers

_MOBILE = re.compile(
    r"(?<![0-9])(?:\+?86 ?)?1(?:[38][0-9]|5[0-35-9]|7[678]|9[89])[0-9]{8}(?![0-9])"
)
_LANDLINE = re.compile(r"(?<![0-9])(?:0(?:10|2[1-3]|[3-9][0-9]{2})-?)?[1-9][0-9]{6,7}(?![0-9])")
_SERVICE = re.compile(r"400-?[0-9]{3}-?[0-9]{4}")


def _telephone(match: Match) -> str:
    return "，".join(digits(part, one="幺") for part in re.split("[- ]", match[0]))


# What is left

_SIGNS = str.maketrans(
    {
        "/": "每",
        **dict(zip("①②③④⑤⑥⑦⑧⑨⑩", "一二三四五六七八九十", strict=True)),
        **{
            letter: name
            for letters, name in (
                ("αΑ", "阿尔法"),
                ("βΒ", "贝塔"),
                ("γΓ", "伽玛"),
                ("δΔ", "德尔塔"),
                ("εΕ", "艾普西龙"),
                ("ζΖ", "捷塔"),
                ("ηΗ", "依塔"),
                ("θΘ", "西塔"),
                ("ιΙ", "艾欧塔"),
                ("κΚ", "喀帕"),
                ("λΛ", "拉姆达"),
                ("μΜ", "缪"),
                ("νΝ", "拗"),
                ("ξΞ", "克西"),
                ("οΟ", "欧米克伦"),
                ("πΠ", "派"),
                ("ρΡ", "肉"),
                ("ςσΣ", "西格玛"),
                ("τΤ", "套"),
                ("υΥ", "宇普西龙"),
                ("φΦ", "服艾"),
                ("χΧ", "器"),
                ("ψΨ", "普赛"),
                ("ωΩ", "欧米伽"),
            )
            for letter in letters
        },
        "+": "加",
        "-": "减",
        "×": "乘",
        "÷": "除",
        "=": "等",
        **dict.fromkeys("—《》【】<>{}()（）#&@“”^_|\\", ""),
    }
)


def _signs(clause: Traced) -> Traced:
    return clause.translate(_SIGNS, "zh.sign")


_RULES: tuple[Callable[[Traced], Traced], ...] = (
    Rule("zh.year_month_day", _YEAR_MONTH_DAY, _year_month_day),
    Rule("zh.date", _DATE, _date),
    Rule("zh.times", _TIMES, _times),
    Rule("zh.time", _TIME, _time),
    Rule("zh.amounts", _AMOUNTS, lambda match: f"{match[1]}至{match[2]}"),
    Rule("zh.temperature", _TEMPERATURE, _temperature),
    _units,
    _arithmetic,
    Rule("zh.power", _POWER, _power),
    Rule("zh.fraction", _FRACTION, _fraction),
    Rule("zh.percentage", _PERCENTAGE, _percentage),
    Rule("zh.mobile", _MOBILE, _telephone),
    Rule("zh.landline", _LANDLINE, _telephone),
    Rule("zh.service_number", _SERVICE, _telephone),
    Rule("zh.range", _RANGE, _range),
    Rule("zh.negative", _NEGATIVE, lambda match: f"负{cardinal(match[1])}"),
    Rule("zh.version", _VERSION, _version),
    Rule("zh.decimal", _DECIMAL, lambda match: f"{_sign(match)}{decimal(match[2] or match[3])}"),
    _counted,
    Rule("zh.long_number", _LONG_NUMBER, lambda match: digits(match[0], one="幺")),
    Rule("zh.number", _NUMBER, _number),
    _signs,
)

_PLAIN_MARKS = {
    "嗯": "恩",
    "呣": "母",
    "：": ",",
    "；": ",",
    "，": ",",
    "·": ",",
    "、": ",",
    "/": ",",
    "。": ".",
    "$": ".",
    "！": "!",
    "？": "?",
    "...": "…",
    "~": "…",
    "～": "…",
    "—": "-",
}
_NOT_PLAIN = re.compile("|".join(re.escape(mark) for mark in _PLAIN_MARKS))


def _with_plain_marks(clause: Traced) -> Traced:
    return clause.sub(_NOT_PLAIN, lambda match: _PLAIN_MARKS[match[0]])
