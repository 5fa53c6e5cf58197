"""The fixed maps of a generator by source and filters: to spectra and back, from bands to filters.

They are in no file of weights: whatever runs the generator computes them from its sizes.

Letters in shapes: M bands, K frequencies, W samples of a window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.specs import SourceFilterSpec


def filter_maps(spec: SourceFilterSpec) -> dict[str, NDArray[np.float32]]:
    """The fixed maps: to spectra and back, and from bands to gains and phases.

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
    return {name: table.astype(np.float32) for name, table in found.items()}


def _interpolation(spec: SourceFilterSpec, frequencies: int) -> NDArray[np.float64]:
    """(M, K): from bands evenly spaced in mel to frequencies, in straight lines."""
    hertz = np.linspace(0.0, spec.rate / 2, frequencies)
    mel = 1127.0 * np.log1p(hertz / 700.0)
    place = mel / mel[-1] * (spec.bands - 1)
    distance = np.abs(place[None] - np.arange(spec.bands)[:, None])
    weights: NDArray[np.float64] = np.clip(1.0 - distance, 0.0, None)
    return weights
