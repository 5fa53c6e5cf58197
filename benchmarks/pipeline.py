"""The whole way at full published size on a CPU: clone a voice, speak, stream.

    python benchmarks/pipeline.py [--turns N] [FAMILY ...]

PyTorch in single precision, ONNX Runtime in single precision, and with the token model in whole
numbers of eight bits take turns, each in a process of its own (`speaking.py`) that has spoken
before it is timed; of several turns the best counts, and the largest memory. Spoken are two English
sentences, stopped after three seconds each, with prompt and timbre cloned from a clip that `tiny`
says. Weights are drawn (`drawn.py`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from drawn import draw
from measure import THREADS, run_alone, save

FAMILIES = ("v2", "v2ProPlus")
WAYS = (("torch", "float32"), ("onnx", "float32"), ("onnx", "int8"))
CLIP = "We are going to the station early in the morning, my old friend."


def say_clip(path: str) -> None:
    """What is cloned from."""
    from myna import Myna, Sampling

    Myna.load("tiny").speak(CLIP, sampling=Sampling(seed=1)).save(path)


def export(family: str) -> None:
    """Graphs, for ONNX Runtime."""
    from myna.export import export_family

    export_family(family)


def measured(task: str, family: str, way: tuple[str, str], *others: str) -> dict[str, float]:
    """What a process of its own tells."""
    script = Path(__file__).parent / "speaking.py"
    ran = subprocess.run(
        [sys.executable, str(script), task, family, *way, str(THREADS), *others],
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def best(turns: list[dict[str, float]]) -> dict[str, float]:
    """The most tokens per second and GB, the least of all else."""
    more = ("tokens per second", "peak GB")
    return {name: (max if name in more else min)(turn[name] for turn in turns) for name in turns[0]}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", default=FAMILIES, metavar="FAMILY")
    parser.add_argument("--turns", type=int, default=1, metavar="N")
    asked = parser.parse_args()
    rows: dict[str, Any] = {"onnxruntime": version("onnxruntime")}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MYNA_HOME"] = folder
        clip, voice = f"{folder}/clip.wav", f"{folder}/speaker.voice"
        run_alone(say_clip, clip)
        for family in asked.families:
            run_alone(draw, Path(folder), family)
            run_alone(export, family)
            found: dict[str, list[dict[str, float]]] = {}
            for way in WAYS[:2]:
                cloned = measured("clone", family, way, voice, clip, CLIP)
                found[f"{family}, clone, {way[0]}"] = [cloned]
            for _ in range(asked.turns):
                for way in WAYS:
                    name = f"{family}, {' '.join(way)}"
                    found.setdefault(name, []).append(measured("speak", family, way, voice))
            rows |= {name: best(turns) for name, turns in found.items()}
            for name in found:
                facts = ", ".join(f"{key} {value:.2f}" for key, value in rows[name].items())
                print(f"{name:24s} {facts}", flush=True)
    save("pipeline", rows)


if __name__ == "__main__":
    main()
