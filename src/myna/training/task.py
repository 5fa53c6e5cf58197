"""What the training loop needs to know of what it trains.

A task owns nets and says how a batch becomes losses; the loop owns everything else: order, steps,
precision, checkpoints, logs, several processes. Three rules make a run exact to repeat, resume and
split:

- Every loss is a sum over the batch (a numerator); what it is divided by is a function of the
  batch's lengths alone (a denominator), known before any net runs. So a batch cut into pieces, over
  time or over processes, has the gradient of the whole.
- Randomness belongs to rows: `Draws` gives each row numbers that depend on the seed, the step and
  the row's key, never on its neighbours.
- Order is computed from seed and epoch; nothing is read from a generator that has a past.

Letters in shapes: B rows of a batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Example: TypeAlias = Mapping[str, Any]
"""One training example: arrays and plain values by name; `key` is a str that is its own."""


class Examples(Protocol):
    """Training examples, in random access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...

    @property
    def lengths(self) -> Sequence[int]:
        """Cost of each in the unit of the token budget, such as frames."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows padded to one length."""

    keys: tuple[str, ...]
    """Of the rows, B of them."""
    tensors: Mapping[str, Tensor]
    """First axis B, each."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved = {
            name: tensor.to(device, non_blocking=True) for name, tensor in self.tensors.items()
        }
        return Batch(self.keys, moved)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]


@dataclass(frozen=True, slots=True)
class Draws:
    """Random numbers of one step, owned by rows."""

    seed: int
    step: int
    keys: tuple[str, ...]

    def _generator(self, key: str, what: str) -> torch.Generator:
        digest = hashlib.blake2b(
            f"{self.seed} {self.step} {key} {what}".encode(), digest_size=8
        ).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)

    def normal(self, what: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """(B, *shape) standard normal, on the device and in the dtype of `like`."""
        rows = [torch.randn(*shape, generator=self._generator(key, what)) for key in self.keys]
        return torch.stack(rows).to(like.device, like.dtype)

    def uniform(self, what: str, like: Tensor) -> Tensor:
        """(B,) from [0, 1), on the device of `like`, float32."""
        rows = [torch.rand((), generator=self._generator(key, what)) for key in self.keys]
        return torch.stack(rows).to(like.device)

    def numpy(self, row: int, what: str) -> np.random.Generator:
        """A generator for one row."""
        seed = torch.randint(2**62, (), generator=self._generator(self.keys[row], what))
        return np.random.default_rng(int(seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """Parameters that share a learning rate."""

    prefixes: tuple[str, ...]
    """Names of `Task.nets` start with one of these; '' takes what no other group took."""
    scale: float = 1.0
    """Factor on the learning rate; 0 freezes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Who plays a step: parameters that step together, on a loss of their own.

    Most tasks have one; an adversarial one has two, of which the first steps before the second's
    loss is taken.
    """

    name: str
    groups: tuple[ParameterGroup, ...]
    weights: Mapping[str, float]
    """Of each loss term, in this player's total: sum of weight * numerator / denominator."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Something to look at or listen to while training goes on."""

    name: str
    audio: NDArray[np.float32] | None = None
    """(N,)"""
    rate: int = 0
    picture: NDArray[np.float32] | None = None
    """(rows, columns), first row at the bottom; any range."""
    axes: tuple[str, str] = ("", "")
    """What columns and rows of the picture are."""


class Task(Protocol):
    """What is trained."""

    name: str
    """Such as `token_model`; names files."""
    nets: nn.ModuleDict
    """Everything that has parameters, frozen ones included."""
    players: tuple[Player, ...]
    averaged: tuple[str, ...]
    """Names of the nets that an exponential moving average follows, if the recipe asks for one."""

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Pad to one batch, on the CPU."""
        ...

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        """By loss term, what its numerator is divided by; from lengths alone."""
        ...

    def forward(self, batch: Batch, draws: Draws) -> Any:
        """What the players' losses share; run once per batch, under autograd."""
        ...

    def losses(self, player: str, batch: Batch, shared: Any) -> Mapping[str, Tensor]:
        """Numerators, by the terms in the player's `weights`; others are only logged."""
        ...

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        """Numerators on held-out rows, in eval mode without gradients, the same every time.

        The term `loss` decides which checkpoint is best. Its denominators, under the same names,
        come from `denominators` too.
        """
        ...

    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:
        """What to show of a few held-out examples."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserSettings:
    """How parameters move."""

    kind: str = "adamw"
    """`adamw`, or `scaled_adam` as the published token models were trained with."""
    rate: float = 1e-4
    """Highest learning rate."""
    betas: tuple[float, float] = (0.8, 0.99)
    epsilon: float = 1e-9
    decay: float = 0.01
    """Weight decay (adamw)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSettings:
    """How the learning rate moves, as a factor on the highest one."""

    kind: str = "constant"
    """`constant`; `cosine` to `last` at the end; `exponential` by `factor` per epoch, as published
    decoders; `published_token_model`: 1 at the first step, 0.2 from then on."""
    warmup_steps: int = 0
    last: float = 0.05
    factor: float = 0.999875


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """How a run goes, whatever is trained."""

    steps: int = 1000
    seed: int = 1234
    budget: int = 1000
    """Largest sum of lengths in a batch, padding counted, in the examples' unit."""
    most_rows: int = 64
    """Rows of a batch at most."""
    pieces: int = 1
    """Parts that a batch is computed in, one after another; doubled when memory runs out."""
    clip: float = 0.0
    """Largest norm of the gradients of a player; 0 does not clip."""
    precision: str = "float32"
    """Or `bfloat16`: weights stay in float32, products are computed in it."""
    average: float = 0.0
    """Decay of the moving average of weights; 0 keeps none."""
    evaluate_every: int = 100
    sample_every: int = 500
    save_every: int = 100
    patience: int = 0
    """Evaluations without a better held-out loss after which the run ends; 0 never."""
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
