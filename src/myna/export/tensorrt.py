"""A decoder for TensorRT: its graph with weights, and the script that builds an engine of it.

    python -m myna.export.tensorrt MODEL -o FOLDER
    FOLDER/build.sh

The script needs TensorRT's `trtexec` and the GPU that the engine is for. The token model stays
with our engines, which keep its cache where it lies from token to token. See docs/triton.md.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from myna.checkpoints.store import open_model
from myna.engines import graphs
from myna.errors import ConfigError, MynaError
from myna.export.weighted import weighted
from myna.extras import require
from myna.files import replacing
from myna.specs import TOKENS_PER_SECOND, FamilySpec

_USUAL = 4.0
"""Seconds of a sentence for which TensorRT tunes an engine."""
_SLOWEST, _FASTEST = 0.5, 2.0
"""The speeds of a `myna.datatypes.Delivery`."""
_PHONES_PER_TOKEN = 2
"""More than anybody can say; half a phone is usual."""

_SCRIPT = """\
#!/bin/sh
# Builds model.plan from decode.onnx, for the GPU and the TensorRT of this machine only.
# Arguments go to trtexec: with TensorRT 10, --fp16 for half precision.
set -eu
cd "$(dirname "$0")"
exec trtexec --onnx=decode.onnx --saveEngine=model.plan --skipInference \\
    --minShapes={least} \\
    --optShapes={usual} \\
    --maxShapes={most} "$@"
"""


class Lengths(NamedTuple):
    """Of an axis: the least, the one to be quickest at, and the most."""

    least: int
    usual: int
    most: int


def write_build(model: str | Path, out: str | Path, *, longest: float | None = None) -> Path:
    """Write `decode.onnx` and `build.sh`.

    Args:
        model: name of a packaged or installed model, or a model folder.
        out: the folder.
        longest: seconds of the longest sentence that the engine takes, at speed 1; by default as
            long as the model speaks. Less needs less of the GPU's memory.

    Returns:
        The folder.

    Raises:
        ConfigError: the decoder computes what TensorRT cannot, or `longest` is out of range.
        ModelNotFoundError: there is no such model, or there are no graphs of its family.
        CheckpointError: the model or a graph is damaged.
        MissingExtraError: the package `onnx` is not installed.
        OSError: the folder cannot be written.
    """
    folder, out = open_model(model), Path(out)
    lengths = axes(folder.family, longest)
    graph = weighted(folder, graphs.DECODE)
    check_fit(graph)
    shapes = {each: _shapes(graph, lengths, each) for each in Lengths._fields}
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "decode.onnx") as temporary:
        temporary.write_bytes(graph.SerializeToString(deterministic=True))
    with replacing(out / "build.sh") as temporary:
        temporary.write_text(_SCRIPT.format(**shapes), encoding="utf-8", newline="\n")
        temporary.chmod(0o755)
    return out


def axes(spec: FamilySpec, longest: float | None = None) -> dict[str, Lengths]:
    """How long the axes of a family's decoder may be, by their letters in its graph.

    Raises:
        ConfigError: `longest` is not between a second and what the model speaks.
    """
    decoder, most = spec.decoder, spec.token_model.most_tokens
    asked = most / TOKENS_PER_SECOND if longest is None else longest
    if asked < 1 or asked * TOKENS_PER_SECOND > most:
        raise ConfigError(
            f"longest is {asked:g} s; the model speaks up to {most / TOKENS_PER_SECOND:g} s."
        )
    most = round(asked * TOKENS_PER_SECOND)
    usual = min(most, round(_USUAL * TOKENS_PER_SECOND))
    tokens = Lengths(1, usual, most)
    frames = Lengths(
        decoder.frames(1, _FASTEST), decoder.frames(usual, 1.0), decoder.frames(most, _SLOWEST)
    )
    return {
        "T": tokens,
        "P": Lengths(1, max(1, usual // 2), _PHONES_PER_TOKEN * most),
        "E": frames,
        "N": Lengths(*(each * decoder.generator.hop for each in frames)),
    }


def check_fit(graph: Any) -> None:
    """Refuse a decoder that TensorRT cannot run.

    Raises:
        ConfigError: it computes in double precision, as those do that add up a pitch.
    """
    onnx = require("onnx", extra="export", feature="Exporting")
    if onnx.TensorProto.DOUBLE in _types(graph.graph):
        raise ConfigError(
            "This decoder computes in double precision, which TensorRT has not. Run it on ONNX "
            "Runtime."
        )


def _types(graph: Any) -> Iterator[int]:
    for end in (*graph.input, *graph.output):
        yield end.type.tensor_type.elem_type
    for tensor in graph.initializer:
        yield tensor.data_type
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast":
                yield attribute.i
            yield attribute.t.data_type


def _shapes(graph: Any, lengths: dict[str, Lengths], which: str) -> str:
    """As `trtexec` wants them, of inputs whose axes vary: `noise:192x200,tokens:100`."""
    found = []
    for end in graph.graph.input:
        shape = end.type.tensor_type.shape.dim
        if any(axis.dim_param for axis in shape):
            sizes = [
                str(getattr(lengths[axis.dim_param], which) if axis.dim_param else axis.dim_value)
                for axis in shape
            ]
            found.append(f"{end.name}:{'x'.join(sizes)}")
    return ",".join(found)


def main() -> int:
    """Write, and say where to: 0 if it went well, else 1."""
    parser = argparse.ArgumentParser(prog="python -m myna.export.tensorrt", description=__doc__)
    parser.add_argument("model", help="a name as `v2ProPlus`, or a model folder")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--longest", type=float, help="seconds of the longest sentence")
    given = parser.parse_args()
    try:
        out = write_build(given.model, given.output, longest=given.longest)
    except (MynaError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
