"""Choose among checkpoints by what was measured of them: a pure function of numbers.

The rule, in order:

1. A measure counts if every candidate in the race has it; one that some lack would favour them.
2. Who is not a number in any measure (training went astray) is out.
3. Who makes more recognition errors than the best by over `worst_error` is out: a voice that is
   like the speaker but cannot be understood is no voice.
4. Each measure gives a regret: how much worse than the best one left, in units of what is just
   worth having (`Preferences.loss`, `error`, `similarity`). Regrets are weighted and added up.
   Units, unlike ranks, let a hair's breadth count as one, and do not change when a candidate joins.
5. The smallest sum wins; of those within `tie` of it the earliest step, which memorised least.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from myna.errors import ConfigError, TrainingError

LOSS, ERROR, SIMILARITY = "held_out_loss", "recognition_error", "similarity"
MEASURES = (LOSS, ERROR, SIMILARITY)
"""Fields of `Candidate`; of the last more is better, of the others less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A checkpoint and what was measured of it; None is not measured."""

    name: str
    step: int
    held_out_loss: float | None = None
    recognition_error: float | None = None
    """Share of words or characters that a recogniser hears wrongly, 0 and up."""
    similarity: float | None = None
    """To the speaker, at most 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a difference is worth."""

    loss: float = 0.02
    """Share of the best loss that is one unit of regret."""
    error: float = 0.02
    """Recognition error that is one unit of regret."""
    similarity: float = 0.02
    """Similarity that is one unit of regret."""
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of the regrets, in the order of `MEASURES`; 0 leaves a measure out."""
    worst_error: float = 0.1
    """Recognition error above the best that puts a candidate out."""
    tie: float = 0.25
    """Sums of regrets that differ by less are as good."""

    def __post_init__(self) -> None:
        for name in ("loss", "error", "similarity"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; a unit is above 0.")
        if min(self.weights) < 0 or max(self.weights) == 0:
            raise ConfigError(f"weights are {self.weights}; they are at least 0, one above it.")
        for name in ("worst_error", "tie"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it is at least 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One candidate in the table."""

    candidate: Candidate
    regrets: Mapping[str, float]
    """In units, not weighted, by the measures that count; empty if out."""
    total: float
    """Weighted sum; infinite if out."""
    out: str = ""
    """Why it cannot win, with figures; empty if it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, and the figures that say why."""

    best: Candidate
    table: tuple[Row, ...]
    """Best first, those that are out last."""
    counted: tuple[str, ...]
    """Measures that every candidate has and that have weight."""
    reason: str
    """In a sentence, with figures."""

    def as_text(self) -> str:
        """The table with one line per candidate, in columns."""
        lines = [["", "step", "loss", "error", "similarity", "regret", ""]]
        for row in self.table:
            one = row.candidate
            numbers = [
                "-" if value is None else f"{value:.4g}"
                for value in (getattr(one, measure) for measure in MEASURES)
            ]
            total = "out" if row.out else f"{row.total:.2f}"
            note = "chosen" if one is self.best else row.out
            lines.append([one.name, str(one.step), *numbers, total, note])
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


def choose(candidates: Sequence[Candidate], preferences: Preferences = Preferences()) -> Choice:
    """Choose the best candidate by the rule above; ties beyond it go to the first given.

    Raises:
        TrainingError: there is no candidate, several without a measure that all have, or none is
            left in.
    """
    if not candidates:
        raise TrainingError("There is no checkpoint to choose from; let training run longer.")
    weights = dict(zip(MEASURES, preferences.weights, strict=True))
    counted = tuple(
        measure
        for measure in MEASURES
        if weights[measure] > 0 and all(getattr(one, measure) is not None for one in candidates)
    )
    if not counted and len(candidates) > 1:
        raise TrainingError(
            "The checkpoints cannot be compared: no measure is known of all of them. "
            f"Measure at least one of {', '.join(MEASURES)} of each."
        )
    out = _astray(candidates, counted)
    left = [one for one in candidates if one.name not in out]
    if left and ERROR in counted:
        least = min(_value(one, ERROR) for one in left)
        for one in left:
            if _value(one, ERROR) > least + preferences.worst_error:
                out[one.name] = (
                    f"recognition error {_value(one, ERROR):.1%} where the best has {least:.1%}"
                )
        left = [one for one in left if one.name not in out]
    if not left:
        raise TrainingError(
            "No checkpoint can be chosen: " + "; ".join(f"{k}: {v}" for k, v in out.items()) + "."
        )
    rows = _rows(left, counted, weights, preferences)
    least_total = rows[0].total
    best = min(
        (row for row in rows if row.total <= least_total + preferences.tie),
        key=lambda row: row.candidate.step,
    )
    losers = [
        Row(candidate=one, regrets={}, total=math.inf, out=out[one.name])
        for one in candidates
        if one.name in out
    ]
    others = [row for row in rows if row is not best]
    return Choice(
        best=best.candidate,
        table=(best, *others, *losers),
        counted=counted,
        reason=_reason(best, others, counted, least_total),
    )


def _astray(candidates: Sequence[Candidate], counted: Sequence[str]) -> dict[str, str]:
    if len({one.name for one in candidates}) < len(candidates):
        raise TrainingError("Two checkpoints have one name; give each its own.")
    return {
        one.name: f"{measure} is {_value(one, measure)}"
        for one in candidates
        for measure in counted
        if not math.isfinite(_value(one, measure))
    }


def _rows(
    left: Sequence[Candidate],
    counted: Sequence[str],
    weights: Mapping[str, float],
    preferences: Preferences,
) -> list[Row]:
    best = {
        measure: (max if measure == SIMILARITY else min)(_value(one, measure) for one in left)
        for measure in counted
    }
    units = {
        # A loss may be 0 or, as a likelihood, below it.
        LOSS: preferences.loss * max(abs(best.get(LOSS, 1.0)), 1e-6),
        ERROR: preferences.error,
        SIMILARITY: preferences.similarity,
    }
    rows = []
    for one in left:
        regrets = {
            measure: abs(_value(one, measure) - best[measure]) / units[measure]
            for measure in counted
        }
        total = sum(weights[measure] * regret for measure, regret in regrets.items())
        rows.append(Row(candidate=one, regrets=regrets, total=total))
    return sorted(rows, key=lambda row: row.total)


def _reason(best: Row, others: Sequence[Row], counted: Sequence[str], least_total: float) -> str:
    figures = ", ".join(
        f"{measure.replace('_', ' ')} {_value(best.candidate, measure):.4g}" for measure in counted
    )
    if not counted:
        return f"{best.candidate.name} is the only one, and nothing was measured of it."
    text = f"{best.candidate.name} ({figures}) has a regret of {best.total:.2f}"
    if best.total > least_total:
        return f"{text}, as good as the least of {least_total:.2f}, and is earlier."
    if others:
        return f"{text}; the next has {others[0].total:.2f}."
    return f"{text} and is the only one."


def _value(candidate: Candidate, measure: str) -> float:
    value: float | None = getattr(candidate, measure)
    assert value is not None
    return value
