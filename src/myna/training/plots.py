"""How the losses of a run went, as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from myna.errors import TrainingError
from myna.extras import require
from myna.files import replacing
from myna.training.logs import lines
from myna.training.state import Best, checkpoint

_PANEL = (4.6, 2.8)
"""Inches."""
_COLUMNS = 3
_MEANS = 60
"""Points of a curve at most, each the mean of the steps around it."""


def plot(folder: str | Path, out: str | Path) -> None:
    """Draw losses in training and on held-out examples, learning rates and gradient norms, as PNG.

    Raises:
        TrainingError: there is no log, or nothing in it yet.
        MissingExtraError: the package `matplotlib` is missing.
    """
    folder = Path(folder)
    logged = lines(folder)
    steps = [line for line in logged if line["kind"] == "step"]
    held_out = [line for line in logged if line["kind"] == "held_out"]
    if not steps:
        raise TrainingError(f"No step has been logged in {folder} yet; try again later.")
    require("matplotlib", extra="train", feature="Drawing the losses")
    figures = require("matplotlib.figure", extra="train", feature="Drawing the losses")
    terms = sorted(_names(steps, "losses"), key=lambda name: not name.endswith("total"))
    others = [name for name in _names(held_out, "losses") if name not in terms]
    count = len(terms) + len(others) + 2
    columns = min(_COLUMNS, count)
    rows = math.ceil(count / columns)
    size = (_PANEL[0] * columns, _PANEL[1] * rows)
    figure = figures.Figure(figsize=size, layout="constrained")
    panels = iter(figure.subplots(rows, columns, squeeze=False).flat)
    counting = checkpoint(folder)
    best = counting.best if counting else None
    for name in others:
        panel = next(panels)
        _held_out(panel, held_out, name, best)
        panel.set(title=f"{name}, held out", xlabel="step")
        panel.legend()
    for name in terms:
        panel = next(panels)
        _trained(panel, steps, "losses", name)
        if name in _names(held_out, "losses"):
            _held_out(panel, held_out, name, best)
        panel.set(title=name, xlabel="step")
        panel.legend()
    for group, title in (("rates", "learning rate"), ("norms", "norm of gradients")):
        panel = next(panels)
        for name in _names(steps, group):
            panel.plot(*_points(steps, group, name), label=name)
        panel.set(title=title, xlabel="step", yscale="log" if group == "norms" else "linear")
        panel.legend()
    for panel in panels:
        panel.set_axis_off()
    with replacing(out) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def _trained(panel: Any, steps: Sequence[Mapping[str, Any]], group: str, name: str) -> None:
    at, values = _points(steps, group, name)
    panel.plot(at, values, color="C0", alpha=0.25, linewidth=0.8)
    parts = min(_MEANS, len(at))
    panel.plot(
        [part.mean() for part in np.array_split(at, parts)],
        [part.mean() for part in np.array_split(values, parts)],
        color="C0",
        label="training",
    )


def _held_out(
    panel: Any, held_out: Sequence[Mapping[str, Any]], name: str, best: Best | None
) -> None:
    panel.plot(*_points(held_out, "losses", name), "o-", color="C1", ms=4, label="held out")
    if name == "loss" and best is not None:
        panel.plot(best.step, best.loss, "*", color="C3", ms=12, label=f"best: {best.loss:.4g}")


def _points(
    logged: Sequence[Mapping[str, Any]], group: str, name: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Steps and values; what was no finite number is left out."""
    found = [
        (line["step"], line[group][name]) for line in logged if line[group].get(name) is not None
    ]
    points = np.array(found, dtype=np.float64).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def _names(logged: Sequence[Mapping[str, Any]], group: str) -> list[str]:
    """In the order in which they first came, those that were ever a number."""
    return list(
        dict.fromkeys(
            name for line in logged for name, value in line[group].items() if value is not None
        )
    )
