"""What of a run goes to disk so that it can go on exactly, and what must not have changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from myna.errors import TrainingError
from myna.training.averages import Average
from myna.training.state import State, pull_tensors, put_tensors
from myna.training.stepping import Stepper
from myna.training.task import Examples, LoopSettings, Task

_FREE = {"steps", "pieces", "evaluate_every", "sample_every", "save_every", "patience"}
"""Settings that may change when a run goes on."""


@dataclass(slots=True, kw_only=True)
class Counters:
    """How far a run has come."""

    step: int = 0
    """Steps done."""
    epoch: int = 0
    place: int = 0
    """Of the next batch in its epoch."""
    misses: int = 0
    """Evaluations since the best one."""
    unmoved: int = 0
    """Steps in a row that could not be taken."""
    seconds: float = 0.0


def identity(
    task: Task, settings: LoopSettings, examples: Examples, held_out: Examples
) -> dict[str, Any]:
    """What a run is; another run than this cannot go on from its states."""
    fixed = {name: value for name, value in asdict(settings).items() if name not in _FREE}
    return {
        "task": task.name,
        "settings": fixed,
        "examples": _fingerprint(examples),
        "held_out": _fingerprint(held_out),
    }


def gathered(
    task: Task,
    stepper: Stepper,
    average: Average,
    counters: Counters,
    this_run: Mapping[str, Any],
) -> State:
    """All that `restore` needs."""
    tensors: dict[str, Mapping[str, Tensor]] = {
        "nets": task.nets.state_dict(),
        "average": average.tensors,
    }
    optimisers = {}
    for player, optimiser in stepper.optimisers.items():
        pulled: dict[str, Tensor] = {}
        optimisers[player] = pull_tensors(optimiser.state_dict(), "", pulled)
        tensors[f"optimiser-{player}"] = pulled
    facts = {
        "run": this_run,
        "counters": asdict(counters),
        "pieces": stepper.pieces,
        "optimisers": optimisers,
    }
    return State(tensors, facts)


def restore(
    state: State,
    task: Task,
    stepper: Stepper,
    average: Average,
    this_run: Mapping[str, Any],
    folder: Path,
) -> Counters:
    """Put everything back as it was.

    Raises:
        TrainingError: the state is of another task, other settings or other examples; the message
            names what differs.
    """
    try:
        differing = list(_differences(state.facts["run"], _plain(this_run)))
        if differing:
            raise TrainingError(
                f"The run in {folder} cannot go on, because this differs from how it started: "
                f"{'; '.join(differing)}. Put it back, or start again in a new folder."
            )
        task.nets.load_state_dict(dict(state.tensors["nets"]), strict=True)
        average.load(state.tensors["average"])
        for player, optimiser in stepper.optimisers.items():
            saved = put_tensors(
                state.facts["optimisers"][player], state.tensors[f"optimiser-{player}"]
            )
            optimiser.load_state_dict(saved)
        stepper.pieces = max(stepper.pieces, state.facts["pieces"])
        return Counters(**state.facts["counters"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(
            f"The state in {folder} does not fit what is to be trained ({error}). Start again in "
            f"a new folder."
        ) from error


def _fingerprint(examples: Examples) -> str:
    lengths = " ".join(map(str, examples.lengths))
    return f"{len(examples)} of lengths {hashlib.sha256(lengths.encode()).hexdigest()[:16]}"


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _differences(before: Any, now: Any, name: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before.keys() | now.keys():
            inner = f"{name}.{key}" if name else key
            yield from _differences(before.get(key), now.get(key), inner)
    elif before != now:
        yield f"{name.removeprefix('settings.')} was {before} and is {now}"
