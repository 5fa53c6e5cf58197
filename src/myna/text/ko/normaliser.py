"""Korean text to hangul and marks.

The published voices were trained on text as it stands: the compatible mode changes nothing, and
numbers and letters are left to the rules of `g2p`. The improved mode writes them out here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from myna.text.ko import letters
from myna.text.ko.jamo import ONSETS, VOWELS, pattern
from myna.text.ko.quantities import rules
from myna.text.ko.tagger import morphemes
from myna.text.traced import Match, Traced


def normalise(text: Traced, *, improved: bool = False) -> Traced:
    """Improved: hangul, spaces and the marks `! ? … , .`; else `text` itself.

    Characters that cannot be read are dropped, and noted as unread; so are ideographs that no
    dictionary knows, and all of them without python-mecab-ko.
    """
    if not improved:
        return text
    goes_on = text.text.rstrip()[-1:] in (",", "，", "、")
    text = letters.known_words(text.sub(_OTHER_FORMS, _plain))
    for written, words, rule in rules():
        text = text.sub(written, words, rule)
    text = letters.spelled_out(text, improved=True).sub(_HANJA, _hanja, "ko.hanja")
    for sign, spoken, rule in _SIGNS:
        text = text.sub(sign, spoken, rule)
    text = text.kept(_is_read)
    return text + "," if goes_on and text.text.rstrip()[-1:] not in (*"!?…,.", "") else text


def _is_read(char: str) -> bool:
    return "가" <= char <= "힣" or char in " !?…,."


_OTHER_FORMS = re.compile("[\u1100-\u11ff]+|[\uff01-\uff5e\u3300-\u33ff①-⑳½¼¾⅓⅔−￦￥㈜№™]")
_PLAIN_FORMS = {"−": "-", "￦": "₩", "￥": "¥", "㈜": "주식회사 ", "№": "번호 ", "™": ""}


def _plain(match: Match) -> str:
    """Full-width forms, conjoining letters and units in one character, as they are else written."""
    if match[0] in _PLAIN_FORMS:
        return _PLAIN_FORMS[match[0]]
    if "\u1100" <= match[0] < "\u1200":
        return unicodedata.normalize("NFC", match[0])
    return unicodedata.normalize("NFKC", match[0]).replace("⁄", "/")


_HANJA = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")


def _hanja(match: Match) -> str:
    """Ideographs as the tagger's dictionary reads them."""
    found = morphemes(unicodedata.normalize("NFKC", match[0]))
    return "".join(morpheme.reading or morpheme.text for morpheme in found or ()) or match[0]


_CHATTED = {
    "ㅇㅇ": "응",
    "ㅇㅋ": "오케이",
    "ㄱㅅ": "감사",
    "ㄴㄴ": "노노",
    "ㄱㄱ": "고고",
    "ㅊㅋ": "추카",
    "ㅅㄱ": "수고",
    "ㅈㅅ": "죄송",
    "ㅂㅂ": "바이바이",
    "ㄷㄷ": "덜덜",
}
_DOUBLE = dict(zip("ㄲㄸㅃㅆㅉ", "ㄱㄷㅂㅅㅈ", strict=True))
_ODD_NAMES = {"ㄱ": "기역", "ㄷ": "디귿", "ㅅ": "시옷"}


def _letters_alone(match: Match) -> str:
    """Letters of hangul that make no syllable: laughter, abbreviations of chats, or names."""
    word = match[0]
    if word in _CHATTED:
        return _CHATTED[word]
    if not word.strip("ㅋㅎ"):
        return word.replace("ㅋ", "크").replace("ㅎ", "흐")
    if len(word) > 1 and not word.strip("ㅠㅜㅡ"):
        return word  # a crying face, which nobody reads
    return " ".join(map(_name, word))


def _name(letter: str) -> str:
    """리을 of ㄹ, 쌍기역 of ㄲ, 아 of ㅏ; a cluster has none."""
    if letter in _DOUBLE:
        return f"쌍{_name(_DOUBLE[letter])}"
    if letter in _ODD_NAMES:
        return _ODD_NAMES[letter]
    if letter in VOWELS:
        return unicodedata.normalize("NFC", pattern(f"ㅇ{letter}"))
    if letter in ONSETS:
        return unicodedata.normalize("NFC", pattern(f"{letter}ㅣ으·{letter}"))
    return letter


def _space_or_nothing(match: Match) -> str:
    return " " if match[0].endswith(" ") and match.end() < len(match.string) else ""


_SIGNS: tuple[tuple[re.Pattern[str], str | Callable[[Match], str], str], ...] = tuple(
    (re.compile(sign), spoken, f"ko.{rule}" if rule else "")
    for sign, spoken, rule in (
        ("[ㄱ-ㅣ]+", _letters_alone, "letters"),
        ("(?<=[가-힣]) ?[~∼〜～] ?(?=[가-힣])", "에서 ", "range"),
        ("(?<=[시분초월일년]) ?[-–] ?(?=[가-힣])", "에서 ", "range"),
        (" ?& ?", " 앤드 ", "sign"),
        (" ?@ ?", " 골뱅이 ", "sign"),
        (r"(?<=[가-힣]) ?\+ ?", " 플러스 ", "sign"),
        (r"\$", "달러", "sign"),
        ("%", "퍼센트", "sign"),
        ("[°℃]", "도", "sign"),
        # marks
        (r"\.\.+|⋯|…+", "…", ""),
        ("[。｡]", ".", ""),
        (r"(?<=[.!?…,])[\r\n]+", " ", ""),
        (r"[\r\n]+", ". ", ""),
        (r"[^\S ]+", " ", ""),
        (r"(?<=\S) *[：；，、·・:;()\[\]{}（）【】〔〕—―] *|(?<=\S) +[-–] +", ", ", ""),
        ("(?<=[가-힣])[-–/_](?=[가-힣])", " ", ""),
        (r"""["'“”‘’「」『』《》〈〉<>~∼〜～*_#^`|\\/·()\[\]{}:;：；，、–—―-]+""", "", ""),
        (r"^[ ,]+|(?<=[,.!?…]) *,[ ,]*| *,[ ,]*(?=[.!?…]|$)", _space_or_nothing, ""),
        (r"  +", " ", ""),
    )
)
