"""Bundles speak like the model they were made of, are the same each time, and refuse damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import toy

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
# ruff: noqa: E402 - the rest can be imported only with these

from myna.apps.cli.main import main
from myna.checkpoints import store
from myna.datatypes import Voice
from myna.engines import bundles, graphs
from myna.engines.bundles import chosen, open_bundle
from myna.errors import CheckpointError, ConfigError, ModelNotFoundError
from myna.export.bundle import export_bundle


@pytest.fixture
def model(toy_home: Path, toy_graphs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with a voice, a licence, and weights in single precision; its graphs are made
    already, and only copied."""

    def copied(name: str, out: Path, *, progress: Callable[[str], None]) -> Path:
        for path in sorted((toy_graphs / name).glob("*.onnx")):
            progress(path.stem)
        return Path(shutil.copytree(toy_graphs / name, out))

    monkeypatch.setattr("myna.export.bundle.export_family", copied)
    made = toy_home / "spoken"
    toy.voice_model(made, "toyPro", seed=4)
    (made / "LICENSE.md").write_text("Free for all.\n", "utf-8")
    (made / "voices").mkdir()
    width = toy.FAMILY_ROWS["toyPro"].decoder.timbre
    fingerprint = store.open_model(made).fingerprint
    for name, known in (("own", fingerprint), ("strange", "0" * 64)):
        timbre = np.linspace(-1, 1, width, dtype=np.float32)
        Voice(name=name, family="toyPro", model=known, timbre=timbre).save(
            made / "voices" / f"{name}.voice"
        )
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("precision", graphs.EXPORTED)
def test_all_of_it_is_listed_and_the_same_each_time(
    model: Path, tmp_path: Path, precision: str
) -> None:
    told: list[str] = []
    found = export_bundle(model, tmp_path / "one", precision=precision, progress=told.append)
    export_bundle(model, tmp_path / "deep" / "other", precision=precision)
    files = contents(found.path)
    assert contents(tmp_path / "deep" / "other") == files
    assert set(files) == {bundles.MANIFEST, *found.files}
    assert {"LICENSE.md", "voices/own.voice", "graphs/step.int8.onnx"} < set(files)
    assert told[0] == "weights"
    assert graphs.STEP_INT8 in told
    facts = json.loads(files[bundles.MANIFEST])
    assert facts["opset"] == 17
    assert {"onnx", "onnxruntime", "torch", "myna"} == set(facts["made_with"])
    assert facts["voices"] == ["own", "strange"]
    found.verify()
    store.verify(store.open_model(found.path))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_weights_stay_as_they_are(model: Path, tmp_path: Path, precision: str) -> None:
    """So voices that others made with the model know the bundle, too."""
    found = export_bundle(model, tmp_path / "one", precision=precision)
    files, before = contents(found.path), contents(model)
    for name in set(before) - {"model.json"}:
        assert files[name] == before[name]
    assert store.open_model(found.path).fingerprint == store.open_model(model).fingerprint


def test_halves(model: Path, tmp_path: Path) -> None:
    found = store.open_model(export_bundle(model, tmp_path / "one", precision="float16").path)
    before = store.open_model(model)
    assert found.fingerprint != before.fingerprint
    for part in ("token_model", "decoder"):
        written, given = store.tensors(found, part), store.tensors(before, part)
        assert {written[name].dtype for name in written} == {np.dtype(np.float16)}
        for name in given:
            np.testing.assert_array_equal(written[name], given[name].astype(np.float16))
    assert Voice.load(found.voices["own"]).model == found.fingerprint
    assert Voice.load(found.voices["strange"]).model == "0" * 64


def test_no_half_is_infinite(model: Path, tmp_path: Path) -> None:
    before = store.open_model(model)
    parts = {part: dict(store.tensors(before, part)) for part in before.parts}
    parts["decoder"]["codebook.weight"][0, 0] = 1e6
    loud = store.write(
        tmp_path / "loud", kind=before.kind, spec=before.spec, parts=parts, provenance={}
    )
    with pytest.raises(CheckpointError, match=r"codebook\.weight of the decoder .* above 65504"):
        export_bundle(loud.path, tmp_path / "one", precision="float16")
    assert [path.name for path in tmp_path.glob("*one*")] == []


def test_its_own_graphs_count_first(model: Path, tmp_path: Path) -> None:
    spec = toy.FAMILY_ROWS["toyPro"]
    with pytest.raises(ModelNotFoundError):
        graphs.open_graphs(spec, model)
    found = export_bundle(model, tmp_path / "one", precision="int8")
    assert graphs.have_graphs(spec, found.path)
    assert not graphs.have_graphs(spec)
    for precision, step in (("float32", graphs.STEP), ("int8", graphs.STEP_INT8)):
        opened = graphs.open_graphs(spec, found.path, precision=precision)
        assert opened[step].path == found.path / "graphs" / f"{step}.onnx"
        assert len(opened) == len(graphs.names(spec))
        for graph in opened.values():
            graph.check()


