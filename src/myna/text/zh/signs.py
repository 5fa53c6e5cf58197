"""Signs between words and numbers: arithmetic, comparisons, slashes, dashes and brackets."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.text.rules import Match, Rule
from myna.text.traced import Traced, joined

_IDEOGRAPH = "\u4e00-\u9fa5"
_OPERAND = r"(?= ?[-+(（√]? ?[0-9.πα-ωa-zA-Z])"


# Web and mail addresses

_ADDRESS = re.compile(
    "(?<![A-Za-z0-9._+-])(?:"
    "(?>[A-Za-z][A-Za-z0-9+.-]*)://[!-~]+|www[.][!-~]+|(?>[A-Za-z0-9._+-]+)@(?>[A-Za-z0-9.-]+))"
)


def _without_addresses(text: Traced) -> Traced:
    """They are English; where none is spoken they are left out whole, with their numbers."""
    if not any(sign in text.text for sign in ("://", "www.", "@")):
        return text
    pieces: list[Traced] = []
    done = 0
    for match in _ADDRESS.finditer(text.text):
        text.journal.note_unread(text.span(*match.span()), match[0])
        pieces.append(text[done : match.start()])
        done = match.end()
    return joined([*pieces, text[done:]])


# Arithmetic

_NUMBER = r"(?>[0-9]+(?:\.[0-9]+)?)"
_CHAIN = re.compile(
    rf"(?<![-0-9.+×÷*/])(?>[-(（]{{0,3}}{_NUMBER}[)）]*"
    rf"(?: ?[-+×÷*/] ?[-(（]{{0,3}}{_NUMBER}[)）]*)+)"
    r"(?= ?(?:=|等于|是多少|得几))"
)
_OPERATORS = {"+": "加", "-": "减", "×": "乘", "*": "乘", "÷": "除以", "/": "除以", "=": "等于"}
_BINARY = re.compile(r"(?<=[0-9)）]) ?([-+×÷*/]) ?(?=[-(（]*[0-9])")
_EQUALS = re.compile(r"(?<=[0-9)）²³πα-ωA-Za-z]) ?={1,3} ?(?=[-(（√]*[0-9.πα-ωA-Za-z])")
_PLUS = re.compile(r"(?<=[0-9)）²³]) ?[+] ?(?=[-(（]*[0-9])")
_TIMES = re.compile(r"(?<=[0-9)）]) ?[×*xX✕] ?(?=[(（]*[0-9])")
_TIMES_MEASURED = re.compile(f"(?<=[{_IDEOGRAPH}A-Za-z²³]) ?[×*✕] ?(?=[0-9])")
_DIVIDED = re.compile(r"(?<=[0-9)）]) ?÷ ?(?=[(（]*[0-9])")
_POWER = re.compile(r"(?<=[0-9A-Za-z)）])\^(?=(-?)([0-9]+))(?:-?[0-9]+)")
_MINUS_POWER = re.compile("⁻([⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_NO_BRACKETS = dict.fromkeys(map(ord, "()（）"))
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def _chain(match: Match) -> str:
    operators = _BINARY.sub(lambda m: _OPERATORS[m[1]], match[0])
    return operators.translate(_NO_BRACKETS)


def _power(match: Match) -> str:
    return f"的{'负' if match[1] else ''}{match[2]}次方"


_COMPARISONS = (
    ("zh.at_least", "≥|≧|⩾|>=", "大于等于"),
    ("zh.at_most", "≤|≦|⩽|<=", "小于等于"),
    ("zh.unequal", "≠|!=", "不等于"),
    ("zh.about", "≈|≒|≅", "约等于"),
    ("zh.plus_minus", "±", "正负"),
    ("zh.more", ">", "大于"),
    ("zh.less", "<", "小于"),
)
_ABOUT = re.compile(r"(?:^|(?<=[\s，。、；：（(]))~ ?(?=[0-9])")
_TWICE_ABOUT = re.compile("(?<=约)[≈~]")
_SPOKEN = {
    ord(sign): word
    for signs, word in {
        "√": "根号",
        "∞": "无穷大",
        "∵": "因为",
        "∴": "所以",
        "∈": "属于",
        "∩": "交",
        "∪": "并",
        "∥": "平行于",
        "⊥": "垂直于",
        "∠": "角",
        "∆": "德尔塔",
        "∑": "西格玛",
        "∏": "派",
        "×": "乘",
        "÷": "除以",
        "=": "等于",
        "ρΡ": "柔",
        "νΝ": "纽",
        "οΟ": "奥密克戎",
        "φΦ": "斐",
        "χΧ": "凯",
        "ζΖ": "泽塔",
        "ιΙ": "约塔",
        "τΤ": "陶",
    }.items()
    for sign in signs
}


# Slashes, dashes and brackets

_PER = re.compile(
    "(?<=[元块米克里吨升次瓦时分秒斤万千个件只])/(?=(?:小时|秒|分|天|日|月|周|年|人|个|件|次|斤|公斤|千克|平|"
    "吨|米|升|度|位|克|晚|间|套|张|台|桶|瓶|杯|箱|股|只|条|本|盒|课|节))"
)
_OR = re.compile("(?<=和)/(?=或)")
_EITHER = re.compile("(?<=[他她它是男女有])/(?=[他她它否非男女无])")
_SLASH = re.compile(f"(?<=[{_IDEOGRAPH}])/(?=[{_IDEOGRAPH}])")
_OTHER_SLASH = re.compile("/+")
_DASH = re.compile(f"(?<=[{_IDEOGRAPH}A-Za-z0-9])(?:—{{1,3}}|–|--|-)(?=[{_IDEOGRAPH}])|——")
_OTHER_DASH = re.compile("-+(?![-0-9零一二三四五六七八九十百千万亿两.])")
_NAME_DOT = re.compile(f"(?<=[{_IDEOGRAPH}])[·•‧・](?=[{_IDEOGRAPH}])")
_OPENING = re.compile(f"(?<=[{_IDEOGRAPH}0-9A-Za-z”》])[(（](?=[{_IDEOGRAPH}0-9《“])")
_CLOSING = re.compile(f"(?<=[{_IDEOGRAPH}0-9A-Za-z%”》])[)）](?=[{_IDEOGRAPH}])")
_AND = re.compile(f"(?<=[{_IDEOGRAPH}]) ?& ?(?=[{_IDEOGRAPH}])")
_ARROW = re.compile(" ?(?:→|->|=>|⇒|—>) ?")

FIRST: tuple[Callable[[Traced], Traced], ...] = (
    _without_addresses,
    Rule("zh.arrow", _ARROW, "，"),
    Rule("zh.arithmetic", _CHAIN, _chain),
    Rule("zh.about", _TWICE_ABOUT, ""),
    *(
        Rule(name, re.compile(f" ?(?:{signs}){_OPERAND} ?"), words)
        for name, signs, words in _COMPARISONS
    ),
    Rule("zh.arithmetic", _EQUALS, "等于"),
    Rule("zh.arithmetic", _PLUS, "加"),
    Rule("zh.arithmetic", _TIMES, "乘"),
    Rule("zh.arithmetic", _TIMES_MEASURED, "乘"),
    Rule("zh.arithmetic", _DIVIDED, "除以"),
    Rule("zh.power", _POWER, _power),
    Rule("zh.power", _MINUS_POWER, lambda match: f"的负{match[1].translate(_RAISED)}次方"),
    Rule("zh.about", _ABOUT, "约"),
)
"""Before numbers are words."""

LAST: tuple[Callable[[Traced], Traced], ...] = (
    Rule("zh.per", _PER, "每"),
    Rule("zh.slash", _OR, ""),
    Rule("zh.slash", _EITHER, "或"),
    Rule("zh.slash", _SLASH, "，"),
    Rule("zh.slash", _OTHER_SLASH, ""),
    Rule("zh.name_dot", _NAME_DOT, ""),
    Rule("zh.bracket", _OPENING, "，"),
    Rule("zh.bracket", _CLOSING, "，"),
    Rule("zh.and", _AND, "和"),
    Rule("zh.dash", _DASH, "，"),
    Rule("zh.dash", _OTHER_DASH, ""),
    lambda text: text.translate(_SPOKEN, "zh.sign"),
)
"""After that."""
