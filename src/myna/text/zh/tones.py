"""Tone sandhi inside one word: 不, 一, neutral tones, third tones, and erhua.

Each rule gets the syllables of a word as a list and changes tones in it.
"""

from __future__ import annotations

from myna.text.zh.readings import Syllable
from myna.text.zh.tagger import Token, split
from myna.text.zh.words import word_list

_PARTICLES = frozenset("吧呢哈啊呐噻嘛吖嗨呐哦哒额滴哩哟喽啰耶喔诶的地得")
_DIRECTIONS = frozenset("上下进出回过起开")
_COUNTING = frozenset("几有两半多各整每做是")
_MARKS_AFTER_YI = frozenset("：，；。？！“”‘’':,;.?!")


def sandhi(token: Token, syllables: tuple[Syllable, ...]) -> list[Syllable]:
    """The syllables of a word as they are said."""
    said = list(syllables)
    _bu(token.word, said)
    _yi(token.word, said)
    _neutral(token, said)
    _third(token.word, said)
    return said


def erhua(token: Token, syllables: list[Syllable]) -> list[Syllable]:
    """儿 at the end of a word takes the tone before it; it stays a syllable."""
    word, tag = token
    said = list(syllables)
    if not word.endswith("儿"):
        return said
    if said[-1].final == "er1":
        said[-1] = said[-1].with_tone(2)
    apart = word_list("not_erhua")
    if word not in word_list("erhua") and (word in apart or tag in ("a", "j", "nr")):
        return said
    if said[-1].final in ("er2", "er5") and word[-2:] not in apart and len(said) > 1:
        said[-1] = said[-1].with_tone(said[-2].tone or said[-1].tone)
    return said


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
