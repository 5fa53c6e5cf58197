"""Which language a stretch of ideographs, with or without kana, gives itself away as.

Who writes a character is asked of the national character sets: what is in GB 2312 but neither in
Big5 nor among the common kanji of JIS X 0208 is simplified Chinese, what is only in JIS X 0208 is
Japanese. Characters that these sets share are told by short lists of our own, for words that one
language uses all the time and another never.

Source: GB 2312, Big5 and JIS X 0208 as Python's codecs have them; the lists are our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_CHINESE = frozenset(
    # Not among the common kanji, and frequent in Chinese.
    "么乒乓佣你您她它倆哪呀吧呢吗嗎嘛啊哦哇呵哈咱啥啦嘿哼哎喂嗯听咖啡啤垃圾她妮姨宁怎懂找抓扔扛拼拽挂掉掏搞摔撂收效"
    "晚晾框棵榜柜构极烤爸爹甩甭皂盒盯盼眨眯睛瞅瞎瞧瞪砍砸确碰碟窄笨筷糕罐耍聊脖舔荐菇菠蘑趁趟趴跌跑跟踢踩躲躺逛醋靠鞋很"
    "們沒麼"
    # In GB 2312 and JIS X 0208, and never in modern Japanese.
    "个从冲况凉净厦厨广庐弃无档泪渊烟粤耻迹粮犹决"
)
_SHARED = frozenset("惧咤瑶弑凭")
"""Taken for simplified by the sets alone, and used in Japanese."""
_MANDARIN = frozenset("的了吗嗎们們这這没沒么麼她它吧是很您谁誰那哪让讓")
"""Written in Mandarin all the time, and in Cantonese with other characters."""
_WEAK = frozenset("的了是我他也就那哪她它你您這吃喝")
"""Frequent in Chinese, and possible in a Japanese word."""
_CANTONESE = frozenset(
    "唔喺嘅咗哋啲嚟冇佢嗰嘢乜畀噉咁瞓攰啱諗谂嗌冧攞揾搵咩喎啩㗎啫噏嘥冚唥嬲靚靓掟喐嚿𠺢𨋢𡃁餸揸睇"
)
_JAPANESE = frozenset("々〆〻")
_ALSO_CHINESE = frozenset("裏説姉咲")
"""Only in JIS X 0208 of the three, and written in Hong Kong or in names."""

_WORDS = {
    "zh": re.compile(
        "今天|明天|昨天|早上|晚上|大家好|中文|普通话|普通話|知道|我[是的在要想不也]|[他我你]的|不是|也是|就是"
        "|的是|是不|不会|可以|但是|因此|所以|什[么麼]|怎[么麼]|好[看玩吃听的]|多少[钱錢]|出来|起来|回来|一下"
        "|有[点點]|一[点點]|[一这那]位|去[吃玩看]|真的|喜[欢歡]|再[见見]|[不没]了|不客[气氣]|星期|我[们們]"
    ),
    "yue": re.compile(
        "屋企|點解|点解|邊[個度]|边[个度]|呢[個个]|而家|聽日|琴日|尋日|成日|得閒|傾偈|鍾意|好彩|同埋|先至|好耐"
        "|[我你都就又仲真]係|係[咪咁]|^係$|[睇行試食坐等講]吓|(?<![要趕抓趁不吃])緊(?![張急密要跟隨接縮湊迫閉貼握])"
    ),
    "ja": re.compile(
        "会社|映画|彼女|友達|仕事|部屋|名前|言葉|切符|財布|改札|新幹線|弁当|割引|無料|喫煙|台所|荷物|株式|取引|手続|申込"
        "|締切|受付|大丈夫|一番|何[時人日月]|今[朝晩夜]|毎|本日|誕生日|曜日?|令和|平成|昭和|電話番号|日本語|番線|残念|最高|素敵"
    ),
}


@dataclass(slots=True)
class Evidence:
    """How many characters, or words, speak for what."""

    chinese: int = 0
    """For Chinese and against Japanese."""
    simplified: int = 0
    traditional: int = 0
    """Not written in modern Japanese, except where it is formal or a name."""
    weak: int = 0
    """For Chinese, where there are several."""
    mandarin: int = 0
    """For Mandarin and against Cantonese."""
    cantonese: int = 0
    japanese: int = 0


def evidence(text: str) -> Evidence:
    """What speaks for which language in a stretch of ideographs."""
    found = Evidence()
    for char in text:
        for name in _traits(char):
            setattr(found, name, getattr(found, name) + 1)
    words = {language: len(words.findall(text)) for language, words in _WORDS.items()}
    found.chinese += words["zh"] + words["yue"]
    found.cantonese += words["yue"]
    found.japanese += words["ja"]
    return found


@lru_cache(maxsize=16384)
def _traits(char: str) -> tuple[str, ...]:
    """Names of the fields of `Evidence` that a character counts in."""
    if "\u3100" <= char <= "\u31bf":  # bopomofo
        return ("chinese", "mandarin")
    gb, big5, jis = _in(char, "gb2312"), _in(char, "big5"), _in(char, "shift_jis")
    common_kanji = 0x889F <= jis <= 0x9872
    simplified = gb and not big5
    traits = []
    cantonese = char in _CANTONESE
    if cantonese:
        traits.append("cantonese")
    if char in _CHINESE or cantonese or (simplified and not jis):
        traits.append("chinese")
    if simplified and not common_kanji and char not in _SHARED:
        traits.append("simplified")
    if 0xA440 <= big5 <= 0xC67E and not gb and not common_kanji:
        traits.append("traditional")
    if char in _WEAK:
        traits.append("weak")
    if char in _MANDARIN:
        traits.append("mandarin")
    if char in _JAPANESE or (common_kanji and not gb and not big5 and char not in _ALSO_CHINESE):
        traits.append("japanese")
    return tuple(traits)


def _in(char: str, charset: str) -> int:
    """The code of a character in a character set, or 0."""
    try:
        return int.from_bytes(char.encode(charset), "big")
    except UnicodeEncodeError:
        return 0
