"""What a run is: settled once, with a forecast, and kept, so that it goes on as the same."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from myna import config
from myna.checkpoints.store import ModelFolder
from myna.dataset.features import FeatureSet
from myna.dataset.prepare import PreparedSet
from myna.errors import TrainingError
from myna.files import replacing, save_json
from myna.training.forecasts import Forecast, forecast
from myna.training.learning import Learner
from myna.training.processes import Group
from myna.training.recipes import Recipe
from myna.training.task import LoopSettings

PLAN = "plan.json"
"""In the folder of the runs."""


class Reporter(Protocol):
    """Told how far the work is; the words are for people."""

    def say(self, text: str) -> None:
        """Something that stays."""

    def progress(self, text: str) -> None:
        """Something that the next one replaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run was started as."""

    learners: tuple[Learner, ...]
    """With the settings that the run keeps to."""
    seconds: Mapping[str, float]
    """Forecast, by learner."""

    @classmethod
    def settle(
        cls,
        out: Path,
        facts: Mapping[str, Any],
        learning: Sequence[Learner],
        device: str,
        minutes: float | None,
        reporter: Reporter,
        group: Group,
    ) -> Plan:
        """The plan of a run that was started before, or a new one; the same in all processes."""

        def first() -> Plan:
            known = cls.read(out, facts, learning)
            return known or cls.make(out, facts, learning, device, minutes, reporter)

        plan = group.first_does(first) or cls.read(out, facts, learning)
        if plan is None:
            raise TrainingError(f"The processes of this run do not see the same files in {out}.")
        return plan

    @classmethod
    def make(
        cls,
        out: Path,
        facts: Mapping[str, Any],
        learning: Sequence[Learner],
        device: str,
        minutes: float | None,
        reporter: Reporter,
    ) -> Plan:
        """Forecast time and memory, say so, and keep it."""
        settled, seconds, settings = [], {}, {}
        for learner in learning:
            reporter.progress(f"trying a few steps of the {words(learner.name)} ...")
            expected = forecast(
                learner.task, learner.examples, learner.held_out, learner.settings, device=device
            )
            if not expected.memory.fits:
                raise TrainingError(f"The {words(learner.name)}: {expected.memory}")
            allowed = None if minutes is None else 60 * minutes / len(learning)
            steps = _steps(expected, learner.settings.steps, allowed)
            learner = replace(learner, settings=replace(expected.settings, steps=steps))
            seconds[learner.name] = expected.seconds * steps / expected.settings.steps
            settings[learner.name] = config.as_toml(learner.settings)
            settled.append(learner)
            reporter.say(
                f"{words(learner.name)}: {steps} steps, about {duration(seconds[learner.name])}. "
                f"{expected.memory}"
            )
        kept = {**facts, "settings": settings, "forecast_seconds": seconds}
        save_json(out / PLAN, kept)
        with replacing(out / "recipe.toml") as temporary:
            temporary.write_text(facts["recipe"], encoding="utf-8", newline="\n")
        reporter.say(
            f"In all about {duration(sum(seconds.values()))}, then a few sentences to judge."
        )
        return cls(learners=tuple(settled), seconds=seconds)

    @classmethod
    def read(cls, out: Path, facts: Mapping[str, Any], learning: Sequence[Learner]) -> Plan | None:
        """The plan of a run that was started before, or None."""
        if not (out / PLAN).is_file():
            return None
        try:
            kept = json.loads((out / PLAN).read_text(encoding="utf-8"))
            changed = [name for name, value in facts.items() if kept[name] != value]
            settings = {
                name: config.parse(text, LoopSettings) for name, text in kept["settings"].items()
            }
            settled = [replace(each, settings=settings[each.name]) for each in learning]
            seconds = {name: float(value) for name, value in kept["forecast_seconds"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(f"{out / PLAN} is damaged ({error}); use a new folder.") from error
        if changed:
            raise TrainingError(
                f"{out} holds a run with another {', '.join(changed)}. Go on with what it was "
                f"started with, or give this one a folder of its own."
            )
        return cls(learners=tuple(settled), seconds=seconds)


def started_as(
    prepared: PreparedSet, found: FeatureSet, base: ModelFolder, recipe: Recipe, seed: int
) -> dict[str, Any]:
    """What a run is, as JSON values: it goes on only as the same."""
    return {
        "set": prepared.folder.resolve().name,
        "clips": [row.clip.id for row in found.rows],
        # Files are named by all that they were computed from.
        "features": _digest([row.path.name for row in found.rows]),
        "base": base.fingerprint,
        "recipe": config.as_toml(recipe),
        "seed": seed,
    }


def known_run(out: Path) -> str | None:
    """Identifies the run that a folder holds; None if it holds none."""
    try:
        return run_digest(json.loads((out / PLAN).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_digest(facts: Mapping[str, Any]) -> str:
    """Identifies a run by what it was started with."""
    chosen = {name: facts[name] for name in ("clips", "base", "recipe", "seed")}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(names).encode()).hexdigest()


def _steps(expected: Forecast, steps: int, allowed: float | None) -> int:
    if allowed is None or expected.seconds <= allowed:
        return steps
    return max(1, math.floor(steps * allowed / expected.seconds))


def words(name: str) -> str:
    """A name for people."""
    return name.replace("_", " ")


def duration(seconds: float) -> str:
    """In words: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
