"""Quantities as a native reads them: money, percentages, temperatures, units, ranges, counters."""

from __future__ import annotations

import re
from functools import cache

from myna.text import tables
from myna.text.rules import Match, Rule
from myna.text.traced import Traced
from myna.text.zh.numbers import cardinal, scaled, spoken
from myna.text.zh.words import word_list

_NUMBER = r"(?>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_ALONE = "(?<![0-9.])"
"""Before a number: none of its digits is left out."""
_TO = " ?(?:[-~—–]|--|——|到|至) ?"


def amount(number: str) -> str:
    """A number before what is counted: 2 is 两."""
    return "两" if number == "2" else spoken(number)


# Long numbers

_THOUSANDS = re.compile(
    r"(?<![0-9.])(?<![0-9],)(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:，[0-9]{3}){2,})(?![0-9]|[,，][0-9])"
)
_SEPARATORS = re.compile("[,，]")
"""The full-width comma only where there are two: `50，100元` are two prices."""

_ITEM = re.compile("(?m)^( *[0-9]{1,2})[.] *(?=[\u4e00-\u9fa5])")

FIRST = (
    Rule("zh.item", _ITEM, r"\1，"),
    Rule("zh.thousands", _THOUSANDS, lambda match: _SEPARATORS.sub("", match[0])),
)
"""Before all that looks at numbers."""


# Ratios and scores

_VERSUS = (
    "战胜|击败|不敌|负于|领先|落后|打成|战平|逼平|完胜|大胜|险胜|横扫|淘汰|逆转|绝杀|力克|轻取|告负|"
    "取胜|获胜"
)
_SCORE = re.compile(
    rf"(?P<before>(?:比分|比数|比例|比率|配比|分辨率|宽高比|以(?!\s?[0-9]+[:：][0-9]{{2}})|{_VERSUS})"
    r"(?:[是为了到按约:： ]|暂时|目前|定格在){0,4})"
    r"(?P<a>[0-9]{1,4}) ?[-:：] ?(?P<b>[0-9]{1,4})(?![-0-9:：]|\.[0-9])"
)
_SCORE_BEFORE = re.compile(
    rf"{_ALONE}(?<![-:：])(?P<a>[0-9]{{1,3}}) ?[-:：] ?(?P<b>[0-9]{{1,3}})(?=的?(?:比分|{_VERSUS}))"
)
_RATIO = re.compile(rf"{_ALONE}(?<![:：])[0-9]+(?:\.[0-9]+)?(?:[:：][0-9]+(?:\.[0-9]+)?)+")
_COLON = re.compile("[:：]")

SCORES = (
    Rule("zh.score", _SCORE, lambda m: f"{m['before']}{spoken(m['a'])}比{spoken(m['b'])}"),
    Rule("zh.score", _SCORE_BEFORE, lambda m: f"{spoken(m['a'])}比{spoken(m['b'])}"),
)
"""Before times of day, which look the same."""


# Money

_CURRENCIES = {
    "US$": "美元",
    "HK$": "港元",
    "NT$": "新台币",
    "A$": "澳元",
    "AU$": "澳元",
    "C$": "加元",
    "CA$": "加元",
    "S$": "新加坡元",
    "JP¥": "日元",
    "CN¥": "元",
    "$": "美元",
    "¥": "元",
    "€": "欧元",
    "£": "英镑",
    "₩": "韩元",
    "₽": "卢布",
    "₹": "卢比",
    "฿": "泰铢",
    "₫": "越南盾",
    "₿": "比特币",
    "USD": "美元",
    "EUR": "欧元",
    "GBP": "英镑",
    "JPY": "日元",
    "HKD": "港元",
    "CNY": "元",
    "RMB": "元",
    "KRW": "韩元",
}
_SIGN = "|".join(map(re.escape, sorted(_CURRENCIES, key=len, reverse=True)))
_SCALES = {"k": 3, "K": 3, "M": 6, "m": 6, "B": 9, "b": 9, "bn": 9, "T": 12}
_SCALE = "(?:[万亿千百]{1,2}|(?:bn|[KkMmBbT])(?![A-Za-z0-9/]))"
_WORD = "元|块|美元|美金|欧元|英镑|日元|港元|港币|人民币|澳元|加元|韩元|卢布"
_MONEY = re.compile(
    rf"(?<![A-Za-z])(?P<minus>-?)(?P<sign>{_SIGN}) ?(?P<minus_2>-?)(?P<a>{_NUMBER})"
    rf"(?:(?P<to>{_TO})(?P<sign_2>{_SIGN})?(?P<b>{_NUMBER}))? ?(?P<scale>{_SCALE})?"
    rf"(?P<more>[多余]?)(?P<word>{_WORD})?"
)
_MONEY_AFTER = re.compile(
    rf"{_ALONE}(?P<a>{_NUMBER}) ?(?P<scale>{_SCALE})?(?P<more>[多余]?) ?(?P<sign>{_SIGN})"
    r"(?![A-Za-z0-9.])"
)


