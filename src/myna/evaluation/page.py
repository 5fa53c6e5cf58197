"""The report as a page to look at and listen to: `report.html` beside the sentences.

It has the look of the page about a prepared set, and like that one fetches nothing but the audio
beside it.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from myna.dataset import report_page as html
from myna.evaluation.results import Judged, Report
from myna.evaluation.tables import columns, remarks
from myna.files import replacing, save_json

PAGE, RESULTS = "report.html", "results.json"

_COMPARED = 8
"""Sentences that all speakers are heard with, side by side."""

_STYLE = """<style>
.names th:first-child, .names td:first-child { position: sticky; left: 0; white-space: nowrap;
  background: var(--paper); }
.line::before { content: "\\25b8\\00a0"; color: var(--soft); }
[open] > summary > .line::before { content: "\\25be\\00a0"; }
</style>"""
"""Names stay in sight while a wide table is moved, and lines that open are marked."""


def write(folder: str | Path, report: Report) -> Path:
    """Write `report.html` and `results.json` into the folder of a report; each whole or not at all.

    Raises:
        OSError: one cannot be written.
    """
    folder = Path(folder)
    save_json(folder / RESULTS, report.as_dict())
    sections = [
        _STYLE,
        html.title("How well it speaks", f"Evaluation, {report.language}"),
        _table(report),
        html.section("What this means", *(html.paragraph(line) for line in remarks(report))),
        _side_by_side(report),
        _speakers(report),
        _facts(report),
    ]
    path = folder / PAGE
    with replacing(path) as temporary:
        whole = html.page("How well it speaks", sections)
        temporary.write_text(whole, encoding="utf-8", newline="\n")
    return path


def _table(report: Report) -> str:
    heads, meanings, rows = columns(report)
    legend = [[head, meaning] for head, meaning in zip(heads[1:], meanings[1:], strict=True)]
    table = html.table(heads, rows, numbers=len(heads) - 1)
    means = html.folded(_line("What the columns are"), html.table(["", "is"], legend))
    return f'<div class="names">{table}</div>{means}'


def _side_by_side(report: Report) -> str:
    """The first sentences that several speakers said, by all of them."""
    said: dict[str, list[tuple[str, Judged]]] = defaultdict(list)
    for row in report.rows:
        for each in row.judged:
            said[each.text].append((row.name, each))
    several = [(text, heard) for text, heard in said.items() if len(heard) > 1][:_COMPARED]
    parts = [
        html.folded(
            _line(text),
            *(html.clip([name, _found(each)], each.audio) for name, each in heard),
            opened=not place,
        )
        for place, (text, heard) in enumerate(several)
    ]
    return html.section("The same sentence by all", *parts)


def _speakers(report: Report) -> str:
    """The sentences of each, those that went worst first."""
    parts = []
    for row in report.rows:
        worst = sorted(row.judged, key=_badness, reverse=True)
        wrong = row.word_error if row.word_error is not None else row.sound_error
        share = row.failed / len(worst) if wrong is None else wrong
        clips = [html.clip([f"“{each.text}”", _found(each)], each.audio) for each in worst]
        parts.append(html.folded(html.bar(row.name, share, f"{share:.0%} wrong"), *clips))
    return html.section("By speaker, worst sentences first", *parts)


def _line(text: str) -> str:
    return f'<span class="line">{html.escape(text)}</span>'


def _badness(each: Judged) -> float:
    """Share of words wrong, or of sounds where there are none."""
    for errors, whole in (("word_errors", "words"), ("sound_errors", "sounds")):
        if each.measures.get(whole):
            return each.measures[errors] / each.measures[whole]
    return float(bool(each.trouble))


def _found(each: Judged) -> str:
    """What was found of a sentence, in a line."""
    parts = [f"Not said: {each.trouble}"] if each.trouble else []
    if each.heard is not None:
        parts.append(f"heard: {each.heard or '(nothing)'}")
    for errors, whole, what in (
        ("word_errors", "words", "words"),
        ("sound_errors", "sounds", "sounds"),
    ):
        if whole in each.measures and errors in each.measures:
            parts.append(f"{each.measures[errors]:g} of {each.measures[whole]:g} {what} wrong")
    for name, what in (("similarity", "similarity"), ("mos", "MOS")):
        if name in each.measures:
            parts.append(f"{what} {each.measures[name]:.2f}")
    return "; ".join([*parts, each.note] if each.note else parts)


def _facts(report: Report) -> str:
    rows = [[name, str(value)] for name, value in report.facts.items()]
    return html.section("How it was made", html.table(["", "value"], rows))
