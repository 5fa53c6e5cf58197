"""From phones to PCM through the engine, against what the published pipeline sent.

The published pipeline decodes a batch of sentences in one go, so that neighbours colour each other
slightly; ours decodes each alone, which is the same call with other arguments. The recorded runs
are repeated here as they were made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import kit
import models
import numpy as np
import pytest

from myna.audio.filterbank import fbank
from myna.audio.spectrogram import spectrogram
from myna.datatypes import Audio, Sampling
from myna.engines.base import DecodeRequest, TokenRequest
from myna.engines.torch_engine import TorchEngine
from myna.specs import TOKENS_PER_SECOND

pytestmark = kit.needs_kit()

LENGTHS = (26, 18, 30)
TOKENS = 40
RATE = 32_000


class Case:
    """An engine with synthetic weights, and the recorded inputs."""

    def __init__(self, family: str, home: Any) -> None:
        store_path = home / "models" / family
        self.engine = TorchEngine(models.voice_model(store_path, family, "v2"), device="cpu")
        self.golden = kit.golden(f"pipeline_{family}")
        self.name = f"pipeline_{family}"
        clip = Audio(kit.signal("ref_32k"), RATE)
        filterbanks = None
        if self.engine.spec.speaker_encoder is not None:
            models.encoder(home / "models" / "eres2netv2", "eres2netv2")
            filterbanks = [fbank(Audio(kit.signal("ref_16k"), 16_000))]
        heard = spectrogram(clip, self.engine.spec.decoder.spectrogram)
        self.timbre = self.engine.timbre([heard], filterbanks)
        self.phones = [
            kit.integers(f"in/e2e/t{text}/phones", (n,), 0, 732) for text, n in enumerate(LENGTHS)
        ]

    def say(self, *, naive: bool, whole: bool = False) -> list[np.ndarray]:
        """Tokens of each text, greedy. Stopped at its limit, the recorded loop drops the first of
        one more token unless it streams (`whole`), and the recorded batch drops nothing."""
        prompt = kit.integers("in/e2e/prompt", (40,), 0, 1024)
        said = kit.integers("in/e2e/prompt_phones", (24,), 0, 732)
        meant = kit.uniform("in/e2e/prompt_bert", (1024, 24)).T
        count = TOKENS + naive
        requests = [
            TokenRequest(
                phones=np.concatenate([said, phones]),
                text_features=np.concatenate(
                    [meant, kit.uniform(f"in/e2e/t{text}/bert", (1024, len(phones))).T]
                ),
                prompt=prompt,
                sampling=Sampling(top_k=1, longest_seconds=count / TOKENS_PER_SECOND),
            )
            for text, phones in enumerate(self.phones)
        ]
        found = dict(self.engine.generate(requests))
        first = 0 if whole else -TOKENS
        return [found[text].ids[first:] for text in range(len(requests))]

    def decode(
        self, tokens: Sequence[np.ndarray], texts: Sequence[int], speed: float = 1.0
    ) -> np.ndarray:
        """Sentences in one go."""
        return self.engine.decode(
            DecodeRequest(
                tokens=np.concatenate([tokens[text] for text in texts]),
                phones=np.concatenate([self.phones[text] for text in texts]),
                timbre=self.timbre,
                noise_scale=0.0,
                speed=speed,
            )
        )

    def matches(self, run: str, pieces: Sequence[np.ndarray], pause: float = 0.0) -> None:
        """Compare PCM: each piece not above full scale, followed by silence."""
        silence = np.zeros(int(RATE * pause), dtype=np.float32)
        parts = [
            part for piece in pieces for part in (piece / max(1, np.abs(piece).max()), silence)
        ]
        ours = (np.concatenate(parts) * 32768).astype(np.int16).astype(np.int64)
        recorded = self.golden[f"{run}_pcm"].astype(np.int64)
        assert self.golden[f"{run}_sr"][0] == self.engine.spec.rate
        assert len(ours) == len(recorded)
        found = int(np.abs(ours - recorded).max())
        kit.differences[f"{self.name} (PCM steps)"] = max(
            kit.differences.get(f"{self.name} (PCM steps)", 0), found
        )
        assert found <= kit.PCM


@pytest.fixture(scope="module", params=["v2", "v2Pro"])
def case(request: Any, tmp_path_factory: Any) -> Iterator[Case]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYNA_HOME", str(home))
        yield Case(request.param, home)


def _recorded(case: Case, run: str) -> None:
    if f"{run}_pcm" not in case.golden:
        pytest.skip("this run was not recorded of this family")


def _joint(case: Case, tokens: Sequence[np.ndarray], batches: Sequence[Sequence[int]]) -> list[Any]:
    """Decode each batch in one go, cut it into its sentences, restore their order."""
    size = TOKENS * case.engine.spec.decoder.samples_per_token
    pieces: dict[int, np.ndarray] = {}
    for batch in batches:
        whole = case.decode(tokens, batch)
        pieces |= {text: whole[n * size : (n + 1) * size] for n, text in enumerate(batch)}
    return [pieces[text] for text in sorted(pieces)]


def test_a_sorted_batch(case: Case) -> None:
    _recorded(case, "parallel_bucket")
    tokens = case.say(naive=False)
    case.matches("parallel_bucket", _joint(case, tokens, [[1, 0], [2]]), pause=0.3)


def test_the_naive_loop(case: Case) -> None:
    _recorded(case, "naive_bucket_off")
    tokens = case.say(naive=True)
    case.matches("naive_bucket_off", _joint(case, tokens, [[0, 1], [2]]), pause=0.1)


def test_another_speed(case: Case) -> None:
    _recorded(case, "parallel_speed12")
    tokens = case.say(naive=False)
    pieces = [case.decode(tokens, [text], speed=1.2) for text in range(3)]
    case.matches("parallel_speed12", pieces, pause=0.3)


def test_fragments(case: Case) -> None:
    _recorded(case, "fragments")
    tokens = case.say(naive=False)
    case.matches("fragments", _joint(case, tokens, [[0], [1], [2]]), pause=0.3)


def test_the_speaker_vector(case: Case) -> None:
    if case.engine.spec.speaker_encoder is None:
        pytest.skip("this family has none")
    import torch

    bands = torch.from_numpy(fbank(Audio(kit.signal("ref_16k"), 16_000)))[None]
    with torch.inference_mode():
        found = case.engine._speaker_encoder(bands)
    kit.close(case.name, "sv_emb", found.numpy(), case.golden["sv_emb"], kit.NETWORK)
