"""An ordinary ONNX file, weights included, for runtimes that cannot be handed weights in memory."""

from pathlib import Path
from typing import Any

import numpy as np

from myna.audio.filter_maps import filter_maps
from myna.checkpoints.store import ModelFolder, open_model, tensors
from myna.engines import graphs
from myna.engines.base import Floats
from myna.engines.onnx_sessions import folded
from myna.errors import CheckpointError, ConfigError
from myna.extras import require
from myna.files import replacing
from myna.specs import SourceFilterSpec


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
    weights = _Weights(folder)
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


class _Weights:
    """What graphs of one model read, by its name in a graph."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        family = folder.family
        generator = family.decoder.generator
        maps = filter_maps(generator) if isinstance(generator, SourceFilterSpec) else {}
        self._tables = {f"{graphs.DECODER}.generator.{name}": maps[name] for name in maps}
        self._encoders = {
            graphs.CONTENT_ENCODER: family.content_encoder,
            graphs.SPEAKER_ENCODER: family.speaker_encoder,
            graphs.TEXT_ENCODER: family.text_encoder,
        }
        self._parts: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Floats:
        if name in self._tables:
            return np.asarray(self._tables[name], dtype=np.float32)
        part, _, inner = name.partition(".")
        if part not in self._parts:
            encoder = self._encoders.get(part)
            self._parts[part] = (
                tensors(self._folder, part)
                if encoder is None
                else tensors(open_model(encoder), "weights")
            )
        try:
            return folded(self._parts[part], inner)
        except KeyError:
            raise CheckpointError(f"The weights of the {part} lack {inner}.") from None
