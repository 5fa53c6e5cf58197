"""The nouns: what rooms hand to each other. Immutable values, numpy inside.

Letters in shapes: N samples, P phones, C characters, T tokens, F text features.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from myna.errors import AudioError, ConfigError, VoiceError
from myna.files import replacing
from myna.specs import TOKENS_PER_SECOND, SamplingSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Ids = NDArray[np.int64]

VOICE_FORMAT = 1
"""Version of the layout of voice files."""

CONTAINERS = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS")}
"""Endings of the files we write, and libsndfile's names of container and coding."""

MOST_RETRIES = 16

_WRITE_BLOCK = 1 << 16
"""Samples given to libsndfile at once: its Vorbis encoder overflows the stack on minutes."""


def in_range(name: str, value: float, low: float, high: float, hint: str = "") -> None:
    """Check one setting.

    Raises:
        ConfigError: `value` is not a number from `low` to `high`; the message gives both.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # NaN fails the comparison
        raise ConfigError(f"{name} is {value!r}; it goes from {low:g} to {high:g}.{hint}")


def check_recording_path(path: Path) -> None:
    """Check that a recording may be written there, before the work that makes it.

    Raises:
        AudioError: the ending is not of `CONTAINERS`, or the folder does not exist.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise AudioError(
            f"Cannot write {path.name}: the ending says no format Myna writes. "
            f"Use one of {', '.join(CONTAINERS)}."
        )
    if not path.parent.is_dir():
        raise AudioError(f"Cannot write {path.name}: the folder {path.parent} does not exist.")


def check_voice_path(path: Path) -> None:
    """Check that a voice may be written there, before the work that makes it.

    Raises:
        VoiceError: the folder does not exist.
    """
    if not path.parent.is_dir():
        raise VoiceError(f"Cannot write {path.name}: the folder {path.parent} does not exist.")


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """A mono waveform."""

    samples: Floats
    """(N,) float32, nominally in [-1, 1]."""
    rate: int
    """In Hz."""

    def __post_init__(self) -> None:
        if self.samples.ndim != 1:
            raise AudioError(f"Audio is mono: one axis of samples, not {self.samples.ndim}.")
        if self.rate < 1:
            raise AudioError(f"rate is {self.rate}; a sample rate is at least 1 Hz.")
        if self.samples.dtype.name != "float32":
            raise AudioError(
                f"Audio holds float32 samples in [-1, 1], not {self.samples.dtype}. Convert them; "
                f"whole numbers of 16 bits, for one, are also divided by 32768."
            )

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def save(self, path: str | Path) -> None:
        """Write a WAV, FLAC or Ogg Vorbis file, by the ending of `path`; whole or not at all.

        Samples outside [-1, 1] are clipped.

        Raises:
            AudioError: another ending, or a folder that does not exist.
            OSError: the file cannot be written.
        """
        path = Path(path)
        check_recording_path(path)
        encoded = BytesIO()  # libsndfile would not say why it cannot write
        self.write(encoded, path.suffix.lower())
        with replacing(path) as temporary:
            temporary.write_bytes(encoded.getbuffer())

    def write(self, target: BinaryIO, ending: str) -> None:
        """Encode into a seekable binary stream; `ending` is one of `CONTAINERS`."""
        import soundfile

        container, subtype = CONTAINERS[ending]
        with soundfile.SoundFile(
            target, "w", self.rate, channels=1, format=container, subtype=subtype
        ) as sound:
            for start in range(0, len(self.samples), _WRITE_BLOCK):
                sound.write(self.samples[start : start + _WRITE_BLOCK])


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What cloning hears: one clear sentence of one speaker."""

    audio: Audio
    text: str = ""
    """What is said in it; empty if unknown, and then only the timbre is taken."""
    language: str = "auto"


Span = tuple[int, int]
"""Where something is in the caller's text: its first character, and the one after its last."""


class Applied(NamedTuple):
    """A rule of reading that changed something, or chose between readings."""

    rule: str
    span: Span
    before: str
    after: str


class Unread(NamedTuple):
    """Characters that no rule could read; they are not spoken."""

    span: Span
    text: str


class Style(NamedTuple):
    """How a stretch of text is to be said, as the caller marked it."""

    span: Span
    name: str
    """`emotion` or `style`."""
    value: str


class Written(NamedTuple):
    """A word as the caller wrote it: what lies between spaces, with the marks on it.

    What has neither letter nor digit, such as a dash between spaces, is with the word before it.
    """

    span: Span
    text: str
    """Without markup."""


