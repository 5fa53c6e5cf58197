"""Training of the token model against recorded losses, gradients and steps of the optimiser."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import kit
import numpy as np
import pytest
import torch
from models import tensors
from torch import Tensor, nn

from myna.checkpoints import names
from myna.specs import FAMILIES
from myna.training.optimisers import learning_rate, optimiser, set_rate
from myna.training.scaled_adam import ScaledAdam
from myna.training.task import Batch, OptimiserSettings, ParameterGroup, ScheduleSettings
from myna.training.token_model_task import (
    TokenModelSettings,
    TokenModelTask,
    published_sight,
)

pytestmark = kit.needs_kit()

GRADIENTS = 1e-3
"""Limit for norms of gradients, from the kit's README."""
ROUNDING = 1e-5
"""What summing in another order may change, from the kit's README."""


@pytest.fixture(scope="module")
def task() -> TokenModelTask:
    """As published; in evaluation mode, as recorded."""
    settings = TokenModelSettings(published_padding=True, preference=0.5)
    with torch.device("meta"):
        task = TokenModelTask(FAMILIES["v2"].token_model, settings)
    state = {name: torch.from_numpy(value) for name, value in tensors("s1_v2").items()}
    task.model.load_state_dict(state, assign=True)
    task.nets.eval()
    return task


def batch(task: TokenModelTask, golden: dict[str, np.ndarray], run: str) -> Batch:
    rows = []
    for row in range(2):
        phones, tokens = (int(golden[f"{run}_{n}_len"][row]) for n in ("phones", "semantic"))
        rows.append(
            {
                "key": str(row),
                "phones": golden[f"{run}_phones"][row, :phones],
                "tokens": golden[f"{run}_semantic"][row, :tokens],
                "text_features": golden[f"{run}_bert"][row, :, :phones].T,
            }
        )
    return task.collate(rows)


class Summands:
    """The sizes of what the gradients of the scales of positions are summed from.

    Each is one number, the sum of some 30,000 that all but cancel. In float64 the recorded ones are
    off by up to 6 %; as parts of the summands, by no more than a sum in another order may be.
    """

    def __init__(self, task: TokenModelTask) -> None:
        self.sums = {"phone_positions.alpha": 0.0, "token_positions.alpha": 0.0}
        for name in self.sums:
            net = getattr(task.model, name.removesuffix(".alpha"))
            net.register_forward_hook(partial(self._follow, name))

    def _follow(self, name: str, net: Any, _inputs: Any, out: Tensor) -> None:
        if out.requires_grad:
            table = net.table[: out.shape[1]]
            out.register_hook(
                lambda gradient: self._add(name, float((gradient * table).abs().sum()))
            )

    def _add(self, name: str, size: float) -> None:
        self.sums[name] += size


def check_gradients(task: TokenModelTask, summands: Summands, recorded: dict[str, float]) -> None:
    found = {name: value.grad for name, value in task.model.named_parameters()}
    assert len(found) == len(recorded)
    for published, norm in recorded.items():
        name = names.TOKEN_MODEL.ours(published)
        assert name is not None
        gradient = found[name]
        assert gradient is not None
        limit = max(GRADIENTS * norm, ROUNDING * summands.sums.get(name, 0.0))
        assert abs(float(gradient.norm()) - norm) <= limit, published
    task.nets.zero_grad()
    summands.sums = dict.fromkeys(summands.sums, 0.0)


