"""Numbers in English words, in the wording of the inflect package: "one million, two hundred"."""

from __future__ import annotations

_BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TIMES_TEN = "zero ten twenty thirty forty fifty sixty seventy eighty ninety"
_POWERS = (
    "thousand million billion trillion quadrillion quintillion sextillion septillion octillion "
    "nonillion decillion"
)
_ONES = _BELOW_TWENTY.split()
_TENS = _TIMES_TEN.split()
_THOUSANDS = ["", *_POWERS.split()]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(number: str, *, joiner: str = "") -> str:
    """A whole number: "123" is "one hundred twenty-three".

    `joiner` stands between hundreds and the rest, as in "one hundred and three". A number beyond
    decillions is read digit by digit.
    """
    number = number.lstrip("0") or "0"
    if number == "0":
        return _ONES[0]
    if len(number) > 3 * len(_THOUSANDS):
        return " ".join(_ONES[int(digit)] for digit in number)
    number = number.zfill(-(-len(number) // 3) * 3)
    groups = [int(number[start : start + 3]) for start in range(0, len(number), 3)]
    words = [
        f"{_below_thousand(group, joiner)} {_THOUSANDS[len(groups) - 1 - place]}".strip()
        for place, group in enumerate(groups)
        if group
    ]
    *first, last = words
    if first and " " not in last:
        return " ".join(filter(None, (", ".join(first), joiner, last)))
    return ", ".join(words)


def ordinal(number: str, *, joiner: str = "and") -> str:
    """The number of a place: "103" is "one hundred and third"; `joiner` as in `cardinal`."""
    words = cardinal(number, joiner=joiner)
    start = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[start:]
    if last.endswith("y"):
        return f"{words[:-1]}ieth"
    return words[:start] + _ORDINALS.get(last, f"{last}th")


def year(number: int) -> str:
    """A number from 1001 to 2999 as a year: 1905 is "nineteen oh five"."""
    hundreds, rest = divmod(number, 100)
    if number == 2000:
        return "two thousand"
    if 2000 < number < 2010:
        return f"two thousand {cardinal(str(rest))}"
    if rest == 0:
        return f"{cardinal(str(hundreds))} hundred"
    return f"{cardinal(str(hundreds))} {'oh ' if rest < 10 else ''}{cardinal(str(rest))}"


def _below_thousand(number: int, joiner: str) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    words = [_ONES[hundreds], "hundred"]
    if rest:
        words += [joiner, _below_hundred(rest)]
    return " ".join(filter(None, words))


def _below_hundred(number: int) -> str:
    if number < len(_ONES):
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens]
