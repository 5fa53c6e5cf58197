"""The recogniser with toy weights; what it understands is measured elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from safetensors import safe_open
from safetensors.torch import save_file

from myna.audio.alignment import LEAST_SCORE
from myna.audio.filterbank import fbank
from myna.datatypes import Audio
from myna.engines.recogniser import (
    MOST_DOUBT,
    PACKAGED,
    Aligned,
    Alignment,
    Recogniser,
    pack,
)
from myna.errors import AudioError, CheckpointError, ConfigError, ModelNotFoundError, TextError
from myna.nets.conformer import Conformer
from myna.specs import ConformerSpec
from myna.text.sounds import language_of

SPEC = ConformerSpec(
    channels=4, width=16, heads=2, layers=2, feedforward=24, kernel=5, early_after=1
)


def noise(seconds, rate=16_000):
    draw = np.random.default_rng(3)
    samples = draw.normal(0, 0.1, int(seconds * rate)) * np.sin(
        np.arange(int(seconds * rate)) / 900
    )
    return Audio(samples.astype(np.float32), rate)


@pytest.fixture
def weights(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Conformer(SPEC)
    torch.nn.init.normal_(net.head.classes.weight)
    path = tmp_path / "toy.safetensors"
    pack(net.state_dict(), SPEC, path)
    return path


def test_sounds_come_in_order_and_within_the_recording(weights):
    heard = Recogniser.load(weights).phones(noise(2))
    assert len(heard) > 3
    for each in heard:
        assert each.symbol
        assert 0 <= each.start < each.end <= 2.0
        assert 0 < each.confidence <= 1
    assert all(one.end <= other.start for one, other in pairwise(heard))


def test_a_language_is_heard_alone(weights):
    recogniser = Recogniser.load(weights)
    for language in recogniser.languages:
        heard = recogniser.phones(noise(2), language)
        assert {language_of(each.symbol) for each in heard} == {language}


def test_what_is_heard_aligns_without_loss(weights):
    recogniser, audio = Recogniser.load(weights), noise(2)
    heard = recogniser.phones(audio)
    alignment = recogniser.align(audio, [each.symbol for each in heard])
    if len({language_of(each.symbol) for each in heard}) == 2:
        assert alignment.score == pytest.approx(0)
        assert [(each.symbol, each.start, each.end) for each in alignment.sounds] == [
            (each.symbol, each.start, each.end) for each in heard
        ]
        assert alignment.exact
    wrong = recogniser.align(audio, ["HH", "AH", "L", "OW"])
    assert wrong.score < 0 < wrong.worst <= wrong.cost - wrong.free_cost + 1e-3
    assert 0 <= wrong.worst_at <= audio.seconds


def test_a_text_is_judged_as_a_whole_and_where_it_is_worst():
    sounds = (Aligned("AH", 0.1, 0.2, -0.1),) * 10
    good = Alignment(sounds, cost=30, free_cost=20, scrambled_cost=90, worst=5, worst_at=0.5)
    assert good.score == pytest.approx(-1.0)
    assert good.matches
    assert good.exact
    one_word = replace(good, worst=MOST_DOUBT + 1)
    assert one_word.matches
    assert not one_word.exact
    assert good.likeness == pytest.approx(6 / 7)
    stranger = replace(good, cost=20 - 10.1 * LEAST_SCORE)
    assert stranger.matches
    assert not replace(stranger, sounds=sounds[:5]).matches
    other = replace(stranger, scrambled_cost=stranger.cost + 1)
    assert not other.matches
    assert not other.exact


def test_rates_are_changed(weights):
    recogniser = Recogniser.load(weights)
    with pytest.raises(AudioError, match="25 ms"):
        recogniser.phones(Audio(np.zeros(900, np.float32), 48_000))
    assert recogniser.phones(noise(1, 44_100))[-1].end <= 1.0


def test_a_long_recording_has_every_frame_once(weights):
    recogniser, bands = Recogniser.load(weights), fbank(noise(31.3))
    long = recogniser._hear(bands, {"en", "zh"})
    assert len(long) == SPEC.sound_frames(len(bands))
    assert np.isneginf(recogniser._hear(bands, {"en"})[:, -1]).all()


def test_what_it_cannot_do_is_said(weights, tmp_path):
    recogniser = Recogniser.load(weights)
    with pytest.raises(ConfigError, match="hears en, zh"):
        recogniser.phones(noise(1), "ja")
    with pytest.raises(TextError, match="no sounds"):
        recogniser.align(noise(1), [])
    with pytest.raises(TextError, match="no sound that"):
        recogniser.align(noise(1), ["AH0"])
    with pytest.raises(AudioError, match="too few for 200"):
        recogniser.align(noise(1), ["AH", "B"] * 100)
    with pytest.raises(ModelNotFoundError):
        Recogniser.load(tmp_path / "none.safetensors")


def test_files_that_hold_no_recogniser_are_refused(weights, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, other)
    with pytest.raises(CheckpointError, match="no recogniser"):
        Recogniser.load(other)
    other.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(CheckpointError, match="no recogniser"):
        Recogniser.load(other)
    with safe_open(weights, "pt") as file:
        facts = json.loads(file.metadata()["recogniser"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    facts["sounds"][3] = "QQ"
    save_file(tensors, other, {"recogniser": json.dumps(facts)})
    with pytest.raises(CheckpointError, match="other sounds"):
        Recogniser.load(other)


def test_the_packaged_weights_load():
    recogniser = Recogniser.load()
    assert recogniser.languages == ("en", "zh")
    assert PACKAGED.stat().st_size < 10_000_000
    assert recogniser.align(noise(1), ["HH", "AH", "L", "OW"]).score < 0
