"""Where the frames of speech at another speed are taken from.

Letters in shapes: E' frames at the speed asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from myna.specs import frames_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


def places(frames: int, speed: float, *, fitted: bool = True) -> Floats:
    """Of each frame at a speed, its place among `frames` ones at speed 1, in fractions: (E',).

    Args:
        frames: at least 1.
        speed: above 1 is faster.
        fitted: stretch so that the last frame falls on the last one, as published models do. If
            not, a frame's place depends on the speed alone, and not on how much is still to come.
    """
    count = frames_at(frames, speed)
    # In single precision, and in this order, since that is what was published.
    step = np.float32(frames / count if fitted else speed)
    found = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * step - np.float32(0.5)
    middle: Floats = found.clip(0, frames - 1).astype(np.float32)
    return middle
