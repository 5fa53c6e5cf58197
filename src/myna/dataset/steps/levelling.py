"""Find the gain that brings a recording to the set's loudness; cutting applies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from myna.audio.loudness import loudness
from myna.dataset.manifest import Clip
from myna.dataset.running import Place, Step
from myna.dataset.steps.work_audio import centred, load

GAIN = "gain_db"
"""Name of the gain in `Clip.quality`."""

_HIGHEST_PEAK = 10.0 ** (-1.0 / 20.0)
_MOST_GAIN = 40.0
"""Decibels; what is quieter holds more noise than speech."""


@dataclass(frozen=True, kw_only=True)
class Level(Step):
    """Measures loudness; the gain leaves the peak at -1 dB or below."""

    name: ClassVar[str] = "loudness"
    fault: ClassVar[str] = "loudness"

    target: float
    """In LUFS."""

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The clip with `loudness_lufs` and `gain_db` among its measures."""
        (clip,) = clips
        audio = centred(load(place.folder, clip.audio), clip.quality["dc_offset"])
        level = loudness(audio.samples, audio.rate)
        if not np.isfinite(level):
            return (clip.drop("silence", "All of it is below -70 LUFS."),)
        peak = max(float(np.abs(audio.samples).max()), 1e-9)
        room = 20.0 * float(np.log10(_HIGHEST_PEAK / peak))
        gain = round(min(self.target - level, room, _MOST_GAIN), 2)
        return (
            replace(
                clip,
                quality={**clip.quality, "loudness_lufs": round(level, 2), GAIN: gain},
                done=(*clip.done, f"{gain:+.1f} dB, from {level:.1f} LUFS"),
            ),
        )
