"""The model that comes with Myna, on ONNX Runtime: first sound, speed, memory, many at once.

    python benchmarks/tiny.py

First sound and speed of warm calls, in single precision and with 8 bits, taking turns; the whole
of a command, from the start of its process to its first samples in a pipe and to its end; and 1, 4,
16 and 64 texts at once, of four voices, through the scheduler: how soon each is heard, how much is
said in all, and whether everybody hears what they hear alone.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from measure import prepare, save
from myna import Guard, Myna, Sampling, Utterance
from myna.checkpoints.store import open_model
from myna.evaluation.sentences import packaged
from myna.synthesis.scheduler import Limits, Scheduler

SHORT = "The quick brown fox jumps over the lazy dog."
LONG = (
    "The quick brown fox jumps over the lazy dog while the old farmer watches from his porch and "
    "wonders what the fuss is all about today, and whether it will ever end."
)
TURNS = 7
CROWDS = (1, 4, 16, 64)
PRECISIONS = ("float32", "int8")
ONCE = Guard(check=False)


def warm() -> dict[str, Any]:
    """Seconds of warm calls, the middle of several."""
    found: dict[str, Any] = {}
    models = {precision: Myna.load("tiny", precision=precision) for precision in PRECISIONS}
    for turn in range(TURNS + 1):
        for precision, myna in models.items():
            for name, text in (("short", SHORT), ("long", LONG)):
                sampling = Sampling(seed=turn)
                row = found.setdefault(
                    f"{precision} {name}", {"first": [], "factor": [], "guarded": []}
                )
                start = time.perf_counter()
                stream = myna.stream(text, sampling=sampling)
                next(stream)
                row["first"].append(time.perf_counter() - start)
                stream.close()
                for kind, guard in (("factor", ONCE), ("guarded", Guard())):
                    start = time.perf_counter()
                    speech = myna.speak(text, sampling=sampling, guard=guard)
                    row[kind].append((time.perf_counter() - start) / speech.audio.seconds)
    return {
        name: {kind: median(times[1:]) for kind, times in row.items()}
        for name, row in found.items()
    }


def cold() -> dict[str, float]:
    """Seconds from the start of a process, and its memory."""
    firsts, ends = [], []
    say = [sys.executable, "-m", "myna.apps.cli.main", "say", "--quiet", "--seed", "1", "-o", "-"]
    for _ in range(TURNS):
        start = time.perf_counter()
        streamed = [*say, "--stream", "--format", "raw", LONG]
        with subprocess.Popen(streamed, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read(2)
            firsts.append(time.perf_counter() - start)
            process.stdout.read()
        start = time.perf_counter()
        subprocess.run([*say, "--format", "wav", SHORT], stdout=subprocess.DEVNULL, check=True)
        ends.append(time.perf_counter() - start)
    return {"first sample": median(firsts), "a short sentence, guarded, to its end": median(ends)}


def memory() -> dict[str, float]:
    """Peak megabytes of processes that say a paragraph."""
    text = " ".join([LONG, SHORT] * 4)
    found = {}
    for precision in PRECISIONS:
        code = (
            "import resource; from myna import Myna, Sampling\n"
            f"myna = Myna.load('tiny', precision={precision!r})\n"
            f"myna.speak({text!r}, sampling=Sampling(seed=1))\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
        )
        ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
        found[precision] = float(ran.stdout)
    return found


def crowds() -> dict[str, Any]:
    """Many at once."""
    myna = Myna.load("tiny")
    voices = [myna.voice(name) for name in myna.voices]
    texts = [sentence.text for sentence in packaged("en")]

    def utterance(number: int) -> Utterance:
        return Utterance(
            text=texts[number % len(texts)],
            voice=voices[number % len(voices)],
            sampling=Sampling(seed=number),
        )

    found: dict[str, Any] = {}
    with Scheduler(myna.engine, limits=Limits(waiting=128)) as scheduler:

        def hear(job: Any) -> tuple[float, np.ndarray]:
            first, pieces = 0.0, []
            for piece in job:
                first = first or time.perf_counter()
                pieces.append(piece.samples)
            return first, np.concatenate(pieces)

        hear(scheduler.submit(utterance(0)))
        alone = [hear(scheduler.submit(utterance(number)))[1] for number in range(max(CROWDS))]
        for size in CROWDS:
            heard: list[Any] = [None] * size
            start = time.perf_counter()

            def listen(number: int, heard: list[Any] = heard) -> None:
                heard[number] = hear(scheduler.submit(utterance(number)))

            threads = [threading.Thread(target=listen, args=(number,)) for number in range(size)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.perf_counter() - start
            firsts = [first - start for first, _ in heard]
            said = sum(len(samples) for _, samples in heard) / myna.engine.spec.rate
            found[str(size)] = {
                "seconds of speech per second": said / took,
                "first sound, middle": float(np.percentile(firsts, 50)),
                "first sound, 95 %": float(np.percentile(firsts, 95)),
                "as alone": sum(
                    np.array_equal(samples, alone[number])
                    for number, (_, samples) in enumerate(heard)
                ),
            }
    return found


def idle() -> dict[str, float]:
    """Megabytes before and after the model is let go, and seconds until it speaks again."""
    code = """
import time
from pathlib import Path
from myna import Guard, Sampling, Utterance
from myna.synthesis.pool import Pool
def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
def say(loaded):
    voice = loaded.myna.voice()
    job = loaded.scheduler.submit(Utterance(text=TEXT, voice=voice, sampling=Sampling(seed=1)))
    return next(iter(job))
now = [0.0]
pool = Pool(idle=60.0, clock=lambda: now[0])
pool.use("tiny", say)
pool.use("tiny", lambda loaded: loaded.scheduler.submit(
    Utterance(text=TEXT, voice=loaded.myna.voice()), guard=Guard()).take())
time.sleep(1)
print(megabytes())
now[0] = 120.0
pool.sweep()
now[0] = 240.0
pool.sweep(), pool.sweep()
print(megabytes())
start = time.perf_counter()
pool.use("tiny", say)
print(time.perf_counter() - start)
pool.close()
"""
    ran = subprocess.run(
        [sys.executable, "-c", code.replace("TEXT", repr(LONG))], stdout=subprocess.PIPE, check=True
    )
    before, after, back = map(float, ran.stdout.split())
    return {"megabytes loaded": before, "unloaded": after, "seconds to the first sound": back}


def main() -> None:
    """Measure, print and save."""
    prepare()
    folder = open_model("tiny").path
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    rows = {
        "model in MB": size / 1e6,
        "memory in MB": memory(),
        "warm": warm(),
        "cold": cold(),
        "many at once": crowds(),
        "idle": idle(),
    }
    for name, row in rows.items():
        print(name, row)
    save("tiny", rows)


if __name__ == "__main__":
    main()
