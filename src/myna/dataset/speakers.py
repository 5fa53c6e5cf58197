"""Whether the clips of a speaker are all of that speaker, by what an encoder of speakers hears.

Three faults are found: clips of somebody else, two people under one name, and clips in which two
people speak. A speaker with few clips cannot be judged, and nobody is dropped.

Letters in shapes: n clips, V channels of the speaker vector.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from myna.datatypes import Audio, in_range
from myna.errors import AudioError, ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.dataset.manifest import Clip
    from myna.dataset.speaker_encoders import Likeness, SpeakerEncoder
    from myna.datatypes import Floats

OTHERS = ("drop", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purity:
    """How clips of other speakers are found, and what becomes of them."""

    fewest: int = 4
    """Clips of a speaker below which nothing is judged."""
    spread: float = 3.0
    """A clip is somebody else's if it is also this many standard deviations (told robustly) less
    like the speaker than the median clip is."""
    least_group: float = 0.1
    """Share of the clips that a second speaker under the same name must have, and three at least;
    fewer are clips of somebody else."""
    others: str = "drop"
    """What becomes of a second speaker under the same name: `drop`, or `name`, which keeps the
    clips under the name with a number."""

    def __post_init__(self) -> None:
        in_range("fewest", self.fewest, 3, 1000)
        in_range("spread", self.spread, 0.0, 100.0)
        in_range("least_group", self.least_group, 0.0, 0.5)
        if self.others not in OTHERS:
            raise ConfigError(f"others is {self.others!r}; it is one of {', '.join(OTHERS)}.")


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """How a clip sounds to a speaker encoder."""

    whole: Floats
    """(V,)"""
    halves: tuple[Floats, Floats] | None = None
    """(V,) each; None where a half has too little speech."""


def check_speakers(
    clips: Sequence[Clip],
    load: Callable[[Clip], Audio],
    encoder: SpeakerEncoder,
    purity: Purity | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Clip, ...]:
    """All clips in order; those of other speakers are dropped, and measures and warnings added.

    Args:
        clips: of one or more speakers, told apart by `Clip.speaker`; dropped ones stay as they are.
        load: reads the samples of a clip.
        on_progress: told how many clips of how many were heard.
    """
    kept = [clip for clip in clips if clip.kept]
    prints: dict[str, Print] = {}
    out = {id(clip): clip for clip in clips}
    for count, clip in enumerate(kept, 1):
        try:
            prints[clip.id] = listen(load(clip), encoder)
        except AudioError as error:
            warned = replace(clip, warnings=(*clip.warnings, f"Nobody knows who speaks: {error}"))
            out[id(clip)] = warned
        if on_progress:
            on_progress(count, len(kept))
    heard = [clip for clip in kept if clip.id in prints]
    for clip, found in zip(heard, judged(heard, prints, encoder.likeness, purity), strict=True):
        out[id(clip)] = found
    return tuple(out[id(clip)] for clip in clips)


def listen(audio: Audio, encoder: SpeakerEncoder) -> Print:
    """How a clip and its halves sound.

    Raises:
        AudioError: it holds less than half a second of speech.
    """
    whole = encoder.vector(audio)
    if encoder.likeness is None or audio.seconds < _LEAST_FOR_HALVES:
        return Print(whole)
    middle = len(audio.samples) // 2
    try:
        first, second = (
            encoder.vector(Audio(part, audio.rate))
            for part in (audio.samples[:middle], audio.samples[middle:])
        )
    except AudioError:
        return Print(whole)
    return Print(whole, (first, second))


def judged(
    clips: Sequence[Clip],
    prints: Mapping[str, Print],
    likeness: Likeness | None,
    purity: Purity | None = None,
) -> tuple[Clip, ...]:
    """The clips in order, each kept, warned or dropped by the prints, which are by `Clip.id`.

    `quality` gets `speaker_likeness`, the product with the mean of the speaker's other clips.
    """
    purity = purity or Purity()
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[clip.speaker].append(clip)
    means = {
        speaker: _unit(np.mean([prints[clip.id].whole for clip in group], axis=0))
        for speaker, group in groups.items()
        if len(group) >= purity.fewest
    }
    found: dict[str, Clip] = {}
    for speaker, group in groups.items():
        others = {name: mean for name, mean in means.items() if name != speaker}
        for clip in _one_name(group, prints, likeness, purity, others):
            found[clip.id] = clip
    return tuple(found[clip.id] for clip in clips)


_LEAST_FOR_HALVES = 3.0
"""Seconds: halves of a shorter clip are too short to tell who speaks."""
_LEAST_GROUP = 3
_LEAST_SPREAD = 0.01
_UNMEASURED = 0.15
"""What a clip must lack to be of somebody else, where nobody has measured what is usual."""
_NORMAL = 1.4826
"""Standard deviations of a normal distribution in a median absolute deviation."""
_ROUNDS = 20


def _one_name(
    clips: Sequence[Clip],
    prints: Mapping[str, Print],
    likeness: Likeness | None,
    purity: Purity,
    others: Mapping[str, Floats],
) -> list[Clip]:
    """The clips under one name."""
    if len(clips) < purity.fewest:
        warning = (
            f"The speaker {_name(clips)} has {len(clips)} clips, too few to tell whether all are "
            f"of one person; {purity.fewest} are needed."
        )
        return [_warned(clip, warning) for clip in clips]
    vectors = np.stack([prints[clip.id].whole for clip in clips])
    second = _second_speaker(vectors, likeness, purity)
    if second is not None:
        return _two_names(clips, second, prints, likeness, purity, others)
    scores = _likeness_to_rest(vectors)
    middle = float(np.median(scores))
    spread = max(_NORMAL * float(np.median(np.abs(scores - middle))), _LEAST_SPREAD)
    lowest = middle - purity.spread * spread
    lowest = min(lowest, middle - _UNMEASURED if likeness is None else likeness.clip)
    is_other = scores < lowest
    mean = _unit(vectors[~is_other].mean(axis=0))
    out = []
    for clip, score, other in zip(clips, scores.tolist(), is_other, strict=True):
        measured = replace(clip, quality={**clip.quality, "speaker_likeness": round(score, 3)})
        if other:
            out.append(_other(measured, prints[clip.id].whole, score, middle, lowest, others))
        else:
            out.append(_halved(measured, prints[clip.id], mean, likeness))
    return out


def _second_speaker(
    vectors: NDArray[np.float32], likeness: Likeness | None, purity: Purity
) -> NDArray[np.bool_] | None:
    """(n,) which clips are of a second speaker; None if there is none."""
    products = vectors @ vectors.T
    seeds = np.unravel_index(int(products.argmin()), products.shape)
    means = vectors[list(seeds)]
    for _ in range(_ROUNDS):
        nearer = (vectors @ means.T).argmax(axis=1)
        if not 0 < nearer.sum() < len(vectors):
            return None
        means = np.stack([_unit(vectors[nearer == side].mean(axis=0)) for side in (0, 1)])
    fewer = nearer == int((nearer == 1).sum() * 2 <= len(nearer))
    if fewer.sum() < max(_LEAST_GROUP, purity.least_group * len(vectors)):
        return None
    between = float(means[0] @ means[1])
    if likeness is not None:
        return fewer if between < likeness.means else None
    within = np.concatenate([vectors[nearer == side] @ means[side] for side in (0, 1)])
    middle = float(np.median(within))
    spread = max(_NORMAL * float(np.median(np.abs(within - middle))), _LEAST_SPREAD)
    return fewer if between < middle - purity.spread * spread else None


def _two_names(
    clips: Sequence[Clip],
    second: NDArray[np.bool_],
    prints: Mapping[str, Print],
    likeness: Likeness | None,
    purity: Purity,
    others: Mapping[str, Floats],
) -> list[Clip]:
    """The clips of two people under one name; each of them is judged by their own."""
    first_clips = [clip for clip, is_second in zip(clips, second, strict=True) if not is_second]
    second_clips = [clip for clip, is_second in zip(clips, second, strict=True) if is_second]
    counts = f"{len(first_clips)} clips of one and {len(second_clips)} of the other"
    says = f"Two people speak under the name {_name(clips)}: {counts}"
    if purity.others == "drop":
        dropped = f"{says}; those of the first are kept. Give the second a name of their own."
        apart = [clip.drop("another speaker", dropped) for clip in second_clips]
    else:
        named = f"{clips[0].speaker or 'speaker'}-2"
        warned = [
            _warned(replace(clip, speaker=named), f"{says}, called {named} now.")
            for clip in second_clips
        ]
        apart = _one_name(warned, prints, likeness, purity, others)
    kept = [_warned(clip, f"{says}.") for clip in first_clips]
    by_id = {clip.id: clip for clip in (*_one_name(kept, prints, likeness, purity, others), *apart)}
    return [by_id[clip.id] for clip in clips]


def _other(
    clip: Clip,
    vector: Floats,
    score: float,
    middle: float,
    lowest: float,
    others: Mapping[str, Floats],
) -> Clip:
    reason = (
        f"Its likeness with the other clips of {_name([clip])} is {score:.2f}; their median is "
        f"{middle:.2f}, and below {lowest:.2f} somebody else speaks."
    )
    nearest = max(others, key=lambda name: float(vector @ others[name]), default=None)
    if nearest is not None and float(vector @ others[nearest]) > middle - (middle - lowest) / 2:
        likely = float(vector @ others[nearest])
        reason += f" It sounds like {nearest!r} ({likely:.2f})."
    return clip.drop("another speaker", reason)


def _halved(clip: Clip, found: Print, mean: Floats, likeness: Likeness | None) -> Clip:
    """Dropped if its halves are of two people, one of which may be the speaker."""
    if likeness is None or found.halves is None:
        return clip
    between = float(found.halves[0] @ found.halves[1])
    least = min(float(half @ mean) for half in found.halves)
    if between >= likeness.halves or least >= likeness.half:
        return clip
    return clip.drop(
        "two speakers",
        f"The likeness of its halves is {between:.2f}, and of one half with the speaker's other "
        f"clips {least:.2f}; below {likeness.halves:g} and {likeness.half:g}, two people speak.",
    )


def _likeness_to_rest(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) product of each vector with the mean of the others."""
    rest = vectors.sum(axis=0) - vectors
    rest = rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-9)
    scores: NDArray[np.float64] = (vectors * rest).sum(axis=1).astype(np.float64)
    return scores


def _unit(vector: NDArray[np.float32]) -> Floats:
    unit: Floats = vector / np.float32(max(float(np.linalg.norm(vector)), 1e-9))
    return unit


def _warned(clip: Clip, warning: str) -> Clip:
    return replace(clip, warnings=(*clip.warnings, warning))


def _name(clips: Sequence[Clip]) -> str:
    return repr(clips[0].speaker) if clips[0].speaker else "without a name"
