"""Training of the speaker encoder: what its batches, losses and variations promise."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.errors import ConfigError, TrainingError
from myna.specs import EcapaSpec
from myna.training.speaker_examples import Stretches, Trials, apart
from myna.training.speaker_separation import separation
from myna.training.speaker_task import SpeakerTask, SpeakerTaskSettings
from myna.training.speaker_variation import SpeakerVariationSettings, another_speaker, varied
from myna.training.task import Draws

SPEC = EcapaSpec(bands=24, channels=16, scale=4, bottleneck=6, pooled=12, width=10)
UNVARIED = SpeakerVariationSettings(
    tempo=(1.0, 1.0),
    band_share=0.0,
    low_share=0.0,
    colour=0.0,
    echo_share=0.0,
    noise_share=0.0,
    loudness=0.0,
    time_masks=0.0,
    band_masks=0,
)


def voice(number, frames, seed=0):
    """Bands that move in a way of their own; nothing else tells one from another."""
    draw = np.random.default_rng([number, seed])
    way = np.random.default_rng(number).normal(size=(6, SPEC.bands))
    return (draw.normal(size=(frames, 6)) @ way - 4.0).astype(np.float16)


CLIPS = {f"s{number}": [voice(number, 90, 0), voice(number, 250, 1)] for number in range(4)}


def task(speakers=4, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SpeakerTask(SPEC, speakers, SpeakerTaskSettings(crop=(0.5, 0.8), **settings))


def stretches(**changes):
    values = {"speeds": (1.0,), "each": 8, "frames": 80, "seed": 3} | changes
    return Stretches(CLIPS, **values)


def numerators(made, examples, step=5):
    batch = made.collate(examples)
    return made.losses("encoder", batch, made.forward(batch, Draws(1, step, batch.keys)))


def test_a_batch_in_pieces_has_the_losses_of_the_whole():
    """But for what compares recordings with each other, which evaluation mode leaves alone."""
    made, examples = task(), [stretches()[index] for index in range(6)]
    made.nets.eval()
    whole = numerators(made, examples)
    parts = [numerators(made, examples[:2]), numerators(made, examples[2:])]
    assert set(whole) >= set(made.players[0].weights)
    for name, value in whole.items():
        torch.testing.assert_close(value, sum(part[name] for part in parts), rtol=1e-4, atol=1e-4)


def test_denominators_are_rows_and_cover_all_terms():
    made = task()
    examples = [stretches()[index] for index in range(3)]
    trials = [Trials([CLIPS], each=2, frames=60, seed=1)[index] for index in range(3)]
    with torch.no_grad():
        found = set(numerators(made, examples)) | set(made.evaluate(made.collate(trials)))
    for batch in (made.collate(examples), made.collate(trials)):
        divided = made.denominators(batch)
        assert set(divided.values()) == {3.0}
        assert set(divided) == found


def test_the_margin_grows():
    made = task(margin=0.4, margin_steps=100, variation=UNVARIED)
    examples = [stretches(frames=50)[0]]
    made.nets.eval()
    with torch.no_grad():
        losses = [float(numerators(made, examples, step)["speaker"]) for step in (0, 50, 100, 500)]
    assert losses[0] < losses[1] < losses[2] == losses[3]


def test_it_learns_four_voices():
    made = task(variation=UNVARIED, margin_steps=0)
    optimiser = torch.optim.AdamW(made.nets.parameters(), lr=5e-3)
    examples = stretches(each=200)
    trials = Trials(
        [{name: [voice(int(name[1]), 300, 9)] for name in CLIPS}], each=10, frames=70, seed=1
    )
    asked = made.collate([trials[index] for index in range(len(trials))])

    def wrong():
        made.nets.eval()
        with torch.no_grad():
            return float(made.evaluate(asked)["errors"]) / len(trials)

    before = wrong()
    for step in range(25):
        made.nets.train()
        batch = made.collate([examples[16 * step + row] for row in range(16)])
        loss = made.losses("encoder", batch, made.forward(batch, Draws(1, step, batch.keys)))
        optimiser.zero_grad()
        loss["speaker"].backward()
        optimiser.step()
    assert float(loss["right"]) >= 15
    assert wrong() < min(0.1, before)


@pytest.mark.parametrize("settings", [{"crop": (0.2, 1.0)}, {"margin_steps": -1}])
def test_odd_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        SpeakerTaskSettings(**settings)


class TestStretches:
    def test_all_speakers_at_all_speeds_come_equally_often(self):
        examples = stretches(speeds=(0.8, 1.0, 1.25))
        assert examples.speakers == 12
        assert len(examples) == len(examples.lengths) == 96
        found = [examples[index] for index in range(96)]
        assert np.bincount([each["speaker"] for each in found]).tolist() == [8] * 12
        assert len({each["key"] for each in found}) == 96
        assert {each["bands"].shape for each in found} == {(80, SPEC.bands)}
        assert {each["bands"].dtype for each in found} == {np.dtype(np.float32)}

    def test_they_are_the_same_every_time_and_of_their_speaker(self):
        first, again, other = stretches(), stretches(), stretches(seed=4)
        for index in (0, 7, 31):
            found = first[index]
            np.testing.assert_array_equal(found["bands"], again[index]["bands"])
            clips = CLIPS[found["key"].split()[0]]
            frames = {row.tobytes() for clip in clips for row in clip.astype(np.float32)}
            assert all(row.tobytes() in frames for row in found["bands"])
        assert any(
            not np.array_equal(first[index]["bands"], other[index]["bands"]) for index in range(32)
        )

    def test_short_clips_are_joined(self):
        examples = stretches(frames=700)
        assert examples[0]["bands"].shape == (700, SPEC.bands)


class TestTrials:
    def test_two_of_one_speaker_and_one_of_another_of_the_group(self):
        groups = [
            {"s0": CLIPS["s0"], "s1": CLIPS["s1"]},
            {"s2": CLIPS["s2"], "s3": CLIPS["s3"]},
        ]
        trials = Trials(groups, each=5, frames=60, seed=1)
        assert len(trials) == 20
        partner = {"s0": "s1", "s1": "s0", "s2": "s3", "s3": "s2"}

        def by(name, part):
            frames = {row.tobytes() for clip in CLIPS[name] for row in clip}
            return all(row.tobytes() in frames for row in part)

        for index in range(20):
            name = trials[index]["key"].split()[0]
            first, second, third = trials[index]["bands"]
            assert by(name, first)
            assert by(name, second)
            assert by(partner[name], third)
            assert not np.array_equal(first, second)

    def test_too_few_speakers_or_too_little_speech_is_an_error(self):
        with pytest.raises(TrainingError, match="at least two speakers"):
            Trials([{"s0": CLIPS["s0"]}], each=1, frames=60, seed=1)
        with pytest.raises(TrainingError, match=r"s0 has 3\.4 s"):
            apart("s0", CLIPS["s0"], 200)


class TestVariation:
    def test_none_changes_nothing(self):
        bands = np.maximum(CLIPS["s0"][0].astype(np.float32), -8.0)
        found = varied(bands, UNVARIED, np.random.default_rng(0))
        np.testing.assert_allclose(found, bands, rtol=1e-2, atol=1e-2)

    def test_all_of_it_stays_finite_on_silence(self):
        silence = np.full((40, 80), -15.94, np.float32)
        for seed in range(20):
            x = varied(silence, SpeakerVariationSettings(), np.random.default_rng(seed))
            assert x.dtype == np.float32
            assert x.shape[1] == 80
            assert np.isfinite(x).all()

    def test_a_band_limit_takes_what_is_above_it(self):
        settings = SpeakerVariationSettings(
            **{name: getattr(UNVARIED, name) for name in UNVARIED.__slots__}
            | {"band_share": 1.0, "band": (4000.0, 4000.0)}
        )
        flat = np.zeros((30, 80), np.float32)
        found = varied(flat, settings, np.random.default_rng(0)).mean(0)
        # 4 kHz is at three quarters of the mel scale from 20 Hz to 8 kHz.
        assert abs(found[:45]).max() < 0.1
        assert found[59] == pytest.approx(-np.log(2), abs=0.4)
        assert found[75:].max() < -3.0

    def test_echo_fills_what_comes_after_a_sound(self):
        settings = SpeakerVariationSettings(
            **{name: getattr(UNVARIED, name) for name in UNVARIED.__slots__}
            | {"echo_share": 1.0, "echo": (0.3, 0.3), "echo_power": (0.0, 0.0)}
        )
        clap = np.full((60, 8), -15.0, np.float32)
        clap[10] = 2.0
        found = varied(clap, settings, np.random.default_rng(0)).mean(1)
        assert found[9] < -14.0
        slope = np.diff(found[11:20])
        np.testing.assert_allclose(slope, -6 * np.log(10) / 30, rtol=0.05)
        echo = np.exp(found[11:]).sum()
        assert echo == pytest.approx(np.exp(2.0), rel=0.05)

    def test_another_speed_is_another_pitch_and_pace(self):
        bands = np.full((100, 80), -8.0, np.float32)
        bands[:, 40] = 2.0
        mel = 1127 * np.log1p(np.array([20, 8000]) / 700)
        hertz = 700 * np.expm1((mel[0] + np.ptp(mel) / 81 * np.arange(1, 81)) / 1127)
        for speed in (0.8, 1.25):
            found = another_speaker(bands, speed)
            assert len(found) == round(100 / speed)
            assert hertz[int(found[0].argmax())] == pytest.approx(speed * hertz[40], rel=0.04)
        assert another_speaker(bands, 0.8)[:, -1].max() < -15
        assert another_speaker(bands, 1.0) is bands

    def test_odd_ranges_are_refused(self):
        with pytest.raises(ConfigError, match="tempo is 0"):
            SpeakerVariationSettings(tempo=(0.0, 1.0))
        with pytest.raises(ConfigError, match="band is 3000 to 9000 Hz"):
            SpeakerVariationSettings(band=(3000.0, 9000.0))


class TestSeparation:
    def test_of_vectors_that_say_it_all(self):
        vectors = np.repeat(np.eye(3, dtype=np.float32), 2, 0) * 5
        found = separation(vectors, list("aabbcc"))
        assert found.equal_error_rate == 0
        assert found.same == pytest.approx((1, 1, 1))
        assert found.different == pytest.approx((0, 0, 0))
        assert found.pairs == (3, 12)

    def test_of_vectors_that_say_nothing(self):
        vectors = np.random.default_rng(0).normal(size=(80, 50)).astype(np.float32)
        found = separation(vectors, ["a", "b"] * 40)
        assert found.equal_error_rate == pytest.approx(0.5, abs=0.05)

    def test_errors_are_counted_on_both_sides(self):
        """Against what can be read off a half circle."""
        angles = np.deg2rad([0, 10, 90, 100, 60])
        vectors = np.stack((np.cos(angles), np.sin(angles)), 1).astype(np.float32)
        found = separation(vectors, list("aabbc"))
        assert found.equal_error_rate == 0
        assert np.cos(np.deg2rad(30)) < found.threshold <= np.cos(np.deg2rad(10)) + 1e-6
        # One speaker's cosines are now 0.98, 0.98, 0.5 and 0.64, the others' -0.17 to 0.87.
        with_stray = separation(vectors, list("aabba"))
        assert with_stray.pairs == (4, 6)
        assert with_stray.equal_error_rate == pytest.approx((1 / 4 + 2 / 6) / 2)

    def test_pairs_across_groups_do_not_count(self):
        vectors = np.eye(4, dtype=np.float32)
        assert separation(vectors, list("aabc"), list("xxxy")).pairs == (1, 2)

    def test_without_pairs_there_is_nothing_to_say(self):
        with pytest.raises(TrainingError, match="0 pairs by one speaker and 1 by two"):
            separation(np.eye(2, dtype=np.float32), ["a", "b"])
