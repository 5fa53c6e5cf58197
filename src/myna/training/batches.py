"""Which examples make which batch, computed from the seed and the epoch alone.

A batch is that of the whole run, however many processes share it: each takes some of its rows, and
may take them in several pieces. So a run on two GPUs takes the steps of a run on one.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeAlias, TypeVar

import numpy as np

from myna.errors import TrainingError
from myna.training.task import Examples, LoopSettings

T = TypeVar("T")

Rows: TypeAlias = tuple[int, ...]
"""Indices of examples, the longest first."""

_BUCKET = 1.1
"""Examples whose lengths differ by less than this factor are shuffled among each other."""


def plan(lengths: Sequence[int], settings: LoopSettings, epoch: int) -> tuple[Rows, ...]:
    """The batches of an epoch, in order; every example is in exactly one.

    A batch holds at most `settings.most_rows` rows, and its rows times the longest of them are at
    most `settings.budget`. Lengths within a batch are close, so that little is padding.
    """
    random = np.random.default_rng([settings.seed, epoch])
    shuffled = random.permutation(len(lengths))
    ordered = sorted(shuffled.tolist(), key=lambda index: _bucket(lengths[index]))
    batches: list[list[int]] = []
    longest = 0
    for index in ordered:
        longest = max(longest, lengths[index])
        rows = len(batches[-1]) + 1 if batches else 0
        if not batches or rows > settings.most_rows or rows * longest > settings.budget:
            batches.append([])
            longest = lengths[index]
        batches[-1].append(index)
    return tuple(
        tuple(sorted(batches[place], key=lambda index: (-lengths[index], index)))
        for place in random.permutation(len(batches)).tolist()
    )


def from_place(
    lengths: Sequence[int], settings: LoopSettings, epoch: int, place: int
) -> Iterator[tuple[int, int, Rows]]:
    """Epoch, place in it and rows of every batch from this one on, without end."""
    while True:
        batches = plan(lengths, settings, epoch)
        for at in range(place, len(batches)):
            yield epoch, at, batches[at]
        epoch, place = epoch + 1, 0


def share(rows: Sequence[T], rank: int, world: int) -> Sequence[T]:
    """What one of `world` processes takes of a batch; all take rows of about the same lengths."""
    return rows[rank::world]


def cut(rows: Sequence[T], pieces: int) -> list[Sequence[T]]:
    """Consecutive parts of nearly one size, none of them empty: `pieces`, or one for each row."""
    count = min(pieces, len(rows))
    ends = [len(rows) * piece // count for piece in range(count + 1)]
    return [rows[start:end] for start, end in pairwise(ends)]


def check(examples: Examples, settings: LoopSettings) -> None:
    """Check that every example fits a batch.

    Raises:
        TrainingError: there are none, or one is longer than the budget; the message names it.
    """
    if not len(examples):
        raise TrainingError(
            "There is nothing to train on: the set has no examples. Look at the report of the "
            "preparation for why clips were dropped."
        )
    for index, length in enumerate(examples.lengths):
        if length > settings.budget:
            raise TrainingError(
                f"The example {examples[index]['key']} has a length of {length}, more than a batch "
                f"may hold ({settings.budget}). Raise `budget`, or leave the example out."
            )


def ahead(source: Iterator[T]) -> Generator[T, None, None]:
    """The same items; each is made in a thread while the one before is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="myna-batches") as thread:
        nothing = object()
        coming = thread.submit(next, source, nothing)
        while (item := coming.result()) is not nothing:
            coming = thread.submit(next, source, nothing)
            yield item  # type: ignore[misc]


def _bucket(length: int) -> int:
    return int(math.log(max(length, 1), _BUCKET))
