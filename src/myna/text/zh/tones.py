"""Tone sandhi inside one word: 不, 一, neutral tones, third tones, and erhua.

Each rule gets the syllables of a word as a list and changes tones in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from myna.text.traced import Traced
from myna.text.zh.readings import Syllable
from myna.text.zh.tagger import Token, split
from myna.text.zh.words import word_list

_PARTICLES = frozenset("吧呢哈啊呐噻嘛吖嗨呐哦哒额滴哩哟喽啰耶喔诶的地得")
_DIRECTIONS = frozenset("上下进出回过起开")
_COUNTING = frozenset("几有两半多各整每做是")
_MARKS_AFTER_YI = frozenset("：，；。？！“”‘’':,;.?!")


def sandhi(
    token: Token,
    syllables: tuple[Syllable, ...],
    *,
    improved: bool = False,
    fixed: Collection[int] = frozenset(),
) -> list[Syllable]:
    """The syllables of a word as they are said.

    Args:
        token: the word; `syllables` are those of its characters.
        improved: as a native says them, not as the published voices were trained.
        fixed: places in the word whose tone must not change, though others may because of it.
    """
    said = list(syllables)
    if improved:
        _bu_improved(token.word, said)
        _yi_improved(token.word, said)
    else:
        _bu(token.word, said)
        _yi(token.word, said)
    _neutral(token, said)
    if improved:
        _full(token, said, syllables)
    for i in fixed:
        said[i] = syllables[i]
    _third(token.word, said)
    for i in fixed:
        said[i] = syllables[i]
    return said


def erhua(
    token: Token,
    syllables: list[Syllable],
    *,
    improved: bool = False,  # noqa: ARG001 - as `sandhi`, though here both are the same
    fixed: Collection[int] = frozenset(),
) -> list[Syllable]:
    """儿 at the end of a word takes the tone before it; it stays a syllable.

    Arguments as of `sandhi`.
    """
    word, tag = token
    said = list(syllables)
    if not word.endswith("儿") or len(word) - 1 in fixed:
        return said
    if said[-1].final == "er1":
        said[-1] = said[-1].with_tone(2)
    apart = word_list("not_erhua")
    if word not in word_list("erhua") and (word in apart or tag in ("a", "j", "nr")):
        return said
    if said[-1].final in ("er2", "er5") and word[-2:] not in apart and len(said) > 1:
        said[-1] = said[-1].with_tone(said[-2].tone or said[-1].tone)
    return said


def across(
    words: list[Token], said: list[list[Syllable]], fixed: Collection[int] = frozenset()
) -> list[list[Syllable]]:
    """Sandhi between the words of a clause, for the improved reading: after `sandhi` of each.

    Args:
        words: the words of one clause, in order.
        said: their syllables, from `sandhi` and `erhua`.
        fixed: places in the clause whose tone must not change.
    """
    said = [list(syllables) for syllables in said]
    end = 0
    for token, syllables, after in zip(words, said, said[1:], strict=False):
        end += len(token.word)
        if end - 1 in fixed or len(token.word) < 2 or not after:
            continue
        falls = after[0].tone == "4" or after[0].final == "e5"  # 个
        if token.word[-1] == "不" and syllables[-1].tone == "4" and falls:
            _set(syllables, -1, 2)
        elif token.word[-2:] in _DETERMINERS and after[0].tone:
            _set(syllables, -1, 2 if falls else 4)
    return said


_DETERMINERS = frozenset(f"{char}一" for char in "这那哪每某同另此上下前后头")


# Where 一 keeps its tone

_NUMERALS = "零幺一二三四五六七八九"
_TENS = "十百千万亿"
_YI_STAYS = re.compile(
    "|".join(
        (
            f"(?<![{_TENS}])(?=一*[^一])[{_NUMERALS}]{{2,}}(?![{_TENS}个])",  # 二零一零
            f"(?<![有早晚差快慢多少大小好这那了第])[{_NUMERALS}{_TENS}两](?:点[{_NUMERALS}]++)+"
            "(?![十分刻点半钟儿])",  # 一点八
            "(?<=[十零])一(?![百千])|(?<=[百千万亿])一(?=十)",  # 三十一万, 一百一十
            f"第[{_NUMERALS}{_TENS}两]*?一(?![{_TENS}])",
            "一(?=月)|(?<=月)一(?=[日号])|一(?=号)",
            "(?<=星期|礼拜)一|(?<=周)一(?![次个天回本篇场节趟更封换歇])",
            "一(?=楼|年级|等[奖舱功]|单元|[线](?:城市|员工|工人|教师|明星|医护)|期工程|审|环路|把手[，。]|级)",
            "(?<=级)一(?=班)|(?<=[高研])一(?=学生|新生|年级|上学期|下学期|的时候)|(?<![最当起]初)(?<=初)一",
            f"一(?=比[{_NUMERALS}])|(?<=[{_NUMERALS}{_TENS}]比)一",
            f"一(?=(?:[加减乘]|除以|等于|[到至])[{_NUMERALS}两])|(?<=[加减乘])一|(?<=等于|除以)一(?![{_TENS}个])",
            f"(?<=分之)一(?![{_TENS}])",
        )
    )
)


def unchanging(text: Traced) -> set[int]:
    """Where in a normalised text a 一 keeps its own tone, as it does in 二零一零 and 一月."""
    if "一" not in text.text:
        return set()
    return {
        place
        for match in _YI_STAYS.finditer(text.text)
        for place in range(*match.span())
        if text.text[place] == "一"
    }


def _set(said: list[Syllable], index: int, tone: int) -> None:
    said[index] = said[index].with_tone(tone)


def _bu(word: str, said: list[Syllable]) -> None:
    if len(word) == 3 and word[1] == "不":
        _set(said, 1, 5)
        return
    for i, char in enumerate(word[:-1]):
        if char == "不" and said[i + 1].tone == "4":
            _set(said, i, 2)


def _yi(word: str, said: list[Syllable]) -> None:
    if all(char.isnumeric() for char in word):
        return
    if len(word) == 3 and word[1] == "一" and word[0] == word[2]:
        _set(said, 1, 5)
    elif word.startswith("第一"):
        _set(said, 1, 1)
    else:
        for i, char in enumerate(word[:-1]):
            if char == "一" and said[i + 1].tone == "4":
                _set(said, i, 2)
            elif char == "一" and word[i + 1] not in _MARKS_AFTER_YI:
                _set(said, i, 4)


def _bu_improved(word: str, said: list[Syllable]) -> None:
    """不 is light in 看不懂 and 好不好, but not in 绝不能."""
    if len(word) == 3 and word[0] in _ADVERBS and word[1] == "不" and word[0] != word[2]:
        if said[2].tone == "4":
            _set(said, 1, 2)
    else:
        _bu(word, said)


_ADVERBS = frozenset("要也都就才还又再可并绝决从毫更最太很我你他她它这那谁将既若如倘")


def _yi_improved(word: str, said: list[Syllable]) -> None:
    """In numbers too: which 一 of a number stay is told by `unchanging`."""
    if len(word) == 3 and word[1] == "一" and word[0] == word[2] and not word[0].isnumeric():
        _set(said, 1, 5)
        return
    for i, char in enumerate(word[:-1]):
        if char != "一":
            continue
        before = word[i - 1] if i else ""
        if before in _BEFORE_YI or (before == "第" and word[i + 1] not in _TENS):
            _set(said, i, 1)
        elif word[i + 1] != "一" and said[i + 1].tone:
            falls = said[i + 1].tone == "4" or word[i + 1] == "个"
            _set(said, i, 2 if falls else 4)


_BEFORE_YI = frozenset("统唯惟专划归逐万")
"""Words that end in 一: 统一战线, 万一."""


def _neutral(token: Token, said: list[Syllable]) -> None:
    word, tag = token
    if tag[0] in "nva" and word not in word_list("not_neutral"):
        for i in range(1, len(word)):
            if word[i] == word[i - 1]:
                _set(said, i, 5)
    light = _neutral_index(word, tag)
    if light is not None:
        _set(said, light, 5)
    end = 0
    for part in split(word):
        end += len(part)
        if _is_neutral(part):
            _set(said, end - 1, 5)


def _full(token: Token, said: list[Syllable], syllables: Sequence[Syllable]) -> None:
    """Give back the tones that the rules for neutral ones should have left alone."""
    word, tag = token
    doubled = len(word) == 4 and word[0] == word[1] and word[2] == word[3]
    for end in range(2, len(word) + 1):
        light = said[end - 1].tone == "5"
        if light and (
            any(word[max(0, end - length) : end] in word_list("full_tone") for length in (2, 3, 4))
            or (word[end - 1] == word[end - 2] and (doubled or tag[0] == "a"))
        ):
            tone = syllables[end - 1].tone
            full = _FULL_TONES.get(word[end - 1], 5) if tone == "5" else int(tone)
            _set(said, end - 1, full)


_FULL_TONES = {"子": 3, "得": 2, "地": 4, "下": 4, "上": 4, "里": 3, "个": 4, "吧": 1, "额": 2}
"""Of characters that the dictionary itself takes for neutral."""


def _neutral_index(word: str, tag: str) -> int | None:
    """Which character of a word is said lightly."""
    last = len(word) - 1
    before, end = word[-2:-1], word[-1]
    counter = word.find("个")
    light = (
        end in _PARTICLES
        or (word in ("了", "着", "过") and tag in ("ul", "uz", "ug"))
        or (before and end in "们子" and tag in ("r", "n") and word not in word_list("not_neutral"))
        or (before and end in "上下里" and tag in ("s", "l", "f"))
        or (before and end in "来去" and before in _DIRECTIONS)
    )
    if light:
        return last
    if word == "个" or (
        counter > 0 and (word[counter - 1].isnumeric() or word[counter - 1] in _COUNTING)
    ):
        return counter
    return last if _is_neutral(word) else None


def _is_neutral(word: str) -> bool:
    return word in word_list("neutral") or word[-2:] in word_list("neutral")


def _third(word: str, said: list[Syllable]) -> None:
    third = [syllable.tone == "3" for syllable in said]
    match len(word):
        case 2 if all(third):
            _set(said, 0, 2)
        case 3:
            _third_of_three(len(split(word)[0]), third, said)
        case 4:
            for start in (0, 2):
                if all(third[start : start + 2]):
                    _set(said, start, 2)


def _third_of_three(border: int, third: list[bool], said: list[Syllable]) -> None:
    """Three characters that are two words, with the border between them."""
    if all(third):
        if border == 2:
            _set(said, 0, 2)
        if border < 3:
            _set(said, 1, 2)
        return
    for start, end in ((0, border), (border, 3)):
        if end - start == 2 and all(third[start:end]):
            _set(said, start, 2)
        elif 0 < start < end and not all(third[start:end]) and third[start - 1] and third[start]:
            _set(said, start - 1, 2)
