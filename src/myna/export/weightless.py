"""Write a module down as an ONNX graph that knows its weights by name and holds none of them.

Weights are called as in the module's `state_dict`, and so are large tables that are in no file of
weights; small ones stay in the graph. The same module gives the same bytes, whatever its weights.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from myna.extras import require

OPSET = 17
"""Of ONNX: the first with LayerNormalization, known to ONNX Runtime since 1.12."""

_SMALL = 1024
"""Values of a table that stays in the graph."""

_ELSEWHERE = "weights"
"""Where a graph says that its weights are; whoever runs it hands them over under their names."""


@dataclass(frozen=True, slots=True)
class Weightless:
    """A graph."""

    data: bytes
    weights: tuple[str, ...]
    """Names of the weights it reads, sorted."""


def weightless(
    module: nn.Module,
    example: Sequence[Tensor],
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> Weightless:
    """Write down a module.

    Args:
        module: in eval mode, on the CPU; its weights are overwritten.
        example: inputs to trace it with; the lengths of its axes that vary are above 1, and differ.
        inputs: names.
        outputs: names.
        axes: by input and output, names of axes whose length varies.

    Raises:
        MissingExtraError: the package `onnx` is not installed.
    """
    onnx = require("onnx", extra="export", feature="Exporting")
    _scramble(module)
    elsewhere = _named(module)
    with (
        TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        _Traceable(),
    ):
        written = Path(folder, "graph.onnx")
        # The exporter by tracing is called old; the new one takes twenty times as long, needs two
        # packages more, and its graphs run no faster. Its warnings of what tracing fixes are not
        # about ours: tests run every graph at other lengths than it was traced with.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(example),
            str(written),
            dynamo=False,
            opset_version=OPSET,
            do_constant_folding=False,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(varying) for name, varying in axes.items()},
        )
        model = onnx.load(written)
    weights = []
    for tensor in model.graph.initializer:
        if tensor.name in elsewhere:
            weights.append(tensor.name)
            tensor.ClearField("raw_data")
            mark_elsewhere(tensor)
    for node in model.graph.node:
        node.ClearField("doc_string")
    return Weightless(model.SerializeToString(deterministic=True), tuple(sorted(weights)))


def mark_elsewhere(tensor: Any) -> None:
    """Have a `TensorProto` without values say that they come from whoever runs the graph."""
    tensor.data_location = tensor.EXTERNAL
    tensor.external_data.add(key="location", value=_ELSEWHERE)


class _Traceable(TorchFunctionMode):
    """Says in other words what the exporter does not know, or only at the example's lengths."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        others: dict[Callable[..., Any], Callable[..., Any]] = {
            Tensor.unflatten: _unflattened,
            Tensor.unfold: _unfolded,
            torch.exp2: _power_of_two,
            torch.atanh: _area_tangent,
            Tensor.cumprod: _running_product,
        }
        return others.get(func, func)(*args, **kwargs or {})


def _unflattened(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    dim %= x.ndim
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


def _unfolded(x: Tensor, dim: int, size: int, step: int) -> Tensor:
    assert dim % x.ndim == x.ndim - 1, "only the last axis is ever unfolded"
    count = (x.shape[-1] - size) // step + 1
    return x[..., torch.arange(count)[:, None] * step + torch.arange(size)]


def _power_of_two(x: Tensor) -> Tensor:
    return torch.pow(2.0, x)


def _area_tangent(x: Tensor) -> Tensor:
    return torch.log((1 + x) / (1 - x)) / 2


def _running_product(x: Tensor, dim: int) -> Tensor:
    assert (x.ndim, dim) == (1, 0), "only a few numbers are ever multiplied so"
    return torch.stack([x[: end + 1].prod() for end in range(len(x))])


def _named(module: nn.Module) -> set[str]:
    """Have the exporter call tables by their names, too; what is to come from elsewhere."""
    found = {name for name, _ in module.state_dict().items()}
    for owner in module.modules():
        for name, table in owner.named_buffers(recurse=False):
            owner.register_buffer(name, table)
    return found | {name for name, table in module.named_buffers() if table.numel() > _SMALL}


def _scramble(module: nn.Module) -> None:
    """No two weights are the same: the exporter makes one of those that are."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
