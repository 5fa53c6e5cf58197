"""A model repository for Triton Inference Server.

    python -m myna.export.triton MODEL -o FOLDER

Three models, laid out as Triton documents it: `decoder` runs the graph of the decoder on ONNX
Runtime or TensorRT, `token_model` draws the tokens of many sentences at the same time, and
`speech`, which clients ask, reads texts and sends speech piece by piece. See docs/triton.md.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from myna.checkpoints.store import ModelFolder, open_model
from myna.datatypes import Delivery, Pacing, Sampling
from myna.engines import ENGINES, graphs
from myna.errors import ConfigError, MynaError
from myna.export.tensorrt import check_fit
from myna.export.weighted import weighted
from myna.extras import require
from myna.files import replacing

_TEMPLATES = Path(__file__).parent / "data" / "triton"
_RUNTIMES = {"onnxruntime": "model.onnx", "tensorrt": "model.plan"}
"""What may run the decoder, and the file that it reads."""
_TYPES = {"float": "TYPE_FP64", "int": "TYPE_INT64", "bool": "TYPE_BOOL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a repository is to be served; all of it can be changed in its files later."""

    runtime: str = "onnxruntime"
    """Of the decoder: "onnxruntime", or "tensorrt", for which see `myna.export.tensorrt`."""
    engine: str = "auto"
    """Of the token model: "onnx", "torch", or "auto" for the one that suits family and device."""
    precision: str = "auto"
    """Of the token model, as `myna.engines.load_engine` knows it."""
    speakers: int = 4
    """Requests answered at the same time, 1 to 256; each has a process that reads texts."""
    together: int = 8
    """Sentences that Triton hands over to the token model at once, 1 to 256; others join later."""
    decoders: int = 1
    """Sentences decoded at the same time on each device, 1 to 64."""

    def __post_init__(self) -> None:
        if self.runtime not in _RUNTIMES:
            raise ConfigError(f"runtime is {self.runtime!r}; it is one of {', '.join(_RUNTIMES)}.")
        if self.engine not in ENGINES:
            raise ConfigError(f"engine is {self.engine!r}; it is one of {', '.join(ENGINES)}.")
        ranges = {"speakers": (1, 256), "together": (1, 256), "decoders": (1, 64)}
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} is {getattr(self, name)}; it goes from {low} to {high}.")


def write_repository(model: str | Path, out: str | Path, serving: Serving | None = None) -> Path:
    """Write the repository of a model.

    The models in it open the model by the name or the folder given here, so that it must be found
    under the same where Triton runs, with the graphs of its family; only the decoder's weights are
    copied.

    Args:
        model: name of a packaged or installed model, or a model folder.
        out: the folder; files of an older repository in it are replaced.
        serving: by default as `Serving` says.

    Returns:
        The folder.

    Raises:
        ModelNotFoundError: there is no such model, or there are no graphs of its family.
        CheckpointError: the model or a graph is damaged.
        ConfigError: TensorRT was asked for, and cannot run this decoder.
        MissingExtraError: the package `onnx` is not installed.
        OSError: the folder cannot be written.
    """
    folder, out, serving = open_model(model), Path(out), serving or Serving()
    named = isinstance(model, str) and folder.path != Path(model)
    place = str(model) if named else str(folder.path.resolve())
    graph = weighted(folder, graphs.DECODE)
    if serving.runtime == "tensorrt":
        check_fit(graph)
    outputs = " ".join(each.name for each in graph.graph.output)
    written = {
        "decoder": _decoder(graph, serving),
        "token_model": _token_model(folder, place, serving),
        "speech": _speech(folder, place, outputs, serving),
    }
    for name, config in written.items():
        (out / name / "1").mkdir(parents=True, exist_ok=True)
        with replacing(out / name / "config.pbtxt") as temporary:
            temporary.write_text(_text(config) + "\n", encoding="utf-8", newline="\n")
        template = _TEMPLATES / f"{name}.py"
        if template.is_file():
            with replacing(out / name / "1" / "model.py") as temporary:
                shutil.copyfile(template, temporary)
    if serving.runtime == "onnxruntime":
        with replacing(out / "decoder" / "1" / _RUNTIMES["onnxruntime"]) as temporary:
            temporary.write_bytes(graph.SerializeToString(deterministic=True))
    return out


def _decoder(graph: Any, serving: Serving) -> dict[str, Any]:
    # No batches: sentences differ in length, and the graph has no axis for more than one, so that
    # its numbers cannot depend on others.
    return {
        "name": "decoder",
        "backend": serving.runtime,
        "default_model_filename": _RUNTIMES[serving.runtime],
        "max_batch_size": 0,
        "input": [_end(each) for each in graph.graph.input],
        "output": [_end(each) for each in graph.graph.output],
        "instance_group": [{"count": serving.decoders}],
    }


