"""Numbers that are read digit by digit: of telephones, rooms, routes and accounts."""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.text.rules import Match, Rule
from myna.text.traced import Traced
from myna.text.yue.numbers import COUNTED, digits

_CALLED = (
    "打俾|打畀|打去|打|撥打|撥|拨打|拨|致電|致电|電話|电话|熱線|热线|號碼|号码|密碼|密码|編號|编号|"
    "傳真|传真|內線|内线|驗證碼|验证码|單號|单号|戶口|户口|帳號|賬號|账号|學號|学号"
)
_AFTER_ITS_NAME = re.compile(
    rf"((?:{_CALLED})(?:號碼|号码)?(?:係|系|是|為|为|：|:| ){{0,3}})"
    rf"([0-9]{{3,}}(?:[- ][0-9]{{3,}})*)(?![0-9.:/])(?! ?(?:{COUNTED}))"
)
_ABROAD = re.compile(r"\+([0-9]{1,3}(?:[- ]?[0-9]{2,4}){2,5})(?![0-9])")
_HONG_KONG = re.compile(
    r"(?<![0-9.\-])([2-9][0-9]{3})[- ]([0-9]{4})(?![0-9年.])"
    rf"|(?<![0-9.$\-])[235689][0-9]{{7}}(?![0-9.])(?! ?(?:{COUNTED}))"
)
_YEAR = re.compile(r"(?:1[89]|20)[0-9]{2}")
_ELSEWHERE = re.compile(
    r"(?<![0-9.\-])(?:0[0-9]{1,3}[- ][0-9]{3,4}[- ]?[0-9]{3,4}|1[3-9][0-9]{9}"
    r"|[0-9]{3,4}-[0-9]{3,4}-[0-9]{3,4})(?![0-9.\-])"
)
_ROOM = re.compile(r"(?<![0-9第.])[0-9]{3,}(?=[號号]?(?:室|房|巴士|線|綫|线))")
_BORDER = re.compile("[- ]")


def read(number: str) -> str:
    """Digit by digit, with a pause between groups."""
    return "，".join(digits(group) for group in _BORDER.split(number) if group)


def _hong_kong(match: Match) -> str:
    if match[1] and _YEAR.fullmatch(match[1]) and _YEAR.fullmatch(match[2]):
        return match[0]
    return read(match[0])


RULES: tuple[Callable[[Traced], Traced], ...] = (
    Rule("yue.digits", _AFTER_ITS_NAME, lambda match: match[1] + read(match[2])),
    Rule("yue.telephone", _ABROAD, lambda match: read(match[1])),
    Rule("yue.telephone", _HONG_KONG, _hong_kong),
    Rule("yue.telephone", _ELSEWHERE, lambda match: read(match[0])),
    Rule("yue.digits", _ROOM, lambda match: digits(match[0])),
)
