"""Features of clips on disk, one file each, and a set of them that training reads at random.

Letters in shapes: P phones, F text features, T tokens, N samples, V speaker channels.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myna.datatypes import in_range
from myna.errors import ConfigError, DatasetError
from myna.files import replacing
from myna.specs import TOKENS_PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.dataset.manifest import Clip

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLimits:
    """Clips outside are dropped. The values are those the published models were trained with."""

    shortest_seconds: float = 0.6
    longest_seconds: float = 54.0
    most_tokens: int = 1350
    most_phones: int = 540
    slowest: float = 3.0
    """Phones per second."""
    fastest: float = 25.0

    def __post_init__(self) -> None:
        in_range("longest_seconds", self.longest_seconds, 0.1, 600.0)
        in_range("most_tokens", self.most_tokens, 1, 100_000)
        in_range("most_phones", self.most_phones, 1, 100_000)
        in_range("fastest", self.fastest, 0.1, 1000.0)
        for low, high in (("shortest_seconds", "longest_seconds"), ("slowest", "fastest")):
            least, most = getattr(self, low), getattr(self, high)
            if not 0 <= least < most:
                raise ConfigError(f"{low} is {least}; it goes from 0 to {high}, which is {most}.")

    def refuse_length(self, seconds: float) -> tuple[str, str] | None:
        """A word and a sentence on why a clip of this length is dropped, or None."""
        low, high = self.shortest_seconds, self.longest_seconds
        if low < seconds < high:
            return None
        word = "too short" if seconds <= low else "too long"
        return word, f"It lasts {seconds:.2f} s; training takes {low:g} to {high:g} s."

    def refuse(self, row: FeatureRow, rate: int) -> tuple[str, str] | None:
        """The same for a clip with its features, whose samples have this rate."""
        if reason := self.refuse_length(row.samples / rate):
            return reason
        if row.tokens > self.most_tokens:
            return "too long", f"It has {row.tokens} tokens; the most is {self.most_tokens}."
        if row.phones > self.most_phones:
            return "too long", f"It has {row.phones} phones; the most is {self.most_phones}."
        spoken = row.phones * TOKENS_PER_SECOND / max(row.tokens, 1)
        if self.slowest <= spoken <= self.fastest:
            return None
        return "speaking rate", (
            f"Its words would be spoken at {spoken:.1f} phones per second; "
            f"{self.slowest:g} to {self.fastest:g} are speech. Is this what is said?"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRow:
    """The features of one clip on disk, and how long they are."""

    clip: Clip
    path: Path
    phones: int
    tokens: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """Clips with their features, in random access; fulfils `Examples` of `myna.training.task`.

    An example has
        key: str, the clip's id
        text, language, voice: str, as in the clip (`voice` is who is said to speak)
        seconds: float
        rate: int, of the samples
        phones: (P,) int64, ids in the family's table
        tokens: (T,) int64, semantic tokens
        samples: (N,) int16, the stored waveform at the family's rate
        text_features: (P, F) float32, only where the language has a text encoder
        speaker: (V,) float32, only where the family has a speaker vector
        pitch: (F,) float32 in Hz, 0 without a voice, only where a generator filters a source
        places: (T,) float32, the phone that each token belongs to, where it was asked for and known
        band: (1,) float32 in Hz, only where the decoder is told up to where there is sound

    Arrays are read from disk when an example is asked for, and are nobody else's.
    """

    rows: tuple[FeatureRow, ...]
    rate: int
    """Of the samples, in Hz."""
    dropped: tuple[Clip, ...] = ()
    """Clips that have no features, with the reason."""
    speaker_aware: bool = False
    """Whether the text features of every phone are the speaker vector."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        row = self.rows[index]
        arrays = load(row.path)
        if self.speaker_aware:
            speaker = arrays["speaker"][None]
            arrays["text_features"] = np.repeat(speaker, len(arrays["phones"]), axis=0)
        return {
            "key": row.clip.id,
            "text": row.clip.text,
            "language": row.clip.language,
            "voice": row.clip.speaker,
            "seconds": row.samples / self.rate,
            "rate": self.rate,
            **arrays,
        }

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return (self[index] for index in range(len(self)))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each example."""
        return tuple(row.tokens for row in self.rows)

    @property
    def seconds(self) -> float:
        """Of all examples together."""
        return sum(row.samples for row in self.rows) / self.rate

    def take(self, indices: Sequence[int]) -> FeatureSet:
        """Some of the examples, in the order given; nothing is read."""
        return replace(self, rows=tuple(self.rows[index] for index in indices))


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays of one clip, whole or not at all; text features in half precision."""
    from safetensors.numpy import save_file

    stored = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    if "text_features" in stored:
        stored["text_features"] = stored["text_features"].astype(np.float16)
    with replacing(path) as temporary:
        save_file(stored, str(temporary))


def load(path: Path, names: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    """Read what `save` wrote.

    Args:
        names: of the arrays to read; all by default.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in names or file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if "text_features" in arrays:
        arrays["text_features"] = arrays["text_features"].astype(np.float32)
    return arrays


def is_whole(path: Path) -> bool:
    """Whether the file is there; files appear whole, and a damaged one is made again."""
    if not path.is_file():
        return False
    try:
        _shapes(path)
    except DatasetError:
        log.warning("%s is damaged; its features are computed again.", path)
        return False
    return True


def row_of(clip: Clip, path: Path) -> FeatureRow:
    """A clip with the features in a file.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    shapes = _shapes(path)
    return FeatureRow(clip=clip, path=path, **shapes)


def _shapes(path: Path) -> dict[str, int]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as tensors:
            return {
                name: int(tensors.get_slice(name).get_shape()[0])
                for name in ("phones", "tokens", "samples")
            }
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"The features {path} cannot be read ({error}). Delete the file; they are computed again."
    )
