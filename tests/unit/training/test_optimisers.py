"""Which parameters move at which rate, from settings."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from myna.errors import ConfigError, TrainingError
from myna.training.optimisers import learning_rate, optimiser, set_rate
from myna.training.scaled_adam import ScaledAdam
from myna.training.task import OptimiserSettings, ParameterGroup, ScheduleSettings


def nets() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "speaker": nn.ModuleDict({"text": nn.Linear(2, 2), "voice": nn.Linear(2, 2)}),
            "judge": nn.Linear(2, 2),
        }
    )


def groups(*pairs: tuple[str, float]) -> tuple[ParameterGroup, ...]:
    return tuple(ParameterGroup(prefixes=(prefix,), scale=scale) for prefix, scale in pairs)


def test_the_longest_prefix_wins_and_scales_the_rate() -> None:
    net = nets()
    moves = optimiser(
        net, groups(("speaker.", 1.0), ("speaker.text.", 0.4)), OptimiserSettings(rate=0.5)
    )
    set_rate(moves, 0.1)
    rates = {id(p): group["lr"] for group in moves.param_groups for p in group["params"]}
    found = {name: rates.get(id(p)) for name, p in net.named_parameters()}
    assert found == {
        "speaker.text.weight": pytest.approx(0.04),
        "speaker.text.bias": pytest.approx(0.04),
        "speaker.voice.weight": pytest.approx(0.1),
        "speaker.voice.bias": pytest.approx(0.1),
        "judge.weight": None,
        "judge.bias": None,
    }


def test_the_empty_prefix_takes_the_rest_and_scale_0_freezes() -> None:
    net = nets()
    moves = optimiser(net, groups(("", 1.0), ("speaker.text", 0.0)), OptimiserSettings())
    assert sum(len(group["params"]) for group in moves.param_groups) == 4
    assert [name for name, p in net.named_parameters() if not p.requires_grad] == [
        "speaker.text.weight",
        "speaker.text.bias",
    ]


def test_what_nobody_can_train_is_an_error() -> None:
    with pytest.raises(TrainingError, match="Every parameter is frozen"):
        optimiser(nets(), groups(("", 0.0)), OptimiserSettings())
    with pytest.raises(ConfigError, match=r"starts with speeker\.; the nets are speaker, judge"):
        optimiser(nets(), groups(("speeker.", 1.0), ("", 1.0)), OptimiserSettings())
    with pytest.raises(ConfigError, match="scale -1"):
        optimiser(nets(), groups(("", -1.0)), OptimiserSettings())


def test_kinds_of_optimisers() -> None:
    net = nets()
    moves = optimiser(
        net, groups(("", 1.0)), OptimiserSettings(betas=(0.5, 0.6), epsilon=1e-7, decay=0.1)
    )
    assert isinstance(moves, torch.optim.AdamW)
    group = moves.param_groups[0]
    assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.5, 0.6), 1e-7, 0.1)
    scaled = optimiser(net, groups(("", 1.0)), OptimiserSettings(kind="scaled_adam"))
    assert isinstance(scaled, ScaledAdam)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "adam"}, {"rate": 0.0}, {"epsilon": 0.0}, {"decay": -0.1}, {"betas": (1.0, 0.9)}],
)
def test_settings_of_optimisers_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        optimiser(nets(), groups(("", 1.0)), OptimiserSettings(**wrong))  # type: ignore[arg-type]


def test_schedules() -> None:
    def rates(settings: ScheduleSettings, *places: tuple[int, int]) -> list[float]:
        rate = learning_rate(settings, highest=2.0, steps=101)
        return [rate(step, epoch) for step, epoch in places]

    assert rates(ScheduleSettings(), (0, 0), (500, 9)) == [2, 2]
    warm = ScheduleSettings(warmup_steps=4)
    assert rates(warm, *((step, 0) for step in range(6))) == [0.5, 1, 1.5, 2, 2, 2]
    cosine = ScheduleSettings(kind="cosine", last=0.1)
    assert rates(cosine, (0, 0), (50, 3), (100, 6), (200, 9)) == pytest.approx([2, 1.1, 0.2, 0.2])
    both = ScheduleSettings(kind="cosine", warmup_steps=50, last=0)
    assert rates(both, (24, 0), (50, 0), (75, 0), (100, 0)) == pytest.approx([1, 2, 1, 0])
    exponential = ScheduleSettings(kind="exponential", factor=0.9)
    assert rates(exponential, (7, 0), (99, 1), (100, 3)) == pytest.approx([2, 1.8, 2 * 0.9**3])
    published = ScheduleSettings(kind="published_token_model")
    assert rates(published, (0, 0), (1, 0), (9999, 9)) == pytest.approx([2, 0.4, 0.4])


def test_a_warm_up_as_long_as_the_run() -> None:
    settings = ScheduleSettings(kind="cosine", warmup_steps=10)
    rate = learning_rate(settings, highest=1.0, steps=10)
    assert [rate(step, 0) for step in (0, 9)] == [0.1, 1.0]
    assert math.isfinite(learning_rate(settings, highest=1.0, steps=1)(0, 0))


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "cosin"}, {"warmup_steps": -1}, {"last": 2.0}, {"factor": 0.0}, {"factor": 1.1}],
)
def test_settings_of_schedules_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        learning_rate(ScheduleSettings(**wrong), highest=1.0, steps=10)  # type: ignore[arg-type]
