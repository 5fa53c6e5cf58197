"""What happened in a run, as JSON lines and, when asked for, as TensorBoard.

`log.jsonl` has a line of kind `step` for each step and one of kind `held_out` for each evaluation:

    {"kind": "step", "step": 7, "epoch": 0, "losses": {...}, "rates": {...}, "norms": {...},
     "rows": 12, "examples_per_second": 80.1, "seconds": 1.1, "memory": 812000000}
    {"kind": "held_out", "step": 100, "losses": {"loss": 1.25}}

Losses are by term, and by `player/term` if there are several players; `total` is the weighted sum.
What is no finite number is null. `seconds` is the time that the run has taken so far.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from myna.datatypes import Audio
from myna.errors import TrainingError
from myna.extras import require
from myna.files import replacing
from myna.training.pictures import write_picture
from myna.training.task import Sample

LOG = "log.jsonl"
_SAMPLES = "samples"


class Logs:
    """The logs of one run, open for more.

    Args:
        step: the run goes on after this one; what was logged of later ones is taken out.
        tensorboard: also write event files for TensorBoard, into `tensorboard`.

    Raises:
        MissingExtraError: the package `tensorboard` is missing.
        TrainingError: the log cannot be written.
    """

    def __init__(self, folder: Path, step: int, *, tensorboard: bool = False) -> None:
        self._folder = folder
        self._board: Any = None
        try:
            _cut(folder / LOG, step)
            if tensorboard:
                feature = "Logging to TensorBoard"
                require("tensorboard", extra="train", feature=feature)
                board = require("torch.utils.tensorboard", extra="train", feature=feature)
                self._board = board.SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
            self._file = (folder / LOG).open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise _unwritable(folder, error) from error

    def step(self, step: int, **facts: Any) -> None:
        """Note a step."""
        self._write({"kind": "step", "step": step, **facts})
        if self._board is not None:
            for group in ("losses", "rates", "norms"):
                self._scalars(group, facts.get(group, {}), step)
            for name in ("examples_per_second", "memory", "gpu_use"):
                self._scalars("machine", {name: facts.get(name)}, step)

    def held_out(self, step: int, losses: Mapping[str, float]) -> None:
        """Note an evaluation."""
        self._write({"kind": "held_out", "step": step, "losses": dict(losses)})
        self._scalars("held_out", losses, step)

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Write samples into `samples`, as WAV and PNG named by step.

        Raises:
            MissingExtraError: there are pictures, and the package `matplotlib` is missing.
        """
        folder = self._folder / _SAMPLES
        try:
            folder.mkdir(exist_ok=True)
            for sample in samples:
                name = re.sub(r"[^\w.-]+", "_", sample.name)
                path = folder / f"{step:08d}-{name}"
                if sample.audio is not None:
                    Audio(sample.audio, sample.rate).save(f"{path}.wav")
                if sample.picture is not None:
                    write_picture(sample, Path(f"{path}.png"))
                if self._board is not None:
                    self._show(step, sample)
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def flush(self) -> None:
        """Bring all lines to the disk."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(_plain(line), allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def _scalars(self, group: str, values: Mapping[str, float | None], step: int) -> None:
        if self._board is not None:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(f"{group}/{name}", value, step)

    def _show(self, step: int, sample: Sample) -> None:
        if sample.audio is not None:
            self._board.add_audio(sample.name, sample.audio[None], step, sample_rate=sample.rate)
        if sample.picture is not None:
            lowest, highest = float(sample.picture.min()), float(sample.picture.max())
            grey = (sample.picture[::-1] - lowest) / max(highest - lowest, 1e-12)
            self._board.add_image(sample.name, grey, step, dataformats="HW")


def lines(folder: Path) -> list[dict[str, Any]]:
    """All lines of the log of a run, in order; a last line that was cut off is left out.

    Raises:
        TrainingError: there is no log, or it is damaged.
    """
    path = folder / LOG
    try:
        whole = path.read_text(encoding="utf-8").split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path} is damaged ({error}).") from error
    except OSError as error:
        raise TrainingError(f"There is no log of a run in {folder} ({error}).") from error
    try:
        found = [json.loads(line) for line in whole]
        if any(not isinstance(line, dict) or not {"kind", "step"} <= line.keys() for line in found):
            raise ValueError("a line says neither what it is, nor of which step")
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"{path} is damaged ({error}).") from error
    return found


def _cut(path: Path, step: int) -> None:
    if not path.exists():
        return
    kept = [line for line in lines(path.parent) if line["step"] <= step]
    with replacing(path) as temporary:
        text = "".join(json.dumps(line) + "\n" for line in kept)
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _unwritable(folder: Path, error: OSError) -> TrainingError:
    return TrainingError(
        f"The logs in {folder} cannot be written ({error}). What was saved is kept: make room on "
        f"the disk and start again to go on from there."
    )
