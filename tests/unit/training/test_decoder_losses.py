"""What decoders and judges are told: values that are known otherwise."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from myna.nets.decoder import Latents
from myna.nets.discriminator import Verdict
from myna.training import decoder_losses


def latents(drawn: Tensor, posterior: Normal, prior: Normal) -> Latents:
    """With a flow that leaves everything where it is."""
    return Latents(
        timbre=torch.zeros(()),
        drawn=drawn,
        posterior_mean=posterior.mean,
        posterior_log_deviation=posterior.stddev.log(),
        flowed=drawn,
        prior_mean=prior.mean,
        prior_log_deviation=prior.stddev.log(),
    )


def test_the_divergence_is_that_of_gaussians() -> None:
    shape, random = (1, 3, 20_000), torch.Generator().manual_seed(0)
    posterior = Normal(torch.full(shape, 0.3), torch.full(shape, 0.7))
    prior = Normal(torch.full(shape, -0.2), torch.full(shape, 1.5))
    drawn = posterior.mean + posterior.stddev * torch.randn(shape, generator=random)
    mask = (torch.arange(20_000) < 15_000).float()[None, None]
    found = decoder_losses.kl(latents(drawn, posterior, prior), mask) / mask.sum()
    expected = 3 * float(kl_divergence(posterior, prior)[0, 0, 0])
    assert float(found) == pytest.approx(expected, rel=0.02)


def verdict(rows: list[list[float]], maps: tuple[Tensor, ...] = ()) -> Verdict:
    return Verdict(torch.tensor(rows), maps)


def test_judges_are_told_the_square_of_their_mistake() -> None:
    real = [verdict([[1.0, 0.0], [1.0, 1.0]]), verdict([[0.5], [1.0]])]
    made = [verdict([[0.0, 0.0], [0.0, 0.4]]), verdict([[1.0], [0.0]])]
    expected = (0.5 + 0.25) + (0.08 + 1.0)
    assert float(decoder_losses.discrimination(real, made)) == pytest.approx(expected)
    assert float(decoder_losses.adversarial(made)) == pytest.approx(1 + (1 + 0.36) / 2 + 0 + 1)


def test_only_what_was_made_learns_of_what_judges_hear() -> None:
    real, made = (torch.randn(2, 4, 5, requires_grad=True) for _ in range(2))
    found = decoder_losses.features(
        [verdict([[0.0]] * 2, (real,))], [verdict([[0.0]] * 2, (made,))]
    )
    torch.testing.assert_close(found, (real - made).abs().mean((1, 2)).sum())
    found.backward()
    assert real.grad is None
    assert made.grad is not None


def test_mels_are_compared_within_the_mask() -> None:
    real, made = torch.zeros(1, 4, 3), torch.ones(1, 4, 3)
    mask = torch.tensor([[[1.0, 1.0, 0.0]]])
    assert float(decoder_losses.mel(real, made, mask)) == 2.0


def test_spectra_are_equal_or_as_far_as_their_scale() -> None:
    real = torch.sin(torch.arange(8000) * 0.3)[None] + 0.1 * torch.randn(2, 8000)
    assert float(decoder_losses.spectral(real, real)) == 0.0
    found = float(decoder_losses.spectral(real, real / 2))
    assert found == pytest.approx(2 * (0.5 + math.log(2)), rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_sums_are_in_single_precision_at_least(dtype: torch.dtype) -> None:
    wide: Any = [Verdict(torch.ones(1, 3, dtype=dtype), ())]
    expected = torch.promote_types(dtype, torch.float32)
    assert decoder_losses.discrimination(wide, wide).dtype == expected
