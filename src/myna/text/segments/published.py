"""Cut text where the published pipeline cuts it, with its statistical classifier left out.

A stretch of ideographs without kana is Mandarin, a stretch of any script but ideographs, kana,
hangul and digits is English; what the passes of the original make of that is kept, oddities
included. Kana and ideographs are cut into phrases by BudouX, as there.

Source: the behaviour of split-lang 2.1.1 (MIT) and of GPT-SoVITS (MIT), revision 48b1a01.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from myna.extras import require

SILENT = "silent"
"""The language of marks that have no words to go with; they are read as a pause."""

_DIGITS = "digits"
_NEWLINE = "newline"


class Stretch(NamedTuple):
    """Some characters of a text, and their language."""

    language: str
    start: int
    end: int


def stretches(text: str, mode: str) -> list[Stretch]:
    """The stretches of a text without spaces at its ends, in any mode but `en`."""
    if mode.startswith("all_"):
        language = mode.removeprefix("all_")
        return _merged(_in_one_language(text, language))
    found = _with_digits(_merged(_in_any_language(text, mode)), text)
    silent = {SILENT, _NEWLINE}
    if mode == "auto":
        return [part._replace(language=SILENT) if part[0] in silent else part for part in found]
    if mode == "auto_yue":
        names = {"zh": "yue", _NEWLINE: SILENT}
        return [part._replace(language=names.get(part[0], part[0])) for part in found]
    return _merged(part if part[0] == "en" else part._replace(language=mode) for part in found)


def _in_one_language(text: str, language: str) -> Iterator[Stretch]:
    for part in _pieces(text, _whole):
        english = part.language != _DIGITS and _is_english(text[part.start : part.end])
        yield part._replace(language="en" if english else language)


def _in_any_language(text: str, mode: str) -> Iterator[Stretch]:
    # Where all but English is one language, phrases matter only for the digits between them.
    cut = _phrases if mode.startswith("auto") or any(map(str.isdigit, text)) else _whole
    for part in _pieces(text, cut):
        if part.language == _DIGITS:
            yield part
        elif _is_english(text[part.start : part.end]):
            yield part._replace(language="en")
        else:
            yield from _with_scripts(part, text)


_ENGLISH = re.compile(r"[A-Za-z0-9\s -~\u2000-\u206f\u3000-\u303f\uff00-\uffef]+")
_LETTER = re.compile("[A-Za-z]")


def _is_english(text: str) -> bool:
    return bool(_LETTER.search(text) and _ENGLISH.fullmatch(text))


_MARKED = r"0-9、-〜。！？.!?… "
_KANA = "\u3041-\u3096\u3099\u309a\u30a1-\u30fa\u30fc"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_RUNS = {
    "ja": re.compile(f"[{_KANA}][{_KANA}{_MARKED}]*"),
    "ko": re.compile(f"[{_HANGUL}][{_HANGUL}{_MARKED}]*"),
}


def _with_scripts(part: Stretch, text: str) -> list[Stretch]:
    """Kana and hangul are cut out of stretches of other languages, unless there is nothing else."""
    parts = [part]
    for language, pattern in _RUNS.items():
        parts = [
            cut
            for one in parts
            for cut in (
                [one] if one.language == language else _cut_out(one, language, pattern, text)
            )
        ]
    return parts if len(parts) > 1 else [part]


def _cut_out(
    part: Stretch, language: str, pattern: re.Pattern[str], text: str
) -> Iterator[Stretch]:
    done = part.start
    for match in pattern.finditer(text, part.start, part.end):
        if match.start() > done:
            yield Stretch(part.language, done, match.start())
        yield Stretch(language, *match.span())
        done = match.end()
    if done < part.end:
        yield Stretch(part.language, done, part.end)


def _merged(parts: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours of one language become one."""
    merged: list[Stretch] = []
    for part in parts:
        if merged and merged[-1].language == part.language:
            merged[-1] = merged[-1]._replace(end=part.end)
        else:
            merged.append(part)
    return merged


_SENTENCE_MARKS = tuple(",.!?，。！？")


def _with_digits(parts: list[Stretch], text: str) -> list[Stretch]:
    """Digits take the language of what is before or after them."""
    settled: list[Stretch] = []
    for i, part in enumerate(parts):
        if part.language == _DIGITS:
            before = settled[-1] if settled else None
            after = parts[i + 1] if i + 1 < len(parts) else None
            part = part._replace(language=_language_of_digits(part, before, after, text))
        if settled and settled[-1].language == part.language:
            settled[-1] = settled[-1]._replace(end=part.end)
        else:
            settled.append(part)
    return settled


