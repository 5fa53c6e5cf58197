"""How a model speaks, measured on sentences it was not trained on.

Two judges, neither of which taught the model: our recogniser, which hears sounds, and a speaker
encoder. A judge that is not installed, or does not know the language, is left out; what it would
have measured is then None.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from myna.checkpoints.store import ModelFolder
from myna.dataset.checking import Hearing, check_sounds
from myna.dataset.manifest import Clip
from myna.dataset.speaker_encoders import SpeakerEncoder, open_speaker_encoder
from myna.datatypes import Audio, Guard, Sampling, Voice
from myna.engines.recogniser import Recogniser
from myna.errors import AudioError, MissingExtraError, ModelNotFoundError
from myna.synthesis.speaker import Myna

log = logging.getLogger(__name__)

_SECONDS = 30.0
"""A sentence that has not ended by then is given up."""


@dataclass(frozen=True, slots=True)
class Judges:
    """Who measures."""

    hearing: Hearing | None
    speakers: SpeakerEncoder | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was measured of a few sentences; None is not measured."""

    recognition_error: float | None
    """Share of sounds heard wrongly, over all sentences; 0 and up."""
    similarity: float | None
    """Cosine to the speaker's own recordings, mean over sentences; at most 1."""
    spoken: tuple[Audio, ...]
    """The sentences, in order."""
    ended: int
    """How many of them the model ended by itself."""


def open_judges() -> Judges:
    """The judges that are there; a line is logged for each that is not."""
    hearing: Hearing | None = None
    speakers: SpeakerEncoder | None = None
    try:
        hearing = Recogniser.load()
    except ModelNotFoundError as error:
        log.info("What is understood is not measured: %s", error)
    try:
        speakers = open_speaker_encoder()
    except (MissingExtraError, ModelNotFoundError) as error:
        log.info("Similarity is not measured: %s", error)
    return Judges(hearing, speakers)


def likeness(judges: Judges, recordings: Sequence[Audio]) -> NDArray[np.float32] | None:
    """The speaker as the judge hears them: a unit vector, the mean of several recordings."""
    if judges.speakers is None:
        return None
    vectors = []
    for audio in recordings:
        with suppress(AudioError):  # too little speech to know somebody by
            vectors.append(judges.speakers.vector(audio))
    if not vectors:
        return None
    mean = np.mean(vectors, axis=0)
    unit: NDArray[np.float32] = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


def judge(
    model: ModelFolder,
    voice: Voice,
    clips: Sequence[Clip],
    speaker: NDArray[np.float32] | None,
    judges: Judges,
    *,
    seed: int,
    device: str = "auto",
) -> Judged:
    """Let a model say the words of clips, and measure how.

    Args:
        clips: their words, languages; their recordings are not used.
        speaker: of `likeness`.

    Raises:
        MynaError: the model cannot speak.
    """
    myna = Myna.load(model.path, device=device)
    sampling = Sampling(seed=seed, longest_seconds=_SECONDS)
    spoken, errors, sounds, alike, ended = [], 0.0, 0, [], 0
    for clip in clips:
        # The first take: what is judged is the model, not the guard.
        speech = myna.speak(
            clip.text,
            voice,
            language=clip.language or "auto",
            sampling=sampling,
            guard=Guard(check=False),
        )
        spoken.append(speech.audio)
        ended += all(sentence.ended for sentence in speech.report.sentences)
        if judges.hearing is not None:
            # Without what was measured of the recording.
            heard = check_sounds(replace(clip, quality={}), speech.audio, judges.hearing).quality
            if "sound_error" in heard:
                phones = speech.report.sentences
                count = sum(sentence.phones for sentence in phones)
                errors += heard["sound_error"] * count
                sounds += count
        if judges.speakers is not None and speaker is not None:
            alike.append(_likeness(judges.speakers, speech.audio, speaker))
    return Judged(
        recognition_error=errors / sounds if sounds else None,
        similarity=float(np.mean(alike)) if alike else None,
        spoken=tuple(spoken),
        ended=ended,
    )


def _likeness(judge: SpeakerEncoder, spoken: Audio, speaker: NDArray[np.float32]) -> float:
    try:
        return float(judge.vector(spoken) @ speaker)
    except AudioError:
        return 0.0  # what holds no speech is like nobody
