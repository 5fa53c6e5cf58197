"""Numbers that are names, read digit by digit: of telephones, rooms and plates; passwords.

In three digits or more 1 is 幺, because 一 may be misheard as 七.
"""

from __future__ import annotations

import re

from myna.text.rules import Match, Rule
from myna.text.zh.numbers import cardinal, digits

_GROUP = re.compile("[0-9]+")
_COUNTERS = "[个人元块名件位次条张只万千亿年天月倍米公斤分点多几余]"
"""After these a number is a quantity."""
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
"""First characters of number plates."""


def telephone(number: str) -> str:
    """Digit by digit, with a pause between the groups: `010-62345678`."""
    return "，".join(digits(group, one="幺") for group in _GROUP.findall(number))


def code(number: str) -> str:
    """Digit by digit, with 杠 for a hyphen; one or two digits without leading zero are a number."""
    return "杠".join(_part(part) for part in number.split("-") if part)


def _part(part: str) -> str:
    short = len(part) < 3 and not (len(part) == 2 and part.startswith("0"))
    return _GROUP.sub(lambda m: cardinal(m[0]) if short else digits(m[0], one="幺"), part)


# Telephone numbers

_MOBILE = re.compile(
    r"(?<![0-9.])(?:[(]?[+]?86[)]?[- ]?)?1[3-9][0-9](?P<between>[- ]?)[0-9]{4}(?P=between)[0-9]{4}"
    rf"(?![0-9.]|{_COUNTERS})"
)
_LANDLINE = re.compile(
    r"(?<![-0-9.])(?:[+]?86[- ]?)?[(（]?(?P<area>0[0-9]{2,3})[)）]?[- ]?"
    r"(?P<number>[1-9][0-9]{2,3}[- ]?[0-9]{4})"
    r"(?:(?:-|转)(?P<extension>[0-9]{1,5}))?(?![-0-9])"
)
_FROM_ABROAD = re.compile(
    r"(?<![-0-9.])(?:[+]|00)86[- ]?[1-9][0-9]{1,2}[- ][1-9][0-9]{6,7}(?![-0-9])"
)
_TOLL_FREE = re.compile(
    r"(?<![-0-9.])[48]00(?:-[0-9]{3}-[0-9]{4}|-[0-9]{4}-[0-9]{3}|-?[0-9]{7})"
    rf"(?![-0-9]|{_COUNTERS})"
)
_AFTER_A_WORD = re.compile(
    r"(?P<word>(?:电话|手机|座机|传真|热线|客服|号码|致电|拨打|拨|联系方式|咨询|微信|QQ)"
    r"(?:号码|号)?[是为请打拨:： ]{0,3})"
    r"(?P<number>(?>[0-9]{3,}(?:[- ][0-9]{3,}){1,3}|[+]?[0-9]{5,}))"
    rf"(?![-0-9.]| ?{_COUNTERS})"
)
_HOTLINE = (
    "(?:1(?:1[0479]|2[0-2]|2306|23[0-9]{2}|0086|00[01]0|1185)|9[56][0-9]{3})(?![-0-9.%:/]|"
    f" ?{_COUNTERS})"
)
_HOTLINES = re.compile(
    rf"(?:打|拨|拨打|致电|呼叫|电话|热线|报警|客服|急救)[是为:： “\"]{{0,3}}{_HOTLINE}"
    rf"(?:(?:、|，|,|和|或|或者|跟|与|以及|还是)[打拨]?{_HOTLINE})*"
)
_EMERGENCIES = re.compile(
    "(?<![-0-9.])(?:1(?:10|19|20|22))(?:(?:、|，|,|和|或|跟|与)1(?:10|19|20|22))+"
    rf"(?![-0-9.%:/]|{_COUNTERS})"
)
_HOTLINE_BEFORE = re.compile(
    rf"(?<![-0-9.]){_HOTLINE}(?=(?:热线|电话|急救|报警|客服|平台|救护|指挥|服务台|火警))"
)


def _landline(match: Match) -> str:
    area, number, extension = match["area"], match["number"], match["extension"]
    before = match[0][: match.start("area") - match.start()]
    words = telephone(f"{before} {area} {re.sub('[- ]', '', number)}")
    return words + (f"，转{digits(extension, one='幺')}" if extension else "")


def _hotlines(match: Match) -> str:
    return _GROUP.sub(lambda number: digits(number[0], one="幺"), match[0])


# Other names

