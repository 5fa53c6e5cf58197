"""Decoded tokens per second at full size, batch 1 and 8, against a deliberately plain version.

    python benchmarks/token_model.py

Plain: the same network with caches that grow by concatenation, and PyTorch's linear maps, whose
results depend on how many requests are decoded together. Ours: preallocated caches and lanes, whose
results do not. Each turn reads 100 phones and 150 prompt tokens, then times `STEPS` tokens. For
comparison, every matrix of a step times one vector, which is what a plain step cannot be faster
than. Weights are drawn, so nothing is downloaded.
"""

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from measure import peak_gb, prepare, save
from myna.engines.torch_stepping import EagerStepper
from myna.nets.cache import GrowingCache
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES

PHONES, PROMPT, STEPS, TURNS = 100, 150, 40, 5


def token_model() -> TokenModel:
    return TokenModel(FAMILIES["v2"].token_model).eval().requires_grad_(requires_grad=False)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Phones, their text features and the prompt of one request."""
    return (
        torch.randint(0, 700, (PHONES,)),
        torch.randn(PHONES, 1024),
        torch.randint(0, 1024, (PROMPT,)),
    )


@torch.inference_mode()
def plain(net: TokenModel, batch: int) -> float:
    """Seconds for `STEPS` steps of `batch` requests, decoded together in the plainest way."""
    cache = GrowingCache()
    phones, features, prompt = inputs()
    net.prefill(
        phones.expand(batch, -1), features.expand(batch, -1, -1), prompt.expand(batch, -1), cache
    )
    start = time.perf_counter()
    for step in range(STEPS):
        position = torch.full((batch,), PROMPT + step)
        net.step(torch.full((batch,), step), position, cache)
    return time.perf_counter() - start


@torch.inference_mode()
def ours(net: TokenModel, batch: int, lanes: int) -> float:
    """The same with slots and lanes."""
    capacity = PHONES + PROMPT + STEPS + 1
    stepper = EagerStepper(net, slots=batch, capacity=capacity, lanes=lanes)
    slots = list(range(batch))
    for slot in slots:
        stepper.start(slot, *inputs())
    start = time.perf_counter()
    for step in range(STEPS):
        stepper.step(slots, [step] * batch, [PROMPT + step] * batch)
    return time.perf_counter() - start


@torch.inference_mode()
def products(net: TokenModel) -> float:
    """Seconds to multiply every matrix of a step with one vector, `STEPS` times."""
    matrices = [
        parameter
        for name, parameter in net.named_parameters()
        if parameter.ndim == 2 and name.startswith(("layers", "head"))
    ]
    vectors = [torch.randn(matrix.shape[1]) for matrix in matrices]
    start = time.perf_counter()
    for _ in range(STEPS):
        for matrix, vector in zip(matrices, vectors, strict=True):
            torch.mv(matrix, vector)
    return time.perf_counter() - start


def alone(way: str, batch: int) -> None:
    """For the measurement of memory."""
    net = token_model()
    if way == "plain":
        plain(net, batch)
    else:
        ours(net, batch, 2)


def main() -> None:
    prepare()
    memory = {
        f"{way}, batch {batch}": peak_gb(alone, way, batch)
        for way in ("plain", "ours")
        for batch in (1, 8)
    }
    net = token_model()
    ways: dict[str, tuple[int, Callable[[], float]]] = {
        "matrix-vector products alone": (1, partial(products, net)),
        "plain, batch 1": (1, partial(plain, net, 1)),
        **{f"ours, batch 1, lanes {n}": (1, partial(ours, net, 1, n)) for n in (1, 2, 4)},
        "plain, batch 8": (8, partial(plain, net, 8)),
        **{f"ours, batch 8, lanes {n}": (8, partial(ours, net, 8, n)) for n in (1, 2, 4, 8)},
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, (_, way) in ways.items():
            found[name].append(way())
    rate = {name: batch * STEPS / min(found[name]) for name, (batch, _) in ways.items()}
    for name, tokens in rate.items():
        times = tokens / rate[f"plain, batch {ways[name][0]}"]
        print(f"{name:34s} {tokens:7.1f} tokens/s  {times:5.2f}x plain")
    for name, gigabytes in memory.items():
        print(f"{name:34s} {gigabytes:7.2f} GB at the peak")
    save("token_model", {"tokens_per_second": rate, "peak_gb": memory})


if __name__ == "__main__":
    main()
