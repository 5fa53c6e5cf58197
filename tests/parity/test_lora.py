"""Adapters of the published kind against recorded merged kernels."""

from __future__ import annotations

import kit
import pytest
import torch
from torch import nn

from myna.nets import lora

pytestmark = kit.needs_kit()

RANK = 32
ROWS = 32
"""Of each merged kernel that were recorded."""


@pytest.mark.parametrize("target", ["to_q", "to_k", "to_v", "to_out.0"])
def test_merged_kernels(target: str) -> None:
    estimator = f"estimator.transformer_blocks.7.attn.{target}"
    base_name = f"cfm.{estimator}.weight"
    thin_names = [
        f"cfm.base_model.model.{estimator}.lora_{part}.default.weight" for part in ("A", "B")
    ]
    base = torch.from_numpy(kit.state("s2_v3", [base_name])[base_name])
    thin = kit.state("s2_v3_lora_r32", thin_names)
    a, b = (torch.from_numpy(thin[name]) for name in thin_names)
    recorded = kit.golden("lora_merge")[f"block7_{target.replace('.', '_')}_merged_first32rows"]
    assert a.shape[0] == RANK
    ours = lora.merged(base, a, b, scale=RANK / RANK)
    kit.close("lora_merge", target, ours[:ROWS].numpy(), recorded, kit.NETWORK)

    net = nn.Sequential(nn.Linear(base.shape[1], base.shape[0], bias=False))
    net[0].weight.data.copy_(base)
    lora.load_adapters(
        net, {"0.lora_a": a, "0.lora_b": b, "0.lora_scale": torch.tensor(RANK / RANK)}
    )
    lora.merge(net)
    kit.close("lora_merge", target, net[0].weight[:ROWS].detach(), recorded, kit.NETWORK)
