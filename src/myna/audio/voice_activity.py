"""Where somebody speaks, in seconds: told by level, by a small network, or by both together.

Level (`energy`) finds exact borders, and takes any sound for speech. The network (`silero`) knows
speech from other sounds, and is less exact at borders. `both` takes the borders from one and the
knowledge from the other.

Source: Silero VAD (MIT), whose weights lie in the package `silero-vad`; that package itself is not
imported, since it would bring torch.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myna.audio.activity import FRAME_OVERHANG, FRAMES_PER_SECOND, activity
from myna.audio.resample import HIGH_QUALITY, resample
from myna.errors import ConfigError, MissingExtraError
from myna.extras import require
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from myna.datatypes import Audio, Floats

    Span = tuple[float, float]

METHODS = ("energy", "silero", "both")

_SHORTEST_SECONDS = 0.05
_SILENT_SWING = 2e-3
"""Between the lowest and the highest sample; speech at -60 dB of full scale has more."""

_MODEL = "silero_vad/data/silero_vad.onnx"
_STEP = 512
_CONTEXT = 64
_STEP_SECONDS = _STEP / CONTENT_RATE
_BEGINS = 0.5
_GOES_ON = 0.35
"""Probabilities: speech begins with one, and lasts as long as the other is reached."""
_LEAST_SECONDS = 0.2
_LEAST_PAUSE = 0.15

_REACH = 0.3
"""Seconds by which the network's borders may be wrong; `both` looks for better ones so far."""
_LEAST_OF_BOTH = 0.1


def speech(audio: Audio, method: str = "both") -> list[tuple[float, float]]:
    """Find the stretches of `audio` in which somebody speaks.

    Args:
        audio: at any rate.
        method: energy, silero or both.

    Returns:
        start and end of each in seconds, in order, disjoint, inside the audio; none in silence.

    Raises:
        ConfigError: another method.
        MissingExtraError: silero or both, and a package is missing.
    """
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}; use one of {', '.join(METHODS)}.")
    if audio.seconds < _SHORTEST_SECONDS or np.ptp(audio.samples) < _SILENT_SWING:
        return []
    if method == "energy":
        return _loud(audio)
    spoken = _spoken(speech_probabilities(audio), audio.seconds)
    return _agreed(_loud(audio), spoken) if method == "both" else spoken


def speech_probabilities(audio: Audio) -> Floats:
    """(T,) of each 32 ms, the last filled with silence.

    Raises:
        MissingExtraError: onnxruntime or silero-vad is not installed.
    """
    samples = resample(audio, CONTENT_RATE, HIGH_QUALITY).samples
    padded = np.pad(samples, (_CONTEXT, -len(samples) % _STEP))
    session, rate = _session(), np.array(CONTENT_RATE, dtype=np.int64)
    state = np.zeros((2, 1, 128), dtype=np.float32)
    found = []
    for start in range(0, len(padded) - _CONTEXT, _STEP):
        part = padded[None, start : start + _CONTEXT + _STEP]
        output, state = session.run(None, {"input": part, "state": state, "sr": rate})
        found.append(output[0, 0])
    return np.array(found, dtype=np.float32)


def _loud(audio: Audio) -> list[Span]:
    found = activity(audio)
    return [
        (start / FRAMES_PER_SECOND, min(end / FRAMES_PER_SECOND + FRAME_OVERHANG, audio.seconds))
        for start, end in found.stretches
    ]


def _spoken(probabilities: Floats, seconds: float) -> list[Span]:
    """Stretches that reach one threshold, as far as the other; short gaps are closed first."""
    goes_on = np.concatenate(([False], probabilities >= _GOES_ON, [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(goes_on)).reshape(-1, 2)
    joined: list[Span] = []
    for start, end in edges:
        if probabilities[start:end].max() < _BEGINS:
            continue
        span = float(start * _STEP_SECONDS), min(float(end * _STEP_SECONDS), seconds)
        if joined and span[0] - joined[-1][1] < _LEAST_PAUSE:
            joined[-1] = (joined[-1][0], span[1])
        else:
            joined.append(span)
    return [span for span in joined if span[1] - span[0] >= _LEAST_SECONDS]


def _agreed(loud: Sequence[Span], spoken: Sequence[Span]) -> list[Span]:
    """What is loud, as far as speech is near."""
    near: list[Span] = []
    for start, end in spoken:
        if near and start - _REACH <= near[-1][1]:
            near[-1] = (near[-1][0], end + _REACH)
        else:
            near.append((start - _REACH, end + _REACH))
    both = [(max(a, c), min(b, d)) for a, b in loud for c, d in near if c < b and a < d]
    return [(start, end) for start, end in both if end - start >= _LEAST_OF_BOTH]


@cache
def _session() -> Any:
    feature = "Finding speech with silero"
    runtime = require("onnxruntime", extra="prepare", feature=feature)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return runtime.InferenceSession(
        str(_model(feature)), options, providers=["CPUExecutionProvider"]
    )


def _model(feature: str) -> Path:
    try:
        path = Path(str(distribution("silero-vad").locate_file(_MODEL)))
    except PackageNotFoundError as error:
        raise MissingExtraError(
            f"{feature} needs the package `silero-vad`. "
            f"Install it with: pip install 'myna[prepare]'"
        ) from error
    if not path.is_file():
        raise MissingExtraError(
            f"The package `silero-vad` on this machine lacks {_MODEL}. "
            f"Install it again with: pip install --force-reinstall 'silero-vad>=6.2,<7'"
        )
    return path
