"""Time and memory of the generator and the whole decoder, against the plain version.

    python benchmarks/decoder.py

Plain: weight norm kept, so that every call normalises every kernel again. Ours: folded once at
load; the same on ONNX Runtime, the whole decoder only; and in bfloat16, which is not exact. Two
lengths, because what folding saves is the same for a short sentence as for a long one. Weights are
drawn, so nothing is downloaded.
"""

import copy
import hashlib
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from measure import THREADS, peak_gb, prepare, save, seconds
from myna.engines import graphs
from myna.engines.graph_weights import tables_of
from myna.engines.onnx_sessions import Session
from myna.export.plans import plan
from myna.export.weightless import weightless
from myna.nets.decoder import Decoder
from myna.nets.weight_norm import fold
from myna.specs import FAMILIES, TOKENS_PER_SECOND

TURNS, PHONES = 5, 40
LENGTHS = (1.0, 4.0)


def decoder(family: str, way: str) -> Decoder:
    net = Decoder(FAMILIES[family].decoder).eval().requires_grad_(requires_grad=False)
    return as_way(net, way)


def as_way(net: Decoder, way: str) -> Decoder:
    net = copy.deepcopy(net)
    if way != "plain":
        fold(net)
    return net.bfloat16() if way == "bfloat16" else net


@torch.inference_mode()
def speak(net: Decoder, length: float) -> None:
    spec, dtype = net.spec, net.codebook.weight.dtype
    tokens = torch.randint(0, spec.codes, (1, round(length * TOKENS_PER_SECOND)))
    phones = torch.randint(0, spec.phones, (1, PHONES))
    noise = torch.randn(1, spec.hidden, spec.frames_per_token * tokens.shape[1], dtype=dtype)
    net(tokens, phones, torch.randn(1, spec.timbre, 1, dtype=dtype), noise)


@torch.inference_mode()
def generate(net: Decoder, length: float) -> None:
    spec, dtype = net.spec, net.codebook.weight.dtype
    frames = spec.frames_per_token * round(length * TOKENS_PER_SECOND)
    net.generator(
        torch.randn(1, spec.hidden, frames, dtype=dtype),
        torch.randn(1, spec.timbre, 1, dtype=dtype),
    )


class Onnx:
    """The decoder on ONNX Runtime, with the weights of a plain one."""

    def __init__(self, net: Decoder, family: str) -> None:
        self._spec, spec = net.spec, FAMILIES[family]
        weights = {name: value.numpy() for name, value in net.state_dict().items()}
        wanted = plan(graphs.DECODE, spec)
        made = weightless(
            wanted.module,
            wanted.example,
            inputs=wanted.inputs,
            outputs=wanted.outputs,
            axes=wanted.axes,
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "decode.onnx")
            path.write_bytes(made.data)
            digest = hashlib.sha256(made.data).hexdigest()
            graph = graphs.Graph(path=path, sha256=digest, weights=made.weights)
            tables = tables_of(spec, graphs.DECODE)
            self._session = Session(graph, lambda _: weights, tables=tables, threads=THREADS)

    def speak(self, length: float) -> None:
        spec, random = self._spec, np.random.default_rng(0)
        tokens = random.integers(0, spec.codes, round(length * TOKENS_PER_SECOND))
        frames = spec.frames_per_token * len(tokens)
        self._session.run(
            tokens=tokens,
            phones=random.integers(0, spec.phones, PHONES),
            timbre=random.normal(size=spec.timbre).astype(np.float32),
            places=np.arange(frames, dtype=np.float32),
            noise=random.normal(size=(spec.hidden, frames)).astype(np.float32),
        )


def alone(family: str, way: str) -> None:
    """For the measurement of memory."""
    if way == "onnx":
        Onnx(decoder(family, "plain"), family).speak(LENGTHS[-1])
    else:
        speak(decoder(family, way), LENGTHS[-1])


def main() -> None:
    prepare()
    ways = ("plain", "folded", "bfloat16")
    rows: dict[str, dict[str, float]] = {}
    for family in ("v2", "v2ProPlus"):
        memory = {way: peak_gb(alone, family, way) for way in (*ways, "onnx")}
        rows[f"{family}, peak GB"] = memory
        print(f"{family:10s} " + "  ".join(f"{way} {gb:.2f} GB" for way, gb in memory.items()))
    for family in ("v2", "v2ProPlus"):
        net = decoder(family, "plain")
        nets = {way: as_way(net, way) for way in ways}
        onnx = Onnx(net, family)
        for length in LENGTHS:
            for part in (generate, speak):
                turns = {way: partial(part, nets[way], length) for way in ways}
                if part is speak:
                    turns["onnx"] = partial(onnx.speak, length)
                found = seconds(turns, turns=TURNS)
                name = "generator" if part is generate else "whole decoder"
                rows[f"{family}, {name}, {length:g} s"] = found
                print(
                    f"{family:10s} {name:14s} {length:g} s: plain {found['plain']:.3f} s, "
                    + ", ".join(
                        f"{way} {found['plain'] / found[way]:.2f}x "
                        f"(real-time factor {found[way] / length:.2f})"
                        for way in list(turns)[1:]
                    )
                )
    save("decoder", rows)


if __name__ == "__main__":
    main()
