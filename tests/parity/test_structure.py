"""Our nets have exactly the published parameters: every name, every shape."""

from __future__ import annotations

import kit
import pytest
import torch
from models import TABLES

from myna.nets.decoder import Decoder
from myna.nets.discriminator import Discriminator
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES

pytestmark = kit.needs_kit()


def _net(manifest: str) -> torch.nn.Module:
    network, _, family = manifest.partition("_")
    spec = FAMILIES[family]
    with torch.device("meta"):
        if network == "s1":
            return TokenModel(spec.token_model)
        if network == "s2d":
            return Discriminator(spec.decoder.discriminator)
        return Decoder(spec.decoder, training=True)


@pytest.mark.parametrize(
    "manifest",
    ["s1_v1", "s1_v2", "s2_v1", "s2_v2", "s2_v2Pro", "s2_v2ProPlus", "s2d_v2", "s2d_v2Pro"],
)
def test_parameters_are_the_published_ones(manifest: str) -> None:
    table = TABLES[manifest.partition("_")[0]]
    published = {name: tuple(entry["shape"]) for name, entry in kit.manifest(manifest).items()}
    left_behind = {name for name in published if table.reason_to_drop(name)}
    ours = {
        table.published(name): tuple(tensor.shape)
        for name, tensor in _net(manifest).state_dict().items()
    }
    assert ours == {name: shape for name, shape in published.items() if name not in left_behind}
    assert all("_codebook" in name for name in left_behind)
