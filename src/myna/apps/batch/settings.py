"""What is chosen for a whole run; a line of the script may choose otherwise for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from myna.apps.batch.entries import LATEST, LONGEST_GAP
from myna.datatypes import (
    CONTAINERS,
    Delivery,
    Guard,
    Sampling,
    check_recording_path,
    in_range,
)
from myna.errors import ConfigError
from myna.synthesis.subtitles import CUES

MOST_TAKES = 32
FORMATS = tuple(ending[1:] for ending in CONTAINERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """Choices of a run that change what is heard."""

    voice: str = ""
    """Of lines that name none; empty for the first one that comes with the model."""
    voices: Path | None = None
    """A folder of voice files and recordings, called by their names without the ending."""
    cast: Mapping[str, str] = field(default_factory=dict)
    """Voices by other names that the script calls them, such as those of people who speak."""
    model: str = ""
    """Of lines that name none; empty for the voice's own, and `tiny` for recordings to clone."""
    language: str = "auto"
    cut: str = "cut5"
    markup: str = "auto"
    improved: bool | None = None
    lexicon: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    """Its seed is that of every line's first take; None is 0, so that every run says the same."""
    delivery: Delivery = field(default_factory=Delivery)
    guard: Guard = field(default_factory=Guard)
    format: str = "wav"
    """Of the recordings: wav, flac or ogg."""
    takes: int = 1
    """How often each line is said, 1 to 32; the best one is kept as its recording."""
    fit: bool = True
    """Keep the times of a script that has them."""
    fastest: float = 1.6
    """Speed up to which a line is hurried to end in time, 1 to 2."""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(f"format is {self.format!r}; it is one of {', '.join(FORMATS)}.")
        if not isinstance(self.takes, int) or isinstance(self.takes, bool):
            raise ConfigError(f"takes is {self.takes!r}; it is a whole number.")
        in_range("takes", self.takes, 1, MOST_TAKES)
        in_range("fastest", self.fastest, 1.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What computes; the arguments of `Myna.load` besides the model."""

    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    polyphones: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """What is made of all recordings together."""

    join: Path | None = None
    """A file of all lines one after another, with subtitles beside it."""
    gap: float = 0.4
    """Seconds of silence between its lines, 0 to 60."""
    paragraph_gap: float = 0.9
    """And before a paragraph."""
    track: str = ""
    """Of a script with times: name of the file in the folder of the recordings in which each line
    starts at its time; empty for `track` and the ending of the recordings."""
    length: float | None = None
    """Seconds that it lasts; None for the end of the last cue."""
    cues: str = "sentence"
    """What a cue of the subtitles is, one of `myna.synthesis.subtitles.CUES`."""

    def __post_init__(self) -> None:
        if self.cues not in CUES:
            raise ConfigError(f"cues is {self.cues!r}; it is one of {', '.join(CUES)}.")
        in_range("gap", self.gap, 0.0, LONGEST_GAP)
        in_range("paragraph_gap", self.paragraph_gap, 0.0, LONGEST_GAP)
        if self.length is not None:
            in_range("length", self.length, 0.01, LATEST)
        if self.join is not None:
            check_recording_path(self.join)
