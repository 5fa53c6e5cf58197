"""Our recogniser on ONNX Runtime hears what it hears on PyTorch."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from myna.engines import hearing
from myna.engines.hearing import Hearing, windows
from myna.errors import CheckpointError, ModelNotFoundError
from myna.text.sounds import SOUNDS, language_of


def bands(frames):
    return np.random.default_rng(frames).normal(-5, 2, (frames, 80)).astype(np.float32)


@pytest.fixture(scope="module")
def heard():
    return Hearing.load()


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 41, 42, 43, 333, 1300])
def test_it_hears_the_same_as_on_torch(heard, frames):
    pytest.importorskip("torch")
    from myna.engines.recogniser import Recogniser

    expected = Recogniser.load()._hear(bands(frames), {"en", "zh"})
    found = heard.hear(bands(frames))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=5e-4, rtol=0)


def test_other_languages_are_not_heard(heard):
    found = heard.hear(bands(100), ("en",))
    known = np.array([language_of(sound) != "zh" for sound in SOUNDS])
    assert np.isfinite(found[:, known]).all()
    assert (found[:, ~known] == -np.inf).all()


def test_windows_cover_all_frames_once():
    for frames in (1, 1200, 1201, 5000):
        pieces = windows(frames)
        assert pieces[0][2] == 0
        assert pieces[-1][3] == frames
        assert [each[3] for each in pieces[:-1]] == [each[2] for each in pieces[1:]]
        assert all(start <= first < last <= end for start, end, first, last in pieces)


def test_the_graph_in_the_package_is_what_export_makes(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from myna.export.hearing import export_hearing

    export_hearing(tmp_path)
    for name in (hearing.GRAPH, hearing.MANIFEST):
        assert (tmp_path / name).read_bytes() == (hearing.GRAPHS / name).read_bytes()


def test_what_is_damaged_is_said(tmp_path, monkeypatch):
    copy = tmp_path / "recogniser"
    shutil.copytree(hearing.GRAPHS, copy)
    monkeypatch.setattr(hearing, "GRAPHS", copy)
    facts = json.loads((copy / hearing.MANIFEST).read_text())
    (copy / hearing.MANIFEST).write_text(
        json.dumps({**facts, "spec": {**facts["spec"], "width": 3}})
    )
    with pytest.raises(CheckpointError, match="not of one recogniser"):
        Hearing.load()
    (copy / hearing.MANIFEST).write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        Hearing.load()
    (copy / hearing.MANIFEST).write_text(json.dumps(facts))
    (copy / hearing.GRAPH).write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match="damaged"):
        Hearing.load()
    (copy / hearing.MANIFEST).unlink()
    with pytest.raises(ModelNotFoundError, match="Install"):
        Hearing.load()


@pytest.mark.parametrize("frames", [1, 1200, 1201, 3000, 9999])
def test_windows_follow_one_another_and_have_context(frames):
    pieces = windows(frames)
    assert pieces[0][0] == pieces[0][2] == 0
    assert pieces[-1][1] == pieces[-1][3] == frames
    for one, other in pairwise(pieces):
        assert one[3] == other[2]
        assert one[1] - one[3] == other[2] - other[0] == 160
        assert other[0] % 4 == other[2] % 4 == 0
    assert all(end - start <= 1200 for start, end, _, _ in pieces)
