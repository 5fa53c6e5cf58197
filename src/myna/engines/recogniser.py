"""Our own recogniser: which sounds are in a recording, where, and whether they are those of a text.

It knows sounds, not words: text becomes sounds by `myna.text.read` and `myna.text.sounds.heard_in`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from myna.audio import alignment
from myna.audio.filterbank import fbank
from myna.audio.resample import HIGH_QUALITY, resample
from myna.engines.hearing import windows
from myna.errors import AudioError, CheckpointError, ConfigError, ModelNotFoundError, TextError
from myna.files import replacing, sha256
from myna.nets.conformer import Conformer
from myna.specs import CONTENT_RATE, ConformerSpec
from myna.text.sounds import LANGUAGES, SOUNDS, ids, language_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio

    Floats = NDArray[np.float32]

BANDS_PER_SECOND = 100
"""Frames of the filter bank."""

SOUNDS_PER_SECOND = 50
"""Frames in which sounds are named."""

LEAST_LIKENESS = 0.35
"""What a text that `matches` has, if it is long enough, or else `alignment.LEAST_SCORE`.

Set on held-out clips of known speakers and checked on strangers, each clip with its own text and
with another's of about the same length. Own texts refused, other texts accepted: 0 of 100 and 0 of
100 English sentences, 3 and 0 of 100 Mandarin words; strangers: 0 and 0 of 95 English sentences,
41 and 0 of 100 Mandarin ones, whose sounds these weights know from few people.
"""
MOST_DOUBT = 15.0
"""Of a text that is `exact`. Of 98 held-out English texts it finds four sounds exchanged in 98 %,
four too many in all, and four left out in 73 %, and it refuses 3 % of the right ones; of strangers
it refuses half, so with these it is a reason to look, not to drop.
"""
_LONG = 10
"""Sounds that a text has at least whose `likeness` can be relied on."""

_STRETCH = 20
"""Frames of sounds that `Alignment.worst` looks at together: 0.4 s, a word or two."""

PACKAGED = Path(__file__).parent / "data" / "recogniser.safetensors"


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound that was heard."""

    symbol: str
    start: float
    """In seconds; `end` too."""
    end: float
    confidence: float
    """Probability that the recogniser gives the sound, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """A sound of a text, in its place."""

    symbol: str
    start: float
    """In seconds; `end` too."""
    end: float
    score: float
    """Log-probability of the sound in its place, at most 0."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """A text laid on a recording."""

    sounds: tuple[Aligned, ...]
    cost: float
    """Negative log-probability of the likeliest way to say the text."""
    free_cost: float
    """The same of the likeliest way to say anything; never above `cost`."""
    scrambled_cost: float
    """The mean of those of the text's sounds in other orders; `cost` if these do not fit in."""
    worst: float
    """Largest part of the difference between the two that lies within 0.4 s; 0 is best."""
    worst_at: float
    """Where that is: its middle, in seconds."""

    @property
    def score(self) -> float:
        """How much less likely the text is than what is heard, per sound: 0 is a perfect match."""
        return (self.free_cost - self.cost) / len(self.sounds)

    @property
    def likeness(self) -> float:
        """1 if the text is what is heard, about 0 if its sounds in any order would do as well.

        Unlike `score`, it does not ask that the recogniser understands this speaker well.
        """
        return (self.scrambled_cost - self.cost) / max(self.scrambled_cost - self.free_cost, 1e-6)

    @property
    def matches(self) -> bool:
        """Whether the text is that of the recording, rather than of another one."""
        long = len(self.sounds) >= _LONG
        return self.score >= alignment.LEAST_SCORE or (long and self.likeness >= LEAST_LIKENESS)

    @property
    def exact(self) -> bool:
        """Whether it matches, and no word or two in it seem to be other ones, at `worst_at`."""
        return self.matches and self.worst <= MOST_DOUBT


