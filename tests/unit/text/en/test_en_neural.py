"""The network that guesses how words are said."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myna.errors import CheckpointError
from myna.text.en import neural
from myna.text.symbols import symbols

needs_weights = pytest.mark.skipif(
    find_spec("g2p_en") is None, reason="not installed: g2p-en, which has the weights"
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Nothing loaded, and a data folder without weights; it is where they would be."""
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    neural._network.cache_clear()
    neural.predicted.cache_clear()
    folder = tmp_path / "text" / "g2p_en"
    folder.mkdir(parents=True)
    yield folder
    neural._network.cache_clear()
    neural.predicted.cache_clear()


def random_weights() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in neural._SHAPES.items()
    }


@needs_weights
def test_guesses() -> None:
    assert neural.predicted("otaku") == ("OW1", "T", "AH0", "K", "UW2")
    assert neural.predicted("thirty-two") == ("TH", "ER0", "T", "IY1", "T", "OW0")
    found = neural.predicted("flibbertigibbet" * 5)
    assert found is not None
    assert len(found) <= 20


def test_without_weights_there_is_no_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neural, "find_spec", lambda name: None)
    assert neural.predicted("otaku") is None


def test_own_weights_go_first_and_give_what_the_equations_say(fresh: Path) -> None:
    weights = random_weights()
    np.savez(fresh / "checkpoint20.npz", **weights)

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    def step(side: str, symbol: int, state: Any) -> Any:
        heard = weights[f"{side}_w_ih"] @ weights[f"{side}_emb"][symbol] + weights[f"{side}_b_ih"]
        kept = weights[f"{side}_w_hh"] @ state + weights[f"{side}_b_hh"]
        (hr, hz, hn), (kr, kz, kn) = np.split(heard, 3), np.split(kept, 3)
        reset, update = sigmoid(hr + kr), sigmoid(hz + kz)
        return (1 - update) * np.tanh(hn + reset * kn) + update * state

    state = np.zeros(256)
    for letter in (3 + ord("c") - ord("a"), 3, 1, 2):  # c, a, something else, end
        state = step("enc", letter, state)
    expected = []
    phone = 2
    for _ in range(20):
        state = step("dec", phone, state)
        phone = int(np.argmax(weights["fc_w"] @ state + weights["fc_b"]))
        if phone == 3:
            break
        expected.append(neural._PHONES[phone])
    found = neural.predicted("ca-")
    names = {"<unk>": "UNK"}
    assert found == tuple(names.get(p, p) for p in expected if p not in ("<pad>", "<s>"))


def test_phones_are_of_the_table() -> None:
    assert len(neural._PHONES) == 74
    assert {*neural._PHONES[4:]} - {*symbols("v1")} == {"UW"}


@pytest.mark.parametrize("damage", ["missing", "shape", "text"])
def test_a_damaged_file_is_named(fresh: Path, damage: str) -> None:
    path = fresh / "checkpoint20.npz"
    weights = random_weights()
    if damage == "missing":
        del weights["fc_b"]
    elif damage == "shape":
        weights["fc_b"] = np.zeros(3, np.float32)
    np.savez(path, **weights)
    if damage == "text":
        path.write_text("no archive")
    with pytest.raises(CheckpointError, match=r"checkpoint20\.npz"):
        neural.predicted("otaku")