def _language_of_digits(
    part: Stretch, before: Stretch | None, after: Stretch | None, text: str
) -> str:
    if before is None or after is None:
        neighbour = before or after
        return neighbour.language if neighbour else "zh"
    if before.language == after.language:
        return before.language
    if text[before.end - 1] in _SENTENCE_MARKS:
        return after.language
    if text[after.start] in _SENTENCE_MARKS or text[part.end - 1] in ".。":
        return before.language
    longer = before.end - before.start >= after.end - after.start
    return before.language if longer else after.language


class _Section:
    """Pieces of one kind of script."""

    __slots__ = ("kind", "pieces")

    def __init__(self, kind: str, pieces: list[Stretch]) -> None:
        self.kind = kind
        self.pieces = pieces


_Cut = Callable[[str], list[str]]


def _pieces(text: str, phrases: _Cut) -> Iterator[Stretch]:
    """Stretches of Chinese, Japanese, Korean, digits and anything else, with marks joined to them.

    What is not the first three is called English here.
    """
    sections = _joined_newlines(_joined_marks(_sections(text, phrases)))
    for section in sections:
        if section.kind == "cjk" and len(section.pieces) > 1:
            yield from _evened(section.pieces)
        else:
            yield from section.pieces


_MARKS = frozenset(
    "〜~,.;:!?，。！？；：、·([{<（【《〈「『“‘)]}>）】》〉」』”’\"-_—#$%&…￥'*+=@\\^`|"
)


@lru_cache(maxsize=8192)
def _kind(char: str) -> str:
    if "\u4e00" <= char <= "\u9fff" or "\u3040" <= char <= "\u30ff" or char == "々":
        return "cjk"
    if "\uac00" <= char <= "\ud7af":
        return "ko"
    if char.isdigit():
        return _DIGITS
    if char in _MARKS:
        return "mark"
    if char.isspace():
        return _NEWLINE if char in "\n\r" else "space"
    return "en"


def _sections(text: str, phrases: _Cut) -> Iterator[_Section]:
    """Runs of one kind. Spaces go with what is before them; each mark is a run of its own."""
    start, running = 0, "en"
    for i, char in enumerate(text):
        kind = _kind(char)
        if kind == "space" or (char == "'" and i and not text[i - 1].isspace()):
            continue
        if kind != running or kind in ("mark", _NEWLINE):
            if start < i:
                yield _section(running, start, i, text, phrases)
            start, running = i, kind
    if start < len(text):
        yield _section(running, start, len(text), text, phrases)


def _section(kind: str, start: int, end: int, text: str, phrases: _Cut) -> _Section:
    if kind != "cjk":
        return _Section(kind, [Stretch(SILENT if kind == "mark" else kind, start, end)])
    pieces = []
    for phrase in phrases(text[start:end]):
        language = "ja" if _has_kana(phrase) else "zh"
        pieces.append(Stretch(language, start, start + len(phrase)))
        start += len(phrase)
    return _Section(kind, _smoothed(_merged(pieces), text))


def _joined_marks(sections: Iterable[_Section]) -> list[_Section]:
    """Marks go with what is before them, or after them at the start of the text."""
    joined: list[_Section] = []
    for section in sections:
        if joined and joined[-1].kind == "mark":
            first = section.pieces[0]
            section.pieces[0] = first._replace(start=joined[-1].pieces[0].start)
            joined[-1] = section
        elif joined and section.kind == "mark":
            pieces = joined[-1].pieces
            pieces[-1] = pieces[-1]._replace(end=section.pieces[-1].end)
        else:
            joined.append(section)
    return [_Section(kind, _merged(pieces)) for kind, pieces in _by_kind(joined)]


def _joined_newlines(sections: list[_Section]) -> list[_Section]:
    """Line breaks go with what is before them; languages do not merge across them yet."""
    joined: list[_Section] = []
    for section in sections:
        if joined and joined[-1].kind == _NEWLINE:
            joined[-1] = _Section(section.kind, joined[-1].pieces + section.pieces)
        elif joined and section.kind == _NEWLINE:
            joined[-1].pieces.extend(section.pieces)
        else:
            joined.append(section)
    found = []
    for kind, pieces in _by_kind(joined):
        merged: list[Stretch] = []
        before = ""
        for piece in pieces:
            if merged and piece.language in (_NEWLINE, before):
                merged[-1] = merged[-1]._replace(end=piece.end)
            else:
                merged.append(piece)
            before = piece.language
        found.append(_Section(kind, merged))
    return found


