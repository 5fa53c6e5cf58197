"""Read each recording once, name it by its content, and cut long ones into sections.

Later steps work on sections of at most two minutes, so that an hour of speech needs little memory
and keeps all processes busy. A section ends where it is quiet, not in a part whose words are known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from myna.audio.recordings import read
from myna.audio.resample import HIGH_QUALITY, resample
from myna.dataset.finding import Recording, readable
from myna.dataset.lists import Line
from myna.dataset.manifest import Clip
from myna.dataset.running import Place, Step
from myna.dataset.steps.work_audio import keep
from myna.datatypes import Audio
from myna.errors import AudioError

LONGEST_SECONDS = 7200.0
"""Longest recording that is read."""
SECTION_SECONDS = (60.0, 120.0)
"""A recording that is longer is cut into sections between these lengths."""
HIGHEST_RATE = 48_000
"""Recordings with more samples per second are brought to this."""

_SILENT_PEAK = 10.0 ** (-60.0 / 20.0)
_FRAME_SECONDS = 0.02
_SMOOTH_FRAMES = 11


@dataclass(frozen=True, kw_only=True)
class Load(Step):
    """Recordings become sections of mono audio; what cannot be read, or is silent, is dropped."""

    name: ClassVar[str] = "load"
    fault: ClassVar[str] = "unreadable"

    recordings: Mapping[str, Recording]
    """By `Clip.source`."""
    shortest: float
    """In seconds."""

    def narrowed(self, clips: tuple[Clip, ...]) -> Load:
        """With the recordings of these clips."""
        return replace(
            self, recordings={clip.source: self.recordings[clip.source] for clip in clips}
        )

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The sections of one recording."""
        (clip,) = clips
        recording = self.recordings[clip.source]
        if recording.size < 0:
            reason = f"There is no file {readable(recording.path)}."
            return (_unread(clip).drop("missing", reason),)
        try:
            audio = read(recording.path, longest_seconds=LONGEST_SECONDS)
        except AudioError as error:
            return (_unread(clip).drop(self.fault, readable(str(error))),)
        clip = replace(clip, id=_content_id(audio), end=audio.seconds, rate=audio.rate)
        peak = float(np.abs(audio.samples).max())
        if peak < _SILENT_PEAK:
            return (clip.drop("silence", f"Its peak is at {_decibels(peak):.0f} dB."),)
        if audio.seconds < self.shortest:
            return (clip.drop("too short", _short(audio.seconds, self.shortest)),)
        bounds = sections(audio, recording.parts)
        outside = [part for part in recording.parts if part.middle >= audio.seconds]
        return [
            *(_section(clip, audio, first, last, place) for first, last in bounds),
            *(_outside(clip, part, index) for index, part in enumerate(outside)),
        ]


def sections(audio: Audio, parts: Sequence[Line]) -> list[tuple[int, int]]:
    """Samples where each section of a recording starts and ends.

    Args:
        audio: the recording.
        parts: what is not cut through, unless one is as long as a section.

    Returns:
        sections that join without a gap; each at most `SECTION_SECONDS[1]` long.
    """
    shortest, longest = (round(seconds * audio.rate) for seconds in SECTION_SECONDS)
    bounds, start = [], 0
    while len(audio.samples) - start > longest:
        end = _quiet_place(audio, start + shortest, start + longest, parts)
        bounds.append((start, end))
        start = end
    return [*bounds, (start, len(audio.samples))]


def _quiet_place(audio: Audio, first: int, last: int, parts: Sequence[Line]) -> int:
    size = round(_FRAME_SECONDS * audio.rate)
    frames = audio.samples[first:last][: (last - first) // size * size].reshape(-1, size)
    energy = np.square(frames, dtype=np.float64).mean(axis=1)
    smooth = np.convolve(energy, np.ones(_SMOOTH_FRAMES), mode="same")
    smooth[: _SMOOTH_FRAMES // 2] = smooth[-(_SMOOTH_FRAMES // 2) :] = np.inf  # padded with zeros
    times = (first + np.arange(len(smooth)) * size) / audio.rate
    inside = np.zeros(len(smooth), dtype=np.bool_)
    for part in parts:
        start, end = part.times
        inside |= (times > start + _FRAME_SECONDS) & (times < end - _FRAME_SECONDS)
    free = np.where(inside, np.inf, smooth)
    return first + size * int(np.argmin(free if np.isfinite(free).any() else smooth))


def _section(clip: Clip, audio: Audio, first: int, last: int, place: Place) -> Clip:
    whole = last - first == len(audio.samples)
    part = resample(
        Audio(audio.samples[first:last], audio.rate), min(audio.rate, HIGHEST_RATE), HIGH_QUALITY
    )
    start, end = first / audio.rate, last / audio.rate
    return replace(
        clip,
        id=clip.id if whole else part_id(clip.id, start, end),
        start=start,
        end=end,
        rate=part.rate,
        audio=keep(part, place),
    )


def _outside(clip: Clip, part: Line, index: int) -> Clip:
    start, end = part.times
    id = f"{part_id(clip.id, start, end)}-{index}"
    return replace(clip, id=id, start=start, end=start, text=part.text).drop(
        "outside",
        f"Line {part.number} says from {start:.2f} to {end:.2f} s, but the recording ends at "
        f"{clip.end:.2f} s.",
    )


def part_id(id: str, start: float, end: float) -> str:
    """Name of a part of a recording, from where it starts and ends in it, in seconds."""
    return f"{id.partition('-')[0]}-{round(start * 1000):07}-{round(end * 1000):07}"


def _content_id(audio: Audio) -> str:
    digest = hashlib.blake2b(audio.samples.astype("<f4").tobytes(), digest_size=6)
    digest.update(str(audio.rate).encode())
    return digest.hexdigest()


def _unread(clip: Clip) -> Clip:
    digest = hashlib.blake2b(clip.source.encode(), digest_size=6)
    return replace(clip, id=f"x{digest.hexdigest()}")


def _decibels(value: float) -> float:
    return 20.0 * float(np.log10(max(value, 1e-9)))


def _short(seconds: float, shortest: float) -> str:
    return f"It lasts {seconds:.2f} s; at least {shortest:g} s are needed."
