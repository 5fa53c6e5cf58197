"""Any recording of a voice becomes a usable reference, or there is an error that says why not.

Cloning wants 3 to 10 s of one person speaking clearly. Silence at both ends goes. What is then no
longer than 10 s is taken whole. Of a longer recording the best window is taken: one that starts and
ends in a pause, lasts 6 to 9 s if it can, holds more speech than pauses, and keeps a steady level.
What it cannot see is listed in `myna.audio.activity`; nor does it see clipping that a lossy codec
has since smoothed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from myna.audio.activity import (
    FRAME_OVERHANG,
    FRAMES_PER_SECOND,
    Activity,
    activity,
    sounds_like_speech,
)
from myna.audio.measures import band_powers, clipped_share, heard_spectra, signal_to_noise
from myna.datatypes import Audio
from myna.errors import UnusableReferenceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHORTEST_SECONDS = 3.0
"""Shorter references work, but less well: a warning."""
LONGEST_SECONDS = 10.0
LEAST_SPEECH_SECONDS = 1.0

_BEST_SECONDS = (6.0, 9.0)
_MARGIN = 0.15
"""Seconds kept before and after speech, for soft sounds below the threshold."""
_FRAME = 1.0 / FRAMES_PER_SECOND

_SILENT_PEAK = 10.0 ** (-60.0 / 20.0)
_TRIES = 20
"""Windows that are tested for speech, best first."""

_CLIPPED_ERROR = 0.005
_CLIPPED_WARNING = 0.0005
_NOISY_DB = 20.0
_QUIET_DBFS = -40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Measured facts of a reference."""

    peak_dbfs: float
    rms_dbfs: float
    snr_db: float
    """Estimate: level of speech over level of steady noise, 0 to 100."""
    clipped_share: float
    """Of all samples, 0 to 1."""
    speech_seconds: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PreparedReference:
    """The part of a recording that cloning hears."""

    audio: Audio
    """At the rate of the recording."""
    start: float
    """Where it starts and ends in the recording, in seconds."""
    end: float
    quality: Quality
    warnings: tuple[str, ...] = ()


def prepare_reference(recording: Audio, *, whole: bool = False) -> PreparedReference:
    """Find the part of `recording` to clone from.

    Args:
        recording: one person speaking, at any rate.
        whole: take all that is said, because the transcript says all of it; only silence at the
            ends may go.

    Raises:
        UnusableReferenceError: silence, no speech that could be told from noise or music, less than
            1 s of it, clipping; or, with `whole`, more than 10 s.
    """
    peak = float(np.abs(recording.samples).max(initial=0.0))
    if peak < _SILENT_PEAK:
        raise UnusableReferenceError(
            "The recording is silent. Check the microphone, or name another file."
        )
    if recording.seconds < LEAST_SPEECH_SECONDS:
        raise _too_short(recording.seconds)
    found = activity(recording)
    start, end, inside = _choose(found, recording.seconds, whole)
    rate = recording.rate
    audio = Audio(recording.samples[round(start * rate) : round(end * rate)], rate)
    quality = _quality(audio, found, *_frames(found, start, end))
    if quality.speech_seconds < LEAST_SPEECH_SECONDS:
        raise _too_short(quality.speech_seconds)
    if quality.clipped_share > _CLIPPED_ERROR:
        raise UnusableReferenceError(
            f"The recording is clipped: {quality.clipped_share:.1%} of its samples are cut off at "
            f"the top. Record it again at a lower level; turning it down now does not help."
        )
    warnings = _warnings(audio.seconds, quality)
    if inside:
        warnings += ("No pause was found to cut at, so the reference starts or ends in a word.",)
    return PreparedReference(audio=audio, start=start, end=end, quality=quality, warnings=warnings)


def _choose(found: Activity, seconds: float, whole: bool) -> tuple[float, float, bool]:
    """Start and end of the part to take, in seconds, and whether it had to be cut in a word."""
    if not found.stretches:
        raise _no_speech()
    start, end = _bounds(found.stretches, 0, len(found.stretches), seconds)
    if end - start <= LONGEST_SECONDS:
        windows = [(start, end, False)]
    elif whole:
        raise UnusableReferenceError(
            f"The reference lasts {end - start:.2f} s, and its text belongs to all of it; cloning "
            f"takes {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s. Cut both to one clear sentence, "
            f"or leave the text out to have the best part chosen."
        )
    else:
        windows = sorted(_windows(found, seconds), key=lambda window: -_score(found, *window))
    for window in windows[:_TRIES]:
        if sounds_like_speech(found, *_frames(found, *window[:2])):
            return window
    raise _no_speech()


