"""Run the models: numpy in, numpy out, whatever computes in between."""

from typing import TYPE_CHECKING

from myna.engines.graphs import INT8, PRECISIONS, have_graphs
from myna.errors import ConfigError
from myna.extras import require

if TYPE_CHECKING:
    from myna.checkpoints.store import ModelFolder
    from myna.engines.base import Engine

ENGINES = ("auto", "onnx", "torch")
_MOST_THREADS = 1024


def load_engine(
    folder: "ModelFolder",
    engine: str = "auto",
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> "Engine":
    """The engine called `engine` with the weights of `folder`.

    By default that is ONNX Runtime where there are graphs of the family and neither a GPU nor
    a precision that only PyTorch has is asked for, else PyTorch.

    Args:
        threads: that a computation on ONNX Runtime may use; None for all cores of this process.

    Raises:
        ConfigError: no such engine, device, precision or number of threads, or not on this engine.
        ModelNotFoundError: ONNX Runtime was asked for, and there are no graphs of the family.
        CheckpointError: the graphs of the family are damaged, or do not fit this version.
        MissingExtraError: the engine's package is not installed.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine is {engine!r}; it is one of {', '.join(ENGINES)}.")
    if threads is not None and not 1 <= threads <= _MOST_THREADS:
        raise ConfigError(f"threads is {threads}; it goes from 1 to {_MOST_THREADS}.")
    plain = device in ("auto", "cpu") and precision in ("auto", *PRECISIONS)
    if engine == "onnx" and not plain:
        raise ConfigError(
            f"The engine onnx runs on a CPU in float32 or int8; for device={device!r} and "
            f"precision={precision!r} use engine='torch'."
        )
    if engine == "torch" and precision == INT8:
        raise ConfigError("precision='int8' is for engine='onnx'.")
    if (
        engine == "onnx"
        or precision == INT8
        or (engine == "auto" and plain and have_graphs(folder.family, folder.path))
    ):
        from myna.engines.onnx_engine import OnnxEngine

        return OnnxEngine(folder, precision=precision, threads=threads)
    if threads is not None:
        raise ConfigError(
            "threads is for the engine onnx. PyTorch's belong to the whole process: set "
            "OMP_NUM_THREADS before it starts."
        )
    require("torch", extra="torch", feature=f"Speaking with the model {folder.family.name}")
    from myna.engines.torch_engine import TorchEngine

    return TorchEngine(folder, device=device, precision=precision)
