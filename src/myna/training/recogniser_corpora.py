"""Clips of corpora for our recogniser: recordings, and the sounds of their texts.

Letters in shapes: F frames of the filter bank (100 per second), K bands.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from myna.engines.recogniser import BANDS_PER_SECOND
from myna.errors import TextError
from myna.text import read, zh
from myna.text.sounds import heard, heard_in, ids
from myna.training.corpora import Heard
from myna.training.recogniser_examples import least_frames
from myna.training.task import Example

if TYPE_CHECKING:
    from myna.dataset.lists import Line

log = logging.getLogger(__name__)

_TONED_SYLLABLE = re.compile(r"[a-zü:]+[1-5]")
_LATIN = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A recording whose text gives sounds that fit into it."""

    line: Line
    example: Example
    """With `key`, `bands` (F, K) and `sounds`."""


def sounds_of(line: Line, *, spelled: bool) -> list[str]:
    """The sounds of what a line says; none if it says nothing that can be read in its language.

    Args:
        spelled: its text is one Mandarin syllable in pinyin, such as `zhong1`.
    """
    try:
        if spelled:
            if not _TONED_SYLLABLE.fullmatch(line.text):
                return []
            return heard([phone for each in zh.spelled(line.text, "v2") for phone in each], "zh")
        if not line.text or (line.language == "zh" and _LATIN.search(line.text)):
            return []
        sentence = read(line.text, language=line.language or "auto", improved=True)
        return [] if sentence.unread else heard_in(sentence)
    except TextError as error:
        log.info("%s is left out: %s", line.path, error)
        return []


def examples(
    name: str,
    recordings: Sequence[Heard],
    *,
    spelled: bool = False,
    longest_seconds: float = 15.5,
) -> list[Said]:
    """Recordings as examples; those too long, without words or too short for them are left out."""
    found = []
    for each in recordings:
        frames = len(each.bands)
        if frames > longest_seconds * BANDS_PER_SECOND:
            continue
        sounds = ids(sounds_of(each.line, spelled=spelled))
        if not sounds or frames < least_frames(sounds):
            continue
        example = {"key": each.line.path, "bands": each.bands, "sounds": sounds}
        found.append(Said(each.line, example))
    log.info("%s: %d of %d recordings can be learned from", name, len(found), len(recordings))
    return found
