"""One way to speak, measured in a process that does nothing else; `pipeline.py` starts it.

    python benchmarks/speaking.py clone|speak FAMILY ENGINE PRECISION THREADS VOICE [CLIP TEXT]

Prints one line of JSON. PyTorch is imported only if the engine is the one on it, so that memory is
what a listener without PyTorch pays.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from myna import Guard, Myna, Sampling, Utterance, Voice
from myna.synthesis.performance import Script

SPOKEN = "The quick brown fox jumps over the lazy dog. It will rain in the late afternoon today."
SECONDS = 3.0
"""Of each sentence: drawn weights never end one."""
STEPS = 100
"""Tokens that are timed, and then decoded."""


def load(family: str, engine: str, precision: str, threads: int) -> Myna:
    """A model that computes with so many threads."""
    if engine == "torch":
        import torch

        torch.set_num_threads(threads)
        return Myna.load(family, engine=engine, device="cpu", precision=precision)
    return Myna.load(family, engine=engine, precision=precision, threads=threads)


def clone(open_model: Callable[[], Myna], voice: str, clip: str, text: str) -> dict[str, float]:
    """Seconds of understanding a speaker, loading included."""
    start = time.perf_counter()
    open_model().clone(clip, text=text, language="en", cache=False).save(voice)
    return {"seconds": time.perf_counter() - start}


def speak(open_model: Callable[[], Myna], voice: str) -> dict[str, float]:
    """Both networks alone, then the whole way, at once and as a stream."""
    start = time.perf_counter()
    myna, known = open_model(), Voice.load(voice)
    sampling, once = Sampling(seed=1, longest_seconds=SECONDS), Guard(check=False)
    hello = replace(sampling, longest_seconds=1.0)
    myna.speak("Hello.", known, language="en", sampling=hello, guard=once)
    found = {"load and first word, seconds": time.perf_counter() - start}
    found |= apart(myna, known)
    start = time.perf_counter()
    audio = myna.speak(SPOKEN, known, language="en", sampling=sampling, guard=once).audio
    found["real-time factor"] = (time.perf_counter() - start) / audio.seconds
    start, first, seconds = time.perf_counter(), 0.0, 0.0
    for piece in myna.stream(SPOKEN, known, language="en", sampling=sampling):
        first = first or time.perf_counter() - start
        seconds += piece.seconds
    found["first sound of a stream, seconds"] = first
    found["real-time factor of a stream"] = (time.perf_counter() - start) / seconds
    return found


def apart(myna: Myna, voice: Voice) -> dict[str, float]:
    """Tokens per second of one request, and the decoder's real-time factor."""
    engine = myna.engine
    sampling = Sampling(seed=1, longest_seconds=60.0)
    script = Script(
        engine, Utterance(text=SPOKEN, voice=voice, language="en", sampling=sampling), None
    )
    generation = engine.generation()
    drawing = generation.add(script.request(0))
    start = time.perf_counter()
    for _ in range(STEPS):
        generation.advance([drawing])
    took = time.perf_counter() - start
    wanted = replace(script.decoding(0), tokens=drawing.ids)
    generation.remove(drawing)
    start = time.perf_counter()
    samples = engine.decode(wanted)
    decoding = time.perf_counter() - start
    return {
        "tokens per second": STEPS / took,
        "decoder, real-time factor": decoding / (len(samples) / engine.spec.rate),
    }


def peak_gb() -> float:
    """Of this program; what the kernel tells elsewhere begins with that of the parent."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return next(int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Measure, and tell."""
    task, family, engine, precision, threads, voice, *clip = sys.argv[1:]

    def open_model() -> Myna:
        return load(family, engine, precision, int(threads))

    found = clone(open_model, voice, *clip) if task == "clone" else speak(open_model, voice)
    print(json.dumps({**found, "peak GB": peak_gb()}))


if __name__ == "__main__":
    main()
