"""Our speaker encoder at toy size: equalities between two ways to compute the same thing."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from torch.nn import functional as F

from myna.nets.ecapa import Context, Ecapa, Pooling, Standard, level
from myna.specs import FAMILIES, EcapaSpec, encoder_spec

SPEC = EcapaSpec(bands=20, channels=16, scale=4, bottleneck=6, pooled=12, width=10)


def equal(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Ecapa(SPEC).eval()


def bands(*lengths):
    generator = torch.Generator().manual_seed(1)
    rows = [3 * torch.randn(length, SPEC.bands, generator=generator) - 4 for length in lengths]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor(lengths)


def test_the_family_that_names_it_expects_its_width():
    for family in FAMILIES.values():
        if family.speaker_encoder == "tiny-speaker":
            width = encoder_spec("tiny-speaker", EcapaSpec).width
            assert family.decoder.speaker_vector == width


@torch.inference_mode()
def test_rows_of_a_batch_do_not_hear_each_other_or_padding(net):
    rows, lengths = bands(81, 50, 64)
    together = net(rows, lengths)
    assert together.shape == (3, SPEC.width)
    for row, length in enumerate(lengths.tolist()):
        alone = rows[row : row + 1, :length]
        equal(together[row], net(alone)[0])
        equal(together[row], net(alone, lengths[row : row + 1])[0])
    rows[1, 50:] = 7.0
    equal(net(rows, lengths), together)


@torch.inference_mode()
def test_vectors_have_numbers_near_one(net):
    equal(net(bands(60)[0]).square().mean(), torch.tensor(1.0))


@torch.inference_mode()
def test_loudness_and_channel_hardly_matter(net):
    rows, _ = bands(200)
    vector = net(rows)
    equal(net(rows + 5.0), vector)
    channel = torch.linspace(-1.0, 1.0, SPEC.bands)
    other = net(bands(200, 200)[0][1:])
    moved = 1 - F.cosine_similarity(net(rows + channel), vector)
    assert moved < 0.1 * (1 - F.cosine_similarity(other, vector))


@torch.inference_mode()
def test_shortest_and_silent_clips_give_numbers(net):
    for rows in (bands(1)[0], torch.full((1, 50, SPEC.bands), -15.9)):
        assert net(rows).isfinite().all()


def test_pauses_do_not_move_the_level():
    rows, _ = bands(80)
    frames = torch.ones(1, 80, dtype=torch.bool)
    pause = torch.full((1, 100, SPEC.bands), -25.0)
    longer = torch.cat((rows, pause), 1)
    with_pause = level(longer, torch.ones(1, 180, dtype=torch.bool))[:, :80]
    spread = float(with_pause.std())
    assert float((with_pause - level(rows, frames)).abs().mean()) < 0.15 * spread


@torch.inference_mode()
def test_context_is_a_convolution():
    for reach, dilation, stride in ((2, 1, 2), (1, 3, 1)):
        ours = Context(5, 7, reach=reach, dilation=dilation, stride=stride)
        kernel = ours.linear.weight.view(7, 2 * reach + 1, 5).transpose(1, 2)
        for frames in (1, 12, 13):
            x = torch.randn(2, frames, 5)
            theirs = F.conv1d(
                x.transpose(1, 2),
                kernel,
                ours.linear.bias,
                stride,
                padding=reach * dilation,
                dilation=dilation,
            )
            equal(ours(x), theirs.transpose(1, 2))


@torch.inference_mode()
def test_pooling_without_attention_is_mean_and_deviation():
    pooling = Pooling(4, 3)
    torch.nn.init.zeros_(pooling.attention.weight)
    x = torch.randn(2, 9, 4) + 3.0
    found = pooling(x, torch.ones(2, 9, 1))
    equal(found, torch.cat((x.mean(1), x.std(1, correction=0)), -1))


def test_standard_learns_the_statistics_it_uses_later():
    standard = Standard(3)
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, generator=draw) * torch.tensor([1.0, 5.0, 0.2]) + 4.0
    for _ in range(200):
        now = standard(x)
    torch.testing.assert_close(standard.eval()(x), now, rtol=0.05, atol=0.05)
    one = standard.train()(x[:1])
    equal(one, standard.eval()(x[:1]))


def test_all_weights_learn(net):
    rows, lengths = bands(81, 50, 64)
    direction = torch.randn(3, SPEC.width, generator=torch.Generator().manual_seed(2))
    (net.train()(rows, lengths) * direction).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_trace_at_one_length_serves_others(net):
    with torch.inference_mode():
        traced = torch.jit.trace(net, (bands(77)[0],))
        for length in (1, 50, 131):
            rows = bands(length)[0]
            equal(traced(rows), net(rows))
