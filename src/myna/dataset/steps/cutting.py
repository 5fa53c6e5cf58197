"""Cut sections into clips: where words are known at their times, else at silences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from myna.audio.recordings import encode
from myna.audio.slicing import SliceSettings, cut
from myna.audio.voice_activity import speech
from myna.dataset.finding import Recording
from myna.dataset.manifest import Clip
from myna.dataset.running import Place, Step
from myna.dataset.steps.levelling import GAIN
from myna.dataset.steps.loading import part_id
from myna.dataset.steps.work_audio import centred, load
from myna.datatypes import Audio


@dataclass(frozen=True, kw_only=True)
class Cut(Step):
    """Sections become clips; each is turned up or down by its section's gain."""

    name: ClassVar[str] = "cut"
    fault: ClassVar[str] = "cutting"

    recordings: Mapping[str, Recording]
    """By `Clip.source`."""
    method: str
    """What finds speech, see `myna.audio.voice_activity`."""
    shortest: float
    longest: float
    """Seconds of a clip that is cut at silences."""
    shortest_given: float
    longest_given: float
    """Seconds of a recording or a part whose words are known."""

    def narrowed(self, clips: tuple[Clip, ...]) -> Cut:
        """With the recordings of these clips."""
        return replace(
            self, recordings={clip.source: self.recordings[clip.source] for clip in clips}
        )

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The clips of one section, in order."""
        (clip,) = clips
        audio = centred(load(place.folder, clip.audio), clip.quality["dc_offset"])
        gain = np.float32(10.0 ** (clip.quality[GAIN] / 20.0))
        audio = Audio(audio.samples * gain, audio.rate)
        if self.recordings[clip.source].parts:
            return self._at_times(clip, audio, place)
        if clip.text and clip.seconds <= self.longest_given:
            return (_written(clip, clip, audio, place),)
        if clip.text:
            warning = (
                f"Its words were not used: nobody knows when in {clip.seconds:.1f} s each is said."
            )
            warnings = (*clip.warnings, warning)
            clip = replace(clip, text="", text_from="", warnings=warnings)
        return self._at_silences(clip, audio, place)

    def _at_silences(self, clip: Clip, audio: Audio, place: Place) -> Sequence[Clip]:
        least = min(self.shortest_given, self.shortest)
        settings = SliceSettings(shortest=self.shortest, longest=self.longest, least=least)
        slices = cut(audio, speech(audio, self.method), settings)
        made = []
        for piece in slices.pieces:
            part = _part(clip, clip.start + piece.start, clip.start + piece.end)
            if piece.cut_in_speech:
                warning = "It starts or ends where nobody paused, maybe within a word."
                part = replace(part, warnings=(*part.warnings, warning))
            made.append(_written(part, clip, audio, place))
        for rest in slices.left_out:
            part = _part(clip, clip.start + rest.start, clip.start + rest.end)
            made.append(part.drop("too short", rest.reason))
        if not made:
            return (clip.drop("no speech", f"No speech was found in {clip.seconds:.1f} s."),)
        return sorted(made, key=lambda part: part.start)

    def _at_times(self, clip: Clip, audio: Audio, place: Place) -> Sequence[Clip]:
        parts = self.recordings[clip.source].parts
        made: list[Clip] = []
        for index, line in enumerate(
            part for part in parts if clip.start <= part.middle < clip.end
        ):
            start, end = line.times
            part = replace(
                _part(clip, max(start, clip.start), min(end, clip.end)),
                text=line.text,
                text_from=line.origin if line.text else "",
                speaker=line.speaker,
                language=line.language,
            )
            if part.id in {each.id for each in made}:
                part = replace(part, id=f"{part.id}-{index}")
                made.append(part.drop("overlap", "Another part has the same times."))
            elif not self.shortest_given <= part.seconds <= self.longest_given:
                word = "too short" if part.seconds < self.shortest_given else "too long"
                says = (
                    f"It lasts {part.seconds:.2f} s; parts with known times are used from "
                    f"{self.shortest_given:g} to {self.longest_given:g} s."
                )
                made.append(part.drop(word, says))
            else:
                made.append(_written(part, clip, audio, place))
        return made or (clip.drop("pause", "Nobody says what is said here."),)


def _written(part: Clip, whole: Clip, audio: Audio, place: Place) -> Clip:
    """The part with a file of its own."""
    first, last = (round((at - whole.start) * audio.rate) for at in (part.start, part.end))
    data = encode(Audio(audio.samples[first:last], audio.rate), "flac")
    return replace(part, audio=place.keep(data))


def _part(clip: Clip, start: float, end: float) -> Clip:
    return replace(clip, id=part_id(clip.id, start, end), start=start, end=end)
