"""The fused step says what the net says; in whole numbers, nearly."""

from __future__ import annotations

import hashlib
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

from myna.engines.graphs import Graph
from myna.engines.onnx_caches import FusedCache
from myna.engines.onnx_sessions import Session
from myna.export.fused import fused_step
from myna.nets.cache import GrowingCache
from myna.nets.token_model import TokenModel, sight

SPEC = replace(toy.FAMILY_ROWS["toy"].token_model, layers=3, width=64, heads=4, feedforward=128)
PHONES = 30


@pytest.fixture(scope="module")
def net() -> TokenModel:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(3)
        net = TokenModel(SPEC).eval()
        net.token_positions.alpha.data *= 1.3
    return net


def cache(net: TokenModel, folder: Path, *, quantised: bool, prompt: list[int]) -> FusedCache:
    """That has read the phones and a prompt, with the net itself."""
    made = fused_step(SPEC, quantised=quantised)
    path = folder / "step.onnx"
    path.write_bytes(made.data)
    graph = Graph(path=path, sha256=hashlib.sha256(made.data).hexdigest(), weights=made.weights)
    weights = {name: value.numpy() for name, value in net.state_dict().items()}
    session = Session(graph, lambda _: weights, tables={}, threads=1)
    kept = GrowingCache()
    with torch.inference_mode():
        read = torch.tensor([prompt], dtype=torch.long)
        logits = net.prefill(torch.arange(PHONES)[None], None, read, kept)
    past = torch.stack([kept._kept[layer][0] for layer in range(SPEC.layers)]).numpy()
    return FusedCache(session, logits[0].numpy(), past[:, 0].swapaxes(2, 3), past[:, 1])


def whole(net: TokenModel, tokens: list[int]) -> Any:
    """Logits after each token, all at once: (T, V)."""
    with torch.inference_mode():
        return net.predict(
            torch.arange(PHONES)[None],
            torch.zeros(1, PHONES, SPEC.text_features),
            torch.tensor([tokens]),
            sight(PHONES, len(tokens), torch.device("cpu"))[None, None],
            torch.tensor([PHONES - 1]),
        )[0, 1:].numpy()


@pytest.mark.parametrize("prompt", [0, 7])
def test_it_is_the_net(net: TokenModel, tmp_path: Path, prompt: int) -> None:
    """Past a block of the cache, and at positions where a rounded sinusoid would show."""
    tokens = [int(token) for token in np.random.default_rng(0).integers(0, SPEC.codes, 510)]
    kept = cache(net, tmp_path, quantised=False, prompt=tokens[:prompt])
    found = [kept.step(tokens[at], at).copy() for at in range(prompt, len(tokens))]
    assert PHONES + len(tokens) > FusedCache._BLOCK
    np.testing.assert_allclose(np.stack(found), whole(net, tokens)[prompt:], atol=3e-5)


def test_whole_numbers_are_near_it(net: TokenModel, tmp_path: Path) -> None:
    tokens = [int(token) for token in np.random.default_rng(1).integers(0, SPEC.codes, 250)]
    kept = cache(net, tmp_path, quantised=True, prompt=[])
    found = np.stack([kept.step(token, at).copy() for at, token in enumerate(tokens)])
    expected = whole(net, tokens)
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected - expected.mean(1)[:, None])
    assert 1e-4 < error < 0.03
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.95


@pytest.mark.parametrize("quantised", [False, True])
def test_the_same_bytes_each_time(quantised: bool) -> None:
    one, other = (fused_step(SPEC, quantised=quantised) for _ in range(2))
    assert one == other
    assert len(one.data) < 100_000