@dataclass(frozen=True, slots=True)
class Phonemes:
    """A stretch of text in one language, as the model reads it."""

    symbols: tuple[str, ...]
    """One phone each, from the family's symbol table."""
    language: str
    text: str
    """The normalised text that was read."""
    phones_per_char: tuple[int, ...] | None = None
    """Phones of each character of `text` (zh and yue), or None where the language does not say."""
    spans: tuple[Span, ...] = ()
    """Of each phone, the characters it came from; in order. Empty if nobody asked."""
    source: str = ""
    """The caller's words of this stretch."""

    def __post_init__(self) -> None:
        counts = self.phones_per_char
        if counts is not None:
            assert len(counts) == len(self.text), "one count per character"
            assert sum(counts) == len(self.symbols), "counts add up to the phones"
        assert len(self.spans) in (0, len(self.symbols)), "one span per phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What the token model reads in one go: one or more stretches of one language each."""

    source: str
    """The caller's words, without markup."""
    parts: tuple[Phonemes, ...]
    span: Span = (0, 0)
    """Where they are in the caller's text. The spans of the phones cover all of it but spaces."""
    pause_before: float = 0.0
    """Seconds of silence that the caller wants before it."""
    pause_after: float | None = None
    """And after it; None leaves that to `Delivery.pause`."""
    rate: float = 1.0
    """Factor on `Delivery.speed`."""
    pitch: float = 0.0
    """In semitones."""
    styles: tuple[Style, ...] = ()
    unread: tuple[Unread, ...] = ()
    """What is in the text and not spoken."""
    applied: tuple[Applied, ...] = ()
    """The rules that fired, if asked for."""
    silent: bool = False
    """Whether its phones are marks only, because nothing in it can be read."""
    words: tuple[Written, ...] = ()
    """Of `source`, in order; all of them, so that in a language without spaces it may be one."""

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(symbol for part in self.parts for symbol in part.symbols)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Of each of `symbols`, the characters it came from."""
        return tuple(span for part in self.parts for span in part.spans)


@dataclass(frozen=True, slots=True, eq=False)
class SemanticTokens:
    """What the token model says, 25 tokens to a second of speech."""

    ids: Ids
    """(T,)"""
    ended: bool = True
    """False if the model was stopped at its limit before it ended the sentence."""

    @property
    def seconds(self) -> float:
        """Duration at speed 1."""
        return len(self.ids) / TOKENS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Choices a caller may make about how tokens are drawn. Safe to share between threads.

    Models whose tokens are spelled heed the temperature, to 1, and whether the choice is greedy.
    """

    temperature: float | None = None
    """Above 0, to 2; higher is more varied and less stable. None is the model's own, as below."""
    top_k: int | None = None
    """Keep this many likeliest tokens, 1 to 10000 (all there are); 1 is greedy."""
    top_p: float | None = None
    """Keep the likeliest tokens that together reach this probability, 0 to 1."""
    repetition_penalty: float | None = None
    """0.5 to 2; above 1, tokens already said (the reference's too) become less likely."""
    context: int = 0
    """So many sentences before each one, 0 to 8, go before it as the reference does, so that it is
    read on from them; those that would make it too long are left out."""
    longest_seconds: float = 60.0
    """Give up on a sentence that has not ended by then, 0.5 to 60."""
    seed: int | None = None
    """Same seed, same model, same speech: 0 to 2^63 - 1. None draws a new one each time."""

    def __post_init__(self) -> None:
        hint = " For greedy choice use top_k=1." if self.temperature == 0 else ""
        if self.temperature is not None:
            in_range("temperature", self.temperature, 1e-5, 2.0, hint)
        if self.top_k is not None:
            _whole("top_k", self.top_k)
            in_range("top_k", self.top_k, 1, 10_000)
        if self.top_p is not None:
            in_range("top_p", self.top_p, 0.0, 1.0)
        if self.repetition_penalty is not None:
            in_range("repetition_penalty", self.repetition_penalty, 0.5, 2.0)
        _whole("context", self.context)
        in_range("context", self.context, 0, 8)
        in_range("longest_seconds", self.longest_seconds, 0.5, 60.0)
        if self.seed is not None:
            _whole("seed", self.seed)
            in_range("seed", self.seed, 0, 2**63 - 1)

    def filled(self, own: SamplingSpec) -> SamplingSpec:
        """With the model's own values where the caller chose none."""
        chosen = {each.name: getattr(self, each.name) for each in fields(own)}
        return replace(own, **{name: value for name, value in chosen.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Choices a caller may make about how tokens become speech. Safe to share between threads."""

    speed: float = 1.0
    """0.5 to 2; above 1 is faster."""
    pause: float = 0.3
    """Seconds of silence after each sentence but the last, 0 to 10."""
    noise_scale: float = 0.5
    """Liveliness of the decoder, 0 to 1; 0 removes its randomness. `tiny` has none there."""
    rate: int | None = None
    """Samples per second of the result, 8000 to 96000; None is the model's own."""

    def __post_init__(self) -> None:
        in_range("speed", self.speed, 0.5, 2.0)
        in_range("pause", self.pause, 0.0, 10.0)
        in_range("noise_scale", self.noise_scale, 0.0, 1.0)
        if self.rate is not None:
            _whole("rate", self.rate)
            in_range("rate", self.rate, 8_000, 96_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Choices a caller may make about listening to what was made, and saying it again. Safe to
    share between threads."""

    check: bool = True
    """Listen to each sentence."""
    retries: int = 2
    """How often a sentence that did not come out well is said again, 0 to 16; the best is kept."""
    least_score: float | None = None
    """Clearness, -100 to 0, below which a sentence is said again even if all its words are there.
    Higher is clearer speech, and more work. None is the model's own."""

    @property
    def again(self) -> bool:
        """Whether a sentence may be said again."""
        return self.check and self.retries > 0

    def __post_init__(self) -> None:
        _whole("retries", self.retries)
        in_range("retries", self.retries, 0, MOST_RETRIES)
        if self.least_score is not None:
            in_range("least_score", self.least_score, -100.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How speech is cut into pieces while it is made. Safe to share between threads."""

    first: float = 0.25
    """Seconds of the first piece, 0.05 to 10."""
    longest: float = 4.0
    """Seconds of later ones at most, 0.1 to 60."""
    growth: float | None = None
    """Each piece is so many times as long as the one before, 1 to 10. None lets them grow as far as
    the speed of this machine allows, so that nobody waits who listens while they come."""
    sentences: bool = False
    """Whole sentences instead: exactly what is said at once, also with families that hear their
    own sentence to its end."""

    def __post_init__(self) -> None:
        in_range("first", self.first, 0.05, 10.0)
        in_range("longest", self.longest, 0.1, 60.0)
        if self.growth is not None:
            in_range("growth", self.growth, 1.0, 10.0)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prompt:
    """What was said in the reference, and how: the token model goes on from here."""

    text: str
    language: str
    phones: Ids
    """(P,) ids in the family's symbol table."""
    tokens: Ids
    """(T,)"""
    text_features: Floats | None = None
    """(P, F), or None where the language has none: zeros."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Voice:
    """A reference, understood: everything speaking needs of it. One file to keep and share."""

    name: str
    family: str
    model: str
    """Fingerprint of the weights that understood it; other weights would misread `timbre`."""
    timbre: Floats
    """(width of the family's timbre,)"""
    speaker: Floats | None = None
    """(width of the speaker vector,), for families whose token model knows who speaks."""
    prompt: Prompt | None = None
    """None if the words of the reference are not known, or the family speaks without."""
    licence: str = ""
    """Terms under which this voice may be used, as the maker states them."""
    consent: str = ""
    """Whose voice it is and how they agreed, as the maker states it."""
    lexicon: str = ""
    """How this voice reads some words, in lines as `myna.text.lexicons` reads them."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What cloning found: duration used, level, warnings. JSON values only."""

    def save(self, path: str | Path) -> None:
        """Write the voice to one file, whole or not at all. It holds tensors and JSON, no code.

        Raises:
            VoiceError: the folder does not exist.
            OSError: the file cannot be written.
        """
        path = Path(path)
        check_voice_path(path)
        from safetensors.numpy import save

        tensors: dict[str, NDArray[Any]] = {"timbre": self.timbre}
        if self.speaker is not None:
            tensors["speaker"] = self.speaker
        facts: dict[str, Any] = {
            key: getattr(self, key) for key in ("name", "family", "model", "licence", "consent")
        }
        facts["details"] = dict(self.details)
        if self.lexicon:
            facts["lexicon"] = self.lexicon
        if self.prompt is not None:
            facts["prompt"] = {"text": self.prompt.text, "language": self.prompt.language}
            tensors["prompt.phones"] = self.prompt.phones
            tensors["prompt.tokens"] = self.prompt.tokens
            if self.prompt.text_features is not None:
                tensors["prompt.text_features"] = self.prompt.text_features
        header = {"myna.voice": json.dumps({"format": VOICE_FORMAT, **facts})}
        with replacing(path) as temporary:
            temporary.write_bytes(save(tensors, metadata=header))

    @classmethod
    def load(cls, path: str | Path) -> Voice:
        """Read a voice file.

        Raises:
            VoiceError: there is no such file, or it is no voice file, or of a newer layout.
        """
        path = Path(path)
        if not path.is_file():
            raise VoiceError(f"There is no voice file {path}.")
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as stream:
                facts = json.loads((stream.metadata() or {})["myna.voice"])
                names = stream.keys()
                tensors = {name: stream.get_tensor(name) for name in names}
            if facts.pop("format") != VOICE_FORMAT:
                raise VoiceError(f"{path} was written by a newer Myna; update to read it.")
            said = facts.pop("prompt", None)
            prompt = said and Prompt(
                text=str(said["text"]),
                language=str(said["language"]),
                phones=tensors["prompt.phones"],
                tokens=tensors["prompt.tokens"],
                text_features=tensors.get("prompt.text_features"),
            )
            voice = cls(
                timbre=tensors["timbre"], speaker=tensors.get("speaker"), prompt=prompt, **facts
            )
            voice._check(path)
        except (
            SafetensorError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,  # JSON nested too deeply
        ) as error:
            raise VoiceError(
                f"{path} is no voice file, or it is damaged ({error}). "
                f"Voice files come from `myna clone` or Voice.save."
            ) from error
        return voice

    def _check(self, path: Path) -> None:
        import numpy as np

        facts = (self.name, self.family, self.model, self.licence, self.consent, self.lexicon)
        sound = all(isinstance(fact, str) for fact in facts) and isinstance(self.details, dict)
        sound &= _is_floats(self.timbre, 1)
        sound &= self.speaker is None or _is_floats(self.speaker, 1)
        if self.prompt is not None:
            phones, features = self.prompt.phones, self.prompt.text_features
            sound &= all(
                ids.ndim == 1 and ids.dtype == np.int64 and bool((ids >= 0).all())
                for ids in (phones, self.prompt.tokens)
            )
            sound &= features is None or (_is_floats(features, 2) and len(features) == len(phones))
        if not sound:
            raise VoiceError(f"{path} is damaged: it holds values that no voice has.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One request: say this text with this voice."""

    text: str
    voice: Voice
    language: str = "auto"
    cut: str = "cut5"
    """How long text is cut into sentences, see `myna.text.cutting`."""
    markup: str = "auto"
    """What in the text is markup: `inline`, `ssml`, `plain` for nothing, or `auto`."""
    improved: bool | None = None
    """Read as a native does (True), or as published voices were trained (False); None for the
    default of the voice's family."""
    lexicon: str = ""
    """Readings of words, in lines as `myna.text.lexicons` reads them; over those of the voice."""
    sampling: Sampling = field(default_factory=Sampling)
    delivery: Delivery = field(default_factory=Delivery)


@dataclass(frozen=True, slots=True)
class Word:
    """When a word is said, in seconds from the start of the audio."""

    start: float
    end: float
    text: str
    """As the caller wrote it, with the marks on it: `$5` is said as two. Words that are read as one
    are one, as in `$5 million`."""

    def later(self, seconds: float) -> Word:
        """The same, so much later."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)


@dataclass(frozen=True, slots=True)
class Timing:
    """When something is said, in seconds from the start of the audio."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    """Its words in order, none overlapping another; with spaces between them they are `text`. Empty
    if nobody knows when they are said, see docs/timings.md."""

    def later(self, seconds: float) -> Timing:
        """The same, so much later."""
        return Timing(
            self.start + seconds,
            self.end + seconds,
            self.text,
            tuple(word.later(seconds) for word in self.words),
        )

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Timing:
        """From plain values, as `dataclasses.asdict` makes them.

        Raises:
            KeyError, TypeError, ValueError: they are not of a timing.
        """
        return cls(
            float(facts["start"]),
            float(facts["end"]),
            str(facts["text"]),
            tuple(
                Word(float(word["start"]), float(word["end"]), str(word["text"]))
                for word in facts.get("words", ())
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceReport:
    """How one sentence went."""

    text: str
    phones: int
    tokens: int
    seconds: float
    """Duration of its speech, without the pause."""
    ended: bool
    """False if the model did not end the sentence and was stopped."""
    coverage: float | None = None
    """Share of its words that our recogniser hears, 0 to 1; None if nobody listened, or in a
    language that it does not know well enough."""
    missing: tuple[str, ...] = ()
    """The other words."""
    retries: int = 0
    """How often it was said again; the best is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechReport:
    """How an utterance went."""

    model: str
    seed: int
    """Give it as `Sampling.seed` to hear the same again."""
    sentences: tuple[SentenceReport, ...]
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Speech:
    """The result."""

    audio: Audio
    sentences: tuple[Sentence, ...]
    timings: tuple[Timing, ...]
    """One per sentence."""
    report: SpeechReport

    @property
    def phonemes(self) -> tuple[Phonemes, ...]:
        """All parts of all sentences, in order."""
        return tuple(part for sentence in self.sentences for part in sentence.parts)

    def save(self, path: str | Path) -> None:
        """Write the audio; see `Audio.save`."""
        self.audio.save(path)


def _is_floats(array: NDArray[Any], axes: int) -> bool:
    import numpy as np

    return array.ndim == axes and array.dtype == np.float32 and bool(np.isfinite(array).all())


def _whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(f"{name} is {value!r}; it is a whole number.")
