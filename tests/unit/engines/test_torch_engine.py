"""The torch engine at toy size: what it answers depends on the request alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.checkpoints.store import open_model
from myna.datatypes import Sampling
from myna.engines import load_engine
from myna.engines.base import DecodeRequest, TokenRequest
from myna.engines.generating import generate
from myna.engines.torch_engine import TorchEngine
from myna.engines.torch_stepping import EagerStepper, GraphStepper, Slots
from myna.errors import ConfigError, EngineError
from myna.nets.cache import GrowingCache
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES

SPEC = toy.FAMILY_ROWS["toyPro"].token_model


@pytest.fixture
def engine(toy_home: Path) -> TorchEngine:
    return TorchEngine(open_model("toyPro"), device="cpu")


@pytest.fixture(scope="module")
def net() -> TokenModel:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(3)
        return TokenModel(SPEC).eval().requires_grad_(requires_grad=False)


def requests(count: int = 7) -> list[TokenRequest]:
    """Of all kinds: with and without prompt, features, and room."""
    random = np.random.default_rng(0)
    return [
        TokenRequest(
            phones=random.integers(0, SPEC.phones, 4 + 3 * index),
            text_features=None
            if index % 2
            else random.normal(size=(4 + 3 * index, SPEC.text_features)).astype(np.float32),
            prompt=random.integers(0, SPEC.codes, 5 * (index % 3)),
            sampling=Sampling(longest_seconds=0.6 + 0.2 * index, top_k=5 + index),
            seed=index // 2,
            part=index,
        )
        for index in range(count)
    ]


def answers(engine: TorchEngine, asked: list[TokenRequest]) -> list[list[int]]:
    found = dict(engine.generate(asked))
    assert sorted(found) == list(range(len(asked)))
    return [found[index].ids.tolist() for index in range(len(asked))]


class TestTokens:
    @pytest.mark.parametrize("lanes", [1, 2, 4])
    def test_alone_together_and_in_any_order_are_equal(self, toy_home: Path, lanes: int) -> None:
        asked = requests()
        engine = TorchEngine(open_model("toyPro"), device="cpu", slots=8, lanes=lanes)
        alone = [answers(engine, [request])[0] for request in asked]
        assert len({tuple(ids) for ids in alone}) == len(asked)
        for slots in (1, 3, 8):
            engine = TorchEngine(open_model("toyPro"), device="cpu", slots=slots, lanes=lanes)
            for order in ([*range(7)], [*range(6, -1, -1)], [3, 0, 6, 1, 5, 2, 4], [2, 2, 4]):
                found = answers(engine, [asked[index] for index in order])
                assert found == [alone[index] for index in order]

    def test_another_seed_or_part_is_another_answer(self, engine: TorchEngine) -> None:
        phones = np.arange(10)
        asked = [TokenRequest(phones=phones, seed=s, part=p) for s, p in ((0, 0), (0, 1), (1, 0))]
        found = answers(engine, asked)
        assert len({tuple(ids) for ids in found}) == 3

    def test_greedy_needs_no_chance(self, engine: TorchEngine) -> None:
        greedy = Sampling(top_k=1)
        asked = [TokenRequest(phones=np.arange(9), sampling=greedy, seed=seed) for seed in (0, 1)]
        one, other = answers(engine, asked)
        assert one == other

    def test_no_numbers_are_no_tokens(self, engine: TorchEngine) -> None:
        engine._token_model.head.weight.data[3] = torch.nan
        with pytest.raises(EngineError, match=r"token model .* no numbers"):
            answers(engine, [TokenRequest(phones=np.arange(9))])

    def test_where_arrays_lie_and_who_may_write_them_does_not_matter(
        self, engine: TorchEngine
    ) -> None:
        request = requests(3)[2]
        features = request.text_features
        assert features is not None
        crooked = np.empty(features.nbytes + 4, dtype=np.uint8)[4:].view(np.float32)
        crooked = crooked.reshape(features.shape)
        crooked[:] = features
        arrays = {
            "phones": request.phones.copy(),
            "prompt": request.prompt.copy(),
            "text_features": crooked,
        }
        for array in arrays.values():
            array.flags.writeable = False
        assert answers(engine, [replace(request, **arrays)]) == answers(engine, [request])

    def test_dropped_halfway_leaves_nothing_behind(self, engine: TorchEngine) -> None:
        expected = answers(engine, requests())
        half = engine.generate(requests())
        next(half)
        half.close()
        assert answers(engine, requests()) == expected

    def test_nothing_asked_nothing_answered(self, engine: TorchEngine) -> None:
        assert answers(engine, []) == []

    def test_too_long_is_refused_before_work(self, engine: TorchEngine) -> None:
        for request in (
            TokenRequest(phones=np.zeros(SPEC.positions + 1, dtype=np.int64)),
            TokenRequest(phones=np.arange(5), prompt=np.zeros(SPEC.positions, dtype=np.int64)),
        ):
            with pytest.raises(EngineError, match="Cut the text"):
                engine.generate([request])


class TestSteppers:
    @torch.inference_mode()
    @pytest.mark.parametrize("lanes", [2, 3])
    def test_bits_at_full_width_depend_on_nobody(self, lanes: int) -> None:
        spec = replace(FAMILIES["v2"].token_model, layers=2)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            net = TokenModel(spec).eval()
        random = np.random.default_rng(0)
        asked = [
            (torch.from_numpy(random.integers(0, spec.phones, p)), None, torch.arange(t))
            for p, t in ((1, 0), (7, 3), (40, 60), (64, 21), (90, 130))
        ]
        alone = []
        for request in asked:
            room = len(request[0]) + len(request[2]) + 12
            stepper = EagerStepper(net, slots=1, lanes=lanes)
            logits = [stepper.start(0, *request, room)]
            for step in range(12):
                logits += stepper.step([0], [step], [len(request[2]) + step])
            alone.append(logits)
        stepper = EagerStepper(net, slots=7, lanes=lanes)
        slots = random.permutation(7)[: len(asked)].tolist()
        for slot, request, logits in zip(slots, asked, alone, strict=True):
            assert torch.equal(stepper.start(slot, *request, 333), logits[0])
        for step in range(12):
            present = random.permutation(len(asked)).tolist()
            places = [len(asked[index][2]) + step for index in present]
            found = stepper.step([slots[i] for i in present], [step] * len(present), places)
            for row, index in zip(found, present, strict=True):
                assert torch.equal(row, alone[index][step + 1])

    @torch.inference_mode()
    def test_three_caches_one_model(self, net: TokenModel) -> None:
        asked = requests(3)
        capacity = 100
        eager = EagerStepper(net, slots=4, lanes=2)
        graph = GraphStepper(net, slots=4, capacity=capacity, graph=False)
        growing = [GrowingCache() for _ in asked]
        slots = [2, 0, 3]
        for slot, request, cache in zip(slots, asked, growing, strict=True):
            phones, prompt = torch.from_numpy(request.phones), torch.from_numpy(request.prompt)
            features = request.text_features
            features = None if features is None else torch.from_numpy(features)
            batched = None if features is None else features[None]
            plain = net.prefill(phones[None], batched, prompt[None], cache)[0]
            close(eager.start(slot, phones, features, prompt, capacity), plain)
            close(graph.start(slot, phones, features, prompt, capacity), plain)
        random = np.random.default_rng(1)
        for step in range(20):
            present = [0, 1, 2] if step < 10 else [2, 0]  # the one in the middle leaves
            tokens = random.integers(0, SPEC.codes, len(present)).tolist()
            places = [len(asked[index].prompt) + step for index in present]
            plain = torch.stack(
                [
                    net.step(torch.tensor([token]), torch.tensor([place]), growing[index])[0]
                    for index, token, place in zip(present, tokens, places, strict=True)
                ]
            )
            here = [slots[index] for index in present]
            close(eager.step(here, tokens, places), plain)
            close(graph.step(here, tokens, places), plain)

    @torch.inference_mode()
    def test_what_overflowed_does_not_reach_the_next_request(self, net: TokenModel) -> None:
        phones, prompt = torch.arange(9), torch.arange(4)
        found = []
        for before in (0.0, torch.inf):
            stepper = GraphStepper(net, slots=2, capacity=60, graph=False)
            features = torch.full((9, SPEC.text_features), before)
            stepper.start(1, phones, features, torch.arange(30), 60)
            stepper.start(1, phones, None, prompt, 60)
            found.append(stepper.step([1], [5], [4]))
        assert torch.isfinite(found[1]).all()
        assert torch.equal(*found)

    def test_generate_is_the_same_on_both(self, net: TokenModel) -> None:
        asked = requests()
        found = []
        for stepper in (
            EagerStepper(net, slots=3, lanes=2),
            GraphStepper(net, slots=3, capacity=200, graph=False),
        ):
            said = dict(generate(Slots(stepper, SPEC), asked))
            found.append([said[index].ids.tolist() for index in range(len(asked))])
        assert found[0] == found[1]


class Scripted:
    """A stepper that follows a script: the likeliest token of each step."""

    def __init__(self, likeliest: list[int]) -> None:
        self.script = iter(likeliest)
        self.positions: list[int] = []
        self.idle = [0, 1]

    def start(self, slot: int, *_: Any, **__: Any) -> torch.Tensor:
        return self._next()

    def free(self, slot: int) -> None:
        self.idle.append(slot)

    def step(self, slots: Any, tokens: Any, positions: Any) -> torch.Tensor:
        self.positions += positions
        return self._next()[None]

    def _next(self) -> torch.Tensor:
        logits = torch.zeros(SPEC.codes + 1)
        logits[next(self.script)] = 50
        return logits


class TestEnding:
    def said(self, likeliest: list[int], **settings: Any) -> tuple[list[int], bool]:
        request = TokenRequest(
            phones=np.arange(3),
            prompt=np.array([60, 61]),
            sampling=Sampling(repetition_penalty=1.0, **settings),
        )
        self.stepper = Scripted(likeliest)
        ((index, tokens),) = generate(Slots(self.stepper, SPEC), [request])
        assert index == 0
        return tokens.ids.tolist(), tokens.ended

    def test_ends_where_the_model_says(self) -> None:
        assert self.said([*range(20), SPEC.end]) == ([*range(20)], True)
        assert self.stepper.positions == [*range(2, 22)]

    def test_the_end_is_not_offered_too_early(self) -> None:
        said, ended = self.said([SPEC.end] * 30)
        assert ended
        assert len(said) == SPEC.least_tokens
        assert SPEC.end not in said

    def test_a_likeliest_end_ends_whatever_chance_draws(self) -> None:
        # so flat that another token would be drawn nearly always
        said, ended = self.said([*range(15), SPEC.end, 1, 2], temperature=2.0, top_k=10_000)
        assert (len(said), ended) == (15, True)

    def test_is_stopped_at_the_limits(self) -> None:
        assert self.said([5] * 100) == ([5] * SPEC.most_tokens, False)
        assert self.said([5] * 100, longest_seconds=1.0) == ([5] * 25, False)


class TestCloningAndText:
    def test_tokens_of_speech(self, engine: TorchEngine) -> None:
        found = engine.tokens(toy.clip(2.0).samples)
        assert found.dtype == np.int64
        assert len(found) == 62  # 2.5 s, 50 frames a second without the edges, in pairs
        assert found.min() >= 0
        assert found.max() < SPEC.codes

    def test_timbre_of_several_is_their_mean(self, engine: TorchEngine) -> None:
        random = np.random.default_rng(0)
        spectrograms = [random.random((1025, n), dtype=np.float32) for n in (30, 50)]
        banks = [random.random((n, 80), dtype=np.float32) for n in (40, 60)]
        both = engine.timbre(spectrograms, banks)
        each = [engine.timbre([s], [b]) for s, b in zip(spectrograms, banks, strict=True)]
        assert both.shape == (48,)
        np.testing.assert_allclose(both, np.mean(each, 0), atol=1e-6)
        assert np.abs(each[0] - each[1]).max() > 1e-3

    def test_the_speaker_vector_has_a_say(self, engine: TorchEngine) -> None:
        random = np.random.default_rng(0)
        spectrogram = random.random((1025, 30), dtype=np.float32)
        one, other = (
            engine.timbre([spectrogram], [random.random((40, 80), dtype=np.float32)])
            for _ in range(2)
        )
        assert np.abs(one - other).max() > 1e-4

    def test_text_features(self, engine: TorchEngine) -> None:
        found = engine.text_features("你好世界")
        assert (found.shape, found.dtype) == ((4, 24), np.float32)
        one, other = engine.text_features("你鿿")[1], engine.text_features("你㐀")[1]
        np.testing.assert_array_equal(one, other)  # both unknown
        with pytest.raises(EngineError, match="reads 510"):
            engine.text_features("你" * 511)


class TestDecoding:
    REQUEST = DecodeRequest(
        tokens=np.arange(20), phones=np.arange(9), timbre=np.ones(48, dtype=np.float32)
    )

    def asked(self, **changes: Any) -> DecodeRequest:
        names = ("tokens", "phones", "timbre")
        return DecodeRequest(**{**{name: getattr(self.REQUEST, name) for name in names}, **changes})

    @pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.3, 2.0])
    def test_length(self, engine: TorchEngine, speed: float) -> None:
        frames = 40 if speed == 1 else int(40 / speed) + 1
        assert engine.decode(self.asked(speed=speed)).shape == (frames * 640,)

    def test_noise_is_the_request_s_own(self, engine: TorchEngine) -> None:
        found = [
            engine.decode(self.asked(**changes))
            for changes in ({}, {"seed": 1}, {"part": 1}, {"noise_scale": 0.0}, {})
        ]
        np.testing.assert_array_equal(found[0], found[4])
        for other in found[1:4]:
            assert np.abs(found[0] - other).max() > 1e-5
        quiet = engine.decode(self.asked(noise_scale=0.0, seed=8))
        np.testing.assert_array_equal(quiet, found[3])

    @pytest.mark.parametrize("name", ["tokens", "phones"])
    def test_nothing_to_decode(self, engine: TorchEngine, name: str) -> None:
        with pytest.raises(EngineError, match="nothing to decode"):
            engine.decode(self.asked(**{name: np.zeros(0, dtype=np.int64)}))

    def test_no_numbers_are_no_speech(self, engine: TorchEngine) -> None:
        with pytest.raises(EngineError, match="no numbers"):
            engine.decode(self.asked(timbre=np.full(48, np.nan, dtype=np.float32)))


class TestLoading:
    @pytest.mark.parametrize(
        ("settings", "reason"),
        [
            ({"engine": "magic"}, "auto, onnx, torch"),
            ({"device": "toaster"}, "'auto', 'cpu' or 'cuda'"),
            ({"device": "meta"}, "'auto', 'cpu' or 'cuda'"),
            ({"precision": "int3"}, "float32, float16, bfloat16"),
        ],
    )
    def test_unknown_settings(self, toy_home: Path, settings: dict[str, str], reason: str) -> None:
        with pytest.raises(ConfigError, match=reason):
            load_engine(open_model("toy"), **settings)

    def test_bfloat16_says_nearly_the_same(self, toy_home: Path) -> None:
        request = DecodeRequest(
            tokens=np.arange(20), phones=np.arange(9), timbre=np.ones(32, dtype=np.float32)
        )
        exact, rough = (
            load_engine(open_model("toy"), device="cpu", precision=precision).decode(request)
            for precision in ("float32", "bfloat16")
        )
        assert np.corrcoef(exact, rough)[0, 1] > 0.9

    @pytest.mark.parametrize("precision", ["bfloat16", "float16"])
    def test_half_precision_reads_text_features(self, toy_home: Path, precision: str) -> None:
        engine = load_engine(open_model("toyPro"), device="cpu", precision=precision)
        (request,) = requests(1)
        assert request.text_features is not None
        ((_, tokens),) = engine.generate([request])
        assert len(tokens.ids) >= SPEC.least_tokens

    def test_a_device_that_is_not_there(
        self, toy_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        with pytest.raises(ConfigError, match="finds 2 CUDA devices"):
            load_engine(open_model("toy"), device="cuda:2")

    def test_nothing_global_changes(self, toy_home: Path) -> None:
        threads, state = torch.get_num_threads(), torch.random.get_rng_state()
        engine = TorchEngine(open_model("toy"), device="cpu")
        answers(engine, [TokenRequest(phones=np.arange(9))])
        assert torch.get_num_threads() == threads
        assert torch.equal(torch.random.get_rng_state(), state)
        assert torch.is_grad_enabled()


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
