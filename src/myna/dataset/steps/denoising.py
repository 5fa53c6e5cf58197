"""Take noise away where it is asked for, or where there is too much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from myna.audio.denoise import denoise
from myna.dataset.manifest import Clip
from myna.dataset.running import Place, Step
from myna.dataset.steps.work_audio import keep, load

DENOISED = "denoised_snr_db"
"""Signal-to-noise ratio after noise was taken away, in `Clip.quality`; not there if it was not."""


@dataclass(frozen=True, kw_only=True)
class Denoise(Step):
    """Sections with noise give way to sections with less."""

    name: ClassVar[str] = "denoise"
    fault: ClassVar[str] = "noise"

    when: str
    """`auto`, `always` or `never`."""
    noisy: float
    """Signal-to-noise ratio in dB below which `auto` takes noise away."""

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The section, and in `done` that it was denoised."""
        (clip,) = clips
        ratio = clip.quality["snr_db"]
        if self.when == "never" or (self.when == "auto" and ratio >= self.noisy):
            return clips
        audio = denoise(load(place.folder, clip.audio))
        return (
            replace(
                clip,
                audio=keep(audio, place),
                quality={**clip.quality, DENOISED: ratio},
                done=(*clip.done, f"noise taken away, which was at {ratio:.0f} dB below speech"),
            ),
        )
