"""Networks that tell who speaks, behind one protocol: a recording becomes a unit vector.

Letters in shapes: N samples, T frames of 10 ms, V channels of the speaker vector.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from myna.audio.activity import FRAMES_PER_SECOND, activity
from myna.audio.filterbank import fbank
from myna.audio.resample import HANN_SINC, HIGH_QUALITY, resample
from myna.datatypes import Audio
from myna.errors import AudioError, CheckpointError, ConfigError, MissingExtraError
from myna.extras import require
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Floats
    from myna.engines.base import Engine

SPEAKER_ENCODERS = {
    "resemblyzer": "small and fast; the network that the package Resemblyzer carries",
    "family": "the speaker encoder of the family of models, if it has one",
}
"""What each is."""

LEAST_SECONDS = 0.5
"""Of speech, without which nobody can be told from anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Products of an encoder's vectors below which two speakers are likelier than one."""

    clip: float
    """A clip of seconds, and the mean of other clips."""
    halves: float
    """The halves of a clip."""
    half: float
    """Half a clip, and the mean of other clips."""
    means: float
    """The means of two groups of clips."""


class SpeakerEncoder(Protocol):
    """Tells who speaks."""

    @property
    def name(self) -> str:
        """As users know it."""
        ...

    @property
    def likeness(self) -> Likeness | None:
        """None where nobody has measured it."""
        ...

    def vector(self, audio: Audio) -> Floats:
        """(V,) unit vector of who speaks in a recording.

        Raises:
            AudioError: it holds less than half a second of speech.
        """
        ...


def open_speaker_encoder(
    name: str = "resemblyzer", *, engine: Engine | None = None
) -> SpeakerEncoder:
    """The speaker encoder called `name`.

    Args:
        name: one of `SPEAKER_ENCODERS`.
        engine: of the family, for `family`.

    Raises:
        ConfigError: there is none of that name, or the family has no speaker encoder.
        MissingExtraError: its package is not installed.
        CheckpointError: its weights are damaged.
    """
    if name == "resemblyzer":
        return _Resemblyzer()
    if name == "family":
        if engine is None or engine.spec.speaker_encoder is None:
            raise ConfigError(
                "Speakers can be told by the family's encoder only for families that have one; "
                "use resemblyzer."
            )
        return _Family(engine)
    raise ConfigError(
        f"There is no speaker encoder {name!r}; there are {', '.join(SPEAKER_ENCODERS)}."
    )


class _Resemblyzer:
    """The network of Resemblyzer without its package, whose imports are heavy and not needed."""

    name = "resemblyzer"
    likeness = Likeness(clip=0.75, halves=0.65, half=0.70, means=0.80)
    """On 171 clips of 2 to 5 s by 11 speakers: 1 % of clips have less than 0.776 with the mean of
    their speaker, 1 % of others more than 0.737; of clips made of two speakers, 2 to 4 s each, 95 %
    have less than 0.65 between their halves, and 3 to 13 % of clips by one speaker, which is why
    half a clip is held against the speaker's mean, too. Groups of one speaker's clips have a
    product of at least 0.87, those of two speakers at most 0.74 in 95 % of cases."""

    _FRAMES = 160
    """Of a stretch that the network hears at once; the paper's 1.6 s."""
    _STEP = 80
    _LEVEL = 10.0 ** (-30.0 / 20.0)
    """Quieter recordings are brought to this level, as in its training."""

    def __init__(self) -> None:
        torch = require("torch", extra="torch", feature="Telling speakers apart")
        found = importlib.util.find_spec("resemblyzer")
        if found is None or not found.submodule_search_locations:
            raise MissingExtraError(
                "Telling speakers apart needs the network in the package `Resemblyzer`. "
                "Install it with: pip install --no-deps Resemblyzer"
            )
        from myna.checkpoints import torch_stream
        from myna.nets.lstm_speaker import LSTMSpeaker

        path = Path(found.submodule_search_locations[0]) / "pretrained.pt"
        weights = torch_stream.read(path, "model_state")
        net = LSTMSpeaker()
        try:
            net.load_state_dict(
                {name: torch.from_numpy(weights[name].copy()) for name in net.state_dict()}
            )
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(f"{path} holds another network ({error}).") from error
        self._net = net.eval().requires_grad_(requires_grad=False)
        self._torch = torch

    def vector(self, audio: Audio) -> Floats:
        samples = speech_of(audio).samples.astype(np.float64)
        level = float(np.sqrt(np.mean(samples**2)))
        samples = samples * max(1.0, self._LEVEL / level)
        mel = mel_bands(samples)
        if len(mel) < self._FRAMES:
            stretches = mel[None]
        else:
            stretches = sliding_window_view(mel, self._FRAMES, axis=0)[:: self._STEP]
            stretches = stretches.transpose(0, 2, 1)
        with self._torch.inference_mode():
            parts = self._net(self._torch.from_numpy(np.array(stretches))).numpy()
        return _unit(parts.mean(axis=0))


