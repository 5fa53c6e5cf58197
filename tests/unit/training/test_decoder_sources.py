"""The decoder's task with a generator that filters pulses and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import toy
from myna.dataset.features import pitch_of
from myna.datatypes import Audio
from myna.errors import DatasetError
from myna.specs import SourceFilterSpec, SpectrogramSpec
from myna.training.decoder_batches import collate, pitched
from myna.training.decoder_task import DecoderSettings, DecoderTask
from myna.training.optimisers import optimiser
from myna.training.task import Batch, Draws, OptimiserSettings

SOURCE = SourceFilterSpec(
    rate=16_000, hop=160, window=240, bands=32, channels=16, feedforward=24, layers=2
)
SPEC = replace(
    toy.FAMILY_ROWS["toyPro"].decoder,
    reference_bins=200,
    posterior_layers=0,
    spectrogram=SpectrogramSpec(rate=16_000, window=512, hop=160),
    generator=SOURCE,
    band_limited=True,
)
HOP = SPEC.spectrogram.hop


def examples(lengths: Sequence[int] = (20, 30, 9)) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    rows = []
    for number, tokens in enumerate(lengths):
        wave = toy.clip(2.0, rate=16_000, seed=number).samples[4000:][: 2 * tokens * HOP]
        rows.append(
            {
                "key": f"clip {number}",
                "phones": random.integers(0, SPEC.phones, 5 + number),
                "tokens": random.integers(0, SPEC.codes, tokens),
                "samples": (wave * 32767).astype(np.int16),
                "speaker": random.normal(size=SPEC.speaker_vector).astype(np.float32),
                "pitch": pitch_of(Audio(wave, 16_000), len(wave), SOURCE),
                "band": np.array([4000.0 + 1000.0 * number], np.float32),
            }
        )
    return rows


def build() -> DecoderTask:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        settings = DecoderSettings(slice_frames=16, dropout=0.0, adversarial=False)
        return DecoderTask(SPEC, settings)


def numerators(task: DecoderTask, batch: Batch) -> dict[str, Tensor]:
    return dict(task.losses("generator", batch, task.forward(batch, Draws(5, 1, batch.keys))))


def test_pieces_add_up_to_the_batch() -> None:
    task, rows = build(), examples()
    with torch.no_grad():
        whole = numerators(task, task.collate(rows))
        parts = [numerators(task, task.collate([row])) for row in rows]
    assert set(whole) == {"mel", "spectral", "pitch"}
    assert set(whole) == set(task.players[0].weights)
    for name, value in whole.items():
        torch.testing.assert_close(value, sum(part[name] for part in parts), rtol=2e-4, atol=1e-3)


def test_held_out_losses_do_not_depend_on_neighbours() -> None:
    task, rows = build(), examples()
    task.nets.eval()
    with torch.no_grad():
        whole = task.evaluate(task.collate(rows))
        parts = [task.evaluate(task.collate([row])) for row in rows]
    for name, value in whole.items():
        torch.testing.assert_close(value, sum(part[name] for part in parts), rtol=2e-4, atol=1e-3)


def test_without_a_posterior_encoder_only_the_prior_is_judged() -> None:
    task = build()
    assert not any(name.startswith("decoder.posterior") for name in task.nets.state_dict())
    task.nets.eval()
    with torch.no_grad():
        found = task.evaluate(task.collate(examples()))
    assert set(found) == {"loss", "mel_from_prior"}
    assert {sample.name.split(" clip")[0] for sample in task.samples(examples()[:1])} == {
        "recorded",
        "from the prior",
    }


def test_a_posterior_encoder_can_come_before_such_a_generator() -> None:
    spec = replace(SPEC, posterior_layers=2)
    task = DecoderTask(spec, DecoderSettings(slice_frames=16, dropout=0.0, adversarial=False))
    with torch.no_grad():
        terms = numerators(task, task.collate(examples()))
    assert set(terms) == {"mel", "kl", "spectral", "pitch"} == set(task.players[0].weights)


def test_what_a_batch_says_of_its_source() -> None:
    rows = examples()
    batch = collate(rows, SPEC, 16)
    assert batch["band"][:, 0].tolist() == pytest.approx([0.5, 0.625, 0.75])
    frames = 2 * int(batch["frames"][0])
    pitch = rows[0]["pitch"][:frames]
    voiced = batch["voiced"][0, :frames].numpy() > 0
    assert 0 < voiced.sum() < frames
    np.testing.assert_array_equal(voiced, pitch > 0)
    np.testing.assert_allclose(
        160.0 * 2.0 ** batch["octaves"][0, :frames].numpy()[voiced], pitch[voiced], rtol=1e-5
    )


def test_pitch_goes_on_where_there_is_no_voice() -> None:
    octaves, voiced = pitched(np.array([0.0, 160.0, 0.0, 0.0, 0.0, 320.0, 0.0]))
    assert octaves.tolist() == [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert voiced.tolist() == [0, 1, 0, 0, 0, 1, 0]
    silent = pitched(np.zeros(3))
    assert silent[0].tolist() == silent[1].tolist() == [0.0, 0.0, 0.0]


def test_a_set_without_pitch_is_refused() -> None:
    row = examples((20,))[0]
    with pytest.raises(DatasetError, match="3 values of pitch; this family reads 80"):
        collate([row | {"pitch": row["pitch"][:3]}], SPEC, 16)


def test_the_band_moves_the_timbre_alone_by_default_to_all() -> None:
    task = build()
    task.nets.eval()
    picture, mask = torch.rand(1, 257, 30), torch.ones(1, 1, 30)
    speaker = torch.zeros(1, SPEC.speaker_vector or 0)
    with torch.no_grad():
        by_default, whole, half = (
            task.decoder.timbre(picture, mask, speaker, band)
            for band in (None, torch.ones(1, 1), torch.full((1, 1), 0.5))
        )
    assert torch.equal(by_default, whole)
    assert not torch.equal(whole, half)


def test_one_batch_is_learnt() -> None:
    task = build()
    batch = task.collate(examples())
    moved = optimiser(
        task.nets, task.players[0].groups, OptimiserSettings(rate=3e-3, betas=(0.9, 0.99))
    )
    first, last = {}, {}
    for step in range(80):
        terms = task.losses("generator", batch, task.forward(batch, Draws(5, step, batch.keys)))
        total = sum(weight * terms[name] for name, weight in task.players[0].weights.items())
        moved.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(task.nets.parameters(), 1000.0)
        moved.step()
        last = {name: float(term.detach()) for name, term in terms.items()}
        first = first or last
    for name, share in {"mel": 0.7, "spectral": 0.97, "pitch": 0.6}.items():
        assert last[name] < share * first[name], (name, first, last)
