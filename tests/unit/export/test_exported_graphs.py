"""Graphs hold no weights, are the same each time, and those in the package fit this version."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
# ruff: noqa: E402 - the rest can be imported only with these

from myna.checkpoints import store
from myna.datatypes import Sampling
from myna.engines import graphs
from myna.engines.base import DecodeRequest, TokenRequest
from myna.engines.onnx_engine import OnnxEngine
from myna.engines.torch_engine import TorchEngine
from myna.errors import ConfigError
from myna.export import export_family
from myna.nets.decoder import Decoder
from myna.nets.ecapa import Ecapa
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES, EcapaSpec, encoder_spec

_SPELLED = 40
"""Sounds that tokens can name."""
PACKAGED = sorted(path.parent.name for path in graphs._PACKAGED.glob(f"*/{graphs.MANIFEST}"))


def test_a_graph_holds_no_weights(toy_graphs: Path) -> None:
    for path in toy_graphs.glob("*/*.onnx"):
        listed = json.loads((path.parent / graphs.MANIFEST).read_text("utf-8"))
        model = onnx.load(path, load_external_data=False)
        elsewhere = [
            tensor.name
            for tensor in model.graph.initializer
            if tensor.data_location == onnx.TensorProto.EXTERNAL
        ]
        assert sorted(elsewhere) == listed["graphs"][path.stem]["weights"]
        assert elsewhere
        assert path.stat().st_size < 500_000
        assert not any(node.doc_string for node in model.graph.node)


def test_the_same_each_time_and_nothing_global_changes(toy_graphs: Path, toy_home: Path) -> None:
    told: list[str] = []
    state = torch.random.get_rng_state()
    again = export_family("toy", progress=told.append)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert again == toy_home / "graphs" / "toy"
    assert told == ["prefill", "step", "decode", "timbre", "content", "text", "step.int8"]
    for path in (toy_graphs / "toy").iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_an_unknown_family(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model family"):
        export_family("nobody", tmp_path)


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_graphs_say_what_the_nets_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With drawn weights. If sizes or nets have changed: python -m myna.export NAME -o FOLDER."""
    spec = FAMILIES[name]
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    folder = _drawn(name, tmp_path / "models")
    found = OnnxEngine(folder, precision="float32")
    expected = TorchEngine(folder, device="cpu")
    random = np.random.default_rng(0)
    asked = [
        TokenRequest(
            phones=random.integers(0, spec.token_model.phones, 20 + 30 * part),
            text_features=random.normal(
                size=(20 + 30 * part, spec.token_model.text_features)
            ).astype(np.float32),
            sounds=random.integers(0, _SPELLED, 20 + 30 * part),
            sampling=Sampling(longest_seconds=0.6, top_k=1 + 4 * part),
            part=part,
        )
        for part in range(2)
    ]
    said = [dict(engine.generate(asked)) for engine in (found, expected)]
    for part in range(2):
        assert said[0][part].ids.tolist() == said[1][part].ids.tolist()
    request = DecodeRequest(
        tokens=random.integers(0, spec.decoder.codes, 8),
        phones=random.integers(0, spec.decoder.phones, 5),
        timbre=random.normal(size=spec.decoder.timbre).astype(np.float32),
        speed=0.8,
    )
    one, other = found.decode(request), expected.decode(request)
    # Pulses follow a pitch that is added up over time, so the last bits of it move them.
    assert np.square(one - other).mean() < 1e-4 * np.square(other).mean()
    bank = random.normal(size=(70, 80)).astype(np.float32)
    spectrogram = random.random((spec.decoder.spectrogram.bins, 60), dtype=np.float32)
    banks = None if spec.speaker_encoder is None else [bank]
    one, other = (each.timbre([spectrogram], banks) for each in (found, expected))
    np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(other).max())


def _drawn(name: str, models: Path) -> store.ModelFolder:
    spec = FAMILIES[name]
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        if spec.speaker_encoder is not None:
            encoder = spec.speaker_encoder
            net = Ecapa(encoder_spec(encoder, EcapaSpec))
            _write(models / encoder, store.ENCODER, encoder, {"weights": net})
        nets_of_voice = {
            "token_model": TokenModel(spec.token_model),
            "decoder": Decoder(spec.decoder),
        }
    return _write(models / name, store.VOICE_MODEL, name, nets_of_voice)


def _write(out: Path, kind: str, spec: str, nets: dict[str, torch.nn.Module]) -> store.ModelFolder:
    parts = {
        part: {name: value.numpy() for name, value in net.state_dict().items()}
        for part, net in nets.items()
    }
    return store.write(out, kind=kind, spec=spec, parts=parts, provenance={})
