"""Low-rank adapters (LoRA, arXiv:2106.09685) as a transform of any net, and back.

`add` gives chosen layers a second, thin kernel beside their own: weight + scale * b @ a, with `b`
zero at first, so that a fresh adapter changes nothing. The layer stays the object it was and of the
class it was (a subclass of it), its own parameters keep their names and are frozen, and whoever
reads its `weight` gets the sum. `merge` writes the sum into the layer and leaves no trace.

Kernels of any rank are seen as a matrix: rows are the first axis, columns all others. A packed map
such as queries, keys and values in one is adapted as the one matrix it is: its rank is shared by
the three.

Letters in shapes: R rank, O rows of a kernel, I columns of it; B batch, T steps.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.errors import CheckpointError, ConfigError
from myna.nets.weight_norm import WeightNormConv1d, kernel

_A, _B, _SCALE = "lora_a", "lora_b", "lora_scale"


def add(
    net: nn.Module,
    targets: Sequence[str],
    *,
    rank: int,
    alpha: float | None = None,
    seed: int = 0,
) -> tuple[str, ...]:
    """Freeze all of `net` and give the layers that `targets` name adapters that learn.

    Args:
        net: changed in place.
        targets: regular expressions for the last parts of layers' names: `attention.qkv` means
            every layer whose name ends with it, `layers.[01]..*` all layers within those two.
        rank: of the adapters.
        alpha: their scale is alpha / rank; None for a scale of 1.
        seed: of the first values, which depend on it and on the layer's name alone.

    Returns:
        Names of the adapted layers, in order.

    Raises:
        ConfigError: a target names no layer that can be adapted, or one that already is; or the
            rank is not at least 1.
    """
    if rank < 1:
        raise ConfigError(f"rank is {rank}; an adapter has a rank of at least 1.")
    layers = _chosen(net, targets)
    net.requires_grad_(requires_grad=False)
    scale = 1.0 if alpha is None else alpha / rank
    for name, layer in layers.items():
        weight = _own_kernel(layer)
        rows, columns = _sides(weight)
        digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
        # As wide as what a linear layer of this width starts from.
        a = (2 * torch.rand(rank, columns, generator=generator) - 1) * columns**-0.5
        _adapt(layer, a.to(weight), weight.new_zeros(rows, rank), weight.new_tensor(scale))
    return tuple(layers)


def adapters(net: nn.Module) -> dict[str, Tensor]:
    """All that `add` put into `net` and training moved: what an adapter file holds.

    By names in the state of `net`: per layer `lora_a` (R, I), `lora_b` (O, R) and the number
    `lora_scale`. The tensors are the net's own, detached, not copies.
    """
    return {
        f"{name}.{part}": getattr(layer, part).detach()
        for name, layer in _adapted(net).items()
        for part in (_A, _B, _SCALE)
    }


def load_adapters(net: nn.Module, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Give `net` adapters from `adapters` of another of its kind.

    It then has these adapters and no others, and all of its other parameters are frozen.

    Returns:
        Names of the layers that `tensors` adapt.

    Raises:
        CheckpointError: a tensor is missing, belongs to no layer of `net`, or has another shape;
            `net` is then as it was.
    """
    given: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        layer_name, _, part = name.rpartition(".")
        given.setdefault(layer_name, {})[part] = tensor
    layers = dict(net.named_modules())
    for name, parts in given.items():
        layer = layers.get(name)
        if layer is None or not (type(layer) in _ADAPTED or type(layer) in _PLAIN):
            raise CheckpointError(
                f"The adapters belong to another net: this one has no layer {name!r} to adapt."
            )
        _check(name, parts, _own_kernel(layer))
    for layer in _adapted(net).values():
        _strip(layer)
    net.requires_grad_(requires_grad=False)
    for name, parts in given.items():
        weight = _own_kernel(layers[name])
        _adapt(layers[name], *(parts[part].to(weight, copy=True) for part in (_A, _B, _SCALE)))
    return tuple(given)


def merge(net: nn.Module) -> dict[str, Tensor]:
    """Write every adapter in `net` into its layer, in place, and take it away.

    The state of `net` then has exactly the names that it had before `add`. Of a weight-normed
    layer direction and length change; they say the same kernel as the sum.

    Returns:
        The adapters, as `adapters` gives them; `unmerge` takes them.
    """
    taken = adapters(net)
    for layer in _adapted(net).values():
        weight = _effective(layer).detach()
        _strip(layer)
        _set_kernel(layer, weight)
    return taken


