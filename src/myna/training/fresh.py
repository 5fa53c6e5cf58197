"""A model to train from scratch: networks with drawn weights, and a codebook of real speech."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import myna
from myna.audio.preparation import training_content_input
from myna.audio.spelling import meaning
from myna.checkpoints import store
from myna.checkpoints.recognise import DECODER, TOKEN_MODEL
from myna.checkpoints.store import ModelFolder
from myna.datatypes import Audio
from myna.engines.torch_engine import TorchEngine
from myna.errors import ConfigError
from myna.nets.decoder import Decoder
from myna.nets.token_model import TokenModel
from myna.specs import family as family_called
from myna.training.codebook import centres
from myna.training.seeding import seeded

_MOST_VECTORS = 100_000
"""Content vectors that the codebook is found from: more than an hour of speech."""

_SOFT = 0.01
"""Standard deviation of the generator's kernels."""


def fresh(
    family: str, out: str | Path, clips: Sequence[Audio], *, seed: int = 0, name: str | None = None
) -> ModelFolder:
    """Make a voice model that knows nothing yet but what its semantic tokens are.

    Args:
        family: name of a row in `myna.specs`.
        out: the folder to make.
        clips: speech, whose content features the codes become the centres of. The family's content
            encoder is installed. Without clips the codebook is drawn, which only tests want. A
            family that spells its tokens needs none: their codes are what they mean.
        seed: of the weights.

    Raises:
        ConfigError: there is no such family.
        CheckpointError: something else is at `out`.
        ModelNotFoundError: the content encoder is not installed.
        TrainingError: the clips are too short for so many codes.
    """
    spec, out = family_called(family), Path(out)
    store.check_target(out, overwrite=False)
    if not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed is {seed!r}; it is a whole number from 0.")
    with seeded(torch.device("cpu"), seed, "fresh"):
        token_model = _arrays(TokenModel(spec.token_model))
        decoder = _arrays(Decoder(spec.decoder, training=True))
    _start_quietly(decoder, seed)
    # Two frames of content become one token: at first their mean.
    kernel = decoder["content_downsample.weight"]
    decoder["content_downsample.weight"] = np.zeros_like(kernel)
    channels = np.arange(len(kernel))
    decoder["content_downsample.weight"][channels, channels] = 1 / kernel.shape[-1]
    decoder["content_downsample.bias"] = np.zeros_like(decoder["content_downsample.bias"])
    if spec.token_model.spelling is not None:
        decoder["codebook.weight"] = meaning(spec.token_model.spelling, spec.decoder.codes)
    elif clips:
        # An engine wants a whole model; what has no codebook yet never stands in the place of one.
        with TemporaryDirectory() as place:
            unfinished = _write(
                Path(place, "model"), name, family, token_model, decoder, seed, clips
            )
            vectors = _vectors(unfinished, clips)
        decoder["codebook.weight"] = centres(vectors, spec.decoder.codes, seed=seed).numpy()
    return _write(out, name, family, token_model, decoder, seed, clips)


def _start_quietly(decoder: dict[str, NDArray[Any]], seed: int) -> None:
    """Weights that training starts well from: a flow that changes nothing, and a soft generator.

    Source: the initial values of VITS (arXiv:2106.06103) and HiFi-GAN (arXiv:2010.05646).
    """
    random = np.random.default_rng(seed)
    for name, value in decoder.items():
        if name.startswith("flow.") and ".last." in name:
            decoder[name] = np.zeros_like(value)
        elif name.startswith("generator.") and name.endswith(".weight_v"):
            drawn = random.normal(0.0, _SOFT, value.shape).astype(np.float32)
            length = np.sqrt(np.square(drawn).sum(tuple(range(1, drawn.ndim)), keepdims=True))
            decoder[name] = drawn
            decoder[name.replace("weight_v", "weight_g")] = length


def _arrays(net: nn.Module) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def _write(
    out: Path,
    name: str | None,
    family: str,
    token_model: dict[str, NDArray[Any]],
    decoder: dict[str, NDArray[Any]],
    seed: int,
    clips: Sequence[Audio],
) -> ModelFolder:
    return store.write(
        out,
        kind=store.VOICE_MODEL,
        spec=family,
        name=name,
        parts={TOKEN_MODEL: token_model, DECODER: decoder},
        provenance={
            "sources": "drawn weights",
            "seed": seed,
            "codebook_seconds": round(sum(clip.seconds for clip in clips), 1),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "myna": myna.__version__,
        },
    )


def _vectors(folder: ModelFolder, clips: Sequence[Audio]) -> torch.Tensor:
    """(N, C) content at the rate of semantic tokens."""
    engine = TorchEngine(folder)
    found, count = [], 0
    for clip in clips:
        content = engine.content(training_content_input(clip).samples)
        pairs = content[: len(content) // 2 * 2].reshape(-1, 2, content.shape[1]).mean(1)
        found.append(torch.from_numpy(pairs))
        count += len(pairs)
        if count >= _MOST_VECTORS:
            break
    return torch.cat(found)
