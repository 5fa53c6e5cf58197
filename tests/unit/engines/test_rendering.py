"""A sentence piece by piece: what is final stays, and where families differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from myna.audio.pace import places
from myna.checkpoints.store import open_model
from myna.engines.base import DecodeRequest
from myna.engines.onnx_engine import OnnxEngine
from myna.engines.randomness import Columns, Purpose, Stream
from myna.engines.rendering import Rendering
from myna.errors import EngineError
from myna.specs import FAMILIES

pytest.importorskip("onnxruntime")

TOKENS = 130
SPEEDS = [1.0, 0.7, 1.45]


@pytest.fixture(scope="module")
def engine() -> OnnxEngine:
    return OnnxEngine(open_model("tiny"))


def request(speed: float = 1.0, tokens: int = 0) -> DecodeRequest:
    random = np.random.default_rng(4)
    spelling = FAMILIES["tiny"].token_model.spelling
    assert spelling is not None
    ids = random.integers(spelling.levels, spelling.codes, tokens)
    return DecodeRequest(
        tokens=ids,
        phones=random.integers(1, 300, 40),
        timbre=random.normal(size=FAMILIES["tiny"].decoder.timbre).astype(np.float32),
        speed=speed,
        seed=7,
    )


def in_pieces(engine: OnnxEngine, whole: DecodeRequest, steps: list[int]) -> list[np.ndarray]:
    rendering = engine.rendering(replace(whole, tokens=whole.tokens[:0]))
    ends = [*np.cumsum(steps).tolist(), len(whole.tokens)]
    return [
        rendering.add(whole.tokens[:end], last=index == len(ends) - 1)
        for index, end in enumerate(ends)
    ]


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("steps", [[50], [45, 1, 1, 30], [60, 60], [3]])
def test_pieces_of_a_steady_family_are_the_whole(
    engine: OnnxEngine, speed: float, steps: list[int]
) -> None:
    whole = request(speed, TOKENS)
    expected = engine.decode(whole)
    found = np.concatenate(in_pieces(engine, whole, steps))
    assert found.shape == expected.shape
    # Rounding of pitch adds up in the phase, and high harmonics multiply it: 57 dB down and more.
    off = found - expected
    assert np.sqrt(np.square(off).mean()) < 2e-3 * np.sqrt(np.square(expected).mean())


def test_it_would_be_heard_if_a_part_saw_too_little(
    engine: OnnxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = request(1.0, TOKENS)
    expected = engine.decode(whole)
    spec = engine.spec.decoder
    near = Rendering(engine._compute, replace(whole, tokens=whole.tokens[:0]), spec)
    monkeypatch.setattr(type(spec), "reach", property(lambda _: 4))
    found = np.concatenate(
        [near.add(whole.tokens[:70], last=False), near.add(whole.tokens, last=True)]
    )
    off = found - expected
    assert np.sqrt(np.square(off).mean()) > 1e-2 * np.sqrt(np.square(expected).mean())


def test_what_is_long_is_made_in_steps(engine: OnnxEngine) -> None:
    whole = request(1.0, 600)
    sizes: list[int] = []

    def compute(part):
        sizes.append(len(part.places))
        return engine._compute(part)

    made = Rendering(compute, whole, engine.spec.decoder).add(whole.tokens, last=True)
    assert len(made) == 600 * engine.spec.decoder.samples_per_token
    assert len(sizes) == 3
    assert max(sizes) <= 400 + 2 * engine.spec.decoder.reach


def test_needed_is_enough_and_hardly_more(engine: OnnxEngine) -> None:
    whole = request(1.3, TOKENS)
    for samples in (1, 4000, 12_000):
        rendering = engine.rendering(whole)
        count = rendering.needed(samples)
        assert len(rendering.add(whole.tokens[:count], last=False)) >= samples
        fewer = engine.rendering(whole).add(whole.tokens[: count - 4], last=False)
        assert len(fewer) < samples


def test_nothing_is_final_of_a_few_tokens_and_nothing_comes_of_none(engine: OnnxEngine) -> None:
    whole = request(1.0, TOKENS)
    rendering = engine.rendering(whole)
    assert len(rendering.add(whole.tokens[:5], last=False)) == 0
    with pytest.raises(EngineError, match="no tokens"):
        engine.rendering(whole).add(whole.tokens[:0], last=True)
    with pytest.raises(EngineError, match="no phones"):
        engine.rendering(replace(whole, phones=whole.phones[:0]))


def test_pieces_of_another_family_have_its_length(toy_home: Path) -> None:
    torch_engine = pytest.importorskip("myna.engines.torch_engine")
    engine = torch_engine.TorchEngine(open_model("toy"), device="cpu")
    random = np.random.default_rng(0)
    spec = engine.spec.decoder
    for speed in SPEEDS:
        whole = DecodeRequest(
            tokens=random.integers(0, spec.codes, 90),
            phones=random.integers(1, 300, 30),
            timbre=random.normal(size=spec.timbre).astype(np.float32),
            speed=speed,
            seed=1,
        )
        expected = engine.decode(whole)
        pieces = in_pieces(engine, whole, [40, 20])
        assert all(len(piece) for piece in pieces)
        assert sum(map(len, pieces)) == len(expected)
        if speed == 1:
            # The first words are the same but for what was not known yet of the rest.
            found = np.concatenate(pieces)
            assert np.corrcoef(found, expected)[0, 1] > 0.9


def test_random_columns_do_not_depend_on_how_many_are_read() -> None:
    def columns() -> Columns:
        return Columns(Stream(3, 1, Purpose.NOISE), 5, 8)

    whole = columns().between(0, 50)
    pieces = columns()
    parts = [pieces.between(start, stop) for start, stop in ((0, 3), (1, 21), (21, 50))]
    np.testing.assert_array_equal(np.concatenate([parts[0], parts[1][:, 2:], parts[2]], 1), whole)
    assert abs(float(whole.mean())) < 0.3
    assert 0.8 < float(whole.std()) < 1.2


@pytest.mark.parametrize("speed", SPEEDS)
def test_places_without_an_end_do_not_move(speed: float) -> None:
    short, long = (places(count, speed, fitted=False) for count in (60, 200))
    sure = int(np.searchsorted(short, 59))
    np.testing.assert_array_equal(short[:sure], long[:sure])
    fitted = places(200, speed)
    assert len(fitted) == len(long)
    assert fitted[-1] <= 199
    assert np.abs(fitted - long).max() < 2
