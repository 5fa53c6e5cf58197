"""Time and memory of the three encoders on a CPU, against plain versions in the same run.

    python benchmarks/encoders.py

Plain means: HuBERT with the weight norm kept, RoBERTa with all published layers and the head that
guesses words, ERes2NetV2 with its norms kept and weights in torch's own layout. Weights are drawn,
so nothing is downloaded.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from measure import peak_gb, prepare, save, seconds
from myna.nets.eres2net import ERes2NetV2, fuse
from myna.nets.hubert import Hubert
from myna.nets.roberta import Roberta
from myna.nets.weight_norm import fold
from myna.specs import CONTENT_RATE, ERes2NetSpec, HubertSpec, RobertaSpec

TURNS = 7
FBANK_FRAMES_PER_SECOND = 100


@dataclass(frozen=True)
class Case:
    """One encoder with one input."""

    name: str
    ours: Callable[[], nn.Module]
    plain: Callable[[], nn.Module]
    given: Callable[[], Tensor]


class RobertaWithHead(nn.Module):
    """Every layer that is published, and the guess of words that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        spec = RobertaSpec()
        self.net = Roberta(replace(spec, used_layers=spec.layers))
        self.head = nn.Sequential(
            nn.Linear(spec.width, spec.width),
            nn.GELU(),
            nn.LayerNorm(spec.width),
            nn.Linear(spec.width, spec.vocabulary),
        )
        self.head[3].weight = self.net.embeddings.word_embeddings.weight

    def forward(self, ids: Tensor) -> Tensor:
        guesses: Tensor = self.head(self.net(ids))
        return guesses


def hubert() -> nn.Module:
    return Hubert(HubertSpec())


def hubert_folded() -> nn.Module:
    return fold(hubert())


def roberta() -> nn.Module:
    return Roberta(RobertaSpec())


def eres2net() -> nn.Module:
    return ERes2NetV2(ERes2NetSpec())


def eres2net_fused() -> nn.Module:
    return fuse(ERes2NetV2(ERes2NetSpec()))


def ten_seconds() -> Tensor:
    return torch.randn(1, 10 * CONTENT_RATE) / 10


def twenty_characters() -> Tensor:
    return torch.randint(100, 20_000, (20 + 2,))


def sixty_characters() -> Tensor:
    return torch.randint(100, 20_000, (60 + 2,))


def filterbank() -> Tensor:
    return torch.randn(1, int(3.2 * FBANK_FRAMES_PER_SECOND) - 2, ERes2NetSpec().bands)


CASES = (
    Case("HuBERT, 10 s", hubert_folded, hubert, ten_seconds),
    Case("RoBERTa, 20 characters", roberta, RobertaWithHead, twenty_characters),
    Case("RoBERTa, 60 characters", roberta, RobertaWithHead, sixty_characters),
    Case("ERes2NetV2, 3.2 s", eres2net_fused, eres2net, filterbank),
)


@torch.inference_mode()
def alone(build: Callable[[], nn.Module], given: Callable[[], Tensor]) -> None:
    """For the measurement of memory."""
    build()(given())


@torch.inference_mode()
def main() -> None:
    prepare()
    memory = {
        case.name: {
            "ours": peak_gb(alone, case.ours, case.given),
            "plain": peak_gb(alone, case.plain, case.given),
        }
        for case in CASES
    }
    times = {}
    print(f"{'encoder':24s} {'ours':>9s} {'plain':>9s} {'faster':>7s}  {'ours':>7s} {'plain':>8s}")
    for case in CASES:
        ours, plain, given = case.ours(), case.plain(), case.given()
        found = seconds({"ours": partial(ours, given), "plain": partial(plain, given)}, turns=TURNS)
        times[case.name] = found
        gigabytes = memory[case.name]
        print(
            f"{case.name:24s} {found['ours']:7.3f} s {found['plain']:7.3f} s "
            f"{found['plain'] / found['ours']:6.2f}x "
            f"{gigabytes['ours']:5.2f} GB {gigabytes['plain']:5.2f} GB"
        )
    save("encoders", {"seconds": times, "peak_gb": memory})


if __name__ == "__main__":
    main()
