"""Normalised Japanese to phones: words, their accent phrases, and marks where the pitch moves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from myna.text.frontend import Forced, Phones
from myna.text.ja.moras import LONG, Mora, katakana, moras
from myna.text.ja.words import SILENT, Word, words
from myna.text.symbols import UNKNOWN
from myna.text.traced import Span, Traced

RISE, FALL, BORDER, PAUSE = "[", "]", "#", "_"
"""Pitch goes up, comes down; between accent phrases; a short pause. The third is in no table."""

Sound = tuple[str, Span]
"""A phone and its place in the caller's text."""


def g2p(
    text: Traced,
    table: str,
    *,
    improved: bool = False,
    forced: Sequence[Forced] = (),
    prosody: bool | None = None,
) -> Phones:
    """The phones of a normalised text. What is no letter is a phone of its own.

    `prosody` asks for the marks of pitch, and voiced vowels throughout; without it whispered vowels
    are `I` and `U`. By default it depends on the table: voices of v1 were trained without.

    Raises:
        MissingExtraError: jpreprocess is not installed.
    """
    if prosody is None:
        prosody = table != "v1"
    sounds: list[Sound] = []
    at = 0
    for start, end, phones in forced:
        sounds += _read(text[at:start], prosody, improved)
        place = text.span(start, end)
        said = [phone for syllable in phones for phone in syllable]
        sounds += [(phone, place) for phone in said if prosody or phone not in _PITCH]
        at = end
    sounds += _read(text[at:], prosody, improved)
    return Phones([symbol for symbol, _ in sounds], [span for _, span in sounds], None)


def _read(text: Traced, prosody: bool, improved: bool) -> Iterator[Sound]:
    """Letters in runs; each other character is a phone, but for spaces.

    Read improved, a space between letters parts two accent phrases.
    """
    text = _lower(text.sub(_PERCENT, "パーセント", rule="ja.percent"))
    done = 0
    for match in [*(_NO_LETTER_IMPROVED if improved else _NO_LETTER).finditer(text.text), None]:
        start, end = match.span() if match else (len(text), len(text))
        if start > done:
            yield from _run(text[done:start], prosody)
        if match is None:
            break
        mark = match[0]
        if mark[0] != " ":
            if mark not in _MARKS:
                text.journal.note_unread(text.span(start, end), mark)
            yield _MARKS.get(mark, mark), text.span(start, end)
        elif improved and prosody and _is_between_letters(text.text, done, start, end):
            yield BORDER, text.span(start, end)
        done = end


def _is_between_letters(text: str, done: int, start: int, end: int) -> bool:
    return done < start and end < len(text) and not _NO_LETTER_IMPROVED.match(text, end)


_PERCENT = re.compile("％")
_NO_LETTER = re.compile(r"[^A-Za-z\d々\u3040-\u30ff\u4e00-\u9fff１-９Ａ-Ｚａ-ｚｦ-ﾝ]")
_NO_LETTER_IMPROVED = re.compile(r" +|[^A-Za-z\d々〇．\u3040-\u30ff\u4e00-\u9fff]")
_PITCH = frozenset({RISE, FALL, BORDER})
_MARKS = {
    "：": ",",
    "；": ",",
    "，": ",",
    "、": ",",
    "·": ",",
    "。": ".",
    "\n": ".",
    "！": "!",
    "？": "?",
}


def _lower(text: Traced) -> Traced:
    if text.text.islower() or text.text == text.text.lower():
        return text
    return text.sub(_CHARACTER, lambda match: match[0].lower())


_CHARACTER = re.compile(r"[^\W\d_]")


class _Beat(NamedTuple):
    """A mora in its accent phrase."""

    phones: tuple[str, ...]
    span: Span
    phrase: int
    """Which of the run."""
    after_pause: bool


def _run(run: Traced, prosody: bool) -> list[Sound]:
    beats, accents = _beats(run, words(run.text))
    if prosody:
        return list(_marked(beats, accents))
    if not beats:
        return [(UNKNOWN, run.span())]
    return list(_plain(beats))


