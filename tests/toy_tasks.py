"""Things to train that are small and have all that real ones have: ragged rows, two players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from myna.training.task import Batch, Draws, Example, ParameterGroup, Player, Sample


class Rows:
    """Sequences of 3 numbers a frame, whose sum of sines is to be found."""

    def __init__(
        self, count: int, *, seed: int = 0, longest: int = 12, prefix: str = "row"
    ) -> None:
        random = np.random.default_rng(seed)
        self.lengths = [int(n) for n in random.integers(3, longest + 1, count)]
        self._x = [random.standard_normal((n, 3)) for n in self.lengths]
        self._prefix = prefix

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Example:
        x = self._x[index]
        return {"key": f"{self._prefix}{index}", "x": x, "y": np.sin(x).sum(1)}


def collate(examples: Sequence[Example], dtype: torch.dtype) -> Batch:
    longest = max(len(example["x"]) for example in examples)
    x = torch.zeros(len(examples), longest, 3, dtype=dtype)
    y = torch.zeros(len(examples), longest, dtype=dtype)
    mask = torch.zeros(len(examples), longest, dtype=dtype)
    for row, example in enumerate(examples):
        n = len(example["x"])
        x[row, :n] = torch.from_numpy(example["x"])
        y[row, :n] = torch.from_numpy(example["y"])
        mask[row, :n] = 1
    return Batch(tuple(example["key"] for example in examples), {"x": x, "y": y, "mask": mask})


class Regression:
    """One player; a loss per frame, a loss per row and a plain sum; a part that few rows use."""

    name = "regression"
    averaged: tuple[str, ...] = ("net", "rare")

    def __init__(self, *, dropout: float = 0.0, dtype: torch.dtype = torch.float32) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(7)
            net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 1))
            frozen = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5))
            rare = nn.Linear(3, 1)
        self.nets = nn.ModuleDict({"net": net, "rare": rare, "frozen": frozen}).to(dtype)
        self.players: tuple[Player, ...] = (
            Player(
                name="net",
                groups=(ParameterGroup(prefixes=("net.", "rare.")),),
                weights={"frames": 1.0, "rows": 0.3, "sum": 0.01},
            ),
        )
        self.dtype = dtype
        self.noise = 0.1
        self.calls: list[int] = []
        self.spoil: set[int] = set()

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate(examples, self.dtype)

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        frames, rows = float(batch["mask"].sum()), float(len(batch.keys))
        return {"frames": frames, "rows": rows, "loss": frames}

    def forward(self, batch: Batch, draws: Draws) -> Any:
        self.calls.append(len(batch.keys))
        assert self.nets["net"].training
        assert not self.nets["frozen"].training
        shift = self.noise * draws.normal("shift", (3,), batch["x"])[:, None]
        found = self.nets["net"](batch["x"] + shift)[..., 0]
        if "row0" in batch.keys:
            only = torch.tensor([key == "row0" for key in batch.keys])[:, None]
            found = found + self.nets["rare"](batch["x"])[..., 0] * only
        return found * torch.nan if draws.step in self.spoil else found

    def losses(self, player: str, batch: Batch, shared: Any) -> Mapping[str, Tensor]:
        off = (shared - batch["y"]) * batch["mask"]
        return {
            "frames": off.square().sum(),
            "rows": (off.sum(1) / batch["mask"].sum(1)).abs().sum(),
            "sum": off.abs().sum(),
            "logged": off.detach().abs().max(),
        }

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        assert not any(module.training for module in self.nets.modules())
        found = self.nets["net"](batch["x"])[..., 0]
        return {"loss": ((found - batch["y"]) * batch["mask"]).square().sum()}

    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:
        picture = np.stack([examples[0]["y"], examples[0]["y"]]).astype(np.float32)
        return [
            Sample("some/audio", audio=np.zeros(800, np.float32), rate=8000),
            Sample("picture", picture=picture, axes=("time", "height")),
        ]


class Contest:
    """Two players: a generator of frames, and a judge that tells them from real ones."""

    name = "contest"
    averaged: tuple[str, ...] = ("generator",)

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.nets = nn.ModuleDict(
                {
                    "generator": nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)),
                    "judge": nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)),
                }
            ).to(dtype)
        self.players: tuple[Player, ...] = (
            Player(
                name="judge",
                groups=(ParameterGroup(prefixes=("judge.",)),),
                weights={"judged": 1.0},
            ),
            Player(
                name="generator",
                groups=(
                    ParameterGroup(prefixes=("generator.",)),
                    ParameterGroup(prefixes=("generator.0.",), scale=0.4),
                ),
                weights={"fooled": 1.0, "near": 2.0},
            ),
        )
        self.dtype = dtype
        self.forwards = 0

    def collate(self, examples: Sequence[Example]) -> Batch:
        return collate(examples, self.dtype)

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        frames = float(batch["mask"].sum())
        return dict.fromkeys(("judged", "fooled", "near", "loss"), frames)

    def forward(self, batch: Batch, draws: Draws) -> Any:
        self.forwards += 1
        return self.nets["generator"](batch["x"])

    def losses(self, player: str, batch: Batch, shared: Any) -> Mapping[str, Tensor]:
        judge, mask = self.nets["judge"], batch["mask"][..., None]
        if player == "judge":
            real = (1 - judge(batch["y"][..., None])).square()
            return {"judged": ((real + judge(shared.detach()).square()) * mask).sum()}
        return {
            "fooled": ((1 - judge(shared)).square() * mask).sum(),
            "near": ((shared - batch["y"][..., None]).abs() * mask).sum(),
        }

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        off = self.nets["generator"](batch["x"])[..., 0] - batch["y"]
        return {"loss": (off.abs() * batch["mask"]).sum()}

    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:
        return []
