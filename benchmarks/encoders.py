"""Time and memory of the three encoders on a CPU, against plain versions in the same run.

    python benchmarks/encoders.py

Plain means: HuBERT with the weight norm kept, RoBERTa with all published layers and the head that
guesses words, ERes2NetV2 with its norms kept and weights in torch's own layout. Ours and plain take
turns, and the quickest turn of each counts, because other work on the machine only ever adds. Peak
memory is that of a process of its own that loads one version and runs it once, torch included.
Weights are drawn, so nothing is downloaded.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from myna.nets.eres2net import ERes2NetV2, fuse
from myna.nets.hubert import Hubert
from myna.nets.roberta import Roberta
from myna.nets.weight_norm import fold
from myna.specs import CONTENT_RATE, ERes2NetSpec, HubertSpec, RobertaSpec

THREADS = 2
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
def peak(build: Callable[[], nn.Module], given: Callable[[], Tensor]) -> float:
    """Peak memory of this process in GB after one run."""
    torch.set_num_threads(THREADS)
    build()(given())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


@torch.inference_mode()
def seconds(case: Case) -> tuple[float, float]:
    """Time of ours and of plain."""
    nets, given = (case.ours(), case.plain()), case.given()
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(TURNS + 1):
        for net, kept in zip(nets, times, strict=True):
            start = time.perf_counter()
            net(given)
            if turn > 0:  # the first is warm-up
                kept.append(time.perf_counter() - start)
    return min(times[0]), min(times[1])


def peaks() -> list[tuple[float, float]]:
    """Peak memory of ours and of plain, per case."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as alone:
        return [
            (
                alone.submit(peak, case.ours, case.given).result(),
                alone.submit(peak, case.plain, case.given).result(),
            )
            for case in CASES
        ]


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    print(f"{'encoder':24s} {'ours':>9s} {'plain':>9s} {'faster':>7s}  {'ours':>7s} {'plain':>8s}")
    memory = peaks()  # before this process grows: a child's peak starts at its parent's size
    for case, (ours_gb, plain_gb) in zip(CASES, memory, strict=True):
        ours, plain = seconds(case)
        print(
            f"{case.name:24s} {ours:7.3f} s {plain:7.3f} s {plain / ours:6.2f}x "
            f"{ours_gb:5.2f} GB {plain_gb:5.2f} GB"
        )


if __name__ == "__main__":
    main()
