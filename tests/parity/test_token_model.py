"""The token model against recorded values, and the engine's decoding against recorded tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kit
import numpy as np
import pytest
import torch
from models import tensors

from myna.datatypes import Sampling
from myna.engines.base import TokenRequest
from myna.engines.generating import generate
from myna.engines.sampling import penalise
from myna.engines.torch_stepping import EagerStepper, GraphStepper, Slots
from myna.nets.cache import GrowingCache
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES, TOKENS_PER_SECOND

pytestmark = kit.needs_kit()

GREEDY = {"top_k": 1}
SLOTS = 3


class Case:
    """The model of one symbol table, and what was recorded of it."""

    def __init__(self, version: str) -> None:
        self.name = f"s1_{version}"
        self.spec = FAMILIES[version].token_model
        with torch.device("meta"):
            self.net = TokenModel(self.spec)
        state = {name: torch.from_numpy(value) for name, value in tensors(self.name).items()}
        self.net.load_state_dict(state, assign=True)
        self.net.eval().requires_grad_(requires_grad=False)
        self.golden = kit.golden(self.name)

    def close(self, point: str, ours: torch.Tensor) -> None:
        kit.close(self.name, point, ours.numpy(), self.golden[point], kit.NETWORK)

    def ids(self, point: str) -> np.ndarray:
        return self.golden[point].astype(np.int64)

    def inputs(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Phones (1, P), text features (1, P, F), prompt (1, T)."""
        features = torch.from_numpy(self.golden["bert"]).transpose(1, 2)
        return (
            torch.from_numpy(self.ids("phones")),
            features,
            torch.from_numpy(self.ids("prompt")),
        )

    def request(self, number: int | None, tokens: int, penalty: float = 1.35) -> TokenRequest:
        """One of the recorded texts (None: the single one), greedy, stopped after `tokens`."""
        start = "" if number is None else f"b{number}_"
        phones = self.ids(f"{start}phones").reshape(-1)
        features = self.golden[f"{start}bert"].reshape(1024, -1).T
        return TokenRequest(
            phones=phones,
            text_features=np.ascontiguousarray(features),
            prompt=self.ids("prompt")[0],
            sampling=Sampling(
                repetition_penalty=penalty, longest_seconds=tokens / TOKENS_PER_SECOND, **GREEDY
            ),
        )

    def say(self, *requests: TokenRequest) -> list[np.ndarray]:
        """Tokens of each, decoded together."""
        slots = Slots(EagerStepper(self.net, slots=SLOTS, lanes=2), self.spec)
        said = dict(generate(slots, requests))
        return [said[index].ids for index in range(len(requests))]


@pytest.fixture(scope="module", params=["v1", "v2"])
def case(request: Any) -> Iterator[Case]:
    with torch.inference_mode():
        yield Case(request.param)


def test_prefill(case: Case) -> None:
    phones, features, prompt = case.inputs()
    cache, layers = GrowingCache(), {}
    for index in (0, 11, 23):
        hook = lambda _m, _i, out, index=index: layers.update({index: out})  # noqa: E731
        case.net.layers[index].register_forward_hook(hook)
    logits = case.net.prefill(phones, features, prompt, cache)
    case.close("x_emb", case.net.embed_phones(phones, features))
    case.close("y_emb", case.net.embed_tokens(prompt))
    for index, out in layers.items():
        case.close(f"layer{index}", out)
    keys, values = cache._kept[0].unbind(1)
    case.close("layer0_k", keys.transpose(1, 2).flatten(2))
    case.close("layer0_v", values.transpose(1, 2).flatten(2))
    case.close("prefill_logits", logits)


@pytest.mark.parametrize(("run", "penalty"), [("naive_rp1", 1.0), ("naive_rp135", 1.35)])
@pytest.mark.parametrize("kind", ["eager", "static"])
def test_logits_of_each_step(case: Case, run: str, penalty: float, kind: str) -> None:
    phones, features, prompt = (x[0] for x in case.inputs())
    capacity = len(phones) + len(prompt) + 50
    stepper = (
        EagerStepper(case.net, slots=2, lanes=2)
        if kind == "eager"
        else GraphStepper(case.net, slots=2, capacity=capacity, graph=False)
    )
    recorded = dict(
        zip((0, 10, 11, 40), case.golden[f"{run}_logits_steps_0_10_11_40"], strict=True)
    )
    said = prompt.tolist()
    logits = stepper.start(1, phones, features, prompt, capacity).numpy()
    for step in range(41):
        if step in recorded:
            # The recording marks the end token, which may not be drawn yet, with -1e30.
            offered = len(logits) - (step < case.spec.least_tokens)
            point = f"{run} step {step}"
            kit.close(case.name, point, logits[:offered], recorded[step][:offered], kit.NETWORK)
        offered = case.spec.end + (step >= case.spec.least_tokens)
        said.append(int(penalise(logits[:offered], np.array(said), penalty).argmax()))
        logits = stepper.step([1], said[-1:], [len(said) - 1]).numpy()[0]
    assert said[len(prompt) :] == case.golden[f"{run}_tokens"].tolist()


@pytest.mark.parametrize(("run", "penalty"), [("naive_rp1", 1.0), ("naive_rp135", 1.35)])
def test_greedy_tokens(case: Case, run: str, penalty: float) -> None:
    (said,) = case.say(case.request(None, 41, penalty))
    assert said.tolist() == case.golden[f"{run}_tokens"].tolist()


def test_greedy_tokens_without_a_prompt(case: Case) -> None:
    request = case.request(None, 41)
    alone = TokenRequest(
        phones=request.phones, text_features=request.text_features, sampling=request.sampling
    )
    (said,) = case.say(alone)
    assert said.tolist() == case.golden["noprompt_rp135_tokens"].tolist()


def test_greedy_tokens_of_a_batch_of_different_lengths(case: Case) -> None:
    # The recorded batch drops the last token when it is stopped, the recorded loop keeps it.
    for run, tokens in (("batched", 40), ("naive_batched", 41)):
        said = case.say(*(case.request(number, tokens) for number in range(3)))
        for number, ids in enumerate(said):
            assert ids.tolist() == case.golden[f"{run}_tokens_{number}"].tolist(), (run, number)


def test_the_end_of_speech(case: Case) -> None:
    plain = case.net.head.weight
    louder = plain.clone()
    louder[case.spec.end] *= float(case.golden["eos_gain"][0])
    case.net.head.weight = torch.nn.Parameter(louder, requires_grad=False)
    try:
        (alone,) = case.say(case.request(None, 1500))
        batch = case.say(*(case.request(number, 200) for number in range(3)))
    finally:
        case.net.head.weight = plain
    assert alone.tolist() == case.golden["eos_naive_tokens"].tolist()
    assert len(alone) == case.golden["eos_naive_idx"][0]
    for number, ids in enumerate(batch):
        assert ids.tolist() == case.golden[f"eos_batched_tokens_{number}"].tolist()
        assert len(ids) == case.golden["eos_batched_idx"][number]
