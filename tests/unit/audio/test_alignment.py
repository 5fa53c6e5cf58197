"""Forced alignment against every way there is, at a size where these can be listed."""

from __future__ import annotations

from itertools import groupby, pairwise, product

import numpy as np
import pytest

from myna.audio.alignment import (
    PAUSE,
    Placed,
    doubts,
    edit_distance,
    extents,
    forced,
    free,
    scrambled,
)
from myna.errors import AudioError


def frames(count, sounds, seed):
    x = np.random.default_rng(seed).normal(0, 2, (count, sounds))
    return (x - np.log(np.exp(x).sum(1, keepdims=True))).astype(np.float32)


def says(way):
    return [sound for sound, _ in groupby(way) if sound != PAUSE]


@pytest.mark.parametrize("text", [[1], [1, 2], [2, 2], [1, 2, 1], [1, 1, 2]])
@pytest.mark.parametrize("seed", range(3))
def test_forced_is_the_best_of_all_ways_that_say_the_text(text, seed):
    x = frames(6, 3, seed)
    ways = [way for way in product(range(3), repeat=6) if says(way) == text]
    costs = [-float(x[np.arange(6), way].astype(np.float64).sum()) for way in ways]
    path = forced(x, text)
    best = ways[int(np.argmin(costs))]
    assert path.cost == pytest.approx(min(costs))
    assert [each.sound for each in path.placed] == text
    named = {frame for each in path.placed for frame in range(each.start, each.end)}
    assert named == {frame for frame in range(6) if best[frame] != PAUSE}
    for each in path.placed:
        assert set(best[each.start : each.end]) == {each.sound}
        mean = x[each.start : each.end, each.sound].mean()
        assert each.log_probability == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_free_is_the_best_of_all_ways_and_forcing_it_costs_the_same(seed):
    x = frames(40, 5, seed)
    path = free(x)
    assert path.cost == pytest.approx(-x.max(1).astype(np.float64).sum())
    said = [each.sound for each in path.placed]
    assert said == says(x.argmax(1))
    assert forced(x, said).cost == pytest.approx(path.cost)


def test_doubts_add_up_to_the_difference_of_the_costs():
    x = frames(30, 5, 1)
    path = forced(x, [1, 3, 3, 2])
    found = doubts(x, path)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(path.cost - free(x).cost, rel=1e-5)
    assert not doubts(x, free(x)).any()


def test_scrambled_texts_have_the_same_sounds_in_other_orders():
    found = scrambled([1, 2, 3, 4, 5])
    assert found == [[5, 4, 3, 2, 1], [3, 4, 5, 1, 2], [2, 1, 5, 4, 3]]


def test_a_pause_between_equal_sounds_is_needed():
    x = frames(3, 2, 0)
    assert [(each.start, each.end) for each in forced(x, [1, 1]).placed] == [(0, 1), (2, 3)]
    with pytest.raises(AudioError, match="too few for 2 sounds"):
        forced(x[:2], [1, 1])


def test_nothing_but_pauses_is_no_sound():
    assert free(np.log(np.array([[0.9, 0.1]] * 4, np.float32))).placed == ()


@pytest.mark.parametrize(
    ("said", "meant", "distance"),
    [("", "", 0), ("abc", "abc", 0), ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "b", 2)],
)
def test_edit_distance(said, meant, distance):
    assert edit_distance(said, meant) == distance
    assert edit_distance(meant, said) == distance


class TestExtents:
    """Three sounds, each a level in a band of its own; silence around them."""

    borders = (30, 47, 62, 90)

    def bands(self, pause=0):
        x = np.full((130 + pause, 6), -9.0, np.float32)
        first, second, third, last = self.borders
        x[first:second, 0] = 3.0
        x[second:third, 2] = 3.0
        x[third + pause : last + pause, 4] = 3.0
        return x

    def placed(self, *frames):
        return [Placed(number + 1, frame, frame + 1, 0.0) for number, frame in enumerate(frames)]

    @pytest.mark.parametrize("frames", [(18, 27, 35), (16, 25, 40), (22, 29, 43)])
    def test_borders_are_where_the_spectrum_changes_wherever_sounds_are_named(self, frames):
        found = np.array(extents(self.placed(*frames), self.bands()))
        np.testing.assert_allclose(found[:, 0], self.borders[:3], atol=2)
        np.testing.assert_allclose(found[:, 1], self.borders[1:], atol=2)

    def test_a_pause_belongs_to_nobody(self):
        (_, _), (_, end), (start, _) = extents(self.placed(18, 27, 45), self.bands(pause=20))
        assert (end, start) == (62, 82)

    def test_without_silence_the_edges_are_a_guess_inside_the_recording(self):
        loud = np.zeros((40, 6), np.float32)
        found = extents(self.placed(2, 18), loud)
        assert found[0][0] == 0
        assert found[-1][1] <= 40
        assert all(start < end for start, end in found)

    @pytest.mark.parametrize("count", [97, 98, 99, 100])
    def test_sounds_named_in_every_frame_stay_apart(self, count):
        bands = np.random.default_rng(1).normal(-4, 2, (count, 6)).astype(np.float32)
        placed = self.placed(*range(2 * (-(-count // 4))))
        found = extents(placed, bands)
        for (start, end), each in zip(found, placed, strict=True):
            assert start <= 2 * each.start < end
        assert all(one[1] <= other[0] for one, other in pairwise(found))

    def test_no_sounds_have_no_extents(self):
        assert extents([], self.bands()) == []
