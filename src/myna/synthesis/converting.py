"""The same words at the same time in another voice.

The decoder speaks tokens that come from the recording. The token model is not asked: whoever spoke
decided how everything is said, and how long it lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from myna.audio.activity import FRAMES_PER_SECOND, activity, sounds_like_speech
from myna.audio.resample import HIGH_QUALITY, resample
from myna.datatypes import (
    Audio,
    Delivery,
    SentenceReport,
    Speech,
    Utterance,
    Voice,
)
from myna.engines.base import DecodeRequest, Ears, Floats
from myna.engines.randomness import draw_seed
from myna.errors import AudioError, ConfigError
from myna.specs import CONTENT_RATE, TOKENS_PER_SECOND
from myna.synthesis.performance import check_voice, finished, summed
from myna.synthesis.retelling import Plan, encoded, no_speech, spelled
from myna.synthesis.script import lines
from myna.text.segments import MODES

if TYPE_CHECKING:
    from myna.synthesis.coverage import Hears
    from myna.text import Polyphones

MOST_SECONDS = 300.0
"""Of a recording."""
MOST_WHOLE_SECONDS = 60.0
"""Where it is decoded at once, by families that hear their own sentence to its end."""
SHORTEST_SECONDS = 0.3

_SILENT_PEAK = 10.0 ** (-60.0 / 20.0)
_WINDOW = 10 * FRAMES_PER_SECOND
"""Frames that are looked at together for the rhythm of speech."""
_FADE = 0.005
"""Seconds at both ends of a part."""

Progress = Callable[[int, int], None]
"""Called with parts finished and parts in all; what it raises stops the work."""


class Converter(Ears, Protocol):
    """What conversion asks of an engine."""

    def decode(self, request: DecodeRequest) -> Floats:
        """As `Engine.decode`."""
        ...


def convert(
    engine: Converter,
    recording: Audio,
    voice: Voice,
    hearing: Callable[[], Hears],
    *,
    text: str = "",
    language: str = "auto",
    lexicon: str = "",
    seed: int | None = None,
    delivery: Delivery | None = None,
    polyphones: Polyphones | None = None,
    progress: Progress | None = None,
) -> Speech:
    """Say what a recording says with another voice.

    It lasts as long as the recording, to the sample; each sound is where it was, to about a token
    of 40 ms. What is between parts of speech is silent.

    Args:
        recording: one person speaking, of any rate.
        hearing: our recogniser, asked for only where tokens are spelled.
        text: what is said; families that do not spell need it.
        language: of the text, or, without one, of the recording.
        lexicon: readings of words in `text`, over those of the voice.
        seed: of what chance there is in the decoder; None draws one.
        delivery: its speed is 1, and its pause is not heard: the recording has its own.
        progress: is told of parts.

    Returns:
        With a text, sentences are those of the text; without, parts of up to ten seconds, called
        after the sounds that were heard.

    Raises:
        AudioError: the recording is silent, too short or too long, holds no speech, is in another
            language, or does not say `text`.
        TextError: `text` is missing where it is needed, or cannot be read.
        VoiceError: the voice was made by another model.
        ConfigError: the speed is not 1.
        EngineError: the model could not finish.
    """
    delivery = delivery or Delivery()
    if delivery.speed != 1:
        raise ConfigError(
            f"speed is {delivery.speed:g}; a conversion keeps the time of its recording. Leave "
            f"the speed at 1."
        )
    check_voice(voice, engine)
    if language not in ("auto", *MODES):
        raise ConfigError(f"language is {language!r}; it is auto or one of {', '.join(MODES)}.")
    spelling = engine.spec.token_model.spelling
    _check(recording, MOST_SECONDS if spelling else MOST_WHOLE_SECONDS)
    utterance = Utterance(
        text=text, voice=voice, language=language, markup="plain", lexicon=lexicon
    )
    given = lines(engine, utterance, polyphones) if text.strip() else []
    sound = recording
    if sound.rate != CONTENT_RATE:
        sound = resample(recording, CONTENT_RATE, HIGH_QUALITY)
    if spelling is not None:
        plan = spelled(engine.spec, spelling, sound, hearing(), given, language)
    else:
        plan = encoded(engine, sound, given)
    seed = draw_seed() if seed is None else seed
    track = _said(engine, plan, voice, delivery.noise_scale, seed, recording.seconds, progress)
    rate = delivery.rate or engine.spec.rate
    count = round(recording.seconds * rate)
    made = finished(track, engine.spec, rate)[:count]
    return _speech(plan, np.pad(made, (0, count - len(made))), rate, engine.fingerprint, seed)


def _said(
    engine: Converter,
    plan: Plan,
    voice: Voice,
    noise_scale: float,
    seed: int,
    seconds: float,
    progress: Progress | None,
) -> Floats:
    """The parts in their places, at the model's own rate: (seconds * rate,)."""
    spec = engine.spec
    track = np.zeros(round(seconds * spec.rate), dtype=np.float32)
    for number, part in enumerate(plan.parts):
        request = DecodeRequest(
            phones=part.phones,
            timbre=voice.timbre,
            tokens=part.tokens,
            noise_scale=noise_scale,
            seed=seed,
            part=number,
        )
        start = part.first * spec.decoder.samples_per_token
        samples = _faded(engine.decode(request), spec.rate)[: len(track) - start]
        track[start : start + len(samples)] += samples
        if progress is not None:
            progress(number + 1, len(plan.parts))
    return track


def _check(recording: Audio, longest: float) -> None:
    """Refuse what cannot be speech, or is too much of it."""
    if recording.seconds > longest:
        raise AudioError(
            f"The recording lasts {recording.seconds:.1f} s; up to {longest:g} s are converted at "
            f"once. Cut it at a pause, and convert the pieces."
        )
    if recording.seconds < SHORTEST_SECONDS:
        raise AudioError(
            f"The recording lasts {recording.seconds:.2f} s; conversion needs a word at least, "
            f"{SHORTEST_SECONDS:g} s."
        )
    if float(np.abs(recording.samples).max()) < _SILENT_PEAK:
        raise AudioError("The recording is silent. Check the microphone, or give another one.")
    found = activity(recording)
    if found.stretches:
        first, last = found.stretches[0][0], found.stretches[-1][1]
        for start in range(first, last, _WINDOW):
            if sounds_like_speech(found, max(first, min(start, last - _WINDOW)), start + _WINDOW):
                return
    raise no_speech()


def _faded(samples: Floats, rate: int) -> Floats:
    rising = np.linspace(0, 1, min(round(_FADE * rate), len(samples) // 2), dtype=np.float32)
    faded = samples.copy()
    if len(rising):
        faded[: len(rising)] *= rising
        faded[-len(rising) :] *= rising[::-1]
    return faded


def _speech(plan: Plan, samples: Floats, rate: int, model: str, seed: int) -> Speech:
    reports = [
        SentenceReport(
            text=timing.text,
            phones=len(sentence.symbols),
            tokens=round((timing.end - timing.start) * TOKENS_PER_SECOND),
            seconds=timing.end - timing.start,
            ended=True,
        )
        for sentence, timing in zip(plan.sentences, plan.timings, strict=True)
    ]
    return Speech(
        audio=Audio(samples, rate),
        sentences=plan.sentences,
        timings=plan.timings,
        report=summed(model, seed, plan.sentences, reports),
    )
