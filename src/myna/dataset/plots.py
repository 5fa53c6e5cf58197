"""Histograms as SVG that stands in a page: no picture files, no packages, and the page's colours.

Drawn by hand rather than by a plotting package, so that a report needs none and follows the
reader's choice of light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 320, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 18, 10, 34
_BINS = 20
_TICKS = 4
"""Steps between marks of the axis, about."""


def histogram(
    values: Sequence[float], *, label: str, low: float | None = None, dropped: Sequence[float] = ()
) -> str:
    """An `svg` element with counts of values.

    Args:
        values: of what is kept, at least one.
        label: what the values are, with unit.
        low: a limit to mark, if it lies in the range.
        dropped: values of what is not kept, drawn on top.
    """
    both = np.concatenate([values, dropped]).astype(np.float64)
    least, most = float(both.min()), float(both.max())
    step = _round_step(max(most - least, 1e-3 * max(abs(most), 1.0)) / _TICKS)
    least, most = math.floor(least / step) * step, math.floor(most / step + 1) * step
    edges = np.linspace(least, most, _BINS + 1)
    kept = np.histogram(values, edges)[0]
    rest = np.histogram(dropped, edges)[0] if len(dropped) else np.zeros_like(kept)
    top = max(int((kept + rest).max()), 1)
    width = (_WIDTH - _LEFT - _RIGHT) / _BINS
    height = _HEIGHT - _TOP - _BOTTOM
    floor = _HEIGHT - _BOTTOM

    def bar(index: int, start: int, count: int, kind: str) -> str:
        if not count:
            return ""
        tall = count / top * height
        y = floor - (start + count) / top * height
        return (
            f'<rect class="{kind}" x="{_LEFT + index * width + 0.5:.1f}" y="{y:.1f}" '
            f'width="{width - 1:.1f}" height="{tall:.1f}"/>'
        )

    def at(value: float) -> float:
        return _LEFT + (value - least) / (most - least) * (_WIDTH - _LEFT - _RIGHT)

    parts = [
        bar(index, 0, int(count), "kept") + bar(index, int(count), int(rest[index]), "dropped")
        for index, count in enumerate(kept)
    ]
    parts.append(f'<path class="axis" d="M{_LEFT} {floor}H{_WIDTH - _RIGHT}"/>')
    if low is not None and least < low < most:
        parts.append(f'<path class="limit" d="M{at(low):.1f} {_TOP}V{floor}"/>')
    for tick in range(round((most - least) / step) + 1):
        value = least + tick * step
        place = f'x="{at(value):.1f}" y="{floor + 14}" text-anchor="middle"'
        parts.append(f"<text {place}>{_short(value)}</text>")
    parts.append(f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{top}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="label" x="{middle}" y="{_HEIGHT - 5}" text-anchor="middle">'
        f"{escape(label)}</text>"
    )
    described = f"{label}: median {_short(float(np.median(values)))} of {len(values)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(described)}">'
        f"{''.join(parts)}</svg>"
    )


def _round_step(step: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= step * 0.999)


def _short(value: float) -> str:
    """Four figures are enough, and a zero is one."""
    rounded = round(value, 6) + 0.0
    return f"{rounded:.0f}" if abs(rounded) >= 1000 else f"{rounded:.4g}"