def test_graphs_without_int8(model: Path, tmp_path: Path) -> None:
    """As those made by an older Myna."""
    found = export_bundle(model, tmp_path / "one")
    manifest = found.path / "graphs" / graphs.MANIFEST
    facts = json.loads(manifest.read_text("utf-8"))
    del facts["graphs"][graphs.STEP_INT8]
    manifest.write_text(json.dumps(facts), "utf-8")
    spec = toy.FAMILY_ROWS["toyPro"]
    assert graphs.STEP in graphs.open_graphs(spec, found.path)
    with pytest.raises(CheckpointError, match="know no int8"):
        graphs.open_graphs(spec, found.path, precision="int8")


def test_how_it_computes(model: Path, tmp_path: Path) -> None:
    assert open_bundle(model) is None
    assert chosen(model, "auto", "float32") == "float32"
    assert chosen(model, "auto", "int8") == chosen(model, "int8", "float32") == "int8"
    with pytest.raises(ConfigError, match="'float16'; on ONNX Runtime it is one of auto, float32"):
        chosen(model, "float16", "float32")
    for precision, computed in (("float16", "float32"), ("int8", "int8")):
        found = export_bundle(model, tmp_path / precision, precision=precision)
        assert (found.computes, chosen(found.path, "auto", "int8")) == (computed, computed)
        assert chosen(found.path, "float32", "int8") == "float32"


def _without(folder: Path) -> None:
    (folder / "voices" / "own.voice").unlink()


def _shortened(folder: Path) -> None:
    path = folder / "decoder.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def _facts_changed(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / bundles.MANIFEST
        facts = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**facts, **changes}), "utf-8")

    return change


def _cut(folder: Path) -> None:
    path = folder / bundles.MANIFEST
    path.write_bytes(path.read_bytes()[:-20])


_SOUND = {"sha256": "0" * 64, "size": 3}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_cut, "damaged"),
        (_without, r"own\.voice is missing"),
        (_shortened, r"decoder\.safetensors is missing or cut short"),
        (_facts_changed(format=9), "another Myna"),
        (_facts_changed(precision="int3"), "no precision is called 'int3'"),
        (_facts_changed(files=[]), "damaged"),
        (_facts_changed(files={"../model.json": _SOUND}), "no file of the folder"),
        (_facts_changed(files={"/etc/passwd": _SOUND}), "no file of the folder"),
        (_facts_changed(files={"model.json": {**_SOUND, "sha256": "x"}}), "hash of model"),
    ],
)
def test_damage_is_refused(
    model: Path, tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    found = export_bundle(model, tmp_path / "one")
    damage(found.path)
    with pytest.raises(CheckpointError, match=reason):
        open_bundle(found.path)


def test_a_changed_byte_is_found(model: Path, tmp_path: Path) -> None:
    found = export_bundle(model, tmp_path / "one")
    path = found.path / "voices" / "own.voice"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    sound = open_bundle(found.path)
    assert sound is not None
    with pytest.raises(CheckpointError, match=r"damaged: voices/own\.voice\."):
        sound.verify()


def test_what_is_there_stays(model: Path, tmp_path: Path) -> None:
    found = export_bundle(model, tmp_path / "one")
    before = contents(found.path)
    with pytest.raises(CheckpointError, match="already a model"):
        export_bundle(model, found.path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear", "utf-8")
    with pytest.raises(CheckpointError, match="no model folder"):
        export_bundle(model, tmp_path / "other", overwrite=True)

    def stop(name: str) -> None:
        if name == graphs.STEP_INT8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_bundle(model, found.path, precision="int8", overwrite=True, progress=stop)
    assert contents(found.path) == before
    export_bundle(model, found.path, precision="int8", overwrite=True)
    assert contents(found.path) != before
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_a_damaged_model_or_none(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="float32, float16, int8"):
        export_bundle(model, tmp_path / "one", precision="int4")
    with pytest.raises(ModelNotFoundError):
        export_bundle("nobody", tmp_path / "one")
    with pytest.raises(CheckpointError, match="not a voice model"):
        export_bundle("toy-hubert", tmp_path / "one")
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    path = broken / "decoder.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged: decoder"):
        export_bundle(broken, tmp_path / "one")


def test_the_command(
    toy_home: Path, toy_graphs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Graphs and all."""
    out = tmp_path / "one"
    assert main(["export", "toy", "-o", str(out), "--precision", "int8"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert "int8" in told.err
    assert contents(out / "graphs") == contents(toy_graphs / "toy")
    assert main(["export", "toy", "-o", str(out), "--quiet"]) == 1
    assert "already a model" in capsys.readouterr().err
