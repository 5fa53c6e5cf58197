"""What markup can say of a text: notes on its characters, and the values they may have.

Both syntaxes, `inline` and `ssml`, end up in these. All places are in the caller's text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from myna.errors import MarkupError
from myna.text.frontend import SayAs
from myna.text.traced import Span, Traced


@dataclass(frozen=True, slots=True)
class Reading:
    """These characters are read as `notation` says."""

    span: Span
    notation: str
    """As written; whether it is a reading, `Frontend.spelled` of the language knows."""
    alphabet: str
    """A value of `ALPHABETS`, or empty: pinyin or jyutping, which the language decides."""
    at: int
    """Where `notation` begins. For a reading from a lexicon, where its word begins."""


@dataclass(frozen=True, slots=True)
class Language:
    """These characters are in `language`: zh, en, ja, ko or yue."""

    span: Span
    language: str


@dataclass(frozen=True, slots=True)
class Say:
    """These characters are no word; they are said in the way `kind`."""

    span: Span
    kind: SayAs


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence before the first character that comes from `at` or behind it."""

    at: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Style:
    """How these characters are to be said: `emotion` or `style`, and which."""

    span: Span
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Prosody:
    """How fast and how high these characters are said.

    Of notes inside each other the rates multiply and the pitches add up, to what one may say alone.
    """

    span: Span
    rate: float
    """A factor on the rate of speaking; 1 leaves it."""
    pitch: float
    """Semitones; 0 leaves it."""


Note = Reading | Language | Say | Pause | Style | Prosody


@dataclass(frozen=True, slots=True)
class Marked:
    """A text without its markup, and what the markup said.

    The span of a note begins and ends with a character that is read and is no space. Notes are in
    the order in which they begin, so that of two on one character the later is the inner one.
    """

    text: Traced
    notes: tuple[Note, ...]


LANGUAGES = ("zh", "en", "ja", "ko", "yue")

ALPHABETS: Mapping[str, str] = {
    "zh": "pinyin",
    "yue": "jyutping",
    "en": "arpabet",
    "ja": "kana",
    "ko": "hangul",
}
"""What a reading is written in, by language."""

SAYINGS: Mapping[str, SayAs] = {
    "spell": "characters",
    "digits": "digits",
    "cardinal": "cardinal",
    "ordinal": "ordinal",
    "telephone": "telephone",
    "date": "date",
}
"""Ways to say what is no word, by their inline names."""

EMOTIONS = (
    *("neutral", "happy", "sad", "angry", "surprised", "fearful", "disgusted", "calm", "excited"),
    *("gentle", "serious"),
)
STYLES = ("whisper", "shout", "chat", "narration", "news")

LONGEST_PAUSE = 10.0
RATES = (0.5, 2.0)
PITCHES = (-12.0, 12.0)


def alphabet(notation: str) -> str | None:
    """The alphabet that a reading is written in, by its looks.

    Empty for Latin letters that are no ARPAbet: pinyin or jyutping. None if it is in none of them.
    """
    if _HANGUL.search(notation):
        return "hangul"
    if _KANA.search(notation):
        return "kana"
    tokens = notation.split()
    if all(map(_LIKE_ARPABET.fullmatch, tokens)) and any(map(_ARPABET.fullmatch, tokens)):
        return "arpabet"
    return "" if _LATIN.search(notation) else None


_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LIKE_ARPABET = re.compile(r"[A-Z]{1,2}[0-9]?")
_ARPABET = re.compile(
    r"(?:A[AEHOWY]|E[HRY]|I[HY]|O[WY]|U[HW])[0-2]?|[BDFGKLMNPRSTVWYZ]|[CDSTZ]H|HH|JH|NG"
)


def language_of(code: str) -> str | None:
    """The language that a code of BCP 47 names, such as `zh-CN`; None for one we do not speak.

    Chinese of Hong Kong and Macau is Cantonese.
    """
    first, *others = code.lower().replace("_", "-").split("-")
    if first == "zh" and {"hk", "mo", "yue"}.intersection(others):
        return "yue"
    if first == "cmn":
        return "zh"
    return first if first in LANGUAGES else None


