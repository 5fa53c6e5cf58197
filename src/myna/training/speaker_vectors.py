"""Speaker vectors that are steadier than those of single clips.

A voice is told who it is by the mean over a minute of speech; a clip of three seconds says it with
noise, and with traces of its own words, which a net would learn to read. So each clip is given the
mean over a few other clips of its speaker, drawn for it once: neither its own, nor one vector for
all, of which a set of few speakers would have too few to learn the space between them.

Letters in shapes: V speaker channels.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from myna.dataset.feature_set import FeatureRow, FeatureSet, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


def of_others(features: FeatureSet, count: int) -> Mapping[str, Floats]:
    """By clip id, the mean of the vectors (V,) of so many other clips of the same speaker.

    Fewer where there are no more; that of the clip itself where its speaker has no other.

    Args:
        features: of a family with a speaker encoder.

    Raises:
        DatasetError: features are damaged.
    """
    speakers: dict[str, list[FeatureRow]] = defaultdict(list)
    for row in features.rows:
        speakers[row.clip.speaker].append(row)
    found = {}
    for rows in speakers.values():
        vectors = np.stack([load(row.path, ("speaker",))["speaker"] for row in rows])
        for place, row in enumerate(rows):
            others = _drawn(row.clip.id, place, len(rows), count)
            found[row.clip.id] = vectors[others].mean(0, dtype=np.float32)
    return found


def _drawn(key: str, place: int, total: int, count: int) -> NDArray[np.int64]:
    if total == 1:
        return np.array([place])
    seed = hashlib.blake2b(key.encode(), digest_size=8).digest()
    draw = np.random.default_rng(int.from_bytes(seed, "little"))
    others = draw.choice(total - 1, min(count, total - 1), replace=False)
    return np.asarray(others + (others >= place))
