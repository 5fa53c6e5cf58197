"""One step of the token model in the operators that ONNX Runtime has for it.

`myna.export.wrappers.Step` as it is traced takes some forty small operators a layer; here are
eight. One of them keeps keys and values where they lie and reads no further than they reach; those
that multiply may do so in whole numbers, see `myna.engines.quantising`. Tests hold it to the net.

Letters in shapes: H heads, D head width, C capacity, V vocabulary, W width.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.engines import graphs
from myna.engines.quantising import LEVELS, MIDDLE, STEPS
from myna.export.weightless import OPSET, Weightless, mark_elsewhere
from myna.extras import require
from myna.nets.token_model import rates
from myna.specs import TokenModelSpec

_MICROSOFT = "com.microsoft"
_IR_VERSION = 8
"""Of ONNX files: the one that belongs to the operators."""
_NORM_EPSILON = 1e-5
"""Of `torch.nn.LayerNorm`."""


def fused_step(spec: TokenModelSpec, *, quantised: bool) -> Weightless:
    """Add one token to one request.

    Inputs are token (1,), position (1,) of it in its stream of tokens, length (1,) of what the
    cache holds, and keys and values (1, H, C, D) of each layer in turn; outputs are logits (V,),
    and keys and values one position longer, which are to be tied to the memory of the inputs.

    Args:
        quantised: whether matrices are read as levels and steps.

    Raises:
        MissingExtraError: the package `onnx` is not installed.
    """
    return _Step(spec, quantised=quantised).written()


class _Step:
    """A graph in the making. Values are called as in the formulas, and by their layer."""

    def __init__(self, spec: TokenModelSpec, *, quantised: bool) -> None:
        self._onnx = require("onnx", extra="export", feature="Exporting")
        self._spec, self._quantised = spec, quantised
        self._nodes: list[Any] = []
        self._tables: list[Any] = []
        self._weights: list[str] = []

    def written(self) -> Weightless:
        spec, helper = self._spec, self._onnx.helper
        states = self._layers(self._embedded())
        self._node("Reshape", (states, self._table("any", np.array([-1]))), "logits")
        real, whole = self._onnx.TensorProto.FLOAT, self._onnx.TensorProto.INT64
        shape = [1, spec.heads, "C", spec.head_width]
        past, kept = (
            [helper.make_tensor_value_info(name, real, shape) for name in _cache(spec, state)]
            for state in ("past", "kept")
        )
        given = [
            helper.make_tensor_value_info(name, whole, [1])
            for name in ("token", "position", "length")
        ]
        logits = helper.make_tensor_value_info("logits", real, [spec.codes + 1])
        model = helper.make_model(
            helper.make_graph(
                self._nodes, "step", [*given, *past], [logits, *kept], initializer=self._tables
            ),
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid(_MICROSOFT, 1),
            ],
            ir_version=_IR_VERSION,
        )
        return Weightless(model.SerializeToString(deterministic=True), tuple(sorted(self._weights)))

    def _embedded(self) -> str:
        """The token at its position, (1, W); see `myna.nets.token_model.Positions`."""
        width = self._spec.width
        table = self._weight("token_embedding.weight", (self._spec.codes + 1, width))
        self._node("Gather", (table, "token"), "meaning")
        self._node("Cast", ("position",), "place", to=self._onnx.TensorProto.FLOAT)
        self._node("Mul", ("place", self._table("rates", rates(width)[:, None].numpy())), "angles")
        for wave in ("Sin", "Cos"):
            self._node(wave, ("angles",), wave.lower())
        self._node("Concat", ("sin", "cos"), "waves", axis=1)
        self._node("Reshape", ("waves", self._table("row", np.array([1, width]))), "sinusoids")
        alpha = self._weight("token_positions.alpha", (1,))
        self._node("Mul", (alpha, "sinusoids"), "position_embedding")
        return self._node("Add", ("meaning", "position_embedding"), "x.0")

    def _layers(self, x: str) -> str:
        """All layers, and the head: (1, W) -> (1, V)."""
        spec = self._spec
        width, wide = spec.width, spec.feedforward
        self._node("Cast", ("length",), "lengths", to=self._onnx.TensorProto.INT32)
        one = self._table("one", np.array([1], dtype=np.int32))
        self._node("Add", ("lengths", one), "totals")
        self._node("Squeeze", ("totals",), "total")
        batch, row = self._table("batch", np.array([1, 1, -1])), "row"
        for n in range(spec.layers):
            qkv = self._linear(x, f"layers.{n}.attention.qkv", 3 * width, width)
            self._node("Reshape", (qkv, batch), f"qkv.{n}")
            past, kept = (_cache(spec, state)[2 * n : 2 * n + 2] for state in ("past", "kept"))
            # The heads may share keys and values, but need not.
            self._node(
                "GroupQueryAttention",
                (f"qkv.{n}", "", "", *past, "lengths", "total"),
                *(f"heads.{n}", *kept),
                domain=_MICROSOFT,
                num_heads=spec.heads,
                kv_num_heads=spec.heads,
            )
            self._node("Reshape", (f"heads.{n}", row), f"seen.{n}")
            found = self._linear(f"seen.{n}", f"layers.{n}.attention.out", width, width)
            x = self._joined(x, found, f"layers.{n}.attention_norm", f"attended.{n}")
            found = self._linear(x, f"layers.{n}.feedforward.0", wide, width)
            self._node("Relu", (found,), f"active.{n}")
            found = self._linear(f"active.{n}", f"layers.{n}.feedforward.2", width, wide)
            x = self._joined(x, found, f"layers.{n}.feedforward_norm", f"x.{n + 1}")
        return self._linear(x, "head", spec.codes + 1, width, bias=False)

    def _joined(self, x: str, found: str, norm: str, name: str) -> str:
        """What was found is added, and normalised: (1, W)."""
        gain, bias = (
            self._weight(f"{norm}.{what}", (self._spec.width,)) for what in ("weight", "bias")
        )
        return self._node(
            "SkipLayerNormalization",
            (x, found, gain, bias),
            name,
            domain=_MICROSOFT,
            epsilon=_NORM_EPSILON,
        )

    def _linear(self, x: str, name: str, made: int, read: int, *, bias: bool = True) -> str:
        """(1, read) -> (1, made)"""
        matrix = f"{name}.weight"
        offset = (self._weight(f"{name}.bias", (made,)),) if bias else ()
        if not self._quantised:
            inputs = (x, self._weight(matrix, (made, read)), *offset)
            return self._node("Gemm", inputs, f"{name}.made", transB=1)
        inputs = (
            x,
            self._weight(f"{matrix}.{LEVELS}", (read, made), np.uint8),
            self._weight(f"{matrix}.{STEPS}", (made,)),
            self._table(f"middle.{made}", np.full(made, MIDDLE, dtype=np.uint8)),
            *offset,
        )
        return self._node("DynamicQuantizeMatMul", inputs, f"{name}.made", domain=_MICROSOFT)

    def _node(self, operator: str, inputs: Sequence[str], *outputs: str, **settings: Any) -> str:
        """Add an operator; its first output."""
        self._nodes.append(
            self._onnx.helper.make_node(operator, list(inputs), list(outputs), **settings)
        )
        return outputs[0]

    def _table(self, name: str, values: NDArray[Any]) -> str:
        """Numbers in the graph itself; of one name are always the same."""
        if all(table.name != name for table in self._tables):
            self._tables.append(self._onnx.numpy_helper.from_array(values, name))
        return name

    def _weight(self, name: str, shape: tuple[int, ...], kind: type = np.float32) -> str:
        """A weight of the token model."""
        name = f"{graphs.TOKEN_MODEL}.{name}"
        of_kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        tensor = self._onnx.TensorProto(name=name, dims=shape, data_type=of_kind)
        mark_elsewhere(tensor)
        self._tables.append(tensor)
        self._weights.append(name)
        return name


def _cache(spec: TokenModelSpec, state: str) -> tuple[str, ...]:
    return graphs.cache_names(spec.layers, state)
