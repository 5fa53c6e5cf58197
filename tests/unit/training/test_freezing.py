"""Rules of what learns: every parameter has one place, and more speech never frees less."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from dataclasses import replace
from functools import cache
from itertools import pairwise

from torch import nn

from myna.errors import ConfigError
from myna.nets.decoder import Decoder
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES
from myna.training.freezing import FreezeSettings, Plan, apply, plan_decoder, plan_token_model

SECONDS = (5.0, 60.0, 300.0, 3600.0)


@cache
def decoder(family: str) -> nn.ModuleDict:
    with torch.device("meta"):
        return nn.ModuleDict({"decoder": Decoder(FAMILIES[family].decoder, training=True)})


def rates(plan: Plan, nets: nn.ModuleDict) -> dict[str, float]:
    """Learning rate of each parameter, after checking that it has one."""
    found = {}
    for name, parameter in nets.named_parameters():
        scales = [
            group.scale
            for group in plan.groups
            for prefix in group.prefixes
            if name.startswith(prefix)
        ]
        assert len(scales) == 1, name
        found[name] = scales[0] if parameter.requires_grad else 0.0
    prefixes = [prefix for group in plan.groups for prefix in group.prefixes]
    idle = [one for one in prefixes if not any(name.startswith(one) for name in found)]
    assert not idle, idle
    return found


def learning(found: dict[str, float]) -> set[str]:
    return {name for name, rate in found.items() if rate > 0}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_of_a_decoder_has_one_rate_and_more_speech_frees_more(name):
    spec, nets = FAMILIES[name].decoder, decoder(name)
    sets = []
    for seconds in SECONDS:
        found = rates(plan_decoder(seconds, spec), nets)
        sets.append(learning(found))
        for fixed in ("codebook.", "content_downsample."):
            assert all(
                rate == 0 for key, rate in found.items() if key.startswith(f"decoder.{fixed}")
            )
    for fewer, more in pairwise(sets):
        # One step frees the posterior encoder, which some have not.
        assert fewer < more or (fewer == more and not spec.posterior_layers)
    assert sets[0] < sets[-1]


def test_a_decoder_of_one_minute_learns_voice_and_not_language():
    nets = decoder("v2")
    found = learning(rates(plan_decoder(60.0, FAMILIES["v2"].decoder), nets))
    assert {name.split(".")[1] for name in found} == {"reference_encoder", "flow", "generator"}
    stages = {name.split(".")[3] for name in found if ".upsamples." in name}
    assert stages == {"3", "4"}
    blocks = {int(name.split(".")[3]) for name in found if ".resblocks." in name}
    assert blocks == set(range(9, 15))


def test_the_text_side_learns_slowly_once_it_does():
    nets = decoder("v1")
    settings = FreezeSettings(text_scale=0.25)
    found = rates(plan_decoder(300.0, FAMILIES["v1"].decoder, settings), nets)
    assert found["decoder.prior_encoder.phone_embedding.weight"] == 0.25
    assert found["decoder.prior_encoder.fusion.out.weight"] == 0.25
    assert found["decoder.prior_encoder.head.weight"] == 1.0
    assert found["decoder.posterior_encoder.head.weight"] == 0.0


def toy_token_model() -> tuple[nn.ModuleDict, object]:
    spec = replace(FAMILIES["v2"].token_model, width=16, heads=2, layers=2, feedforward=24)
    return nn.ModuleDict({"token_model": TokenModel(spec)}), spec


@pytest.mark.parametrize(
    ("seconds", "layers"), [(5.0, 4), (29.9, 4), (30.0, 8), (119.0, 8), (120.0, 0), (3600.0, 0)]
)
def test_a_token_model_learns_by_adapters_below_two_minutes(seconds, layers):
    nets, spec = toy_token_model()
    plan = plan_token_model(seconds, spec)
    assert len(apply(plan, nets)) == layers
    found = learning(rates(plan, nets))
    adapters = {name for name in found if ".lora_" in name}
    assert len(adapters) == 2 * layers
    if layers:
        assert found == adapters


def test_edges_of_a_token_model_move_from_ten_minutes_on():
    nets, spec = toy_token_model()
    some = learning(rates(plan_token_model(599.0, spec), nets))
    every = learning(rates(plan_token_model(600.0, spec), nets))
    assert {name.split(".")[1] for name in some} == {"layers"}
    assert every == {name for name, _ in nets.named_parameters()}


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_no_speech_is_an_error(seconds):
    with pytest.raises(ConfigError, match="training needs some"):
        plan_decoder(seconds, FAMILIES["v1"].decoder)


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": (30.0, 20.0, 600.0)}, {"text_scale": 2.0}, {"late_stages": -1}, {"ranks": (0, 8)}],
)
def test_settings_are_checked(wrong):
    with pytest.raises(ConfigError):
        FreezeSettings(**wrong)
