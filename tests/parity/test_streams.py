"""Streams as the published pipeline made them, put together here from our parts.

Ours streams sentence by sentence. The published way to stream within a sentence sends some tokens
twice and re-decodes everything for each chunk, so it is no part of the package; that our tokens,
prior, generator and overlap-add give what it sent shows that nothing in them differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import kit
import numpy as np
import pytest
import torch
from models import tensors
from test_pipeline import RATE, Case

from myna.audio.joining import sola
from myna.datatypes import Sampling
from myna.engines.base import TokenRequest
from myna.engines.generating import generate
from myna.engines.torch_stepping import EagerStepper, Slots
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES, TOKENS_PER_SECOND

pytestmark = kit.needs_kit()

MUTE_TOKEN = 486
CHUNK = 16
OVERLAP = 2
"""Tokens that two chunks share."""
LEAST = 10
"""Tokens of a chunk that needs no more context than the overlap."""


def fixed_chunks(tokens: np.ndarray) -> list[np.ndarray]:
    return [tokens[start : start + CHUNK] for start in range(0, len(tokens), CHUNK)]


def split_chunks(tokens: np.ndarray, similarity: np.ndarray) -> list[np.ndarray]:
    """Chunks that end near tokens like the mute one; what follows the split is sent again."""
    chunks, sent = [], 0
    for count in range(1, len(tokens) + 1):
        waiting = tokens[sent:count]
        if len(waiting) < CHUNK + 2:
            continue
        score = np.where(similarity[waiting] < 0, -1.0, similarity[waiting])
        score[:-1] += score[1:].copy()
        best = int(score.argmax())
        if score[best] >= 0 and best + 1 >= CHUNK:
            chunks.append(waiting)
            sent += best + 1
    return [*chunks, tokens[sent:]]


@pytest.fixture(scope="module")
def case(tmp_path_factory: Any) -> Iterator[Case]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYNA_HOME", str(home))
        yield Case("v2", home)


def test_chunks_of_tokens() -> None:
    golden, spec = kit.golden("s1_v2"), FAMILIES["v2"].token_model
    with torch.device("meta"):
        net = TokenModel(spec)
    net.load_state_dict(
        {name: torch.from_numpy(value) for name, value in tensors("s1_v2").items()}, assign=True
    )
    net.eval().requires_grad_(requires_grad=False)
    embedding = net.token_embedding.weight
    similarity = torch.cosine_similarity(embedding, embedding[MUTE_TOKEN][None]).numpy()
    recorded = golden["mute_sim_matrix"]
    kit.close("s1_v2", "mute_sim_matrix", similarity, recorded, kit.NETWORK)
    request = TokenRequest(
        phones=golden["phones"][0].astype(np.int64),
        text_features=np.ascontiguousarray(golden["bert"][0].T),
        prompt=golden["prompt"][0].astype(np.int64),
        sampling=Sampling(top_k=1, longest_seconds=61 / TOKENS_PER_SECOND),
    )
    slots = Slots(EagerStepper(net, slots=1, lanes=2), spec)
    ((_, said),) = generate(slots, [request])
    for run, chunks in {
        "stream_fixed": fixed_chunks(said.ids),
        "stream_mute": split_chunks(said.ids, similarity),
        "stream_mutecustom": split_chunks(said.ids, golden["mute_sim_custom"]),
    }.items():
        assert [len(chunk) for chunk in chunks] == golden[f"{run}_lengths"].tolist(), run
        assert np.concatenate(chunks).tolist() == golden[f"{run}_tokens"].tolist(), run


def spoken(case: Case, text: int, chunks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What is sent for each chunk."""
    net = case.engine._decoder
    per_token = net.spec.samples_per_token
    timbre = torch.from_numpy(case.timbre)[None, :, None]
    phones = torch.from_numpy(case.phones[text])[None]
    seam, sent = OVERLAP * per_token, []
    before, tail = np.zeros(0, dtype=np.float32), torch.zeros(0)
    for index, chunk in enumerate(chunks):
        so_far = torch.from_numpy(np.concatenate(chunks[: index + 1]))[None]
        extra = max(0, LEAST - len(chunk)) if index else 0
        shared = OVERLAP + extra if index else 0
        frames = net.spec.frames_per_token * (len(chunk) + shared)
        joined = net.join(so_far, phones, timbre)[:, :, -frames:].clone()
        if index:
            fade = net.spec.frames_per_token * shared
            window = torch.sin(torch.arange(2 * fade) * (torch.pi / (2 * fade)))
            joined[:, :, :fade] *= window[:fade]
            joined[:, :, :fade] += tail[:, :, -fade:] * window[fade:]
        tail = joined
        samples = net.render(joined, timbre, None)[0].numpy()[extra * per_token :]
        last = index == len(chunks) - 1
        if index and not last:
            sent.append(sola([before, samples], seam)[len(before) - seam : -seam])
        else:
            sent.append(samples if last else samples[:-seam])
        before = samples
    return sent


@pytest.mark.parametrize("run", ["stream_fixed16", "stream_mute16"])
def test_what_a_stream_sends(case: Case, run: str) -> None:
    embedding = case.engine._token_model.token_embedding.weight
    similarity = torch.cosine_similarity(embedding, embedding[MUTE_TOKEN][None]).numpy()
    pieces: list[np.ndarray] = []
    with torch.inference_mode():
        for text, tokens in enumerate(case.say(naive=True, whole=True)):
            fixed = run == "stream_fixed16"
            chunks = fixed_chunks(tokens) if fixed else split_chunks(tokens, similarity)
            pieces += spoken(case, text, chunks)
            pieces.append(np.zeros(int(0.3 * RATE), dtype=np.float32))
    assert [len(piece) for piece in pieces] == case.golden[f"{run}_lengths"].tolist()
    case.matches(run, pieces)
