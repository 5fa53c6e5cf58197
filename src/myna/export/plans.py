"""What each graph of a family is made of: its module, its inputs and outputs, which axes vary.

Letters for axes as in `myna.export.wrappers`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from myna.engines import graphs
from myna.export import wrappers
from myna.nets.decoder import Decoder
from myna.nets.ecapa import Ecapa
from myna.nets.eres2net import ERes2NetV2
from myna.nets.hubert import Hubert
from myna.nets.roberta import Roberta
from myna.nets.token_model import TokenModel
from myna.nets.weight_norm import fold
from myna.specs import (
    ENCODERS,
    EcapaSpec,
    ERes2NetSpec,
    FamilySpec,
    HubertSpec,
    RobertaSpec,
    SourceFilterSpec,
    encoder_spec,
)

Net = TypeVar("Net", bound=nn.Module)

_PHONES, _TOKENS, _FRAMES, _CAPACITY = 9, 7, 40, 24
_SAMPLES = 4000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Plan:
    """How one graph is made."""

    module: nn.Module
    example: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    axes: Mapping[str, Mapping[int, str]]


def plan(graph: str, spec: FamilySpec) -> Plan:
    """The plan of a graph, by its name in `myna.engines.graphs`."""
    return _PLANS[graph](spec)


def _prefill(spec: FamilySpec) -> Plan:
    model = spec.token_model
    return Plan(
        module=wrappers.Prefill(TokenModel(model)).eval(),
        example=(
            torch.arange(_PHONES) % model.phones,
            torch.zeros(_PHONES, model.text_features),
            torch.arange(_TOKENS) % model.codes,
        ),
        inputs=("phones", "features", "prompt"),
        outputs=("logits", "keys", "values"),
        axes={
            "phones": {0: "P"},
            "features": {0: "P"},
            "prompt": {0: "T"},
            "keys": {3: "S"},
            "values": {2: "S"},
        },
    )


def _step(spec: FamilySpec) -> Plan:
    model = spec.token_model
    keys = torch.zeros(model.heads, model.head_width, _CAPACITY)
    kept = [keys, keys.transpose(1, 2).contiguous()] * model.layers
    inputs = graphs.cache_names(model.layers, "past")
    outputs = graphs.cache_names(model.layers, "kept")
    return Plan(
        module=wrappers.Step(TokenModel(model)).eval(),
        example=(torch.tensor([3]), torch.tensor([5]), torch.tensor([11]), *kept),
        inputs=("token", "position", "length", *inputs),
        outputs=("logits", *outputs),
        axes={name: {1 if "values" in name else 2: "C"} for name in (*inputs, *outputs)},
    )


def _decode(spec: FamilySpec) -> Plan:
    decoder = spec.decoder
    frames = decoder.frames_per_token * _TOKENS + 3
    filtered = isinstance(decoder.generator, SourceFilterSpec)
    source = (
        torch.zeros(frames * decoder.generator.hop),
        torch.tensor([1]),
        torch.tensor([0.5], dtype=torch.double),
    )
    return Plan(
        module=wrappers.Decode(_folded(Decoder(decoder))).eval(),
        example=(
            torch.arange(_TOKENS) % decoder.codes,
            torch.arange(_PHONES) % decoder.phones,
            torch.zeros(decoder.timbre),
            torch.linspace(0, decoder.frames_per_token * _TOKENS - 1, frames),
            torch.zeros(decoder.hidden, frames),
            *(source if filtered else ()),
        ),
        inputs=(
            *("tokens", "phones", "timbre", "places", "noise"),
            *(("grain", "since", "turned") if filtered else ()),
        ),
        outputs=("samples", *(("turns",) if filtered else ())),
        axes={
            "tokens": {0: "T"},
            "phones": {0: "P"},
            "places": {0: "E"},
            "noise": {1: "E"},
            "samples": {0: "N"},
            **({"grain": {0: "N"}, "turns": {0: "S"}} if filtered else {}),
        },
    )


def _timbre(spec: FamilySpec) -> Plan:
    decoder = spec.decoder
    vector = decoder.speaker_vector
    return Plan(
        module=wrappers.Timbre(_folded(Decoder(decoder))).eval(),
        example=(
            torch.rand(decoder.spectrogram.bins, _FRAMES),
            *(() if vector is None else (torch.zeros(vector),)),
        ),
        inputs=("spectrogram", *(() if vector is None else ("speaker",))),
        outputs=("timbre",),
        axes={"spectrogram": {1: "R"}},
    )


def _speaker(spec: FamilySpec) -> Plan:
    assert spec.speaker_encoder is not None
    encoder = ENCODERS[spec.speaker_encoder]
    assert isinstance(encoder, EcapaSpec | ERes2NetSpec)
    net = Ecapa(encoder) if isinstance(encoder, EcapaSpec) else ERes2NetV2(encoder)
    return Plan(
        module=wrappers.Speaker(net).eval(),
        example=(torch.rand(_FRAMES, encoder.bands),),
        inputs=("bands",),
        outputs=("speaker",),
        axes={"bands": {0: "M"}},
    )


def _content(spec: FamilySpec) -> Plan:
    assert spec.content_encoder is not None
    hubert = Hubert(encoder_spec(spec.content_encoder, HubertSpec))
    return Plan(
        module=wrappers.NearestTokens(_folded(hubert), _folded(Decoder(spec.decoder))).eval(),
        example=(torch.rand(_SAMPLES),),
        inputs=("samples",),
        outputs=("tokens",),
        axes={"samples": {0: "N"}, "tokens": {0: "T"}},
    )


def _text(spec: FamilySpec) -> Plan:
    assert spec.text_encoder is not None
    encoder = encoder_spec(spec.text_encoder, RobertaSpec)
    return Plan(
        module=wrappers.TextFeatures(Roberta(encoder)).eval(),
        example=(torch.arange(_PHONES) % encoder.vocabulary,),
        inputs=("ids",),
        outputs=("features",),
        axes={"ids": {0: "P"}, "features": {0: "P"}},
    )


_PLANS: dict[str, Callable[[FamilySpec], Plan]] = {
    graphs.PREFILL: _prefill,
    graphs.STEP: _step,
    graphs.DECODE: _decode,
    graphs.TIMBRE: _timbre,
    graphs.SPEAKER: _speaker,
    graphs.CONTENT: _content,
    graphs.TEXT: _text,
}


def _folded(net: Net) -> Net:
    fold(net)
    return net
