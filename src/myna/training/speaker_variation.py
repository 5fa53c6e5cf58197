"""The same person through another room and microphone, in the filter bank's domain; and others.

What the speaker encoder must not hear is varied anew in every step: tempo, the band and colour of
the channel, echo, noise, and what is missing. Speed, which moves pitch and formants too, makes
another person of a clip (arXiv:2010.12731, where it triples the speakers).

Letters in shapes: F frames of the filter bank, K bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from myna.errors import ConfigError
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_LOWEST_HZ = 20.0
_HIGHEST_HZ = CONTENT_RATE / 2.0
_FRAMES_PER_SECOND = 100
_LEAST_POWER = 1.2e-7
"""That the filter bank knows."""
_ECHO_SECONDS = 0.8
"""After which echo is not followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerVariationSettings:
    """How far recordings are varied. Ranges are (least, most), drawn evenly."""

    tempo: tuple[float, float] = (0.9, 1.1)
    """Factor on the pace, which leaves the voice as it is."""
    band_share: float = 0.7
    """Rows that lose what is above a frequency."""
    band: tuple[float, float] = (3400.0, 7600.0)
    """That frequency, in Hz."""
    low_share: float = 0.5
    """Rows that lose what is below a frequency."""
    low: tuple[float, float] = (60.0, 350.0)
    colour: float = 0.7
    """Deviation of each of four ripples over the bands, in log power."""
    echo_share: float = 0.4
    """Rows that get echo."""
    echo: tuple[float, float] = (0.1, 0.6)
    """Seconds in which it falls by 60 dB."""
    echo_power: tuple[float, float] = (-4.0, 0.5)
    """Log of its power relative to the direct sound."""
    noise_share: float = 0.7
    """Rows that get noise."""
    noise: tuple[float, float] = (-9.0, -1.5)
    """Log power of the noise relative to the clip's mean: -39 to -7 dB."""
    loudness: float = 2.0
    """Deviation, in log power."""
    time_masks: float = 0.6
    """Per second."""
    longest_time_mask: int = 15
    """In frames."""
    band_masks: int = 1
    widest_band_mask: int = 10

    def __post_init__(self) -> None:
        least, most = self.tempo
        if not 0.5 <= least <= most <= 2.0:
            raise ConfigError(f"tempo is {least:g} to {most:g}; it goes from 0.5 to 2.")
        for name in ("band", "low"):
            least, most = getattr(self, name)
            if not _LOWEST_HZ <= least <= most <= _HIGHEST_HZ:
                raise ConfigError(
                    f"{name} is {least:g} to {most:g} Hz; it goes from {_LOWEST_HZ:g} to "
                    f"{_HIGHEST_HZ:g}."
                )


def varied(bands: Floats, settings: SpeakerVariationSettings, draw: np.random.Generator) -> Floats:
    """Another way to have recorded the same person.

    Args:
        bands: (F, K) log power.
        settings: how far.
        draw: of this row.
    """
    frames, width = bands.shape
    length = max(1, round(frames / draw.uniform(*settings.tempo)))
    x = _resampled(bands.astype(np.float32), np.linspace(0.0, frames - 1.0, length))
    power = np.exp(x)
    if draw.random() < settings.echo_share:
        share = np.exp(draw.uniform(*settings.echo_power))
        power = _with_echo(power, draw.uniform(*settings.echo), share)
    channel = _ripples(width, settings.colour, draw)
    if draw.random() < settings.band_share:
        channel = channel - _lost(_centres(width) / draw.uniform(*settings.band), draw)
    if draw.random() < settings.low_share:
        channel = channel - _lost(draw.uniform(*settings.low) / _centres(width), draw)
    mean = float(power.mean()) + _LEAST_POWER
    power = power * np.exp(channel)
    if draw.random() < settings.noise_share:
        loud = mean * np.exp(draw.uniform(*settings.noise) + _ripples(width, 0.8, draw))
        grain = draw.standard_gamma(2.0, x.shape) / 2.0
        power = power + (grain * loud).astype(np.float32)
    x = np.log(power + np.float32(_LEAST_POWER)) + np.float32(draw.normal(0.0, settings.loudness))
    _mask(x, float(np.log(mean)), settings, draw)
    return x


