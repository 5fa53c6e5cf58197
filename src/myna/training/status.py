"""How a run is doing, from its folder alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from myna.errors import TrainingError
from myna.files import is_locked, replacing
from myna.training.logs import LOG, lines
from myna.training.state import checkpoint
from myna.training.task import LoopSettings

_CARD = "run.json"
_RECENT = 50
"""Steps whose time tells how long others take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """A run as it is now."""

    task: str
    running: bool
    step: int
    """Last one that was logged."""
    steps: int
    saved: int
    """Last one that the run would go on from; 0 if none."""
    seconds: float
    """Taken so far."""
    seconds_left: float | None
    """At the pace of the last steps; None if nobody knows."""
    best_step: int | None
    best_loss: float | None
    """On held-out examples."""
    losses: Mapping[str, float | None] = field(default_factory=dict)
    """Of the last step; None is no finite number."""
    held_out: Mapping[str, float | None] = field(default_factory=dict)
    """Of the last evaluation."""
    stopped_by: str = ""
    """Why the run ended, see `myna.training.loop.Outcome`; empty if it goes on or was killed."""


def is_run(folder: str | Path) -> bool:
    """Whether there is a run of one net in the folder."""
    return (Path(folder) / _CARD).is_file()


def status(folder: str | Path) -> RunStatus:
    """How the run in a folder is doing, whether or not it goes on.

    Raises:
        TrainingError: there is no run, or its files are damaged.
    """
    folder = Path(folder)
    card = read_card(folder)
    logged = lines(folder) if (folder / LOG).exists() else []
    steps = [line for line in logged if line["kind"] == "step"]
    held_out = [line for line in logged if line["kind"] == "held_out"]
    running = is_locked(folder)
    counting = checkpoint(folder)
    best = counting.best if counting else None
    last: Mapping[str, Any] = steps[-1] if steps else {"step": 0, "seconds": 0.0, "losses": {}}
    return RunStatus(
        task=card["task"],
        running=running,
        step=last["step"],
        steps=card["settings"]["steps"],
        saved=counting.step if counting else 0,
        seconds=last["seconds"],
        seconds_left=seconds_left(
            [line["seconds"] for line in steps[-_RECENT:]],
            card["settings"]["steps"] - last["step"],
        ),
        best_step=best.step if best else None,
        best_loss=best.loss if best else None,
        losses=last["losses"],
        held_out=held_out[-1]["losses"] if held_out else {},
        stopped_by="" if running else card["stopped_by"],
    )


def seconds_left(seconds: list[float], steps: int) -> float | None:
    """Time that so many steps take, from when the last ones ended; None if too few have.

    Args:
        seconds: since the start of the run.
    """
    if len(seconds) < 2:
        return 0.0 if steps <= 0 else None
    return max(0, steps) * median(b - a for a, b in pairwise(seconds))


def write_card(folder: Path, task: str, settings: LoopSettings, stopped_by: str = "") -> None:
    """Note what a run is, and why it ended."""
    card = {"task": task, "settings": asdict(settings), "stopped_by": stopped_by}
    with replacing(folder / _CARD) as temporary:
        temporary.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8", newline="\n")


def read_card(folder: Path) -> dict[str, Any]:
    """What `write_card` noted.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    path = folder / _CARD
    if not path.is_file():
        raise TrainingError(f"There is no run in {folder}.")
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {name: card[name] for name in ("task", "settings", "stopped_by")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} is damaged ({error}).") from error
