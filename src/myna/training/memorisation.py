"""With little data a model learns the recordings instead of the voice: what to do, how to notice.

`advice` gives settings against it by the seconds of speech. `memorisation` judges a trained model
by numbers that somebody else measured, from two sides. The gap: how much lower the loss is on
training clips than on held-out ones. The copies (token models only): a model that knows its
recordings by heart falls into them when it reads a new sentence freely, so what it says holds long
runs of tokens that also stand in the training data. Chance gives such runs, too: silence repeats,
and so does any syllable; the recordings of the held-out sentences themselves, which the model never
saw, say how long they are.

Letters in shapes: N tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from myna.errors import ConfigError
from myna.specs import TOKENS_PER_SECOND

Tokens: TypeAlias = Sequence[int] | NDArray[np.integer]
Verdict: TypeAlias = Literal["no", "some", "strong"]

_GRAM = 8
"""Tokens of a copied piece, about a third of a second: longer than a phoneme."""

_LEVELS = ((30.0, 0.3, 0.1, 200, 0.5), (120.0, 0.2, 0.05, 600, 0.3), (600.0, 0.1, 0.01, 2000, 0.2))
_MOST = (0.1, 0.01, 10_000, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Settings for so much speech."""

    dropout: float
    """Of the token model and the prior encoder."""
    decay: float
    """Weight decay."""
    steps: int
    """At most; early stopping may end a run before."""
    augmentation: float
    """Probability of each augmentation that is of use, see `myna.training.augmentation`."""
    patience: int
    """Evaluations without a better held-out loss after which a run should end."""