@pytest.mark.parametrize("run", ["equal", "ragged"])
def test_losses_and_gradients(task: TokenModelTask, run: str) -> None:
    golden = kit.golden("s1_train")
    norms = json.loads((kit.KIT / "goldens" / "s1_train_grad_norms.json").read_text())
    given = batch(task, golden, run)
    hidden = (~published_sight(given)).to(torch.uint8).numpy()
    for row in range(2):
        assert (hidden[row, 0] == golden[f"{run}_mask_row{row}_head0"]).all()

    summands = Summands(task)
    logits, _ = task.predict(given)
    terms = task._of_tokens(given, logits)
    kit.close(
        "s1_train", run, terms["published"].detach()[None], golden[f"{run}_loss"], kit.NETWORK
    )
    # The recorded accuracy leaves out where the end is due, as ours does.
    right = golden[f"{run}_top3_acc"][0] * task.denominators(given)["top3"]
    assert float(terms["top3"]) == pytest.approx(right, abs=1e-4)
    terms["published"].backward(retain_graph=True)
    check_gradients(task, summands, norms[f"{run}_grad_norms"])

    rejected = given_rejected(task, given, golden, run)
    preference = task.preference(given, logits, rejected) / 2
    total = terms["published"] + preference
    kit.close(
        "s1_train",
        f"{run} preference",
        total.detach()[None],
        golden[f"{run}_dpo_loss"],
        kit.NETWORK,
    )
    # The sum hides the smaller of the two.
    alone = golden[f"{run}_dpo_loss"] - golden[f"{run}_loss"]
    assert float(preference.detach()) == pytest.approx(float(alone[0]), abs=2e-4)
    total.backward()
    check_gradients(task, summands, norms[f"{run}_dpo_grad_norms"])


def given_rejected(
    task: TokenModelTask, given: Batch, golden: dict[str, np.ndarray], run: str
) -> Batch:
    lengths = torch.from_numpy(golden[f"{run}_reject_len"].astype(np.int64))
    tokens = torch.from_numpy(golden[f"{run}_reject_semantic"].astype(np.int64))
    padding = torch.arange(tokens.shape[1]) >= lengths[:, None]
    tokens = tokens.masked_fill(padding, task.spec.end)
    return Batch(given.keys, {**given.tensors, "tokens": tokens, "tokens_lengths": lengths})


def test_without_padding_both_ways_agree(task: TokenModelTask) -> None:
    golden = kit.golden("s1_train")
    given = batch(task, golden, "equal")
    with torch.no_grad():
        ours = task.evaluate(given)
    kit.close("s1_train", "ours", ours["loss"][None], golden["equal_loss"], kit.NETWORK)
    assert task.denominators(given)["loss"] == 2 * 51


SHAPES = {
    "a.weight": (4, 3),
    "b.weight": (4, 3),
    "c.bias": (5,),
    "d.alpha": (1,),
    "e.weight": (4, 3),
}


class Toy(nn.Module):
    """The parameters of the recorded runs of the optimiser."""

    def __init__(self) -> None:
        super().__init__()
        for name, shape in SHAPES.items():
            value = kit.uniform(f"in/opt/{name}", shape, 0.1, 0.5)
            self.register_parameter(name.replace(".", "_"), nn.Parameter(torch.from_numpy(value)))

    def gradients(self, step: int) -> None:
        for name, parameter in zip(SHAPES, self.parameters(), strict=True):
            spread = 30.0 if step in (6, 9) else 1.0
            value = kit.uniform(f"in/opt/grad/{step}/{name}", SHAPES[name], 0.02, spread)
            parameter.grad = torch.from_numpy(value)

    def flat(self) -> Tensor:
        return torch.cat([parameter.detach().flatten() for parameter in self.parameters()])


@pytest.mark.parametrize(("run", "period"), [("official", 1000), ("clip4", 4)])
def test_optimiser_and_schedule(run: str, period: int) -> None:
    golden = kit.golden("s1_optimizer")
    toy = Toy()
    kit.close("s1_optimizer", "initial", toy.flat(), golden["initial"], kit.NETWORK)
    settings = OptimiserSettings(kind="scaled_adam", rate=0.01, betas=(0.9, 0.95), epsilon=1e-8)
    moves = optimiser(toy, (ParameterGroup(prefixes=("",)),), settings)
    assert isinstance(moves, ScaledAdam)
    for group in moves.param_groups:
        group["clipping_period"] = period
    rate = learning_rate(
        ScheduleSettings(kind="published_token_model"), highest=settings.rate, steps=14
    )
    for step in range(14):
        toy.gradients(step)
        assert rate(step, 0) == pytest.approx(float(golden[f"{run}_lr_used"][step]))
        set_rate(moves, rate(step, 0))
        moves.step()
        recorded = golden[f"{run}_params_after_each_step"][step]
        kit.close("s1_optimizer", f"{run} step {step}", toy.flat(), recorded, kit.NETWORK)
