"""Graphs with weights inside are ordinary ONNX files that say what the engine says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
# ruff: noqa: E402 - the rest can be imported only with these

from myna.checkpoints.store import open_model, tensors
from myna.checkpoints.store import write as write_model
from myna.engines import graphs
from myna.engines.onnx_engine import OnnxEngine
from myna.errors import CheckpointError, ConfigError
from myna.export.weighted import weighted, write_weighted

LENGTHS = {"T": 8, "P": 6, "E": 16, "S": 14, "R": 50, "M": 50, "C": 20}


@pytest.mark.parametrize("name", ["toy", "toyPro"])
@pytest.mark.parametrize("graph", [graphs.PREFILL, graphs.STEP, graphs.DECODE, graphs.TIMBRE])
def test_a_plain_runtime_computes_what_the_engine_computes(
    graphs_home: Path, name: str, graph: str, tmp_path: Path
) -> None:
    folder = open_model(name)
    write_weighted(folder, graph, tmp_path / "model.onnx")
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    inputs = _inputs(session, folder.family.decoder.generator.hop)
    found = session.run(None, inputs)
    expected = OnnxEngine(folder)._session(graph).run(**inputs)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(one).max() > 0


def test_encoders_come_from_their_own_models(graphs_home: Path) -> None:
    model = weighted(open_model("toyPro"), graphs.SPEAKER)
    onnx.checker.check_model(model, full_check=True)
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_a_family_without_such_a_graph(graphs_home: Path) -> None:
    with pytest.raises(ConfigError, match="no graph 'speaker'; it has prefill"):
        weighted(open_model("toy"), graphs.SPEAKER)


def test_weights_of_another_shape(graphs_home: Path, tmp_path: Path) -> None:
    folder = open_model("toy")
    parts = {part: dict(tensors(folder, part)) for part in folder.parts}
    parts["decoder"]["codebook.weight"] = parts["decoder"]["codebook.weight"][:-1].copy()
    odd = write_model(
        tmp_path / "odd", kind=folder.kind, spec=folder.spec, parts=parts, provenance={}
    )
    with pytest.raises(CheckpointError, match=r"codebook.weight of the model odd has the shape"):
        weighted(odd, graphs.DECODE)


def _inputs(session: Any, hop: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    lengths = {**LENGTHS, "N": LENGTHS["E"] * hop}
    made = {}
    for each in session.get_inputs():
        shape = [lengths.get(axis, axis) for axis in each.shape]
        dtype = {"tensor(int64)": np.int64, "tensor(float)": np.float32}.get(each.type, np.float64)
        drawn = random.integers(0, 5, shape) if dtype is np.int64 else random.random(shape)
        made[each.name] = drawn.astype(dtype)
    return made
