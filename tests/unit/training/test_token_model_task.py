"""The token model's task: batches, losses, what is rejected, pictures, and that it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import toy
from myna.checkpoints import store
from myna.errors import CheckpointError, ConfigError, DatasetError
from myna.nets.cache import GrowingCache
from myna.nets.token_model import padded_sight, sight
from myna.training import token_model_task
from myna.training.optimisers import optimiser
from myna.training.task import Batch, Draws, OptimiserSettings, ParameterGroup
from myna.training.token_model_task import TokenModelSettings, TokenModelTask

SPEC = replace(toy.FAMILY_ROWS["toy"].token_model, layers=3)
SIZES = ((5, 9), (7, 4), (3, 12), (6, 6))
"""Phones and tokens of the examples."""


def examples(features: bool = True) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number, (phones, tokens) in enumerate(SIZES):
        rows.append(
            {
                "key": f"clip {number}",
                "phones": random.integers(0, SPEC.phones, phones).astype(np.int32),
                "tokens": random.integers(0, SPEC.codes, tokens).astype(np.int32),
            }
        )
        if features and number != 1:
            values = random.normal(size=(phones, SPEC.text_features))
            rows[-1]["text_features"] = values.astype(np.float16)
    return rows


def build(**settings: Any) -> TokenModelTask:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return TokenModelTask(SPEC, TokenModelSettings(**{"dropout": 0.0} | settings))


def draws(batch: Batch, step: int = 0) -> Draws:
    return Draws(7, step, batch.keys)


def total(task: TokenModelTask, batch: Batch, under: dict[str, float]) -> Tensor:
    shared = task.forward(batch, draws(batch))
    terms = task.losses("token_model", batch, shared)
    weights = task.players[0].weights
    return sum((weights[t] * terms[t] / under[t] for t in weights), torch.zeros(()))


def gradients(task: TokenModelTask, pieces: int) -> dict[str, Tensor]:
    rows = examples()
    size = len(rows) // pieces
    batches = [task.collate(rows[at : at + size]) for at in range(0, len(rows), size)]
    found = [task.denominators(batch) for batch in batches]
    under = {term: sum(each[term] for each in found) for term in found[0]}
    for batch in batches:
        total(task, batch, under).backward()
    return {name: p.grad for name, p in task.nets.named_parameters() if p.grad is not None}


def test_a_batch_is_padded() -> None:
    task = build()
    batch = task.collate(examples())
    assert batch.keys == ("clip 0", "clip 1", "clip 2", "clip 3")
    assert batch["phones"].shape == (4, 7)
    assert batch["tokens"].shape == (4, 12)
    assert batch["phones"][2, 3:].eq(0).all()
    assert batch["tokens"][1, 4:].eq(SPEC.end).all()
    assert batch["text_features"].dtype == torch.float16
    assert batch["text_features"][1].eq(0).all()
    assert batch["text_features"][0, 5:].eq(0).all()
    assert task.denominators(batch)["loss"] == 9 + 4 + 12 + 6 + 4
    assert task.denominators(batch)["top3"] == 9 + 4 + 12 + 6


def test_without_text_features_is_as_with_zeros() -> None:
    task, rows = build(), examples(features=False)
    zeros = [
        {**row, "text_features": np.zeros((len(row["phones"]), SPEC.text_features), np.float32)}
        for row in rows
    ]
    losses = [float(task.evaluate(task.collate(each))["loss"].detach()) for each in (rows, zeros)]
    assert losses[0] == losses[1]


def test_loss_and_accuracy_of_rows_are_those_of_generation() -> None:
    task = build()
    task.nets.eval()
    batch = task.collate(examples())
    loss, right = 0.0, 0
    with torch.no_grad():
        for row in examples():
            cache = GrowingCache()
            features = row.get("text_features")
            logits = task.model.prefill(
                torch.from_numpy(row["phones"])[None].long(),
                None if features is None else torch.from_numpy(features)[None].float(),
                torch.zeros(1, 0, dtype=torch.long),
                cache,
            )
            for position, token in enumerate([*row["tokens"].tolist(), SPEC.end]):
                loss -= float(logits.log_softmax(-1)[0, token])
                right += token != SPEC.end and token in logits[0].topk(3).indices.tolist()
                logits = task.model.step(torch.tensor([token]), torch.tensor([position]), cache)
        terms = task.evaluate(batch)
    assert float(terms["loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(terms["top3"]) == right


def test_padding_hides_nothing_where_there_is_none() -> None:
    mask = padded_sight(torch.tensor([4, 4]), 4, 3)
    assert mask.shape == (2, 1, 7, 7)
    assert torch.equal(mask[1, 0], sight(4, 3, torch.device("cpu")))
    assert not padded_sight(torch.tensor([2, 4]), 4, 3)[0, 0, :, 2:4].any()


@pytest.mark.parametrize(
    "settings",
    [{}, {"preference": 0.5, "guided": 2.0, "guided_heads": ((0, 1), (2, 0))}],
    ids=["plain", "all losses"],
)
def test_pieces_have_the_gradient_of_the_whole(settings: dict[str, Any]) -> None:
    whole, pieces = (gradients(build(**settings), count) for count in (1, 2))
    assert whole.keys() == pieces.keys()
    assert len(whole) == len(list(build().nets.parameters()))
    for name, value in whole.items():
        torch.testing.assert_close(pieces[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_dropout_is_for_training_only() -> None:
    task = build(dropout=0.5)
    batch = task.collate(examples())
    with torch.no_grad():
        once, again = (task.predict(batch)[0] for _ in range(2))
        assert not torch.equal(once, again)
        task.nets.eval()
        once, again = (task.predict(batch)[0] for _ in range(2))
    assert torch.equal(once, again)


def test_rejected_rows_repeat_or_leave_out_a_part() -> None:
    task = build(preference=1.0)
    rows = examples()
    seen = set()
    for step in range(20):
        batch = task.collate(rows)
        rejected = task.rejected(batch, draws(batch, step))
        for number, row in enumerate(rows):
            length = int(rejected["tokens_lengths"][number])
            ours = rejected["tokens"][number].tolist()
            assert ours[length:] == [SPEC.end] * (len(ours) - length)
            changed, tokens = ours[:length], row["tokens"].tolist()
            assert changed in possible(tokens)
            seen.add(length > len(tokens))
            # A row's own: the same beside others, and from one time to the next.
            alone = task.collate([row])
            again = task.rejected(alone, draws(alone, step))
            assert again["tokens"][0].tolist() == changed
    assert seen == {False, True}


def possible(tokens: list[int]) -> list[list[int]]:
    places = [(a, b) for b in range(len(tokens) + 1) for a in range(b)]
    without = [tokens[:a] + tokens[b:] for a, b in places]
    return without + [tokens[:b] + tokens[a:] for a, b in places]


def test_a_watched_head_is_one_that_attends() -> None:
    task = build()
    task.nets.eval()
    batch = task.collate(examples())
    phones, tokens = batch["phones"].shape[1], batch["tokens"].shape[1]
    with torch.no_grad():
        logits, looks = task.predict(batch, [(1, 1), (0, 0)])
        torch.testing.assert_close(logits, task.predict(batch)[0])
        assert looks is not None
        assert looks.shape == (4, 2, tokens, phones)
        x = task.model._embedded(batch["phones"], batch["text_features"], batch["tokens"])
        attention = task.model.layers[0].attention
        q, k, _ = attention.qkv(x).unflatten(-1, (3, SPEC.heads, -1))[..., 0, :].unbind(2)
        seen = padded_sight(batch["phones_lengths"], phones, tokens)[:, 0, phones:, :phones]
        ones = torch.eye(phones).expand(4, -1, -1)
        # What attention reads out of a unit matrix is how it is shared out.
        expected = F.scaled_dot_product_attention(q[:, phones:], k[:, :phones], ones, seen)
    torch.testing.assert_close(looks[:, 1], expected)
    assert looks[2, :, :, 3:].eq(0).all()


@pytest.mark.parametrize("known", [False, True])
def test_guided_heads_are_drawn_to_the_diagonal_or_to_known_places(known: bool) -> None:
    strayed = []
    rows = [dict(each) for each in examples()]
    for row in rows if known else ():
        # Backwards, which nobody would take for the diagonal.
        row["places"] = np.linspace(len(row["phones"]) - 1, 0, len(row["tokens"]))
    for guided in ({}, {"guided": 10.0, "guided_heads": ((1, 0),)}):
        task = build(**guided)
        train(task, 40, rows)
        batch = task.collate(rows)
        with torch.no_grad():
            looks = task.predict(batch, [(1, 0)])[1]
        assert looks is not None
        strayed.append(float(token_model_task._strayed(batch, looks).sum()) / 31)
    assert strayed[1] < strayed[0] / 3


def test_strayed_attention_on_and_off_the_diagonal() -> None:
    batch = build(guided_width=0.2).collate(examples()[3:])
    on, off = torch.eye(6)[None, None], torch.eye(6).flip(1)[None, None]
    strayed = token_model_task._strayed
    assert float(strayed(batch, on).sum()) == 0
    ways = (torch.arange(6) + 0.5) / 6
    expected = 1 - torch.exp(-((ways - ways.flip(0)) ** 2) / (2 * 0.2**2))
    torch.testing.assert_close(strayed(batch, off)[0, 0], expected)


def test_strayed_attention_where_phones_are_known() -> None:
    row = {**examples()[3], "places": np.arange(6)[::-1]}
    batch = build(guided_phones=0.5).collate([row])
    on, off = torch.eye(6)[None, None], torch.eye(6).flip(1)[None, None]
    strayed = token_model_task._strayed
    assert float(strayed(batch, off).sum()) == 0
    expected = 1 - torch.exp(-(torch.tensor([5.0, 3, 1, 1, 3, 5]) ** 2) / (2 * 0.5**2))
    torch.testing.assert_close(strayed(batch, on)[0, 0], expected)


def train(task: TokenModelTask, steps: int, rows: Sequence[Mapping[str, Any]] = ()) -> list[float]:
    moves = optimiser(
        task.nets, task.players[0].groups, OptimiserSettings(rate=3e-3, betas=(0.9, 0.95))
    )
    batch = task.collate(rows or examples())
    under = dict(task.denominators(batch))
    losses = []
    for _ in range(steps):
        loss = total(task, batch, under)
        losses.append(float(loss.detach()))
        moves.zero_grad()
        loss.backward()
        moves.step()
    return losses


def test_one_batch_learnt_by_heart_is_said_again() -> None:
    task = build()
    losses = train(task, 120)
    assert losses[0] > 3
    assert losses[-1] < 0.05
    task.nets.eval()
    with torch.no_grad():
        for row in examples():
            cache = GrowingCache()
            features = row.get("text_features")
            logits = task.model.prefill(
                torch.from_numpy(row["phones"])[None].long(),
                None if features is None else torch.from_numpy(features)[None].float(),
                torch.zeros(1, 0, dtype=torch.long),
                cache,
            )
            said: list[int] = []
            while (token := int(logits.argmax())) != SPEC.end and len(said) < 20:
                logits = task.model.step(torch.tensor([token]), torch.tensor([len(said)]), cache)
                said.append(token)
            assert said == row["tokens"].tolist()


def test_published_padding_counts_padding() -> None:
    task = build(published_padding=True)
    batch = task.collate(examples())
    terms = task.forward(batch, draws(batch))
    assert task.players[0].weights == {"published": 1.0}
    assert float(terms["published"].detach()) > float(terms["loss"].detach())
    assert task.denominators(batch)["published"] == 4


def test_pictures() -> None:
    task, rows = build(), examples()
    samples = task.samples(rows[:2])
    assert [sample.name for sample in samples] == ["attention clip 0", "attention clip 1"]
    picture = samples[0].picture
    assert picture is not None
    assert picture.shape == (5, 9)
    assert samples[0].axes == ("token", "phone")
    np.testing.assert_allclose(picture.sum(0), 1, rtol=1e-5)


@pytest.mark.usefixtures("toy_home")
def test_delivered_is_what_is_loaded() -> None:
    folder = store.open_model("toy")
    small = TokenModelTask(toy.FAMILY_ROWS["toy"].token_model, TokenModelSettings())
    token_model_task.load(small.nets, folder)
    delivered = token_model_task.delivered(small.nets)
    stored = store.tensors(folder, "token_model")
    assert delivered.keys() == set(stored)
    for name, value in delivered.items():
        np.testing.assert_array_equal(value, stored[name])
    with pytest.raises(CheckpointError, match="does not fit"):
        token_model_task.load(build().nets, folder)


def test_groups_name_parts_of_the_token_model() -> None:
    task = build(
        groups=(
            ParameterGroup(prefixes=("",)),
            ParameterGroup(prefixes=("phone_embedding",), scale=0),
        )
    )
    optimiser(task.nets, task.players[0].groups, OptimiserSettings())
    frozen = [name for name, p in task.model.named_parameters() if not p.requires_grad]
    assert frozen == ["phone_embedding.weight"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"phones": np.array([1, 732])},
            "clip 0 has phones 1 to 732, but this model knows 0 to 731",
        ),
        ({"tokens": np.array([-1, 3])}, "clip 0 has tokens -1 to 3"),
        ({"tokens": np.array([], np.int64)}, "clip 0 has 0 tokens"),
        ({"tokens": np.zeros(4000, np.int64)}, "clip 0 has 4000 tokens"),
        ({"text_features": np.zeros((4, 24))}, r"clip 0 has text features of shape \(4, 24\)"),
    ],
)
def test_examples_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        build().collate([{**examples()[0], **change}])


@pytest.mark.parametrize(
    "wrong",
    [
        {"dropout": 1.0},
        {"preference": -1.0},
        {"guided": 1.0},
        {"guided_heads": ((0, 0),)},
        {"guided": 1.0, "guided_heads": ((3, 0),)},
        {"guided_width": 0.0},
        {"preference_sharpness": 0.0},
    ],
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        build(**wrong)
