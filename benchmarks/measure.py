"""How every benchmark here measures, and where it keeps what it found.

Ways to do the same thing take turns in one run, and the quickest turn of each counts, because other
work on the machine only ever adds. Peak memory is that of a process of its own, torch included.
Results are JSON, one file per benchmark and machine, in `benchmarks/results`.
"""

import json
import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import torch

THREADS = 2
T = TypeVar("T")
RESULTS = Path(__file__).parent / "results"


def prepare() -> None:
    """Settings that every run shares."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)


def seconds(ways: Mapping[str, Callable[[], object]], *, turns: int) -> dict[str, float]:
    """The quickest turn of each way, after one for warm-up."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn > 0:
                times[name].append(time.perf_counter() - start)
    return {name: min(found) for name, found in times.items()}


def peak_gb(work: Callable[..., object], *arguments: object) -> float:
    """Peak memory in GB of a process that does only this.

    Call it before this process grows: a child's peak starts at its parent's size.
    """
    return run_alone(_peak, work, arguments)


def run_alone(work: Callable[..., T], *arguments: object) -> T:
    """What `work` returns in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as alone:
        return alone.submit(work, *arguments).result()


def save(benchmark: str, rows: Mapping[str, Any]) -> None:
    """Keep results under the name of the benchmark and of the machine."""
    machine = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": THREADS,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    }
    RESULTS.mkdir(exist_ok=True)
    kind = "".join(char if char.isalnum() else "-" for char in _processor().lower()).strip("-")
    path = RESULTS / f"{benchmark}-{kind}-{os.cpu_count()}-cores.json"
    path.write_text(json.dumps({"machine": machine, "results": rows}, indent=2) + "\n")


def _peak(work: Callable[..., object], arguments: tuple[object, ...]) -> float:
    prepare()
    work(*arguments)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
