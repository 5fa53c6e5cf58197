"""The decoder's task: batches, pieces, losses, starting points, and that it learns."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import toy
from myna.checkpoints import shapes, store
from myna.errors import CheckpointError, ConfigError, DatasetError, TrainingError
from myna.nets.decoder import Decoder
from myna.nets.discriminator import Discriminator
from myna.specs import GeneratorSpec, SpectrogramSpec
from myna.training import decoder_task
from myna.training.decoder_batches import frames, with_margins
from myna.training.decoder_losses import DecoderLosses
from myna.training.decoder_task import DecoderSettings, DecoderTask
from myna.training.optimisers import optimiser
from myna.training.task import Batch, Draws, OptimiserSettings

SMALLER: dict[str, Any] = {
    "reference_bins": 200,
    "posterior_layers": 2,
    "spectrogram": SpectrogramSpec(rate=16_000, window=512, hop=80),
    "generator": GeneratorSpec(
        channels=16,
        rates=(5, 4, 4),
        kernels=(5, 8, 8),
        resblock_kernels=(3,),
        resblock_dilations=(1,),
    ),
}
SPECS = {name: replace(row.decoder, **SMALLER) for name, row in toy.FAMILY_ROWS.items()}
PRO = SPECS["toyPro"]
RATE, HOP = PRO.spectrogram.rate, PRO.spectrogram.hop
TOKENS = (20, 30, 9, 14)
"""Of the examples; the third is shorter than a slice of 24 frames."""


def examples(lengths: Sequence[int] = TOKENS) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    rows = []
    for number, tokens in enumerate(lengths):
        wave = toy.clip(2.0, rate=RATE, seed=number).samples[RATE // 4 :]
        rows.append(
            {
                "key": f"clip {number}",
                "phones": random.integers(0, PRO.phones, 5 + number),
                "tokens": random.integers(0, PRO.codes, tokens),
                # one frame more than the tokens speak of, and a part of one
                "samples": (wave[: (2 * tokens + 1) * HOP + 77] * 32767).astype(np.int16),
                "speaker": random.normal(size=PRO.speaker_vector).astype(np.float32),
            }
        )
    return rows


def build(family: str = "toyPro", *, double: bool = False, **settings: Any) -> DecoderTask:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        task = DecoderTask(
            SPECS[family], DecoderSettings(**{"slice_frames": 24, "dropout": 0.0} | settings)
        )
    if double:
        task.nets.double()
    return task


def numerators(task: DecoderTask, player: str, batch: Batch, step: int = 1) -> dict[str, Tensor]:
    shared = task.forward(batch, Draws(5, step, batch.keys))
    return dict(task.losses(player, batch, shared))


def gradients(task: DecoderTask, player: int, sizes: Sequence[int]) -> dict[str, Tensor]:
    """Of the player's own parameters, of batches of these sizes together."""
    rows, batches = examples(), []
    for size in sizes:
        batches.append(task.collate(rows[:size]))
        del rows[:size]
    under: dict[str, float] = {}
    for batch in batches:
        for term, value in task.denominators(batch).items():
            under[term] = under.get(term, 0.0) + value
    playing = task.players[player]
    prefix = playing.groups[0].prefixes[0]
    moved = {
        name: each
        for name, each in task.nets.named_parameters()
        if name.startswith(prefix) and each.requires_grad
    }
    sums = {name: torch.zeros_like(each) for name, each in moved.items()}
    for batch in batches:
        terms = numerators(task, playing.name, batch)
        assert terms.keys() == playing.weights.keys()
        total = sum((w * terms[t] / under[t] for t, w in playing.weights.items()), torch.zeros(()))
        found = torch.autograd.grad(total, list(moved.values()))
        for name, grad in zip(moved, found, strict=True):
            sums[name] += grad
        sums[f"total {playing.name}"] = sums.get(f"total {playing.name}", 0) + total.detach()
    return sums


@pytest.mark.parametrize("adversarial", [True, False])
def test_pieces_add_up_to_the_batch(adversarial: bool) -> None:
    task = build(double=True, adversarial=adversarial)
    for player in range(len(task.players)):
        whole = gradients(task, player, [4])
        for sizes in ([2, 2], [1, 3]):
            for name, grad in gradients(task, player, sizes).items():
                torch.testing.assert_close(grad, whole[name], atol=1e-9, rtol=1e-7, msg=name)
                assert grad.abs().max() > 0, name


def test_held_out_losses_of_rows_do_not_depend_on_their_neighbours() -> None:
    task = build(double=True)
    task.nets.eval()
    with torch.no_grad():
        together = task.evaluate(task.collate(examples()))
        alone = [task.evaluate(task.collate([row])) for row in examples()]
        again = task.evaluate(task.collate(examples()))
    assert together.keys() == {"loss", "mel_made", "mel_from_prior", "kl"}
    assert together.keys() <= task.denominators(task.collate(examples())).keys()
    for term, value in together.items():
        torch.testing.assert_close(value, sum(each[term] for each in alone))
        assert value == again[term]
    torch.testing.assert_close(together["loss"], 45 * together["mel_made"] + together["kl"])