class Recogniser:
    """Hears sounds of the languages in `languages`.

    Args:
        net: with weights, in eval mode.
        fingerprint: identifies the weights.
    """

    languages = LANGUAGES

    def __init__(self, net: Conformer, fingerprint: str = "") -> None:
        self._net = net
        self.fingerprint = fingerprint

    @classmethod
    def load(cls, path: str | Path | None = None) -> Recogniser:
        """Read weights that `pack` wrote; those in the package by default.

        Raises:
            ModelNotFoundError: there is no such file.
            CheckpointError: it is damaged, or holds another model or other sounds.
        """
        path = PACKAGED if path is None else Path(path)
        if not path.is_file():
            raise ModelNotFoundError(f"There are no weights of a recogniser at {path}.")
        try:
            with safe_open(path, "pt") as file:
                facts = (file.metadata() or {}).get("recogniser", "null")
                weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            found = json.loads(facts)
            if tuple(found["sounds"]) != SOUNDS:
                raise CheckpointError(
                    f"{path} knows other sounds than this version of Myna. Use weights that were "
                    f"trained with this version, or those in the package."
                )
            net = Conformer(ConformerSpec(**found["spec"]))
            net.load_state_dict(weights)
        except (SafetensorError, TypeError, KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path} holds no recogniser ({error}).") from error
        return cls(net.eval().requires_grad_(requires_grad=False), sha256(path)[:16])

    def phones(self, audio: Audio, language: str = "auto") -> list[Heard]:
        """The sounds in a recording, in order.

        Args:
            audio: of any rate and length.
            language: hear only sounds of this one; `auto` hears all.

        Raises:
            ConfigError: a language that the recogniser does not know.
            AudioError: the recording is shorter than 25 ms.
        """
        if language not in ("auto", *self.languages):
            raise ConfigError(
                f"language is {language!r}; the recogniser hears {', '.join(self.languages)}, "
                f"or auto for any of these."
            )
        languages = set(self.languages) if language == "auto" else {language}
        bands = _bands(audio)
        placed = alignment.free(self._hear(bands, languages)).placed
        return [
            Heard(SOUNDS[each.sound], start, end, float(np.exp(each.log_probability)))
            for each, (start, end) in zip(placed, _seconds(placed, bands, audio), strict=True)
        ]

    def align(self, audio: Audio, phones: Sequence[str]) -> Alignment:
        """Lay the sounds of a text on a recording of it.

        What is compared is the text with anything else in its languages.

        Args:
            audio: of any rate and length.
            phones: sounds, from `myna.text.sounds`.

        Raises:
            TextError: there are no phones, or one that is no sound of the inventory.
            AudioError: the recording is too short for so many sounds.
        """
        if not phones:
            raise TextError("There is nothing to align: the text has no sounds.")
        sounds, bands = ids(phones), _bands(audio)
        probabilities = self._hear(bands, {language_of(symbol) for symbol in phones})
        path = alignment.forced(probabilities, sounds)
        places = zip(phones, path.placed, _seconds(path.placed, bands, audio), strict=True)
        aligned = tuple(
            Aligned(symbol, start, end, each.log_probability)
            for symbol, each, (start, end) in places
        )
        worst, place = _worst(alignment.doubts(probabilities, path))
        free_cost = alignment.free(probabilities).cost
        others = _scrambled_cost(probabilities, sounds, path.cost)
        return Alignment(aligned, path.cost, free_cost, others, worst, place)

    def lay(self, bands: Floats, phones: Sequence[str]) -> tuple[list[tuple[int, int]], float]:
        """Where the sounds of a text are in (F, K) frames of the filter bank, and how well it fits.

        Returns:
            First frame of each sound, and one past its last; and the score as `Alignment` has it.

        Raises:
            TextError: a phone is no sound of the inventory.
            AudioError: the recording is too short for so many sounds.
        """
        probabilities = self._hear(bands, {language_of(symbol) for symbol in phones})
        return alignment.laid(probabilities, bands, ids(phones))

    def _hear(self, bands: Floats, languages: set[str]) -> Floats:
        """(S, Y) log-probabilities; those of sounds in other languages are -inf."""
        whole = torch.from_numpy(bands)
        with torch.inference_mode():
            heard = torch.cat([self._window(whole, *each) for each in windows(len(whole))])
        known = [not sound or language_of(sound) in languages for sound in SOUNDS]
        found: Floats = np.where(known, heard.numpy(), -np.inf).astype(np.float32)
        return found

    def _window(self, bands: Tensor, start: int, end: int, first: int, last: int) -> Tensor:
        """Hear frames `start` to `end`, and return the sounds of `first` to `last`."""
        part = bands[None, start:end]
        sounds: Tensor = self._net(part, torch.tensor([end - start])).sounds[0]
        return sounds[(first - start) // 2 : -(-(last - start) // 4) * 2]


def pack(weights: Mapping[str, Tensor], spec: ConformerSpec, path: str | Path) -> None:
    """Write what `Recogniser.load` reads, in half precision; whole or not at all.

    Args:
        weights: of a `Conformer` of this spec.
        spec: its sounds are those of `myna.text.sounds`.
        path: ends in `.safetensors`.
    """
    facts = json.dumps({"spec": asdict(spec), "sounds": SOUNDS}, ensure_ascii=False)
    halves = {name: tensor.detach().cpu().half().contiguous() for name, tensor in weights.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(save(halves, metadata={"recogniser": facts}))


def _scrambled_cost(probabilities: Floats, sounds: Sequence[int], cost: float) -> float:
    costs = []
    for other in alignment.scrambled(sounds):
        with suppress(AudioError):  # in another order equal sounds may meet, and not fit in
            costs.append(alignment.forced(probabilities, other).cost)
    return float(np.mean(costs)) if costs else cost


def _worst(doubts: NDArray[np.float64]) -> tuple[float, float]:
    """Largest sum within a stretch, and the middle of that in seconds."""
    stretch = min(_STRETCH, len(doubts))
    sums = np.convolve(doubts, np.ones(stretch), "valid")
    place = int(sums.argmax())
    return float(sums[place]), (place + stretch / 2) / SOUNDS_PER_SECOND


def _bands(audio: Audio) -> Floats:
    if audio.rate != CONTENT_RATE:
        audio = resample(audio, CONTENT_RATE, HIGH_QUALITY)
    return fbank(audio)


def _seconds(
    placed: Sequence[alignment.Placed], bands: Floats, audio: Audio
) -> list[tuple[float, float]]:
    return [
        (start / BANDS_PER_SECOND, min(end / BANDS_PER_SECOND, audio.seconds))
        for start, end in alignment.extents(placed, bands)
    ]