def _windows(found: Activity, seconds: float) -> Iterator[tuple[float, float, bool]]:
    """Every part of 1 to 10 s that starts and ends in a pause, or else at a quiet moment."""
    pieces = [piece for stretch in found.stretches for piece in _split(found, *stretch)]
    pauses = {edge for stretch in found.stretches for edge in stretch}
    for first in range(len(pieces)):
        for last in range(first + 1, len(pieces) + 1):
            start, end = _bounds(pieces, first, last, seconds)
            if end - start > LONGEST_SECONDS:
                break
            if end - start >= LEAST_SPEECH_SECONDS:
                edges = {pieces[first][0], pieces[last - 1][1]}
                yield start, end, not edges <= pauses


def _split(found: Activity, start: int, end: int) -> list[tuple[int, int]]:
    """Frames `start` to `end`, cut at the quietest moment until no piece is too long."""
    shortest = round(SHORTEST_SECONDS * FRAMES_PER_SECOND)
    if end - start <= (LONGEST_SECONDS - 2 * _MARGIN) * FRAMES_PER_SECOND:
        return [(start, end)]
    inner = found.levels[start + shortest : end - shortest]
    middle = start + shortest + int(np.argmin(np.convolve(inner, np.full(5, 0.2), mode="same")))
    return _split(found, start, middle) + _split(found, middle, end)


def _bounds(
    pieces: Sequence[tuple[int, int]],
    first: int,
    last: int,
    seconds: float,
) -> tuple[float, float]:
    """Seconds of pieces `first` to `last`, with a margin that reaches half into a pause at most."""
    before = pieces[first - 1][1] * _FRAME if first else 0.0
    after = pieces[last][0] * _FRAME if last < len(pieces) else seconds
    start, end = pieces[first][0] * _FRAME, pieces[last - 1][1] * _FRAME + FRAME_OVERHANG
    reach = 0.5 if first else 1.0
    start -= min(_MARGIN, reach * max(0.0, start - before))
    reach = 0.5 if last < len(pieces) else 1.0
    end += min(_MARGIN, reach * max(0.0, after - end))
    return start, min(end, seconds)


def _score(found: Activity, start: float, end: float, inside: bool) -> float:
    """How good a window is: 1 for 6 to 9 s of speech at a steady level without pauses."""
    first, last = _frames(found, start, end)
    active = found.active[first:last]
    levels = found.levels[first:last]
    seconds = [
        levels[at : at + FRAMES_PER_SECOND][active[at : at + FRAMES_PER_SECOND]].mean()
        for at in range(0, len(levels), FRAMES_PER_SECOND)
        if active[at : at + FRAMES_PER_SECOND].any()
    ]
    length = end - start
    away = max(0.0, _BEST_SECONDS[0] - length, length - _BEST_SECONDS[1])
    short = 0.5 if length < SHORTEST_SECONDS else 0.0
    unsteady = 0.02 * float(np.std(seconds)) if seconds else 1.0
    return float(active.mean()) - unsteady - 0.1 * away - short - (0.5 if inside else 0.0)


def _frames(found: Activity, start: float, end: float) -> tuple[int, int]:
    last = min(len(found.levels), round(end * FRAMES_PER_SECOND))
    return round(start * FRAMES_PER_SECOND), last


def _quality(audio: Audio, found: Activity, first: int, last: int) -> Quality:
    powers = band_powers(audio)
    speech, _ = heard_spectra(found.active[first:last], len(powers))
    heard = sum(max(0, min(end, last) - max(start, first)) for start, end in found.stretches)
    peak = float(np.abs(audio.samples).max())
    power = np.square(audio.samples, dtype=np.float64).mean()
    return Quality(
        peak_dbfs=20.0 * float(np.log10(max(peak, 1e-9))),
        rms_dbfs=10.0 * float(np.log10(max(power, 1e-18))),
        snr_db=signal_to_noise(powers, speech),
        clipped_share=clipped_share(audio.samples, audio.rate),
        speech_seconds=heard * _FRAME,
    )


def _warnings(seconds: float, quality: Quality) -> tuple[str, ...]:
    found = []
    if seconds < SHORTEST_SECONDS:
        found.append(
            f"The reference lasts only {seconds:.2f} s; {SHORTEST_SECONDS:g} to "
            f"{LONGEST_SECONDS:g} s give a better likeness."
        )
    if quality.clipped_share > _CLIPPED_WARNING:
        found.append("The reference is slightly clipped; the voice may sound harsh.")
    if quality.snr_db < _NOISY_DB:
        found.append("The reference is noisy or echoes; the voice may take the noise over.")
    if quality.rms_dbfs < _QUIET_DBFS:
        found.append("The reference is very quiet; speech may come out quiet, too.")
    return tuple(found)


def _too_short(seconds: float) -> UnusableReferenceError:
    return UnusableReferenceError(
        f"The recording holds {seconds:.2f} s of speech; cloning needs at least "
        f"{LEAST_SPEECH_SECONDS:g} s, and {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s are better."
    )


def _no_speech() -> UnusableReferenceError:
    return UnusableReferenceError(
        "No clear speech was found in the recording, only noise, tones or music. Give a recording "
        "of one person speaking, without music behind."
    )
