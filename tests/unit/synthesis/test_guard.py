"""When a sentence is said again, and which of its takes is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from myna.datatypes import Audio, Guard, Sampling
from myna.engines.base import TokenRequest
from myna.engines.drawing import Drawing, most_tokens
from myna.errors import ConfigError
from myna.specs import FAMILIES
from myna.synthesis.coverage import Coverage
from myna.synthesis.guard import Attempts, Take, bounded, part

LEAST = -2.0
AUDIO = Audio(np.zeros(10, np.float32), 16_000)


def heard(score=-0.5, *, share=1.0, extra=0, leaked=False):
    missing = () if share == 1 else ((0, 3),)
    return Coverage(
        share=share, missing=missing, extra=extra, leaked=leaked, score=score, start=0.0, end=1.0
    )


def take(coverage, *, tokens=50, phones=20, ended=True):
    return Take(audio=AUDIO, tokens=tokens, phones=phones, ended=ended, coverage=coverage)


def tried(takes, guard=None):
    """The best of these takes, and how many retries were asked for."""
    attempts = Attempts(guard or Guard(), LEAST)
    while not attempts.done:
        attempts.add(takes[attempts.next])
    return takes.index(attempts.best), attempts.retries


def test_a_good_take_is_the_only_one():
    assert tried([take(heard())]) == (0, 0)


@pytest.mark.parametrize(
    "bad",
    [
        take(heard(share=0.8)),
        take(heard(extra=4)),
        take(heard(extra=8, leaked=True)),
        take(heard(score=-2.5)),
        take(heard(), ended=False),
        take(heard(), tokens=10),
        take(heard(), tokens=400),
        take(None, ended=False),
        take(None, tokens=10),
        take(None, tokens=400),
    ],
)
def test_a_bad_take_is_made_again_until_one_is_good(bad):
    good = take(bad.coverage and heard())
    assert tried([bad, good]) == (1, 1)
    assert tried([bad, bad, good]) == (2, 2)


def test_the_budget_is_kept_and_the_best_is_used():
    takes = [take(heard(score, share=0.9)) for score in (-1.2, -0.9, -1.1, -0.1)]
    assert tried(takes, Guard(retries=2)) == (1, 2)
    assert tried(takes, Guard(retries=3)) == (3, 3)
    assert tried(takes, Guard(retries=0)) == (0, 0)


def test_the_wish_for_clear_speech_is_a_setting():
    takes = [take(heard(score)) for score in (-1.0, -0.7, -0.9)]
    assert tried(takes) == (0, 0)
    assert tried(takes, Guard(least_score=-0.8)) == (1, 1)
    assert tried(takes, Guard(least_score=-0.5)) == (1, 2)


def test_without_checks_nothing_is_tried_again():
    assert tried([take(heard(share=0.1), ended=False)], Guard(check=False)) == (0, 0)


def test_a_leak_or_an_open_end_is_worse_than_unclear_words():
    unclear = take(heard(score=-3.0))
    for worse in (take(heard(leaked=True, extra=9)), take(heard(), ended=False)):
        assert tried([worse, unclear], Guard(retries=1)) == (1, 1)
        assert tried([unclear, worse], Guard(retries=1)) == (0, 1)


def test_a_whole_take_is_better_than_one_that_lacks_a_word():
    lacking, whole = take(heard(score=-2.2, share=0.9)), take(heard(score=-2.3))
    assert tried([lacking, whole], Guard(retries=1)) == (1, 1)


def test_where_nobody_can_listen_the_first_of_equals_is_used():
    endless = take(None, ended=False, tokens=1000)
    long = take(None, tokens=1000)
    assert tried([endless, endless, endless]) == (0, 2)
    assert tried([endless, long, endless]) == (1, 2)
    assert tried([take(None)]) == (0, 0)


def test_takes_may_come_in_turns():
    attempts = Attempts(Guard(retries=1), LEAST)
    assert (attempts.next, attempts.done) == (0, False)
    attempts.add(take(heard(share=0.5)))
    assert (attempts.next, attempts.done, attempts.retries) == (1, False, 0)
    second = take(heard())
    attempts.add(second)
    assert (attempts.done, attempts.retries) == (True, 1)
    assert attempts.best is second


def test_each_attempt_at_each_sentence_has_its_own_chance():
    parts = {part(sentence, attempt) for sentence in range(50) for attempt in range(17)}
    assert len(parts) == 50 * 17
    assert [part(sentence, 0) for sentence in range(3)] == [0, 1, 2]
    from myna.engines.randomness import Purpose, Stream

    last = part((1 << 20) - 1, 16)
    assert Stream(1, last, Purpose.TOKENS).uniform(1) != Stream(1, 0, Purpose.TOKENS).uniform(1)


@pytest.mark.parametrize("settings", [{"retries": 17}, {"retries": -1}, {"least_score": 1.0}])
def test_settings_are_checked(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Guard(**settings)


def test_a_take_can_neither_end_too_early_nor_go_on_for_ever():
    request = TokenRequest(phones=np.zeros(30, np.int64), sampling=Sampling(longest_seconds=60.0))
    found = bounded(request, 20)
    assert found.least == 14
    assert found.sampling.longest_seconds == pytest.approx((12 * 20 + 51) / 25)
    short = bounded(replace(request, sampling=Sampling(longest_seconds=2.0)), 20)
    assert short.sampling.longest_seconds == 2.0
    spec = FAMILIES["v2"].token_model
    ending = np.full(spec.codes + 1, -50.0, np.float32)
    ending[spec.end] = 50.0
    drawing = Drawing(found, spec)
    for _ in range(20):
        if drawing.done:
            break
        drawing.take(ending.copy())
    assert drawing.count == 14
    assert drawing.result().ended


def test_what_lasts_too_long_is_as_bad_if_it_is_cut_off():
    request = bounded(TokenRequest(phones=np.zeros(20, np.int64), sampling=Sampling()), 20)
    tokens = most_tokens(request, FAMILIES["v2"].token_model)
    assert not take(heard(), tokens=tokens).lasts
    assert take(heard(), tokens=tokens - 1).lasts