def _money(match: Match) -> str:
    group = match.groupdict(default="")
    word = group["word"] or _CURRENCIES[group["sign"]]
    sign = "负" if group["minus"] or group["minus_2"] else ""
    second = f"到{_priced(group['b'], group['scale'])}" if group["b"] else ""
    scale = "" if second and group["scale"] in _WRITTEN_ONCE else group["scale"]
    return f"{sign}{_priced(group['a'], scale)}{second}{group['more']}{word}"


_WRITTEN_ONCE = frozenset("万亿千百")
"""Scales that hold for both ends of a range."""


def _money_after(match: Match) -> str:
    price = _priced(match["a"], match["scale"] or "")
    return f"{price}{match['more']}{_CURRENCIES[match['sign']]}"


def _priced(number: str, scale: str) -> str:
    """Zeros after the point are not read: 128.00 is 一百二十八."""
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    if scale in _SCALES:
        return scaled(number, _SCALES[scale])
    return amount(number) + scale


# Percentages and temperatures

_PERCENTS = re.compile(
    rf"{_ALONE}(?P<sign>[-+]?)(?P<a>{_NUMBER}) ?(?P<per>%?){_TO}"
    rf"(?P<sign_2>[-+]?)(?P<b>{_NUMBER}) ?(?P<per_2>[%‰‱])"
)
_PERCENT = re.compile(rf"{_ALONE}(?P<sign>[-+±]?)(?P<a>{_NUMBER}) ?(?P<per>[%‰‱])")
_PARTS = {"%": "百分之", "‰": "千分之", "‱": "万分之"}
_SIGNS = {"": "", "-": "负", "+": "正", "±": "正负"}


def _percents(match: Match) -> str:
    parts = _PARTS[match["per_2"]]
    again = parts if match["per"] or match["sign_2"] else ""
    return (
        f"{_SIGNS[match['sign']]}{parts}{spoken(match['a'])}到"
        f"{_SIGNS[match['sign_2']]}{again}{spoken(match['b'])}"
    )


def _percent(match: Match) -> str:
    number = "百" if match["a"] == "100" else spoken(match["a"])
    return f"{_SIGNS[match['sign']]}{_PARTS[match['per']]}{number}"


_DEGREE = "(?P<unit>° ?[CF](?![A-Za-z])|摄氏度|华氏度|度(?!假))"
_DEGREES = {"C": "摄氏度", "F": "华氏度"}
_TEMPERATURES = re.compile(
    rf"{_ALONE}(?P<minus>-|零下)(?P<a>{_NUMBER})(?: ?(?:° ?[CF]|度|摄氏度))?{_TO}"
    rf"(?P<minus_2>-?)(?P<b>{_NUMBER}) ?{_DEGREE}"
)
_TEMPERATURE = re.compile(rf"{_ALONE}(?P<minus>-)(?P<a>{_NUMBER}) ?{_DEGREE}")


def _temperatures(match: Match) -> str:
    below = "零下" if match["minus_2"] else ""
    return f"零下{spoken(match['a'])}到{below}{spoken(match['b'])}{_degrees(match['unit'])}"


def _temperature(match: Match) -> str:
    return f"零下{spoken(match['a'])}{_degrees(match['unit'])}"


def _degrees(unit: str) -> str:
    return _DEGREES.get(unit[-1], unit)


# Units


