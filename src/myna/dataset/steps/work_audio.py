"""Audio that steps hand to each other: FLAC of 24 bits, so that what is turned up stays clean."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from myna.audio.recordings import read
from myna.dataset.running import Place
from myna.datatypes import Audio


def load(folder: Path, name: str) -> Audio:
    """The audio of a clip."""
    return read(folder / name)


def centred(audio: Audio, offset: float) -> Audio:
    """`audio` without its DC offset, the mean of its samples."""
    return Audio(audio.samples - np.float32(offset), audio.rate)


def keep(audio: Audio, place: Place) -> str:
    """Keep `audio`, turned down to full scale if it exceeds it; gives its name.

    Raises:
        OSError: the file cannot be written.
    """
    import soundfile

    peak = float(np.abs(audio.samples).max(initial=0.0))
    samples = audio.samples / np.float32(max(1.0, peak))
    encoded = BytesIO()
    soundfile.write(encoded, samples, audio.rate, format="FLAC", subtype="PCM_24")
    return place.keep(encoded.getvalue())
