"""Our own speaker encoder: the filter bank of a recording to a vector that says who speaks.

An ECAPA-TDNN (arXiv:2005.07143) of matrix products alone, which CPUs are quick at: what a
convolution over time would read is laid side by side first. The first layer halves the rate. Norms
are over the channels of one frame; only what is pooled is compared with other recordings, those of
the batch in training, recorded averages afterwards. Without that all vectors are much alike at
first, and learning to tell them apart is slow.

Letters in shapes: B recordings, F frames of the filter bank (100 per second), T frames (50 per
second), K bands, C channels, P pooled channels, D numbers of the speaker vector.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.specs import EcapaSpec

_DILATIONS = (2, 3, 4)
"""Of the blocks, as published."""
_STRIDE = 2
_QUIETEST = -12.0
"""Log power relative to the mean of a clip that silence is raised to."""
_SPEECH = -4.0
"""Log power of a frame, relative to the same, from which it counts as speech."""
_MOMENTUM = 0.05
"""Share of a batch in the recorded averages over recordings."""
_SPREAD = 2.0
"""About the deviation of log power within a band."""


class Ecapa(nn.Module):
    """The whole network. Loudness, channel and padding of a recording do not matter to it."""

    def __init__(self, spec: EcapaSpec) -> None:
        super().__init__()
        self.spec = spec
        self.front = Context(spec.bands, spec.channels, reach=2, stride=_STRIDE)
        self.front_norm = nn.LayerNorm(spec.channels)
        self.blocks = nn.ModuleList(Block(spec, dilation) for dilation in _DILATIONS)
        self.merge = nn.Linear(len(_DILATIONS) * spec.channels, spec.pooled)
        self.pooling = Pooling(spec.pooled, spec.bottleneck)
        self.standard = Standard(2 * spec.pooled)
        self.out = nn.Linear(2 * spec.pooled, spec.width, bias=False)

    def forward(self, bands: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Tell who speaks.

        Args:
            bands: (B, F, K) log power, as `myna.audio.filterbank` gives it.
            lengths: (B,) frames that are no padding, at least 1; all by default.

        Returns:
            (B, D) of length sqrt(D), so that its numbers are near 1; alike is a high cosine.
        """
        frames = torch.ones_like(bands[..., 0], dtype=torch.bool)
        if lengths is not None:
            frames = torch.arange(bands.shape[1], device=bands.device)[None] < lengths[:, None]
        x = level(bands, frames)
        mask = frames[:, ::_STRIDE, None].to(x.dtype)
        x = self.front_norm(F.relu(self.front(x))) * mask
        heard = []
        for block in self.blocks:
            x = block(x, mask)
            heard.append(x)
        x = F.relu(self.merge(torch.cat(heard, -1)))
        vector: Tensor = self.out(self.standard(self.pooling(x, mask)))
        return F.normalize(vector, dim=-1) * sqrt(self.spec.width)


def level(bands: Tensor, frames: Tensor) -> Tensor:
    """Log power with the mean of each band while there is speech subtracted; 0 in the padding.

    Args:
        bands: (B, F, K).
        frames: (B, F), true where there is sound.
    """
    kept = frames[..., None]
    bands = bands.float()
    powers = (bands.exp() * kept).mean(2)
    mean = powers.sum(1) / frames.sum(1)
    x = (bands - mean.clamp(min=1e-7).log()[:, None, None]).clamp(min=_QUIETEST)
    # Pauses would move the means, by as much as there are.
    loudness = (powers / mean.clamp(min=1e-7)[:, None]).clamp(min=1e-7).log()
    speech = (torch.sigmoid(2.0 * (loudness - _SPEECH)) * frames)[..., None]
    middle = (x * speech).sum(1) / speech.sum(1).clamp(min=1e-4)
    return (x - middle[:, None]) / _SPREAD * kept


