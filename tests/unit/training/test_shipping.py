"""Models as they ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from myna.checkpoints import store
from myna.engines.torch_engine import TorchEngine
from myna.errors import CheckpointError
from myna.training.fresh import fresh
from myna.training.shipping import main


def test_nets_of_two_models_in_half_precision(toy_home: Path, tmp_path: Path) -> None:
    one, other = (
        fresh("toy", tmp_path / name, (), seed=seed) for seed, name in ((1, "a"), (2, "b"))
    )
    given = ["--token-model", str(one.path), "--decoder", str(other.path)]
    assert main([*given, "-o", str(tmp_path / "out"), "--name", "new"]) == 0
    made = store.open_model(tmp_path / "out")
    assert (made.name, made.parts) == ("new", ("token_model", "decoder"))
    for part, model in (("token_model", one), ("decoder", other)):
        before, after = store.tensors(model, part), store.tensors(made, part)
        assert set(before) == set(after)
        for name in before:
            assert after[name].dtype == np.float16
            np.testing.assert_array_equal(after[name], before[name].astype(np.float16))
    assert TorchEngine(made).spec.name == "toy"


def test_one_model(toy_home: Path, tmp_path: Path) -> None:
    model = fresh("toy", tmp_path / "a", ())
    assert main([str(model.path), "-o", str(tmp_path / "out")]) == 0
    files = [
        store.open_model(path).files["decoder.safetensors"].size
        for path in (model.path, tmp_path / "out")
    ]
    assert files[1] < 0.52 * files[0] + 20_000
    with pytest.raises(SystemExit):
        main(["-o", str(tmp_path / "more")])


def test_the_first_voice_named_is_the_one_that_speaks(toy_home: Path, tmp_path: Path) -> None:
    model, out = fresh("toy", tmp_path / "a", ()), tmp_path / "out"
    assert main([str(model.path), "-o", str(out), "--voice", "zoe", "--voice", "lost"]) == 0
    (out / "voices").mkdir()
    for name in ("zoe", "eve", "adam"):
        (out / "voices" / f"{name}.voice").touch()
    assert list(store.open_model(out).voices) == ["zoe", "adam", "eve"]


def test_of_one_family(toy_home: Path, tmp_path: Path) -> None:
    given = ["--token-model", "toy", "--decoder", "toyPro", "-o", str(tmp_path / "out")]
    with pytest.raises(CheckpointError, match="of one family"):
        main(given)
