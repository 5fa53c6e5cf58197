"""Clips as other people, rooms and microphones would have given them, in the filter bank's domain.

Few speakers must stand for many, so each row is varied anew in every step: speed, length of the
vocal tract (Jaitly and Hinton 2013), colour of the channel, noise, and stretches of time and bands
taken out (arXiv:1904.08779).

Letters in shapes: F frames of the filter bank, K bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from myna.errors import ConfigError
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_LOWEST_HZ = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VariationSettings:
    """How far clips are varied. Ranges are (least, most), drawn evenly."""

    speed: tuple[float, float] = (0.85, 1.2)
    tract: tuple[float, float] = (0.86, 1.16)
    """Factor on frequencies."""
    colour: float = 0.5
    """Deviation of each of three ripples over the bands, in log power."""
    noise_share: float = 0.6
    """Rows that get noise."""
    noise: tuple[float, float] = (-9.0, -2.5)
    """Log power of the noise relative to the clip's mean: -39 to -11 dB."""
    band_masks: int = 2
    widest_band_mask: int = 14
    time_masks: float = 0.8
    """Per second."""
    longest_time_mask: int = 14
    """In frames."""

    def __post_init__(self) -> None:
        for name in ("speed", "tract"):
            least, most = getattr(self, name)
            if not 0.5 <= least <= most <= 2.0:
                raise ConfigError(f"{name} is {least:g} to {most:g}; it goes from 0.5 to 2.")


def varied(
    bands: Floats, settings: VariationSettings, least_frames: int, draw: np.random.Generator
) -> Floats:
    """Another way to have recorded a clip.

    Args:
        bands: (F, K) log power.
        settings: how far.
        least_frames: that the sounds of the clip need; speed keeps as many.
        draw: of this row.
    """
    frames, width = bands.shape
    fastest = max(settings.speed[0], min(settings.speed[1], frames / max(1, least_frames)))
    length = max(1, round(frames / draw.uniform(min(settings.speed[0], fastest), fastest)))
    x = _resampled(bands, np.linspace(0.0, frames - 1.0, max(length, min(frames, least_frames))))
    x = _resampled(x.T, _stretched(width, draw.uniform(*settings.tract))).T
    mean = np.log(np.exp(x).mean() + 1e-7)
    x = x + _ripples(width, settings.colour, draw)
    if draw.random() < settings.noise_share:
        power = mean + draw.uniform(*settings.noise) + _ripples(width, 0.8, draw)
        grain = draw.standard_gamma(2.0, x.shape, dtype=np.float32) / 2.0
        x = np.log(np.exp(x) + np.exp(power) * grain + 1e-7)
    for _ in range(settings.band_masks):
        wide = int(draw.integers(0, settings.widest_band_mask + 1))
        first = int(draw.integers(0, width - wide + 1))
        x[:, first : first + wide] = mean
    for _ in range(draw.poisson(settings.time_masks * len(x) / 100.0)):
        long = int(draw.integers(0, min(settings.longest_time_mask, len(x)) + 1))
        first = int(draw.integers(0, len(x) - long + 1))
        x[first : first + long] = mean
    return x.astype(np.float32)


def _resampled(x: Floats, places: NDArray[np.float64]) -> Floats:
    """Rows of `x` at `places`, between two rows in proportion."""
    first = np.minimum(places.astype(np.int64), len(x) - 1)
    share = (places - first).astype(np.float32)[:, None]
    between: Floats = x[first] * (1 - share) + x[np.minimum(first + 1, len(x) - 1)] * share
    return between


def _stretched(width: int, factor: float) -> NDArray[np.float64]:
    """The band, not always whole, that each band is read from when frequencies grow by `factor`."""
    lowest, highest = _mel(_LOWEST_HZ), _mel(CONTENT_RATE / 2.0)
    step = (highest - lowest) / (width + 1)
    hertz = 700.0 * np.expm1((lowest + step * np.arange(1, width + 1)) / 1127.0)
    places = (_mel(hertz / factor) - lowest) / step - 1.0
    return np.clip(places, 0.0, width - 1.0)


def _mel(hertz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def _ripples(width: int, deviation: float, draw: np.random.Generator) -> Floats:
    places = np.linspace(0.0, np.pi, width)
    sizes = draw.normal(0.0, deviation, 3)
    total = sum(size * np.cos(place * places) for place, size in enumerate(sizes, 1))
    return np.asarray(total, dtype=np.float32)
