"""The whole way at full published size: clone a voice, speak, on a CPU.

    python benchmarks/pipeline.py CLIP "What is said in the clip."

Measures, in a process of its own each time, loading, cloning and speaking of four English
sentences, stopped after three seconds of speech each (drawn weights never end a sentence), once as
one batch and once sentence by sentence as a stream; then peak memory. Weights are drawn and written
in half precision, as published files are.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from measure import prepare, run_alone, save
from myna.checkpoints import shapes, store
from myna.specs import ENCODERS, FAMILIES, EcapaSpec

TEXT = (
    "The quick brown fox jumps over the lazy dog. Nice to meet you, my old friend. "
    "We are going to the station. It will rain this afternoon."
)
SECONDS = 3.0


def draw(home: Path, family: str) -> None:
    """Write a voice model and the encoders that English cloning needs."""
    rng = np.random.default_rng(0)

    def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name.endswith(("weight_g", "norm.weight", "running_var")):
            return rng.uniform(0.5, 1.0, shape).astype(np.float16)
        return rng.normal(0.0, max(1, prod(shape[1:])) ** -0.5, shape).astype(np.float16)

    def tensors(wanted: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        return {name: tensor(name, shape) for name, shape in wanted.items()}

    spec = FAMILIES[family]
    parts = {
        "token_model": tensors(shapes.token_model(spec.token_model)),
        "decoder": tensors(shapes.decoder(spec.decoder)),
    }
    models = home / "models"
    store.write(models / family, kind=store.VOICE_MODEL, spec=family, parts=parts, provenance={})
    for name in (spec.content_encoder, spec.speaker_encoder):
        if name is not None:
            encoder = ENCODERS[name]
            assert not isinstance(encoder, EcapaSpec), "published families have theirs"
            weights = tensors(shapes.encoder(encoder))
            store.write(
                models / name,
                kind=store.ENCODER,
                spec=name,
                parts={"weights": weights},
                provenance={},
            )


def clone(family: str, clip: str, text: str, voice: str) -> dict[str, float]:
    """Seconds, and peak memory, of understanding a speaker."""
    prepare()
    from myna import Myna

    start = time.perf_counter()
    myna = Myna.load(family)
    myna.clone(clip, text=text, language="en", cache=False).save(voice)
    return {"clone_seconds": time.perf_counter() - start, "peak_gb": _peak()}


def speak(family: str, voice: str, stream: bool) -> dict[str, float]:
    """Seconds, real-time factor and peak memory of speaking, the load not counted."""
    prepare()
    from myna import Myna, Sampling, Voice

    start = time.perf_counter()
    myna, known = Myna.load(family), Voice.load(voice)
    sampling = Sampling(seed=1, longest_seconds=SECONDS)
    myna.speak("Hello.", known, language="en", sampling=sampling)
    load = time.perf_counter() - start
    start, first = time.perf_counter(), 0.0
    if stream:
        seconds = 0.0
        for piece in myna.stream(TEXT, known, language="en", sampling=sampling):
            first = first or time.perf_counter() - start
            seconds += piece.seconds
    else:
        seconds = myna.speak(TEXT, known, language="en", sampling=sampling).audio.seconds
        first = time.perf_counter() - start
    took = time.perf_counter() - start
    return {
        "load_and_first_word_seconds": load,
        "audio_seconds": seconds,
        "first_audio_seconds": first,
        "real_time_factor": took / seconds,
        "peak_gb": _peak(),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    clip, text = sys.argv[1:]
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MYNA_HOME"] = folder
        voice = f"{folder}/speaker.voice"
        for family in ("v2", "v2ProPlus"):
            run_alone(draw, Path(folder), family)
            rows[f"{family}, clone"] = run_alone(clone, family, clip, text, voice)
            rows[f"{family}, speak"] = run_alone(speak, family, voice, False)
            rows[f"{family}, stream"] = run_alone(speak, family, voice, True)
    for name, row in rows.items():
        print(f"{name:20s} " + ", ".join(f"{key} {value:.2f}" for key, value in row.items()))
    save("pipeline", rows)


if __name__ == "__main__":
    main()
