"""One step: each player in turn computes the gradients of a batch and moves his parameters.

What a step does to the weights does not depend on how many pieces or processes compute it, but for
rounding and for what nets draw themselves (dropout).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from myna.errors import ConfigError, TrainingError
from myna.training.batches import cut
from myna.training.device_memory import is_out_of_memory, release
from myna.training.optimisers import learning_rate, optimiser, set_rate
from myna.training.precision import computing
from myna.training.processes import Group
from myna.training.seeding import seeded
from myna.training.task import Batch, Draws, Example, LoopSettings, Player, Task

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Share:
    """What this process computes of a batch."""

    examples: Sequence[Example]
    pieces: Sequence[Batch]
    """The examples, collated in parts; on the CPU."""
    counts: bool = True
    """False if the batch has no row left for this process: what it computes then weighs nothing."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What happened in a step."""

    losses: Mapping[str, float]
    """By term, or `player/term` if there are several players; `total` is the weighted sum."""
    rates: Mapping[str, float]
    """Learning rate by player."""
    norms: Mapping[str, float]
    """Of the gradients before they are clipped, by player."""
    unmoved: tuple[str, ...] = ()
    """Players whose gradients were no finite numbers, so that they did not move, with the terms
    at fault."""


class Stepper:
    """Moves the parameters of a task.

    Nets in which something is trained are put in training mode, others in evaluation mode;
    parameters that no player moves ask for no gradient from then on.

    Raises:
        ConfigError: settings are out of range, or two players move the same parameter.
        TrainingError: a player has nothing to train.
    """

    def __init__(self, task: Task, settings: LoopSettings, group: Group) -> None:
        self.pieces = settings.pieces
        """Parts that a process computes its rows in; doubled when memory runs out."""
        self.optimisers: Mapping[str, Optimizer] = {
            player.name: optimiser(task.nets, player.groups, settings.optimiser)
            for player in task.players
        }
        self._task = task
        self._settings = settings
        self._group = group
        self._rate = learning_rate(
            settings.schedule, highest=settings.optimiser.rate, steps=settings.steps
        )
        self._moved = {name: _parameters(each) for name, each in self.optimisers.items()}
        _freeze_others(task.nets, self._moved)
        for net in task.nets.children():
            net.train(any(parameter.requires_grad for parameter in net.parameters()))

    def share(self, examples: Sequence[Example], *, counts: bool = True) -> Share:
        """Collate the rows of this process."""
        pieces = [self._task.collate(part) for part in cut(examples, self.pieces)]
        return Share(examples, pieces, counts)

    def step(self, share: Share, step: int, epoch: int) -> StepResult:
        """Let every player move once.

        Args:
            step: number of this step, from 1.

        Raises:
            TrainingError: memory ran out even for one row at a time.
        """
        losses: dict[str, float] = {}
        rates: dict[str, float] = {}
        norms: dict[str, float] = {}
        unmoved = []
        denominators = self._denominators(share)
        forward = _Forward(self, share, step)
        for player in self._task.players:
            while (terms := self._gradients(player, forward, denominators)) is None:
                share = self.share(share.examples, counts=share.counts)
                forward = _Forward(self, share, step)
            moved, mover = self._moved[player.name], self.optimisers[player.name]
            self._group.add_gradients(moved)
            norm = nn.utils.get_total_norm([p.grad for p in moved if p.grad is not None])
            found = self._sums(terms)
            found["total"] = sum(weight * found[term] for term, weight in player.weights.items())
            prefix = f"{player.name}/" if len(self._task.players) > 1 else ""
            losses |= {f"{prefix}{term}": value for term, value in found.items()}
            norms[player.name] = float(norm)
            rates[player.name] = self._rate(step - 1, epoch)
            if math.isfinite(norms[player.name]) and math.isfinite(found["total"]):
                if self._settings.clip:
                    nn.utils.clip_grads_with_norm_(moved, self._settings.clip, norm)
                set_rate(mover, rates[player.name])
                self._move(mover)
            else:
                wrong = [term for term in terms if not math.isfinite(found[term])]
                unmoved.append(f"{player.name} ({', '.join(wrong) or 'only its gradients'})")
            mover.zero_grad()
        return StepResult(losses, rates, norms, tuple(unmoved))

    def forward(self, piece: Batch, place: int, step: int) -> tuple[Batch, Any]:
        """What the losses of a piece share, with the piece on the device."""
        device, seed = self._group.device, self._settings.seed
        batch = piece.to(device)
        with (
            computing(device, self._settings.precision),
            seeded(device, seed, step, self._group.rank, place),
        ):
            return batch, self._task.forward(batch, Draws(seed, step, piece.keys))

    def _denominators(self, share: Share) -> Mapping[str, float]:
        """By term, over all pieces and processes."""
        sums: dict[str, float] = {}
        for piece in share.pieces:
            for name, value in self._task.denominators(piece).items():
                sums[name] = sums.get(name, 0.0) + share.counts * float(value)
        return dict(zip(sums, self._group.add_numbers(list(sums.values())), strict=True))

    def _gradients(
        self, player: Player, forward: _Forward, denominators: Mapping[str, float]
    ) -> Mapping[str, Tensor] | None:
        """Terms over their denominators, of this process's rows; gradients go to `grad`.

        None if memory ran out in any process; there are more pieces then.
        """
        terms: dict[str, Tensor] = {}
        trouble = 0
        try:
            for place in range(len(forward.share.pieces)):
                for term, value in self._piece(player, forward, place, denominators).items():
                    terms[term] = terms[term] + value if term in terms else value
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            one_by_one = len(forward.share.pieces) == len(forward.share.examples)
            trouble = 2 if one_by_one else 1
        trouble = self._group.highest(trouble)
        if trouble == 0:
            return terms
        if trouble == 2:
            raise TrainingError(
                "Memory ran out even for one row at a time. Leave out the longest examples, use "
                "precision bfloat16 or a smaller model, or use a device with more memory."
            )
        terms.clear()
        forward.forget()
        self.optimisers[player.name].zero_grad()
        release(self._group.device)
        self.pieces *= 2
        log.warning("Memory ran out; from now on a batch is computed in %d pieces.", self.pieces)
        return None

    def _piece(
        self, player: Player, forward: _Forward, place: int, denominators: Mapping[str, float]
    ) -> dict[str, Tensor]:
        """Terms of one piece; its gradients are added to `grad`."""
        device, settings = self._group.device, self._settings
        batch, shared = forward(place)
        with (
            computing(device, settings.precision),
            seeded(device, settings.seed, forward.step, self._group.rank, place, player.name),
        ):
            numerators = self._task.losses(player.name, batch, shared)
        if missing := player.weights.keys() - numerators.keys():
            raise TrainingError(
                f"The task {self._task.name} names no loss {', '.join(sorted(missing))} for "
                f"{player.name}, to which a weight is given."
            )
        terms = {}
        for term, numerator in numerators.items():
            below = denominators.get(term, 1.0)
            terms[term] = numerator * (forward.share.counts / below if below else 0.0)
        total = torch.stack([weight * terms[term] for term, weight in player.weights.items()]).sum()
        total.backward(inputs=self._moved[player.name])
        return {term: value.detach() for term, value in terms.items()}

    def _sums(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        """Over all processes."""
        values = torch.stack([value.double() for value in terms.values()]).tolist()
        return dict(zip(terms, self._group.add_numbers(values), strict=True))

    def _move(self, mover: Optimizer) -> None:
        try:
            mover.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingError(
                "Memory ran out while the optimiser moved the weights. Use a smaller model, train "
                "fewer parameters (LoRA), or use a device with more memory."
            ) from error


class _Forward:
    """Forward passes of one step: kept for all players if there is one piece, else run for each."""

    def __init__(self, stepper: Stepper, share: Share, step: int) -> None:
        self.share = share
        self.step = step
        self._stepper = stepper
        self._kept: tuple[Batch, Any] | None = None

    def __call__(self, place: int) -> tuple[Batch, Any]:
        if len(self.share.pieces) > 1:
            return self._stepper.forward(self.share.pieces[place], place, self.step)
        if self._kept is None:
            self._kept = self._stepper.forward(self.share.pieces[0], 0, self.step)
        return self._kept

    def forget(self) -> None:
        """Let the memory go."""
        self._kept = None


def _parameters(mover: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in mover.param_groups for parameter in group["params"]]


def _freeze_others(nets: nn.Module, moved: Mapping[str, Sequence[nn.Parameter]]) -> None:
    owners: dict[nn.Parameter, str] = {}
    for player, parameters in moved.items():
        for parameter in parameters:
            if parameter in owners:
                raise ConfigError(
                    f"Both {owners[parameter]} and {player} move the same parameters; give each "
                    f"player prefixes of its own."
                )
            owners[parameter] = player
    for parameter in nets.parameters():
        if parameter not in owners:
            parameter.requires_grad_(False)