def advice(seconds: float) -> Advice:
    """What to train with, given `seconds` of speech.

    Dropout is 0.1 as published from two minutes on and higher below; decay grows as speech gets
    scarce, and steps shrink, since each clip comes round more often.

    Raises:
        ConfigError: there is no speech.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise ConfigError(f"There are {seconds} seconds of speech; training needs some.")
    dropout, decay, steps, augmentation = next(
        (row for limit, *row in _LEVELS if seconds < limit), _MOST
    )
    return Advice(
        dropout=dropout,
        decay=decay,
        steps=int(steps),
        augmentation=augmentation,
        patience=3 if seconds < _LEVELS[0][0] else 5,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on a figure speaks of memorising: some, and strongly."""

    gap: tuple[float, float] = (0.25, 0.6)
    """Share by which the training loss is below the held-out loss."""
    excess: tuple[float, float] = (0.4, 1.2)
    """Seconds by which the longest copy is longer than chance makes it."""
    share: tuple[float, float] = (0.15, 0.5)
    """Share of copied pieces, above that of chance."""

    def __post_init__(self) -> None:
        for name in ("gap", "excess", "share"):
            some, strong = getattr(self, name)
            if not 0 < some < strong:
                raise ConfigError(f"{name} is {(some, strong)}; both are above 0 and rise.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdict and its figures; those that could not be had are None."""

    verdict: Verdict
    gap: float | None
    """1 - training loss / held-out loss."""
    longest_run: int | None
    """Tokens, of all the model said freely."""
    chance_run: float | None
    """Tokens: the longest run to expect of somebody who never heard the training clips."""
    copied_share: float | None
    """Of the pieces of 8 tokens that the model said, how many stand in the training data."""
    chance_share: float | None
    """The same of the held-out recordings; None without any."""
    reasons: tuple[str, ...]
    """In sentences, with figures: what the verdict rests on."""


def memorisation(
    *,
    train_loss: float | None = None,
    held_out_loss: float | None = None,
    generated: Sequence[Tokens] = (),
    training: Sequence[Tokens] = (),
    held_out: Sequence[Tokens] = (),
    limits: Limits = Limits(),
) -> Report:
    """Judge a model by its losses, and a token model also by what it says.

    Args:
        train_loss: on training clips, measured as the held-out loss is: without dropout or masks.
        held_out_loss: of the same unit, such as per token.
        generated: what the model says freely to texts that are not in the training data.
        training: tokens of the training clips.
        held_out: tokens of recordings of such texts, best of the same texts and the same speaker;
            without any, chance is computed from how often each token occurs.
        limits: where the verdict changes.

    Raises:
        ConfigError: neither both losses nor both of `generated` and `training` are given.
    """
    gap = longest = chance = share = chance_share = None
    level, reasons = 0, []
    if train_loss is not None and held_out_loss is not None:
        gap = _gap(train_loss, held_out_loss)
        found = _level(gap, limits.gap)
        level = max(level, found)
        reasons.append(
            f"The loss is {train_loss:.4g} on training clips and {held_out_loss:.4g} on held-out "
            f"ones, {gap:.0%} lower."
        )
    said = [_row(one) for one in generated if len(one)]
    known = [_row(one) for one in training if len(one)]
    if said and known:
        others = [_row(one) for one in held_out if len(one)]
        longest = max(longest_copy(one, known) for one in said)
        chance = _chance_run(said, known, others)
        share = copied_share(said, known)
        chance_share = copied_share(others, known) if others else None
        seconds = (longest - chance) / TOKENS_PER_SECOND
        level = max(
            level, _level(seconds, limits.excess), _level(share - (chance_share or 0), limits.share)
        )
        reasons.append(
            f"The longest run of training tokens in free speech is {longest} "
            f"({longest / TOKENS_PER_SECOND:.2f} s); chance makes {chance:.1f}."
        )
        reasons.append(
            f"{share:.0%} of its pieces of {_GRAM} tokens stand in the training data"
            + ("." if chance_share is None else f", {chance_share:.0%} of those of others' speech.")
        )
    elif gap is None:
        raise ConfigError(
            "Memorising shows in a training and a held-out loss, or in generated and training "
            "tokens; neither pair is complete."
        )
    verdicts: tuple[Verdict, ...] = ("no", "some", "strong")
    return Report(
        verdict=verdicts[level],
        gap=gap,
        longest_run=longest,
        chance_run=chance,
        copied_share=share,
        chance_share=chance_share,
        reasons=tuple(reasons),
    )


def longest_copy(tokens: Tokens, training: Sequence[Tokens]) -> int:
    """Length of the longest run of `tokens` that stands in one of `training`, too."""
    line = _row(tokens)
    # A number of its own between clips, so that no run goes on from one into the next.
    known = np.concatenate([np.append(_row(one), -1) for one in training])
    best, runs = 0, np.zeros(len(known) + 1, dtype=np.int64)
    for token in line:
        runs[1:] = np.where(known == token, runs[:-1] + 1, 0)
        best = max(best, int(runs.max()))
    return best


def copied_share(said: Sequence[Tokens], training: Sequence[Tokens]) -> float:
    """Share of the pieces of 8 tokens in `said` that stand in `training`; 0 if there are none."""
    known = {piece for one in training for piece in _pieces(one)}
    pieces = [piece for one in said for piece in _pieces(one)]
    return sum(piece in known for piece in pieces) / len(pieces) if pieces else 0.0


def _chance_run(
    said: Sequence[NDArray[np.int64]],
    known: Sequence[NDArray[np.int64]],
    others: Sequence[NDArray[np.int64]],
) -> float:
    compared = _expected_run(said, known)
    if not others:
        return compared
    measured = max(longest_copy(one, known) for one in others)
    # More speech finds longer runs by chance; correct for how much there was of either.
    return max(1.0, measured + compared - _expected_run(others, known))


def _expected_run(said: Sequence[NDArray[np.int64]], known: Sequence[NDArray[np.int64]]) -> float:
    """log(n m) / log(1 / p) for n and m tokens that agree by chance with p.

    Source: the longest run of matches between two random sequences, Arratia and Waterman (1985).
    """
    ours, theirs = np.concatenate(said), np.concatenate(known)
    size = int(max(ours.max(), theirs.max())) + 1
    agree = float(
        (np.bincount(ours, minlength=size) / len(ours))
        @ (np.bincount(theirs, minlength=size) / len(theirs))
    )
    pairs = len(ours) * len(theirs)
    agree = min(max(agree, 1.0 / pairs), 0.99)
    return min(math.log(pairs) / math.log(1.0 / agree), float(min(len(ours), len(theirs))))


def _gap(train_loss: float, held_out_loss: float) -> float:
    if not (math.isfinite(train_loss) and math.isfinite(held_out_loss) and held_out_loss > 0):
        raise ConfigError(
            f"The losses are {train_loss} and {held_out_loss}; a gap needs numbers, the second "
            f"above 0."
        )
    return 1.0 - train_loss / held_out_loss


def _level(figure: float, limits: tuple[float, float]) -> int:
    return sum(figure >= limit for limit in limits)


def _row(tokens: Tokens) -> NDArray[np.int64]:
    row = np.asarray(tokens, dtype=np.int64)
    if row.ndim != 1 or (len(row) and row.min() < 0):
        raise ConfigError("Tokens are given as rows of numbers from 0 on.")
    return row


def _pieces(tokens: Tokens) -> list[tuple[int, ...]]:
    line = _row(tokens).tolist()
    return [tuple(line[at : at + _GRAM]) for at in range(len(line) - _GRAM + 1)]
