"""Model folders with the kit's synthetic weights, at full size, built once per run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kit
import numpy as np

from myna.checkpoints import names, store
from myna.checkpoints.store import ModelFolder

TABLES = {
    "s1": names.TOKEN_MODEL,
    "s2d": names.DISCRIMINATOR,
    "s2": names.DECODER,
    "hubert_base": names.HUBERT,
    "bert_large": names.ROBERTA,
    "eres2netv2": names.ERES2NETV2,
}
"""Names of each network, by the start of its manifests' names."""

ENCODERS = {"hubert-base": "hubert_base", "roberta-large": "bert_large", "eres2netv2": "eres2netv2"}
"""Our names to the kit's."""


def tensors(manifest: str) -> dict[str, np.ndarray]:
    """Synthetic weights by our names."""
    table = next(table for start, table in TABLES.items() if manifest.startswith(start))
    found = {table.ours(name): value for name, value in kit.state(manifest).items()}
    return {name: value for name, value in found.items() if name is not None}


def voice_model(out: Path, family: str, token_model: str) -> ModelFolder:
    """A voice model of the kit's token model and decoder."""
    parts = {
        "token_model": tensors(f"s1_{token_model}"),
        "decoder": tensors(f"s2_{family}"),
    }
    return store.write(
        out, kind=store.VOICE_MODEL, spec=family, parts=parts, provenance={"sources": "synthetic"}
    )


def encoder(out: Path, name: str) -> ModelFolder:
    """An encoder; the text encoder comes with a vocabulary of Chinese characters."""
    texts: dict[str, Any] = {}
    if name == "roberta-large":
        marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"!?…,.-"]
        characters = [chr(code) for code in range(0x4E00, 0x4E00 + 21_128 - len(marks))]
        texts["vocab.txt"] = "\n".join([*marks, *characters]) + "\n"
    parts = {"weights": tensors(ENCODERS[name])}
    return store.write(out, kind=store.ENCODER, spec=name, parts=parts, provenance={}, texts=texts)
