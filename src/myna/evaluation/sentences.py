"""What is said to be judged: sentences of our own, of a text file, or of a list of recordings."""

from __future__ import annotations

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path

from myna.dataset import lists
from myna.errors import DatasetError

log = logging.getLogger(__name__)

LANGUAGES = ("en", "zh")
"""Those that there are judges of words or sounds for."""

_PACKAGED = {"en": "english.txt", "zh": "mandarin.txt"}
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line to say."""

    text: str
    language: str
    recording: Path | None = None
    """Where somebody says it."""
    speaker: str = ""
    """Who does."""


def packaged(language: str) -> tuple[Sentence, ...]:
    """Our own sentences: 100 in English, 30 words and short phrases in Mandarin."""
    text = files("myna.evaluation").joinpath("data", _PACKAGED[language]).read_text("utf-8")
    return tuple(Sentence(line, language) for line in text.splitlines())


def of_file(path: str | Path, language: str) -> tuple[Sentence, ...]:
    """The sentences of a text file, one on a line, or of a list of recordings in that language.

    Raises:
        DatasetError: there is no such file, it is damaged, or has no sentence of that language.
        OSError: it cannot be read.
    """
    path = Path(path)
    if lists.is_list(path):
        return worded(of_list(path, language), path)
    lines = (" ".join(line.split()) for line in lists.read_text(path).split("\n"))
    found = tuple(Sentence(line, language) for line in dict.fromkeys(lines) if line)
    if not found:
        raise DatasetError(f"{path} has no sentences.")
    return found


def of_list(path: str | Path, language: str) -> tuple[Sentence, ...]:
    """Recordings that a list names, and what is said in them.

    A recording for which the list has several texts is left out, with a warning: nobody knows which
    of them is said in it. Paths are absolute, or relative to the list's folder.

    Raises:
        DatasetError: the list is damaged, names a recording that is not there, or none of that
            language.
        OSError: it cannot be read.
    """
    path = Path(path)
    lines = [line for line in lists.read(path) if line.language == language]
    texts = Counter(line.path for line in lines)
    several = [name for name, count in texts.items() if count > 1]
    if several:
        log.warning(
            "%s has several texts for %d of its recordings (%s%s), %d lines in all. Nobody knows "
            "which of them is said, so these recordings are left out.",
            path,
            len(several),
            ", ".join(several[:_SHOWN]),
            " ..." if len(several) > _SHOWN else "",
            sum(texts[name] for name in several),
        )
    found = tuple(
        Sentence(line.text, language, Path(os.path.normpath(path.parent / line.path)), line.speaker)
        for line in lines
        if texts[line.path] == 1
    )
    if not found:
        raise DatasetError(f"{path} names no recording in {language!r} that can be used.")
    for each in found:
        if each.recording is not None and not each.recording.is_file():
            raise DatasetError(f"{path} names {each.recording}, which is not there.")
    return found


def worded(recordings: Sequence[Sentence], path: Path) -> tuple[Sentence, ...]:
    """Those of a list whose words are known.

    Raises:
        DatasetError: there are none.
    """
    found = tuple(each for each in recordings if each.text)
    if not found:
        raise DatasetError(f"{path} says of no recording what is said in it.")
    return found


def of_folder(path: str | Path) -> tuple[Sentence, ...]:
    """All recordings in a folder, whatever is said in them.

    Raises:
        DatasetError: there are none.
    """
    from myna.dataset.finding import ENDINGS

    folder = Path(path)
    names = sorted(each for each in folder.rglob("*") if each.suffix.lower() in ENDINGS)
    if not names:
        raise DatasetError(f"{folder} holds no recordings ({', '.join(sorted(ENDINGS))}).")
    return tuple(Sentence("", "", each) for each in names)


def by_speaker(sentences: Iterable[Sentence]) -> dict[str, tuple[Sentence, ...]]:
    """In the order of the list."""
    groups: dict[str, list[Sentence]] = defaultdict(list)
    for each in sentences:
        groups[each.speaker].append(each)
    return {speaker: tuple(group) for speaker, group in groups.items()}


def first(sentences: Sequence[Sentence], most: int | None) -> tuple[Sentence, ...]:
    """So many of them at most, taken in turn from every speaker."""
    turns = zip_longest(*by_speaker(sentences).values())
    return tuple(each for turn in turns for each in turn if each is not None)[:most]
