"""Find clips of somebody else: each clip is heard alone, then all are held against each other."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from myna.dataset.manifest import Clip
from myna.dataset.running import WORK, Place, Step
from myna.dataset.speaker_encoders import open_speaker_encoder
from myna.dataset.speakers import Print, judged, listen
from myna.dataset.steps.work_audio import load
from myna.errors import AudioError
from myna.files import replacing

if TYPE_CHECKING:
    from myna.dataset.speaker_encoders import SpeakerEncoder

LOG = logging.getLogger(__name__)

NONE = "none"
"""The speaker encoder of those who want no check."""

_ENDING = ".npy"


@dataclass(frozen=True, kw_only=True)
class Listen(Step):
    """Keeps how each clip sounds, for `Voices`."""

    name: ClassVar[str] = "listen"
    fault: ClassVar[str] = "listening"

    encoder: str
    """See `myna.dataset.speaker_encoders`, or `NONE`."""

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The clip, with a warning if there is too little speech to tell who it is."""
        (clip,) = clips
        if self.encoder == NONE:
            return clips
        try:
            _print(clip, place.folder, self.encoder)
        except AudioError as error:
            warning = f"Nobody knows who speaks: {error}"
            return (replace(clip, warnings=(*clip.warnings, warning)),)
        return clips


@dataclass(frozen=True, kw_only=True)
class Voices(Step):
    """Drops clips of others than their speaker."""

    name: ClassVar[str] = "voices"
    fault: ClassVar[str] = "another speaker"
    whole: ClassVar[bool] = True

    encoder: str

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """All clips, in order."""
        if self.encoder == NONE:
            return clips
        prints: dict[str, Print] = {}
        for clip in clips:
            try:
                prints[clip.id] = _print(clip, place.folder, self.encoder)
            except AudioError:
                continue  # `Listen` has warned
        heard = [clip for clip in clips if clip.id in prints]
        likeness = _opened(self.encoder).likeness
        found = {clip.id: clip for clip in judged(heard, prints, likeness)}
        return [found.get(clip.id, clip) for clip in clips]


def available(encoder: str) -> str:
    """The encoder that `auto` stands for here; others are taken as they are."""
    if encoder != "auto":
        return encoder
    if all(importlib.util.find_spec(name) for name in ("resemblyzer", "torch")):
        return "resemblyzer"
    LOG.warning(
        "Nobody checks that all clips are of the same speaker: the package Resemblyzer is not "
        "installed. Install it with: pip install --no-deps Resemblyzer"
    )
    return NONE


def print_file(clip: Clip, encoder: str) -> str:
    """Where it is kept how a clip sounds, relative to the set's folder."""
    return f"{WORK}/{Listen.name}/{Path(clip.audio).stem}-{encoder}{_ENDING}"


def _print(clip: Clip, folder: Path, encoder: str) -> Print:
    """How a clip sounds: from disk, or heard now."""
    path = folder / print_file(clip, encoder)
    if path.is_file():
        rows = np.load(path, allow_pickle=False)
        return Print(rows[0], (rows[1], rows[2]) if len(rows) == 3 else None)
    found = listen(load(folder, clip.audio), _opened(encoder))
    stream = BytesIO()
    np.save(stream, np.stack([found.whole, *(found.halves or ())]), allow_pickle=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(stream.getbuffer())
    return found


@cache
def _opened(encoder: str) -> SpeakerEncoder:
    return open_speaker_encoder(encoder)