@cache
def _units() -> dict[str, str]:
    items = " ".join(tables.lines("zh", "units.txt")).split()
    return dict(zip(items[::2], items[1::2], strict=True))


@cache
def _measured() -> tuple[Rule, ...]:
    units = "|".join(map(re.escape, sorted(_units(), key=len, reverse=True)))
    long = "|".join(
        re.escape(unit) for unit in sorted(_units(), key=len, reverse=True) if len(unit) > 1
    )
    end = "(?![A-Za-z0-9²³^]|-[A-Za-z]|(?<=A)[级景])"
    angle = rf"{_ALONE}(?P<d>{_NUMBER})°(?P<m>[0-9]{{1,2}})[′'’](?:(?P<s>{_NUMBER})[″\"”])?"
    measured = (
        rf"{_ALONE}(?P<sign>(?<![A-Za-z0-9\u4e00-\u9fa5])[-+]|±)?(?P<a>{_NUMBER})"
        rf"(?P<more>[多余]?) ?(?P<unit>{units}){end}(?:/(?P<per>{units}){end})?"
    )
    written = (
        rf"(?<=[零一二三四五六七八九十百千万亿半几两多])(?P<unit>{long}){end}"
        rf"(?:/(?P<per>{units}){end})?"
    )
    each = rf"(?<=[元块次个])/(?P<unit>{units}){end}"
    return (
        Rule("zh.per", re.compile(each), lambda match: f"每{_units()[match['unit']]}"),
        Rule("zh.angle", re.compile(angle), _angle),
        Rule("zh.unit", re.compile(measured), _measure),
        Rule("zh.unit", re.compile(written), _unit),
    )


def _angle(match: Match) -> str:
    degrees, minutes, seconds = match.groups()
    rest = f"{spoken(seconds)}秒" if seconds else ""
    return f"{spoken(degrees)}度{cardinal(minutes)}分{rest}"


def _measure(match: Match) -> str:
    return f"{_SIGNS[match['sign'] or '']}{amount(match['a'])}{match['more']}{_unit(match)}"


def _unit(match: Match) -> str:
    per = f"每{_units()[match['per']]}" if match["per"] else ""
    return _units()[match["unit"]] + per


def _with_units(text: Traced) -> Traced:
    for rule in _measured():
        text = rule(text)
    return text


_RANGE_OF_MEASURES = re.compile(
    rf"{_ALONE}(?<![-:/=+×÷])(?P<a>{_NUMBER}) ?(?:[-~—–]|--|——) ?(?P<b>{_NUMBER})"
    r"(?![-0-9:/.]| ?[=+×÷]| ?等于)"
)
_LETTERS = re.compile(
    rf"{_ALONE}(?<![A-Za-z])(?P<a>{_NUMBER})(?P<scale>[kw]|W(?=[+]))(?![A-Za-z0-9/])"
)


def _range(match: Match) -> str:
    """Upwards: `5-3` is a difference, and `1-1` a score."""
    ends = float(match["a"]), float(match["b"])
    if ends[0] == ends[1]:
        return f"{match['a']}比{match['b']}"
    return f"{match['a']}{'到' if ends[0] < ends[1] else '减'}{match['b']}"


def _letters(match: Match) -> str:
    return f"{amount(match['a'])}万" if match["scale"] in "wW" else scaled(match["a"], 3)


_BETWEEN = re.compile(
    "(?<=[年月日号时点分秒周天度元块米克里斤吨升岁人页章层楼零一二三四五六七八九十百千万亿半])"
    " ?[-~—–]{1,2} ?(?=[0-9零一二三四五六七八九十百两周星礼次负早晚上下中凌翌])"
)


# Counters

