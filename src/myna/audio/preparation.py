"""What fine-tuning data is made of a clip: its stored waveform, and what the content encoder hears.

Half of the level is made even between clips, half is kept.

Source: the data preparation of GPT-SoVITS (MIT), whose base models were trained on its results;
the parity tests hold the values against recorded ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from myna.audio.resample import HIGH_QUALITY, resample
from myna.datatypes import Audio
from myna.errors import AudioError
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Floats

LOUDEST = 2.2
"""Floating-point clips with a higher peak are damaged."""

_EVEN_PEAK = 0.95
_EVEN_SHARE = 0.5
_PCM_SCALE = 32768.0
_CONTENT_SCALE = 1145.14
"""The content encoder of the published base models heard training clips scaled by this."""


def training_pcm(clip: Audio) -> NDArray[np.int16]:
    """(N,) the stored waveform, in 16-bit steps, truncated towards zero.

    Raises:
        AudioError: the clip is silent, or its peak is above 2.2.
    """
    steps = _levelled(clip, _PCM_SCALE)
    return np.clip(np.trunc(steps), -32768, 32767).astype(np.int16)


def training_content_input(clip: Audio) -> Audio:
    """What the content encoder hears of the clip: 16 kHz, and not in [-1, 1] but up to about 850.

    Raises:
        AudioError: the clip is silent, or its peak is above 2.2.
    """
    return resample(Audio(_levelled(clip, _CONTENT_SCALE), clip.rate), CONTENT_RATE, HIGH_QUALITY)


def _levelled(clip: Audio, scale: float) -> Floats:
    peak = float(np.abs(clip.samples).max(initial=0.0))
    if peak == 0.0 or peak > LOUDEST:
        raise AudioError(
            f"The clip has a peak of {peak:.2f}; training clips are neither silent nor above "
            f"{LOUDEST:g}. Leave it out, or export it again."
        )
    even = clip.samples / np.float32(peak) * np.float32(_EVEN_PEAK * _EVEN_SHARE * scale)
    kept = clip.samples * np.float32((1.0 - _EVEN_SHARE) * scale)
    levelled: Floats = (even + kept).astype(np.float32)
    return levelled
