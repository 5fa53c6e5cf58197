"""Our content encoder at toy size: equalities between two ways to compute the same thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.nets.content_encoder import ContentEncoder, FiniteScalar, codes
from myna.specs import ContentEncoderSpec, encoder_spec
from myna.text.sounds import PLAIN, SOUNDS, TONED, TONES

SPEC = ContentEncoderSpec(
    channels=4, width=16, heads=2, layers=3, feedforward=24, kernel=5, quantised_after=1
)


def equal(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ContentEncoder(SPEC).eval()


def bands(*lengths):
    generator = torch.Generator().manual_seed(1)
    rows = [3 * torch.randn(length, SPEC.bands, generator=generator) - 4 for length in lengths]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor(lengths)


def test_the_packaged_row_has_the_sounds_of_the_inventory():
    spec = encoder_spec("tiny-content", ContentEncoderSpec)
    assert (spec.plain, spec.toned, spec.tones) == (len(PLAIN), len(TONED), TONES)
    assert spec.sounds == len(SOUNDS)


@torch.inference_mode()
def test_spec_knows_how_many_frames_come_out(net):
    for frames in (1, 2, 3, 4, 5, 41):
        heard = net(*bands(frames))
        assert heard.sounds.shape == (1, SPEC.sound_frames(frames), SPEC.sounds)
        assert heard.content.shape == (1, SPEC.tokens(frames), SPEC.width)
        assert heard.lengths.tolist() == [SPEC.sound_frames(frames)]


@torch.inference_mode()
def test_rows_of_a_batch_do_not_hear_each_other_or_padding(net):
    rows, lengths = bands(41, 8, 27)
    together = net(rows, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = net(rows[row : row + 1, :length], lengths[row : row + 1])
        equal(together.sounds[row, : SPEC.sound_frames(length)], alone.sounds[0])
        equal(together.content[row, : SPEC.tokens(length)], alone.content[0])


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


class TestQuantiser:
    def test_ids_fill_the_range_of_codes_and_gradients_pass(self):
        levels = (4, 3, 5)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            quantiser = FiniteScalar(16, levels)
        x = 2 * torch.randn(1, 4000, 16, generator=torch.Generator().manual_seed(2))
        x.requires_grad_()
        out, ids = quantiser(x)
        assert sorted(set(ids[0].tolist())) == list(range(60))
        out.sum().backward()
        assert x.grad is not None
        assert x.grad.abs().sum() > 0

    @torch.inference_mode()
    def test_equal_ids_are_equal_vectors_and_no_others(self):
        quantiser = FiniteScalar(16, (3, 4))
        x = 20 * torch.randn(1, 500, 16, generator=torch.Generator().manual_seed(2))
        out, ids = quantiser(x)
        for code in range(12):
            here = out[ids == code]
            equal(here, here[:1].expand_as(here))
        assert len(out[0].unique(dim=0)) == len(ids.unique())

    @torch.inference_mode()
    def test_an_encoder_with_levels_gives_tokens(self):
        spec = replace(SPEC, levels=(4, 4))
        heard = ContentEncoder(spec).eval()(*bands(30))
        assert heard.tokens is not None
        assert heard.tokens.shape == (1, spec.tokens(30))
        assert 0 <= int(heard.tokens.min()) <= int(heard.tokens.max()) < spec.codes == 16
        equal(heard.content, codes(spec.levels)[heard.tokens])

    @torch.inference_mode()
    def test_recognition_hears_only_codes_where_it_is_told_to(self):
        spec = replace(SPEC, levels=(4, 4))
        net = ContentEncoder(spec).eval()
        features, lengths = bands(30)
        both = net(features.repeat(2, 1, 1), lengths.repeat(2), torch.tensor([False, True]))
        equal(both.sounds[0], net(features, lengths).sounds[0])
        assert not torch.equal(both.sounds[0], both.sounds[1])
        equal(both.early[0], both.early[1])
        # What the codes do not have cannot be recognised through them.
        net.quantiser.up.weight.zero_()
        silent = net(features.repeat(2, 1, 1), lengths.repeat(2), torch.tensor([False, True]))
        equal(silent.sounds[0], both.sounds[0])
        assert not torch.equal(silent.sounds[1], both.sounds[1])
