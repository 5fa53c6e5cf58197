"""One utterance on its way through an engine: requests, sentences of sound, and their order.

Letters in shapes: N samples.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from myna.audio import joining, loudness
from myna.audio.resample import HANN_SINC, resample
from myna.audio.spelling import said_when
from myna.datatypes import (
    Audio,
    SemanticTokens,
    Sentence,
    SentenceReport,
    Speech,
    SpeechReport,
    Timing,
    Utterance,
    Voice,
    Word,
)
from myna.engines.base import DecodeRequest, Ears, Engine, Floats, Ids, TokenRequest
from myna.engines.randomness import draw_seed
from myna.errors import VoiceError
from myna.specs import TOKENS_PER_SECOND, FamilySpec
from myna.synthesis.script import Line, lines
from myna.synthesis.wording import words

if TYPE_CHECKING:
    from myna.text import Polyphones


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A sentence that was decoded."""

    samples: Floats
    report: SentenceReport
    words: tuple[Word, ...] = ()
    """When each is said, from the start of the sentence; empty if nobody knows."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A sentence that was said, from which the next one goes on."""

    phones: Ids
    text_features: Floats | None
    tokens: Ids
    sounds: Ids | None = None
    """Of the phones, for a model whose tokens are spelled."""


class Context:
    """The sentences before the next one, as many as it goes on from.

    Args:
        most: as `Sampling.context` says.
    """

    def __init__(self, most: int) -> None:
        self._said: deque[Said] = deque(maxlen=most)

    @property
    def used(self) -> bool:
        """Whether sentences depend on those before."""
        return bool(self._said.maxlen)

    @property
    def before(self) -> tuple[Said, ...]:
        """Those that go before the next sentence."""
        said, tokens, phones = [], 0, 0
        for each in reversed(self._said):
            tokens, phones = tokens + len(each.tokens), phones + len(each.phones)
            if tokens > MOST_CONTEXT or phones > MOST_CONTEXT:
                break
            said.append(each)
        return tuple(reversed(said))

    def add(self, said: Said) -> None:
        """The next sentence was said."""
        self._said.append(said)


MOST_CONTEXT = 500
"""Tokens, and phones, of the sentences before one: twice as much as references have."""
_SLOWEST, _FASTEST = 0.5, 2.0
"""The speeds of a `Delivery`, which a change of rate inside a text does not leave."""


