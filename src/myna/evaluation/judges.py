"""Who judges speech: what each one measures, and who it is.

None of them has taught a model of ours, but for `sounds`, which is our own recogniser and is called
so wherever its figures stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from myna.audio import alignment
from myna.audio.loudness import loudness
from myna.audio.pitch import pitch
from myna.audio.recordings import pcm16, read
from myna.audio.resample import HIGH_QUALITY, resample
from myna.dataset.speaker_encoders import open_speaker_encoder
from myna.dataset.transcribing import open_transcriber
from myna.datatypes import Audio
from myna.errors import AudioError, ConfigError, MissingExtraError, ModelNotFoundError
from myna.evaluation.mos import LOWEST, Listener
from myna.evaluation.results import Likeness, likeness_of
from myna.evaluation.words import word_errors, words_of
from myna.extras import require
from myna.specs import CONTENT_RATE
from myna.text import direct
from myna.text.sounds import TONED
from myna.text.sounds import heard as sounds_of

if TYPE_CHECKING:
    from myna.datatypes import Floats
    from myna.evaluation.sentences import Sentence
    from myna.evaluation.speakers import Speaker

JUDGES: Mapping[str, str] = {
    "words": "English words, by moonshine",
    "second": "English words, by pocketsphinx: a second opinion, and a coarse one",
    "sounds": "sounds, by our own recogniser",
    "similarity": "who speaks, by Resemblyzer",
    "mos": "how it sounds, by DNSMOS P.835",
    "pitch": "mean and range of the pitch",
}
"""All there are."""

USUAL: Mapping[str, tuple[str, ...]] = {
    "en": ("words", "similarity", "mos", "pitch"),
    "zh": ("sounds", "similarity", "mos", "pitch"),
}
"""Those that are asked unless the caller says otherwise, by language."""

_ENGLISH_ONLY = ("words", "second")
_LEVEL = -26.0
"""LUFS at which the sound is judged, since the network has an opinion about loudness, too."""
_MOST_KNOWN = 12
"""Recordings of a person that anything is compared with."""
_LOW_PITCH, _HIGH_PITCH = 60.0, 500.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a judge found in a sentence."""

    measures: Mapping[str, float] = field(default_factory=dict)
    heard: str | None = None
    note: str = ""


class Judge(Protocol):
    """Listens to one sentence at a time."""

    @property
    def name(self) -> str:
        """One of `JUDGES`."""
        ...

    @property
    def who(self) -> str:
        """Who it is, with a version: results of another are not taken for its own."""
        ...

    def key(self, sentence: Sentence, speaker: Speaker) -> str:
        """Tells apart what would be judged differently, besides the audio."""
        ...

    def listen(self, audio: Audio | None, sentence: Sentence, speaker: Speaker) -> Finding:
        """Judge what a speaker made of a sentence.

        Args:
            audio: None, if the speaker failed or was silent.
        """
        ...


def open_judges(
    language: str, *, without: Sequence[str] = (), also: Sequence[str] = ()
) -> tuple[Judge, ...]:
    """The judges of a language.

    Args:
        language: en or zh.
        without: those of `USUAL` to leave out.
        also: others to ask.

    Raises:
        ConfigError: there is no such judge, or it does not know the language.
        MissingExtraError: the package of one is not installed.
        ModelNotFoundError: the network of one is not here.
        CheckpointError: that network is damaged.
        EngineError: one cannot be started.
    """
    if language not in USUAL:
        raise ConfigError(f"language is {language!r}; there are judges of {', '.join(USUAL)}.")
    for name in (*without, *also):
        if name not in JUDGES:
            raise ConfigError(f"There is no judge {name!r}; there are {', '.join(JUDGES)}.")
    if language != "en" and (unfit := set(also) & set(_ENGLISH_ONLY)):
        raise ConfigError(f"{', '.join(sorted(unfit))}: this judge hears English only.")
    wanted = [name for name in JUDGES if name in (*USUAL[language], *also) and name not in without]
    found: list[Judge] = []
    for name in wanted:
        try:
            found.append(_KINDS[name]())
        except (MissingExtraError, ModelNotFoundError) as error:
            raise type(error)(f"{error} Or leave it out: --without {name}.") from error
    return tuple(found)


