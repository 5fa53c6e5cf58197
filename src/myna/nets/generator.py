"""Latents to a waveform: the HiFi-GAN generator (arXiv:2010.05646).

Letters in shapes: B batch, H latent channels, T frames, G channels of the timbre, C channels of a
stage, S its time steps, N samples.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.nets.weight_norm import WeightNormConv1d
from myna.specs import GeneratorSpec

_SLOPE = 0.1
_LAST_SLOPE = 0.01
"""The published weights were trained with another slope before the last convolution."""


class Generator(nn.Module):
    """Upsampling stages, each followed by the mean of several residual blocks."""

    def __init__(self, spec: GeneratorSpec, latents: int, timbre: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(latents, spec.channels, 7, padding=3)
        self.condition = nn.Conv1d(timbre, spec.channels, 1)
        self.upsamples, self.resblocks = nn.ModuleList(), nn.ModuleList()
        channels = spec.channels
        for rate, kernel in zip(spec.rates, spec.kernels, strict=True):
            self.upsamples.append(
                WeightNormConv1d(
                    channels,
                    channels // 2,
                    kernel,
                    stride=rate,
                    padding=(kernel - rate) // 2,
                    transposed=True,
                )
            )
            channels //= 2
            for size in spec.resblock_kernels:
                self.resblocks.append(ResBlock(channels, size, spec.resblock_dilations))
        self.last = nn.Conv1d(channels, 1, 7, padding=3, bias=False)
        self.blocks_per_stage = len(spec.resblock_kernels)

    def forward(self, latents: Tensor, timbre: Tensor) -> Tensor:
        """latents (B, H, T), timbre (B, G, 1) -> (B, 1, N) in [-1, 1]."""
        x = self.first(latents) + self.condition(timbre)
        for stage, upsample in enumerate(self.upsamples):
            x = upsample(F.leaky_relu(x, _SLOPE))
            start = stage * self.blocks_per_stage
            blocks = self.resblocks[start : start + self.blocks_per_stage]
            assert isinstance(blocks, nn.ModuleList)
            x = torch.stack([block(x) for block in blocks]).mean(0)
        return torch.tanh(self.last(F.leaky_relu(x, _LAST_SLOPE)))


class ResBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair with a shortcut."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(
            WeightNormConv1d(
                channels,
                channels,
                kernel,
                dilation=dilation,
                padding=dilation * (kernel - 1) // 2,
            )
            for dilation in dilations
        )
        self.plain = nn.ModuleList(
            WeightNormConv1d(channels, channels, kernel, padding=(kernel - 1) // 2)
            for _ in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S) -> (B, C, S)."""
        for dilated, plain in zip(self.dilated, self.plain, strict=True):
            y = dilated(F.leaky_relu(x, _SLOPE))
            x = x + plain(F.leaky_relu(y, _SLOPE))
        return x
