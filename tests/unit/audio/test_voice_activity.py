"""Voice activity: speech is found where it is, and what is no speech is told from it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

import faults
from myna.audio import voice_activity
from myna.audio.recordings import read
from myna.audio.resample import HIGH_QUALITY, resample
from myna.audio.voice_activity import METHODS, speech, speech_probabilities
from myna.datatypes import Audio
from myna.errors import ConfigError, MissingExtraError


def has_silero() -> bool:
    try:
        import onnxruntime  # noqa: F401

        distribution("silero-vad")
    except (ImportError, PackageNotFoundError):
        return False
    return True


EVAL = Path(__file__).resolve().parents[4] / "shared" / "speech" / "eval"
needs_speech = pytest.mark.skipif(not EVAL.is_dir(), reason=f"no recordings of speech at {EVAL}")
needs_silero = pytest.mark.skipif(not has_silero(), reason="onnxruntime or silero-vad is missing")
EVERY_METHOD = [
    pytest.param(name, marks=() if name == "energy" else needs_silero) for name in METHODS
]
POOR = faults.poor_recordings()
RATE = 16_000


def mixed() -> tuple[Audio, tuple[float, float], tuple[float, float]]:
    """A sentence, then a burst of noise, in a quiet room; and when they are."""
    sentence = read(EVAL / "en" / "lj" / "LJ001-0004.flac")
    sentence = resample(sentence, RATE, HIGH_QUALITY)
    random = np.random.default_rng(0)
    burst = random.normal(size=2 * RATE) * 0.1
    gap = np.zeros(RATE)
    samples = np.concatenate((gap, sentence.samples, gap, burst, gap))
    samples += random.normal(size=len(samples)) * 1e-4
    end = 1.0 + sentence.seconds
    return Audio(samples.astype(np.float32), RATE), (1.0, end), (end + 1.0, end + 3.0)


@needs_speech
@pytest.mark.parametrize("method", EVERY_METHOD)
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_a_sentence_is_found(method: str, rate: int) -> None:
    audio, said, burst = mixed()
    found = speech(resample(audio, rate, HIGH_QUALITY), method)
    words = [span for span in found if span[0] < said[1] and span[1] > said[0]]
    assert words[0][0] == pytest.approx(said[0], abs=0.25)
    assert words[-1][1] == pytest.approx(said[1], abs=0.4)
    assert sum(end - start for start, end in words) > 0.8 * (said[1] - said[0])
    others = [span for span in found if span not in words]
    if method == "energy":
        assert others[0] == pytest.approx(burst, abs=0.1)
    else:
        assert others == []


@needs_silero
@needs_speech
def test_both_takes_the_borders_of_energy() -> None:
    audio, _, _ = mixed()
    borders = {edge for span in speech(audio, "energy") for edge in span}
    for span in speech(audio, "both"):
        assert borders.issuperset(span)


@pytest.mark.parametrize("method", EVERY_METHOD)
@pytest.mark.parametrize("name", POOR)
def test_poor_recordings_are_no_error(method: str, name: str) -> None:
    audio = POOR[name]
    found = speech(audio, method)
    edges = [edge for span in found for edge in span]
    assert edges == sorted(edges)
    assert all(0.0 <= edge <= audio.seconds + 1e-9 for edge in edges)
    if name.startswith(("silence", "DC", "tiny", "one", "no sample")):
        assert found == []


def test_energy_finds_the_phrases() -> None:
    found = speech(faults.speech(3), "energy")
    assert len(found) == 3
    for number, span in enumerate(found):
        assert span == pytest.approx((0.8 + 2.8 * number, 2.8 + 2.8 * number), abs=0.15)


@needs_silero
def test_probabilities_cover_all_of_it() -> None:
    random = np.random.default_rng(0)
    audio = Audio((random.normal(size=RATE + 1) * 0.1).astype(np.float32), RATE)
    found = speech_probabilities(audio)
    assert len(found) == 32
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert found.max() < 0.5


def test_another_method_is_an_error() -> None:
    with pytest.raises(ConfigError, match="energy, silero, both"):
        speech(POOR["silence at 16000"], "webrtc")


@pytest.mark.parametrize("missing", ["onnxruntime", "silero-vad"])
def test_what_is_missing_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "onnxruntime":
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    else:
        pytest.importorskip("onnxruntime")

        def nowhere(name: str) -> None:
            raise PackageNotFoundError(name)

        monkeypatch.setattr(voice_activity, "distribution", nowhere)
    voice_activity._session.cache_clear()
    with pytest.raises(MissingExtraError, match=rf"(?s){missing}.*myna\[prepare\]"):
        speech(faults.speech(1), "silero")
    voice_activity._session.cache_clear()


@needs_silero
def test_torch_is_not_loaded() -> None:
    script = (
        "import sys, numpy as np\n"
        "from myna.audio.voice_activity import speech\n"
        "from myna.datatypes import Audio\n"
        "noise = np.random.default_rng(0).normal(size=16000).astype('f4')\n"
        "speech(Audio(noise, 16000), 'both')\n"
        "assert 'onnxruntime' in sys.modules\n"
        "assert not {'torch', 'torchaudio', 'silero_vad'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
