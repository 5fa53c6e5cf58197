"""Clips to train our recogniser on, and phrases joined of those that are single words.

Letters in shapes: F frames of the filter bank, K bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from myna.training.task import Example, Examples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_QUIET = 7.0
"""Frames this far below the loudest, in log power (30 dB), are silence before or after a word."""
_JOINT = (2, 9)
"""Frames of silence kept on each side of a joined clip: at least, and fewer than."""


def least_frames(sounds: Sequence[int]) -> int:
    """Frames of the filter bank that so many sounds need, with a pause between equal ones.

    A clip with fewer cannot say its text.
    """
    repeats = sum(a == b for a, b in pairwise(sounds))
    return 2 * (len(sounds) + repeats)


class Clips(Examples):
    """Examples in memory."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        return self._examples[index]

    @property
    def lengths(self) -> Sequence[int]:
        """In frames."""
        return [len(each["bands"]) for each in self._examples]


class Together(Examples):
    """Several sets of examples, one behind the other; keys get the number of their set."""

    def __init__(self, sets: Sequence[Examples]) -> None:
        self._sets = sets
        self._ends = list(accumulate(len(each) for each in sets))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Example:
        number = int(np.searchsorted(self._ends, index, side="right"))
        before = self._ends[number - 1] if number else 0
        found = self._sets[number][index - before]
        return {**found, "key": f"{number}:{found['key']}"}

    @property
    def lengths(self) -> Sequence[int]:
        """In frames."""
        return [length for each in self._sets for length in each.lengths]


class Joined(Examples):
    """Phrases made of short clips, which lose most of the silence at their ends.

    Args:
        examples: with `key`, `bands` (F, K) and `sounds`.
        words: clips in a phrase: at least, and at most.
        seed: another seed joins others.
    """

    def __init__(self, examples: Sequence[Example], words: tuple[int, int], seed: int) -> None:
        self._examples = examples
        self._inside = [_without_silence(each["bands"]) for each in examples]
        draw = np.random.default_rng(seed)
        order = draw.permutation(len(examples)).tolist()
        self._groups: list[list[int]] = []
        while order:
            count = int(draw.integers(words[0], words[1] + 1))
            self._groups.append(order[:count])
            order = order[count:]
        self._margins = [draw.integers(*_JOINT, (len(group), 2)) for group in self._groups]

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Example:
        members = [self._examples[member] for member in self._groups[index]]
        parts = [
            each["bands"][start:end]
            for each, (start, end) in zip(members, self._cuts(index), strict=True)
        ]
        return {
            "key": "+".join(each["key"] for each in members),
            "bands": np.concatenate(parts),
            "sounds": [sound for each in members for sound in each["sounds"]],
        }

    @property
    def lengths(self) -> Sequence[int]:
        """In frames."""
        return [sum(end - start for start, end in self._cuts(index)) for index in range(len(self))]

    def _cuts(self, index: int) -> list[tuple[int, int]]:
        cuts = []
        for member, (before, after) in zip(self._groups[index], self._margins[index], strict=True):
            start, end = self._inside[member]
            cuts.append((max(0, start - int(before)), end + int(after)))
        return [
            (start, min(end, len(self._examples[member]["bands"])))
            for member, (start, end) in zip(self._groups[index], cuts, strict=True)
        ]


def _without_silence(bands: Floats) -> tuple[int, int]:
    """First frame that is no silence, and one past the last."""
    loudness = bands.astype(np.float32).max(1)
    loud = np.flatnonzero(loudness > np.percentile(loudness, 98) - _QUIET)
    return int(loud[0]), int(loud[-1]) + 1