_NAMED = (
    "编号|房间号?|房号|单号|订单号?|运单|航班号?|车次|邮编|邮政编码|密码|验证码|取件码|提取码|邀请码|"
    "兑换码|车牌号?码?|身份证号?码?|学号|工号|考号|准考证号?|座位号|卡号|账号|帐号|代码|号码|尾号|证号|"
    "门牌号?|代号|型号|口令|序列号|批号|群号?|ID|id|ISBN|特工|病房|包厢|教室"
)
_AFTER_A_NAME = re.compile(
    rf"(?P<name>(?:{_NAMED})[是为叫:： “\"]{{0,4}}[{_PROVINCES}]?[A-Za-z]{{0,4}})"
    rf"(?P<number>(?>[0-9][0-9A-Za-z]*(?:-[0-9A-Za-z]+)*))(?![.%:/]| ?{_COUNTERS})"
)
_BEFORE_A_NAME = re.compile(
    r"(?<![-0-9.~到至])[0-9]{3,}(?=号?(?:房间|病房|房|室|教室|航班|包厢|包间|次列车|次航班|路|国道|省道|"
    r"高地|医院|中学)(?!程))|(?<=座)[0-9]{3,4}(?![0-9.])"
)
_ROOM = re.compile(
    r"(?<![-0-9.第])[0-9]+(?:-[0-9]+)+(?=号?(?:房间|病房|室|房))|"
    r"(?<=图)[0-9]+-[0-9]+|(?<=表)[0-9]+-[0-9]+|(?<=附件)[0-9]+-[0-9]+"
)
_BY_LETTERS = re.compile(r"(?:(?<=[A-Za-z])|(?<=[A-Z]·))[0-9]{3,}(?!\.?[0-9])")
_BY_A_HYPHEN = re.compile(
    "((?<![0-9A-Za-z.²³°])[A-Za-z]+|[歼轰直苏]|嫦娥|神舟|天宫|长征|东风|波音)-(?=[0-9])"
)
_WORDS = re.compile(
    "(?<![-0-9.])(?:(?:996|985|211)(?=高校|大学|院校|工程|工作制|福报|、211|和211)|"
    "911(?=事件|恐怖|袭击)|315(?=晚会|消费|打假)|618(?=大促|购物|活动|年中))"
)
_SERVICES = re.compile(rf"(?<![-0-9.])(?:10086|10010|12306|12315|12348)(?![-0-9.%:/]|{_COUNTERS})")
_ADDRESS = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![.]?[0-9])")
_VERSION = re.compile(r"(?<![0-9.])[0-9]+(?:\.[0-9]+){2,}(?![0-9])")
_LONG = re.compile(rf"(?<![-0-9.])[0-9]{{12,}}(?![.0-9]|{_COUNTERS})")
_ZEROS = re.compile(r"(?<![0-9.:/-])0[0-9]+(?![.:/-]?[0-9]|%)")


def _version(match: Match) -> str:
    parts = match[0].split(".")
    return "点".join(digits(p) if len(p) > 2 or p[:1] == "0" else cardinal(p) for p in parts)


RULES = (
    Rule("zh.mobile", _MOBILE, lambda match: telephone(match[0])),
    Rule("zh.landline", _LANDLINE, _landline),
    Rule("zh.landline", _FROM_ABROAD, lambda match: telephone(match[0])),
    Rule("zh.service_number", _TOLL_FREE, lambda match: telephone(match[0])),
    Rule("zh.hotline", _HOTLINES, _hotlines),
    Rule("zh.hotline", _HOTLINE_BEFORE, _hotlines),
    Rule("zh.hotline", _EMERGENCIES, _hotlines),
    Rule("zh.hotline", _SERVICES, _hotlines),
    Rule("zh.telephone", _AFTER_A_WORD, lambda m: f"{m['word']}{telephone(m['number'])}"),
    Rule("zh.code", _AFTER_A_NAME, lambda m: f"{m['name']}{code(m['number'])}"),
    Rule("zh.code", _ROOM, lambda match: code(match[0])),
    Rule("zh.code", _BEFORE_A_NAME, lambda match: code(match[0])),
    Rule("zh.code", _WORDS, lambda match: digits(match[0])),
    Rule("zh.hyphen", _BY_A_HYPHEN, r"\1"),
    Rule("zh.code", _BY_LETTERS, lambda match: code(match[0])),
    Rule("zh.address", _ADDRESS, lambda m: "点".join(digits(p) for p in m[0].split("."))),
    Rule("zh.version", _VERSION, _version),
    Rule("zh.code", _LONG, lambda match: code(match[0])),
    Rule("zh.code", _ZEROS, lambda match: code(match[0])),
)
"""In their order."""
