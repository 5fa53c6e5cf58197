"""Choose the clips that training never sees, the same ones every time.

The choice follows a hash of seed and sentence, so it depends neither on the order of clips nor on
time, and a few new clips move few old ones. Clips that say the same sentence stay together, whoever
says them and however it is written. Every speaker gives a share, but never the last clip.

Small sets: of fewer than six clips the shortest sentence that lasts two seconds is held out, since
each clip is dear and the shortest costs least. Nothing is held out by cutting a clip in two: its
text cannot be cut with it where nobody knows when each word is said, and two halves of one sentence
share its melody, which is what a held-out loss should not know. Of a single clip, or clips that all
say one sentence, nothing can be held out; `Split.held_out` is then empty, and a run must be ended
by its number of steps, see `myna.training.memorisation.advice`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from myna.dataset.manifest import Clip
from myna.errors import ConfigError

_FEW = 6
_SHORTEST_SECONDS = 2.0
_LARGEST_SHARE = 0.1
"""What is held out may exceed it only to be one sentence at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings:
    """How much is held out."""

    share: float = 0.07
    """Of the clips of every speaker, above 0 and at most 0.1."""
    most: int = 200
    """Clips at most; more make evaluation slow and its result hardly surer."""
    seed: int = 0
    every: int = 0
    """Hold out all sentences whose `sentence_number` it divides, whatever is in the set, so that
    runs on different sets hold out the same; `most` of their clips are judged by, the others are
    in neither part. 0 holds out a share."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= _LARGEST_SHARE:
            raise ConfigError(
                f"share is {self.share}; it is above 0 and at most {_LARGEST_SHARE:g}."
            )
        if self.most < 1:
            raise ConfigError(f"most is {self.most}; at least one clip is held out.")
        if self.every < 0 or self.every == 1:
            raise ConfigError(f"every is {self.every}; it is 0, or 2 and more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Clips to train on and clips to judge by, each in the order they were given."""

    train: tuple[Clip, ...]
    held_out: tuple[Clip, ...]
    """Empty only where the clips say one sentence or none."""


def split(clips: Sequence[Clip], settings: SplitSettings = SplitSettings()) -> Split:
    """Divide the clips that are kept; dropped ones are in neither part."""
    kept = [clip for clip in clips if clip.kept]
    if settings.every:
        return _by_number(kept, settings)
    sentences: dict[str, list[Clip]] = defaultdict(list)
    for clip in kept:
        sentences[sentence_key(clip)].append(clip)
    chosen: set[str] = set()
    if len(sentences) > 1:
        choose = _cheapest if len(kept) < _FEW else _by_share
        chosen = choose(sentences, settings)
    return Split(
        train=tuple(clip for clip in kept if sentence_key(clip) not in chosen),
        held_out=tuple(clip for clip in kept if sentence_key(clip) in chosen),
    )


def sentence_key(clip: Clip) -> str:
    """Equal for clips that say the same: letters and digits of the text, whatever their case.

    A clip without text is its own sentence, by `id`.
    """
    text = unicodedata.normalize("NFKC", clip.text).casefold()
    spoken = "".join(char for char in text if unicodedata.category(char)[0] in "LNM")
    return f"text {spoken}" if spoken else f"clip {clip.id}"


def sentence_number(text: str) -> int:
    """A number that depends on the sentence alone, not on case or on marks at its ends."""
    spoken = text.lower().strip(" .?!").encode()
    return int.from_bytes(hashlib.blake2b(spoken, digest_size=4).digest(), "big")


def _by_number(kept: list[Clip], settings: SplitSettings) -> Split:
    held_out = [
        clip for clip in kept if sentence_number(clip.text or clip.id) % settings.every == 0
    ]
    chosen = {clip.id for clip in held_out}
    step = -(-len(held_out) // settings.most) or 1
    return Split(
        train=tuple(clip for clip in kept if clip.id not in chosen),
        held_out=tuple(held_out[::step]),
    )


def _cheapest(sentences: dict[str, list[Clip]], settings: SplitSettings) -> set[str]:
    def cost(key: str) -> tuple[bool, float, str]:
        seconds = sum(clip.seconds for clip in sentences[key])
        return seconds < _SHORTEST_SECONDS, seconds, _order(key, settings)

    return {min(sentences, key=cost)}


def _by_share(sentences: dict[str, list[Clip]], settings: SplitSettings) -> set[str]:
    """Sentences in the order of their hashes, as long as every speaker's share lasts."""
    has = Counter(clip.speaker for group in sentences.values() for clip in group)
    total = sum(has.values())
    goal = min(settings.most, max(1, round(settings.share * total)))
    # Shares of a clip add up over speakers, so that many small ones give some together.
    due, given = goal / total, Counter[str]()
    order = sorted(sentences, key=lambda key: _order(key, settings))
    chosen: set[str] = set()

    def take(key: str) -> None:
        chosen.add(key)
        given.update(clip.speaker for clip in sentences[key])

    for slack in (0.0, 1.0):
        for key in order:
            wanted = Counter(clip.speaker for clip in sentences[key])
            if key in chosen or given.total() + wanted.total() > goal:
                continue
            if all(
                given[speaker] + count <= due * has[speaker] + slack
                and given[speaker] + count < has[speaker]
                for speaker, count in wanted.items()
            ):
                take(key)
    if not chosen:
        # Every sentence is said too often for the share, or by somebody who says no other.
        take(min(order, key=lambda key: len(sentences[key])))
    return chosen


def _order(key: str, settings: SplitSettings) -> str:
    return hashlib.blake2b(f"{settings.seed} {key}".encode(), digest_size=16).hexdigest()


def overlap(split: Split) -> tuple[str, ...]:
    """Sentences in both parts, of a split that somebody else made; ours has none."""
    return tuple(sorted(_keys(split.train) & _keys(split.held_out)))


def _keys(clips: Iterable[Clip]) -> set[str]:
    return {sentence_key(clip) for clip in clips}
