"""What a run logs can be read, drawn and told from its folder alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

import soundfile

from myna.errors import MissingExtraError, TrainingError
from myna.training.logs import Logs, lines
from myna.training.loop import Progress, run
from myna.training.plots import plot
from myna.training.status import status
from myna.training.task import LoopSettings
from toy_tasks import Contest, Regression, Rows

SETTINGS = LoopSettings(
    steps=20, budget=40, evaluate_every=5, sample_every=10, save_every=10, average=0.9
)


def train(task: Any, folder: Path, **more: Any) -> None:
    run(task, Rows(20), Rows(4, seed=1), SETTINGS, folder, device="cpu", **more)


def test_what_comes_after_the_saved_step_is_taken_out(tmp_path: Path) -> None:
    logs = Logs(tmp_path, -1)
    for step in range(1, 5):
        logs.step(step, losses={"loss": float("nan") if step == 2 else 0.5})
        logs.held_out(step, {"loss": 1.0})
    logs.close()
    with (tmp_path / "log.jsonl").open("a") as stream:
        stream.write('{"kind": "step", "st')
    assert [line["step"] for line in lines(tmp_path)] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert lines(tmp_path)[2]["losses"] == {"loss": None}
    Logs(tmp_path, 2).close()
    assert [line["step"] for line in lines(tmp_path)] == [1, 1, 2, 2]
    Logs(tmp_path, -1).close()
    assert lines(tmp_path) == []
    (tmp_path / "log.jsonl").write_text("nothing\n")
    with pytest.raises(TrainingError, match="damaged"):
        lines(tmp_path)
    with pytest.raises(TrainingError, match="no log"):
        lines(tmp_path / "nowhere")


def test_every_step_is_logged_with_what_matters(tmp_path: Path) -> None:
    train(Contest(), tmp_path)
    logged = lines(tmp_path)
    steps = [line for line in logged if line["kind"] == "step"]
    assert [line["step"] for line in steps] == list(range(1, 21))
    assert [line["step"] for line in logged if line["kind"] == "held_out"] == [0, 5, 10, 15, 20]
    last = steps[-1]
    losses = last["losses"]
    assert losses["generator/total"] == pytest.approx(
        losses["generator/fooled"] + 2 * losses["generator/near"]
    )
    assert losses["judge/total"] == losses["judge/judged"]
    assert last["rates"] == {"judge": 1e-4, "generator": 1e-4}
    assert last["norms"].keys() == {"judge", "generator"}
    assert last["memory"] is None or last["memory"] > 1 << 20
    assert sum(line["rows"] for line in steps if line["epoch"] == 0) == 20
    assert last["seconds"] > steps[0]["seconds"] > 0
    assert last["examples_per_second"] > 0


def test_samples_are_written_and_can_be_opened(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    train(Regression(), tmp_path)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "00000010-picture.png",
        "00000010-some_audio.wav",
        "00000020-picture.png",
        "00000020-some_audio.wav",
    ]
    samples, rate = soundfile.read(tmp_path / "samples" / "00000010-some_audio.wav")
    assert (len(samples), rate) == (800, 8000)
    assert (tmp_path / "samples" / "00000010-picture.png").read_bytes()[:4] == b"\x89PNG"


def test_tensorboard_shows_the_same(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("matplotlib")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    stops = iter([False] * 11 + [True])
    train(Regression(), tmp_path, tensorboard=True, should_stop=lambda: next(stops))
    train(Regression(), tmp_path, tensorboard=True)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    shown = {event.step: event.value for event in board.Scalars("losses/frames")}
    steps = [line for line in lines(tmp_path) if line["kind"] == "step"]
    assert list(shown) == list(range(1, 21))
    for line in steps:
        assert shown[line["step"]] == pytest.approx(line["losses"]["frames"], rel=1e-6)
    assert [event.step for event in board.Scalars("held_out/loss")] == [0, 5, 10, 15, 20]
    assert len(board.Audio("some/audio")) == 2
    assert len(board.Images("picture")) == 2


def test_a_missing_package_is_named_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"myna\[train\]"):
        train(Regression(), tmp_path, tensorboard=True)


def test_status_is_told_from_files(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no run"):
        status(tmp_path)
    seen: list[Any] = []

    def look(progress: Progress) -> None:
        if progress.step == 15:
            seen.append(status(tmp_path))

    train(Contest(), tmp_path, on_progress=look)
    under_way, ended = seen[0], status(tmp_path)
    assert (under_way.task, under_way.running, under_way.stopped_by) == ("contest", True, "")
    assert (under_way.step, under_way.steps, under_way.saved) == (15, 20, 10)
    assert under_way.seconds_left > 0
    assert (ended.running, ended.step, ended.stopped_by) == (False, 20, "steps")
    assert ended.seconds_left == 0
    held_out = {x["step"]: x["losses"]["loss"] for x in lines(tmp_path) if x["kind"] == "held_out"}
    del held_out[0]
    assert ended.best_loss == min(held_out.values()) == held_out[ended.best_step]  # type: ignore[index]
    assert ended.held_out == {"loss": held_out[20]}
    assert ended.losses.keys() > {"judge/judged"}
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(TrainingError, match="damaged"):
        status(tmp_path)


def test_a_run_that_was_killed_is_not_running(tmp_path: Path) -> None:
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from toy_tasks import Contest, Rows
from myna.training.loop import run
from myna.training.status import status
from myna.training.task import LoopSettings

def die(progress):
    if progress.step == 3:
        assert status({str(tmp_path)!r}).running
        os._exit(9)

settings = LoopSettings(steps=5, budget=40, save_every=2, evaluate_every=0)
run(Contest(), Rows(9), Rows(2), settings, {str(tmp_path)!r}, device="cpu", on_progress=die)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    found = status(tmp_path)
    assert (found.running, found.step, found.saved, found.stopped_by) == (False, 3, 2, "")


def test_the_plot_is_a_picture_of_all_losses(tmp_path: Path) -> None:
    matplotlib_image = pytest.importorskip("matplotlib.image")
    train(Contest(), tmp_path)
    plot(tmp_path, tmp_path / "losses.png")
    picture = matplotlib_image.imread(tmp_path / "losses.png")
    # Five terms, the held-out loss, rates and norms, in three columns.
    assert picture.shape[:2] == (840, 1380)
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 50
    Logs(tmp_path, -1).close()
    with pytest.raises(TrainingError, match="No step has been logged"):
        plot(tmp_path, tmp_path / "losses.png")


def test_a_disk_that_is_full_ends_the_run_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    def fill(progress: Progress) -> None:
        if progress.step == 12:
            monkeypatch.setattr(json, "dumps", full)

    with pytest.raises(TrainingError, match=r"logs .* cannot be written .*No space left"):
        train(Contest(), tmp_path, on_progress=fill)
    monkeypatch.undo()
    assert status(tmp_path).saved == 10
