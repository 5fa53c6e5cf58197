"""Measure recordings and clips, and drop clips that are not good enough, with figures.

What needs pauses or many sounds to be told, such as reverberation, is told of a whole section; what
may differ between its clips is told of each clip. If noise was taken away, what was measured before
counts: with the noise went some of the speech, and clipping only looks better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from myna.audio.quality import QualityLimits, QualityReport, measure, problems
from myna.dataset.manifest import Clip
from myna.dataset.running import Place, Step
from myna.dataset.steps.denoising import DENOISED
from myna.dataset.steps.work_audio import load

WORDS: Mapping[str, str] = {"band": "band limit", "no-speech": "no speech"}
"""`Clip.dropped`, where it is not the word of `myna.audio.quality.Problem`."""

_PAUSES_SECONDS = 0.5
"""Pauses that a clip needs for its own noise to be told."""


@dataclass(frozen=True, kw_only=True)
class Measure(Step):
    """Sections get their measures, see `myna.audio.quality`; those without speech are dropped."""

    name: ClassVar[str] = "measure"
    fault: ClassVar[str] = "no speech"

    limits: QualityLimits

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The section with its measures."""
        (clip,) = clips
        report = measure(load(place.folder, clip.audio))
        clip = replace(clip, quality={**clip.quality, **report.as_dict()})
        for problem in problems(report, self.limits):
            if problem.word in ("silence", "no-speech"):
                return (clip.drop(WORDS.get(problem.word, problem.word), problem.sentence),)
        return (clip,)


@dataclass(frozen=True, kw_only=True)
class Judge(Step):
    """Clips that are not good enough are dropped, others warned of."""

    name: ClassVar[str] = "judge"
    fault: ClassVar[str] = "no speech"

    limits: QualityLimits

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The clip with measures of its own, kept or dropped."""
        (clip,) = clips
        own = measure(load(place.folder, clip.audio)).as_dict()
        quality = {**clip.quality, "speech_seconds": own["speech_seconds"]}
        if DENOISED in quality:
            quality[DENOISED] = own["snr_db"]
        else:
            quality["clipped_share"] = own["clipped_share"]
            if clip.seconds - own["speech_seconds"] >= _PAUSES_SECONDS:
                quality["snr_db"] = min(quality["snr_db"], own["snr_db"])
        clip = replace(clip, quality=quality)
        report = QualityReport(**{each.name: quality[each.name] for each in fields(QualityReport)})
        found = problems(report, self.limits)
        for problem in found:
            if problem.severe:
                return (clip.drop(WORDS.get(problem.word, problem.word), problem.sentence),)
        warnings = (problem.sentence for problem in found)
        return (replace(clip, warnings=(*clip.warnings, *warnings)),)
