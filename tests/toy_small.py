"""A family of toy size with all that our own small model has: tokens that are spelled, speaker
vectors that the token model reads too, a generator that filters a source."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy
from myna.dataset.manifest import Clip
from myna.dataset.prepare import PreparedSet
from myna.specs import (
    ENCODERS,
    FAMILIES,
    DecoderSpec,
    DiscriminatorSpec,
    EcapaSpec,
    FamilySpec,
    SourceFilterSpec,
    SpectrogramSpec,
    SpellingSpec,
    TokenModelSpec,
)

RATE = 16_000
SPELLING = SpellingSpec(pitch=(-1.0, 1.0), loudness=(-1.0, 1.0))
SPEAKER = EcapaSpec(channels=8, scale=2, bottleneck=4, pooled=8, width=6)
FAMILY = FamilySpec(
    name="toySmall",
    symbols="v2",
    languages=("en",),
    token_model=TokenModelSpec(
        phones=732,
        text_features=6,
        width=16,
        heads=2,
        layers=1,
        feedforward=32,
        codes=SPELLING.codes,
        most_tokens=60,
        spelling=SPELLING,
    ),
    decoder=DecoderSpec(
        phones=732,
        reference_bins=200,
        timbre=16,
        speaker_vector=6,
        content=SPELLING.content,
        codes=SPELLING.codes,
        hidden=16,
        feedforward=32,
        text_layers=1,
        half_layers=1,
        fusion=16,
        fusion_heads=2,
        flow_layers=1,
        flows=2,
        posterior_layers=0,
        generator=SourceFilterSpec(
            rate=RATE, hop=320, window=480, bands=24, channels=16, feedforward=24, layers=1
        ),
        band_limited=True,
        discriminator=DiscriminatorSpec(
            periods=(2, 3), channels=(4, 8, 8), all_channels=(4, 8, 8, 8)
        ),
        spectrogram=SpectrogramSpec(rate=RATE, window=512, hop=320),
    ),
    content_encoder=None,
    text_encoder=None,
    text_encoder_languages=(),
    improved_reading=True,
    speaker_encoder="toy-ecapa",
    speaker_aware=True,
    prompted=False,
)
WORDS = ("Good morning.", "Birds repeat it.", "He went home.", "Nice to meet you.")


def install(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Make Myna know the family, and install its encoder; sounds of a text are laid evenly."""
    import torch

    from myna.checkpoints import store
    from myna.dataset import spelling
    from myna.engines.recogniser import Recogniser
    from myna.nets.ecapa import Ecapa

    patch.setitem(FAMILIES, FAMILY.name, FAMILY)
    patch.setitem(ENCODERS, "toy-ecapa", SPEAKER)
    patch.setattr(Recogniser, "lay", evenly)
    # Speech of drawn numbers has no pitch.
    patch.setattr(spelling, "melody", buzzing)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        net = Ecapa(SPEAKER)
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    folder, name = home / "models" / "toy-ecapa", "toy-ecapa"
    store.write(folder, kind=store.ENCODER, spec=name, parts={"weights": weights}, provenance={})


def evenly(_recogniser: object, bands: Any, phones: Sequence[str]) -> Any:
    """What `Recogniser.lay` returns, if all sounds were as long."""
    edges = np.linspace(0, len(bands), len(phones) + 1).astype(int)
    return list(pairwise(edges.tolist())), 0.0


def buzzing(sound: toy.Audio) -> Any:
    """A melody that rises."""
    from myna.audio.filterbank import FRAMES_PER_SECOND

    return np.linspace(100, 200, round(sound.seconds * FRAMES_PER_SECOND), dtype=np.float32)


def prepared(
    folder: Path, speakers: Sequence[str] = ("anna", "ben"), seconds: float = 1.0
) -> PreparedSet:
    """Four sentences of each speaker."""
    (folder / "clips").mkdir(parents=True)
    clips = []
    for index in range(len(WORDS) * len(speakers)):
        audio = toy.clip(seconds, seed=index, rate=RATE)
        clip = Clip(
            id=f"{index:012x}",
            source=f"{index}.wav",
            audio=f"clips/{index:012x}.flac",
            end=audio.seconds,
            rate=audio.rate,
            speaker=speakers[index // len(WORDS)],
            language="en",
            text=WORDS[index % len(WORDS)],
            quality={"snr_db": 30.0},
        )
        audio.save(folder / clip.audio)
        clips.append(clip)
    return PreparedSet(folder=folder, clips=tuple(clips), dropped=())
