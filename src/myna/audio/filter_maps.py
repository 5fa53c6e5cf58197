"""The fixed maps of a generator by source and filters: to spectra and back, from bands to filters.

They are in no file of weights: whatever runs the generator computes them from its sizes.

Letters in shapes: M bands, K frequencies, W samples of a window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.specs import SourceFilterSpec

_BRIGHT_ABOVE = 1000.0
"""Hz; below, nothing is made brighter."""
_BRIGHTEST = 6.0
"""Decibels."""


def filter_maps(spec: SourceFilterSpec) -> dict[str, NDArray[np.float32]]:
    """The fixed maps: to spectra and back, from bands to gains and phases, and from what was learnt
    to what is spoken.

    Hann windows on both sides, two thirds overlapping, add up to 9/8. The phase is the least one
    for the gain, its Hilbert transform, as vocal tracts have it; linear in the bands.
    """
    assert spec.window == 3 * spec.filter_hop, "windows overlap by two thirds"
    window = spec.window
    frequencies = window // 2 + 1
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    angles = 2 * np.pi * np.arange(window)[:, None] * np.arange(frequencies) / window
    analysis = hann[:, None] * np.concatenate((np.cos(angles), -np.sin(angles)), 1)
    twice = np.full(frequencies, 2.0)
    twice[[0, -1]] = 1.0
    back = np.concatenate((np.cos(angles) * twice, -np.sin(angles) * twice), 1).T / window
    synthesis = back * hann / 1.125
    gains = _interpolation(spec, frequencies)
    cepstra = np.fft.irfft(gains, axis=1)
    folded = np.zeros(window)
    folded[1 : window // 2] = 2.0
    folded[[0, window // 2]] = 1.0
    phases = np.fft.rfft(cepstra * folded, axis=1).imag
    found = {"analysis": analysis, "synthesis": synthesis, "gains": gains, "phases": phases}
    found |= {"sharpened": _sharpened(spec), "tilt": _tilt(spec)}
    return {name: table.astype(np.float32) for name, table in found.items()}


def _sharpened(spec: SourceFilterSpec) -> NDArray[np.float64]:
    """(M, M): bands whose cepstra but the first two, mean and slope, are larger."""
    order, band = np.arange(spec.bands)[:, None], np.arange(spec.bands)[None]
    cosines = np.sqrt(2 / spec.bands) * np.cos(np.pi * order * (band + 0.5) / spec.bands)
    cosines[0] /= np.sqrt(2)
    weights = np.where(order < 2, 1.0, spec.sharpness)
    sharpened: NDArray[np.float64] = cosines.T @ (weights * cosines)
    return sharpened


def _tilt(spec: SourceFilterSpec) -> NDArray[np.float64]:
    """(M,): natural logarithm of a gain."""
    highest = 1127.0 * np.log1p(spec.rate / 2 / 700.0)
    hertz = 700.0 * np.expm1(np.linspace(0.0, highest, spec.bands) / 1127.0)
    octaves = np.log2(np.maximum(hertz, _BRIGHT_ABOVE) / _BRIGHT_ABOVE)
    decibels = np.minimum(octaves * spec.brightness, _BRIGHTEST)
    tilt: NDArray[np.float64] = decibels / 20 * np.log(10)
    return tilt


def _interpolation(spec: SourceFilterSpec, frequencies: int) -> NDArray[np.float64]:
    """(M, K): from bands evenly spaced in mel to frequencies, in straight lines."""
    hertz = np.linspace(0.0, spec.rate / 2, frequencies)
    mel = 1127.0 * np.log1p(hertz / 700.0)
    place = mel / mel[-1] * (spec.bands - 1)
    distance = np.abs(place[None] - np.arange(spec.bands)[:, None])
    weights: NDArray[np.float64] = np.clip(1.0 - distance, 0.0, None)
    return weights
