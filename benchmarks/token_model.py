"""Decoded tokens per second at full size, batch 1 and 8, against a deliberately plain version.

    python benchmarks/token_model.py

Plain: the same network with caches that grow by concatenation, and PyTorch's linear maps, whose
results depend on how many requests are decoded together. Ours: preallocated caches and lanes, whose
results do not. ONNX: the step of the engine on ONNX Runtime, in single precision and in whole
numbers of eight bits; "fused" is the latter's graph in single precision. Each turn reads 100 phones
and 150 prompt tokens, then times `STEPS` tokens. For comparison, every matrix of a step times one
vector, which is what a plain step cannot be faster than. Weights are drawn, so nothing is
downloaded.

Last, how often whole numbers choose the same token as single precision, over `COMPARED` steps that
are all given the latter's.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from measure import THREADS, peak_gb, prepare, save
from myna.engines import graphs
from myna.engines.onnx_caches import Cache, FusedCache, PlainCache
from myna.engines.onnx_sessions import Session
from myna.engines.torch_stepping import EagerStepper
from myna.export.fused import fused_step
from myna.export.plans import plan
from myna.export.weightless import Weightless, weightless
from myna.nets.cache import GrowingCache
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES

PHONES, PROMPT, STEPS, TURNS = 100, 150, 40, 5
COMPARED = 250
ONNX = ("float32", "float32 fused", "int8")


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
    stepper = EagerStepper(net, slots=batch, lanes=lanes)
    slots = list(range(batch))
    for slot in slots:
        stepper.start(slot, *inputs(), capacity)
    start = time.perf_counter()
    for step in range(STEPS):
        stepper.step(slots, [step] * batch, [PROMPT + step] * batch)
    return time.perf_counter() - start


class Onnx:
    """The step on ONNX Runtime."""

    def __init__(self, net: TokenModel, way: str) -> None:
        self._net, self._way = net, way
        weights = {name: value.numpy() for name, value in net.state_dict().items()}
        with tempfile.TemporaryDirectory() as folder:
            made, path = _graph(way), Path(folder, "step.onnx")
            path.write_bytes(made.data)
            digest = hashlib.sha256(made.data).hexdigest()
            graph = graphs.Graph(path=path, sha256=digest, weights=made.weights)
            start = time.perf_counter()
            self._session = Session(graph, lambda _: weights, tables={}, threads=THREADS)
            self.load_seconds = time.perf_counter() - start

    @torch.inference_mode()
    def started(self) -> Cache:
        """A request that was read."""
        cache = GrowingCache()
        phones, features, prompt = inputs()
        logits = self._net.prefill(phones[None], features[None], prompt[None], cache)
        layers = range(len(self._net.layers))
        keys, values = torch.stack([cache._kept[n][0] for n in layers]).unbind(1)
        kind = PlainCache if self._way == "float32" else FusedCache
        return kind(self._session, logits[0].numpy(), keys.mT.numpy(), values.numpy())

    def run(self) -> float:
        """Seconds for `STEPS` steps."""
        cache = self.started()
        start = time.perf_counter()
        for step in range(STEPS):
            cache.step(step, PROMPT + step)
        return time.perf_counter() - start


def _graph(way: str) -> Weightless:
    if way != "float32":
        return fused_step(FAMILIES["v2"].token_model, quantised=way == "int8")
    made = plan(graphs.STEP, FAMILIES["v2"])
    return weightless(
        made.module, made.example, inputs=made.inputs, outputs=made.outputs, axes=made.axes
    )


def agreement(one: Onnx, other: Onnx) -> float:
    """How often both choose the same token, if both were told what the first one chose."""
    state = torch.random.get_rng_state()
    caches = []
    for each in (one, other):
        torch.random.set_rng_state(state)  # the same request
        caches.append(each.started())
    token, same = 0, 0
    for step in range(COMPARED):
        chosen = [int(np.argmax(cache.step(token, PROMPT + step))) for cache in caches]
        same += chosen[0] == chosen[1]
        token = chosen[0]
    return same / COMPARED


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
    elif way in ONNX:
        Onnx(net, way).run()
    else:
        ours(net, batch, 2)


def main() -> None:
    prepare()
    memory = {
        f"{way}, batch {batch}": peak_gb(alone, way, batch)
        for way in ("plain", "ours")
        for batch in (1, 8)
    }
    memory |= {f"onnx {kind}, batch 1": peak_gb(alone, kind, 1) for kind in ONNX}
    net = token_model()
    sessions = {kind: Onnx(net, kind) for kind in ONNX}
    ways: dict[str, tuple[int, Callable[[], float]]] = {
        "matrix-vector products alone": (1, partial(products, net)),
        "plain, batch 1": (1, partial(plain, net, 1)),
        **{f"ours, batch 1, lanes {n}": (1, partial(ours, net, 1, n)) for n in (1, 2, 4)},
        **{f"onnx {kind}, batch 1": (1, session.run) for kind, session in sessions.items()},
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
    load = {kind: session.load_seconds for kind, session in sessions.items()}
    for kind, seconds in load.items():
        print(f"onnx {kind:29s} {seconds:7.2f} s to load")
    same = agreement(sessions["float32"], sessions["int8"])
    print(f"int8 chooses as float32 in {same:.1%} of {COMPARED} steps")
    rows = {"tokens_per_second": rate, "peak_gb": memory, "load_seconds": load}
    save("token_model", {**rows, "int8_agreement": same})


if __name__ == "__main__":
    main()