class Script:
    """One utterance, prepared in whatever thread: the engine computes nothing before `request`.

    Args:
        before: of the same text in pieces, sentences that others of its scripts have.
        seed: of its randomness, if other than the utterance says.
    """

    def __init__(
        self,
        engine: Engine,
        utterance: Utterance,
        polyphones: Polyphones | None,
        *,
        before: int = 0,
        seed: int | None = None,
    ) -> None:
        voice = utterance.voice
        check_voice(voice, engine)
        self._engine, self._utterance = engine, utterance
        self.voice = voice
        self.text = utterance.text
        self.lines: list[Line] = lines(engine, utterance, polyphones)
        self._before = before
        if seed is None:
            seed = utterance.sampling.seed
        self.seed = draw_seed() if seed is None else seed
        self.context = utterance.sampling.context
        self.longest_seconds = utterance.sampling.longest_seconds
        self.rate = utterance.delivery.rate or engine.spec.rate
        self.pause = utterance.delivery.pause

    def requests(self) -> list[TokenRequest]:
        """Of all sentences, each of which stands alone."""
        return [self.request(index) for index in range(len(self.lines))]

    @property
    def prompted(self) -> int:
        """Positions of the voice's prompt: its phones and tokens."""
        prompt = self.voice.prompt
        return 0 if prompt is None else len(prompt.phones) + len(prompt.tokens)

    def request(self, index: int, before: Sequence[Said] = ()) -> TokenRequest:
        """Of a sentence.

        Args:
            before: what was said before it, which it goes on from.
        """
        voice, line = self._utterance.voice, self.lines[index]
        prompt, phones, features = voice.prompt, line.phones, line.text_features
        tokens, sounds = np.zeros(0, dtype=np.int64), line.sounds
        for said in reversed(before):
            phones, features = _after(said, phones, features)
            tokens = np.concatenate([said.tokens, tokens])
            if sounds is not None and said.sounds is not None:
                sounds = np.concatenate([said.sounds, sounds])
        if prompt is not None:
            said = Said(prompt.phones, prompt.text_features, prompt.tokens)
            phones, features = _after(said, phones, features)
            tokens = np.concatenate([prompt.tokens, tokens])
        if self._engine.spec.speaker_aware:
            assert voice.speaker is not None, "checked with the fit of the voice"
            features = np.repeat(voice.speaker[None], len(phones), axis=0)
        return TokenRequest(
            phones=phones,
            text_features=features,
            sounds=sounds,
            prompt=tokens,
            sampling=self._utterance.sampling,
            seed=self.seed,
            part=self._before + index,
        )

    def said(self, index: int, tokens: SemanticTokens) -> Said:
        """A sentence as the next ones go on from it."""
        line = self.lines[index]
        return Said(line.phones, line.text_features, tokens.ids, line.sounds)

    def decoding(self, index: int) -> DecodeRequest:
        """How a sentence is to sound; its tokens are still to come."""
        line, delivery = self.lines[index], self._utterance.delivery
        return DecodeRequest(
            phones=line.phones,
            timbre=self._utterance.voice.timbre,
            speed=min(max(delivery.speed * line.sentence.rate, _SLOWEST), _FASTEST),
            noise_scale=delivery.noise_scale,
            seed=self.seed,
            part=self._before + index,
        )

    def render(self, index: int, tokens: SemanticTokens) -> Rendered:
        """Decode a sentence, at the wanted rate and not above full scale."""
        line, spec = self.lines[index], self._engine.spec
        samples = self._engine.decode(replace(self.decoding(index), tokens=tokens.ids))
        samples = finished(samples, spec, self.rate)
        report = SentenceReport(
            text=line.sentence.source.strip(),
            phones=len(line.phones),
            tokens=len(tokens.ids),
            seconds=len(samples) / self.rate,
            ended=tokens.ended,
        )
        return Rendered(samples, report, self.words(index, tokens, report.seconds))

    def words(self, index: int, tokens: SemanticTokens, seconds: float) -> tuple[Word, ...]:
        """When each word of a sentence is said, from its start, as its tokens tell.

        Args:
            seconds: that its sound lasts.

        Returns:
            none for families whose tokens are not spelled.
        """
        spelling, line = self._engine.spec.token_model.spelling, self.lines[index]
        if spelling is None:
            return ()
        assert line.sounds is not None, "models that spell have sounds"
        per_second = TOKENS_PER_SECOND * self.decoding(index).speed
        times = [
            None if place is None else (place[0] / per_second, place[1] / per_second)
            for place in said_when(tokens.ids, line.sounds, spelling)
        ]
        return words(line.sentence, line.sounds.tolist(), times, seconds)

    def assemble(self, rendered: Sequence[Rendered]) -> Speech:
        """The whole of it."""
        track, pieces = Track(self.rate, self.pause), []
        for line, piece in zip(self.lines, rendered, strict=True):
            samples = piece.samples if self._engine.spec.steady else track.levelled(piece.samples)
            pieces += [track.silence(line.sentence), track.add(samples)]
        pieces.append(track.end())
        timings = tuple(
            timing(start / self.rate, piece.report, piece.words)
            for start, piece in zip(track.starts, rendered, strict=True)
        )
        sentences = tuple(line.sentence for line in self.lines)
        return Speech(
            audio=Audio(np.concatenate(pieces), self.rate),
            sentences=sentences,
            timings=timings,
            report=summed(
                self._engine.fingerprint, self.seed, sentences, [each.report for each in rendered]
            ),
        )


