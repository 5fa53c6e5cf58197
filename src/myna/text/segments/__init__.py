"""Cut text into stretches of one language each.

*Compatible* cuts where the published pipeline does, mistakes included; *improved* where a reader
who knows all five languages would. Both say it in the same modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from myna.errors import ConfigError
from myna.text.segments import detector, published
from myna.text.traced import Traced

MODES = {
    "auto": "detects Mandarin, English, Japanese and Korean",
    "auto_yue": "as auto, with all Chinese as Cantonese",
    "zh": "English words are English, all else is Mandarin; numbers go with their neighbour",
    "en": "all is English",
    "ja": "as zh, for Japanese",
    "ko": "as zh, for Korean",
    "yue": "as zh, for Cantonese",
    "all_zh": "English words are English, all else is Mandarin, numbers too",
    "all_ja": "as all_zh, for Japanese",
    "all_ko": "as all_zh, for Korean",
    "all_yue": "as all_zh, for Cantonese",
}
"""What each mode does. Improved, `auto` also knows Cantonese."""


class Segment(NamedTuple):
    """A stretch of text in one language."""

    language: str
    """zh, en, ja, ko or yue."""
    text: Traced


def segments(text: Traced, mode: str, *, improved: bool = False) -> list[Segment]:
    """`text` as stretches of one language each, in order; spaces at its ends are lost.

    Compatible `auto` takes marks before a line break, and a text of nothing but marks, for English
    without words: that stretch is one space.

    Args:
        text: one sentence, or a few.
        mode: one of `MODES`.
        improved: cut as a native would. Improved `auto` reads sentences as Cantonese that can be
            nothing else.

    Raises:
        ConfigError: there is no such mode.
        MissingExtraError: compatible cutting of kana among ideographs needs a package.
    """
    check(mode)
    if mode == "en":
        return [Segment("en", text)]
    text = text.strip()
    cut = detector.stretches if improved else published.stretches
    found: list[Segment] = []
    for language, start, end in cut(text.text, mode):
        part = text[start:end]
        if language == published.SILENT:
            place = part.span()
            found.append(Segment("en", Traced(" ", [place[0]], [place[1]], text.journal)))
        else:
            found.append(Segment(language, part))
    if improved and text.journal.explain and mode.startswith("auto"):
        _explain(found)
    return found


def languages_of(mode: str, *, improved: bool = False) -> tuple[str, ...]:
    """The languages that `segments` may find in a mode.

    Raises:
        ConfigError: there is no such mode.
    """
    check(mode)
    if mode == "auto":
        return ("zh", "en", "ja", "ko", "yue") if improved else ("zh", "en", "ja", "ko")
    if mode == "auto_yue":
        return ("yue", "en", "ja", "ko")
    language = mode.removeprefix("all_")
    return (language,) if language == "en" else (language, "en")


def check(mode: str) -> None:
    """Raises ConfigError if there is no such mode."""
    if mode not in MODES:
        raise ConfigError(f"There is no language {mode!r}; there are {', '.join(MODES)}.")


def _explain(found: Sequence[Segment]) -> None:
    for language, text in found:
        text.journal.note("segments.language", text.span(), text.text, language)
