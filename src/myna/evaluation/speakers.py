"""Who speaks to be judged, and people who have spoken already.

A speaker says one sentence at a time and is asked as an ordinary user would ask, so that the time
it takes is the time that a user waits.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from myna.audio.recordings import read
from myna.files import sha256

if TYPE_CHECKING:
    from myna.datatypes import Audio
    from myna.evaluation.sentences import Sentence

RECORDINGS, PROGRAM, VOICE, CLONE = "recordings", "program", "voice", "clone"
"""Kinds of speakers."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What a speaker said."""

    audio: Audio
    seconds: float | None = None
    """That it took; None of recordings."""
    first_sound: float | None = None
    """Seconds until the first piece of it could be played; None of those who give no pieces."""
    note: str = ""
    """What is odd about it."""


class Speaker(Protocol):
    """Says sentences."""

    @property
    def name(self) -> str:
        """As the table calls it."""
        ...

    @property
    def kind(self) -> str:
        """`recordings`, `program`, `voice` or `clone`."""
        ...

    @property
    def like(self) -> tuple[Sentence, ...]:
        """Recordings of the person whom it should sound like; empty if there are none."""
        ...

    @property
    def own(self) -> tuple[Sentence, ...]:
        """The sentences that it says; empty for any."""
        ...

    def key(self, sentence: Sentence) -> str:
        """Tells apart what would be spoken differently."""
        ...

    def prepare(self, sentence: Sentence) -> None:
        """Load what is needed to say a sentence, so that the first one takes as long as any other.

        Raises:
            MynaError: it cannot speak at all.
        """
        ...

    def say(self, sentence: Sentence) -> Spoken:
        """Say it.

        Raises:
            MynaError: this sentence cannot be said.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """A person who has said the sentences already."""

    name: str
    own: tuple[Sentence, ...]
    like: tuple[Sentence, ...] = ()
    kind: str = RECORDINGS

    def key(self, sentence: Sentence) -> str:
        assert sentence.recording is not None
        return identity("recording", sha256(sentence.recording))

    def prepare(self, sentence: Sentence) -> None:
        """Nothing is needed."""

    def say(self, sentence: Sentence) -> Spoken:
        assert sentence.recording is not None
        return Spoken(read(sentence.recording))


def identity(*values: Any) -> str:
    """Short, and the same for the same plain values only."""
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()[:32]
