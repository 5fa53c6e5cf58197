"""A model repository for Triton: its files fit one another, and what it streams is what we say."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
# ruff: noqa: E402 - the rest can be imported only with these

import toy
import toy_triton
from myna import Delivery, Guard, Myna, Sampling
from myna.checkpoints.store import open_model
from myna.datatypes import Pacing
from myna.engines.base import TokenRequest
from myna.engines.onnx_engine import Caches
from myna.errors import ConfigError
from myna.export import tensorrt
from myna.export import triton as triton_export
from myna.export.triton import Serving, write_repository

TEXT = toy.TEXT
ONCE = Guard(check=False)
_ONNX_TYPES = {
    "TYPE_FP32": "tensor(float)",
    "TYPE_FP64": "tensor(double)",
    "TYPE_INT64": "tensor(int64)",
}


@pytest.fixture
def model(graphs_home: Path, tmp_path: Path) -> Path:
    """A model folder with a voice that goes on from a prompt."""
    folder = tmp_path / "models" / "parrot"
    shutil.copytree(graphs_home / "models" / "toy", folder)
    (folder / "voices").mkdir()
    voice = Myna.load(folder).clone(toy.clip(), text=toy.WORDS, language="en", name="anna")
    voice.save(folder / "voices" / "anna.voice")
    return folder


@pytest.fixture
def server(model: Path, tmp_path: Path) -> Iterator[toy_triton.Server]:
    yield from _serve(model, tmp_path)


def _serve(model: Path | str, tmp_path: Path) -> Iterator[toy_triton.Server]:
    server = toy_triton.Server(write_repository(model, tmp_path / "repository"))
    yield server
    server.close()


def _words(text: str) -> np.ndarray:
    return np.array([text.encode()], dtype=np.object_)


def _heard(answers: list[Any]) -> np.ndarray:
    return np.concatenate([answer["samples"] for answer in answers])


def test_streamed_sentences_are_what_the_engine_says(
    server: toy_triton.Server, model: Path
) -> None:
    inputs = {"text": _words(TEXT), "voice": _words("anna"), "language": _words("en")}
    chosen: dict[str, Any] = {"temperature": 0.7, "top_k": 9, "seed": 11}
    inputs |= {name: np.array([value]) for name, value in {**chosen, "speed": 1.3}.items()}
    answers = server.ask("speech", {**inputs, "sentences": np.array([True])})
    speech = Myna.load(model).speak(
        TEXT,
        language="en",
        sampling=Sampling(**chosen),
        delivery=Delivery(speed=1.3),
        guard=ONCE,
    )
    assert len(answers) == toy.SENTENCES
    assert all(answer["rate"].tolist() == [32_000] for answer in answers)
    np.testing.assert_array_equal(_heard(answers), speech.audio.samples)
    assert np.abs(speech.audio.samples).max() > 0.01
    assert server.asked == ["speech", *["token_model", "decoder"] * toy.SENTENCES]


def test_pieces_are_those_of_the_engine(server: toy_triton.Server, model: Path) -> None:
    pacing = {"first": 0.3, "growth": 1.2}
    inputs = {"text": _words(TEXT), "language": _words("en"), "seed": np.array([5])}
    answers = server.ask("speech", inputs | {k: np.array([v]) for k, v in pacing.items()})
    pieces = list(
        Myna.load(model).stream(
            TEXT, language="en", sampling=Sampling(seed=5), pacing=Pacing(**pacing)
        )
    )
    assert len(answers) > toy.SENTENCES
    # Which tokens are known when a piece is made may differ, and with it how it is cut.
    assert len(_heard(answers)) == sum(len(piece.samples) for piece in pieces)


def test_spelled_tokens_too(tmp_path: Path) -> None:
    text = "A bird that hears the same few words again and again, all day long, repeats them."
    for served in _serve("tiny", tmp_path):
        answers = served.ask("speech", {"text": _words(text), "seed": np.array([3])})
    speech = Myna.load("tiny").speak(text, sampling=Sampling(seed=3), guard=ONCE)
    assert len(answers) > 1  # of one sentence
    np.testing.assert_allclose(_heard(answers), speech.audio.samples, atol=1e-4)


def test_a_client_that_leaves_is_sent_no_more(server: toy_triton.Server) -> None:
    answers = server.ask("speech", {"text": _words(TEXT), "language": _words("en")}, patience=1)
    assert len(answers) == 1
    assert server.asked.count("token_model") == 1


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"text": _words(" ")}, "nothing to read"),
        ({"text": _words(TEXT), "voice": _words("/etc/hostname")}, "no voice '/etc/hostname'"),
        ({"text": _words(TEXT), "seed": np.array([-1])}, "seed is -1"),
        ({"text": _words(TEXT), "speed": np.array([9.0])}, "speed is 9.0"),
        ({"text": np.array([b"\xff"], dtype=np.object_)}, "text is not UTF-8"),
    ],
)
def test_what_cannot_be_said_is_refused(
    server: toy_triton.Server, inputs: dict[str, np.ndarray], message: str
) -> None:
    (answer,) = server.ask("speech", inputs)
    assert answer.refusal is not None
    assert re.search(message, answer.refusal.message())
    assert answer.refusal.code == toy_triton.TritonError.INVALID_ARG
    assert server.ask("speech", {"text": _words("Go."), "language": _words("en")})[0][
        "samples"
    ].any()


def _asked(phones: list[int], **settings: Any) -> dict[str, np.ndarray]:
    return {
        "phones": np.array([phones], dtype=np.int64),
        "prompt": np.array([[5, 9]]),
        "settings": np.array([[json.dumps(settings).encode()]], dtype=np.object_),
    }


def _said(answers: Iterable[Any]) -> tuple[list[int], bool]:
    """Tokens, and whether they ended; the last answer alone says that it is the last."""
    every = list(answers)
    assert [bool(answer["done"]) for answer in every] == [*[False] * (len(every) - 1), True]
    tokens = np.concatenate([answer["tokens"][0] for answer in every])
    return tokens.tolist(), bool(every[-1]["ended"])


def test_sentences_together_say_the_same_as_alone_whatever_is_wrong_with_one(
    server: toy_triton.Server, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = []
    advance = Caches.advance

    def counted(self: Caches, drawings: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            if max(together, default=0) < 2:
                time.sleep(0.03)  # a token, so that the other one comes in time
            together.append(len(drawings))
        advance(self, drawings)

    monkeypatch.setattr(Caches, "advance", counted)
    good = [_asked([7, 8, 9], seed=1, top_k=5), _asked([30, 31], seed=2, part=4)]
    wrong = {
        "no phones": _asked([], seed=1),
        "warmth": _asked([7], seed=1, warmth=3),
        "'seed'": _asked([7]),
        "settings cannot be used": {
            **good[0],
            "settings": np.array([[b"{"]], dtype=np.object_),
        },
        "one sentence": {**good[0], "prompt": np.array([[5], [9]])},
    }
    one, *others, last = server.start("token_model", [good[0], *wrong.values(), good[1]])
    for answers, message in zip(others, wrong, strict=True):
        (answer,) = answers
        assert answer.refusal is not None
        assert message in answer.refusal.message()
    engine = Myna.load(model).engine
    request = TokenRequest(
        phones=np.array([7, 8, 9]), prompt=np.array([5, 9]), sampling=Sampling(top_k=5), seed=1
    )
    ((_, tokens),) = engine.generate([request])
    assert _said(one) == (tokens.ids.tolist(), tokens.ended)
    assert _said(last) == _said(server.start("token_model", [good[1]])[0])
    assert max(together) == 2


def test_a_sentence_that_nobody_waits_for_stops(server: toy_triton.Server) -> None:
    (answers,) = server.start("token_model", [_asked([7, 8, 9], seed=1, top_k=5)], patience=1)
    heard = list(answers)
    assert 1 <= len(heard) <= 2
    assert sum(len(answer["tokens"][0]) for answer in heard) < 20
    assert len(list(server.start("token_model", [_asked([7], seed=1)])[0])) > 1


def test_a_failure_is_told_to_those_whom_it_concerns(
    server: toy_triton.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(Caches, "advance", fail)
        (answer,) = server.ask("token_model", _asked([7, 8, 9], seed=1))
        assert answer.refusal.message() == "out of memory"
        (answer,) = server.ask("speech", {"text": _words("Go."), "language": _words("en")})
        assert answer.refusal.message() == "out of memory"
        assert answer.refusal.code == toy_triton.TritonError.INTERNAL
    assert len(server.ask("token_model", _asked([7, 8, 9], seed=1))) > 1


def test_other_weights_than_those_of_the_decoder(model: Path, tmp_path: Path) -> None:
    out = write_repository(model, tmp_path / "repository")
    config = out / "speech" / "config.pbtxt"
    stranger = "0" * 64
    config.write_text(config.read_text().replace(open_model(model).fingerprint, stranger))
    with pytest.raises(Exception, match="other weights than the decoder"):
        toy_triton.Server(out)


@pytest.mark.parametrize("name", ["toy", "toyPro"])
def test_configurations_fit_the_graph(graphs_home: Path, name: str, tmp_path: Path) -> None:
    out = write_repository(name, tmp_path / "repository")
    config = toy_triton.read_config(out / "decoder" / "config.pbtxt")
    session = runtime.InferenceSession(out / "decoder" / "1" / "model.onnx")
    for ends, declared in (
        (session.get_inputs(), config["input"]),
        (session.get_outputs(), config["output"]),
    ):
        for end, each in zip(ends, declared, strict=True):
            assert [end.name] == each["name"]
            assert end.type == _ONNX_TYPES[each["data_type"][0]]
            shape = [-1 if isinstance(axis, str) else axis for axis in end.shape]
            assert shape == each["dims"]
    config = toy_triton.read_config(out / "token_model" / "config.pbtxt")
    assert config["parameters"][0]["value"] == [{"string_value": [name]}]


def test_layout(model: Path, tmp_path: Path) -> None:
    serving = Serving(speakers=3, together=5, decoders=2, engine="onnx")
    out = write_repository(model, tmp_path / "repository", serving)
    found = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert found == [
        "decoder/1/model.onnx",
        "decoder/config.pbtxt",
        "speech/1/model.py",
        "speech/config.pbtxt",
        "token_model/1/model.py",
        "token_model/config.pbtxt",
    ]
    for name in ("decoder", "speech", "token_model"):
        parsed = _schema()(out / name / "config.pbtxt")
        assert parsed.name == name
        if name == "speech":
            assert parsed.instance_group[0].count == 3
            assert parsed.parameters["model"].string_value == str(model)
        elif name == "token_model":
            assert parsed.max_batch_size == 5
            assert parsed.HasField("dynamic_batching")
            assert parsed.input[0].allow_ragged_batch
        else:
            assert parsed.instance_group[0].count == 2
        assert parsed.model_transaction_policy.decoupled == (name != "decoder")


def _schema() -> Any:
    """Reads a configuration as Triton does."""
    client = importlib.util.find_spec("tritonclient")
    if client is None or not client.submodule_search_locations:
        pytest.skip("tritonclient, which brings Triton's own schema, is not installed")
    from google.protobuf import text_format

    # The package around it asks for more than the schema needs.
    path = Path(client.submodule_search_locations[0], "grpc", "model_config_pb2.py")
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda path: text_format.Parse(path.read_text("utf-8"), module.ModelConfig())


@pytest.mark.parametrize(
    "wrong", [{"runtime": "cuda"}, {"engine": "jax"}, {"speakers": 0}, {"decoders": -1}]
)
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is"):
        Serving(**wrong)


def test_tensorrt_reads_a_plan(model: Path, tmp_path: Path) -> None:
    out = write_repository(model, tmp_path / "repository", Serving(runtime="tensorrt"))
    config = toy_triton.read_config(out / "decoder" / "config.pbtxt")
    assert (config["backend"], config["default_model_filename"]) == (["tensorrt"], ["model.plan"])
    assert not any((out / "decoder" / "1").iterdir())


@pytest.mark.parametrize("which", ["min", "opt", "max"])
def test_the_decoder_runs_at_the_lengths_that_tensorrt_is_told(
    model: Path, tmp_path: Path, which: str
) -> None:
    out = tensorrt.write_build(model, tmp_path / "build", longest=1.2)
    script = (out / "build.sh").read_text()
    assert (out / "build.sh").stat().st_mode & 0o111
    (line,) = re.findall(rf"--{which}Shapes=(\S+)", script)
    shapes = {
        name: [int(size) for size in sizes.split("x")]
        for name, _, sizes in (each.partition(":") for each in line.split(","))
    }
    session = runtime.InferenceSession(out / "decode.onnx")
    inputs = {}
    for end in session.get_inputs():
        fixed = not any(isinstance(axis, str) for axis in end.shape)
        assert (end.name in shapes) != fixed
        shape = end.shape if fixed else shapes[end.name]
        dtype = np.int64 if end.type == "tensor(int64)" else np.float32
        inputs[end.name] = np.zeros(shape, dtype=dtype)
    samples = session.run(["samples"], inputs)[0]
    spec = open_model(model).family.decoder
    assert (
        len(samples)
        == tensorrt.axes(open_model(model).family, 1.2)["N"][["min", "opt", "max"].index(which)]
    )
    assert len(inputs["tokens"]) == {"min": 1, "opt": 30, "max": 30}[which]
    assert len(samples) % spec.generator.hop == 0


def test_tensorrt_has_no_double_precision(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="double precision"):
        tensorrt.write_build("tiny", tmp_path / "build")
    with pytest.raises(ConfigError, match="double precision"):
        write_repository("tiny", tmp_path / "repository", Serving(runtime="tensorrt"))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("longest", [0.1, 2.5])
def test_a_sentence_longer_than_the_model_speaks(
    model: Path, tmp_path: Path, longest: float
) -> None:
    with pytest.raises(ConfigError, match=r"speaks up to 2\.4 s"):
        tensorrt.write_build(model, tmp_path / "build", longest=longest)


@pytest.mark.parametrize(("module", "made"), [(triton_export, "speech"), (tensorrt, "build.sh")])
def test_from_the_command_line(
    module: Any,
    made: str,
    graphs_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "toy", "-o", str(tmp_path / "out")])
    assert module.main() == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out'}\n"
    assert (tmp_path / "out" / made).exists()
    monkeypatch.setattr(sys, "argv", ["x", "nobody", "-o", str(tmp_path / "out")])
    assert module.main() == 1
    assert "no model 'nobody'" in capsys.readouterr().err
