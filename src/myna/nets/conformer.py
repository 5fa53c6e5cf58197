"""The net of our recogniser: which sounds are said, 50 times per second.

Letters in shapes: B batch, F frames of the filter bank (100 per second), T steps (25 per second),
S frames of sounds (50 per second), C width, H heads, D width of a head, Y sounds.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.specs import ConformerSpec

_ROTATION_BASE = 10_000.0
_QUIETEST = -12.0
"""Log power relative to the mean of a clip that silence is raised to."""


class Heard(NamedTuple):
    """What is heard in a batch."""

    sounds: Tensor
    """(B, S, Y) log-probabilities; sound 0 is a pause, or the inside of a sound named already."""
    early: Tensor
    """The same as the first blocks would say; for training."""
    lengths: Tensor
    """(B,) how many of the S frames are sound, not padding."""


class Conformer(nn.Module):
    """A conformer (arXiv:2005.08100) with a recogniser's outputs, trained by CTC (Graves 2006).

    The loudness of a clip does not matter, and neither does padding: a row gives the same alone.
    """

    def __init__(self, spec: ConformerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.front = Front(spec)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.layers))
        self.head = SoundHead(spec)

    def forward(self, bands: Tensor, lengths: Tensor) -> Heard:
        """Hear a batch.

        Args:
            bands: (B, F, bands) log power, as `myna.audio.filterbank` gives it.
            lengths: (B,) frames that are no padding, at least 1.
        """
        frames = torch.arange(bands.shape[1], device=bands.device)[None] < lengths[:, None]
        x, mask = self.front(_level(bands, frames), frames)
        rotation = _rotation(x.shape[1], self.spec.width // self.spec.heads, x)
        early = x
        for number, block in enumerate(self.blocks, 1):
            x = block(x, mask, rotation)
            if number == self.spec.early_after:
                early = x
        return Heard(self.head(x), self.head(early), 2 * mask.sum(1))


class Front(nn.Module):
    """Two strided convolutions over time and bands: (B, F, bands) -> (B, T, C)."""

    def __init__(self, spec: ConformerSpec) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, spec.channels, 3, stride=2, padding=1)
        self.second = nn.Conv2d(spec.channels, spec.channels, 3, stride=2, padding=1)
        self.out = nn.Linear(spec.channels * (-(-spec.bands // 4)), spec.width)
        self.norm = nn.LayerNorm(spec.width)

    def forward(self, x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Also returns (B, T), true where there is sound."""
        frames = frames[:, ::2]
        x = F.silu(self.first(x[:, None])) * frames[:, None, :, None]
        frames = frames[:, ::2]
        x = F.silu(self.second(x))
        x = self.norm(self.out(x.permute(0, 2, 1, 3).flatten(2)))
        return x * frames[..., None], frames


class Block(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward: (B, T, C) -> the same."""

    def __init__(self, spec: ConformerSpec) -> None:
        super().__init__()
        width = spec.width
        self.heads = spec.heads
        self.feed = FeedForward(width, spec.feedforward)
        self.attention_norm = nn.LayerNorm(width)
        self.attention_in = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.convolution_norm = nn.LayerNorm(width)
        self.convolution_in = nn.Linear(width, 2 * width)
        # Two-dimensional with one row: several times faster on a CPU than one-dimensional.
        self.convolution = nn.Conv2d(
            width, width, (1, spec.kernel), padding=(0, spec.kernel // 2), groups=width
        )
        self.convolution_middle = nn.LayerNorm(width)
        self.convolution_out = nn.Linear(width, width)
        self.feed_again = FeedForward(width, spec.feedforward)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor, rotation: Tensor) -> Tensor:
        """mask: (B, T), true where there is sound; rotation: (2, T, D)."""
        x = x + 0.5 * self.feed(x)
        x = x + self._attend(self.attention_norm(x), mask, rotation)
        x = x + self._convolve(self.convolution_norm(x), mask)
        x = x + 0.5 * self.feed_again(x)
        out: Tensor = self.norm(x)
        return out

    def _attend(self, x: Tensor, mask: Tensor, rotation: Tensor) -> Tensor:
        batch, length, width = x.shape
        split = self.attention_in(x).view(batch, length, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        query, key = _rotated(query, rotation), _rotated(key, rotation)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None])
        out: Tensor = self.attention_out(y.transpose(1, 2).reshape(batch, length, width))
        return out

    def _convolve(self, x: Tensor, mask: Tensor) -> Tensor:
        x = F.glu(self.convolution_in(x), dim=-1) * mask[..., None]
        # (B, T, C) seen as (B, C, 1, T) lies in memory as the fast kernels want it.
        y = self.convolution(x.transpose(1, 2)[:, :, None])[:, :, 0].transpose(1, 2)
        out: Tensor = self.convolution_out(F.silu(self.convolution_middle(y)))
        return out


class FeedForward(nn.Module):
    """(..., C) -> the same."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, inner)
        self.second = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(F.silu(self.first(self.norm(x))))
        return out


class SoundHead(nn.Module):
    """Log-probabilities of sounds: (B, T, C) -> (B, S, Y).

    A toned sound is a final times a tone, each with probabilities of its own, so that all finals
    teach the tones: P(final and tone) = P(final) P(tone).
    """

    def __init__(self, spec: ConformerSpec) -> None:
        super().__init__()
        self.tones = spec.tones
        self.untoned = 1 + spec.plain
        self.classes = nn.Linear(spec.width, 2 * (self.untoned + spec.toned))
        self.tone = nn.Linear(spec.width, 2 * spec.tones)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        classes = self.classes(x).view(batch, 2 * length, -1).log_softmax(-1)
        tone = self.tone(x).view(batch, 2 * length, -1).log_softmax(-1)
        toned = classes[..., self.untoned :, None] + tone[..., None, :]
        return torch.cat((classes[..., : self.untoned], toned.flatten(2)), -1)


def _level(bands: Tensor, frames: Tensor) -> Tensor:
    """Log power relative to its mean over a clip, near the range -2 to 2; 0 in the padding.

    Args:
        bands: (B, F, bands).
        frames: (B, F), true where there is sound.
    """
    kept = frames[..., None]
    powers = bands.float().exp() * kept
    mean = powers.sum((1, 2)) / (frames.sum(1) * bands.shape[2])
    relative = bands - mean.clamp(min=1e-7).log()[:, None, None]
    return (relative.clamp(min=_QUIETEST) + 3.0) / 3.0 * kept


def _rotation(length: int, width: int, like: Tensor) -> Tensor:
    """(2, T, D) cosines and sines of rotary positions (arXiv:2104.09864)."""
    speeds = _ROTATION_BASE ** (-torch.arange(0, width, 2, device=like.device) / width)
    angles = torch.arange(length, device=like.device)[:, None] * speeds
    angles = torch.cat((angles, angles), -1)
    return torch.stack((angles.cos(), angles.sin())).to(like.dtype)


def _rotated(x: Tensor, rotation: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * rotation[0] + torch.cat((-second, first), -1) * rotation[1]
