"""Figures of many sentences, how sure they are, and what similarity means."""

from __future__ import annotations

import pytest

from myna.evaluation.results import Judged, Likeness, Report, likeness_of, row_of
from myna.evaluation.tables import columns, lines


def judged(words: int, errors: int, **more: float) -> Judged:
    measures = {"words": words, "word_errors": errors, **more}
    return Judged(text="x", language="en", spoken=2.0, measures=measures)


def test_long_sentences_weigh_more() -> None:
    row = row_of("a", "voice", [judged(1, 1), judged(9, 0)], seed=0)
    assert row.word_error == pytest.approx(0.1)
    assert row.interval is None


def test_how_sure() -> None:
    """A binomial share of 0.2 of 400 has a standard deviation of 0.02."""
    many = [judged(1, int(index % 5 == 0)) for index in range(400)]
    low, high = row_of("a", "voice", many, seed=0).interval or (0.0, 0.0)
    assert low == pytest.approx(0.2 - 1.96 * 0.02, abs=0.006)
    assert high == pytest.approx(0.2 + 1.96 * 0.02, abs=0.006)
    assert row_of("a", "voice", many, seed=0).interval == (low, high)
    assert row_of("a", "voice", many, seed=1).interval != (low, high)
    assert row_of("a", "voice", [judged(3, 1)] * 10, seed=0).interval == pytest.approx((1 / 3,) * 2)


def test_what_is_not_measured_is_none() -> None:
    row = row_of("a", "voice", [Judged(text="x", language="zh")], seed=0)
    assert row.word_error is None
    assert row.mean("similarity") is None
    assert row.real_time_factor is None
    assert row.load is None
    assert "word_error" not in row.as_dict()


def test_likeness() -> None:
    people = {"a": [1.0, 2.0], "b": [3.0], "c": [10.0]}
    found = likeness_of(people, lambda one, other: one * other)
    assert found is not None
    assert found.speakers == 3
    assert found.same == 2.0
    assert found.different == pytest.approx((3 + 10 + 6 + 20 + 30) / 5)
    assert found.different_95 == pytest.approx(28.0)
    assert likeness_of({"a": [1.0, 2.0], "b": []}, lambda one, other: one * other) is None


def test_columns_without_figures_are_left_out() -> None:
    rows = (
        row_of("good", "voice", [judged(4, 1, similarity=0.8)], seed=0),
        row_of("bad", "clone", [judged(4, 4, similarity=0.4)], seed=0),
    )
    known = Likeness(speakers=2, same=0.9, different=0.5, different_95=0.6)
    report = Report(language="en", rows=rows, pooled=(), likeness=known, judges={})
    heads, meanings, cells = columns(report)
    assert heads == ["speaker", "sentences", "failed", "WER", "similarity"]
    assert len(meanings) == len(heads)
    assert cells == [
        ["good", "1", "0", "25.0 %", "0.80"],
        ["bad (clone)", "1", "0", "100.0 %", "0.40"],
    ]
    said = lines(report)
    assert len({len(line) for line in said[:1] + said[2:4]}) == 1
    assert "More like the speaker than that: good." in said
    assert "Not more like the speaker than that: bad." in said