def test_a_batch_is_cut_to_what_tokens_and_recording_share() -> None:
    task, rows = build(), examples()
    rows[0]["samples"] = rows[0]["samples"][: 38 * HOP + 5]  # two frames fewer than the tokens
    batch = task.collate(rows)
    assert batch["frames"].tolist() == [38, 60, 18, 28]
    assert [frames(PRO, len(r["tokens"]), len(r["samples"])) for r in rows] == [38, 60, 18, 28]
    assert batch["tokens"].shape == (4, 32), "frames that nothing looks across"
    assert batch["tokens"][0, :19].tolist() == rows[0]["tokens"][:19].tolist()
    assert batch["tokens"][0, 19:].eq(0).all()
    width = PRO.spectrogram.window - HOP
    assert batch["samples"].shape == (4, 64 * HOP + width)
    assert batch["samples"][2, 18 * HOP + width :].eq(0).all()
    seen = np.pad(rows[0]["samples"], width // 2, mode="reflect")[: 38 * HOP + width]
    assert batch["samples"][0, : len(seen)].numpy().tolist() == seen.tolist()
    assert with_margins(rows[0]["samples"], 38, PRO.spectrogram).tolist() == seen.tolist()
    assert task.collate(rows[2:3])["tokens"].shape == (1, 14), "a slice, and the empty frames"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": np.array([64])}, "knows 0 to 63"),
        ({"phones": np.array([], int)}, "clip 0 has no phones"),
        ({"samples": np.zeros(40 * HOP, np.float32)}, "expected int16"),
        ({"samples": np.zeros(53 * HOP, np.int16)}, "not of the same clip"),
        ({"samples": np.zeros(HOP, np.int16), "tokens": np.array([1])}, "too few"),
        ({"speaker": np.zeros(7)}, "speaker vector of shape"),
    ],
)
def test_examples_that_do_not_fit_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        build().collate([examples()[0] | change])


def test_slices_are_where_the_draws_say() -> None:
    task, batch = build(), build().collate(examples())
    edge = (PRO.spectrogram.window - HOP) // 2
    found = set()
    for step in range(30):
        draws = Draws(5, step, batch.keys)
        with torch.no_grad():
            slices = task.forward(batch, draws)
        share = float(draws.uniform("slice", batch["samples"])[0])
        start = int(share * 17)  # 40 frames hold 17 slices of 24
        found.add(start)
        expected = batch["samples"][0, edge + start * HOP :][: 24 * HOP] / 32768
        torch.testing.assert_close(slices.real[0], expected)
        assert slices.slice_mask.sum((1, 2)).tolist() == [24, 24, 18, 24]
        for wave in (slices.real, slices.made):
            assert wave.shape == (4, 24 * HOP)
            assert wave[2, 18 * HOP :].eq(0).all(), "beyond a short clip there is silence"
            assert wave[2, : 18 * HOP].ne(0).any()
    assert {0, 16} <= found <= set(range(17))


def test_players_move_what_is_theirs() -> None:
    task = build()
    judging, making = task.players
    assert (judging.name, judging.weights) == ("discriminator", {"discrimination": 1.0})
    assert making.weights == {"adversarial": 1.0, "features": 2.0, "mel": 45.0, "kl": 1.0}
    batch = task.collate(examples())
    shared = task.forward(batch, Draws(0, 0, batch.keys))
    task.losses(judging.name, batch, shared)["discrimination"].backward()
    decoder, judges = task.nets["decoder"], task.nets["discriminator"]
    assert all(each.grad is None for each in decoder.parameters())
    assert all(each.grad is not None for each in judges.parameters())
    judges.zero_grad()
    moves = optimiser(task.nets, making.groups, OptimiserSettings())
    moved = [each for group in moves.param_groups for each in group["params"]]
    terms = task.losses(making.name, batch, shared)
    sum(terms.values(), torch.zeros(())).backward(inputs=moved)
    assert all(each.grad is None for each in judges.parameters())
    still = {name for name, each in decoder.named_parameters() if each.grad is None}
    assert still == {"content_downsample.weight", "content_downsample.bias", "codebook.weight"}
    text_side = [group["params"] for group in moves.param_groups if group["scale"] == 0.4]
    assert len(text_side) == 1
    prior = decoder.prior_encoder
    expected = [prior.phone_embedding, prior.text_layers, prior.fusion]
    parameters = {each for net in expected for each in net.parameters()}
    assert set(text_side[0]) == parameters


def test_without_judges_there_is_one_player() -> None:
    task = build(adversarial=False, losses=DecoderLosses(spectral=3.0, mel=10.0))
    assert list(task.nets) == ["decoder"]
    (player,) = task.players
    assert player.weights == {"mel": 10.0, "kl": 1.0, "spectral": 3.0}


