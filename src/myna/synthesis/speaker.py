"""`Myna`: load a model, clone a voice, speak with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from myna.audio import joining, loudness
from myna.audio.recordings import read
from myna.audio.resample import HANN_SINC, resample
from myna.checkpoints.store import open_model
from myna.datatypes import (
    Audio,
    Delivery,
    Reference,
    Sampling,
    SemanticTokens,
    Sentence,
    SentenceReport,
    Speech,
    SpeechReport,
    Timing,
    Utterance,
    Voice,
)
from myna.engines import load_engine
from myna.engines.base import DecodeRequest, Engine, Floats, TokenRequest
from myna.engines.polyphones import open_g2pw
from myna.engines.randomness import draw_seed
from myna.errors import ConfigError, VoiceError
from myna.specs import FamilySpec
from myna.synthesis import cloning
from myna.synthesis.script import Line, lines

if TYPE_CHECKING:
    from myna.text import Polyphones

Progress = Callable[[int, int], None]
"""Called with sentences finished and sentences in all."""


class Myna:
    """A model, ready to clone and to speak.

    It knows no files of weights and no networks: those are the engine's. Calls share nothing but
    the engine, so one `Myna` may serve many requests, one at a time.

    Args:
        polyphones: reads Mandarin polyphones.
        voices: files of voices that may be called by name; the first one speaks if none is named.
    """

    def __init__(
        self,
        engine: Engine,
        polyphones: Polyphones | None = None,
        voices: Mapping[str, Path] | None = None,
    ) -> None:
        self.engine = engine
        self.polyphones = polyphones
        self.voices = dict(voices or {})

    @classmethod
    def load(
        cls,
        model: str | Path = "tiny",
        *,
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        polyphones: str | Path | None = None,
    ) -> Myna:
        """Open a model.

        Args:
            model: the name of a model that comes with Myna ("tiny") or is installed ("v2ProPlus"),
                or a model folder.
            engine: "onnx", "torch", or "auto" for the one that suits the family and the device.
            device: "auto", "cpu", "cuda", "cuda:1" ...
            precision: "auto", "float32", "float16" or "bfloat16".
            polyphones: folder of a g2pW model, which reads Mandarin polyphones by their context;
                without one a dictionary decides.

        Raises:
            ModelNotFoundError: no such model here; the message says how to get it.
            CheckpointError: the folder is damaged.
            MissingExtraError: the engine's package is not installed.
            ConfigError: no such engine, device or precision.
        """
        folder = open_model(model)
        reader = None if polyphones is None else open_g2pw(polyphones)
        found = load_engine(folder, engine, device=device, precision=precision)
        return cls(found, reader, folder.voices)

    def clone(
        self,
        reference: str | Path | Audio | Reference | Sequence[str | Path | Audio | Reference],
        *,
        text: str = "",
        language: str = "auto",
        name: str = "",
        licence: str = "",
        consent: str = "",
        lexicon: str = "",
        cache: bool = True,
    ) -> Voice:
        """Understand a speaker from one recording or several.

        Args:
            reference: 3 to 10 s of clear speech; of several, the first one leads and all of them
                are averaged in timbre.
            text: what is said in the first one. Without it only the timbre is taken, and the
                manner of speaking is the model's own.
            language: of `text`.
            name: of the voice; by default the name of the file.
            licence: terms of use that travel with the voice.
            consent: whose voice it is and how they agreed, which travels with the voice.
            lexicon: readings of words that travel with the voice, in lines as
                `myna.text.lexicons` reads them.
            cache: keep the result on this machine, by the content of the recordings.

        Raises:
            ConfigError: `text` was given beside a `Reference`, which has words of its own.
            AudioError: a recording cannot be read.
            UnusableReferenceError: a recording is silent, clipped, too short, or without speech.
            TextError: `text` cannot be read.
            ModelNotFoundError: an encoder that cloning needs is not here.
        """
        if isinstance(reference, str | Path | Audio | Reference):
            given: list[str | Path | Audio | Reference] = [reference]
        else:
            given = list(reference)
        references = [
            _reference(item, text if index == 0 else "", language)
            for index, item in enumerate(given)
        ]
        if not name and given and isinstance(given[0], str | Path):
            name = Path(given[0]).stem
        return cloning.clone(
            self.engine,
            references,
            name=name,
            licence=licence,
            consent=consent,
            lexicon=lexicon,
            polyphones=self.polyphones,
            cache=cache,
        )

    def speak(
        self,
        text: str,
        voice: Voice | str | Path | None = None,
        *,
        language: str = "auto",
        cut: str = "cut5",
        sampling: Sampling | None = None,
        delivery: Delivery | None = None,
        markup: str = "auto",
        improved: bool | None = None,
        lexicon: str = "",
        progress: Progress | None = None,
    ) -> Speech:
        """Say a text of any length.

        Sentences are decoded together where the engine can; the result is the same as alone.
        The arguments are the fields of `Utterance`; a voice may also be the name of one that comes
        with the model, or a file. By default it is the first one that comes with the model.

        Raises:
            TextError: there is nothing to say, or in a language the model does not speak.
            VoiceError: there is no such voice, or it was made by another model.
            EngineError: the model could not finish.
        """
        utterance = _utterance(
            text, self.voice(voice), language, cut, sampling, delivery, markup, improved, lexicon
        )
        script = _Script(self.engine, utterance, self.polyphones)
        rendered: dict[int, _Rendered] = {}
        for index, tokens in self.engine.generate(script.requests()):
            rendered[index] = script.render(index, tokens)
            if progress is not None:
                progress(len(rendered), len(script.lines))
        return script.assemble([rendered[index] for index in range(len(script.lines))])

    def stream(
        self,
        text: str,
        voice: Voice | str | Path | None = None,
        *,
        language: str = "auto",
        cut: str = "cut5",
        sampling: Sampling | None = None,
        delivery: Delivery | None = None,
        markup: str = "auto",
        improved: bool | None = None,
        lexicon: str = "",
    ) -> Iterator[Audio]:
        """Say a text piece by piece: one `Audio` per sentence, its pause included, as it is made.

        With a seed, the pieces together are the samples that `speak` returns. Errors as `speak`,
        raised before the first piece where they can be.
        """
        utterance = _utterance(
            text, self.voice(voice), language, cut, sampling, delivery, markup, improved, lexicon
        )
        return self._pieces(_Script(self.engine, utterance, self.polyphones))

    def voice(self, voice: Voice | str | Path | None = None) -> Voice:
        """A voice by its name in `voices`, or from a file; by default the first of `voices`.

        Raises:
            VoiceError: there is none, or the file is damaged.
        """
        if isinstance(voice, Voice):
            return voice
        if voice is None:
            if not self.voices:
                raise VoiceError("No voice comes with this model. Clone one, or give a voice file.")
            voice = next(iter(self.voices.values()))
        path = Path(self.voices.get(str(voice), voice))
        if self.voices and path.suffix != ".voice" and not path.is_file():
            raise VoiceError(
                f"There is no voice {str(voice)!r}. With this model come {', '.join(self.voices)}; "
                f"others are files that end in .voice."
            )
        return Voice.load(path)

    def _pieces(self, script: _Script) -> Iterator[Audio]:
        track = _Track(script)
        for index, request in enumerate(script.requests()):
            ((_, tokens),) = self.engine.generate([request])
            yield Audio(track.add(script.render(index, tokens)), script.rate)


@dataclass(frozen=True, slots=True, eq=False)
class _Rendered:
    samples: Floats
    report: SentenceReport


_SLOWEST, _FASTEST = 0.5, 2.0
"""The speeds of a `Delivery`, which a change of rate inside a text does not leave."""


class _Script:
    """One utterance, prepared."""

    def __init__(self, engine: Engine, utterance: Utterance, polyphones: Polyphones | None) -> None:
        voice = utterance.voice
        if voice.model != engine.fingerprint:
            raise VoiceError(
                f"The voice {voice.name!r} was made by other weights (family {voice.family}) than "
                f"the ones loaded (family {engine.spec.name}). Load that model, or clone again."
            )
        _check_fit(voice, engine.spec)
        self._engine, self._utterance = engine, utterance
        self.lines: list[Line] = lines(engine, utterance, polyphones)
        seed = utterance.sampling.seed
        self.seed = draw_seed() if seed is None else seed
        self.rate = utterance.delivery.rate or engine.spec.rate
        self.pause = utterance.delivery.pause

    def requests(self) -> list[TokenRequest]:
        voice, sampling = self._utterance.voice, self._utterance.sampling
        prompt = voice.prompt
        requests = []
        for part, line in enumerate(self.lines):
            phones, features = line.phones, line.text_features
            if prompt is not None:
                features = _joined(prompt.text_features, len(prompt.phones), features, len(phones))
                phones = np.concatenate([prompt.phones, phones])
            if self._engine.spec.speaker_aware:
                assert voice.speaker is not None, "checked with the fit of the voice"
                features = np.repeat(voice.speaker[None], len(phones), axis=0)
            tokens = np.zeros(0, dtype=np.int64) if prompt is None else prompt.tokens
            requests.append(
                TokenRequest(
                    phones=phones,
                    text_features=features,
                    sounds=line.sounds,
                    prompt=tokens,
                    sampling=sampling,
                    seed=self.seed,
                    part=part,
                )
            )
        return requests

    def render(self, index: int, tokens: SemanticTokens) -> _Rendered:
        """Decode a sentence, at the wanted rate and not above full scale."""
        line, delivery = self.lines[index], self._utterance.delivery
        samples = self._engine.decode(
            DecodeRequest(
                tokens=tokens.ids,
                phones=line.phones,
                timbre=self._utterance.voice.timbre,
                speed=min(max(delivery.speed * line.sentence.rate, _SLOWEST), _FASTEST),
                noise_scale=delivery.noise_scale,
                seed=self.seed,
                part=index,
            )
        )
        peak = float(np.abs(samples).max())
        if peak > 1:
            samples = samples / np.float32(peak)
        if self.rate != self._engine.spec.rate:
            samples = resample(Audio(samples, self._engine.spec.rate), self.rate, HANN_SINC).samples
        report = SentenceReport(
            text=line.sentence.source.strip(),
            phones=len(line.phones),
            tokens=len(tokens.ids),
            seconds=len(samples) / self.rate,
            ended=tokens.ended,
        )
        return _Rendered(samples, report)

    def assemble(self, rendered: Sequence[_Rendered]) -> Speech:
        """The whole of it."""
        track = _Track(self)
        pieces = [track.add(piece) for piece in rendered]
        timings = tuple(
            Timing(start / self.rate, start / self.rate + piece.report.seconds, piece.report.text)
            for start, piece in zip(track.starts, rendered, strict=True)
        )
        warnings = tuple(
            f"The model did not end this sentence and was stopped after "
            f"{piece.report.seconds:.1f} s: {piece.report.text}"
            for piece in rendered
            if not piece.report.ended
        )
        warnings += tuple(dict.fromkeys(_ignored(line.sentence for line in self.lines)))
        return Speech(
            audio=Audio(np.concatenate(pieces), self.rate),
            sentences=tuple(line.sentence for line in self.lines),
            timings=timings,
            report=SpeechReport(
                model=self._engine.fingerprint,
                seed=self.seed,
                sentences=tuple(piece.report for piece in rendered),
                warnings=warnings,
            ),
        )


class _Track:
    """Lays sentences one after another, whether they come at once or one by one.

    Each is brought near the loudness of the first that is heard; each but the last is followed by a
    pause, and where the caller wrote one, by that.
    """

    def __init__(self, script: _Script) -> None:
        sentences = [line.sentence for line in script.lines]
        usual = [script.pause] * (len(sentences) - 1) + [0.0]
        self._rate = script.rate
        self._lead_in = sentences[0].pause_before
        self._pauses = [
            pause if sentence.pause_after is None else sentence.pause_after
            for sentence, pause in zip(sentences, usual, strict=True)
        ]
        self._level: float | None = None
        self._silent = 0.0
        self._length = 0
        self.starts: list[int] = []
        """Sample at which each sentence starts."""

    def add(self, rendered: _Rendered) -> Floats:
        """The next sentence's samples, at its level, with its pause."""
        index, samples = len(self.starts), rendered.samples
        if self._level is None:
            level = loudness.loudness(samples, self._rate)
            self._level = level if np.isfinite(level) else None  # silence sets no level
        (gain,) = loudness.match([samples], self._rate, target=self._level)
        piece = samples * np.float32(gain)
        lead_in = self._silence(0.0 if index else self._lead_in)
        self.starts.append(self._length + len(lead_in))
        piece = np.concatenate([lead_in, piece, self._silence(self._pauses[index])])
        self._length += len(piece)
        return piece

    def _silence(self, seconds: float) -> Floats:
        silence = joining.pause(self._silent, seconds, self._rate)
        self._silent += seconds
        return silence


