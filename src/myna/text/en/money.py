"""Amounts of money: signs and codes before or after a number, with magnitudes and ranges."""

from __future__ import annotations

import re
from typing import NamedTuple

from myna.text.en.spoken import NUMBER, amount, cardinal
from myna.text.rules import Match, Rule


class _Currency(NamedTuple):
    one: str
    many: str
    cent: str = ""
    cents: str = ""


_DOLLAR = _Currency("dollar", "dollars", "cent", "cents")


def _dollars(of: str) -> _Currency:
    return _Currency(f"{of} dollar", f"{of} dollars", "cent", "cents")


_SIGNS = {
    "$": _DOLLAR,
    "US$": _dollars("U S"),
    "A$": _dollars("Australian"),
    "AU$": _dollars("Australian"),
    "C$": _dollars("Canadian"),
    "CA$": _dollars("Canadian"),
    "HK$": _dollars("Hong Kong"),
    "NT$": _dollars("Taiwan"),
    "NZ$": _dollars("New Zealand"),
    "S$": _dollars("Singapore"),
    "R$": _Currency("real", "reais", "centavo", "centavos"),
    "£": _Currency("pound", "pounds", "penny", "pence"),
    "€": _Currency("euro", "euros", "cent", "cents"),
    "¥": _Currency("yen", "yen"),
    "₹": _Currency("rupee", "rupees", "paisa", "paise"),
    "₩": _Currency("won", "won"),
    "₽": _Currency("ruble", "rubles", "kopeck", "kopecks"),
    "₺": _Currency("lira", "lira"),
    "₫": _Currency("dong", "dong"),
    "฿": _Currency("baht", "baht"),
    "₱": _Currency("peso", "pesos", "centavo", "centavos"),
    "₪": _Currency("shekel", "shekels"),
    "₴": _Currency("hryvnia", "hryvnias"),
    "₦": _Currency("naira", "naira"),
    "₿": _Currency("bitcoin", "bitcoins"),
    "¢": _Currency("cent", "cents"),
}
_CODES = {
    "USD": _SIGNS["US$"],
    "EUR": _SIGNS["€"],
    "GBP": _SIGNS["£"],
    "JPY": _SIGNS["¥"],
    "CNY": _Currency("yuan", "yuan"),
    "RMB": _Currency("yuan", "yuan"),
    "KRW": _SIGNS["₩"],
    "INR": _SIGNS["₹"],
    "RUB": _SIGNS["₽"],
    "AUD": _SIGNS["A$"],
    "CAD": _SIGNS["C$"],
    "HKD": _SIGNS["HK$"],
    "NZD": _SIGNS["NZ$"],
    "SGD": _SIGNS["S$"],
    "TWD": _SIGNS["NT$"],
    "CHF": _Currency("Swiss franc", "Swiss francs"),
    "SEK": _Currency("Swedish krona", "Swedish kronor"),
    "BTC": _SIGNS["₿"],
}
_ALL = _SIGNS | _CODES
_MAGNITUDES = {
    "k": "thousand",
    "K": "thousand",
    "m": "million",
    "M": "million",
    "mn": "million",
    "mm": "million",
    "MM": "million",
    "b": "billion",
    "B": "billion",
    "bn": "billion",
    "Bn": "billion",
    "T": "trillion",
    "tn": "trillion",
}
_MAGNITUDE = (
    r"(?:[ -]?(thousand|million|billion|trillion)\b|(k|K|mn|mm|MM|m|M|bn|Bn|b|B|tn|T)"
    r"(?![A-Za-z0-9]))?"
)
_SIGN = "|".join(sorted((re.escape(sign) for sign in _SIGNS if sign != "¢"), key=len, reverse=True))
_AFTER = "|".join(re.escape(sign) for sign in _SIGNS if len(sign) == 1)
_CODE = "|".join(_CODES)
_FIRST = re.compile(
    rf"(?<![A-Za-z])(-)?({_SIGN}|(?:{_CODE}) ?) ?(-?)({NUMBER}){_MAGNITUDE}"
    rf"(?:\s?[-–]\s?(?:{_SIGN})?({NUMBER}){_MAGNITUDE})?"
)
_LAST = re.compile(
    rf"(?<![\w.,])({NUMBER})(?:\s?[-–]\s?({NUMBER}))?{_MAGNITUDE} ?({_AFTER}|"
    rf"(?:{_CODE})\b)(?![0-9])"
)
_ONE_THING = re.compile(
    r"(?i)\b(?:a|an|per|the|this|that|each|every|another)(?: new| whole| crisp)? $"
)
_THING = re.compile(
    r"[ -](?!(?:and|or|of|for|in|on|to|at|from|is|was|with|by|per|that|she|they|you|who|are)\b)"
    r"[a-z]{3,}"
)


def _first(match: Match) -> str:
    minus, sign, minus_2, number, word, letter, number_2, word_2, letter_2 = match.groups()
    currency = _ALL[sign.strip()]
    words = "minus " if minus or minus_2 else ""
    magnitude, magnitude_2 = word or _MAGNITUDES.get(letter), word_2 or _MAGNITUDES.get(letter_2)
    if number_2:
        words += f"{_count(number, magnitude)} to "
        number, magnitude = number_2, magnitude_2
    return words + _money(number, magnitude, currency, one=_is_one_thing(match))


def _last(match: Match) -> str:
    number, number_2, word, letter, sign = match.groups()
    words = ""
    if number_2:
        words, number = f"{amount(number)} to ", number_2
    magnitude = word or _MAGNITUDES.get(letter)
    return words + _money(number, magnitude, _ALL[sign], one=_is_one_thing(match))


def _is_one_thing(match: Match) -> bool:
    """Whether the amount is what sort of thing it is, as in `a $5 bill`."""
    before = match.string[max(0, match.start() - 20) : match.start()]
    return bool(_ONE_THING.search(before) and _THING.match(match.string, match.end()))


def _count(number: str, magnitude: str | None) -> str:
    return f"{amount(number)} {magnitude}" if magnitude else amount(number)


def _money(number: str, magnitude: str | None, currency: _Currency, *, one: bool) -> str:
    whole, point, few = number.replace(",", "").partition(".")
    if magnitude or not point or len(few) != 2 or not currency.cent:
        alone = not magnitude and not few.strip("0") and whole.lstrip("0") == "1"
        unit = currency.one if one or alone else currency.many
        return f"{_count(number if few.strip('0') else whole, magnitude)} {unit}"
    cents = f"{cardinal(few)} {currency.cent if few == '01' else currency.cents}"
    if not whole.lstrip("0"):
        return cents if few != "00" else f"zero {currency.many}"
    words = (
        f"{cardinal(whole)} {currency.one if one or whole.lstrip('0') == '1' else currency.many}"
    )
    return words if few == "00" else f"{words} and {cents}"


RULES = (
    Rule("en.currency", _FIRST, _first),
    Rule("en.currency", _LAST, _last),
)
