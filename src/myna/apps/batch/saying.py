"""One line said: as many takes as asked for, each in the time it has, and the best one chosen.

A take is better if the model ended it, then if it lasts no longer than it may, then if more of its
words are heard, then if it is clearer to our recogniser.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from myna.apps.batch.casting import Part
from myna.apps.batch.planning import Task
from myna.apps.batch.settings import Equipment
from myna.audio.recordings import encode
from myna.datatypes import Audio, Delivery, Speech, Timing, Voice
from myna.engines.hearing import Hearing
from myna.errors import (
    ConfigError,
    DownloadError,
    MissingExtraError,
    ModelNotFoundError,
    MynaError,
)
from myna.synthesis.coverage import coverage, words_of
from myna.synthesis.speaker import Myna

log = logging.getLogger(__name__)

NOT_THE_LINE = (ConfigError, MissingExtraError, ModelNotFoundError, DownloadError)
"""Errors that every line of a model would have; they end the run."""

_MOST_HURRIES = 4
"""How often a take is said faster to end in time."""
_SPARE = 1.005
"""By which it is said faster than it would have to be: lengths come in steps."""
_MOST_SEED = 2**63
_NOTHING = -100.0
"""Clearness of what is too short to be its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A line as it was said once."""

    data: bytes
    """The file."""
    seconds: float
    seed: int
    speed: float
    coverage: float | None
    """Share of all words that are heard, 0 to 1; None if nobody listened to all of them."""
    clearness: float | None
    """Mean log-probability of the sounds; of takes of the same line, the highest is the clearest.
    None if there was nothing to compare."""
    missing: tuple[str, ...]
    ended: bool
    """Whether the model ended every sentence."""
    retries: int
    warnings: tuple[str, ...]
    timings: tuple[Timing, ...]
    """Of its sentences."""

    def merit(self, window: float | None) -> tuple[float, ...]:
        """Higher is better."""
        return (
            self.ended,
            0.0 if window is None else -max(0.0, self.seconds - window),
            -1.0 if self.coverage is None else self.coverage,
            0.0 if self.clearness is None else self.clearness,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What became of a task."""

    takes: tuple[Take, ...] = ()
    """The best one first; none if it failed."""
    rate: int = 0
    elapsed: float = 0.0
    """Seconds of work."""
    error: str = ""
    """Why it failed."""