_WRITTEN = "零一二三四五六七八九十百千万亿两点"
_ORDINAL = re.compile(r"第 ?[0-9]+(?:[、和到至][0-9]+)*(?![0-9]|\.[0-9])")
_NUMERO = re.compile("(?<![A-Za-z])(?:N[oO]\\.? ?|№ ?)([0-9]+)(?![0-9])")
_ER = re.compile(
    "(?<![0-9.])2(?=年级|单元|两|手[车房货]|线城市|代身份|等[奖品]|级|楼|班|路|号|段位|世)|(?<=[^0-9.]2到)2(?=月)"
)
_PLUS = re.compile(r"(?<=[0-9]) ?[+](?= ?[\u4e00-\u9fa5])")
_NEGATIVE = re.compile(rf"(?<![0-9A-Za-z）)])-(?P<a>{_NUMBER})(?!-)")
_PRICE = re.compile(rf"{_ALONE}[0-9]+\.[0-9]+(?=元|块|美元|欧元|英镑|日元)")
_DECIMAL = re.compile(rf"{_ALONE}(?P<a>[0-9]*\.[0-9]+)(?!\.[0-9])")
_NEXT = re.compile(
    "(?<![0-9.第])([1-8])、([2-9])(?=[个位名天年块元本只条张件次周岁口人斤两点米号])"
)
_WHOLE = re.compile(r"(?<![0-9.])[0-9]{3,}(?!\.?[0-9])")
_MIXED = re.compile(r"(?<![0-9./])([0-9]+)[ 又]([0-9]+)/([0-9]+)(?![0-9/])")
_PRESSURE = re.compile("(血压[^0-9，。]{0,4}[0-9]{2,3})/(?=[0-9]{2,3})")
_FRACTION = re.compile(r"(?<![0-9./])(-?)([0-9]+)/([0-9]+)(?![0-9/.])")


@cache
def _two() -> Rule:
    counters = "|".join(sorted(word_list("quantifiers") | word_list("counters")))
    pattern = (
        f"(?<![0-9.第])2(?=(?:到[0-9{_WRITTEN}]+|[多几]|个?半)?(?:{counters}))|"
        f"(?<=[0-9]到)2(?={counters})"
    )
    return Rule("zh.two", re.compile(pattern), "两")


def _two_counted(text: Traced) -> Traced:
    return _two()(text) if "2" in text.text else text


def _ordinal(match: Match) -> str:
    return _DIGITS.sub(lambda number: spoken(number[0]), match[0].replace(" ", ""))


_DIGITS = re.compile("[0-9]+")


def _next(match: Match) -> str:
    """`3、4个` is about that many: 三四个."""
    first, second = match.groups()
    if int(second) != int(first) + 1:
        return match[0]
    return amount(first) + amount(second)


def _fraction(match: Match) -> str:
    minus, over, under = match.groups()
    return f"{'负' if minus else ''}{spoken(under)}分之{spoken(over)}"


def _mixed(match: Match) -> str:
    whole, over, under = match.groups()
    return f"{spoken(whole)}又{spoken(under)}分之{spoken(over)}"


RULES = (
    Rule("zh.about", _NEXT, _next),
    Rule("zh.ratio", _RATIO, lambda m: "比".join(spoken(p) for p in _COLON.split(m[0]))),
    Rule("zh.currency", _MONEY, _money),
    Rule("zh.currency", _MONEY_AFTER, _money_after),
    Rule("zh.ordinal", _NUMERO, lambda match: f"第{spoken(match[1])}"),
    Rule("zh.percentage", _PERCENTS, _percents),
    Rule("zh.percentage", _PERCENT, _percent),
    Rule("zh.temperature", _TEMPERATURES, _temperatures),
    Rule("zh.temperature", _TEMPERATURE, _temperature),
    Rule("zh.fraction", _MIXED, _mixed),
    Rule("zh.pressure", _PRESSURE, r"\1，"),
    Rule("zh.fraction", _FRACTION, _fraction),
    Rule("zh.range", _RANGE_OF_MEASURES, _range),
    Rule("zh.scale", _LETTERS, _letters),
    _with_units,
    Rule("zh.more", _PLUS, "多"),
    Rule("zh.ordinal", _ORDINAL, _ordinal),
    Rule("zh.two", _ER, "二"),
    _two_counted,
    Rule("zh.negative", _NEGATIVE, lambda match: f"负{spoken(match['a'])}"),
    Rule("zh.price", _PRICE, lambda match: _priced(match[0], "")),
    Rule("zh.decimal", _DECIMAL, lambda match: spoken(match["a"])),
    Rule("zh.cardinal", _WHOLE, lambda match: spoken(match[0])),
    Rule("zh.range", _BETWEEN, "到"),
)
"""In their order."""
