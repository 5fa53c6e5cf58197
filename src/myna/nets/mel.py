"""Spectrogram and log-mel of `myna.audio.spectrogram`, on tensors, with gradients.

Products are computed in single precision at least, whatever runs around.

Letters in shapes: B batch, N samples, K linear frequencies, M mel bands, T frames.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from myna.audio.spectrogram import MEL_FLOOR, POWER_FLOOR, mel_filters
from myna.specs import SpectrogramSpec


def margin(spec: SpectrogramSpec) -> int:
    """Samples that reflection adds on each side."""
    return (spec.window - spec.hop) // 2


def spectrogram(samples: Tensor, spec: SpectrogramSpec, *, reflected: bool = False) -> Tensor:
    """Linear magnitudes.

    Args:
        samples: (B, N), N above `margin`.
        reflected: `samples` have their margins on both sides already, 2 * margin of the N.

    Returns:
        (B, K, T), T = N // hop, margins not counted.
    """
    with torch.autocast(samples.device.type, enabled=False):
        x = at_least_single(samples)
        if not reflected:
            x = F.pad(x[:, None], (margin(spec), margin(spec)), "reflect")[:, 0]
        window = torch.hann_window(spec.window, dtype=x.dtype, device=x.device)
        waves = torch.stft(
            x, spec.window, spec.hop, window=window, center=False, return_complex=True
        )
        return (waves.real.square() + waves.imag.square() + POWER_FLOOR).sqrt()


def log_mel(magnitudes: Tensor, spec: SpectrogramSpec, bands: int) -> Tensor:
    """Linear magnitudes (B, K, T) -> natural logarithms of mel magnitudes (B, M, T)."""
    with torch.autocast(magnitudes.device.type, enabled=False):
        filters = _filters(spec, bands, magnitudes.dtype, magnitudes.device)
        return (filters @ magnitudes).clamp(min=MEL_FLOOR).log()


def at_least_single(x: Tensor) -> Tensor:
    """In single precision, or in double if it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


@lru_cache(maxsize=8)
def _filters(spec: SpectrogramSpec, bands: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # What is made in inference mode could never be used in training.
    with torch.inference_mode(mode=False):
        return torch.tensor(mel_filters(spec, bands), dtype=dtype, device=device)
