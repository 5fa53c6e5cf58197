"""Whether the words of a clip can be what is said in it: by language, letters, rate, and by ear.

`check_text` asks the words alone. `check_words` holds them against what a recogniser of words
hears, `check_sounds` against what a recogniser of sounds hears; either finds a text that belongs to
another clip. All return the clip: as it was, with a warning, or dropped with the reason in figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from myna import text
from myna.dataset.letters import language_of, own_and_foreign
from myna.dataset.transcribing import Transcriber, heard_seconds
from myna.datatypes import in_range
from myna.errors import AudioError, ConfigError, TextError
from myna.text.sounds import LANGUAGES as SOUNDING
from myna.text.sounds import heard
from myna.text.symbols import MARKS, UNKNOWN

if TYPE_CHECKING:
    from myna.dataset.manifest import Clip
    from myna.datatypes import Audio

RATES = {"zh": 20.0, "en": 20.0, "ja": 24.0, "ko": 24.0, "yue": 18.0}
"""Most phones per second, pauses included, that are believed of somebody who reads.

Of 450 read English clips all were between 2.5 and 14.8. For the others: 7 syllables (9 moras in
Japanese), which is fast in each of them (Pellegrino et al. 2011), times the phones that one has
here at most.
"""

_SILENT = frozenset({*MARKS, UNKNOWN, "_", "空", "停", "SP", "SP2", "SP3", "[", "]"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLimits:
    """When words are not believed."""

    shortest_seconds: float = 0.6
    """Of a clip; the published models dropped shorter ones."""
    longest_seconds: float = 54.0
    """And longer ones."""
    slowest: float = 2.0
    """Phones per second, whatever the language; the most is in `RATES`."""
    most_foreign: float = 0.5
    """Share of what is said that letters of other languages may stand for."""
    wrong: float = 0.6
    """Share of sounds that differ from what a transcriber hears, from which on the text is wrong.

    With moonshine, 80 clips of read English had at most 0.18, and with the text of another clip at
    least 0.71. Strong accents are understood less well: of 40 clips by learners a tenth had more
    than 0.66.
    """
    doubtful: float = 0.35
    """The same, from which on there is a warning."""
    unlikely: float = -3.0
    """How much less likely per sound than what is heard a wrong text is, see `Alignment.score`.

    With our recogniser, on 120 clips of speakers it had learnt from, right texts had at least -1.2
    (learners of the language -2.3), and those of other clips at most -4.5 (-3.1).
    """
    strange: float = -2.0
    """The same, from which on there is a warning."""

    def __post_init__(self) -> None:
        in_range("longest_seconds", self.longest_seconds, 0.1, 600.0)
        in_range("slowest", self.slowest, 0.0, min(RATES.values()))
        in_range("most_foreign", self.most_foreign, 0.0, 1.0)
        in_range("wrong", self.wrong, 0.0, 10.0)
        in_range("unlikely", self.unlikely, -1000.0, 0.0)
        in_range("strange", self.strange, self.unlikely, 0.0)
        for low, high in (("shortest_seconds", "longest_seconds"), ("doubtful", "wrong")):
            least, most = getattr(self, low), getattr(self, high)
            if not 0 <= least <= most:
                raise ConfigError(f"{low} is {least}; it goes from 0 to {high}, which is {most}.")


class Sound(Protocol):
    """A sound that was heard."""

    @property
    def symbol(self) -> str:
        """Of the inventory of `myna.text.sounds`."""
        ...


class Fit(Protocol):
    """How well given sounds fit a recording."""

    @property
    def score(self) -> float:
        """How much less likely they are than what is heard, per sound: 0 is a perfect match."""
        ...


class Hearing(Protocol):
    """Hears sounds; `myna.engines.recogniser.Recogniser` does."""

    @property
    def languages(self) -> Sequence[str]:
        """Languages that it hears."""
        ...

    def phones(self, audio: Audio, language: str = "auto") -> Sequence[Sound]:
        """What is heard."""
        ...

    def align(self, audio: Audio, phones: Sequence[str]) -> Fit:
        """Lay given sounds on the recording."""
        ...


def check_text(clip: Clip, limits: TextLimits | None = None) -> Clip:
    """Check words without listening; a clip without any passes, but for its length.

    The language is filled in where nobody gave one. `quality` gets `phones_per_second`.

    Raises:
        MissingExtraError: a package of the language is not installed.
    """
    limits = limits or TextLimits()
    if not limits.shortest_seconds <= clip.seconds <= limits.longest_seconds:
        word = "too short" if clip.seconds < limits.shortest_seconds else "too long"
        return clip.drop(
            word,
            f"It lasts {clip.seconds:.2f} s; clips of {limits.shortest_seconds:g} to "
            f"{limits.longest_seconds:g} s are used.",
        )
    if not clip.text.strip():
        return clip
    if not re.search(r"\w", clip.text):
        return clip.drop("no words", f"Its text {_short(clip.text)} has no words.")
    if tag := _TAG.search(clip.text):
        return clip.drop("markup", f"Its text holds {tag[0]!r}, which is not said. Take it out.")
    clip = _warned(clip)
    clip = clip if clip.language else _with_language(clip)
    if clip.kept and clip.language not in RATES:
        clip = clip.drop(
            "language",
            f"Its language {clip.language!r} is none of {', '.join(RATES)}.",
        )
    clip = _alphabet(clip, limits) if clip.kept else clip
    return _rate(clip, limits) if clip.kept else clip


def check_words(
    clip: Clip, audio: Audio, transcriber: Transcriber, limits: TextLimits | None = None
) -> Clip:
    """Hold the words of a clip against those that a transcriber hears.

    What is compared are phones, so spelling does not matter. `quality` gets `word_error`, the share
    of phones that differ. A clip whose words come from the same transcriber passes.

    Raises:
        As `Transcriber.transcribe`.
    """
    limits = limits or TextLimits()
    if not clip.text.strip() or clip.text_from == transcriber.name:
        return clip
    heard_text = ""
    if heard_seconds(audio) > 0:
        heard_text = transcriber.transcribe(audio, clip.language).text
    given, found = spoken_phones(clip.text, clip.language), spoken_phones(heard_text, clip.language)
    if not given:
        return clip.drop("no words", f"Nothing in {_short(clip.text)} can be read aloud.")
    error = error_rate(given, found)
    clip = replace(clip, quality={**clip.quality, "word_error": round(error, 3)})
    says = (
        f"{error:.0%} of the sounds of its text differ from what is heard: "
        f"{_short(heard_text) if heard_text else 'nothing'}."
    )
    if error >= limits.wrong:
        return clip.drop("wrong text", says)
    if error >= limits.doubtful:
        return replace(clip, warnings=(*clip.warnings, says))
    return clip


def check_sounds(
    clip: Clip, audio: Audio, hearing: Hearing, limits: TextLimits | None = None
) -> Clip:
    """Hold the words of a clip against the sounds that our own recogniser hears.

    `quality` gets `sound_score`, see `Alignment.score`, which decides, and `sound_error`, the share
    of sounds that differ, which is high for right texts, too. There is no score, and the text is
    wrong, where the audio is too short for so many sounds. Languages that the recogniser does not
    hear pass.
    """
    limits = limits or TextLimits()
    if not clip.text.strip() or clip.language not in set(hearing.languages) & set(SOUNDING):
        return clip
    given = heard(spoken_phones(clip.text, clip.language), clip.language)
    if not given:
        return clip.drop("no words", f"Nothing in {_short(clip.text)} can be read aloud.")
    found: list[str] = []
    # What was measured before was measured on other audio.
    quality = {name: each for name, each in clip.quality.items() if name != "sound_score"}
    try:
        found = [each.symbol for each in hearing.phones(audio, clip.language)]
        score = hearing.align(audio, given).score
    except AudioError as error:  # too short for so many sounds
        quality["sound_error"] = round(error_rate(given, found), 3)
        return replace(clip, quality=quality).drop("wrong text", str(error))
    quality |= {"sound_score": round(score, 3), "sound_error": round(error_rate(given, found), 3)}
    clip = replace(clip, quality=quality)
    says = (
        f"Its text fits what is heard with {score:.1f} per sound; right ones have "
        f"{limits.strange:g} and more. Heard are: {' '.join(found) or 'no sounds'}."
    )
    if score < limits.unlikely:
        return clip.drop("wrong text", says)
    if score < limits.strange:
        return replace(clip, warnings=(*clip.warnings, says))
    return clip


@lru_cache(maxsize=4096)
def spoken_phones(words: str, language: str) -> tuple[str, ...]:
    """The phones of a text that make a sound, read as a native does; none if it cannot be read.

    Raises:
        MissingExtraError: a package of the language is not installed.
    """
    try:
        symbols = text.direct(words, language=language, improved=True, prosody=False).symbols
    except TextError:
        return ()
    return tuple(symbol for symbol in symbols if symbol not in _SILENT)


def error_rate(given: Sequence[str], found: Sequence[str]) -> float:
    """Least insertions, deletions and replacements between two sequences, per item of `given`.

    Source: Levenshtein's distance, row by row.
    """
    row = list(range(len(found) + 1))
    for i, expected in enumerate(given, 1):
        diagonal, row[0] = row[0], i
        for j, item in enumerate(found, 1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (expected != item)),
            )
    return row[-1] / max(len(given), 1)


def _with_language(clip: Clip) -> Clip:
    language = language_of(clip.text)
    if not language:
        return clip.drop(
            "language", f"Nothing tells the language of {_short(clip.text)}. Give it with the list."
        )
    return replace(
        clip, language=language, done=(*clip.done, f"language {language} told by its letters")
    )


def _alphabet(clip: Clip, limits: TextLimits) -> Clip:
    """Drop what is written in another language; warn of words that would be lost."""
    own, foreign = own_and_foreign(clip.text, clip.language)
    if not own and not foreign:
        return clip  # digits only: the language was given
    share = sum(foreign.values()) / (own + sum(foreign.values()))
    if share > limits.most_foreign:
        names = ", ".join(sorted(foreign))
        return clip.drop(
            "alphabet",
            f"Its language is said to be {clip.language}, but {share:.0%} of {_short(clip.text)} "
            f"is {names}.",
        )
    if foreign:
        warning = (
            f"{share:.0%} of its text is {', '.join(sorted(foreign))}: these words are kept only "
            f"where text is read in the improved way."
        )
        return replace(clip, warnings=(*clip.warnings, warning))
    return clip


def _rate(clip: Clip, limits: TextLimits) -> Clip:
    phones = spoken_phones(clip.text, clip.language)
    rate = len(phones) / clip.seconds
    clip = replace(clip, quality={**clip.quality, "phones_per_second": round(rate, 2)})
    most = RATES[clip.language]
    if limits.slowest <= rate <= most:
        return clip
    return clip.drop(
        "speaking rate",
        f"{len(phones)} phones in {clip.seconds:.2f} s are {rate:.1f} per second; "
        f"{limits.slowest:g} to {most:g} are believed. Is this all that is said, and no more?",
    )


def _warned(clip: Clip) -> Clip:
    """With a warning for each thing in the text that may not be said."""
    found = []
    for pattern, what in _SUSPECT:
        if match := pattern.search(clip.text):
            found.append(f"Its text holds {what}, {match[0]!r}. Is it said?")
    return replace(clip, warnings=(*clip.warnings, *found)) if found else clip


_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\|[^<>]*\|>|\{\\[^{}]*\}")
_SUSPECT = (
    (re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE), "an address"),
    (re.compile(r"[\[［【][^\]］】]*[\]］】]|[(（][^)）]*[)）]|\{[^}]*\}"), "brackets"),
    (re.compile(r"\*+[^*\s][^*]*\*+|[♪♫#_=|\\]+"), "signs of markup"),
)


def _short(words: str) -> str:
    return repr(words if len(words) <= 60 else words[:57] + "...")
