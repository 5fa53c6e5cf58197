"""Two families of toy size, with random weights that are the same every time.

`register` makes Myna know them, `install` writes their weights; a clone or a sentence then takes
milliseconds. `toy` has no speaker vector, `toyPro` has one. Nothing they say is speech.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import numpy as np

from myna.datatypes import Audio
from myna.specs import (
    ENCODERS,
    FAMILIES,
    DecoderSpec,
    DiscriminatorSpec,
    ERes2NetSpec,
    FamilySpec,
    GeneratorSpec,
    HubertSpec,
    RobertaSpec,
    TokenModelSpec,
)

WORDS = "The quick brown fox."
TEXT = "Good morning to you. Birds repeat what they hear. So does this one."
SENTENCES = 3
"""In `TEXT`."""

CHARACTERS = "你好世界早上春天来了我们去看花"
"""What the toy text encoder knows."""

ENCODER_ROWS: dict[str, HubertSpec | RobertaSpec | ERes2NetSpec] = {
    "toy-hubert": HubertSpec(
        width=24, heads=3, layers=2, feedforward=40, filters=8, position_kernel=8, position_groups=4
    ),
    "toy-roberta": RobertaSpec(
        vocabulary=4 + len(CHARACTERS), width=24, heads=3, layers=2, used_layers=1, feedforward=40
    ),
    "toy-eres2net": ERes2NetSpec(channels=8, blocks=(1, 1, 1, 1), head_width=6),
}

_TOKEN_MODEL = TokenModelSpec(
    phones=732,
    text_features=24,
    width=32,
    heads=2,
    layers=2,
    feedforward=64,
    codes=64,
    most_tokens=60,
)
_SIZES: dict[str, Any] = {
    "phones": 732,
    "content": 24,
    "codes": 64,
    "hidden": 16,
    "feedforward": 32,
    "text_layers": 1,
    "half_layers": 1,
    "fusion": 32,
    "flow_layers": 2,
    "flows": 2,
    "generator": GeneratorSpec(channels=32, resblock_kernels=(3,), resblock_dilations=(1,)),
    "discriminator": DiscriminatorSpec(
        periods=(2, 3), channels=(4, 8, 8), all_channels=(4, 8, 8, 8)
    ),
}
_ENCODERS: dict[str, Any] = {
    "symbols": "v2",
    "languages": ("zh", "en", "ja", "ko", "yue"),
    "token_model": _TOKEN_MODEL,
    "content_encoder": "toy-hubert",
    "text_encoder": "toy-roberta",
}
FAMILY_ROWS = {
    "toy": FamilySpec(name="toy", decoder=DecoderSpec(timbre=32, **_SIZES), **_ENCODERS),
    "toyPro": FamilySpec(
        name="toyPro",
        decoder=DecoderSpec(timbre=48, speaker_vector=ENCODER_ROWS["toy-eres2net"].width, **_SIZES),
        speaker_encoder="toy-eres2net",
        **_ENCODERS,
    ),
}


def register(
    families: MutableMapping[str, Any] = FAMILIES, encoders: MutableMapping[str, Any] = ENCODERS
) -> None:
    """Add the toys to the tables of families and encoders."""
    families.update(FAMILY_ROWS)
    encoders.update(ENCODER_ROWS)


def install(models: Path) -> None:
    """Write every toy model; the toys are registered."""
    for index, name in enumerate(FAMILY_ROWS):
        voice_model(models / name, name, seed=index)
    for name in ENCODER_ROWS:
        encoder(models / name, name)


def voice_model(out: Path, family: str, *, seed: int) -> None:
    """Weights of one family."""
    from myna.checkpoints import store
    from myna.nets.decoder import Decoder
    from myna.nets.token_model import TokenModel

    spec = FAMILY_ROWS[family]
    store.write(
        out,
        kind=store.VOICE_MODEL,
        spec=family,
        parts={
            "token_model": _weights(lambda: TokenModel(spec.token_model), seed),
            "decoder": _weights(lambda: Decoder(spec.decoder), seed, {"generator.last.weight": 30}),
        },
        provenance={"sources": "random"},
    )


def encoder(out: Path, name: str, *, seed: int = 9) -> None:
    """Weights of one encoder, and the characters of a text encoder."""
    from myna.checkpoints import store
    from myna.nets.eres2net import ERes2NetV2
    from myna.nets.hubert import Hubert
    from myna.nets.roberta import Roberta

    build, texts = {
        "toy-hubert": (Hubert, {}),
        "toy-roberta": (
            Roberta,
            {"vocab.txt": "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *CHARACTERS]) + "\n"},
        ),
        "toy-eres2net": (ERes2NetV2, {}),
    }[name]
    parts = {"weights": _weights(lambda: build(ENCODER_ROWS[name]), seed)}
    store.write(out, kind=store.ENCODER, spec=name, parts=parts, provenance={}, texts=texts)


def clip(seconds: float = 4.0, *, rate: int = 16_000, seed: int = 0) -> Audio:
    """A buzz through moving resonances, four syllables a second: passes for a reference."""
    random = np.random.default_rng(seed)
    time = np.arange(rate // 4) / rate
    harmonics = 120 * np.arange(1, 32)
    syllables = []
    for _ in range(round(seconds * 4)):
        formants = random.uniform([250, 900, 2200], [800, 2200, 3400])
        heights = np.exp(-(((harmonics[:, None] - formants) / 120) ** 2)).sum(1)
        buzz = heights @ np.sin(2 * np.pi * harmonics[:, None] * time)
        syllables.append(buzz * np.sin(np.pi * time * 4) ** 2)
    speech = np.concatenate([np.zeros(rate // 4), *syllables, np.zeros(rate // 4)])
    speech = speech / np.abs(speech).max() * 0.5 + random.normal(size=len(speech)) * 1e-4
    return Audio(speech.astype(np.float32), rate)


def _weights(build: Any, seed: int, louder: dict[str, float] | None = None) -> dict[str, Any]:
    import torch

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        state = build().state_dict()
    return {name: value.numpy() * (louder or {}).get(name, 1) for name, value in state.items()}
