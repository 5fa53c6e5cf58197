"""Voices of a model that are to be judged: from files, or cloned on the spot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import myna
from myna.audio.recordings import read
from myna.checkpoints.store import ears, open_model
from myna.datatypes import Audio, Reference, Sampling, Voice
from myna.errors import AudioError, EngineError, MynaError
from myna.evaluation.speakers import CLONE, VOICE, Spoken, identity
from myna.files import sha256

if TYPE_CHECKING:
    from myna.evaluation.sentences import Sentence
    from myna.synthesis.speaker import Myna

_LONGEST_REFERENCE = 10.0
"""Seconds that cloning hears of a recording."""
_SHORTEST_LEAD, _SHORTEST = 3.0, 1.5
"""Seconds of the recording that leads, and of those that follow it."""


class Model:
    """A model that voices speak with, loaded when the first one does.

    Args:
        model: as `Myna.load` takes it.
        options: of `Myna.load`, besides the model.

    Raises:
        ModelNotFoundError: there is no such model.
        CheckpointError: its folder is damaged.
    """

    def __init__(self, model: str | Path, **options: Any) -> None:
        self._folder = open_model(model)
        self._options = options
        self._myna: Myna | None = None
        self.name = self._folder.name
        self.voices = self._folder.voices
        self.key = identity(myna.__version__, self._folder.fingerprint, options)

    @property
    def ears(self) -> str:
        """Tells apart what would clone differently."""
        return ears(self._folder)

    def load(self) -> Myna:
        """The model."""
        if self._myna is None:
            from myna.synthesis.speaker import Myna

            self._myna = Myna.load(self._folder.path, **self._options)
        return self._myna


class Voiced:
    """A voice of a model: one from a file, or one cloned on the spot.

    Args:
        voice: the voice, or what makes it when it is first needed.
        known_by: tells the voice apart from others; JSON values.
    """

    own: tuple[Sentence, ...] = ()

    def __init__(
        self,
        name: str,
        kind: str,
        model: Model,
        voice: Voice | Callable[[], Voice],
        known_by: object,
        sampling: Sampling,
        like: tuple[Sentence, ...] = (),
    ) -> None:
        self.name, self.kind, self.like = name, kind, like
        self._model, self._voice, self._known_by = model, voice, known_by
        self._sampling = sampling if sampling.seed is not None else replace(sampling, seed=0)

    def key(self, sentence: Sentence) -> str:
        return identity(self._model.key, self._known_by, asdict(self._sampling), sentence.text)

    def prepare(self, sentence: Sentence) -> None:
        self._voice = self._voice if isinstance(self._voice, Voice) else self._voice()
        with suppress(MynaError):  # it will be raised again when it counts
            self.say(sentence)

    def say(self, sentence: Sentence) -> Spoken:
        speaker = self._model.load()
        assert isinstance(self._voice, Voice), "prepared"
        before = time.perf_counter()
        pieces = speaker.stream(
            sentence.text, self._voice, language=sentence.language, sampling=self._sampling
        )
        with closing(pieces):
            if next(pieces, None) is None:
                raise EngineError("The model gave no audio.")
        first_sound = time.perf_counter() - before
        before = time.perf_counter()
        audio = speaker.speak(
            sentence.text, self._voice, language=sentence.language, sampling=self._sampling
        ).audio
        seconds = time.perf_counter() - before
        endless = audio.seconds >= self._sampling.longest_seconds
        note = f"It did not end within {self._sampling.longest_seconds:g} s." if endless else ""
        return Spoken(audio, seconds, first_sound, note)


def from_file(
    path: str | Path,
    model: Model,
    sampling: Sampling,
    like: tuple[Sentence, ...] = (),
    name: str = "",
) -> Voiced:
    """A voice that is kept in a file.

    Raises:
        VoiceError: there is none, or it is damaged.
    """
    path = Path(path)
    voice = Voice.load(path)
    return Voiced(name or path.stem, VOICE, model, voice, sha256(path), sampling, like)


def cloned(
    name: str,
    recordings: Sequence[Sentence],
    model: Model,
    sampling: Sampling,
    *,
    seconds: float = 10.0,
    worded: bool = False,
) -> Voiced:
    """A voice cloned from some recordings of a person, to be held against the others.

    Args:
        recordings: of one person.
        seconds: of recordings to clone from, in their order, at most; one is always taken.
        worded: tell the model what is said in the first of them.

    Raises:
        AudioError: a recording cannot be read.
    """
    chosen = references(recordings, seconds)
    like = tuple(each for each in recordings if each not in chosen)

    def clone() -> Voice:
        heard = [
            Reference(_recording(each), each.text if worded and not place else "", each.language)
            for place, each in enumerate(chosen)
        ]
        return model.load().clone(heard, name=name, cache=False)

    known_by = [model.ears, *([_hash(each), each.text if worded else ""] for each in chosen)]
    return Voiced(name, CLONE, model, clone, known_by, sampling, like)


def references(recordings: Sequence[Sentence], seconds: float) -> tuple[Sentence, ...]:
    """Those to clone from: the first that is long enough leads, others follow while there is room.

    Raises:
        AudioError: a recording cannot be read.
    """
    most = min(seconds, _LONGEST_REFERENCE)
    lengths = {each: _recording(each).seconds for each in recordings}
    fit = [each for each in recordings if _SHORTEST_LEAD <= lengths[each] <= most]
    lead = fit[0] if fit else max(recordings, key=lambda each: min(lengths[each], most))
    chosen, left = [lead], seconds - lengths[lead]
    for each in recordings:
        if each is not lead and _SHORTEST <= lengths[each] <= left:
            chosen.append(each)
            left -= lengths[each]
    return tuple(chosen)


def _recording(sentence: Sentence) -> Audio:
    if sentence.recording is None:
        raise AudioError(f"There is no recording of {sentence.text!r}.")
    return read(sentence.recording)


def _hash(sentence: Sentence) -> str:
    assert sentence.recording is not None
    return sha256(sentence.recording)
