"""What was found: of a sentence, of a speaker, of all of them; and how sure the figures are.

A sentence that a speaker could not say, or said in silence, counts as if nothing had been
understood: all its words are errors, it is like nobody, and sounds as bad as can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np

MEASURES: Mapping[str, str] = {
    "words": "words that were to be said",
    "word_errors": "of them, words heard otherwise, left out, or added",
    "second_errors": "the same, as the second opinion heard them",
    "sounds": "sounds that were to be said",
    "sound_errors": "of them, sounds heard otherwise, left out, or added",
    "base_errors": "the same without regard to tones",
    "similarity": "mean cosine to the speaker's other recordings",
    "mos": "what listeners would say of the whole, 1 to 5",
    "mos_speech": "and of the speech",
    "mos_background": "and of the background",
    "pitch_hz": "mean pitch of what is voiced",
    "pitch_range": "semitones between the 5th and the 95th percentile of the pitch",
}
"""What is measured of a sentence; which of it, the judges decide."""

_DRAWS = 2000
_LEAST_SURE = 10
"""Sentences; from fewer, nothing is said about certainty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A sentence that was said, and what the judges found."""

    text: str
    language: str
    audio: str = ""
    """Its file, relative to the folder; empty if it was not kept."""
    spoken: float = 0.0
    """Seconds that it lasts."""
    took: float | None = None
    """Seconds until it was made; None of recordings."""
    first_sound: float | None = None
    """Seconds until the first of it could be played."""
    load: float | None = None
    """Processes that wanted a core meanwhile, of the whole machine; None where it does not say."""
    trouble: str = ""
    """Why it counts as not said; empty if it was."""
    note: str = ""
    """What else is odd about it."""
    heard: str | None = None
    """The words that were heard; None if nobody listened."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """By name in `MEASURES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a speaker said."""

    name: str
    kind: str
    judged: tuple[Judged, ...]
    interval: tuple[float, float] | None = None
    """Between these the word error rate lies with 95 % certainty; None from fewer than ten
    sentences with words."""

    @property
    def failed(self) -> int:
        """Sentences that count as not said."""
        return sum(bool(each.trouble) for each in self.judged)

    @property
    def word_error(self) -> float | None:
        """Share of words; can be above 1."""
        return self.share("word_errors", "words")

    @property
    def sound_error(self) -> float | None:
        """Share of sounds; can be above 1."""
        return self.share("sound_errors", "sounds")

    @property
    def real_time_factor(self) -> float | None:
        """Seconds that a second of speech took; None of recordings."""
        timed = [each for each in self.judged if each.took is not None and not each.trouble]
        if not timed:
            return None
        return sum(each.took or 0.0 for each in timed) / sum(each.spoken for each in timed)

    @property
    def first_sound(self) -> float | None:
        """Median of the seconds until the first sound."""
        found = [each.first_sound for each in self.judged if each.first_sound is not None]
        return median(found) if found else None

    @property
    def load(self) -> float | None:
        """Mean load of the machine while it spoke."""
        found = [each.load for each in self.judged if each.took is not None]
        known = [load for load in found if load is not None]
        return fmean(known) if known else None

    def mean(self, name: str) -> float | None:
        """Of a measure, over the sentences that have it; None if none has."""
        values = [each.measures[name] for each in self.judged if name in each.measures]
        return fmean(values) if values else None

    def share(self, name: str, of: str) -> float | None:
        """Sum of a measure over that of another, as error rates are."""
        both = [each.measures for each in self.judged if {name, of} <= each.measures.keys()]
        whole = sum(each[of] for each in both)
        return sum(each[name] for each in both) / whole if whole else None

    def as_dict(self, *, sentences: bool = True) -> dict[str, Any]:
        """Plain values, for JSON: the figures, and every sentence if wanted."""
        means = {name: self.mean(name) for name in MEASURES if name not in _COUNTS}
        shares = {
            "word_error": self.word_error,
            "second_error": self.share("second_errors", "words"),
            "sound_error": self.sound_error,
            "base_error": self.share("base_errors", "sounds"),
        }
        figures = {
            **shares,
            "word_error_interval": self.interval,
            **means,
            "real_time_factor": self.real_time_factor,
            "first_sound": self.first_sound,
            "load": self.load,
        }
        return {
            "name": self.name,
            "kind": self.kind,
            "sentences": len(self.judged),
            "failed": self.failed,
            **{name: value for name, value in figures.items() if value is not None},
            **({"judged": [asdict(each) for each in self.judged]} if sentences else {}),
        }


_COUNTS = ("words", "word_errors", "second_errors", "sounds", "sound_errors", "base_errors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How alike recordings of people are by the same judge: what a similarity means."""

    speakers: int
    same: float | None
    """Mean of pairs of recordings by one speaker; None if there are none."""
    different: float
    """Mean of pairs by two."""
    different_95: float
    """95 % of those have less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The table."""

    language: str
    rows: tuple[Row, ...]
    pooled: tuple[Row, ...]
    """Of several rows of one kind, all their sentences in one."""
    likeness: Likeness | None
    """None if similarity was not judged, or there are no recordings of two speakers."""
    judges: Mapping[str, str]
    """By name, who it is."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of the run: version, machine, seed. JSON values only."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "language": self.language,
            "judges": dict(self.judges),
            "likeness": None if self.likeness is None else asdict(self.likeness),
            "facts": dict(self.facts),
            "pooled": [row.as_dict(sentences=False) for row in self.pooled],
            "rows": [row.as_dict() for row in self.rows],
        }


def row_of(name: str, kind: str, judged: Sequence[Judged], *, seed: int) -> Row:
    """A row, with the certainty of its word error rate.

    Source: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance
    evaluation" (ICASSP 2004): sentences are drawn with replacement.

    Args:
        seed: of the draws.
    """
    counts = [each.measures for each in judged if "word_errors" in each.measures]
    errors = np.array([each["word_errors"] for each in counts])
    words = np.array([each["words"] for each in counts])
    interval = None
    if len(counts) >= _LEAST_SURE and words.sum():
        drawn = np.random.default_rng(seed).integers(len(counts), size=(_DRAWS, len(counts)))
        rates = errors[drawn].sum(axis=1) / np.maximum(words[drawn].sum(axis=1), 1)
        low, high = np.percentile(rates, [2.5, 97.5])
        interval = (float(low), float(high))
    return Row(name=name, kind=kind, judged=tuple(judged), interval=interval)


def likeness_of(
    speakers: Mapping[str, Sequence[Any]], product: Callable[[Any, Any], float]
) -> Likeness | None:
    """Of recordings of people; None if there are not two of them.

    Args:
        speakers: by name, what the judge made of each recording.
        product: of two of these.
    """
    flat = [(name, vector) for name, vectors in speakers.items() for vector in vectors]
    same: list[float] = []
    different: list[float] = []
    for place, (name, vector) in enumerate(flat):
        for other, another in flat[place + 1 :]:
            (same if name == other else different).append(product(vector, another))
    if not different:
        return None
    return Likeness(
        speakers=len([vectors for vectors in speakers.values() if len(vectors)]),
        same=fmean(same) if same else None,
        different=fmean(different),
        different_95=float(np.percentile(different, 95)),
    )
