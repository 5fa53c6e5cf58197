"""The ONNX engine at toy size: it says what the torch engine says, from the same model folders."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
# ruff: noqa: E402 - the rest can be imported only with these

from myna.checkpoints import store
from myna.checkpoints.store import open_model, tensors
from myna.datatypes import Sampling
from myna.engines import graphs, load_engine
from myna.engines.base import DecodeRequest, Engine, TokenRequest
from myna.engines.onnx_caches import PlainCache
from myna.engines.onnx_engine import OnnxEngine
from myna.engines.onnx_sessions import folded
from myna.engines.torch_engine import TorchEngine
from myna.errors import (
    CheckpointError,
    ConfigError,
    EngineError,
    MissingExtraError,
    ModelNotFoundError,
)
from myna.nets.token_model import TokenModel, sight
from myna.nets.weight_norm import WeightNormConv1d

SPEC = toy.FAMILY_ROWS["toyPro"].token_model
BLOCK = 128
"""Positions by which the cache of a request grows."""


@pytest.fixture(params=["toy", "toyPro"])
def both(request: pytest.FixtureRequest, graphs_home: Path) -> tuple[OnnxEngine, TorchEngine]:
    """The same model on both engines."""
    folder = open_model(request.param)
    return OnnxEngine(folder), TorchEngine(folder, device="cpu")


@pytest.fixture
def engine(graphs_home: Path) -> OnnxEngine:
    return OnnxEngine(open_model("toyPro"))


def requests(count: int = 7) -> list[TokenRequest]:
    """Of all kinds: with and without prompt, features and chance, and past a block of the cache."""
    random = np.random.default_rng(0)
    return [
        TokenRequest(
            phones=random.integers(0, SPEC.phones, 4 + 17 * index),
            text_features=None
            if index % 2
            else random.normal(size=(4 + 17 * index, SPEC.text_features)).astype(np.float32),
            prompt=random.integers(0, SPEC.codes, 13 * (index % 3)),
            sampling=Sampling(longest_seconds=2.0, top_k=1 if index == 4 else 5 + index),
            seed=index // 2,
            part=index,
        )
        for index in range(count)
    ]


def answers(engine: Engine, asked: list[TokenRequest]) -> list[list[int]]:
    found = dict(engine.generate(asked))
    assert sorted(found) == list(range(len(asked)))
    return [found[index].ids.tolist() for index in range(len(asked))]


class TestTokens:
    def test_both_engines_draw_the_same(self, both: tuple[OnnxEngine, TorchEngine]) -> None:
        onnx, torch = both
        asked = requests()
        said = answers(onnx, asked)
        assert said == answers(torch, asked)
        assert len({tuple(ids) for ids in said}) == len(asked)
        ends = [
            len(request.phones) + len(request.prompt) + len(ids)
            for request, ids in zip(asked, said, strict=True)
        ]
        starts = [len(request.phones) + len(request.prompt) for request in asked]
        assert any(start < BLOCK < end for start, end in zip(starts, ends, strict=True)), (
            "no cache has grown"
        )

    def test_logits_are_those_of_the_net(self, engine: OnnxEngine) -> None:
        """Step by step past a block, against all at once."""
        net = TokenModel(SPEC).eval()
        weights = tensors(open_model("toyPro"), "token_model")
        net.load_state_dict({name: torch.from_numpy(weights[name]) for name in net.state_dict()})
        phones, tokens = np.arange(100), np.arange(60) % SPEC.codes
        features = np.zeros((len(phones), SPEC.text_features), dtype=np.float32)
        logits, keys, values = engine._prefill.run(
            phones=phones, features=features, prompt=tokens[:5]
        )
        cache = PlainCache(engine._step, logits, keys, values)
        found = [logits, *(cache.step(tokens[at], at).copy() for at in range(5, 60))]
        with torch.inference_mode():
            whole = net.predict(
                torch.from_numpy(phones)[None],
                torch.from_numpy(features)[None],
                torch.from_numpy(tokens)[None],
                sight(100, 60, torch.device("cpu"))[None, None],
                torch.tensor([99]),
            )[0, 5:]
        np.testing.assert_allclose(np.stack(found), whole.numpy(), atol=2e-5)

    def test_alone_and_among_others_are_equal(self, engine: OnnxEngine) -> None:
        asked = requests()
        alone = [answers(engine, [request])[0] for request in asked]
        for order in ([*range(6, -1, -1)], [3, 0, 6, 1, 5, 2, 4], [2, 2, 4]):
            assert answers(engine, [asked[index] for index in order]) == [
                alone[index] for index in order
            ]

    def test_dropped_halfway_leaves_nothing_behind(self, engine: OnnxEngine) -> None:
        expected = answers(engine, requests(3))
        half = engine.generate(requests(3))
        next(half)
        half.close()  # type: ignore[attr-defined]
        assert answers(engine, requests(3)) == expected

    def test_arrays_that_may_not_be_written(self, engine: OnnxEngine) -> None:
        request = requests(3)[2]
        for array in (request.phones, request.prompt, request.text_features):
            assert array is not None
            array.flags.writeable = False
        assert answers(engine, [request]) == answers(engine, requests(3)[2:])

    def test_too_long_is_refused_before_work(self, engine: OnnxEngine) -> None:
        for request in (
            TokenRequest(phones=np.zeros(SPEC.positions + 1, dtype=np.int64)),
            TokenRequest(phones=np.arange(5), prompt=np.zeros(SPEC.positions, dtype=np.int64)),
        ):
            with pytest.raises(EngineError, match="Cut the text"):
                engine.generate([request])

    def test_no_numbers_are_no_tokens(self, engine: OnnxEngine) -> None:
        features = np.full((9, SPEC.text_features), np.nan, dtype=np.float32)
        with pytest.raises(EngineError, match=r"token model .* no numbers"):
            answers(engine, [TokenRequest(phones=np.arange(9), text_features=features)])


class TestDecoding:
    @pytest.mark.parametrize("speed", [0.6, 1.0, 1.7])
    @pytest.mark.parametrize("noise", [0.0, 0.5])
    @pytest.mark.parametrize("tokens", [1, 33])
    def test_both_engines_sound_the_same(
        self, both: tuple[OnnxEngine, TorchEngine], speed: float, noise: float, tokens: int
    ) -> None:
        width = both[0].spec.decoder.timbre
        request = DecodeRequest(
            tokens=np.arange(tokens),
            phones=np.arange(3 + tokens),
            timbre=np.linspace(-1, 1, width, dtype=np.float32),
            speed=speed,
            noise_scale=noise,
            seed=5,
            part=2,
        )
        found, expected = (each.decode(request) for each in both)
        assert found.dtype == np.float32
        assert np.abs(expected).max() > 0.01
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())

    def test_nothing_to_decode(self, engine: OnnxEngine) -> None:
        nothing = np.zeros(0, dtype=np.int64)
        request = DecodeRequest(
            tokens=nothing, phones=np.arange(3), timbre=np.ones(48, dtype=np.float32)
        )
        with pytest.raises(EngineError, match="nothing to decode"):
            engine.decode(request)

    def test_no_numbers_are_no_speech(self, engine: OnnxEngine) -> None:
        request = DecodeRequest(
            tokens=np.arange(9), phones=np.arange(3), timbre=np.full(48, np.nan, dtype=np.float32)
        )
        with pytest.raises(EngineError, match="no numbers"):
            engine.decode(request)


class TestCloning:
    def test_both_engines_hear_the_same(self, both: tuple[OnnxEngine, TorchEngine]) -> None:
        onnx, torch = both
        for seconds in (1.0, 2.3):
            samples = toy.clip(seconds).samples
            np.testing.assert_array_equal(onnx.tokens(samples), torch.tokens(samples))
        random = np.random.default_rng(0)
        spectrograms = [random.random((1025, n), dtype=np.float32) for n in (30, 51)]
        banks = None
        if onnx.spec.speaker_encoder is not None:
            banks = [random.random((n, 80), dtype=np.float32) for n in (41, 60)]
            np.testing.assert_allclose(
                onnx.speaker(banks[0]), torch.speaker(banks[0]), rtol=1e-4, atol=1e-5
            )
        found, expected = (each.timbre(spectrograms, banks) for each in both)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert (found.shape, found.dtype) == (expected.shape, np.float32)
        assert onnx.ears() == torch.ears()
        assert onnx.fingerprint == torch.fingerprint

    def test_both_engines_read_the_same(self, both: tuple[OnnxEngine, TorchEngine]) -> None:
        for text in ("你好世界", "鿿你"):
            found, expected = (each.text_features(text) for each in both)
            assert found.shape == (len(text), 24)
            np.testing.assert_allclose(found, expected, atol=1e-5)
        with pytest.raises(EngineError, match="reads 510"):
            both[0].text_features("你" * 511)

    def test_a_family_without_a_speaker_vector(self, graphs_home: Path) -> None:
        with pytest.raises(EngineError, match="no speaker vector"):
            OnnxEngine(open_model("toy")).speaker(np.zeros((9, 80), dtype=np.float32))


class TestWeights:
    @pytest.mark.parametrize(("transposed", "dim"), [(False, 0), (True, 0), (False, 2)])
    def test_folding(self, transposed: bool, dim: int) -> None:
        net = WeightNormConv1d(4, 6, 3, transposed=transposed, dim=dim)
        net.weight_g.data *= 1.7
        found = folded({name: value.numpy() for name, value in net.state_dict().items()}, "weight")
        np.testing.assert_allclose(found, net.folded().weight.numpy(), rtol=1e-6)

    def test_half_precision_on_disk_is_read_as_it_is(self, graphs_home: Path) -> None:
        folder = open_model("toy")
        halves = {
            part: {name: value.astype(np.float16) for name, value in tensors(folder, part).items()}
            for part in ("token_model", "decoder")
        }
        made = store.write(
            graphs_home / "half", kind=store.VOICE_MODEL, spec="toy", parts=halves, provenance={}
        )
        asked = requests(2)
        said = answers(OnnxEngine(made), asked)
        assert said == answers(TorchEngine(made, device="cpu", precision="float32"), asked)

    def test_other_weights_speak_with_the_same_graphs(self, graphs_home: Path) -> None:
        """As those of a fine-tuned voice."""
        toy.voice_model(graphs_home / "other", "toy", seed=77)
        tuned = open_model(graphs_home / "other")
        asked = requests(2)
        said = answers(OnnxEngine(tuned), asked)
        assert said == answers(TorchEngine(tuned, device="cpu"), asked)
        assert said != answers(OnnxEngine(open_model("toy")), asked)

    def test_it_says_the_same_if_it_is_told_before(self, graphs_home: Path) -> None:
        asked, told = requests(2), OnnxEngine(open_model("toy"))
        told.get_ready()
        assert answers(told, asked) == answers(OnnxEngine(open_model("toy")), asked)

    def test_weights_that_are_missing_or_misshapen(self, graphs_home: Path) -> None:
        folder = open_model("toy")
        parts: dict[str, dict[str, Any]] = {
            part: dict(tensors(folder, part)) for part in ("token_model", "decoder")
        }
        del parts["decoder"]["codebook.weight"]
        head = parts["token_model"]["head.weight"]
        parts["token_model"]["head.weight"] = np.ascontiguousarray(head[:, :-1])
        made = store.write(
            graphs_home / "broken", kind=store.VOICE_MODEL, spec="toy", parts=parts, provenance={}
        )
        engine = OnnxEngine(made)
        with pytest.raises(CheckpointError, match=r"decoder lack codebook\.weight"):
            engine.get_ready()
        request = DecodeRequest(
            tokens=np.arange(9), phones=np.arange(3), timbre=np.ones(32, dtype=np.float32)
        )
        with pytest.raises(CheckpointError, match=r"decoder lack codebook\.weight"):
            engine.decode(request)
        with pytest.raises(CheckpointError, match="do not fit together"):
            answers(engine, requests(1))


class TestGraphs:
    def test_the_engine_is_chosen_by_what_is_there(
        self, graphs_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = open_model("toy")
        for settings, kind in (
            ({}, OnnxEngine),
            ({"device": "cpu", "precision": "float32"}, OnnxEngine),
            ({"engine": "onnx"}, OnnxEngine),
            ({"engine": "torch"}, TorchEngine),
            ({"precision": "bfloat16"}, TorchEngine),
        ):
            assert isinstance(load_engine(folder, **settings), kind)
        with pytest.raises(ConfigError, match="on a CPU in float32"):
            load_engine(folder, "onnx", precision="bfloat16")
        (graphs_home / "graphs").unlink()
        assert isinstance(load_engine(folder), TorchEngine)
        with pytest.raises(ModelNotFoundError, match=r"python -m myna\.export toy"):
            load_engine(folder, "onnx")

    def test_without_the_package(self, graphs_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from myna.engines import onnx_sessions

        onnx_sessions._runtime.cache_clear()
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(MissingExtraError, match=r"myna\[onnx\]"):
            answers(OnnxEngine(open_model("toy")), requests(1))

    def test_damaged_files(self, graphs_home: Path, toy_graphs: Path) -> None:
        (graphs_home / "graphs").unlink()
        own = graphs_home / "graphs" / "toy"
        shutil.copytree(toy_graphs / "toy", own)
        data = bytearray((own / "prefill.onnx").read_bytes())
        data[len(data) // 2] ^= 1
        (own / "prefill.onnx").write_bytes(data)
        with pytest.raises(CheckpointError, match=r"prefill\.onnx is missing or damaged"):
            answers(OnnxEngine(open_model("toy")), requests(1))
        manifest = own / graphs.MANIFEST
        written = manifest.read_text("utf-8")
        for changed, reason in (
            (written[:-9], "damaged"),
            ("[]", "damaged"),
            (json.dumps({**json.loads(written), "graphs": {}}), "damaged"),
            (json.dumps({**json.loads(written), "format": 0}), "another Myna"),
            (json.dumps({**json.loads(written), "sizes": "0" * 64}), "other sizes"),
        ):
            manifest.write_text(changed, "utf-8")
            with pytest.raises(CheckpointError, match=reason):
                OnnxEngine(open_model("toy"))

    def test_sizes_tell_families_apart_but_not_judges(self, toy_home: Path) -> None:
        one, other = toy.FAMILY_ROWS.values()
        assert graphs.sizes(one) != graphs.sizes(other)
        judged = replace(
            one.decoder, discriminator=replace(one.decoder.discriminator, periods=(2,))
        )
        assert graphs.sizes(replace(one, decoder=judged)) == graphs.sizes(one)
