"""What is said in a clip, by whichever recogniser of words the user has, and whether to believe it.

Recognisers of words invent some where there are none, and repeat themselves; what they say is
therefore held against what can be heard, and dropped where the two cannot both be true.
"""

from __future__ import annotations

import importlib.util
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from myna.audio.activity import activity
from myna.audio.resample import HIGH_QUALITY, resample
from myna.datatypes import in_range
from myna.errors import (
    AudioError,
    ConfigError,
    EngineError,
    MissingExtraError,
    ModelNotFoundError,
)
from myna.extras import require
from myna.memory import give_back
from myna.specs import CONTENT_RATE

if TYPE_CHECKING:
    from myna.dataset.manifest import Clip
    from myna.datatypes import Audio, Floats

TRANSCRIBERS = {
    "moonshine": "English, offline: its model is in the package",
    "faster-whisper": "many languages; a model folder of yours, or a name from its own cache",
    "funasr": "Mandarin and, with SenseVoice, four more; model folders of yours",
}
"""What each is for."""

_PACKAGES = {
    "moonshine": "moonshine_voice",
    "faster-whisper": "faster_whisper",
    "funasr": "funasr",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was heard."""

    text: str
    """Empty if no words were."""
    language: str
    """A language code; what was asked for, or what was heard."""
    confidence: float | None = None
    """0 to 1, or None from those that do not say."""


class Transcriber(Protocol):
    """Hears words."""

    name: str

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        """Write down what is said.

        Args:
            audio: a clip of seconds, at any rate.
            language: zh, en, ja, ko or yue; empty if nobody knows.

        Raises:
            ConfigError: it does not hear this language.
            EngineError: the recogniser failed.
        """
        ...


def open_transcriber(
    name: str, *, model: str | Path = "", device: str = "auto", punctuation: str | Path = ""
) -> Transcriber:
    """The recogniser of words called `name`. Nothing is downloaded.

    Args:
        name: one of `TRANSCRIBERS`.
        model: a folder with its model; for faster-whisper also a name from its cache.
        device: `auto`, `cpu` or `cuda`.
        punctuation: for funasr, the folder of a model that sets marks.

    Raises:
        ConfigError: there is none of that name, or it takes no such option.
        MissingExtraError: its package is not installed.
        ModelNotFoundError: its model is not on this machine.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device is {device!r}; it is 'auto', 'cpu' or 'cuda'.")
    if punctuation and name != "funasr":
        raise ConfigError(f"{name} sets marks itself; leave out `punctuation`.")
    match name:
        case "moonshine":
            if model or device == "cuda":
                raise ConfigError("moonshine runs the model of its package on the CPU only.")
            return _Moonshine()
        case "faster-whisper":
            return _FasterWhisper(str(model), device)
        case "funasr":
            return _FunAsr(Path(model) if model else None, device, punctuation)
    raise ConfigError(f"There is no transcriber {name!r}; there are {', '.join(TRANSCRIBERS)}.")


def check_installed(name: str) -> None:
    """Check that a transcriber's package is there, before hours of other work.

    Raises:
        MissingExtraError: it is not; the message says how to install it.
    """
    package = _PACKAGES[name]
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(
            f"Transcribing with {name} needs `{package}`. Install it with: "
            f"pip install 'myna[{name}]'"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """When a transcript is not believed."""

    least_speech: float = 0.3
    """Seconds of the clip in which something must be heard."""
    most_letters: float = 30.0
    """Letters per second of what is heard; fast speakers of English reach 22."""
    most_characters: float = 12.0
    """The same for ideographs, kana and hangul; fast speakers reach 9."""
    most_repeats: int = 3
    """Times that the same words may follow one another."""
    most_compression: float = 2.4
    """How many times shorter zlib may make the text: the limit of Whisper (arXiv:2212.04356)."""
    least_confidence: float = 0.37
    """About the mean log-probability of -1 under which Whisper (same source) tries again."""

    def __post_init__(self) -> None:
        in_range("least_speech", self.least_speech, 0.0, 10.0)
        in_range("most_letters", self.most_letters, 1.0, 1000.0)
        in_range("most_characters", self.most_characters, 1.0, 1000.0)
        in_range("most_repeats", self.most_repeats, 1, 100)
        in_range("most_compression", self.most_compression, 1.0, 1000.0)
        in_range("least_confidence", self.least_confidence, 0.0, 1.0)


def transcribed(
    clip: Clip, audio: Audio, transcriber: Transcriber, belief: Belief | None = None
) -> Clip:
    """The clip with words, or dropped because none of it can be believed.

    Raises:
        As `Transcriber.transcribe`.
    """
    belief = belief or Belief()
    speech = heard_seconds(audio)
    if speech < belief.least_speech:
        return clip.drop("silence", f"Only {speech:.2f} s of {audio.seconds:.2f} s can be heard.")
    found = transcriber.transcribe(audio, clip.language)
    clip = replace(
        clip,
        text=found.text,
        language=clip.language or found.language,
        text_from=transcriber.name,
        confidence=found.confidence,
    )
    if not re.search(r"\w", found.text):
        return clip.drop("no words", f"{transcriber.name} heard no words in it.")
    if reason := doubt(found, speech, belief):
        return clip.drop("unsure words", f"{transcriber.name} heard {_short(found.text)}: {reason}")
    return clip


def doubt(found: Transcript, seconds: float, belief: Belief | None = None) -> str:
    """Why a transcript of so many seconds of speech cannot be believed; empty if it can."""
    belief = belief or Belief()
    repeated = _repeats(found.text)
    if repeated > belief.most_repeats:
        return f"the same words {repeated} times in a row."
    ratio = _compression(found.text)
    if ratio > belief.most_compression:
        return f"it repeats itself (compresses {ratio:.1f} times)."
    dense = len(_DENSE.findall(found.text))
    letters = sum(char.isalnum() for char in found.text) - dense
    most = dense / belief.most_characters + letters / belief.most_letters
    if most > seconds:
        return f"more than anybody says in the {seconds:.2f} s that are heard."
    if found.confidence is not None and found.confidence < belief.least_confidence:
        return f"a confidence of {found.confidence:.2f}; at least {belief.least_confidence:g}."
    return ""


def heard_seconds(audio: Audio) -> float:
    """Seconds in which something is heard; 0 in digital silence and in less than 25 ms."""
    if float(np.abs(audio.samples).max(initial=0.0)) < _SILENT_PEAK:
        return 0.0
    try:
        return activity(audio).seconds
    except AudioError:
        return 0.0


class _Moonshine:
    name = "moonshine"

    _TOGETHER = 32
    """Recordings after which memory goes back: 10 MB for each would stay otherwise."""

    def __init__(self) -> None:
        self._heard = 0
        # Importing it also brings `requests`, but neither torch nor onnxruntime for Python.
        package = require(
            "moonshine_voice", extra="moonshine", feature="Transcribing with moonshine"
        )
        folder = Path(package.get_model_path("tiny-en"))
        if not folder.is_dir():
            raise ModelNotFoundError(
                "The installed moonshine-voice has no model of English in it; version 0.0.49 has: "
                "pip install 'myna[moonshine]'"
            )
        self._failure: type[Exception] = package.MoonshineError
        try:
            self._model = package.Transcriber(
                str(folder),
                package.ModelArch.TINY,
                options={"return_audio_data": "false"},
            )
        except self._failure as error:
            raise EngineError(f"moonshine cannot be started: {error}.") from error

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        if language not in ("", "en"):
            raise ConfigError(
                f"moonshine hears English, not {language!r}; use another transcriber for it."
            )
        try:
            # It carries words over from what it heard before; silence makes it forget.
            silence = np.zeros(2 * CONTENT_RATE, dtype=np.float32)
            self._model.transcribe_without_streaming(silence, CONTENT_RATE)
            lines = self._model.transcribe_without_streaming(_samples(audio), CONTENT_RATE).lines
        except self._failure as error:
            raise EngineError(f"moonshine could not transcribe: {error}.") from error
        self._heard += 1
        if self._heard % self._TOGETHER == 0:
            give_back()
        return Transcript(text=_joined(line.text for line in lines), language="en")


class _FasterWhisper:
    name = "faster-whisper"

    _NO_SPEECH = 0.6
    _UNSURE = -1.0
    """Segments beyond both are silence: the rule of Whisper (arXiv:2212.04356)."""

    def __init__(self, model: str, device: str) -> None:
        package = require(
            "faster_whisper", extra="faster-whisper", feature="Transcribing with faster-whisper"
        )
        if not model:
            raise ConfigError(
                "faster-whisper needs `model`: a folder, or the name of one that it has downloaded "
                "before, such as 'small'."
            )
        try:
            self._model = package.WhisperModel(model, device=device, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelNotFoundError(
                f"faster-whisper finds no model {model!r} on this machine ({error}). Download it "
                f'first with: python -c "import faster_whisper; '
                f"faster_whisper.download_model('{model}')\""
            ) from error

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        try:
            segments, info = self._model.transcribe(
                _samples(audio),
                language=language or None,
                condition_on_previous_text=False,
            )
            spoken = [each for each in segments if not self._is_silence(each)]
        except (ValueError, RuntimeError) as error:
            raise EngineError(f"faster-whisper could not transcribe: {error}") from error
        seconds = sum(max(each.end - each.start, 1e-3) for each in spoken)
        sure = sum(max(each.end - each.start, 1e-3) * each.avg_logprob for each in spoken)
        return Transcript(
            text=_joined(each.text for each in spoken),
            language=language or str(info.language),
            confidence=min(1.0, exp(sure / seconds)) if spoken else 0.0,
        )

    def _is_silence(self, segment: Any) -> bool:
        return bool(segment.no_speech_prob > self._NO_SPEECH and segment.avg_logprob < self._UNSURE)


class _FunAsr:
    name = "funasr"

    def __init__(self, model: Path | None, device: str, punctuation: str | Path) -> None:
        package = require("funasr", extra="funasr", feature="Transcribing with funasr")
        options: dict[str, Any] = {"disable_update": True, "disable_pbar": True}
        for name, folder in (("model", model), ("punc_model", Path(punctuation))):
            if name == "punc_model" and not punctuation:
                continue
            if folder is None or not folder.is_dir():
                raise ModelNotFoundError(
                    f"funasr needs the folder of a model on this machine as "
                    f"`{'model' if name == 'model' else 'punctuation'}`, such as one of "
                    f"SenseVoiceSmall; there is none at {str(folder or '')!r}."
                )
            options[name] = str(folder)
        if device != "auto":
            options["device"] = device
        self._model = package.AutoModel(**options)

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        try:
            found = self._model.generate(
                input=_samples(audio), language=language or "auto", use_itn=True, disable_pbar=True
            )
        except (ValueError, RuntimeError, KeyError) as error:
            raise EngineError(f"funasr could not transcribe: {error}") from error
        raw = " ".join(str(each.get("text", "")) for each in found)
        tags = _TAG.findall(raw)
        heard = next((tag for tag in tags if tag in _TAGGED_LANGUAGES), "")
        text = "" if "nospeech" in tags else _joined([_TAG.sub(" ", raw)])
        return Transcript(text=text, language=language or heard or "zh")


_SILENT_PEAK = 10.0 ** (-60.0 / 20.0)

_DENSE = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")
"""A syllable or so to a character."""

_TAG = re.compile(r"<\|([^|<>]*)\|>")
_TAGGED_LANGUAGES = ("zh", "en", "yue", "ja", "ko")
_SPACED_IDEOGRAPHS = re.compile(
    "(?<=[\u3041-\u30ff\u3400-\u9fff]) +(?=[\u3041-\u30ff\u3400-\u9fff])"
)

_MOST_PHRASE = 12
"""Words, or characters where there are no spaces, of a phrase that is looked for."""
_LEAST_COMPRESSED = 40
"""Bytes below which a text cannot compress well, whatever it says."""


def _samples(audio: Audio) -> Floats:
    return resample(audio, CONTENT_RATE, HIGH_QUALITY).samples


def _joined(parts: Iterable[str]) -> str:
    text = " ".join(" ".join(parts).split())
    return _SPACED_IDEOGRAPHS.sub("", text)


def _repeats(text: str) -> int:
    """The most times that the same phrase stands in a row."""
    words = re.findall(rf"{_DENSE.pattern}|[^\W_]+", text.lower())
    most = 1 if words else 0
    for length in range(1, min(_MOST_PHRASE, len(words) // 2) + 1):
        run = 0
        for here, there in zip(words, words[length:], strict=False):
            run = run + 1 if here == there else 0
            most = max(most, run // length + 1)
    return most


def _compression(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if len(data) >= _LEAST_COMPRESSED else 1.0


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
