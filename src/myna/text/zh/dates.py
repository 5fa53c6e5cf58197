"""Years, months, days and times of day, as a native reads them."""

from __future__ import annotations

import re

from myna.text.rules import Match, Rule
from myna.text.zh.numbers import cardinal, digits, spoken

_TO = " ?(?:[-~—–]|--|——|到|至) ?"
_MONTH = "(?:0?[1-9]|1[0-2])(?![0-9])"
_DAY = "(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])"


# Dates

_DATE = re.compile(
    rf"(?<![-0-9./])([12][0-9]{{3}})([-/.])({_MONTH})\2({_DAY})(?!\.?[0-9]|/)[日号]?"
)
_YEAR_AND_MONTH = re.compile(r"(?<![-0-9./])((?:19|20)[0-9]{2})[-/](0[1-9]|1[0-2])(?![-0-9/.=])")
_YEARS = re.compile(
    rf"(?<![-0-9./])([12][0-9]{{3}})(年?){_TO}([12][0-9]{{3}})(?=年)|"
    rf"(?<![-0-9./])((?:1[89]|20)[0-9]{{2}}){_TO}((?:1[89]|20)[0-9]{{2}})(?=[，。,;；)）]|期间|$)|"
    rf"(?<=[(（])(1[0-9]{{3}}){_TO}([12][0-9]{{3}})(?=[)）])"
)
_SOME_YEARS = re.compile(
    rf"(?<![-0-9./])([0-9]{{1,3}}){_TO}([0-9]{{1,3}})(?=(?:多|个)?年(?![级代]))"
)
_SEASON = re.compile(r"(?<![-0-9./])((?:19|20)[0-9]{2})[-/]([0-9]{2})(?=(?:赛季|学年|年度|财年))")
_DECADE = re.compile(r"(?<![0-9.])([0-9]{2}|[12][0-9]{3})s?(?=年代)")
_BORN = re.compile("(?<![0-9.])(?:[5-9][05]|[01][05])(?=后(?![天年面来续]))")
_YEAR = re.compile("(?<![0-9.])([0-9]+)年(?!级|代)")
_YEAR_BY_WORDS = re.compile(
    "(?<=[自从在于到至前])((?:19|20)[0-9]{2})(?=[，。,;；]|$)|"
    "(?<=[(（〔《])((?:19|20)[0-9]{2})(?=[)）〕》])|"
    "(?<![-0-9.¥$~到至])((?:19|20)[0-9]{2})(?=(?:北京|东京|巴黎|伦敦|奥运|世界杯|春|夏|秋|冬|款|版|届|级|"
    "高考|赛季|财年|上半年|下半年))"
)
_MONTHS = re.compile(rf"(?<![0-9.])({_MONTH}){_TO}({_MONTH})(?=月)")
_MONTH_NAME = re.compile(f"(?<![0-9.])({_MONTH})(?=月)")
_DAYS = re.compile(rf"(?<![0-9.])({_DAY}){_TO}({_DAY})(?=[日号](?!线|楼))")
_DAY_NAME = re.compile(f"(?<![0-9.])({_DAY})(?=[日号](?![游内后前间]))|(?<=月)({_DAY})(?=[日号])")

_SPAN_AFTER = re.compile("以?[前后来内间]|[的]?历史|时间|[多了]|左右|以[上下]|[的]?经[验历]|有余")
_AGES_AFTER = re.compile("前(?!后)|来|[的]?历史|多|了|有余")
_ERA_BEFORE = re.compile("公元前?$")
_SPAN_BEFORE = re.compile(
    "(?:[近约达过了每满隔共用超历]|经过|距今|整整|将近|大约|至少|最多|未来|最近)$"
)
_YEAR_AFTER = re.compile(
    "(?:0?[1-9]|1[0-2])月(?!前|后)|毕业|出生|生[的人]|入学|上学|结婚|考|参军|退休|买|款|版|夏|春|秋|冬|国庆|"
    "世界杯|奥运|底|初|末|那|的时候|高考|非典|洪水|地震"
)


def _date(match: Match) -> str:
    year, _, month, day = match.groups()
    return f"{digits(year)}年{cardinal(month)}月{cardinal(day)}日"