class Speaker:
    """Says lines with one model at a time, which gives way to the next when another is needed."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._model = ""
        self._myna: Myna | None = None
        self._hearing: Hearing | None = None
        self._cloned: dict[str, Voice] = {}

    def say(self, task: Task, part: Part, attempt: int = 0) -> Said:
        """Say a line.

        Args:
            attempt: how often it failed before; a line without a seed of its own has others then.

        Returns:
            its takes, or why there are none.

        Raises:
            MynaError: one of `NOT_THE_LINE`.
        """
        started = time.monotonic()
        try:
            myna = self._loaded(part.model)
            voice = self._voice(myna, part)
            takes = [
                self._take(myna, voice, task, seed, compared=task.takes > 1)
                for seed in _seeds(task, attempt)
            ]
        except NOT_THE_LINE:
            raise
        except MynaError as error:
            return Said(error=str(error), elapsed=time.monotonic() - started)
        except Exception as error:
            log.exception("line %d failed", task.entry.line)
            what = f"a mistake of ours ({type(error).__name__}: {error}); please report it."
            return Said(error=what, elapsed=time.monotonic() - started)
        takes.sort(key=lambda take: take.merit(task.window), reverse=True)
        return Said(
            takes=tuple(takes),
            rate=task.delivery.rate or myna.engine.spec.rate,
            elapsed=time.monotonic() - started,
        )

    def _loaded(self, model: str) -> Myna:
        if self._myna is None or self._model != model:
            self._myna = None  # before the next one is loaded: there is room for one
            self._cloned.clear()
            equipment = self._equipment
            self._myna = Myna.load(
                model,
                engine=equipment.engine,
                device=equipment.device,
                precision=equipment.precision,
                threads=equipment.threads,
                polyphones=equipment.polyphones,
            )
            self._model = model
        return self._myna

    def _voice(self, myna: Myna, part: Part) -> Voice:
        if isinstance(part.heard, Voice):
            return part.heard
        if part.digest not in self._cloned:
            self._cloned[part.digest] = myna.clone(part.heard, name=part.name)
        return self._cloned[part.digest]

    def _take(self, myna: Myna, voice: Voice, task: Task, seed: int, *, compared: bool) -> Take:
        speech, delivery = _in_time(myna, voice, task, seed)
        report = speech.report
        heard = [each.coverage for each in report.sentences]
        return Take(
            data=encode(speech.audio, task.format),
            seconds=speech.audio.seconds,
            seed=seed,
            speed=delivery.speed,
            coverage=_coverage(speech),
            clearness=self._clearness(speech) if compared and None not in heard else None,
            missing=tuple(word for each in report.sentences for word in each.missing),
            ended=all(each.ended for each in report.sentences),
            retries=sum(each.retries for each in report.sentences),
            warnings=report.warnings,
            timings=speech.timings,
        )

    def _clearness(self, speech: Speech) -> float | None:
        """Of all sentences, each as heavy as it has sounds."""
        if self._hearing is None:
            self._hearing = Hearing.load()
        total, sounds = 0.0, 0
        rate = speech.audio.rate
        for sentence, timing in zip(speech.sentences, speech.timings, strict=True):
            words = words_of(sentence)
            if words is None:
                return None
            first, last = round(timing.start * rate), round(timing.end * rate)
            piece = Audio(speech.audio.samples[first:last], rate)
            count = len(words.in_a_row)
            total += max(coverage(self._hearing, piece, words).score, _NOTHING) * count
            sounds += count
        return total / sounds


def _seeds(task: Task, attempt: int) -> Sequence[int]:
    first = task.sampling.seed
    assert first is not None, "a plan gives every line a seed"
    if "seed" not in task.entry.sampling:
        first += attempt * task.takes
    return [(first + take) % _MOST_SEED for take in range(task.takes)]


def _in_time(myna: Myna, voice: Voice, task: Task, seed: int) -> tuple[Speech, Delivery]:
    """Said as asked; and if it is too long, again and faster, as fast as it has to be and may."""
    delivery = task.delivery
    speech = _speech(myna, voice, task, seed, delivery)
    if task.window is None:
        return speech, delivery
    fastest = max(task.fastest, delivery.speed)
    for _ in range(_MOST_HURRIES):
        if speech.audio.seconds <= task.window or delivery.speed >= fastest:
            break
        ratio = speech.audio.seconds / task.window * _SPARE
        delivery = replace(
            delivery,
            speed=min(delivery.speed * ratio, fastest),
            pause=delivery.pause / ratio,
        )
        speech = _speech(myna, voice, task, seed, delivery)
    return speech, delivery


def _speech(myna: Myna, voice: Voice, task: Task, seed: int, delivery: Delivery) -> Speech:
    return myna.speak(
        task.entry.text,
        voice,
        language=task.language,
        cut=task.cut,
        sampling=replace(task.sampling, seed=seed),
        delivery=delivery,
        markup=task.markup,
        improved=task.improved,
        lexicon=task.lexicon,
        guard=task.guard,
    )


def _coverage(speech: Speech) -> float | None:
    """The share of all words that are heard; None if a sentence was not listened to."""
    heard, words = 0.0, 0
    for sentence, report in zip(speech.sentences, speech.report.sentences, strict=True):
        found = words_of(sentence)
        if report.coverage is None or found is None:
            return None
        heard += report.coverage * len(found.spans)
        words += len(found.spans)
    return heard / words
