"""What every engine does, and the words in which it is asked. Numpy at the border.

An engine knows ids and numbers, not text, voices or files of sound. A request owns its randomness:
what an engine answers depends on the request alone, never on the others it is computed with.

Letters in shapes: P phones, F text features, T tokens, N samples, C characters, K spectrogram bins,
R reference frames, M filterbank frames, G timbre channels, V speaker channels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from myna.datatypes import Sampling, SemanticTokens
from myna.specs import FamilySpec

if TYPE_CHECKING:
    from myna.engines.drawing import Drawing
    from myna.engines.rendering import Rendering

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TokenRequest:
    """Say these phones."""

    phones: Ids
    """(P,), those of the prompt first."""
    text_features: Floats | None = None
    """(P, F), or None for zeros."""
    sounds: Ids | None = None
    """(P,) what each phone sounds like, as `myna.text.sounds` counts, 0 for none; only for models
    whose tokens are spelled."""
    prompt: Ids = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """(T,) tokens to go on from; empty for none."""
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0
    """Of the request's random numbers; `sampling.seed`, or what was drawn where that is None."""
    part: int = 0
    """Which sentence of the utterance this is, so that each has randomness of its own."""
    least: int = 0
    """Tokens before which speech may not end, where the model decides when it does."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecodeRequest:
    """Make these tokens sound."""

    phones: Ids
    """(P,) of the sentence, without those of the prompt."""
    timbre: Floats
    """(G,)"""
    tokens: Ids = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """(T,) of the sentence; none where they come piece by piece, see `Engine.rendering`."""
    speed: float = 1.0
    noise_scale: float = 0.5
    seed: int = 0
    part: int = 0


class Generation(Protocol):
    """Requests that are being said at the same time; they come and go between tokens."""

    @property
    def room(self) -> int:
        """Requests that may still be added."""
        ...

    @property
    def together(self) -> int:
        """Requests that are advanced in less time together than one after another."""
        ...

    def add(self, request: TokenRequest) -> "Drawing":
        """Read a request, and draw its first token; there is room.

        Raises:
            EngineError: as `Engine.generate`.
        """
        ...

    def advance(self, drawings: Sequence["Drawing"]) -> None:
        """Draw one more token for each of these, which were added and are not done. What fails for
        one of them, its `Drawing` tells.

        Raises:
            EngineError: nothing could be computed.
        """
        ...

    def remove(self, drawing: "Drawing") -> None:
        """Make room, whether it is done or not; once for each that was added."""
        ...


class Ears(Protocol):
    """What cloning, and reading, asks of an engine."""

    spec: FamilySpec
    fingerprint: str
    """Identifies the weights; a voice remembers which weights understood it."""

    def ears(self) -> str:
        """Identifies all weights that cloning uses, those of the encoders on this machine too."""
        ...

    def tokens(self, samples: Floats) -> Ids:
        """Semantic tokens (T,) of speech, samples (N,) at `CONTENT_RATE`.

        Raises:
            EngineError: the family spells its tokens, see `SpellingSpec`.
        """
        ...

    def timbre(
        self, spectrograms: Sequence[Floats], filterbanks: Sequence[Floats] | None
    ) -> Floats:
        """Mean timbre (G,) of one or more references.

        Args:
            spectrograms: (K, R) each.
            filterbanks: (M, 80) each; None for a family without a speaker vector.
        """
        ...

    def speaker(self, filterbank: Floats) -> Floats:
        """Who speaks (V,), as the family's speaker encoder says; V is `decoder.speaker_vector`.

        Args:
            filterbank: (M, 80), see `myna.audio.filterbank`.

        Raises:
            EngineError: the family has no speaker vector.
        """
        ...

    def text_features(self, text: str) -> Floats:
        """(C, F) of a normalised text in one of the family's `text_encoder_languages`."""
        ...


class Engine(Ears, Protocol):
    """Runs the models of one family, for one thread at a time."""

    def get_ready(self) -> None:
        """Begin to load what speaking needs, if it is not there, while the caller does other
        things.

        Raises:
            MynaError: weights are missing or damaged.
        """
        ...

    def generate(self, requests: Sequence[TokenRequest]) -> Iterator[tuple[int, SemanticTokens]]:
        """Say each request; yields (index, tokens) as each one ends, in any order."""
        ...

    def generation(self) -> Generation:
        """Say requests that come one by one."""
        ...

    def decode(self, request: DecodeRequest) -> Floats:
        """Samples (N,) at the family's rate, nominally in [-1, 1]."""
        ...

    def rendering(self, request: DecodeRequest) -> "Rendering":
        """Decode a sentence while it is still being said."""
        ...