class Words:
    """English words: how many of them are heard otherwise than they should be said."""

    name = "words"

    def __init__(self) -> None:
        self._transcriber = open_transcriber("moonshine")
        self.who = f"moonshine tiny-en, moonshine-voice {_version('moonshine-voice')}"

    def key(self, sentence: Sentence, speaker: Speaker) -> str:  # noqa: ARG002
        return sentence.text

    def listen(self, audio: Audio | None, sentence: Sentence, speaker: Speaker) -> Finding:  # noqa: ARG002
        heard = "" if audio is None else self._transcriber.transcribe(audio, "en").text
        meant = words_of(sentence.text)
        errors = word_errors(words_of(heard), meant)
        return Finding({"words": len(meant), "word_errors": errors}, heard)


class SecondOpinion:
    """The same words, as a recogniser of another kind hears them."""

    name = "second"

    def __init__(self) -> None:
        self._package: Any = require(
            "pocketsphinx", extra="evaluate", feature="The second opinion on words"
        )
        self.who = f"pocketsphinx {_version('pocketsphinx')}"

    def key(self, sentence: Sentence, speaker: Speaker) -> str:  # noqa: ARG002
        return sentence.text

    def listen(self, audio: Audio | None, sentence: Sentence, speaker: Speaker) -> Finding:  # noqa: ARG002
        meant = words_of(sentence.text)
        errors = word_errors(words_of("" if audio is None else self._heard(audio)), meant)
        return Finding({"words": len(meant), "second_errors": errors})

    def _heard(self, audio: Audio) -> str:
        # It adapts to what it hears; a new one each time knows nothing of the sentence before.
        decoder = self._package.Decoder(samprate=CONTENT_RATE, loglevel="FATAL")
        samples = resample(audio, CONTENT_RATE, HIGH_QUALITY).samples
        decoder.start_utt()
        decoder.process_raw(pcm16(samples).tobytes(), full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        return "" if best is None else str(best.hypstr)


class Sounds:
    """Sounds: how many are heard otherwise than they should be said, with and without tones.

    It is our own recogniser, trained on some of the recordings that models of ours were trained on.
    """

    name = "sounds"

    def __init__(self) -> None:
        require("torch", extra="torch", feature="Our recogniser of sounds")
        from myna.engines.recogniser import PACKAGED, Recogniser
        from myna.files import sha256

        self._recogniser = Recogniser.load()
        self.who = f"our own recogniser, {sha256(PACKAGED)[:8]}"

    def key(self, sentence: Sentence, speaker: Speaker) -> str:  # noqa: ARG002
        return sentence.text

    def listen(self, audio: Audio | None, sentence: Sentence, speaker: Speaker) -> Finding:  # noqa: ARG002
        language = sentence.language
        meant = sounds_of(direct(sentence.text, language=language, improved=True).symbols, language)
        heard = []
        if audio is not None:
            heard = [each.symbol for each in self._recogniser.phones(audio, language)]
        measures = {"sounds": len(meant), "sound_errors": alignment.edit_distance(heard, meant)}
        if language == "zh":
            bases = [[_base(sound) for sound in side] for side in (heard, meant)]
            measures["base_errors"] = alignment.edit_distance(*bases)
        return Finding(measures, None if language == "en" else " ".join(heard))


class Similarity:
    """Who speaks: how like the recordings of the person whom it should sound like."""

    name = "similarity"

    def __init__(self) -> None:
        self._encoder = open_speaker_encoder("resemblyzer")
        self.who = f"the network of Resemblyzer {_version('Resemblyzer')}"
        self._recorded = lru_cache(maxsize=None)(self._vector_of)

    def key(self, sentence: Sentence, speaker: Speaker) -> str:
        return "\n".join(str(path) for path in _others(sentence, speaker))

    def listen(self, audio: Audio | None, sentence: Sentence, speaker: Speaker) -> Finding:
        others = [self._recorded(path) for path in _others(sentence, speaker)]
        known = [vector for vector in others if vector is not None]
        if not known:
            return Finding()
        if audio is None:
            return Finding({"similarity": 0.0})
        try:
            vector = self._encoder.vector(audio)
        except AudioError as error:
            return Finding(note=str(error))
        return Finding({"similarity": float(np.mean([vector @ other for other in known]))})

    def likeness(self, speakers: Mapping[str, Sequence[Sentence]]) -> Likeness | None:
        """How alike people are, by some recordings of each."""
        vectors: dict[str, list[Floats]] = {}
        for name, recordings in speakers.items():
            paths = [each.recording for each in recordings if each.recording is not None]
            found = (self._recorded(path) for path in paths[:_MOST_KNOWN])
            vectors[name] = [vector for vector in found if vector is not None]
        return likeness_of(vectors, lambda one, other: float(one @ other))

    def _vector_of(self, path: Path) -> Floats | None:
        """None if there is too little speech in it to know somebody by."""
        audio = read(path)
        try:
            return self._encoder.vector(audio)
        except AudioError:
            return None


class Sound:
    """How it sounds, noise and artefacts included; whoever speaks, and whatever is said."""

    name = "mos"

    def __init__(self) -> None:
        self._listener = Listener()
        self.who = f"DNSMOS P.835, speechmos {_version('speechmos')}, at {_LEVEL:g} LUFS"

    def key(self, sentence: Sentence, speaker: Speaker) -> str:  # noqa: ARG002
        return ""

    def listen(self, audio: Audio | None, sentence: Sentence, speaker: Speaker) -> Finding:  # noqa: ARG002
        if audio is None:
            return Finding(dict.fromkeys(("mos", "mos_speech", "mos_background"), LOWEST))
        level = loudness(audio.samples, audio.rate)
        gain = 10.0 ** ((_LEVEL - level) / 20.0) if np.isfinite(level) else 1.0
        opinion = self._listener.opinion(Audio(audio.samples * np.float32(gain), audio.rate))
        return Finding(
            {
                "mos": opinion.overall,
                "mos_speech": opinion.speech,
                "mos_background": opinion.background,
            }
        )


class Pitch:
    """How high, and how lively; nothing to be right or wrong about."""

    name = "pitch"
    who = "autocorrelation, as Boersma (1993)"

    def key(self, sentence: Sentence, speaker: Speaker) -> str:  # noqa: ARG002
        return ""

    def listen(self, audio: Audio | None, sentence: Sentence, speaker: Speaker) -> Finding:  # noqa: ARG002
        if audio is None:
            return Finding()
        plain = resample(audio, CONTENT_RATE, HIGH_QUALITY)
        followed = pitch(plain, _LOW_PITCH, _HIGH_PITCH)
        hz = followed.hz[followed.voiced]
        if not len(hz):
            return Finding()
        low, high = np.percentile(hz, [5, 95])
        return Finding(
            {"pitch_hz": float(hz.mean()), "pitch_range": float(12 * np.log2(high / low))}
        )


_KINDS: Mapping[str, Any] = {
    kind.name: kind for kind in (Words, SecondOpinion, Sounds, Similarity, Sound, Pitch)
}


def _others(sentence: Sentence, speaker: Speaker) -> list[Path]:
    """Some recordings of the speaker, but not the one that is judged."""
    paths = [each.recording for each in speaker.like if each.recording is not None]
    return [path for path in paths if path != sentence.recording][:_MOST_KNOWN]


def _base(sound: str) -> str:
    return sound[:-1] if sound[:-1] in TONED else sound


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of an unknown version"
