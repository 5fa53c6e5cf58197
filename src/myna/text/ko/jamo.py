"""Hangul as letters: where each stands in its syllable, and the phones it becomes.

While the rules work, letters are conjoining jamo (U+1100 to U+11FF), which tell an onset from a
coda. The phones are the plain letters (U+3131 to U+3163), where compound vowels are two.
"""

from __future__ import annotations

import re
import unicodedata

from myna.text.traced import Traced

ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"

_FIRST_ONSET, _FIRST_VOWEL, _FIRST_CODA = 0x1100, 0x1161, 0x11A8
_FIRST_SYLLABLE, _LAST_SYLLABLE = "가", "힣"
_SYLLABLES_PER_ONSET = len(VOWELS) * (len(CODAS) + 1)

_COMPOUND_VOWELS = (
    *("ㅘㅗㅏ", "ㅙㅗㅐ", "ㅚㅗㅣ", "ㅝㅜㅓ", "ㅞㅜㅔ", "ㅟㅜㅣ", "ㅢㅡㅣ"),
    *("ㅑㅣㅏ", "ㅒㅣㅐ", "ㅕㅣㅓ", "ㅖㅣㅔ", "ㅛㅣㅗ", "ㅠㅣㅜ"),
)
_COMPOUND = {parts[0]: parts[1:] for parts in _COMPOUND_VOWELS}
"""Vowels for which the models have no phone."""

_PHONES = {
    **{ord(vowel): phones for vowel, phones in _COMPOUND.items()},
    **{_FIRST_ONSET + i: letter for i, letter in enumerate(ONSETS)},
    **{_FIRST_VOWEL + i: _COMPOUND.get(letter, letter) for i, letter in enumerate(VOWELS)},
    **{_FIRST_CODA + i: letter for i, letter in enumerate(CODAS)},
}


def is_syllable(char: str) -> bool:
    """Whether `char` is a whole syllable of hangul."""
    return _FIRST_SYLLABLE <= char <= _LAST_SYLLABLE


def coda(char: str) -> str:
    """The coda of a syllable as a plain letter; empty if it has none, or is no syllable."""
    if not is_syllable(char):
        return ""
    place = (ord(char) - ord(_FIRST_SYLLABLE)) % (len(CODAS) + 1)
    return CODAS[place - 1] if place else ""


def onset(char: str) -> str:
    """The onset of a syllable as a plain letter; empty if it is no syllable."""
    if not is_syllable(char):
        return ""
    return ONSETS[(ord(char) - ord(_FIRST_SYLLABLE)) // _SYLLABLES_PER_ONSET]


def decomposed(text: Traced) -> Traced:
    """Syllables as conjoining jamo, each in the place of its syllable."""
    pieces = [unicodedata.normalize("NFD", c) if is_syllable(c) else c for c in text.text]
    counts = [len(piece) for piece in pieces]
    return Traced(
        "".join(pieces),
        [start for start, count in zip(text.starts, counts, strict=True) for _ in range(count)],
        [end for end, count in zip(text.ends, counts, strict=True) for _ in range(count)],
        text.journal,
    )


def phones(text: Traced) -> Traced:
    """Jamo of all kinds as the plain letters that are phones."""
    return text.translate(_PHONES)


def pattern(notation: str) -> str:
    """A regular expression on conjoining jamo, from plain letters: `·` is before codas.

    `·[ㄱㄷ]/P[ㅅㅈ]` are the codas ㄱ or ㄷ, a mark, and the onsets ㅅ or ㅈ; `바·ㄼ` is 밟.
    """
    marked = _CODA.sub(lambda match: match[0][1:].translate(_AS_CODA), notation)
    return unicodedata.normalize("NFD", marked.translate(_AS_ONSET_OR_VOWEL))


_CODA = re.compile(r"·(?:\[[^\]]*\]|.)")
_AS_CODA = {ord(letter): chr(_FIRST_CODA + i) for i, letter in enumerate(CODAS)}
_AS_ONSET_OR_VOWEL = {
    **{ord(letter): chr(_FIRST_ONSET + i) for i, letter in enumerate(ONSETS)},
    **{ord(letter): chr(_FIRST_VOWEL + i) for i, letter in enumerate(VOWELS)},
}
