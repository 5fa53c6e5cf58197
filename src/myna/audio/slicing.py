"""Cut a recording into pieces that are good to train on: whole phrases of a few seconds.

A piece starts and ends in a pause. Where to cut is chosen for the recording as a whole: first that
little is lost, then that few cuts go through speech and few pieces are short, then long pauses to
cut in. Only a stretch of speech that is too long by itself is cut inside, at its quietest moment
near the best place, and says so. What cannot be used is left out with a reason; pieces and what was
left out hold all speech together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from myna.datatypes import in_range
from myna.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio

    Doubles = NDArray[np.float64]

_FRAME = 0.005
_SMOOTH_FRAMES = 5
_AROUND_IDEAL = 0.3
"""Share of the ideal length within which a stretch without pauses is cut."""

_LOST = 10.0
_SHORT = 3.0
"""Costs: of a second left out, and of a short piece; of a cut at a brief pause, and of a length
other than the middle, less than 1 each."""
_BRIEF_PAUSE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceSettings:
    """Lengths in seconds. Pieces include their margins."""

    shortest: float = 3.0
    """Of a piece: 0.5 to 30."""
    longest: float = 10.0
    """Of a piece: 1 to 60, and at least twice `shortest`."""
    least: float = 1.0
    """A phrase shorter than `shortest` that has no neighbour to join is kept from here on: 0.2 to
    30; the same as `shortest` to keep none."""
    margin: float = 0.2
    """Of the pause, kept before and after speech: 0 to 1."""
    least_pause: float = 0.1
    """A briefer gap is no pause to cut in: 0.02 to 1."""
    longest_pause: float = 1.0
    """A longer pause is not kept inside a piece: 0.1 to 10."""

    def __post_init__(self) -> None:
        in_range("shortest", self.shortest, 0.5, 30)
        in_range("longest", self.longest, 1, 60)
        in_range("least", self.least, 0.2, 30)
        in_range("margin", self.margin, 0, 1)
        in_range("least_pause", self.least_pause, 0.02, 1)
        in_range("longest_pause", self.longest_pause, 0.1, 10)
        if self.longest < 2 * self.shortest:
            raise ConfigError(
                f"shortest is {self.shortest:g} and longest {self.longest:g} s; "
                f"longest is at least twice shortest."
            )
        if self.least > self.shortest:
            raise ConfigError(
                f"least is {self.least:g} and shortest {self.shortest:g} s; "
                f"least is not more than shortest."
            )
        if 4 * self.margin > self.longest:
            raise ConfigError(
                f"margin is {self.margin:g} and longest {self.longest:g} s; "
                f"four margins fit into longest."
            )


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording to use, in seconds."""

    start: float
    end: float
    cut_in_speech: bool = False
    """Whether it starts or ends where nobody paused."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of a recording that holds speech and is not used, in seconds."""

    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class Slices:
    """All speech of a recording: in order, nothing twice."""

    pieces: tuple[Piece, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """Speech that is not cut further."""

    start: float
    end: float
    first: float
    """Where a piece starts whose first unit this is, and where one ends whose last it is."""
    last: float
    pause: float
    """Seconds until the next one; infinite after the last."""
    joins_before: bool
    """Whether a cut in speech is before it, and after it."""
    joins_after: bool


def cut(
    audio: Audio, speech: Sequence[tuple[float, float]], settings: SliceSettings | None = None
) -> Slices:
    """Cut `audio` into pieces.

    Args:
        audio: at any rate.
        speech: start and end of each stretch of speech in seconds, from
            `myna.audio.voice_activity`; what lies beyond the audio is ignored.
        settings: lengths.

    Returns:
        pieces and what was left out. Both lie inside the audio, are disjoint, and hold all speech.
    """
    settings = settings or SliceSettings()
    levels = _Levels(audio)
    units = _units(_stretches(speech, audio.seconds, settings), levels, settings)
    pieces, left_out = [], []
    for first, last in _groups(units, settings):
        start, end = units[first].first, units[last].last
        if end - start >= settings.least:
            inside = units[first].joins_before or units[last].joins_after
            pieces.append(Piece(start, end, inside))
        else:
            reason = (
                f"It lasts {end - start:.2f} s with its margins, and no phrase is near enough to "
                f"join; pieces last {settings.least:g} s or more."
            )
            left_out.append(LeftOut(start, end, reason))
    return Slices(tuple(pieces), tuple(left_out))


class _Levels:
    """Finds quiet moments."""

    def __init__(self, audio: Audio) -> None:
        size = max(1, round(_FRAME * audio.rate))
        frames = audio.samples[: len(audio.samples) // size * size].reshape(-1, size)
        power = np.einsum("ij,ij->i", frames, frames).astype(np.float64)
        around = np.full(_SMOOTH_FRAMES, 1.0 / _SMOOTH_FRAMES)
        self.power: Doubles = np.convolve(power, around, mode="same") if len(power) else power
        self.frame = size / audio.rate
        self.seconds = audio.seconds

    def quietest(self, first: float, last: float) -> float:
        """The quietest moment from `first` to `last`, the one nearest their middle among equals."""
        start, end = ceil(first / self.frame), int(last / self.frame)
        part = self.power[start:end]
        middle = (first + last) / 2.0
        if not len(part):
            return middle
        equal = np.flatnonzero(part <= part.min())
        times = (start + equal + 0.5) * self.frame
        return float(np.clip(times[np.argmin(np.abs(times - middle))], first, last))


def _stretches(
    speech: Sequence[tuple[float, float]], seconds: float, settings: SliceSettings
) -> list[tuple[float, float]]:
    """In order, inside the audio, and those joined that no pause divides."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(speech):
        start, end = max(0.0, start), min(end, seconds)
        if end <= start:
            continue
        if joined and start - joined[-1][1] < settings.least_pause:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _units(
    stretches: list[tuple[float, float]], levels: _Levels, settings: SliceSettings
) -> list[_Unit]:
    parts = [_parts(start, end, levels, settings) for start, end in stretches]
    units = []
    for at, bounds in enumerate(parts):
        start, end = bounds[0], bounds[-1]
        before = parts[at - 1][-1] if at else None
        after = parts[at + 1][0] if at + 1 < len(parts) else None
        first = _cut_before(before, start, levels, settings)
        last = _cut_after(end, after, levels, settings)
        for number, (left, right) in enumerate(pairwise(bounds)):
            inner, final = number > 0, number == len(bounds) - 2
            pause = (np.inf if after is None else after - end) if final else 0.0
            units.append(
                _Unit(
                    start=left,
                    end=right,
                    first=left if inner else first,
                    last=last if final else right,
                    pause=pause,
                    joins_before=inner,
                    joins_after=not final,
                )
            )
    return units


def _parts(start: float, end: float, levels: _Levels, settings: SliceSettings) -> list[float]:
    """Bounds of the parts of a stretch, each short enough for a piece with two margins."""
    longest = settings.longest - 2 * settings.margin
    bounds = [start]
    while end - bounds[-1] > longest:
        rest = end - bounds[-1]
        count = ceil(rest / longest)
        ideal = rest / count
        least = max(rest - (count - 1) * longest, ideal * (1.0 - _AROUND_IDEAL))
        most = min(longest, ideal * (1.0 + _AROUND_IDEAL))
        bounds.append(levels.quietest(bounds[-1] + least, bounds[-1] + most))
    return [*bounds, end]


def _border(end: float, start: float, levels: _Levels, settings: SliceSettings) -> float:
    """The quietest place of a pause, away from what rings on or begins."""
    away = min(settings.margin, (start - end) / 3.0)
    return levels.quietest(end + away, start - away)


def _cut_before(
    before: float | None, start: float, levels: _Levels, settings: SliceSettings
) -> float:
    if before is None:
        return max(0.0, start - settings.margin)
    return max(start - settings.margin, _border(before, start, levels, settings))


def _cut_after(end: float, after: float | None, levels: _Levels, settings: SliceSettings) -> float:
    if after is None:
        return min(levels.seconds, end + settings.margin)
    return min(end + settings.margin, _border(end, after, levels, settings))


def _groups(units: list[_Unit], settings: SliceSettings) -> list[tuple[int, int]]:
    """First and last unit of each piece, such that the sum of their costs is least."""
    best, came_from = [0.0], [0]
    for last in range(len(units)):
        costs = {}
        for first in range(last, -1, -1):
            length = units[last].last - units[first].first
            too_long = length > settings.longest and first < last
            if too_long or (first < last and units[first].pause > settings.longest_pause):
                break
            costs[first] = best[first] + _cost(length, units[last], settings)
        first = min(costs, key=costs.__getitem__)
        best.append(costs[first])
        came_from.append(first)
    groups = []
    last = len(units)
    while last:
        groups.append((came_from[last], last - 1))
        last = came_from[last]
    return groups[::-1]


def _cost(length: float, last: _Unit, settings: SliceSettings) -> float:
    middle = (settings.shortest + settings.longest) / 2.0
    cost = ((length - middle) / settings.longest) ** 2
    if length < settings.least:
        cost += _SHORT + _LOST * length
    elif length < settings.shortest:
        cost += _SHORT + (settings.shortest - length) / settings.shortest
    return cost + max(0.0, _BRIEF_PAUSE - last.pause)