def timing(start: float, report: SentenceReport, words: Sequence[Word]) -> Timing:
    """When a sentence was said that began at `start`, in seconds.

    Args:
        words: from its start.
    """
    return Timing(0.0, report.seconds, report.text, tuple(words)).later(start)


def summed(
    model: str, seed: int, sentences: Sequence[Sentence], reports: Sequence[SentenceReport]
) -> SpeechReport:
    """How a text went whose sentences went like this.

    Args:
        model: fingerprint of the weights.
    """
    warnings = [
        f"The model did not end this sentence and was stopped after {report.seconds:.1f} s: "
        f"{report.text}"
        for report in reports
        if not report.ended
    ]
    warnings += [
        f"Some words are hard to hear in {report.text!r}, after {report.retries} retries: "
        f"{', '.join(report.missing)}"
        for report in reports
        if report.missing
    ]
    warnings += dict.fromkeys(_ignored(sentences))
    return SpeechReport(model=model, seed=seed, sentences=tuple(reports), warnings=tuple(warnings))


def finished(samples: Floats, spec: FamilySpec, rate: int) -> Floats:
    """What a decoder made, (N,), at the wanted rate in Hz and not above full scale."""
    peak = float(np.abs(samples).max())
    if peak > 1 and not spec.steady:
        samples = samples / np.float32(peak)
    if rate != spec.rate:
        samples = resample(Audio(samples, spec.rate), rate, HANN_SINC).samples
    return loudness.limited(samples) if spec.steady else samples


def check_voice(voice: Voice, engine: Ears) -> None:
    """Check that a voice is for an engine.

    Raises:
        VoiceError: it was made by other weights, or holds what no voice of these has.
    """
    if voice.model != engine.fingerprint:
        raise VoiceError(
            f"The voice {voice.name!r} was made by other weights (family {voice.family}) than "
            f"the ones loaded (family {engine.spec.name}). Load that model, or clone again."
        )
    _check_fit(voice, engine.spec)


class Track:
    """Lays sentences one after another, whether they come at once or piece by piece.

    Between two there is a pause, or the one that the caller wrote; the latter also at the end.

    Args:
        rate: in Hz.
        pause: usual one, in seconds.
    """

    def __init__(self, rate: int, pause: float) -> None:
        self._rate, self._pause = rate, pause
        self._level: float | None = None
        self._silent = 0.0
        self._length = 0
        self._written: float | None = None
        """Pause that the caller wrote behind the last sentence."""
        self.starts: list[int] = []
        """Sample at which each sentence starts."""

    def silence(self, sentence: Sentence) -> Floats:
        """What lies before this sentence, which is the next."""
        between = self._pause if self._written is None else self._written
        silence = self._silence(between if self.starts else 0.0)
        silence = np.concatenate([silence, self._silence(sentence.pause_before)])
        self._length += len(silence)
        self.starts.append(self._length)
        self._written = sentence.pause_after
        return silence

    def levelled(self, samples: Floats) -> Floats:
        """A whole sentence near the loudness of the first one that was heard."""
        if self._level is None:
            level = loudness.loudness(samples, self._rate)
            self._level = level if np.isfinite(level) else None  # silence sets no level
        (gain,) = loudness.match([samples], self._rate, target=self._level)
        matched: Floats = samples * np.float32(gain)
        return matched

    @property
    def length(self) -> int:
        """Samples so far."""
        return self._length

    def add(self, samples: Floats) -> Floats:
        """More of the sentence; the same samples."""
        self._length += len(samples)
        return samples

    def end(self) -> Floats:
        """What lies behind the last sentence."""
        return self._silence(self._written or 0.0)

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


def _after(said: Said, phones: Ids, features: Floats | None) -> tuple[Ids, Floats | None]:
    """Phones and text features with those of what was said before; zeros where one has none."""
    joined = _joined(said.text_features, len(said.phones), features, len(phones))
    return np.concatenate([said.phones, phones]), joined


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