def _some_years(match: Match) -> str:
    """`3-5年` is a while, `98-99年` and `08-09年` are calendar years."""
    ends = match[1], match[2]
    if all(len(end) == 2 and (end < "10" or end >= "60") for end in ends):
        return "到".join(digits(end) for end in ends)
    return "到".join("两" if end == "2" else spoken(end) for end in ends)


def _years(match: Match) -> str:
    first, word, second, *bare = match.groups(default="")
    if not first:
        first, second = filter(None, bare)
    return f"{digits(first)}{word}到{digits(second)}"


def _year(match: Match) -> str:
    number = match[1]
    before = match.string[max(0, match.start() - 4) : match.start()]
    after = match.string[match.end() : match.end() + 6]
    lasts = _SPAN_BEFORE.search(before)
    if len(number) == 4:
        lasts = lasts or _AGES_AFTER.match(after)
        by_digit = "1000" < number < "2200" and not (lasts and number.endswith("00"))
    elif len(number) == 2:
        lasts = lasts or _SPAN_AFTER.match(after)
        by_digit = number < "10" or bool(_YEAR_AFTER.match(after) or (number >= "60" and not lasts))
    else:
        by_digit = False
    if by_digit or _ERA_BEFORE.search(before):
        return f"{digits(number)}年"
    return f"{'两' if number == '2' else spoken(number)}年"


def _decade(match: Match) -> str:
    number = match[1]
    return digits(number) if len(number) == 4 or number < "20" else cardinal(number)


# Times of day

_CLOCK = r"([01]?[0-9]|2[0-4])[:：]([0-5][0-9])(?:[:：]([0-5][0-9]))?(?![0-9]|[:：][0-9])"
_TIME = re.compile(rf"(?<![-0-9:：.]){_CLOCK}")
_TIMES = re.compile(rf"(?<![-0-9:：.]){_CLOCK}{_TO}{_CLOCK}")
_SPELLED = re.compile(
    "(?<=[日号午晨晚])[0-9]{1,2}时(?:[0-9]{1,2}分(?:[0-9]{1,2}秒)?)?(?![间钟])|"
    "(?<=点)[0-9]{1,2}分(?:[0-9]{1,2}秒)?(?!钟)"
)
_SMALL = re.compile("[0-9]+")


def clock(hour: str, minute: str, second: str | None = None) -> str:
    """A time of day: 14:05 is 十四点零五分."""
    words = ("两" if hour.lstrip("0") == "2" else cardinal(hour)) + "点"
    if minute == "30" and not second:
        return words + "半"
    if minute != "00" or second:
        words += f"{_two_digits(minute)}分"
    return words + (f"{_two_digits(second)}秒" if second else "")


def _two_digits(number: str) -> str:
    return ("零" if number.startswith("0") and number != "00" else "") + cardinal(number)


def _two_digits_of(match: Match) -> str:
    return _two_digits(match[0])


def _time(match: Match) -> str:
    return clock(*match.groups())


def _times(match: Match) -> str:
    hour, minute, second, *other = match.groups()
    return f"{clock(hour, minute, second)}到{clock(*other)}"


RULES = (
    Rule("zh.date", _DATE, _date),
    Rule("zh.date", _YEAR_AND_MONTH, lambda m: f"{digits(m[1])}年{cardinal(m[2])}月"),
    Rule("zh.years", _YEARS, _years),
    Rule("zh.years", _SOME_YEARS, _some_years),
    Rule("zh.years", _SEASON, lambda m: f"{digits(m[1])}到{digits(m[2])}"),
    Rule("zh.year", _DECADE, _decade),
    Rule("zh.year", _BORN, lambda match: digits(match[0])),
    Rule("zh.year", _YEAR, _year),
    Rule("zh.year", _YEAR_BY_WORDS, lambda match: digits(match[0])),
    Rule("zh.months", _MONTHS, lambda m: f"{cardinal(m[1])}到{cardinal(m[2])}"),
    Rule("zh.month", _MONTH_NAME, lambda match: cardinal(match[0])),
    Rule("zh.days", _DAYS, lambda m: f"{cardinal(m[1])}到{cardinal(m[2])}"),
    Rule("zh.day", _DAY_NAME, lambda match: cardinal(match[0])),
    Rule("zh.times", _TIMES, _times),
    Rule("zh.time", _TIME, _time),
    Rule("zh.time", _SPELLED, lambda match: _SMALL.sub(_two_digits_of, match[0])),
)
"""In their order."""
