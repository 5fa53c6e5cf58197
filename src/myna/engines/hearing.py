"""Our recogniser on ONNX Runtime: which sounds are in speech, without PyTorch.

It hears what `myna.engines.recogniser` hears with the same weights. What it computes stands in a
graph without weights beside them, made by `python -m myna.export.hearing`.

Letters in shapes: F frames of the filter bank (100 per second), K bands, S frames of sounds (50 per
second), Y sounds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from myna.engines.graphs import Graph
from myna.engines.onnx_sessions import Session
from myna.errors import CheckpointError, ModelNotFoundError
from myna.text.sounds import LANGUAGES, SOUNDS, language_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.engines.base import Floats

GRAPH, MANIFEST = "hear.onnx", "hear.json"
NETWORK = "recogniser"
"""As weights are called after it in the graph."""

_DATA = Path(__file__).parent / "data"
_WEIGHTS = _DATA / "recogniser.safetensors"
GRAPHS = _DATA / "graphs" / "recogniser"
_WINDOW, _CONTEXT = 1200, 160
"""Frames of the filter bank heard at once, and how many of them at each inner end are context."""


class Hearing:
    """Hears sounds of the languages in `languages`.

    Args:
        session: of the graph, with weights.
    """

    languages = LANGUAGES

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    def load(cls, *, threads: int = 1) -> Hearing:
        """Make ready what is in the package.

        Args:
            threads: that a computation may use.

        Raises:
            ModelNotFoundError: weights or graph are not there.
            CheckpointError: they are damaged, or of another version.
            MissingExtraError: ONNX Runtime is not installed.
        """
        for path in (_WEIGHTS, GRAPHS / MANIFEST):
            if not path.is_file():
                raise ModelNotFoundError(f"The recogniser lacks {path}. Install Myna again.")
        try:
            facts = json.loads((GRAPHS / MANIFEST).read_text("utf-8"))
            graph = Graph(
                path=GRAPHS / GRAPH, sha256=str(facts["sha256"]), weights=tuple(facts["weights"])
            )
            with safe_open(_WEIGHTS, "numpy") as file:
                about = json.loads((file.metadata() or {}).get("recogniser", "null"))
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if tuple(about["sounds"]) != SOUNDS or about["spec"] != facts["spec"]:
                raise CheckpointError(
                    f"{_WEIGHTS} and {GRAPHS / GRAPH} are not of one recogniser. Make the graph "
                    f"again with `python -m myna.export.hearing`."
                )
        except (SafetensorError, TypeError, KeyError, ValueError) as error:
            raise CheckpointError(f"The recogniser is damaged ({error}).") from error
        return cls(Session(graph, {NETWORK: weights}.__getitem__, tables={}, threads=threads))

    def hear(self, bands: Floats, languages: Iterable[str] = LANGUAGES) -> Floats:
        """(S, Y) log-probabilities of sounds in (F, K) frames of the filter bank, S = 2 ceil(F/4).

        Those of sounds in other languages are -inf.
        """
        heard = np.concatenate([self._window(bands, *each) for each in windows(len(bands))])
        wanted = {"", *languages}
        known = np.array([language_of(sound) in wanted for sound in SOUNDS])
        found: Floats = np.where(known, heard, np.float32(-np.inf))
        return found

    def _window(self, bands: Floats, start: int, end: int, first: int, last: int) -> NDArray[Any]:
        """Hear frames `start` to `end`, and return the sounds of `first` to `last`."""
        (sounds,) = self._session.run(bands=np.ascontiguousarray(bands[start:end], np.float32))
        return sounds[(first - start) // 2 : -(-(last - start) // 4) * 2]


def windows(frames: int) -> list[tuple[int, int, int, int]]:
    """Cut so many frames of the filter bank: (start, end, first, last) of each piece.

    Frames from `start` to `end` are heard, and the result is kept from `first` to `last`, so that
    the pieces kept follow one another, and each has context on both sides.
    """
    pieces: list[tuple[int, int, int, int]] = []
    first = 0
    while True:
        start = max(0, first - _CONTEXT)
        if start + _WINDOW >= frames:
            return [*pieces, (start, frames, first, frames)]
        last = start + _WINDOW - _CONTEXT
        pieces.append((start, start + _WINDOW, first, last))
        first = last
