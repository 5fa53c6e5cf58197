"""What a decoder and its judges are told about their work.

Every function gives the sum over rows, or over frames, of a batch; what it is divided by is said
with it. Sums are in single precision at least, whatever precision the nets were computed in.

Letters in shapes: B rows, N samples, K bins, M mel bands, T frames, S frames of filters, H latent
channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from myna.errors import ConfigError
from myna.nets.decoder import Latents
from myna.nets.discriminator import Verdict
from myna.nets.mel import at_least_single, spectrogram
from myna.nets.source_filter import Controls
from myna.specs import SpectrogramSpec

_WINDOWS = (512, 1024, 2048)
"""Of the spectra at several resolutions, in samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderLosses:
    """Weights; those of the published training, but for `spectral`."""

    adversarial: float = 1.0
    """Of what the judges say."""
    features: float = 2.0
    """Of what they hear in made and in recorded speech."""
    mel: float = 45.0
    kl: float = 1.0
    """Of the prior against the posterior."""
    spectral: float = 5.0
    """Of spectra at several resolutions; counts only in training without judges."""
    pitch: float = 10.0
    """Of the pitch and the voicing that the generator names; only where it filters a source."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if not getattr(self, each.name) >= 0:
                raise ConfigError(f"{each.name} is {getattr(self, each.name)}; give 0 or more.")


def discrimination(real: Sequence[Verdict], made: Sequence[Verdict]) -> Tensor:
    """How far judges are from 1 for recorded and 0 for made speech (arXiv:1611.04076).

    Summed over judges and rows; to be divided by B.
    """
    return _sum(
        _per_row((1 - at_least_single(r.values)).square())
        + _per_row(at_least_single(m.values).square())
        for r, m in zip(real, made, strict=True)
    )


def adversarial(made: Sequence[Verdict]) -> Tensor:
    """How far judges are from taking made speech for recorded; to be divided by B."""
    return _sum(_per_row((1 - at_least_single(verdict.values)).square()) for verdict in made)


def features(real: Sequence[Verdict], made: Sequence[Verdict]) -> Tensor:
    """How differently judges hear, after each convolution (arXiv:1512.09300).

    Recorded speech gets no gradient. To be divided by B.
    """
    return _sum(
        _per_row((at_least_single(m) - at_least_single(r.detach())).abs())
        for of_real, of_made in zip(real, made, strict=True)
        for r, m in zip(of_real.maps, of_made.maps, strict=True)
    )


def mel(real: Tensor, made: Tensor, mask: Tensor) -> Tensor:
    """Mean over bands of |real - made| (B, M, T), masked (B, 1, T); summed over frames."""
    return ((real - made).abs() * mask).mean(1).sum()


def kl(latents: Latents, mask: Tensor) -> Tensor:
    """Divergence of the posterior from the prior, at one draw (arXiv:2106.06103, equation 4).

    Masked (B, 1, T), summed over latent channels and frames.
    """
    off = at_least_single(latents.flowed) - at_least_single(latents.prior_mean)
    prior = at_least_single(latents.prior_log_deviation)
    posterior = at_least_single(latents.posterior_log_deviation)
    each = prior - posterior - 0.5 + 0.5 * off.square() * torch.exp(-2 * prior)
    return (each * mask).sum()


def spectral(real: Tensor, made: Tensor) -> Tensor:
    """Spectral convergence and distance of log magnitudes (arXiv:1910.11480, equations 4 to 6).

    Means over resolutions, of waveforms (B, N); to be divided by B.
    """
    total = real.new_zeros(())
    for window in _WINDOWS:
        spec = SpectrogramSpec(rate=0, window=window, hop=window // 4)
        r, m = spectrogram(real, spec), spectrogram(made, spec)
        lengths = [torch.linalg.vector_norm(x, dim=(1, 2)) for x in (r - m, r)]
        total = total + (lengths[0] / lengths[1]).sum() + _per_row((r.log() - m.log()).abs()).sum()
    return total / len(_WINDOWS)


def pitch(controls: Controls, octaves: Tensor, voiced: Tensor) -> Tensor:
    """Octaves that the pitch is off, and surprise at where there is a voice.

    Both (B, S); summed over frames of filters.
    """
    off = (at_least_single(controls.octaves) - octaves).abs() * voiced
    surprise = functional.binary_cross_entropy_with_logits(
        at_least_single(controls.voice), voiced, reduction="none"
    )
    return (off + surprise).sum()


def _per_row(x: Tensor) -> Tensor:
    """(B, ...) -> (B,) means."""
    return x.flatten(1).mean(1)


def _sum(rows: Iterable[Tensor]) -> Tensor:
    return torch.stack(tuple(rows)).sum()
