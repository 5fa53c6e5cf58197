"""Where a run stands, on disk: all that it needs to go on as if it had never stopped.

    checkpoint.json                which of the following count; switched in one go
    state/TASK-STEP/               the last state: nets, averages, optimisers, counters
    best/TASK-STEP.safetensors     nets of the least held-out loss, averaged if the run averages

A state is written beside the one before, which stays until the new one counts. A crash at any
moment, or a full disk, leaves the one before.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from myna.errors import TrainingError
from myna.files import replacing

_FORMAT = 1
_POINTER = "checkpoint.json"
_FACTS = "state.json"
_STATE = re.compile(r"state/[\w-]+-\d{8,}")
_BEST = re.compile(r"best/[\w-]+-\d{8,}\.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The step after which the held-out loss was least."""

    step: int
    loss: float
    file: str
    """Of its nets, relative to the folder of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What counts in the folder of a run."""

    step: int
    state: str
    """Folder of the last state, relative to that of the run."""
    best: Best | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that a run needs to go on."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    """By part, such as `nets`; each is a file."""
    facts: Mapping[str, Any]
    """Anything JSON."""


def save(folder: Path, task: str, step: int, state: State, best: Best | None) -> None:
    """Write a state, and let it count; what counted before and no longer does is removed.

    A step that counts already is not written again.

    Raises:
        TrainingError: it could not be written; what counted before still does.
    """
    name = _label(task, step)
    counting = checkpoint(folder)
    if counting is not None and counting.state == f"state/{name}":
        return
    target, temporary = folder / "state" / name, folder / "state" / f".{name}.part"
    try:
        for old in (temporary, target):
            if old.exists():
                shutil.rmtree(old)
        temporary.mkdir(parents=True)
        for part, tensors in state.tensors.items():
            _write(temporary / f"{part}.safetensors", tensors)
        text = json.dumps(dict(state.facts), indent=1)
        (temporary / _FACTS).write_text(text + "\n", encoding="utf-8", newline="\n")
        for path in temporary.iterdir():
            _flush(path)
        os.replace(temporary, target)
        _point(folder, Checkpoint(step=step, state=f"state/{name}", best=best))
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise _not_saved(folder, step, error) from error
    _clean(folder / "state", {name})
    _clean(folder / "best", {best.file.rpartition("/")[2]} if best else set())


def save_best(folder: Path, task: str, step: int, loss: float, nets: Mapping[str, Tensor]) -> Best:
    """Write the best nets so far; they count from the next state on.

    Raises:
        TrainingError: they could not be written.
    """
    best = Best(step=step, loss=loss, file=f"best/{_label(task, step)}.safetensors")
    counting = checkpoint(folder)
    try:
        (folder / "best").mkdir(exist_ok=True)
        with replacing(folder / best.file) as temporary:
            _write(temporary, nets)
    except (OSError, SafetensorError) as error:
        raise _not_saved(folder, step, error) from error
    kept = {each.file.rpartition("/")[2] for each in (best, counting and counting.best) if each}
    _clean(folder / "best", kept)
    return best


def checkpoint(folder: Path) -> Checkpoint | None:
    """What counts in the folder of a run; None before anything was saved.

    Raises:
        TrainingError: the file that says so is damaged, or from a newer Myna.
    """
    path = folder / _POINTER
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != _FORMAT:
            raise TrainingError(f"{path} was made by a newer Myna; update to go on with this run.")
        best = Best(**facts["best"]) if facts["best"] else None
        found = Checkpoint(step=int(facts["step"]), state=facts["state"], best=best)
        # What a file names is never outside of the run.
        if not (_STATE.fullmatch(found.state) and (not best or _BEST.fullmatch(best.file))):
            raise ValueError("it names other files than those of a run")
        return found
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{path} is damaged ({error}). Start again in a new folder.") from error


def load(folder: Path) -> State | None:
    """The last state, on the CPU; None before anything was saved.

    Raises:
        TrainingError: it is damaged.
    """
    counting = checkpoint(folder)
    if counting is None:
        return None
    path = folder / counting.state
    try:
        facts = json.loads((path / _FACTS).read_text(encoding="utf-8"))
        tensors = {file.stem: _read(file) for file in sorted(path.glob("*.safetensors"))}
    except (OSError, ValueError, SafetensorError) as error:
        raise TrainingError(f"{path} is damaged ({error}). Start again in a new folder.") from error
    return State(tensors, facts)


def weights(folder: Path, which: str = "best") -> dict[str, Tensor]:
    """State of the nets of a run, on the CPU.

    Args:
        which: `best`, by held-out loss, or `last`; both with averages in place if they are kept.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    counting = checkpoint(folder)
    if counting is None or (which == "best" and counting.best is None):
        raise TrainingError(
            f"There are no {which} weights in {folder} yet. Let the run go on to its next "
            f"evaluation, or take the last ones."
        )
    try:
        if which == "best":
            assert counting.best is not None
            return _read(folder / counting.best.file)
        path = folder / counting.state
        return _read(path / "nets.safetensors") | _read(path / "average.safetensors")
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"The weights in {folder} are damaged ({error}).") from error


def pull_tensors(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """A nest of dicts, lists and tuples as JSON; its tensors move to `tensors`, named by place."""
    if isinstance(value, Tensor):
        tensors[path] = value
        return {"tensor": path}
    if isinstance(value, dict):
        entries = value.items()
        return {"dict": [[key, pull_tensors(v, f"{path}.{key}", tensors)] for key, v in entries]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [pull_tensors(v, f"{path}.{at}", tensors) for at, v in enumerate(value)]}
    assert value is None or isinstance(value, bool | int | float | str), type(value)
    return value


def put_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The reverse of `pull_tensors`."""
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind == "tensor":
        return tensors[inside]
    if kind == "dict":
        return {key: put_tensors(each, tensors) for key, each in inside}
    values = [put_tensors(each, tensors) for each in inside]
    return values if kind == "list" else tuple(values)


def _label(task: str, step: int) -> str:
    return f"{task}-{step:08d}"


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    # A copy of each: tensors that share memory would be refused.
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    save_file(copies, path)


def _read(path: Path) -> dict[str, Tensor]:
    # A copy of each: the file may go while its tensors are in use.
    return {name: tensor.clone() for name, tensor in load_file(path).items()}


def _point(folder: Path, counting: Checkpoint) -> None:
    best = counting.best
    facts = {
        "format": _FORMAT,
        "step": counting.step,
        "state": counting.state,
        "best": {"step": best.step, "loss": best.loss, "file": best.file} if best else None,
    }
    with replacing(folder / _POINTER) as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8", newline="\n")


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _clean(folder: Path, kept: set[str]) -> None:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name not in kept:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _not_saved(folder: Path, step: int, error: Exception) -> TrainingError:
    return TrainingError(
        f"Step {step} could not be saved in {folder} ({error}). What was saved before is kept: "
        f"make room on the disk and start again to go on from there."
    )
