"""Pieces of families that hear their own sentence to its end: only what was not known differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from myna.checkpoints.store import open_model
from myna.engines.base import DecodeRequest, Engine
from myna.engines.rendering import Rendering

torch_engine = pytest.importorskip("myna.engines.torch_engine")

TOKENS, KNOWN = 120, 70


@pytest.fixture
def engine(toy_home: Path) -> Engine:
    found: Engine = torch_engine.TorchEngine(open_model("toy"), device="cpu")
    assert found.spec.decoder.sight is None
    return found


def differences(engine: Engine) -> tuple[np.ndarray, np.ndarray]:
    """Of the last of two pieces from the sentence at once, in shares of its size: in and behind
    the fade."""
    spec, random = engine.spec.decoder, np.random.default_rng(0)
    whole = DecodeRequest(
        tokens=random.integers(0, spec.codes, TOKENS),
        phones=random.integers(1, 300, 30),
        timbre=random.normal(size=spec.timbre).astype(np.float32),
        seed=1,
    )
    expected = engine.decode(whole)
    rendering: Rendering = engine.rendering(replace(whole, tokens=whole.tokens[:0]))
    first = rendering.add(whole.tokens[:KNOWN], last=False)
    second = rendering.add(whole.tokens, last=True)
    assert len(first) + len(second) == len(expected)
    off = np.abs(second - expected[len(first) :]) / np.abs(expected).max()
    fade = spec.generator.hop
    return off[:fade], off[fade:]


def test_a_piece_that_knows_the_sentence_is_as_at_once_behind_its_fade(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fade, behind = differences(engine)
    assert behind.max() < 2e-4
    # It begins as the piece before it ended, and moves over.
    assert fade[:8].max() > 10 * fade[-8:].max()
    # The same with too little around each piece.
    monkeypatch.setattr(type(engine.spec.decoder), "reach", property(lambda _: 0))
    assert differences(engine)[1].max() > 10 * behind.max()
