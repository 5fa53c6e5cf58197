"""A graph and its weights, made ready to run by ONNX Runtime.

Weights come from safetensors files of any float type, are converted to single precision, and are
handed to the runtime in memory; on the way, weight normalisation is folded, and matrices that the
graph reads as whole numbers are quantised. The runtime copies them before it optimises the graph,
so it does to them what it does to constants (documented at `AddExternalInitializers` of its C
interface).
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import cache
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna.engines import quantising
from myna.engines.base import Floats
from myna.engines.graphs import Graph
from myna.errors import CheckpointError, EngineError
from myna.extras import require

Tensors = Mapping[str, NDArray[Any]]
Part = Callable[[str], Tensors]
"""The tensors of the network of this name."""

_QUIET = 4
"""Errors are raised; the runtime need not print them as well."""


class Session:
    """One graph with its weights.

    Weights are gathered at once; the runtime then makes itself ready in a thread of its own,
    without Python's lock, and who runs the graph waits for it.

    Args:
        parts: where weights come from.
        tables: what else the graph reads, by name.
        threads: that one run may use.

    Raises:
        CheckpointError: weights are missing. If the runtime finds that graph and weights do not
            fit, this is raised when the graph is run.
        MissingExtraError: ONNX Runtime is not installed.
    """

    def __init__(
        self, graph: Graph, parts: Part, *, tables: Mapping[str, Floats], threads: int
    ) -> None:
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        # A thread that waits by spinning takes a core from those that share the machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Planning which results may share memory takes longer than all else, the square of the
        # graph's size; runs need no less memory for it, and no less time.
        options.enable_mem_reuse = False
        self._name = graph.path.stem
        graph.check()
        weights = weights_of(graph.weights, parts, tables)
        values = [runtime.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
        options.add_external_initializers(list(weights), values)
        self._ready: Future[Any] = Future()
        Thread(target=self._start, args=(str(graph.path), options, values)).start()

    def _start(self, path: str, options: Any, values: Sequence[Any]) -> None:
        """Make the runtime ready, which copies `values`."""
        try:
            started = _runtime().InferenceSession(
                path, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 - its errors share no class
            wrong = CheckpointError(f"{path} and the weights do not fit together: {error}")
            wrong.__cause__ = error
            self._ready.set_exception(wrong)
        else:
            self._ready.set_result(started)
        del values

    def run(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """All outputs.

        Raises:
            EngineError: it could not be computed.
            CheckpointError: graph and weights do not fit.
        """
        session = self._ready.result()
        try:
            found: list[NDArray[Any]] = session.run(None, inputs)
        except Exception as error:  # its errors share no class
            raise EngineError(f"ONNX Runtime could not compute {self._name}: {error}") from error
        return found

    def bind(self, inputs: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> Any:
        """Tie arrays to the graph's ends, to be read and written where they are by `run_bound`.

        An output may be tied to the array of an input. The caller keeps the arrays alive.
        """
        binding = self._ready.result().io_binding()
        for name, array in inputs.items():
            binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        for name, array in outputs.items():
            binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        return binding

    def run_bound(self, binding: Any) -> None:
        """Run on the arrays of `bind`."""
        self._ready.result().run_with_iobinding(binding)


def cores() -> int:
    """Those this process may use, where the system tells."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def folded(tensors: Tensors, name: str) -> Floats:
    """A weight in single precision, of tensors that may keep it as a direction and a length.

    Raises:
        KeyError: it is in none of both forms.
    """
    if f"{name}_v" not in tensors:
        return tensors[name].astype(np.float32)
    direction = tensors[f"{name}_v"].astype(np.float32)
    length = tensors[f"{name}_g"].astype(np.float32)
    # The one axis that keeps lengths is not summed over; if it has one row, that changes nothing.
    others = tuple(axis for axis, size in enumerate(length.shape) if size == 1)
    norm = np.sqrt(np.square(direction).sum(axis=others, keepdims=True))
    kernel: Floats = direction * (length / norm)
    return kernel


def weights_of(
    names: Sequence[str], parts: Part, tables: Mapping[str, Floats]
) -> dict[str, NDArray[Any]]:
    """All that a graph reads, by its name there, as it lies in memory.

    Raises:
        CheckpointError: the weights lack one.
    """
    found: dict[str, NDArray[Any]] = {}
    for name in names:
        matrix, _, kind = name.rpartition(".")
        if name in tables:
            found[name] = np.ascontiguousarray(tables[name])
        elif kind == quantising.LEVELS:
            levels, steps = quantising.quantised(_weight(matrix, parts))
            found |= {name: levels, f"{matrix}.{quantising.STEPS}": steps}
        elif kind != quantising.STEPS:
            found[name] = np.ascontiguousarray(_weight(name, parts))
    return found


def _weight(name: str, parts: Part) -> Floats:
    part, _, inner = name.partition(".")
    try:
        return folded(parts(part), inner)
    except KeyError:
        raise CheckpointError(f"The weights of the {part} lack {inner}.") from None


@cache
def _runtime() -> Any:
    return require("onnxruntime", extra="onnx", feature="Speaking without PyTorch")
