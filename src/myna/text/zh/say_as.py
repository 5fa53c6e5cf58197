"""What the caller wants read in a way of its own: letter by letter, as a date, and so on."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.errors import TextError
from myna.text.frontend import SayAs
from myna.text.traced import Traced
from myna.text.zh.numbers import cardinal, digits, spoken

_SIGNS = {
    **dict(zip("0123456789", "零一二三四五六七八九", strict=True)),
    "-": "杠",
    "_": "下划线",
    ".": "点",
    ",": "逗号",
    ":": "冒号",
    "/": "斜杠",
    "@": "艾特",
    "#": "井号",
    "*": "星号",
    "+": "加号",
    "=": "等号",
    "%": "百分号",
    "&": "和号",
    "$": "美元符号",
    " ": "",
}
_CHARACTERS = str.maketrans(_SIGNS)


def say_as(text: Traced, kind: SayAs) -> Traced:
    """`text` written out in words that `normalise` leaves alone.

    Of `characters`, letters stay letters, for English to read. A `date` is year, month and day,
    separated by `-`, `/`, `.` or as in 2024年5月1日; the year or the day may be missing.

    Raises:
        TextError: `text` cannot be said in this way.
    """
    from myna.text.zh import characters

    plain = text.translate(characters.plain())
    if kind == "characters":
        return plain.translate(_CHARACTERS, "zh.say_as")
    pattern, words = _KINDS[kind]
    match = pattern.fullmatch(plain.text.strip())
    if not match or not match[0]:
        raise TextError(f"{text.text!a} cannot be said as {kind} in Mandarin.")
    said = words(match)
    return plain.sub(_ALL, lambda _: said, "zh.say_as")


_ALL = re.compile(r"(?s)\A.+\Z")
_GROUPED = "(?P<whole>[0-9]{1,3}(?:[,，][0-9]{3})+|[0-9]+)"


def _digits(match: re.Match[str]) -> str:
    return "点".join(digits(part) for part in match[0].split("."))


def _cardinal(match: re.Match[str]) -> str:
    number = re.sub("[,，]", "", match["whole"] or "") + (match["fraction"] or match["point"] or "")
    return ("负" if match["minus"] else "") + spoken(number)


def _ordinal(match: re.Match[str]) -> str:
    return "第" + spoken(re.sub("[,，]", "", match["whole"]))


def _telephone(match: re.Match[str]) -> str:
    from myna.text.zh.codes import telephone

    number, _, extension = re.sub("转|ext[.]?|#", "x", match[0]).partition("x")
    return telephone(number) + (f"，转{digits(extension, one='幺')}" if extension else "")


def _date(match: re.Match[str]) -> str:
    """Year, month and day are in groups that begin with these letters."""
    parts = {name[0]: value for name, value in match.groupdict().items() if value}
    return "".join(
        (
            f"{digits(parts['y'])}年" if "y" in parts else "",
            f"{cardinal(parts['m'])}月" if "m" in parts else "",
            f"{cardinal(parts['d'])}日" if "d" in parts else "",
        )
    )


_M = "(?:0?[1-9]|1[0-2])"
_D = "(?:0?[1-9]|[12][0-9]|3[01])"
_KINDS: dict[str, tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = {
    "digits": (re.compile(r"[- ,]*[0-9](?:[- .,]*[0-9])*"), _digits),
    "cardinal": (
        re.compile(rf"(?P<minus>-)?(?:{_GROUPED}(?P<fraction>\.[0-9]+)?|(?P<point>\.[0-9]+))"),
        _cardinal,
    ),
    "ordinal": (re.compile(rf"第?{_GROUPED}"), _ordinal),
    "telephone": (
        re.compile(r"[+]?[(（]?[0-9](?:[-() （）]*[0-9])*(?: ?(?:转|ext[.]?|x|#) ?[0-9]+)?"),
        _telephone,
    ),
    "date": (
        re.compile(
            rf"(?P<y1>[0-9]{{4}})[-/.](?P<m1>{_M})(?:[-/.](?P<d1>{_D}))?|"
            rf"(?P<y2>[0-9]{{4}})(?P<m2>0[1-9]|1[0-2])(?P<d2>0[1-9]|[12][0-9]|3[01])|"
            rf"(?P<m3>{_M})[-/.](?P<d3>{_D})(?:[-/.](?P<y3>[0-9]{{4}}))?|"
            rf"(?:(?P<y4>[0-9]{{4}}|[0-9]{{2}})年)?(?:(?P<m4>{_M})月(?:份)?)?(?:(?P<d4>{_D})[日号])?|"
            r"(?P<y5>[0-9]{4})"
        ),
        _date,
    ),
}
