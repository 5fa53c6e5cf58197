"""Clips of corpora for our content encoder: the sounds of their texts, and what is heard when.

Which sound is in which frame comes from a recogniser that lays the text on the recording; pitch
from the recording itself. Both are computed once for a list and a recogniser, and kept.

Letters in shapes: F frames of the filter bank (100 per second), K bands.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from myna.audio.pitch import FRAMES_PER_SECOND, pitch
from myna.audio.recordings import read as read_recording
from myna.audio.resample import HIGH_QUALITY, resample
from myna.engines.recogniser import BANDS_PER_SECOND, LEAST_SCORE, Recogniser
from myna.errors import AudioError, TextError
from myna.files import replacing, sha256
from myna.specs import CONTENT_RATE
from myna.text import read, zh
from myna.text.sounds import heard, heard_in, ids
from myna.training.content_examples import least_frames
from myna.training.corpora import Heard
from myna.training.task import Example

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.audio.pitch import Pitch
    from myna.dataset.lists import Line

log = logging.getLogger(__name__)

UNKNOWN = -1
"""Label of a frame whose sound nobody knows."""

_FACTS = "labels"
_TONED_SYLLABLE = re.compile(r"[a-zü:]+[1-5]")
_LATIN = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A recording whose text gives sounds that fit into it."""

    line: Line
    example: Example
    """With `key`, `bands` (F, K) and `sounds`; labelled ones also with `frames` and `pitch`."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What is heard in each frame of all recordings of a corpus, one behind the other."""

    frames: NDArray[np.int16]
    """(F,) its sound, 0 for a pause, or `UNKNOWN` all through a recording that does not seem to
    say its text."""
    pitch: NDArray[np.float16]
    """(F,) logarithm to base 2 of Hz, 0 where there is no voice."""


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
    labels: Labels | None = None,
) -> list[Said]:
    """Recordings as examples; those too long, without words or too short for them are left out."""
    ends = np.cumsum([len(each.bands) for each in recordings]).tolist()
    found = []
    for each, end in zip(recordings, ends, strict=True):
        frames = len(each.bands)
        if frames > longest_seconds * BANDS_PER_SECOND:
            continue
        sounds = ids(sounds_of(each.line, spelled=spelled))
        if not sounds or frames < least_frames(sounds):
            continue
        example: dict[str, Any] = {"key": each.line.path, "bands": each.bands, "sounds": sounds}
        if labels is not None:
            place = slice(end - frames, end)
            example |= {"frames": labels.frames[place], "pitch": labels.pitch[place]}
        found.append(Said(each.line, example))
    log.info("%s: %d of %d recordings can be learned from", name, len(found), len(recordings))
    return found


def labelled(
    speech: Path,
    name: str,
    recordings: Sequence[Heard],
    recogniser: Path,
    cache: Path,
    *,
    longest_seconds: float = 15.5,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Labels:
    """Labels of all recordings of a corpus; what is too long or has no words has none.

    Args:
        speech: folder of the recordings, by the paths in its lists.
        recogniser: weights that `myna.engines.recogniser.pack` wrote.
        cache: folder in which they are kept as `NAME.safetensors`; made anew if the list or the
            recogniser is another one.

    Raises:
        AudioError: a recording is missing or damaged.
        CheckpointError: the recogniser is damaged.
        ModelNotFoundError: there is none.
    """
    facts = {"list": sha256(speech / f"{name}.list"), "recogniser": sha256(recogniser)}
    path = cache / f"{name}.safetensors"
    kept = _kept(path, facts)
    if kept is not None:
        return kept
    listener = Recogniser.load(recogniser)
    rows = []
    for number, each in enumerate(recordings):
        if number % 200 == 0:
            on_progress(f"labels of {name}: {number} of {len(recordings)}")
        short = len(each.bands) <= longest_seconds * BANDS_PER_SECOND
        rows.append(_row(speech, each, listener) if short else _nothing(len(each.bands)))
    found = Labels(*(np.concatenate(parts) for parts in zip(*rows, strict=True)))
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"frames": found.frames, "pitch": found.pitch}
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={_FACTS: json.dumps(facts)}))
    return found


def _row(
    speech: Path, each: Heard, listener: Recogniser
) -> tuple[NDArray[np.int16], NDArray[np.float16]]:
    frames, voice = _nothing(len(each.bands))
    sounds = sounds_of(each.line, spelled=False)
    if not sounds:
        return frames, voice
    audio = resample(read_recording(speech / each.line.path), CONTENT_RATE, HIGH_QUALITY)
    voice = octaves(pitch(audio), len(each.bands))
    try:
        placed, score = listener.lay(each.bands.astype(np.float32), sounds)
    except AudioError:  # fewer frames than sounds: the text is of another recording
        return frames, voice
    if score >= LEAST_SCORE:
        frames[:] = 0
        for sound, (start, end) in zip(ids(sounds), placed, strict=True):
            frames[start:end] = sound
    return frames, voice


def octaves(found: Pitch, frames: int) -> NDArray[np.float16]:
    """(F,) logarithm to base 2 of the pitch in Hz at each frame, 0 where there is no voice."""
    hertz = found.hz[:: FRAMES_PER_SECOND // BANDS_PER_SECOND][:frames]
    values = np.zeros(frames, np.float16)
    values[: len(hertz)] = np.where(hertz > 0, np.log2(np.maximum(hertz, 1.0)), 0.0)
    return values


def _nothing(frames: int) -> tuple[NDArray[np.int16], NDArray[np.float16]]:
    return np.full(frames, UNKNOWN, np.int16), np.zeros(frames, np.float16)


def _kept(path: Path, facts: dict[str, str]) -> Labels | None:
    if not path.is_file():
        return None
    try:
        with safe_open(path, "numpy") as file:
            if json.loads((file.metadata() or {}).get(_FACTS, "{}")) != facts:
                log.info("The list or the recogniser has changed; %s is made anew.", path)
                return None
            return Labels(file.get_tensor("frames"), file.get_tensor("pitch"))
    except (SafetensorError, ValueError) as error:
        log.warning("%s is damaged (%s), and is made anew.", path, error)
        return None
