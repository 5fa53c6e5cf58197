"""Training of the recogniser: what its batches, losses and variations promise."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.errors import ConfigError, TrainingError
from myna.specs import ConformerSpec
from myna.training.recogniser_examples import Clips, Joined, Together, least_frames
from myna.training.recogniser_task import RecogniserTask
from myna.training.recogniser_variation import VariationSettings, varied
from myna.training.task import Draws

SPEC = ConformerSpec(
    channels=4, width=24, heads=2, layers=2, feedforward=32, kernel=5, early_after=1
)
UNVARIED = VariationSettings(
    speed=(1.0, 1.0), tract=(1.0, 1.0), colour=0.0, noise_share=0.0, band_masks=0, time_masks=0.0
)


def clip(key, frames, sounds):
    draw = np.random.default_rng(len(key) + frames)
    return {
        "key": key,
        "bands": draw.normal(-4, 2, (frames, SPEC.bands)).astype(np.float16),
        "sounds": sounds,
    }


CLIPS = [clip("a", 60, [3, 100, 7]), clip("bb", 31, [9, 9]), clip("ccc", 90, [120])]


@pytest.fixture
def task():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RecogniserTask(SPEC)


def numerators(task, clips):
    batch = task.collate(clips)
    return task.losses("recogniser", batch, task.forward(batch, Draws(1, 5, batch.keys)))


def test_a_batch_in_pieces_has_the_losses_of_the_whole(task):
    whole = numerators(task, CLIPS)
    parts = [numerators(task, CLIPS[:1]), numerators(task, CLIPS[1:])]
    assert set(whole) == set(task.players[0].weights)
    for name, value in whole.items():
        torch.testing.assert_close(value, sum(part[name] for part in parts), rtol=1e-4, atol=1e-3)


def test_denominators_are_sounds_and_cover_all_terms(task):
    batch = task.collate(CLIPS)
    divided = task.denominators(batch)
    assert set(divided.values()) == {6.0}
    with torch.no_grad():
        assert set(task.evaluate(batch)) | set(numerators(task, CLIPS)) == set(divided)


def test_without_variation_training_and_evaluation_agree(task):
    task.variation = UNVARIED
    batch = task.collate(CLIPS)
    with torch.no_grad():
        torch.testing.assert_close(task.evaluate(batch)["loss"], numerators(task, CLIPS)["ctc"])


def test_loss_is_of_all_ways_to_say_the_sounds(task):
    """Against a sum over the ways of a clip short enough to list them."""
    short = clip("d", 5, [4, 2])
    batch = task.collate([short])
    with torch.no_grad():
        heard = task.net(batch["bands"], batch["lengths"])
        logs = heard.sounds[0].double()
        loss = task.evaluate(batch)["loss"]
    assert len(logs) == 4
    ways = [
        way
        for way in np.ndindex(3, 3, 3, 3)
        if [s for i, s in enumerate(way) if s and (i == 0 or way[i - 1] != s)] == [1, 2]
    ]
    ids = torch.tensor([0, 4, 2])[torch.tensor(ways)]
    each = logs[torch.arange(4), ids].sum(1)
    torch.testing.assert_close(loss.double(), -each.logsumexp(0), rtol=1e-5, atol=1e-5)


def test_it_learns(task):
    task.variation = UNVARIED
    optimiser = torch.optim.AdamW(task.nets.parameters(), lr=5e-3)
    batch = task.collate(CLIPS)
    losses = []
    for step in range(20):
        terms = task.losses("recogniser", batch, task.forward(batch, Draws(1, step, batch.keys)))
        total = sum(task.players[0].weights[name] * term for name, term in terms.items())
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        losses.append(float(total.detach()))
    assert losses[-1] < 0.2 * losses[0]


def test_impossible_clips_are_refused(task):
    with pytest.raises(TrainingError, match="says more than is heard"):
        task.collate([clip("short", 5, [1, 1])])
    for sounds in ([], [0], [SPEC.sounds]):
        with pytest.raises(TrainingError, match="from 1 to"):
            task.collate([clip("odd", 50, sounds)])


def test_samples_show_the_sounds_of_each_clip(task):
    shown = task.samples(CLIPS[:2])
    assert [each.name for each in shown] == ["a", "bb"]
    assert shown[0].picture.shape == (3, SPEC.sound_frames(60))
    assert 0 <= shown[0].picture.min() <= shown[0].picture.max() <= 1


class TestVariation:
    def test_none_changes_nothing(self):
        bands = CLIPS[0]["bands"].astype(np.float32)
        np.testing.assert_allclose(
            varied(bands, UNVARIED, 1, np.random.default_rng(0)), bands, rtol=1e-4, atol=1e-4
        )

    def test_speed_leaves_room_for_the_sounds(self):
        bands = CLIPS[0]["bands"].astype(np.float32)
        lengths = [
            len(varied(bands, VariationSettings(speed=(0.8, 2.0)), 55, np.random.default_rng(seed)))
            for seed in range(30)
        ]
        assert 55 <= min(lengths) < 60 < max(lengths) <= 75

    def test_a_longer_tract_moves_a_peak_down(self):
        bands = np.full((20, 80), -8.0, np.float32)
        bands[:, 40] = 2.0
        settings = VariationSettings(
            speed=(1.0, 1.0),
            tract=(0.8, 0.8),
            colour=0.0,
            noise_share=0.0,
            band_masks=0,
            time_masks=0.0,
        )
        moved = varied(bands, settings, 1, np.random.default_rng(0))
        mel = 1127 * np.log1p(np.array([20, 8000]) / 700)
        hertz = 700 * np.expm1((mel[0] + np.ptp(mel) / 81 * np.arange(1, 81)) / 1127)
        assert hertz[int(moved[0].argmax())] == pytest.approx(0.8 * hertz[40], rel=0.03)

    def test_noise_and_masks_stay_finite_on_silence(self):
        silence = np.full((40, 80), -15.94, np.float32)
        for seed in range(10):
            x = varied(silence, VariationSettings(), 1, np.random.default_rng(seed))
            assert x.dtype == np.float32
            assert np.isfinite(x).all()

    def test_odd_ranges_are_refused(self):
        with pytest.raises(ConfigError, match=r"speed is 0\.1"):
            VariationSettings(speed=(0.1, 1.0))


def test_a_group_of_joined_clips_has_all_their_sounds_and_little_silence():
    quiet = np.full((50, 80), -9.0, np.float16)
    words = []
    for number in range(9):
        loud = np.full((20, 80), float(number % 3), np.float16)
        words.append(
            {"key": str(number), "bands": np.concatenate((quiet, loud, quiet)), "sounds": [number]}
        )
    joined = Joined(words, (2, 3), seed=4)
    assert sorted(
        sound for each in map(joined.__getitem__, range(len(joined))) for sound in each["sounds"]
    ) == list(range(9))
    assert joined.lengths == [len(joined[index]["bands"]) for index in range(len(joined))]
    for index in range(len(joined)):
        each = joined[index]
        said = each["bands"].max(1) > -5
        assert said.sum() == 20 * len(each["sounds"])
        assert len(said) <= 36 * len(each["sounds"])
    assert [joined[i]["key"] for i in range(len(joined))] != [
        each["key"] for each in map(Joined(words, (2, 3), seed=5).__getitem__, range(3))
    ]


def test_least_frames_counts_the_pause_between_equal_sounds():
    assert least_frames([1, 2, 3]) == 6
    assert least_frames([1, 1, 3]) == 8


def test_sets_together_have_keys_of_their_own():
    both = Together((Clips(CLIPS), Clips(CLIPS[:1])))
    assert len(both) == 4
    assert [both[index]["key"] for index in range(4)] == ["0:a", "0:bb", "0:ccc", "1:a"]
    assert both.lengths == [60, 31, 90, 60]
    assert both[3]["bands"] is CLIPS[0]["bands"]