def _by_kind(sections: Iterable[_Section]) -> Iterator[tuple[str, list[Stretch]]]:
    for kind, group in groupby(sections, key=lambda section: section.kind):
        yield kind, [piece for section in group for piece in section.pieces]


_JAPANESE = re.compile("[\u3040-\u30ff々]")
_IDEOGRAPH = re.compile("[\u4e00-\u9fff]")


def _has_kana(text: str) -> bool:
    return _JAPANESE.search(text) is not None


def _whole(text: str) -> list[str]:
    return [text]


def _phrases(text: str) -> list[str]:
    """Kana and ideographs cut into phrases; those with kana are joined to each other."""
    if not (_has_kana(text) and _IDEOGRAPH.search(text)):
        return [text]
    japanese, chinese = _parsers()
    phrases: list[str] = []
    for rough in japanese(text):
        for phrase in chinese(rough):
            kana = _has_kana(phrase)
            alike = bool(phrases) and kana == _has_kana(phrases[-1])
            if alike and (kana or len(phrase) == 1):
                phrases[-1] += phrase
            else:
                phrases.append(phrase)
    if len(phrases) > 1 and len(phrases[0]) == 1:
        phrases[:2] = [phrases[0] + phrases[1]]
    return _without_blanks(phrases)


def _without_blanks(phrases: list[str]) -> list[str]:
    """Phrases of spaces and apostrophes have no language; they go with what is before them."""
    joined: list[str] = []
    for phrase in phrases:
        if joined and not (_has_kana(phrase) or _IDEOGRAPH.search(phrase)):
            joined[-1] += phrase
        else:
            joined.append(phrase)
    return joined


@lru_cache(maxsize=1)
def _parsers() -> tuple[_Cut, _Cut]:
    budoux = require("budoux", extra="ja", feature="Telling Japanese from Mandarin")
    return (
        budoux.load_default_japanese_parser().parse,
        budoux.load_default_simplified_chinese_parser().parse,
    )


_SHORT = 4
_LONG = 6
_NEAR = 5


def _smoothed(pieces: list[Stretch], text: str) -> list[Stretch]:
    """Short Mandarin pieces become Japanese between Japanese ones, and some at the ends Mandarin.

    `pieces` take turns, and those that are Japanese have kana.
    """
    pieces = _bridged(_bridged(pieces))
    ends = ((0, 1), (-1, -2)) if len(pieces) > 1 else ()
    for end, near in ends:
        piece, other = pieces[end], pieces[near]
        if (
            other.language == "zh"
            and other.end - other.start <= _NEAR
            and _IDEOGRAPH.search(text, piece.start, piece.end)
        ):
            pieces[end] = piece._replace(language="zh")
    return _bridged(_merged(pieces))


def _bridged(pieces: list[Stretch]) -> list[Stretch]:
    for i in range(1, len(pieces) - 1):
        left, middle, right = pieces[i - 1 : i + 2]
        around = left.end - left.start + right.end - right.start
        if (
            left.language == right.language == "ja"
            and middle.end - middle.start <= _SHORT
            and around >= _LONG
        ):
            pieces[i] = middle._replace(language="ja")
    return _merged(pieces)


_TIMES = 10
_TAKEN = ("zh", "ja")


def _evened(pieces: list[Stretch]) -> list[Stretch]:
    """Pieces far shorter than their neighbours are absorbed, as is Mandarin in much Japanese."""
    evened: list[Stretch] = []
    lengths = dict.fromkeys(("zh", "ja", SILENT, _NEWLINE), 0)
    i = 0
    while i < len(pieces):
        piece = pieces[i]
        length = piece.end - piece.start
        lengths[piece.language] += length
        before = evened[-1] if evened else None
        after = pieces[i + 1] if i + 1 < len(pieces) else None
        around = [one for one in (before, after) if one]
        if (
            length * _TIMES < sum(one.end - one.start for one in around)
            and len({one.language for one in around}) == 1
            and around[0].language in _TAKEN
            and (len(around) == 2 or piece.language in _TAKEN)
        ):
            start = before.start if before else piece.start
            if before:
                evened.pop()
            evened.append(Stretch(around[0].language, start, (after or piece).end))
            i += 1
        else:
            evened.append(piece)
        i += 1
    if lengths["ja"] >= lengths["zh"] * _TIMES:
        evened = [one._replace(language="ja") if one[0] == "zh" else one for one in evened]
    return _merged(evened)
