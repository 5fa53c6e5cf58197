"""How well vectors tell speakers apart, by the cosines of all pairs.

Letters in shapes: N recordings, D numbers of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from myna.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Cosines within speakers and between them."""

    equal_error_rate: float
    """At the threshold where as many of one speaker are told apart as of two are taken for one."""
    threshold: float
    same: tuple[float, float, float]
    """Mean, and 5th and 50th percentile, of pairs by one speaker."""
    different: tuple[float, float, float]
    """Mean, and 50th and 95th percentile, of pairs by two."""
    pairs: tuple[int, int]
    """How many by one speaker and by two."""


def separation(
    vectors: NDArray[np.float32], speakers: Sequence[str], groups: Sequence[str] | None = None
) -> Separation:
    """Compare all recordings with each other.

    Args:
        vectors: (N, D), of any length but 0.
        speakers: of each.
        groups: of each; pairs across groups are left out. All are in one by default.

    Raises:
        TrainingError: there is no pair by one speaker, or none by two.
    """
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(len(unit), 1)].astype(np.float64)
    same = _equal(speakers)
    compared = _equal(groups) if groups is not None else np.ones_like(same)
    alike, other = cosines[same & compared], cosines[~same & compared]
    if not len(alike) or not len(other):
        raise TrainingError(
            f"There are {len(alike)} pairs by one speaker and {len(other)} by two; give at least "
            f"two speakers, one of them with two recordings."
        )
    rate, threshold = _equal_error(alike, other)
    return Separation(
        equal_error_rate=rate,
        threshold=threshold,
        same=(float(alike.mean()), *_percentiles(alike, 5, 50)),
        different=(float(other.mean()), *_percentiles(other, 50, 95)),
        pairs=(len(alike), len(other)),
    )


def _equal(names: Sequence[str]) -> NDArray[np.bool_]:
    _, ids = np.unique(np.asarray(names), return_inverse=True)
    first, second = np.triu_indices(len(names), 1)
    equal: NDArray[np.bool_] = ids[first] == ids[second]
    return equal


def _percentiles(values: Doubles, low: float, high: float) -> tuple[float, float]:
    found = np.percentile(values, (low, high))
    return float(found[0]), float(found[1])


def _equal_error(same: Doubles, different: Doubles) -> tuple[float, float]:
    thresholds = np.unique(np.concatenate((same, different)))
    missed = np.searchsorted(np.sort(same), thresholds, side="left") / len(same)
    taken = 1.0 - np.searchsorted(np.sort(different), thresholds, side="left") / len(different)
    place = int(np.abs(missed - taken).argmin())
    return float((missed[place] + taken[place]) / 2.0), float(thresholds[place])
