"""The net of our recogniser at toy size: equalities between two ways to compute the same thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.nets.conformer import Conformer
from myna.specs import RECOGNISER, ConformerSpec
from myna.text.sounds import PLAIN, SOUNDS, TONED, TONES

SPEC = ConformerSpec(
    channels=4, width=16, heads=2, layers=3, feedforward=24, kernel=5, early_after=1
)


def equal(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Conformer(SPEC).eval()


def bands(*lengths):
    generator = torch.Generator().manual_seed(1)
    rows = [3 * torch.randn(length, SPEC.bands, generator=generator) - 4 for length in lengths]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor(lengths)


def test_the_packaged_row_has_the_sounds_of_the_inventory():
    inventory = (RECOGNISER.plain, RECOGNISER.toned, RECOGNISER.tones)
    assert inventory == (len(PLAIN), len(TONED), TONES)
    assert RECOGNISER.sounds == len(SOUNDS)


@torch.inference_mode()
def test_spec_knows_how_many_frames_come_out(net):
    for frames in (1, 2, 3, 4, 5, 41):
        heard = net(*bands(frames))
        assert heard.sounds.shape == (1, SPEC.sound_frames(frames), SPEC.sounds)
        assert heard.lengths.tolist() == [SPEC.sound_frames(frames)]


@torch.inference_mode()
def test_rows_of_a_batch_do_not_hear_each_other_or_padding(net):
    rows, lengths = bands(41, 8, 27)
    together = net(rows, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = net(rows[row : row + 1, :length], lengths[row : row + 1])
        equal(together.sounds[row, : SPEC.sound_frames(length)], alone.sounds[0])
        equal(together.early[row, : SPEC.sound_frames(length)], alone.early[0])


@torch.inference_mode()
def test_loudness_does_not_matter(net):
    rows, lengths = bands(30)
    equal(net(rows, lengths).sounds, net(rows + 2.5, lengths).sounds)


@torch.inference_mode()
def test_silence_is_heard_without_accident(net):
    assert torch.isfinite(
        net(torch.full((1, 20, SPEC.bands), -15.9), torch.tensor([20])).sounds
    ).all()


@torch.inference_mode()
def test_probabilities_add_up_to_one(net):
    heard = net(*bands(30))
    equal(heard.sounds.exp().sum(-1), torch.ones(1, SPEC.sound_frames(30)))
    equal(heard.early.exp().sum(-1), torch.ones(1, SPEC.sound_frames(30)))


@torch.inference_mode()
def test_a_net_that_ends_there_names_the_early_sounds(net):
    short = Conformer(replace(SPEC, layers=1)).eval()
    short.load_state_dict(net.state_dict(), strict=False)
    heard, expected = net(*bands(30)), short(*bands(30))
    equal(heard.early, expected.sounds)
    assert not torch.allclose(heard.early, heard.sounds)


@torch.inference_mode()
def test_tones_are_shared_by_all_finals(net):
    toned = net(*bands(30)).sounds[..., 1 + SPEC.plain :].unflatten(-1, (SPEC.toned, SPEC.tones))
    among = toned.log_softmax(-1)
    equal(among, among[..., :1, :].expand_as(among))


def test_every_weight_learns(net):
    heard = net(*bands(30, 20))
    (heard.sounds[..., 5].sum() + heard.early[..., 100].sum()).backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0 or name.endswith("attention_in.bias"), name
