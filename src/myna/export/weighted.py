"""An ordinary ONNX file, weights included, for runtimes that cannot be handed weights in memory."""

from pathlib import Path
from typing import Any

from myna.checkpoints.store import ModelFolder
from myna.engines import graphs
from myna.engines.graph_weights import part_opener, tables_of
from myna.engines.onnx_sessions import weights_of
from myna.errors import CheckpointError, ConfigError
from myna.extras import require
from myna.files import replacing


def weighted(folder: ModelFolder, graph: str) -> Any:
    """A graph of a model's family with the weights of the model, in single precision.

    Args:
        folder: of the model.
        graph: its name in `myna.engines.graphs`.

    Returns:
        An `onnx.ModelProto` that holds all it needs. Those of the families that there are stay
        below the 2 GB that one may have: the largest, the text encoder, has 1.2 GB.

    Raises:
        ConfigError: the family has no such graph.
        ModelNotFoundError: there are no graphs of the family, or an encoder is not here.
        CheckpointError: the graph is damaged, or does not fit the weights.
        MissingExtraError: the package `onnx` is not installed.
    """
    onnx = require("onnx", extra="export", feature="Exporting")
    found = graphs.open_graphs(folder.family, folder.path)
    if graph not in found:
        raise ConfigError(
            f"The family {folder.spec} has no graph {graph!r}; it has {', '.join(found)}."
        )
    found[graph].check()
    model = onnx.load(found[graph].path, load_external_data=False)
    weights = weights_of(found[graph].weights, part_opener(folder), tables_of(folder.family, graph))
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            weight = weights[tensor.name]
            if weight.shape != tuple(tensor.dims):
                raise CheckpointError(
                    f"{tensor.name} of the model {folder.name} has the shape {weight.shape}; its "
                    f"family's has {tuple(tensor.dims)}."
                )
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            tensor.raw_data = weight.astype("<f4").tobytes()
    return model


def write_weighted(folder: ModelFolder, graph: str, out: Path) -> None:
    """Write `weighted` to a file, whole or not at all.

    Raises:
        MynaError: as `weighted`.
        OSError: the file cannot be written.
    """
    model = weighted(folder, graph)
    with replacing(out) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
