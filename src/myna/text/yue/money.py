"""Sums of money: $3.5 is 三個半, US$20 is 二十美元."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.text.rules import Match, Rule, applied
from myna.text.traced import Traced
from myna.text.yue.numbers import NUMBER, amount, decimal, digits

_NAMES = {
    "HK$": "港元",
    "HKD": "港元",
    "US$": "美元",
    "USD": "美元",
    "NT$": "新台幣",
    "TWD": "新台幣",
    "A$": "澳元",
    "AU$": "澳元",
    "AUD": "澳元",
    "C$": "加元",
    "CAD": "加元",
    "S$": "坡元",
    "SGD": "坡元",
    "MOP$": "澳門元",
    "MOP": "澳門元",
    "RMB": "人民幣",
    "CNY": "人民幣",
    "¥": "人民幣",
    "￥": "人民幣",
    "JPY": "日圓",
    "円": "日圓",
    "€": "歐元",
    "EUR": "歐元",
    "£": "英鎊",
    "GBP": "英鎊",
    "₩": "韓圜",
    "KRW": "韓圜",
    "฿": "泰銖",
    "THB": "泰銖",
    "₫": "越南盾",
    "₹": "印度盧比",
    "₽": "盧布",
    "₱": "披索",
    "₿": "比特幣",
}
_IN_FRONT = {"人民幣": "元", "新台幣": "元"}
"""Named before the number; the unit after it is another."""

_SIGN = "|".join(re.escape(sign) for sign in sorted(_NAMES, key=len, reverse=True))
_SCALE = "百萬|千萬|十億|百億|千億|萬億|百万|千万|十亿|百亿|千亿|万亿|[百千萬万億亿兆]"
_ITS_NAME = "蚊|港元|港幣|港币|元|美金|美元|圓|圆|日圓|日元|歐元|英鎊"
_NEXT = rf"(?: ?({_SCALE}))?(?: ?[-~至到] ?(?:SIGN)?({NUMBER}) ?({_SCALE})?)?"
_DOLLARS = re.compile(
    rf"(?<![A-Za-z])\$ ?({NUMBER})" + _NEXT.replace("SIGN", r"\$ ?") + rf"( ?(?:{_ITS_NAME}))?"
)
_FOREIGN = re.compile(
    rf"(?<![A-Za-z])({_SIGN}) ?({NUMBER})"
    + _NEXT.replace("SIGN", rf"(?:{_SIGN}) ?")
    + rf"( ?(?:{_ITS_NAME}))?"
)
_AFTER = re.compile(rf"({NUMBER}) ?({_SCALE})? ?({_SIGN})(?![A-Za-z0-9])")
_EACH = re.compile(r"(?<=[蚊元圓鎊個半毫]) ?/ ?(?=[\u4e00-\u9fff])")

_IN_JAPAN = re.compile("日本|日圓|日元|東京|东京|大阪|京都|北海道|沖繩|福岡|名古屋|円")
_YEN = re.compile("[¥￥]")


def written_out(text: Traced) -> Traced:
    """`text` with its sums of money in words. ¥ is of Japan where something else is, too."""
    if not _ANY.search(text.text):
        return text
    if _IN_JAPAN.search(text.text):
        text = text.sub(_YEN, "円")
    return applied(_RULES, text)


_ANY = re.compile(rf"{_SIGN}|\$|/")


def _dollars(match: Match) -> str:
    first, scale, last, last_scale, name = match.groups(default="")
    if name or scale or last:
        words = amount(first) + scale
        if last:
            words += f"至{amount(last)}{last_scale}"
        return words + (name.strip() or "蚊")
    return _in_dollars(first)


def _in_dollars(number: str) -> str:
    """As a price is said: 三個半, 五毫, 十二個八; more than one digit of cents is a decimal."""
    whole, _, cents = number.partition(".")
    cents = cents.rstrip("0")
    whole = whole.lstrip("0")
    if not cents:
        return f"{amount(whole or '0')}蚊"
    if len(cents) > 1:
        return f"{decimal(f'{whole}.{cents}')}蚊"
    if not whole:
        return f"{amount(cents)}毫"
    return f"{amount(whole)}個{'半' if cents == '5' else digits(cents)}"


def _foreign(match: Match) -> str:
    sign, first, scale, last, last_scale, name = match.groups(default="")
    words = amount(first) + scale
    if last:
        words += f"至{amount(last)}{last_scale}"
    return _named(words, sign, name.strip())


def _after(match: Match) -> str:
    number, scale, sign = match.groups(default="")
    return _named(amount(number) + scale, sign)


def _named(words: str, sign: str, unit: str = "") -> str:
    name = _NAMES[sign]
    if name in _IN_FRONT:
        return f"{name}{words}{unit or _IN_FRONT[name]}"
    return words + (unit if len(unit) > 1 else name)


_RULES: tuple[Callable[[Traced], Traced], ...] = (
    Rule("yue.currency", _FOREIGN, _foreign),
    Rule("yue.currency", _AFTER, _after),
    Rule("yue.currency", _DOLLARS, _dollars),
    Rule("yue.currency", _EACH, "一"),
)
