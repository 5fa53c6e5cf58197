"""The table of names carries every recorded parameter over, in both directions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "parity"))

import kit

from myna.checkpoints import names, shapes
from myna.checkpoints.names import Table
from myna.specs import ENCODERS, FAMILIES

pytestmark = kit.needs_kit()

CASES: dict[str, tuple[Table, Any]] = {
    "s1_v1": (names.TOKEN_MODEL, lambda: shapes.token_model(FAMILIES["v1"].token_model)),
    "s1_v2": (names.TOKEN_MODEL, lambda: shapes.token_model(FAMILIES["v2"].token_model)),
    "s2_v1": (names.DECODER, lambda: shapes.decoder(FAMILIES["v1"].decoder)),
    "s2_v2": (names.DECODER, lambda: shapes.decoder(FAMILIES["v2"].decoder)),
    "s2_v2Pro": (names.DECODER, lambda: shapes.decoder(FAMILIES["v2Pro"].decoder)),
    "s2_v2ProPlus": (names.DECODER, lambda: shapes.decoder(FAMILIES["v2ProPlus"].decoder)),
    "s2d_v2": (
        names.DISCRIMINATOR,
        lambda: shapes.discriminator(FAMILIES["v2"].decoder.discriminator),
    ),
    "s2d_v2Pro": (
        names.DISCRIMINATOR,
        lambda: shapes.discriminator(FAMILIES["v2Pro"].decoder.discriminator),
    ),
    "hubert_base": (names.HUBERT, lambda: shapes.encoder(ENCODERS["hubert-base"])),
    "bert_large": (names.ROBERTA, lambda: shapes.encoder(ENCODERS["roberta-large"])),
    "eres2netv2": (names.ERES2NETV2, lambda: shapes.encoder(ENCODERS["eres2netv2"])),
}


def recorded(manifest: str) -> dict[str, tuple[int, ...]]:
    return {name: tuple(entry["shape"]) for name, entry in kit.manifest(manifest).items()}


@pytest.mark.parametrize("manifest", CASES)
def test_every_recorded_parameter_is_carried_over_or_dropped_with_a_reason(manifest: str) -> None:
    table, expected = CASES[manifest]
    ours = {
        table.ours(name): shape
        for name, shape in recorded(manifest).items()
        if not table.reason_to_drop(name)
    }
    assert ours == expected()


@pytest.mark.parametrize("manifest", CASES)
def test_names_can_be_read_backwards(manifest: str) -> None:
    table, expected = CASES[manifest]
    there = {ours: table.published(ours) for ours in expected()}
    assert len(set(there.values())) == len(there)
    assert all(published and table.ours(published) == ours for ours, published in there.items())
    spelled = {table.prefix + str(name) for name in there.values()} | set(there.values())
    other_spellings = {name for name in recorded(manifest) if "parametrizations" in name}
    kept = {name for name in recorded(manifest) if not table.reason_to_drop(name)}
    assert kept - spelled == other_spellings


EXPORTS: dict[str, tuple[str, Table, str]] = {
    "v2_t2s_encoder_fp32": ("v2", names.TOKEN_MODEL, "encoder."),
    "v2_t2s_first_stage_decoder_fp32": ("v2", names.TOKEN_MODEL, ""),
    "v2_t2s_stage_decoder_fp32": ("v2", names.TOKEN_MODEL, ""),
    "v2_vits_fp32": ("v2", names.DECODER, "vq_model."),
    "v2ProPlus_vits_fp32": ("v2ProPlus", names.DECODER, "vq_model."),
    "v2ProPlus_prompt_encoder_fp32": ("v2ProPlus", names.DECODER, ""),
}


@pytest.mark.parametrize("export", EXPORTS)
def test_parameters_of_the_official_exports_have_our_shapes(export: str) -> None:
    """Recorded from the official files, so these names owe nothing to a reading of the source."""
    family, table, prefix = EXPORTS[export]
    decoder = shapes.decoder(FAMILIES[family].decoder)
    known = shapes.token_model(FAMILIES[family].token_model)
    if table is names.DECODER:
        known = decoder
    path = kit.KIT / "official_names" / f"{export}.json"
    seen = 0
    for name, shape in json.loads(path.read_text(encoding="utf-8")).items():
        plain = name.removeprefix(prefix).replace("transformer_encoder.layers", "h.layers")
        if plain.startswith("vits."):  # the content part of the decoder is in the S1 export
            ours = names.DECODER.ours(plain.removeprefix("vits."))
            assert ours is not None
            assert decoder[ours] == tuple(shape)
        else:
            ours = table.ours(plain)
            assert ours is not None, name
            expected = known.get(ours) or known.get(f"{ours}_v")  # weight norm may be folded
            assert expected == tuple(shape), name
        seen += 1
    assert seen


def test_unknown_names_have_no_place() -> None:
    assert names.DECODER.ours("dec.resblocks.0.convs3.0.weight_v") is None
    assert names.DECODER.ours("flow.flows.1.pre.weight") is None
    assert names.TOKEN_MODEL.ours("h.layers.x.norm1.weight") is None
