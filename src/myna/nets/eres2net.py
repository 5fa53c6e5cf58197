"""ERes2NetV2: the filterbank of a recording to a speaker vector, which says who speaks.

A residual network over a picture of bands by frames. Inside a block the channels are split into
groups; each group hears what the group before it made, so that one block sees several scales.

Letters in shapes: B recordings, C channels, H bands (halved three times), T frames (likewise).

Source: ERes2NetV2 (arXiv:2406.02167) in the layout of the published w24s4ep4 weights; values
checked against recorded ones in tests/parity/test_encoders.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from myna.specs import ERes2NetSpec

EPSILON = 1e-5
"""Of every batch norm."""


class ERes2NetV2(nn.Module):
    """The whole network; `fuse` makes it faster and changes no value beyond rounding.

    Args:
        head: go on to the published embedding. Families read the speaker vector before it.
    """

    def __init__(self, spec: ERes2NetSpec, *, head: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, spec.channels, 3, padding=1, bias=False)
        self.bn1 = FrozenNorm(spec.channels)
        self.layer1, self.layer2, self.layer3, self.layer4 = (_stage(spec, i) for i in range(4))
        third, fourth = (spec.channels * 2**stage * spec.expansion for stage in (2, 3))
        self.layer3_ds = nn.Conv2d(third, fourth, 3, stride=2, padding=1, bias=False)
        self.fuse34 = Fusion(fourth)
        self.seg_1 = nn.Linear(2 * spec.width, spec.head_width) if head else None

    def forward(self, features: Tensor) -> Tensor:
        """Map log energies to one vector per recording.

        Args:
            features: (B, frames, bands), natural logarithm, mean not subtracted.

        Returns:
            (B, `spec.width`), or (B, `spec.head_width`) with the head. Not normalised.
        """
        picture = features.transpose(1, 2)[:, None]
        third = self.layer3(self.layer2(self.layer1(F.relu_(self.bn1(self.conv1(picture))))))
        fused = self.fuse34(self.layer4(third), self.layer3_ds(third)).flatten(1, 2)
        if self.seg_1 is None:
            vector: Tensor = fused.mean(2)
            return vector
        spread = (fused.var(2) + 1e-8).sqrt()
        embedding: Tensor = self.seg_1(torch.cat([fused.mean(2), spread], 1))
        return embedding


def fuse(net: ERes2NetV2) -> ERes2NetV2:
    """Fold every norm, in place, into the convolution before it, and lay weights out for CPUs."""
    modules = dict(net.named_modules())
    with torch.no_grad():
        for name, norm in modules.items():
            if isinstance(norm, FrozenNorm):
                conv = modules[_convolution_before(name)]
                assert isinstance(conv, nn.Conv2d)
                conv.weight, conv.bias = norm.folded_into(conv)
                net.set_submodule(name, nn.Identity())
        for conv in modules.values():
            if isinstance(conv, nn.Conv2d):
                kernel = conv.weight.contiguous(memory_format=torch.channels_last)
                conv.weight = nn.Parameter(kernel, requires_grad=False)
    return net


class Block(nn.Module):
    """One residual step: (B, inputs, H, T) -> (B, outputs, H / stride, T / stride).

    Args:
        group: channels of each of the `scale` groups.
        fused: a group is merged with the result before it by `Fusion`; otherwise they are added.
    """

    def __init__(
        self, inputs: int, group: int, scale: int, outputs: int, stride: int, *, fused: bool
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, group * scale, 1, stride, bias=False)
        self.bn1 = FrozenNorm(group * scale)
        self.convs = nn.ModuleList(
            nn.Conv2d(group, group, 3, padding=1, bias=False) for _ in range(scale)
        )
        self.bns = nn.ModuleList(FrozenNorm(group) for _ in range(scale))
        self.fuse_models = nn.ModuleList(
            Fusion(group) if fused else Sum() for _ in range(scale - 1)
        )
        self.conv3 = nn.Conv2d(group * scale, outputs, 1, bias=False)
        self.bn3 = FrozenNorm(outputs)
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            self.shortcut.append(FrozenNorm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        first, *others = _limited(self.bn1(self.conv1(x))).chunk(len(self.convs), 1)
        made = [_limited(self.bns[0](self.convs[0](first)))]
        for group, merge, conv, norm in zip(
            others, self.fuse_models, self.convs[1:], self.bns[1:], strict=True
        ):
            made.append(_limited(norm(conv(merge(made[-1], group)))))
        merged: Tensor = self.bn3(self.conv3(torch.cat(made, 1)))
        merged += self.shortcut(x)
        return _limited(merged)


class Sum(nn.Module):
    """Merge two pictures where a stage has no weights to do it with: two of (B, C, H, T) -> one."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Fusion(nn.Module):
    """Weigh two pictures against each other, point by point: two of (B, C, H, T) -> one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local_att = nn.Sequential(
            nn.Conv2d(2 * channels, channels // 4, 1),
            FrozenNorm(channels // 4),
            nn.SiLU(),
            nn.Conv2d(channels // 4, channels, 1),
            FrozenNorm(channels),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        lean = torch.tanh(self.local_att(torch.cat([x, y], 1)))
        return x + y + lean * (x - y)


class FrozenNorm(nn.Module):
    """Batch norm by the recorded statistics, which are never updated: (B, C, H, T) -> the same."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=EPSILON
        )

    def folded_into(self, conv: nn.Conv2d) -> tuple[nn.Parameter, nn.Parameter]:
        """Kernel and bias of the convolution that does the work of `conv` and this norm."""
        return fuse_conv_bn_weights(
            conv.weight,
            conv.bias,
            self.running_mean,
            self.running_var,
            EPSILON,
            self.weight,
            self.bias,
        )


def _stage(spec: ERes2NetSpec, index: int) -> nn.Sequential:
    planes = spec.channels * 2**index
    outputs = planes * spec.expansion
    inputs = outputs // 2 if index > 0 else spec.channels
    stride = 2 if index > 0 else 1
    group = planes * spec.base_width // 64
    stage = nn.Sequential(Block(inputs, group, spec.scale, outputs, stride, fused=index > 1))
    for _ in range(1, spec.blocks[index]):
        stage.append(Block(outputs, group, spec.scale, outputs, 1, fused=index > 1))
    return stage


def _convolution_before(norm: str) -> str:
    """Name of the convolution whose output goes to the norm of this name."""
    if "bn" in norm:
        return norm.replace("bn", "conv")
    sequence, _, place = norm.rpartition(".")
    return f"{sequence}.{int(place) - 1}"


def _limited(x: Tensor) -> Tensor:
    return F.hardtanh_(x, 0.0, 20.0)
