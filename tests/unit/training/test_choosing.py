"""The best checkpoint: a rule on numbers, with the figures that say why."""

from __future__ import annotations

import math
import random

import pytest

from myna.errors import ConfigError, TrainingError
from myna.training.choosing import MEASURES, Candidate, Preferences, choose


def candidate(
    step: int,
    loss: float | None = None,
    error: float | None = None,
    similarity: float | None = None,
) -> Candidate:
    return Candidate(
        name=f"s{step}",
        step=step,
        held_out_loss=loss,
        recognition_error=error,
        similarity=similarity,
    )


def test_one_measure_decides_alone():
    assert choose([candidate(1, 3.0), candidate(2, 2.0), candidate(3, 2.5)]).best.step == 2
    errors = [candidate(1, error=0.3), candidate(2, error=0.1), candidate(3, error=0.2)]
    assert choose(errors).best.step == 2
    alike = [candidate(1, similarity=0.5), candidate(2, similarity=0.9)]
    assert choose(alike).best.step == 2


def test_measures_are_weighed_against_each_other():
    # 2 % of loss, 2 % of words and 0.02 of similarity are worth the same.
    clear = candidate(10, 2.00, 0.05, 0.70)
    alike = candidate(20, 2.04, 0.05, 0.80)
    choice = choose([clear, alike])
    assert choice.best is alike
    assert choice.table[0].regrets == pytest.approx(
        dict(zip(MEASURES, (1.0, 0.0, 0.0), strict=True))
    )
    assert choice.table[1].regrets == pytest.approx(
        dict(zip(MEASURES, (0.0, 0.0, 5.0), strict=True))
    )
    assert choose([clear, alike], Preferences(weights=(10.0, 1.0, 1.0))).best is clear


def test_what_cannot_be_understood_is_out_however_alike():
    good = candidate(10, 2.5, 0.05, 0.5)
    babble = candidate(20, 1.0, 0.20, 0.99)
    choice = choose([good, babble])
    assert choice.best is good
    assert choice.table[1].out == "recognition error 20.0% where the best has 5.0%"
    assert choose([good, babble], Preferences(worst_error=0.5)).best is babble


def test_of_equals_the_earliest_wins():
    later = candidate(900, 2.000)
    earlier = candidate(300, 2.012)
    assert choose([later, earlier]).best is later
    assert choose([later, candidate(300, 2.005)]).best.step == 300
    assert choose([later, earlier], Preferences(tie=0.5)).best is earlier
    assert choose([later, earlier], Preferences(tie=0.0)).best is later


def test_a_measure_that_some_lack_does_not_count():
    choice = choose([candidate(1, 2.0, 0.5), candidate(2, 1.0)])
    assert choice.counted == ("held_out_loss",)
    assert choice.best.step == 2


def test_what_went_astray_is_out():
    choice = choose([candidate(1, math.nan), candidate(2, 5.0), candidate(3, math.inf)])
    assert choice.best.step == 2
    assert [row.candidate.step for row in choice.table] == [2, 1, 3]
    assert choice.table[1].out == "held_out_loss is nan"
    assert not choice.table[1].regrets
    with pytest.raises(TrainingError, match="s1: held_out_loss is nan"):
        choose([candidate(1, math.nan)])


def test_a_candidate_that_loses_does_not_change_who_wins():
    draw = random.Random(3)
    for _ in range(200):
        field = [
            candidate(n, 2 + draw.random(), 0.05 * draw.random(), 0.6 + 0.3 * draw.random())
            for n in range(6)
        ]
        best = choose(field, Preferences(tie=0.0)).best
        worse = candidate(99, 9.0, 0.05, 0.1)
        assert choose([*field, worse], Preferences(tie=0.0)).best is best


def test_order_changes_nothing():
    field = [candidate(n, 2 + n % 3, 0.01 * n, 0.7) for n in range(6)]
    assert choose(field).best is choose(field[::-1]).best


def test_the_table_tells_all_figures():
    choice = choose([candidate(100, 2.5, 0.05, 0.81), candidate(200, 2.25, 0.30, None)])
    assert choice.reason == "s100 (held out loss 2.5, recognition error 0.05) has a regret of " + (
        "0.00 and is the only one."
    )
    lines = choice.as_text().splitlines()
    assert lines[0].split() == ["step", "loss", "error", "similarity", "regret"]
    assert lines[1].split() == ["s100", "100", "2.5", "0.05", "0.81", "0.00", "chosen"]
    assert lines[2].split()[:6] == ["s200", "200", "2.25", "0.3", "-", "out"]


def test_a_loss_may_be_negative_or_zero():
    assert choose([candidate(1, -3.0), candidate(2, -4.0)]).best.step == 2
    assert choose([candidate(1, 0.1), candidate(2, 0.0)]).best.step == 2


@pytest.mark.parametrize(
    ("candidates", "why"),
    [
        ([], "no checkpoint"),
        ([candidate(1), candidate(2)], "cannot be compared"),
        ([candidate(1, 2.0), candidate(2, None, 0.1)], "cannot be compared"),
        ([candidate(1, 2.0), candidate(1, 3.0)], "one name"),
    ],
)
def test_what_cannot_be_chosen_from(candidates, why):
    with pytest.raises(TrainingError, match=why):
        choose(candidates)


@pytest.mark.parametrize(
    "wrong",
    [{"loss": 0.0}, {"weights": (0.0, 0.0, 0.0)}, {"weights": (-1.0, 1.0, 1.0)}, {"tie": -1.0}],
)
def test_preferences_are_checked(wrong):
    with pytest.raises(ConfigError):
        Preferences(**wrong)