def unmerge(net: nn.Module, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Take adapters that `merge` returned out of the layers again and put them beside.

    What the layers then hold differs from what they held before `merge` by rounding.

    Raises:
        CheckpointError: as `load_adapters`.
    """
    names = load_adapters(net, tensors)
    layers = dict(net.named_modules())
    for name in names:
        layer = layers[name]
        weight = _own_kernel(layer) - (_effective(layer) - _own_kernel(layer))
        _set_kernel(layer, weight.detach())
    return names


def merged(base: Tensor, a: Tensor, b: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """The kernel that an adapted layer computes with.

    Args:
        base: (O, ...), the rest I elements.
        a: (R, I).
        b: (O, R).
        scale: alpha / rank.
    """
    return base + (scale * (b @ a)).view_as(base)


class _LoraLinear(nn.Linear):
    """A linear map with an adapter; `weight` reads as the sum."""

    lora_a: Tensor
    lora_b: Tensor
    lora_scale: Tensor

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        return _effective(self)

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O)."""
        # Two thin products instead of a sum of kernels, whose gradient would be a whole kernel.
        base = F.linear(x, _own_kernel(self), self.bias)
        return base + self.lora_scale * F.linear(F.linear(x, self.lora_a), self.lora_b)


class _LoraConv1d(nn.Conv1d):
    """A convolution with an adapter; `weight` reads as the sum."""

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        return _effective(self)


class _LoraWeightNormConv1d(WeightNormConv1d):
    """A weight-normed convolution with an adapter.

    Direction and length read as those of the sum, so that what is computed from the two, here or
    where they are folded, is the sum.
    """

    @property
    def weight_v(self) -> Tensor:  # type: ignore[override]
        return _effective(self)

    @property
    def weight_g(self) -> Tensor:  # type: ignore[override]
        return _length(_effective(self), self.dim)


_ADAPTED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: _LoraLinear,
    nn.Conv1d: _LoraConv1d,
    WeightNormConv1d: _LoraWeightNormConv1d,
}
_PLAIN = {adapted: plain for plain, adapted in _ADAPTED.items()}


def _chosen(net: nn.Module, targets: Sequence[str]) -> dict[str, nn.Module]:
    """Layers that can be adapted and that a target names, in the net's order."""
    able = {name: layer for name, layer in net.named_modules() if type(layer) in _ADAPTED}
    chosen: set[str] = set()
    for target in targets:
        try:
            pattern = re.compile(rf"(?:.*\.)?(?:{target})")
        except re.error as error:
            raise ConfigError(
                f"The target {target!r} is no regular expression: {error}."
            ) from error
        if taken := [name for name in _adapted(net) if pattern.fullmatch(name)]:
            raise ConfigError(f"{taken[0]} has an adapter already; merge it first.")
        found = {name for name in able if pattern.fullmatch(name)}
        if not found:
            raise ConfigError(
                f"The target {target!r} names no layer that can be adapted; "
                f"such layers are {', '.join(list(able)[:6]) or 'none in this net'}."
            )
        chosen |= found
    if not chosen:
        raise ConfigError("Adapters need at least one target, such as attention.qkv.")
    return {name: layer for name, layer in able.items() if name in chosen}


def _adapted(net: nn.Module) -> dict[str, nn.Module]:
    return {name: layer for name, layer in net.named_modules() if type(layer) in _PLAIN}


def _adapt(layer: nn.Module, a: Tensor, b: Tensor, scale: Tensor) -> None:
    layer.__class__ = _ADAPTED[type(layer)]
    layer.register_parameter(_A, nn.Parameter(a))
    layer.register_parameter(_B, nn.Parameter(b))
    layer.register_buffer(_SCALE, scale)


def _strip(layer: nn.Module) -> None:
    layer.__class__ = _PLAIN[type(layer)]
    for part in (_A, _B, _SCALE):
        delattr(layer, part)


def _check(name: str, parts: Mapping[str, Tensor], weight: Tensor) -> None:
    if parts.keys() != {_A, _B, _SCALE}:
        raise CheckpointError(
            f"The adapter of {name} consists of {_A}, {_B} and {_SCALE}; "
            f"found were {', '.join(sorted(parts))}."
        )
    rows, columns = _sides(weight)
    rank = parts[_A].shape[0] if parts[_A].ndim else 0
    wanted = {_A: (rank, columns), _B: (rows, rank), _SCALE: ()}
    for part, shape in wanted.items():
        if tuple(parts[part].shape) != shape:
            raise CheckpointError(
                f"{name}.{part} has the shape {tuple(parts[part].shape)}; this net needs {shape}."
            )


def _sides(weight: Tensor) -> tuple[int, int]:
    """O and I."""
    return weight.shape[0], weight[0].numel()


def _effective(layer: nn.Module) -> Tensor:
    a, b, scale = layer._parameters[_A], layer._parameters[_B], layer._buffers[_SCALE]
    assert a is not None
    assert b is not None
    assert scale is not None
    return merged(_own_kernel(layer), a, b, scale)


def _own_kernel(layer: nn.Module) -> Tensor:
    """The kernel without the adapter, whether there is one or not."""
    # Attributes of an adapted layer read as the sum.
    own = layer._parameters
    if isinstance(layer, WeightNormConv1d):
        direction, length = own["weight_v"], own["weight_g"]
        assert direction is not None
        assert length is not None
        return kernel(direction, length, layer.dim)
    weight = own["weight"]
    assert weight is not None
    return weight


@torch.no_grad()
def _set_kernel(layer: nn.Module, weight: Tensor) -> None:
    own = layer._parameters
    parts = {"weight": weight}
    if isinstance(layer, WeightNormConv1d):
        parts = {"weight_v": weight, "weight_g": _length(weight, layer.dim)}
    for name, value in parts.items():
        parameter = own[name]
        assert parameter is not None
        parameter.copy_(value)


def _length(direction: Tensor, dim: int) -> Tensor:
    others = [axis for axis in range(direction.ndim) if axis != dim]
    return torch.linalg.vector_norm(direction, dim=others, keepdim=True)