def another_speaker(bands: Floats, speed: float) -> Floats:
    """A clip as if played faster, so that voice and pace are another's: (F, K) -> (F / speed, K).

    Where playing slower leaves no sound, at the top, there is the least power.
    """
    if speed == 1.0:
        return bands
    frames, width = bands.shape
    length = max(1, round(frames / speed))
    x = _resampled(bands.astype(np.float32), np.linspace(0.0, frames - 1.0, length))
    places = _places(width, speed)
    x = _resampled(x.T, np.clip(places, 0.0, width - 1.0)).T
    x[:, places > width - 0.5] = np.log(_LEAST_POWER)
    return np.ascontiguousarray(x)


def _resampled(x: Floats, places: NDArray[np.float64]) -> Floats:
    """Rows of `x` at `places`, between two rows in proportion."""
    first = np.minimum(places.astype(np.int64), len(x) - 1)
    share = (places - first).astype(np.float32)[:, None]
    between: Floats = x[first] * (1 - share) + x[np.minimum(first + 1, len(x) - 1)] * share
    return between


@cache
def _centres(width: int) -> Floats:
    """In Hz, of the bands, which are evenly spaced in mel."""
    lowest, highest = _mel(_LOWEST_HZ), _mel(_HIGHEST_HZ)
    mel = lowest + (highest - lowest) / (width + 1) * np.arange(1, width + 1)
    return np.asarray(700.0 * np.expm1(mel / 1127.0), dtype=np.float32)


def _places(width: int, factor: float) -> NDArray[np.float64]:
    """The band, not always whole, that each band is read from when frequencies grow by `factor`."""
    lowest, highest = _mel(_LOWEST_HZ), _mel(_HIGHEST_HZ)
    hertz = _centres(width).astype(np.float64) / factor
    places: NDArray[np.float64] = (_mel(hertz) - lowest) * (width + 1) / (highest - lowest) - 1.0
    return places


def _mel(hertz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def _ripples(width: int, deviation: float, draw: np.random.Generator) -> Floats:
    places = np.linspace(0.0, np.pi, width)
    sizes = draw.normal(0.0, deviation, 4)
    total = sum(size * np.cos(place * places) for place, size in enumerate(sizes, 1))
    return np.asarray(total, dtype=np.float32)


def _lost(ratio: Floats, draw: np.random.Generator) -> Floats:
    """Log power that a filter takes; `ratio` is above 1 where it takes much (Butterworth)."""
    order = float(np.exp(draw.uniform(np.log(3.0), np.log(30.0))))
    return np.logaddexp(0.0, 2.0 * order * np.log(ratio)).astype(np.float32)


def _with_echo(power: Floats, seconds: float, share: float) -> Floats:
    """Add `share` of the power, spread over the frames after it; in `seconds` it falls by 60 dB."""
    last = min(len(power) - 1, round(_ECHO_SECONDS * _FRAMES_PER_SECOND))
    tail = 10.0 ** (-6.0 * np.arange(1, last + 1) / (seconds * _FRAMES_PER_SECOND))
    tail = (share * tail / tail.sum()).astype(np.float32) if last else tail
    room = np.zeros((len(power), len(power)), np.float32)
    for later, part in enumerate(tail, 1):
        np.fill_diagonal(room[later:], part)
    with_echo: Floats = power + room @ power
    return with_echo


def _mask(
    x: Floats, filling: float, settings: SpeakerVariationSettings, draw: np.random.Generator
) -> None:
    frames, width = x.shape
    for _ in range(settings.band_masks):
        wide = int(draw.integers(0, settings.widest_band_mask + 1))
        first = int(draw.integers(0, width - wide + 1))
        x[:, first : first + wide] = filling
    for _ in range(draw.poisson(settings.time_masks * frames / _FRAMES_PER_SECOND)):
        long = int(draw.integers(0, min(settings.longest_time_mask, frames) + 1))
        first = int(draw.integers(0, frames - long + 1))
        x[first : first + long] = filling
