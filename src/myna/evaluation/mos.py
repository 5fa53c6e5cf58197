"""What listeners would say of a recording's sound, from 1 to 5, as DNSMOS P.835 guesses it.

The networks are those that the package `speechmos` carries; its own module is not imported, because
that needs librosa and more for a second score that is not used here.

Letters in shapes: N samples.

Source: Reddy et al., "DNSMOS P.835" (arXiv:2110.01763); the length heard at once, the steps between
such stretches and the curves that map raw scores to those of listeners are those of `speechmos`
0.0.1.1, and tests compare the two.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myna.audio.resample import HIGH_QUALITY, resample
from myna.errors import EngineError, MissingExtraError
from myna.extras import require

if TYPE_CHECKING:
    from myna.datatypes import Audio, Floats

RATE = 16_000
LOWEST = 1.0
"""Of the scale: what silence gets."""

_SECONDS = 9.01
"""Of what the network hears at once; shorter recordings are repeated."""
_CURVES = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)
"""Of speech, background and the whole: from raw scores to those of listeners, highest power
first."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """Of a recording; each from 1 to 5, about."""

    overall: float
    speech: float
    background: float


class Listener:
    """The network, loaded.

    Raises:
        MissingExtraError: `speechmos` or `onnxruntime` is not installed.
        EngineError: its network cannot be loaded.
    """

    def __init__(self) -> None:
        runtime: Any = require("onnxruntime", extra="evaluate", feature="The proxy of MOS")
        found = importlib.util.find_spec("speechmos")
        if found is None or not found.submodule_search_locations:
            raise MissingExtraError(
                "The proxy of MOS needs the network in the package `speechmos`. Install it with: "
                "pip install 'myna[evaluate]'"
            )
        path = Path(found.submodule_search_locations[0]) / "dnsmos_models" / "sig_bak_ovr.onnx"
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._net = runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors share no class
            raise EngineError(f"The network {path} cannot be loaded ({error}).") from error

    def opinion(self, audio: Audio) -> Opinion:
        """Of a recording of any rate and any length but none; beyond [-1, 1] it is clipped."""
        samples = np.clip(resample(audio, RATE, HIGH_QUALITY).samples, -1.0, 1.0)
        heard = [self._net.run(None, {"input_1": part[None]}) for part in parts(samples)]
        raw = np.array([outputs[0][0] for outputs in heard])
        speech, background, overall = (
            float(np.polyval(curve, raw[:, place]).mean()) for place, curve in enumerate(_CURVES)
        )
        return Opinion(overall, speech, background)


def parts(samples: Floats) -> list[Floats]:
    """Stretches of (144160,) that are heard, a second apart; (N,) at 16 kHz, N at least 1.

    A recording that is too short is doubled until it is long enough.
    """
    size = int(_SECONDS * RATE)
    while len(samples) < size:
        samples = np.concatenate([samples, samples])
    count = int(math.floor(len(samples) / RATE) - _SECONDS) + 1
    # Rounded as theirs is, which loses some stretches: the same figures are worth more.
    heard = [samples[RATE * step : int((step + _SECONDS) * RATE)] for step in range(count)]
    return [part for part in heard if len(part) == size]
