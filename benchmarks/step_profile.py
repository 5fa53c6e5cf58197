"""Where the time of one step of the token model goes, at full size on ONNX Runtime.

    python benchmarks/step_profile.py

Of each operator the runtime's own profile tells the time of every call; the middle of `STEPS` steps
counts, at positions 250 and on, and shares are of all operators together. The same graph in single
precision and in whole numbers of eight bits, with one thread and with two; for comparison, how fast
NumPy sums 300 MB.
"""

import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from measure import prepare, save
from myna.engines.onnx_sessions import weights_of
from myna.export.fused import fused_step
from myna.extras import require
from myna.nets.token_model import TokenModel
from myna.specs import FAMILIES

STEPS, WARM, HELD, CAPACITY = 60, 10, 250, 512
SPEC = FAMILIES["v2"].token_model
Row = dict[str, Any]


def profiled(weights: dict[str, np.ndarray], *, quantised: bool, threads: int) -> Row:
    """Milliseconds of a step by operator, and how many calls of it there are."""
    onnxruntime = require("onnxruntime", extra="onnx", feature="This benchmark")
    made = fused_step(SPEC, quantised=quantised)
    given = weights_of(made.weights, lambda _: weights, tables={})
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_mem_reuse = False
        options.enable_profiling, options.profile_file_prefix = True, f"{folder}/profile"
        path = Path(folder, "step.onnx")
        path.write_bytes(made.data)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in given.values()]
        options.add_external_initializers(list(given), values)
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        _run(session)
        events = json.loads(Path(session.end_profiling()).read_text())
    bytes_read = sum(value.nbytes for value in given.values() if value.ndim == 2)
    return {"weights in MB": bytes_read / 1e6, **_operators(events)}


def _run(session: Any) -> None:
    binding, arrays = session.io_binding(), []
    random = np.random.default_rng(0)
    scalars = {name: np.zeros(1, dtype=np.int64) for name in ("token", "position", "length")}
    for name, array in scalars.items():
        binding.bind_input(name, "cpu", 0, np.int64, [1], array.ctypes.data)
    logits = np.zeros(SPEC.codes + 1, dtype=np.float32)
    binding.bind_output("logits", "cpu", 0, np.float32, logits.shape, logits.ctypes.data)
    shape = (1, SPEC.heads, CAPACITY, SPEC.head_width)
    for value in session.get_inputs()[len(scalars) :]:
        array = random.normal(size=shape).astype(np.float32)
        arrays.append(array)
        binding.bind_input(value.name, "cpu", 0, np.float32, shape, array.ctypes.data)
        kept = value.name.replace("past", "kept")
        binding.bind_output(kept, "cpu", 0, np.float32, shape, array.ctypes.data)
    for step in range(WARM + STEPS):
        scalars["token"][0] = scalars["position"][0] = step
        scalars["length"][0] = HELD + step
        session.run_with_iobinding(binding)


def _operators(events: list[dict[str, Any]]) -> Row:
    runs = [event["dur"] for event in events if event["name"] == "model_run"][WARM:]
    times: dict[str, list[float]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            times[event["name"]].append(event["dur"])
            kinds[event["name"]] = event["args"]["op_name"]
    found: dict[str, list[float]] = defaultdict(list)
    for name, each in times.items():
        found[kinds[name]].append(median(each[WARM:]) / 1000)
    rows = {kind: {"calls": len(each), "ms": sum(each)} for kind, each in found.items()}
    return {
        "ms": sum(row["ms"] for row in rows.values()),
        "quickest step in ms": min(runs) / 1000,
        "operators": dict(sorted(rows.items(), key=lambda item: -item[1]["ms"])),
    }


def memory_gb_per_second() -> float:
    """Of one thread that sums 300 MB."""
    numbers, best = np.ones(75_000_000, dtype=np.float32), np.inf
    for _ in range(5):
        start = time.perf_counter()
        numbers.sum()
        best = min(best, time.perf_counter() - start)
    return numbers.nbytes / best / 1e9


def main() -> None:
    """Measure, print and save."""
    prepare()
    net = TokenModel(SPEC).eval()
    weights = {name: value.numpy() for name, value in net.state_dict().items()}
    rows: Row = {"memory, GB/s, one thread": memory_gb_per_second()}
    print(rows)
    for quantised in (False, True):
        for threads in (1, 2):
            name = f"{'int8' if quantised else 'float32'}, threads {threads}"
            rows[name] = row = profiled(weights, quantised=quantised, threads=threads)
            print(
                f"{name}: {row['ms']:.2f} ms in operators, {row['quickest step in ms']:.2f} ms the "
                f"quickest step, {row['weights in MB']:.0f} MB of matrices"
            )
            for kind, facts in row["operators"].items():
                share = facts["ms"] / row["ms"]
                print(f"  {kind:26s} {facts['calls']:4d} calls {facts['ms']:6.2f} ms {share:5.1%}")
    save("step_profile", rows)


if __name__ == "__main__":
    main()
