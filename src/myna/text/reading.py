"""Text to phonemes, whatever its languages: what the rest of Myna asks of this room."""

from __future__ import annotations

import re

from myna.datatypes import Phonemes, Sentence
from myna.errors import TextError
from myna.text import cutting, en, zh
from myna.text.frontend import Frontend
from myna.text.segments import Segment, segments
from myna.text.symbols import MARKS, UNKNOWN, index_of

LANGUAGES: dict[str, Frontend] = {"zh": zh, "en": en}

_FEWEST_PHONES = 6
_FEWEST_ENGLISH_PHONES = 4
_PAUSES = {"￥": "SP2", "^": "SP3"}
"""Written into Mandarin for a pause of its own."""


def sentences(text: str, *, language: str, cut: str = "cut5") -> list[str]:
    """The pieces of a text that are read and spoken one at a time.

    Args:
        text: of any length.
        language: a mode of `myna.text.segments`.
        cut: a method of `myna.text.cutting`.

    Raises:
        TextError: there is nothing to speak in the text.
        ConfigError: there is no method of that name.
    """
    found = cutting.sentences(text, language=language, cut=cut)
    if not found:
        raise TextError(_nothing_in(text))
    return found


def read(text: str, *, language: str = "auto", table: str = "v2") -> Sentence:
    """The phonemes of one sentence, in the languages it is in.

    A sentence of very few phones gets a point in front: the models swallow short ones.

    Args:
        text: a piece from `sentences`, or anything short enough to be spoken in one go.
        language: a mode of `myna.text.segments`.
        table: the symbol table of the model, `v1` or `v2`.

    Raises:
        TextError: there is nothing to speak in the text, or it is in a language that is not
            supported yet.
        MissingExtraError: a package of one of its languages is not installed.
        ConfigError: there is no such mode or table.
    """
    known = index_of(table)
    if not re.search(r"\w", text):
        raise TextError(_nothing_in(text))
    line = re.sub(" {2,}", " ", text)
    parts = _parts(line, language, table)
    if all(symbol in MARKS or symbol == UNKNOWN for part in parts for symbol in part.symbols):
        raise TextError(
            f"Nothing in {_shown(text)} can be read with language={language!r}. "
            f"Write it in words of that language, or choose another."
        )
    if sum(len(part.symbols) for part in parts) < _FEWEST_PHONES:
        parts = _parts(f".{line}", language, table)
    assert all(symbol in known for part in parts for symbol in part.symbols)
    return Sentence(source=text, parts=parts)


def prompt(text: str, language: str = "auto", table: str = "v2") -> Sentence:
    """The phonemes of what is said in a reference: `read`, with a closing mark.

    Raises:
        As `read`.
    """
    return read(cutting.closed(text.strip("\n"), language), language=language, table=table)


def _parts(text: str, language: str, table: str) -> tuple[Phonemes, ...]:
    """One for each stretch of one language that has something to speak."""
    parts = (_part(segment, table) for segment in segments(text, language))
    return tuple(part for part in parts if part.symbols)


def _part(segment: Segment, table: str) -> Phonemes:
    language, text = segment
    pause = _pause(text) if language == "zh" else None
    if pause:
        text = text.replace(pause, ",")
    frontend = LANGUAGES[language]
    normalised = frontend.normalise(text)
    symbols, per_char = frontend.g2p(normalised, table)
    if pause:  # commas of the sentence's own become pauses too: so the voices were trained
        symbols = [_PAUSES[pause] if symbol == "," else symbol for symbol in symbols]
    if language == "en" and len(symbols) < _FEWEST_ENGLISH_PHONES:
        symbols = [",", *symbols]
    known = index_of(table)
    return Phonemes(
        symbols=tuple(symbol if symbol in known else UNKNOWN for symbol in symbols),
        language=language,
        text=normalised,
        phones_per_char=None if per_char is None else tuple(per_char),
    )


def _pause(text: str) -> str | None:
    return next((mark for mark in _PAUSES if mark in text), None)


def _nothing_in(text: str) -> str:
    what = f"{_shown(text)} has no words" if text.strip() else "The text is empty"
    return f"{what}: there is nothing to read aloud. Write at least one word."


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else f"{text[:40]}...")