def _beats(run: Traced, found: Iterable[Word]) -> tuple[list[_Beat], list[int]]:
    """The moras of all words, and of each accent phrase the accent: that of its first word.

    A word that is only `ー` draws out the one before it, whatever its phrase.
    """
    beats: list[_Beat] = []
    accents: list[int] = []
    paused = False
    for word in found:
        if word.pron == SILENT:
            paused = True
            unread = run[word.start : word.end]
            run.journal.note_unread(unread.span(), unread.text)
            continue
        before = beats[-1].phones if beats and not paused else ()
        said = moras(word.pron, before)
        begun = False
        for place, mora in zip(_shared(run, word, said), said, strict=True):
            if mora.kana != LONG and not begun:
                begun = True
                if not (word.chained and accents):
                    accents.append(word.accent)
            beats.append(_Beat(mora.phones, place, len(accents) - 1, paused and bool(beats)))
            paused = False
    return beats, accents


def _shared(run: Traced, word: Word, said: Sequence[Mora]) -> list[Span]:
    """A place for each mora: its own kana at the end of a word, all that is before for the others.

    So 食べる has 食 for the first mora, and one character for each of the others.
    """
    if word.shared:
        return [run.span(word.start, word.end)] * len(said)
    kana = katakana(run.text[word.start : word.end])
    spans: list[Span] = []
    end = word.end
    left = len(said)
    while left and end > word.start:
        mora = said[left - 1].kana
        start = end - len(mora)
        if start < word.start or not _sounds_like(
            kana[start - word.start : end - word.start], mora
        ):
            break
        spans.append(run.span(start, end))
        end = start
        left -= 1
    if left:
        if end == word.start:  # every character is taken: the word is written in other kana
            return [run.span(word.start, word.end)] * len(said)
        spans += [run.span(word.start, end)] * left
    return spans[::-1]


def _sounds_like(kana: str, mora: str) -> bool:
    return kana == mora or (mora == LONG and kana in "アイウエオ")


def _marked(beats: Sequence[_Beat], accents: Sequence[int]) -> Iterator[Sound]:
    """Phones with marks of pitch between them, as the voices were trained.

    Inside a phrase the pitch rises after its first mora and falls after the accented one; no mora
    is counted beyond the 49th.
    """
    sizes = Counter(beat.phrase for beat in beats)
    index = 0
    for i, beat in enumerate(beats):
        if i and beats[i - 1].phrase == beat.phrase:
            index += 1
        else:
            index = 1
        if beat.after_pause:
            yield PAUSE, _between(beats[i - 1], beat)
        size = sizes[beat.phrase]
        place = min(index, _MOST_MORAS)
        following = 0  # place of the next mora in its phrase, if no pause comes first
        if i + 1 < len(beats) and not beats[i + 1].after_pause:
            same = beats[i + 1].phrase == beat.phrase
            following = min(index + 1, _MOST_MORAS) if same else 1
        *first, last = beat.phones
        for phone in first:
            yield phone, beat.span
        yield last.lower() if last in _WHISPERED else last, beat.span
        if index == size and following == 1:
            yield BORDER, beat.span
        elif (
            index == (accents[beat.phrase] or size)
            and following == place + 1
            and place != min(size, _MOST_MORAS)
        ):
            yield FALL, beat.span
        elif place == 1 and following == 2:
            yield RISE, beat.span


_MOST_MORAS = 49
_WHISPERED = frozenset("AIUEO")


def _plain(beats: Sequence[_Beat]) -> Iterator[Sound]:
    """Phones alone; a pause is one that no table has."""
    for i, beat in enumerate(beats):
        if beat.after_pause:
            yield UNKNOWN, _between(beats[i - 1], beat)
        for phone in beat.phones:
            yield phone, beat.span


def _between(one: _Beat, other: _Beat) -> Span:
    return min(one.span[1], other.span[0]), max(one.span[1], other.span[0])