class Context(nn.Module):
    """A linear map of each frame and its neighbours: (B, F, inputs) -> (B, F / stride, outputs).

    Args:
        reach: neighbours on each side.
        dilation: frames from one to the next.
    """

    def __init__(
        self, inputs: int, outputs: int, *, reach: int, dilation: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.reach, self.dilation, self.stride = reach, dilation, stride
        self.linear = nn.Linear(inputs * (2 * reach + 1), outputs)

    def forward(self, x: Tensor) -> Tensor:
        frames, edge = x.shape[1], self.reach * self.dilation
        x = F.pad(x, (0, 0, edge, edge))
        places = range(0, 2 * edge + 1, self.dilation)
        y: Tensor = self.linear(
            torch.cat([x[:, place : place + frames : self.stride] for place in places], -1)
        )
        return y


class Block(nn.Module):
    """A step with a shortcut: (B, T, C) -> the same.

    The channels are split into groups; each but the first hears its neighbours in time and what
    the group before it made, so that one block has several reaches (Res2Net, arXiv:1904.01169).
    Then the recording as a whole weighs the channels (arXiv:1709.01507).
    """

    def __init__(self, spec: EcapaSpec, dilation: int) -> None:
        super().__init__()
        width, group = spec.channels, spec.channels // spec.scale
        self.scale = spec.scale
        self.first = nn.Linear(width, width)
        self.first_norm = nn.LayerNorm(width)
        self.groups = nn.ModuleList(
            Context(group, group, reach=1, dilation=dilation) for _ in range(spec.scale - 1)
        )
        self.middle_norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, width)
        self.last_norm = nn.LayerNorm(width)
        self.squeeze = nn.Linear(width, spec.bottleneck)
        self.excite = nn.Linear(spec.bottleneck, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """mask: (B, T, 1), 1 where there is sound, else 0."""
        y = self.first_norm(F.relu(self.first(x))) * mask
        made, *others = y.chunk(self.scale, -1)
        parts = [made]
        for number, (group, context) in enumerate(zip(others, self.groups, strict=True)):
            made = F.relu(context(group + made if number else group)) * mask
            parts.append(made)
        y = self.middle_norm(torch.cat(parts, -1))
        y = self.last_norm(F.relu(self.last(y))) * mask
        mean = y.sum(1, keepdim=True) / mask.sum(1, keepdim=True)
        weights = torch.sigmoid(self.excite(F.relu(self.squeeze(mean))))
        return (x + y * weights) * mask


class Pooling(nn.Module):
    """Mean and deviation over time, with an attention per channel: (B, T, P) -> (B, 2P).

    What to attend to depends on the frame, and on mean and deviation of the whole.
    """

    def __init__(self, pooled: int, bottleneck: int) -> None:
        super().__init__()
        self.frame = nn.Linear(pooled, bottleneck)
        self.whole = nn.Linear(2 * pooled, bottleneck, bias=False)
        self.attention = nn.Linear(bottleneck, pooled)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """mask: (B, T, 1), 1 where there is sound, else 0."""
        whole = _moments(x, mask / mask.sum(1, keepdim=True))
        hidden = torch.tanh(self.frame(x) + self.whole(whole)[:, None])
        logits = self.attention(hidden) + (mask - 1.0) * 1e4
        return _moments(x, logits.softmax(1))


class Standard(nn.Module):
    """Each number less its mean over recordings, in units of its deviation: (B, C) -> the same."""

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        # One recording alone has no deviation.
        batch = self.training and len(x) > 1
        return F.batch_norm(x, self.mean, self.variance, training=batch, momentum=_MOMENTUM)


def _moments(x: Tensor, weights: Tensor) -> Tensor:
    """Mean and deviation over time by weights that sum to 1."""
    mean = (x * weights).sum(1)
    # By the distance from the mean: the difference of two squares loses what is small.
    variance = ((x - mean[:, None]).square() * weights).sum(1)
    return torch.cat((mean, variance.clamp(min=1e-6).sqrt()), -1)
