"""Stretches of speech to learn voices from, every speaker as often as any other; and trials.

Letters in shapes: F frames of the filter bank (100 per second), K bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from myna.errors import TrainingError
from myna.training.speaker_variation import another_speaker
from myna.training.task import Example, Examples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Bands = NDArray[np.floating[Any]]


class Stretches(Examples):
    """Stretches of one length, joined of clips of one speaker where one clip is too short.

    Each example has `bands` (F, K) and `speaker`, from 0 to `speakers` - 1: at each of the speeds,
    a speaker is another one.

    Args:
        clips: by speaker, (any, K) each.
        speeds: factors; 1 is as recorded.
        each: stretches of every speaker at every speed.
        frames: F.
        seed: another seed cuts elsewhere.
    """

    def __init__(
        self,
        clips: Mapping[str, Sequence[Bands]],
        *,
        speeds: Sequence[float],
        each: int,
        frames: int,
        seed: int,
    ) -> None:
        self._names = sorted(clips)
        self._clips, self._speeds = clips, tuple(speeds)
        self._each, self._frames, self._seed = each, frames, seed

    @property
    def speakers(self) -> int:
        """How many there are, at all speeds together."""
        return len(self._names) * len(self._speeds)

    def __len__(self) -> int:
        return self.speakers * self._each

    def __getitem__(self, index: int) -> Example:
        draw = np.random.default_rng([self._seed, index])
        speaker = index % self.speakers
        name = self._names[speaker // len(self._speeds)]
        speed = self._speeds[speaker % len(self._speeds)]
        wanted = int(np.ceil((self._frames + 1) * speed))
        bands = another_speaker(_stretch(self._clips[name], wanted, draw), speed)
        return {
            "key": f"{name} {speed:g} {index // self.speakers}",
            "bands": bands[: self._frames],
            "speaker": speaker,
        }

    @property
    def lengths(self) -> Sequence[int]:
        """In frames."""
        return [self._frames] * len(self)


class Trials(Examples):
    """Questions to an encoder: which of two stretches is by the speaker of a third?

    Each has `bands` (3, F, K): two by one speaker, without a frame in common, and one by another of
    the same group, so that what a corpus sounds like does not help.

    Args:
        groups: of speakers, at least two each; clips of each, (any, K).
        each: trials per speaker.
        frames: F; a speaker with too little speech for two is an error.
        seed: another seed asks others.

    Raises:
        TrainingError: a group has one speaker, or a speaker has too little speech.
    """

    def __init__(
        self,
        groups: Sequence[Mapping[str, Sequence[Bands]]],
        *,
        each: int,
        frames: int,
        seed: int,
    ) -> None:
        draw = np.random.default_rng(seed)
        self._frames = frames
        self._trials: list[Example] = []
        for clips in groups:
            names = sorted(clips)
            if len(names) < 2:
                raise TrainingError(
                    f"Trials need at least two speakers of one corpus; there is {names}."
                )
            pieces = {name: apart(name, clips[name], frames) for name in names}
            for place, name in enumerate(names):
                for number in range(each):
                    first, second = draw.permutation(len(pieces[name]))[:2]
                    other = names[(place + int(draw.integers(1, len(names)))) % len(names)]
                    third = pieces[other][int(draw.integers(len(pieces[other])))]
                    heard = [pieces[name][first], pieces[name][second], third]
                    self._trials.append({"key": f"{name} {number}", "bands": np.stack(heard)})

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, index: int) -> Example:
        return self._trials[index]

    @property
    def lengths(self) -> Sequence[int]:
        """In frames."""
        return [3 * self._frames] * len(self)


def apart(name: str, clips: Sequence[Bands], frames: int) -> list[Bands]:
    """Stretches of so many frames that have none in common, of clips one behind the other.

    Raises:
        TrainingError: there are fewer than two.
    """
    speech = np.concatenate(list(clips))
    count = len(speech) // frames
    if count < 2:
        raise TrainingError(
            f"The speaker {name} has {len(speech) / 100:.1f} s of speech; held-out speakers need "
            f"{2 * frames / 100:g} s."
        )
    return [speech[start * frames : (start + 1) * frames] for start in range(count)]


def _stretch(clips: Sequence[Bands], frames: int, draw: np.random.Generator) -> Floats:
    parts: list[Bands] = []
    missing = frames
    while missing > 0:
        clip = clips[int(draw.integers(len(clips)))]
        start = int(draw.integers(0, max(0, len(clip) - missing) + 1))
        parts.append(clip[start : start + missing])
        missing -= len(parts[-1])
    stretch: Floats = np.concatenate(parts).astype(np.float32)
    return stretch
