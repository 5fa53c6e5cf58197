"""Losses on who speaks: they fall as representations become right, and teach whom they should."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from torch import Tensor
from torch.nn import functional as F

from myna.errors import ConfigError
from myna.training.speaker_losses import (
    aam_softmax,
    adversary,
    adversary_strength,
    cross_covariance,
    ge2e,
    ge2e_rows,
    reverse_gradient,
)

SPEAKERS = torch.tensor([4, 4, 7, 7, 7, 2, 2, 2])
CLASSES = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2])


@pytest.fixture(autouse=True)
def _same_numbers_every_time():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def towards_right(share: float) -> Tensor:
    """Embeddings between anything (0) and one direction per speaker (1)."""
    noise = torch.randn(8, 6, generator=torch.Generator().manual_seed(1))
    return (1 - share) * noise + share * 3 * torch.eye(6)[CLASSES]


class TestGe2e:
    def test_is_what_its_formula_says_row_by_row(self):
        x = F.normalize(towards_right(0.3), dim=-1)
        total = 0.0
        for row in range(8):
            logits = []
            for speaker in (4, 7, 2):
                group = [
                    x[other] for other in range(8) if SPEAKERS[other] == speaker and other != row
                ]
                centroid = torch.stack(group).mean(0)
                logits.append(10 * float(x[row] @ centroid / centroid.norm()) - 5)
            own = logits[(4, 7, 2).index(int(SPEAKERS[row]))]
            total += math.log(sum(math.exp(one) for one in logits)) - own
        ours = ge2e(towards_right(0.3), SPEAKERS, 10.0, -5.0)
        assert float(ours) == pytest.approx(total, rel=1e-4)

    def test_falls_as_speakers_part(self):
        losses = [float(ge2e(towards_right(n / 8), SPEAKERS, 10.0, -5.0)) for n in range(5)]
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] < 0.01 * losses[0]

    def test_who_is_alone_takes_no_part_but_is_compared_with(self):
        speakers = torch.tensor([0, 0, 1])
        x = torch.randn(3, 4, requires_grad=True)
        loss = ge2e(x, speakers, 10.0, -5.0)
        assert ge2e_rows(speakers.tolist()) == 2
        loss.backward()
        assert bool(x.grad[2].any())
        moved = torch.cat([x[:2], torch.randn(1, 4)]).detach()
        assert ge2e(moved, speakers, 10.0, -5.0) != loss

    def test_without_companions_it_is_zero_and_sound(self):
        x = torch.randn(3, 4, requires_grad=True)
        loss = ge2e(x, torch.tensor([0, 1, 2]), 10.0, -5.0)
        loss.backward()
        assert loss == 0
        assert bool(x.grad.isfinite().all())
        assert not x.grad.any()
        assert ge2e_rows([0, 1, 2]) == 1

    def test_scale_and_bias_learn(self):
        scale, bias = torch.tensor(10.0, requires_grad=True), torch.tensor(-5.0, requires_grad=True)
        ge2e(towards_right(0.3), SPEAKERS, scale, bias).backward()
        assert scale.grad is not None
        assert scale.grad != 0
        assert bias.grad == pytest.approx(0, abs=1e-4)  # softmax does not see it

    def test_training_by_it_parts_speakers(self):
        x = torch.randn(8, 6, requires_grad=True)
        for _ in range(60):
            (gradient,) = torch.autograd.grad(ge2e(x, SPEAKERS, 5.0, -5.0), x)
            x.data -= 0.3 * gradient
        unit = F.normalize(x.detach(), dim=-1)
        alike, same = unit @ unit.T, SPEAKERS[:, None] == SPEAKERS
        assert float(alike[same].min()) > float(alike[~same].max())


class TestAamSoftmax:
    def test_without_margin_it_is_cross_entropy_of_cosines(self):
        x, w = torch.randn(8, 6), torch.randn(3, 6)
        expected = F.cross_entropy(
            30 * F.normalize(x, dim=-1) @ F.normalize(w, dim=-1).T, CLASSES, reduction="sum"
        )
        torch.testing.assert_close(aam_softmax(x, CLASSES, w, margin=0.0), expected)

    def test_the_margin_widens_the_angle_to_the_own_prototype(self):
        angle, margin = 0.7, 0.3
        x = torch.tensor([[math.cos(angle), math.sin(angle)]])
        logits = torch.tensor([[math.cos(angle + margin), math.sin(angle)]])
        ours = aam_softmax(x, torch.tensor([0]), torch.eye(2), margin=margin, scale=10.0)
        assert float(ours) == pytest.approx(float(F.cross_entropy(10 * logits, torch.tensor([0]))))

    def test_is_never_happier_with_a_wider_angle(self):
        losses = [
            float(
                aam_softmax(
                    torch.tensor([[math.cos(a), math.sin(a), 0.0]]),
                    torch.tensor([0]),
                    torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
                    margin=0.5,
                    scale=1.0,
                )
            )
            for a in torch.linspace(0, math.pi, 60).tolist()
        ]
        assert losses == sorted(losses)

    def test_falls_as_embeddings_near_their_prototypes(self):
        w = torch.eye(6)[:3]
        losses = [float(aam_softmax(towards_right(n / 4), CLASSES, w)) for n in range(5)]
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] < 1e-3

    def test_rows_are_judged_alone(self):
        x, w = torch.randn(8, 6), torch.randn(3, 6)
        parts = sum(aam_softmax(x[n : n + 2], CLASSES[n : n + 2], w) for n in range(0, 8, 2))
        torch.testing.assert_close(aam_softmax(x, CLASSES, w), parts)

    def test_gradients_are_sound_at_both_ends(self):
        x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
        w = torch.eye(2, requires_grad=True)
        aam_softmax(x, torch.tensor([0, 0]), w).backward()
        assert bool(x.grad.isfinite().all())
        assert bool(w.grad.isfinite().all())

    @pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"margin": 1.6}, {"scale": 0.0}])
    def test_settings_are_checked(self, wrong):
        with pytest.raises(ConfigError):
            aam_softmax(torch.randn(8, 6), CLASSES, torch.randn(3, 6), **wrong)


class TestAdversary:
    def test_the_gradient_turns_round(self):
        x = torch.randn(3, requires_grad=True)
        y = reverse_gradient(x, 0.5)
        assert torch.equal(x, y)
        (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
        assert torch.equal(x.grad, torch.tensor([-0.5, -1.0, -1.5]))

    def test_classifier_learns_to_tell_and_content_to_hide(self):
        content = torch.randn(8, 6, 5, requires_grad=True)
        w = torch.randn(3, 6, requires_grad=True)
        lengths = torch.full((8,), 5)

        def loss(content: Tensor, w: Tensor) -> float:
            return float(adversary(content, lengths, CLASSES, w).detach())

        adversary(content, lengths, CLASSES, w).backward()
        before = loss(content, w)
        assert loss(content, w - 0.01 * w.grad) < before
        assert loss(content - 0.01 * content.grad, w) > before

    def test_is_low_where_the_speaker_shows_and_at_chance_where_he_does_not(self):
        w, lengths = 20 * torch.eye(6)[:3], torch.full((8,), 5)
        shown = torch.eye(6)[CLASSES][..., None].expand(-1, -1, 5)
        assert float(adversary(shown, lengths, CLASSES, w)) < 1e-3
        hidden = adversary(torch.zeros(8, 6, 5), lengths, CLASSES, w)
        assert float(hidden) == pytest.approx(8 * 5 * math.log(3), rel=1e-5)

    def test_padding_is_not_heard(self):
        content, w = torch.randn(8, 6, 5), torch.randn(3, 6)
        lengths = torch.tensor([5, 3, 1, 2, 5, 4, 3, 2])
        expected = sum(
            adversary(row[None, :, :n], torch.tensor([n]), one[None], w)
            for row, n, one in zip(content, lengths.tolist(), CLASSES, strict=True)
        )
        for row, n in zip(content, lengths.tolist(), strict=True):
            row[:, n:] = math.inf
        content.requires_grad_()
        ours = adversary(content, lengths, CLASSES, w)
        torch.testing.assert_close(ours, expected)

    def test_its_strength_rises_from_nothing(self):
        assert adversary_strength(0.0) == 0
        assert adversary_strength(1.0, 0.4) == pytest.approx(0.4, rel=1e-3)
        assert adversary_strength(0.1) < adversary_strength(0.2)


class TestCrossCovariance:
    def test_falls_as_two_representations_part(self):
        who = torch.randn(64, 3)
        what = torch.randn(64, 5)
        losses = []
        for share in (1.0, 0.7, 0.4, 0.0):
            mixed = what + 2 * share * F.pad(who, (0, 2))
            losses.append(float(cross_covariance(mixed, who)))
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] < 0.2 * losses[0]

    def test_is_half_the_mean_square_of_correlations(self):
        a, b = torch.randn(20, 2), torch.randn(20, 3)
        matrix = torch.corrcoef(torch.cat([a, b], 1).T)[:2, 2:]
        expected = 20 * 0.5 * matrix.square().mean()
        torch.testing.assert_close(cross_covariance(a, b), expected, rtol=1e-4, atol=1e-6)

    def test_shrinking_does_not_help(self):
        a, b = torch.randn(20, 2), torch.randn(20, 3)
        torch.testing.assert_close(cross_covariance(0.01 * a, b), cross_covariance(a, b))

    def test_training_by_it_parts_them(self):
        who = torch.randn(32, 2)
        what = (torch.randn(32, 4) + F.pad(2 * who, (0, 2))).requires_grad_()
        before = float(cross_covariance(what, who).detach())
        for _ in range(100):
            (gradient,) = torch.autograd.grad(cross_covariance(what, who), what)
            what.data -= 0.5 * gradient
        assert float(cross_covariance(what, who).detach()) < 0.1 * before

    def test_one_row_has_no_covariance(self):
        a = torch.randn(1, 3, requires_grad=True)
        loss = cross_covariance(a, torch.randn(1, 2))
        loss.backward()
        assert loss == 0
        assert bool(a.grad.isfinite().all())