_NUMBER = r"[0-9]{1,6}(?:\.[0-9]{1,6})?|\.[0-9]{1,6}"
_DURATION = re.compile(rf"\+?({_NUMBER})\s?(ms|s)")
_FACTOR = re.compile(_NUMBER)
_PERCENT = re.compile(rf"([+-]?)({_NUMBER})%")
_SEMITONES = re.compile(rf"([+-]?(?:{_NUMBER}))\s?(?:st)?")
_RATE_NAMES: Mapping[str, float] = {
    "x-slow": 0.5,
    "slow": 0.75,
    "medium": 1.0,
    "default": 1.0,
    "fast": 1.25,
    "x-fast": 1.5,
}
_PITCH_NAMES: Mapping[str, float] = {
    "x-low": -4.0,
    "low": -2.0,
    "medium": 0.0,
    "default": 0.0,
    "high": 2.0,
    "x-high": 4.0,
}

PAUSE_FORM = "seconds or milliseconds from 0 to 10 s, such as 0.8s or 300ms"
RATE_FORM = (
    "a factor from 0.5 to 2 such as 1.2, a percentage such as 120% or +20%, "
    "or x-slow, slow, medium, fast, x-fast"
)
PITCH_FORM = (
    "semitones from -12 to 12 such as +2 or -1.5st, a percentage with its sign such as +10%, "
    "or x-low, low, medium, high, x-high"
)


def seconds(value: str) -> float | None:
    """The length of a pause; None if `value` is not in `PAUSE_FORM`."""
    match = _DURATION.fullmatch(value)
    if match is None:
        return None
    length = float(match[1]) / (1000 if match[2] == "ms" else 1)
    return length if length <= LONGEST_PAUSE else None


def rate(value: str) -> float | None:
    """A factor on the rate of speaking; None if `value` is not in `RATE_FORM`."""
    factor = _RATE_NAMES.get(value)
    if factor is None and (match := _PERCENT.fullmatch(value)):
        factor = _of_percent(match)
    if factor is None and _FACTOR.fullmatch(value):
        factor = float(value)
    return factor if factor is not None and RATES[0] <= factor <= RATES[1] else None


def pitch(value: str) -> float | None:
    """Semitones; None if `value` is not in `PITCH_FORM`.

    A percentage without a sign is refused: some take `10%` for a tenth, others for a tenth more.
    """
    semitones = _PITCH_NAMES.get(value)
    if semitones is None and (match := _PERCENT.fullmatch(value)) and match[1]:
        factor = _of_percent(match)
        semitones = 12 * math.log2(factor) if factor > 0 else None
    if semitones is None and (match := _SEMITONES.fullmatch(value)):
        semitones = float(match[1])
    return semitones if semitones is not None and PITCHES[0] <= semitones <= PITCHES[1] else None


class _Change(Protocol):
    @property
    def rate(self) -> float: ...
    @property
    def pitch(self) -> float: ...


def bearable(changes: Iterable[_Change]) -> bool:
    """Whether changes inside each other stay within what one alone may say."""
    changes = [*changes]
    whole = math.prod(change.rate for change in changes)
    sum_ = math.fsum(change.pitch for change in changes)
    slack = 1e-6
    return (
        RATES[0] - slack <= whole <= RATES[1] + slack
        and PITCHES[0] - slack <= sum_ <= PITCHES[1] + slack
    )


def beyond(name: str) -> str:
    """What to say of a `rate` or `pitch` that is not bearable."""
    low, high = RATES if name == "rate" else PITCHES
    return f"Together with what is around it this {name} is not within {low:g} to {high:g}."


def _of_percent(match: re.Match[str]) -> float:
    """`120%` and `+20%` as 1.2."""
    sign, amount = match.groups()
    return 1 + float(sign + amount) / 100 if sign else float(amount) / 100


_SHOWN = 24


def fault(source: str, position: int, message: str, hint: str = "") -> MarkupError:
    """An error at a character of the caller's text; its message shows the place."""
    first, last = max(0, position - _SHOWN), position + _SHOWN
    before = ("..." if first else "") + source[first:position]
    after = source[position:last] + ("..." if last < len(source) else "")
    text = f"{message} See >>> in {before + '>>>' + after!r}."
    return MarkupError(f"{text} {hint}" if hint else text, position)


def shown(text: str) -> str:
    """A piece of the caller's text, in a message."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
