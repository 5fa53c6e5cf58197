"""Japanese text to letters, ideographs, kana, plain numbers and marks.

The voices were trained on text as it is, so compatible reading only shortens runs of marks.
Improved reading first writes out what the analyser cannot read: signs, units, dates, times,
telephone numbers. Plain numbers stay digits: it knows the sounds of counters well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from myna.text import tables
from myna.text.ja.numbers import digits
from myna.text.ja.readings import respelled
from myna.text.traced import Match, Traced


def normalise(text: Traced, *, improved: bool = False) -> Traced:
    """Runs of ASCII marks become their first; improved also writes out numbers and signs."""
    if improved:
        text = _folded(text)
        for rule in _RULES:
            text = rule(text)
        text = respelled(_without_unread(text))
        text = text.sub(_MARKS_IN_A_ROW, r"\1")
    return text.sub(_RUN_OF_MARKS, r"\1")


_RUN_OF_MARKS = re.compile(r"([!?…,.\-])[!?…,.\-]+")


# Characters


def _folded(text: Traced) -> Traced:
    """One way to write each character: half-width signs, full-width kana, modern ideographs."""
    text = text.sub(_INVISIBLE, "").translate(_ROMAN)
    text = text.sub(_SQUARED, _squared)
    text = text.sub(_FOLDED, lambda match: unicodedata.normalize("NFKC", match[0]))
    text = text.sub(_ACCENTED, lambda match: unicodedata.normalize("NFKD", match[0])[0])
    return text.translate(_variants(), rule="ja.variant").sub(_REPEATED, _repeated, "ja.repeated")


_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]+")
_FOLDED = re.compile(
    "[\uff61-\uff9f]+"  # half-width kana, with their voicing marks
    "|[うか-ほウカ-ホ][\u3099\u309a]"  # voicing marks as characters of their own
    "|[\uff01-\uff0b\uff0d-\uff5d\uffe0-\uffe6]"  # full-width ASCII, but for the comma
    "|[\u00b2\u00b3\u00b9\u2070-\u2079\u2460-\u249b\u2100-\u2138\u2150-\u215e\u2f00-\u2fdf\u3000]"
    "|[\u3300-\u33ff\uf900-\ufa0d\ufa10\ufa12\ufa15-\ufa1e\ufa20\ufa22\ufa25\ufa26\ufa2a-\ufaff]"
)
_SQUARED = re.compile("[\u3380-\u33df]")


def _squared(match: Match) -> str:
    unit = unicodedata.normalize("NFKC", match[0])
    return _units().get(unit, unit)


_ACCENTED = re.compile("[\u00c0-\u024f]")
_ROMAN = {first + i: str(i + 1) for first in (0x2160, 0x2170) for i in range(12)}


@cache
def _variants() -> dict[int, str]:
    pairs = " ".join(tables.lines("ja", "variants.txt")).split()
    return {ord(pair[0]): pair[1] for pair in pairs}


_REPEATED = re.compile("([ぁ-ゖァ-ヺ])([ゝゞヽヾ])")


def _repeated(match: Match) -> str:
    kana, mark = match.groups()
    plain = unicodedata.normalize("NFD", kana)[0]
    voiced = unicodedata.normalize("NFC", plain + "\u3099") if mark in "ゞヾ" else plain
    return kana + (voiced if len(voiced) == 1 else plain)


def _without_unread(text: Traced) -> Traced:
    """A space, which parts words, for what nobody could read; it is noted."""

    def lost(match: Match) -> str:
        text.journal.note_unread(text.span(*match.span()), match[0])
        return " "

    return text.sub(_UNREAD, lost)


_UNREAD = re.compile(r"[^A-Za-z0-9々〇\u3040-\u30ff\u4e00-\u9fff．!?…,.\-！？、。，；：\n ]+")
_MARKS_IN_A_ROW = re.compile(r"([!?…,.\-！？、。，；：])[!?…,.\-！？、。，；：]+")


# Numbers and signs

Words = str | Callable[[Match], str]

_N = r"[0-9]+(?:\.[0-9]+)?"
_LARGE = "[十百千万億兆]*"
_DASH = "[〜～~\u2010-\u2015\u2212-]"
_COUNTER = (
    "(?:円|ドル|ユーロ|人|名|日|週|[かヶケカ箇]?月|[かヶケカ]国|年|時|分|秒|個|本|枚|冊|匹|頭|羽|台|回|度|階|歳|才|杯|軒|"
    "件|つ|キロ|メートル|センチ|ミリ|グラム|リットル|パーセント|%|割|倍|ページ|章|節|番|位|点|話|巻|曲|口|皿|泊|"
    "世紀|丁目|歩|種類|文字|行|列|組|社|校|代|食|着|足|機|[kcm]?m(?![a-z])|[km]?g(?![a-z])|m?l(?![a-z])|°C)"
)
_WEEKDAYS = "月火水木金土日"
_WEEKDAY_NAMES = dict(
    zip(_WEEKDAYS, ("げつ", "か", "すい", "もく", "きん", "ど", "にち"), strict=True)
)
_WEEKDAY = r"\(([月火水木金土日])(?:曜日?)?\)"
_KANJI_NUMBER = "一二三四五六七八九十百千"


def _day(year: str, month: str, day: str) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return f"{year}{int(month)}月{int(day)}日"


def _date(match: Match) -> str:
    return _day(f"{match[1]}年", match[3], match[4]) or match[0]


def _short_date(match: Match) -> str:
    day = _day("", match[1], match[2])
    return f"{day}{match[3]}曜日" if day else match[0]


def _time(match: Match) -> str:
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if hours > 30 or minutes > 59 or seconds > 59:
        return match[0]
    words = f"{hours}時" + (f"{minutes}分" if minutes or seconds else "")
    return words + (f"{seconds}秒" if seconds else "")


def _telephone(match: Match) -> str:
    plus = "プラス" if match[0].startswith("+") else ""
    return plus + "の ".join(digits(part) for part in _DIGITS.findall(match[0]))


_DIGITS = re.compile("[0-9]+")


def _mobile(match: Match) -> str:
    return "の ".join(digits(part) for part in match.groups())


def _postcode(match: Match) -> str:
    return f"郵便番号{match[1] or ''}{digits(match[2])}の {digits(match[3])}"


def _amount(match: Match) -> str:
    return match[2] + _CURRENCIES[match[1][-1]]


_CURRENCIES = {"¥": "円", "$": "ドル", "€": "ユーロ", "£": "ポンド", "₩": "ウォン"}


def _speed(match: Match) -> str:
    per = "時速" if match[3] in "h時" else "秒速"
    return f"{per}{match[1]}{match[2]}"


@cache
def _units() -> dict[str, str]:
    rows = (line.split("\t") for line in tables.lines("ja", "units.txt"))
    return {unit: word for units, word in rows for unit in units.split()}


def _with_units(text: Traced) -> Traced:
    if not any(char.isdecimal() for char in text.text):
        return text
    return text.sub(_unit_pattern(), lambda m: m[1] + _units()[m[2]], rule="ja.unit")


@cache
def _unit_pattern() -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(_units(), key=len, reverse=True))
    return re.compile(rf"([0-9]{_LARGE}) ?({units})(?![A-Za-z0-9])")


def _fraction(match: Match) -> str:
    return f"{match[2]}ぶんの{match[1]}" if match[2].strip("0") else match[0]


def _wave(match: Match) -> str:
    """`〜` between two things is から; after kana it draws out a vowel."""
    at, end = match.span()
    before, after = match.string[at - 1 : at] if at else "", match.string[end : end + 1]
    hiragana, katakana = "ぁ" <= before <= "ゖ", "ァ" <= before <= "ー"
    between = before.isalnum() and after.isalnum()
    if hiragana or (katakana and not (between and "ァ" <= after <= "ー")):
        return "ー"
    return "から" if between else " "


def _rule(name: str, pattern: str, words: Words) -> Callable[[Traced], Traced]:
    compiled = re.compile(pattern)
    return lambda text: text.sub(compiled, words, rule=f"ja.{name}")


_RULES: tuple[Callable[[Traced], Traced], ...] = (
    _rule(
        "thousands",
        r"(?<![0-9.,])[0-9]{1,3}(?:[,，][0-9]{3})+(?![0-9]|[,，][0-9])",
        lambda m: m[0].replace(",", "").replace("，", ""),
    ),
    _rule("date", r"(?<![0-9])([0-9]{4})([/.\-])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])", _date),
    _rule("date", rf"(?<![0-9/])([0-9]{{1,2}})/([0-9]{{1,2}}) ?{_WEEKDAY}", _short_date),
    _rule("weekday", rf"(?<=日) ?{_WEEKDAY}", r"\1曜日"),
    _rule(
        "range",
        rf"(?<![{_WEEKDAYS}一-龥0-9])([{_WEEKDAYS}])曜?{_DASH}([{_WEEKDAYS}])(?=曜|[^一-龥0-9{_WEEKDAYS}]|$)",
        lambda m: f"{_WEEKDAY_NAMES[m[1]]}から{_WEEKDAY_NAMES[m[2]]}",
    ),
    _rule("time", r"(?<![0-9:])([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?![0-9:])", _time),
    _rule("postcode", r"(?:〒|郵便番号([はが: ]{0,3}))([0-9]{3})-([0-9]{4})(?![0-9])", _postcode),
    _rule(
        "telephone",
        r"(?<![0-9-])(?:\+[0-9]{1,3}[- ][0-9]{1,4}|0[0-9]{1,4}|\(0[0-9]{1,4}\))[- ]?"
        r"[0-9]{1,4}-[0-9]{3,4}(?![0-9-])",
        _telephone,
    ),
    _rule("telephone", r"(?<![0-9])(0[5789]0)([0-9]{4})([0-9]{4})(?![0-9])", _mobile),
    _rule("telephone", r"(?<![0-9])110番", "ひゃくとおばん"),
    _rule("currency", rf"((?:US)?[¥$€£₩]) ?({_N}{_LARGE})", _amount),
    _rule("arithmetic", r"(?<=[0-9]) ?\+ ?(?=[0-9])", "たす"),
    _rule("arithmetic", r"(?<=[0-9])(?: [-\u2212] (?=[0-9])|[-\u2212](?=[0-9]+ ?=))", "ひく"),
    _rule("arithmetic", r"(?<=[0-9]) ?[×*] ?(?=[0-9])", "かける"),
    _rule("arithmetic", r"(?<=[0-9]) ?÷ ?(?=[0-9])", "わる"),
    _rule("arithmetic", r"(?<=[0-9]) ?= ?(?=[0-9\u2212-])", "は"),
    _rule("minus", r"(?<![0-9A-Za-z.)人日月年時分円])[-\u2212](?=[0-9])", "マイナス"),
    _rule("plus_minus", "±", "プラスマイナス"),
    _rule(
        "score",
        r"(?<=[0-9])[-:\u2013](?=[0-9]{1,3}(?:で(?:勝|負|敗|引|終|リード)|の(?:勝利|スコア|同点)))",
        "対",
    ),
    _rule("address", r"(?<=[0-9])-(?=[0-9]+-)|(?<=-[0-9])-(?=[0-9])", "の"),
    _rule(
        "range",
        rf"([0-9]{_LARGE}{_COUNTER}?) ?{_DASH} ?(?={_N}{_LARGE} ?{_COUNTER})",
        r"\1から",
    ),
    _rule("number", r"(?<=[0-9])-(?=[0-9])", "の"),
    _rule("speed", rf"(?:時速|秒速)?(?<![0-9.])({_N}) ?([km]?m)/(h|s|時|秒)(?![A-Za-z])", _speed),
    _with_units,
    _rule("unit", f"(?<=[0-9{_KANJI_NUMBER}万])(?=[平立]方)", " "),
    _rule("number", r"(?<![A-Za-z])No\.? ?1(?![0-9.])", "ナンバーワン"),
    _rule("number", r"(?<![A-Za-z])No\.? ?(?=[0-9])", "ナンバー"),
    _rule("version", r"(?<![A-Za-z])[vV](?:er)?\.? ?(?=[0-9])", "バージョン"),
    _rule("version", r"(?<![0-9.])[0-9]+(?:\.[0-9]+){2,}", lambda m: m[0].replace(".", "点")),
    _rule("fraction", r"(?<![0-9/.])([0-9]{1,4})/([0-9]{1,4})(?![0-9/])", _fraction),
    _rule("fraction", rf"(?<=[0-9{_KANJI_NUMBER}])分の(?=[0-9{_KANJI_NUMBER}])", "ぶんの"),
    _rule("decimal", r"(?<=[0-9])\.(?=[0-9])", "．"),
    _rule("time", r"(?<![0-9．])0時(?!間)", "零時"),
    # what is left of signs
    _rule("laughter", r"\(笑い?\)", "わらい"),
    _rule("laughter", r"(?<=[ぁ-ヺー一-龥。!?])[wW]+(?=[。!?、\n]|$)", ""),
    _rule(
        "circle",
        "(?<![一二三四五六七八九〇○◯])[〇○◯]+(?![一二三四五六七八九〇○◯])",
        lambda m: "マル" * len(m[0]),
    ),
    _rule("circle", "[○◯]", "〇"),
    _rule("ellipsis", r"・{2,}|‥+", "…"),
    _rule("wave", "[〜～~]+", _wave),
    _rule("dash", r"[—―─–]+|(?<![A-Za-z0-9])--+", "、"),
    _rule("aside", r"(?<=[^\s、。!?,.])\((?=\w)", "、"),
    _rule("aside", r"\)(?=[^\s、。!?,.はがをにのともでへや]\w)", "、"),
    _rule("aside", r"[→←⇒/:;\n]+(?=.)", lambda m: "\n" if "\n" in m[0] else "、"),
    *(
        _rule("sign", re.escape(sign), word)
        for sign, word in (
            ("%", "パーセント"),
            ("‰", "パーミル"),
            ("&", "アンド"),
            ("@", "アット"),
            ("+", "プラス"),
            ("=", "イコール"),
            ("≠", "ノットイコール"),
            ("×", "バツ"),
            ("÷", "わる"),
            ("°", "度"),
            ("√", "ルート"),
            ("∞", "無限大"),
            ("¥", "円"),
            ("$", "ドル"),
            ("€", "ユーロ"),
            ("£", "ポンド"),
            ("§", "セクション"),
            ("〒", "郵便番号"),
        )
    ),
    _rule("border", "[\"“”‘’'「」『』【】〈〉《》〔〕(){}\\[\\]・_|゠*#<>^`\\\\]+", " "),
)