def test_settings_are_checked() -> None:
    for settings in ({"slice_frames": 4}, {"text_scale": 1.5}, {"dropout": 1.0}):
        with pytest.raises(ConfigError, match=next(iter(settings))):
            DecoderSettings(**settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="mel is -1"):
        DecoderLosses(mel=-1.0)


@pytest.mark.parametrize("family", ["toy", "toyPro"])
def test_one_batch_is_learnt(family: str) -> None:
    task = build(family, adversarial=family == "toyPro", slice_frames=16)
    task.nets.train()
    batch = task.collate(examples((9, 14)))
    movers = {
        player.name: torch.optim.Adam(
            [
                each
                for name, each in task.nets.named_parameters()
                if name.startswith(player.groups[0].prefixes[0]) and each.requires_grad
            ],
            1e-2,
            (0.8, 0.99),
        )
        for player in task.players
    }
    under, found = task.denominators(batch), []
    for step in range(60):
        shared = task.forward(batch, Draws(0, step, batch.keys))
        for player in task.players:
            terms = task.losses(player.name, batch, shared)
            total = torch.stack([w * terms[t] / under[t] for t, w in player.weights.items()]).sum()
            movers[player.name].zero_grad()
            total.backward(inputs=movers[player.name].param_groups[0]["params"])
            movers[player.name].step()
        found.append(float(terms["mel"].detach()) / under["mel"])
    assert np.mean(found[-5:]) < 0.65 * np.mean(found[:3])


def test_what_is_shown_of_an_example() -> None:
    task = build()
    task.nets.eval()
    shown = task.samples(examples()[:1])
    names = ["recorded clip 0", "made clip 0", "from the prior clip 0"]
    assert [each.name for each in shown] == names
    for each in shown:
        assert each.rate == RATE
        assert each.audio is not None
        assert each.audio.shape == (40 * HOP,)
        assert each.audio.dtype == np.float32
        assert each.picture is not None
        assert each.picture.shape == (128, 40)
    expected = examples()[0]["samples"][: 40 * HOP] / 32768
    np.testing.assert_allclose(shown[0].audio, expected, atol=1e-6)


def base(out: Path, *, posterior: bool = True, judges: bool = True) -> store.ModelFolder:
    token_model = {"a": np.zeros(1, np.float32)}
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(1)
        nets: dict[str, torch.nn.Module] = {"decoder": Decoder(PRO, training=posterior)}
        if judges:
            nets["discriminator"] = Discriminator(PRO.discriminator)
    parts = {
        part: {name: each.numpy() for name, each in net.state_dict().items()}
        for part, net in nets.items()
    }
    return store.write(
        out,
        kind=store.VOICE_MODEL,
        spec="toyPro",
        parts={"token_model": token_model, **parts},
        provenance={},
    )


@pytest.mark.usefixtures("toy_home")
def test_a_base_model_is_taken_over_and_delivered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, task = base(tmp_path / "base"), build()
    with caplog.at_level(logging.WARNING):
        decoder_task.load(task.nets, model)
    assert not caplog.text
    for part in ("decoder", "discriminator"):
        stored = store.tensors(model, part)
        state = task.nets[part].state_dict()
        assert state.keys() == set(stored)
        for name, each in state.items():
            np.testing.assert_array_equal(each, stored[name])
    assert not task.decoder.codebook.weight.requires_grad
    out = decoder_task.delivered(task.nets)
    expected = shapes.decoder(PRO)
    spoken = {name: shape for name, shape in expected.items() if not shapes.optional(name)}
    assert {name: each.shape for name, each in out.items()} == spoken
    whole = decoder_task.delivered(task.nets, keep_training=True)
    assert {name: each.shape for name, each in whole.items()} == expected


@pytest.mark.usefixtures("toy_home")
def test_what_a_base_model_lacks_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = build()
    tuned = base(tmp_path / "tuned", posterior=False)
    with pytest.raises(TrainingError, match=r"no posterior encoder.*s2G.*myna models convert"):
        decoder_task.load(task.nets, tuned)
    before = task.nets["discriminator"].state_dict()["judges.0.last.weight_v"].clone()
    with caplog.at_level(logging.WARNING):
        decoder_task.load(task.nets, base(tmp_path / "bare", judges=False))
    assert "has no discriminator" in caplog.text
    after = task.nets["discriminator"].state_dict()["judges.0.last.weight_v"]
    assert torch.equal(before, after)
    assert torch.equal(before, build().nets["discriminator"].judges[0].last.weight_v)
    with pytest.raises(CheckpointError, match="does not fit"):
        decoder_task.load(build("toy").nets, base(tmp_path / "pro"))


@pytest.mark.usefixtures("toy_home")
def test_a_discriminator_makes_no_other_voice(tmp_path: Path) -> None:
    with_judges, without = base(tmp_path / "a"), base(tmp_path / "b", judges=False)
    assert with_judges.parts == ("token_model", "decoder", "discriminator")
    assert without.parts == ("token_model", "decoder")
    assert with_judges.fingerprint == without.fingerprint
    store.verify(with_judges)