def _ignored(sentences: Iterable[Sentence]) -> Iterator[str]:
    """What the caller wrote, and nobody hears."""
    for sentence in sentences:
        for unread in sentence.unread:
            yield f"Not spoken, because no rule can read it: {unread.text}"
        for style in sentence.styles:
            yield f"The model has no {style.name} {style.value!r}; it speaks as ever."
        if sentence.pitch:
            yield f"The model cannot shift its pitch ({sentence.pitch:+g} semitones were asked)."


def _check_fit(voice: Voice, spec: FamilySpec) -> None:
    """Voice files come from strangers: what is in one must be within the tables of the model."""
    prompt, model = voice.prompt, spec.token_model
    fits = voice.timbre.shape == (spec.decoder.timbre,)
    if spec.speaker_aware:
        fits &= voice.speaker is not None and voice.speaker.shape == (model.text_features,)
    if prompt is not None:
        features = prompt.text_features
        fits &= bool((prompt.phones < model.phones).all() and (prompt.tokens < model.codes).all())
        fits &= features is None or features.shape[1] == model.text_features
    if not fits:
        raise VoiceError(
            f"The voice {voice.name!r} holds values that no {spec.name} voice has: its file is "
            f"damaged, or was tampered with. Clone again."
        )


def _joined(
    prompt: Floats | None, prompt_phones: int, features: Floats | None, phones: int
) -> Floats | None:
    """Text features of prompt and sentence, zeros where one has none; None if neither has."""
    if prompt is None and features is None:
        return None
    width = (features if prompt is None else prompt).shape[1]  # type: ignore[union-attr]
    if prompt is None:
        prompt = np.zeros((prompt_phones, width), dtype=np.float32)
    if features is None:
        features = np.zeros((phones, width), dtype=np.float32)
    return np.concatenate([prompt, features])


def _reference(item: str | Path | Audio | Reference, text: str, language: str) -> Reference:
    if isinstance(item, Reference):
        if text:
            raise ConfigError("A Reference carries its own text; do not give `text` beside it.")
        return item
    audio = item if isinstance(item, Audio) else read(item)
    return Reference(audio, text, language)


def _utterance(
    text: str,
    voice: Voice,
    language: str,
    cut: str,
    sampling: Sampling | None,
    delivery: Delivery | None,
    markup: str,
    improved: bool | None,
    lexicon: str,
) -> Utterance:
    return Utterance(
        text=text,
        voice=voice,
        language=language,
        cut=cut,
        sampling=sampling or Sampling(),
        delivery=delivery or Delivery(),
        markup=markup,
        improved=improved,
        lexicon=lexicon,
    )