class _Family:
    """The speaker encoder that the family's decoder was trained with."""

    likeness = None

    def __init__(self, engine: Engine) -> None:
        assert engine.spec.speaker_encoder is not None
        self.name: str = engine.spec.speaker_encoder
        self._engine = engine

    def vector(self, audio: Audio) -> Floats:
        heard = resample(speech_of(audio), CONTENT_RATE, HANN_SINC)
        return _unit(self._engine.speaker(fbank(heard)))


def speech_of(audio: Audio) -> Audio:
    """What is heard of a recording, without its pauses, at 16 kHz.

    Raises:
        AudioError: that is less than half a second.
    """
    audio = resample(audio, CONTENT_RATE, HIGH_QUALITY)
    step = CONTENT_RATE // FRAMES_PER_SECOND
    stretches = activity(audio).stretches if audio.samples.any() else ()
    parts = [audio.samples[start * step : end * step] for start, end in stretches]
    heard = Audio(np.concatenate([np.zeros(0, dtype=np.float32), *parts]), CONTENT_RATE)
    if heard.seconds < LEAST_SECONDS:
        raise AudioError(
            f"It holds {heard.seconds:.2f} s of speech; to tell who speaks takes at least "
            f"{LEAST_SECONDS:g} s."
        )
    return heard


_BANDS, _FFT, _HOP = 40, 400, 160


def mel_bands(samples: NDArray[np.float64]) -> Floats:
    """(T, 40) power in mel bands to 8 kHz, every 10 ms over 25 ms centred there.

    Args:
        samples: (N,) at 16 kHz.

    Source: Slaney's Auditory Toolbox (1998) for scale and areas of the triangles; a Hann window and
    silence beyond the ends, as the weights were trained with.
    """
    padded = np.pad(samples, _FFT // 2)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_FFT) / _FFT)
    frames = sliding_window_view(padded, _FFT)[::_HOP] * window
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    bands: Floats = (power @ _triangles().T).astype(np.float32)
    return bands


@cache
def _triangles() -> NDArray[np.float64]:
    """(40, 201), each of unit area over frequency."""
    edges = _hertz(np.linspace(0.0, _mel(CONTENT_RATE / 2.0), _BANDS + 2))[:, None]
    bins = np.fft.rfftfreq(_FFT, 1.0 / CONTENT_RATE)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    height = 2.0 / (edges[2:] - edges[:-2])
    triangles: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling)) * height
    return triangles


_LINEAR_HZ = 200.0 / 3.0
_KNEE_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    """On Slaney's scale: linear to 1 kHz, logarithmic above."""
    if hertz < _KNEE_HZ:
        return hertz / _LINEAR_HZ
    return float(_KNEE_HZ / _LINEAR_HZ + np.log(hertz / _KNEE_HZ) / _LOG_STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _KNEE_HZ / _LINEAR_HZ
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, knee) - knee))
    hertz: NDArray[np.float64] = np.where(mel < knee, mel * _LINEAR_HZ, above)
    return hertz


def _unit(vector: Any) -> Floats:
    norm = float(np.linalg.norm(vector))
    unit: Floats = (np.asarray(vector) / max(norm, 1e-9)).astype(np.float32)
    return unit
