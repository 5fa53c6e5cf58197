"""The check against learning by heart: speech that copies is told from speech that does not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from myna.errors import ConfigError
from myna.training.memorisation import (
    Limits,
    advice,
    copied_share,
    longest_copy,
    memorisation,
)

DRAW = np.random.default_rng(7)
STATES = DRAW.dirichlet(np.full(60, 0.05), size=60)
"""Which token follows which: few, as in speech."""


def speech(length: int, seed: int) -> np.ndarray:
    """Tokens that repeat themselves as those of speech do."""
    draw, line = np.random.default_rng(seed), [0]
    while len(line) < length:
        line.append(int(draw.choice(60, p=STATES[line[-1]])))
    return np.array(line)


TRAINING = [speech(100, seed) for seed in range(8)]
HELD_OUT = [speech(100, seed) for seed in range(100, 103)]


def brute_force(tokens: list[int], training: list[list[int]]) -> int:
    return max(
        (
            size
            for size in range(len(tokens) + 1)
            for at in range(len(tokens) - size + 1)
            if any(
                tokens[at : at + size] == one[start : start + size]
                for one in training
                for start in range(len(one) - size + 1)
            )
        ),
        default=0,
    )


def test_longest_copy_is_what_trying_all_finds():
    draw = np.random.default_rng(0)
    for _ in range(30):
        tokens = draw.integers(0, 3, draw.integers(1, 12)).tolist()
        training = [draw.integers(0, 3, draw.integers(1, 9)).tolist() for _ in range(3)]
        assert longest_copy(tokens, training) == brute_force(tokens, training)


def test_a_copy_does_not_go_on_from_clip_to_clip():
    assert longest_copy([1, 2, 3, 4], [[1, 2], [3, 4]]) == 2


def test_copied_share_counts_pieces():
    line = list(range(20))
    assert copied_share([line], [line]) == 1.0
    assert copied_share([line], [line[:10]]) == 3 / 13
    assert copied_share([line[:7]], [line]) == 0.0


def test_free_speech_of_the_same_kind_is_not_memorised():
    for seed in range(5):
        generated = [speech(120, 500 + 10 * seed + n) for n in range(3)]
        report = memorisation(generated=generated, training=TRAINING, held_out=HELD_OUT)
        assert report.verdict == "no", report
        assert report.chance_run is not None
        assert report.longest_run is not None
        assert abs(report.longest_run - report.chance_run) < 10


def test_recited_clips_are_memorised():
    report = memorisation(generated=[TRAINING[2]], training=TRAINING, held_out=HELD_OUT)
    assert report.verdict == "strong"
    assert report.longest_run == 100
    assert report.copied_share == 1.0


def test_one_second_recited_within_free_speech_is_noticed():
    generated = [np.concatenate([speech(60, 900), TRAINING[1][30:60], speech(60, 901)])]
    report = memorisation(generated=generated, training=TRAINING, held_out=HELD_OUT)
    assert report.verdict in {"some", "strong"}
    assert any("longest run" in reason for reason in report.reasons)


def test_silence_that_repeats_is_no_copy():
    quiet = np.zeros(20, dtype=np.int64)
    training = [np.concatenate([one, quiet]) for one in TRAINING]
    held_out = [np.concatenate([one, quiet]) for one in HELD_OUT]
    generated = [np.concatenate([speech(100, 600), quiet])]
    assert memorisation(generated=generated, training=training, held_out=held_out).verdict == "no"
    assert memorisation(generated=generated, training=training).verdict != "no"


def test_chance_of_even_tokens_is_as_computed():
    draw = np.random.default_rng(4)
    training = [draw.integers(0, 500, 700) for _ in range(5)]
    said = [draw.integers(0, 500, 300)]
    report = memorisation(generated=said, training=training)
    assert report.chance_run == pytest.approx(np.log(300 * 3500) / np.log(500), rel=0.02)
    assert report.verdict == "no"
    assert report.chance_share is None


@pytest.mark.parametrize(
    ("train", "held", "verdict"),
    [(2.0, 2.1, "no"), (2.2, 2.0, "no"), (1.4, 2, "some"), (0.2, 2, "strong")],
)
def test_the_gap_between_losses(train, held, verdict):
    report = memorisation(train_loss=train, held_out_loss=held)
    assert report.verdict == verdict
    assert report.gap == pytest.approx(1 - train / held)
    assert report.longest_run is None


def test_the_worse_of_the_two_sides_decides():
    report = memorisation(
        train_loss=2.0, held_out_loss=2.0, generated=[TRAINING[0]], training=TRAINING
    )
    assert report.verdict == "strong"
    assert len(report.reasons) == 3


def test_advice_is_stronger_for_less_speech():
    levels = [advice(seconds) for seconds in (10, 60, 300, 3600)]
    for less, more in pairwise(levels):
        assert less.dropout >= more.dropout
        assert less.decay >= more.decay
        assert less.steps < more.steps
        assert less.augmentation > more.augmentation
    assert advice(29.9) == levels[0] != advice(30.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"train_loss": 1.0},
        {"generated": [[1, 2]]},
        {"train_loss": 1.0, "held_out_loss": 0.0},
        {"train_loss": float("nan"), "held_out_loss": 1.0},
        {"generated": [[-1, 2]], "training": [[1]]},
    ],
)
def test_what_cannot_be_judged(wrong):
    with pytest.raises(ConfigError):
        memorisation(**wrong)


def test_limits_are_checked():
    with pytest.raises(ConfigError):
        Limits(gap=(0.5, 0.2))
    with pytest.raises(ConfigError, match="needs some"):
        advice(0)
