"""What a decoder learns of who speaks: further terms, beside those it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

import toy
from myna.errors import ConfigError, DatasetError
from myna.training.decoder_task import DecoderSettings, DecoderTask
from myna.training.speaker_aware import SpeakerAwareTask, SpeakerSettings
from myna.training.task import Draws

SPEC = toy.FAMILY_ROWS["toy"].decoder
BOTH = SpeakerSettings(contrastive=1.0, adversary=0.5)


def _task(settings: SpeakerSettings = BOTH) -> SpeakerAwareTask:
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(3)
        inner = DecoderTask(SPEC, DecoderSettings(adversarial=False, slice_frames=8, dropout=0.0))
    return SpeakerAwareTask(inner, settings, ["anna", "bob", "anna"])


def _examples() -> list[Mapping[str, Any]]:
    found = []
    for row, voice in enumerate(("anna", "bob", "anna")):
        random = np.random.default_rng(row)
        tokens = 12 + row
        noise = random.integers(-3000, 3000, tokens * 1280)
        # Bob is dark, Anna bright.
        sound = np.convolve(noise, np.full(16, 0.25), "same") if voice == "bob" else noise
        found.append(
            {
                "key": f"clip {row}",
                "voice": voice,
                "phones": random.integers(0, SPEC.phones, 6),
                "tokens": random.integers(0, SPEC.codes, tokens),
                "samples": sound.astype(np.int16),
            }
        )
    return found


def _losses(task: SpeakerAwareTask) -> dict[str, float]:
    batch = task.collate(_examples())
    found = task.losses("generator", batch, task.forward(batch, Draws(1, 1, batch.keys)))
    below = task.denominators(batch)
    return {name: float(value.detach()) / below[name] for name, value in found.items()}


def test_terms_are_added_to_those_of_the_decoder() -> None:
    found = _losses(_task())
    assert {"mel", "kl", "spectral", "contrastive", "hidden"} == found.keys()
    # The classifier starts with no opinion: two speakers are as likely.
    assert found["hidden"] == pytest.approx(np.log(2), rel=1e-5)
    (player,) = _task().players
    assert player.weights["contrastive"] == 1.0
    assert player.weights["hidden"] == 0.5
    assert "hidden" not in _losses(_task(SpeakerSettings(contrastive=1.0)))


def test_learning_pulls_speakers_apart() -> None:
    task = _task()
    before = _losses(task)["contrastive"]
    learning = [each for each in task.nets.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam(learning, 1e-3)
    batch = task.collate(_examples())
    for step in range(8):
        shared = task.forward(batch, Draws(1, step, batch.keys))
        optimiser.zero_grad()
        task.losses("generator", batch, shared)["contrastive"].backward()
        optimiser.step()
    assert _losses(task)["contrastive"] < 0.1 * before


def test_the_classifier_learns_what_the_latents_hide() -> None:
    task = _task(SpeakerSettings(adversary=1.0))
    batch = task.collate(_examples())
    shared = task.forward(batch, Draws(1, 1, batch.keys))
    with torch.no_grad():
        task.nets["speakers"].latents.copy_(torch.randn(2, SPEC.hidden))
    loss = task.losses("generator", batch, shared)["hidden"]
    flowed = shared.latents.flowed
    felt, own = torch.autograd.grad(loss, [flowed, task.nets["speakers"].latents])
    # A step of the classifier down its gradient lowers the loss; one of the latents raises it.
    for change, parameter in ((-own, "classifier"), (-felt, "latents")):
        with torch.no_grad():
            known = task.nets["speakers"].latents
            moved = known + 1e-3 * change if parameter == "classifier" else known
            seen = flowed + 1e-1 * change if parameter == "latents" else flowed
            logits = torch.einsum("bct,sc->bst", seen, moved)
            inside = torch.arange(seen.shape[-1]) < batch["frames"][:, None]
            each = torch.nn.functional.cross_entropy(
                logits, batch["voice"][:, None].expand(-1, seen.shape[-1]), reduction="none"
            )
            now = float(each[inside].sum())
        assert (now < float(loss.detach())) == (parameter == "classifier"), parameter


def test_who_is_not_known_is_refused() -> None:
    task = _task()
    stranger = {**_examples()[0], "voice": "carla"}
    with pytest.raises(DatasetError, match="'carla', of whom training was not told"):
        task.collate([stranger])
    with pytest.raises(ConfigError, match="takes two; the set has 1"):
        SpeakerAwareTask(DecoderTask(SPEC, DecoderSettings()), BOTH, ["anna", "anna"])
    with pytest.raises(ConfigError, match="adversary is -1"):
        SpeakerSettings(adversary=-1)
