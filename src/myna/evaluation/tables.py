"""The report as a table of words: the same rows on a terminal, on the page and in the README."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from myna.evaluation.results import Report, Row

_HEADS: tuple[tuple[str, str, Callable[[Row], str]], ...] = (
    ("sentences", "said", lambda row: str(len(row.judged))),
    ("failed", "of them, not said at all, or in silence", lambda row: str(row.failed)),
    ("WER", "words heard otherwise than written", lambda row: _percent(row.word_error)),
    ("95 %", "between these the word error lies with 95 % certainty", lambda row: _interval(row)),
    (
        "WER 2",
        "the same by the second, coarser recogniser",
        lambda row: _percent(row.share("second_errors", "words")),
    ),
    (
        "PER (own)",
        "sounds heard otherwise than written, by our own recogniser",
        lambda row: _percent(row.sound_error),
    ),
    (
        "toneless",
        "the same without regard to tones",
        lambda row: _percent(row.share("base_errors", "sounds")),
    ),
    (
        "similarity",
        "mean cosine with the speaker's other recordings",
        lambda row: _number(row.mean("similarity"), 2),
    ),
    ("MOS", "what listeners would say, 1 to 5, by proxy", lambda row: _number(row.mean("mos"), 2)),
    ("speech", "of it, the speech", lambda row: _number(row.mean("mos_speech"), 2)),
    ("backgr.", "and the background", lambda row: _number(row.mean("mos_background"), 2)),
    ("pitch Hz", "mean of what is voiced", lambda row: _number(row.mean("pitch_hz"), 0)),
    (
        "range st",
        "semitones between low and high of a sentence, 5th to 95th percentile",
        lambda row: _number(row.mean("pitch_range"), 1),
    ),
    ("RTF", "seconds that a second of speech took", lambda row: _number(row.real_time_factor, 3)),
    (
        "first ms",
        "median of milliseconds until the first sound",
        lambda row: _number(_milliseconds(row), 0),
    ),
)


_DETAILS = ("speech", "backgr.")
"""Columns for which a terminal is too narrow."""


def columns(report: Report) -> tuple[list[str], list[str], list[list[str]]]:
    """Heads, what each of them means, and rows; a column without any figure is left out.

    The first column has the names.
    """
    rows = [*report.pooled, *report.rows]
    heads, meanings, cells = ["speaker"], [""], [[_name(row) for row in rows]]
    for head, meaning, cell in _HEADS:
        found = [cell(row) for row in rows]
        if any(found):
            heads.append(head)
            meanings.append(meaning)
            cells.append(found)
    return heads, meanings, [list(row) for row in zip(*cells, strict=True)]


def lines(report: Report) -> list[str]:
    """The table for a terminal, and what to know about it."""
    heads, _, rows = columns(report)
    shown = [place for place, head in enumerate(heads) if head not in _DETAILS]
    both = [[row[place] for place in shown] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*both, strict=True)]
    table = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in both
    ]
    return [table[0], "-" * max(map(len, table)), *table[1:], "", *remarks(report)]


def remarks(report: Report) -> list[str]:
    """What the figures mean, in sentences."""
    found = [f"{name}: {who}." for name, who in report.judges.items()]
    if known := report.likeness:
        same = "" if known.same is None else f"; of one speaker, {known.same:.2f} on average"
        found.append(
            f"Recordings of two speakers have a similarity of {known.different:.2f} on average, "
            f"95 % of them below {known.different_95:.2f}{same} ({known.speakers} speakers)."
        )
        found += _compared(report.rows, known.different_95)
    if failed := sum(row.failed for row in report.rows):
        found.append(
            f"{failed} sentences were not said, or in silence; they count as wholly wrong."
        )
    loads = [row.load for row in report.rows if row.load is not None]
    if loads:
        found.append(
            f"Times were taken at a mean load of {min(loads):.1f} to {max(loads):.1f} on "
            f"{report.facts['cores']} cores."
        )
    return found


def _compared(rows: Sequence[Row], limit: float) -> list[str]:
    judged = [(row, row.mean("similarity")) for row in rows if row.kind != "recordings"]
    known = [(row.name, value) for row, value in judged if value is not None]
    above = [name for name, value in known if value > limit]
    below = [name for name, value in known if value <= limit]
    found = [f"More like the speaker than that: {', '.join(above)}."] if above else []
    return found + ([f"Not more like the speaker than that: {', '.join(below)}."] if below else [])


def _name(row: Row) -> str:
    return f"{row.name} ({row.kind})" if row.kind == "clone" else row.name


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _interval(row: Row) -> str:
    return "" if row.interval is None else "{:.1f}-{:.1f}".format(*(100 * x for x in row.interval))


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _milliseconds(row: Row) -> float | None:
    return None if row.first_sound is None else 1000 * row.first_sound
