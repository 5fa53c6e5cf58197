"""Let the places of phones cover the whole text, so that every character belongs to one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from myna.datatypes import Span


def covering(spans: Sequence[Span], source: str, whole: Span) -> list[Span]:
    """Spans that together cover all of `source` in `whole`, but for spaces.

    Characters that no phone came from, such as quotes, go to the phones before them, or to the
    first ones. Starts and ends never decrease. Phones that were put in have empty spans.
    """
    covered = list(spans)
    if not covered:
        return covered
    groups = [
        list(indices)
        for (start, end), indices in groupby(range(len(spans)), key=spans.__getitem__)
        if start < end
    ] or [list(range(len(spans)))]
    reached = whole[0]
    for number, group in enumerate(groups):
        start, end = spans[group[0]]
        gap = source[reached:start]
        if gap.strip() and number:
            _set(covered, groups[number - 1], end=reached + len(gap.rstrip()))
        elif gap.strip():
            first = start - len(gap.lstrip())
            _set(covered, group, start=first)
            covered[: group[0]] = [(first, first)] * group[0]
        reached = max(reached, end)
    rest = source[reached : whole[1]].rstrip()
    if rest:
        _set(covered, groups[-1], end=reached + len(rest))
    start = end = whole[0]
    for i, span in enumerate(covered):
        start, end = max(start, span[0]), max(end, *span)
        covered[i] = (start, max(start, end))
    return covered


def _set(
    spans: list[Span], group: list[int], *, start: int | None = None, end: int | None = None
) -> None:
    for i in group:
        first, last = spans[i]
        spans[i] = (
            first if start is None else min(first, start),
            last if end is None else max(last, end),
        )
