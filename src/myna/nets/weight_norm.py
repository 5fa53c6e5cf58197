"""Convolutions whose kernel is kept as a direction and a length (arXiv:1602.07868).

Training keeps the pair `weight_v`, `weight_g`; inference folds it into one `weight` once, so that
nothing is normalised again on every call. The published files use the old layout, in which the
length of a transposed convolution is taken per *input* channel: over every axis but the first.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WeightNormConv1d(nn.Module):
    """A (transposed) 1-d convolution with weight normalisation.

    Args:
        dim: the axis of the kernel that keeps a length of its own.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        transposed: bool = False,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.transposed, self.dim = transposed, dim
        plain = self._plain(inputs, outputs, kernel)
        assert plain.bias is not None
        direction = plain.weight.detach()
        self.weight_v = nn.Parameter(direction.clone())
        self.weight_g = nn.Parameter(_length(direction, dim))
        self.bias = nn.Parameter(plain.bias.detach().clone())
        self.inputs, self.outputs, self.kernel = inputs, outputs, kernel

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, outputs, T')."""
        weight = kernel(self.weight_v, self.weight_g, self.dim)
        if self.transposed:
            return F.conv_transpose1d(
                x, weight, self.bias, self.stride, self.padding, 0, self.groups, self.dilation
            )
        return F.conv1d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def folded(self) -> nn.Conv1d | nn.ConvTranspose1d:
        """The same convolution with a plain kernel."""
        plain = self._plain(self.inputs, self.outputs, self.kernel, device=torch.device("meta"))
        weight = kernel(self.weight_v, self.weight_g, self.dim).detach()
        plain.weight = nn.Parameter(weight, requires_grad=False)
        plain.bias = nn.Parameter(self.bias.detach(), requires_grad=False)
        return plain

    def _plain(
        self, inputs: int, outputs: int, kernel: int, device: torch.device | None = None
    ) -> nn.Conv1d | nn.ConvTranspose1d:
        if self.transposed:
            return nn.ConvTranspose1d(
                inputs,
                outputs,
                kernel,
                self.stride,
                self.padding,
                groups=self.groups,
                dilation=self.dilation,
                device=device,
            )
        return nn.Conv1d(
            inputs,
            outputs,
            kernel,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            device=device,
        )


class WeightNormConv2d(nn.Module):
    """A convolution along the first of two axes, with weight normalisation; for training only."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.stride, self.padding = (stride, 1), (padding, 0)
        plain = nn.Conv2d(inputs, outputs, (kernel, 1), self.stride, self.padding)
        assert plain.bias is not None
        direction = plain.weight.detach()
        self.weight_v = nn.Parameter(direction.clone())
        self.weight_g = nn.Parameter(_length(direction, 0))
        self.bias = nn.Parameter(plain.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, W) -> (B, outputs, T', W)."""
        weight = kernel(self.weight_v, self.weight_g)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


def kernel(direction: Tensor, length: Tensor, dim: int = 0) -> Tensor:
    """The kernel of the given direction and length, in the dtype of `direction`."""
    return direction * (length / _length(direction, dim))


def fold(net: nn.Module) -> nn.Module:
    """Replace every weight-normed convolution in `net`, in place, by a plain one."""
    for name, child in net.named_children():
        if isinstance(child, WeightNormConv1d):
            setattr(net, name, child.folded())
        else:
            fold(child)
    return net


def load_folded(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give `net` its weights, in place, with every normalised kernel folded.

    Args:
        net: may be on the meta device; its parameters become the given tensors, not copies.
        tensors: parameters by name, normalised or already folded.

    Raises:
        RuntimeError: a name is missing or unknown, or a shape differs.
        KeyError: a direction comes without its length.
    """
    dims = {
        name: module.dim
        for name, module in net.named_modules()
        if isinstance(module, WeightNormConv1d)
    }
    folded = {}
    for name, tensor in tensors.items():
        conv, _, role = name.rpartition(".")
        if role == "weight_v":
            length = tensors[f"{conv}.weight_g"].float()
            folded[f"{conv}.weight"] = kernel(tensor.float(), length, dims[conv])
        elif role != "weight_g":
            folded[name] = tensor
    fold(net)
    net.load_state_dict(folded, assign=True)


def _length(direction: Tensor, dim: int) -> Tensor:
    others = [axis for axis in range(direction.ndim) if axis != dim]
    return torch.linalg.vector_norm(direction, dim=others, keepdim=True)