def _token_model(folder: ModelFolder, place: str, serving: Serving) -> dict[str, Any]:
    spec = folder.family.token_model
    # What batches are made of need not have the same length.
    ragged = {"allow_ragged_batch": True}
    optional = {**ragged, "optional": True}
    sounds = [] if spec.spelling is None else [_tensor("sounds", "TYPE_INT64", [-1], **ragged)]
    return {
        "name": "token_model",
        "backend": "python",
        "max_batch_size": serving.together,
        "dynamic_batching": {},
        "model_transaction_policy": {"decoupled": True},
        "input": [
            _tensor("phones", "TYPE_INT64", [-1], **ragged),
            _tensor("text_features", "TYPE_FP32", [-1, spec.text_features], **optional),
            *sounds,
            _tensor("prompt", "TYPE_INT64", [-1], **optional),
            _tensor("settings", "TYPE_STRING", [1]),
        ],
        "output": [
            _tensor("tokens", "TYPE_INT64", [-1]),
            _tensor("done", "TYPE_BOOL", [1]),
            _tensor("ended", "TYPE_BOOL", [1]),
        ],
        "parameters": _parameters(model=place, engine=serving.engine, precision=serving.precision),
        "instance_group": [{"count": 1}],
    }


def _speech(folder: ModelFolder, place: str, outputs: str, serving: Serving) -> dict[str, Any]:
    settings = [
        _tensor(each.name, _TYPES[str(each.type).partition(" ")[0]], [1], optional=True)
        for each in (*fields(Sampling), *fields(Delivery), *fields(Pacing))
    ]
    return {
        "name": "speech",
        "backend": "python",
        "max_batch_size": 0,
        "model_transaction_policy": {"decoupled": True},
        "input": [
            _tensor("text", "TYPE_STRING", [1]),
            _tensor("voice", "TYPE_STRING", [1], optional=True),
            _tensor("language", "TYPE_STRING", [1], optional=True),
            *settings,
        ],
        "output": [_tensor("samples", "TYPE_FP32", [-1]), _tensor("rate", "TYPE_INT64", [1])],
        "parameters": _parameters(
            model=place, fingerprint=folder.fingerprint, decoder_outputs=outputs
        ),
        "instance_group": [{"count": serving.speakers, "kind": _Word("KIND_CPU")}],
    }


class _Word(str):
    """A value of an enumeration, which stands without quotes."""

    __slots__ = ()


def _tensor(name: str, dtype: str, dims: Sequence[int], **flags: bool) -> dict[str, Any]:
    return {"name": name, "data_type": _Word(dtype), "dims": list(dims), **flags}


def _end(value: Any) -> dict[str, Any]:
    """An input or an output of a graph."""
    onnx = require("onnx", extra="export", feature="Exporting")
    types = onnx.TensorProto
    names = {types.FLOAT: "TYPE_FP32", types.DOUBLE: "TYPE_FP64", types.INT64: "TYPE_INT64"}
    found = value.type.tensor_type
    dims = [-1 if axis.dim_param else axis.dim_value for axis in found.shape.dim]
    return _tensor(value.name, names[found.elem_type], dims)


def _parameters(**values: str) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"string_value": value}} for key, value in values.items()]


def _text(message: Mapping[str, Any], indent: str = "") -> str:
    """A message in the text format of protocol buffers."""
    lines = []
    for name, value in message.items():
        many = isinstance(value, list) and bool(value) and isinstance(value[0], dict)
        for each in value if many else [value]:
            if isinstance(each, dict):
                inner = _text(each, indent + "  ")
                lines.append(f"{indent}{name} {{\n{inner}\n{indent}}}")
            else:
                lines.append(f"{indent}{name}: {_scalar(each)}")
    return "\n".join(lines)


def _scalar(value: object) -> str:
    if isinstance(value, _Word):
        return str(value)
    return json.dumps(value, ensure_ascii=False)  # words, numbers and lists look the same in both


def main() -> int:
    """Write, and say where to: 0 if it went well, else 1."""
    parser = argparse.ArgumentParser(prog="python -m myna.export.triton", description=__doc__)
    parser.add_argument("model", help="a name as `tiny`, or a model folder")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", required=True)
    defaults = Serving()
    for each in fields(Serving):
        value = getattr(defaults, each.name)
        parser.add_argument(f"--{each.name}", type=type(value), default=value)
    given = vars(parser.parse_args())
    try:
        chosen = Serving(**{each.name: given[each.name] for each in fields(Serving)})
        out = write_repository(given["model"], given["output"], chosen)
    except (MynaError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
