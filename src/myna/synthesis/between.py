"""An engine that is asked between the tokens of those who speak with it: for cloning and converting
meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import TypeVar

import numpy as np

from myna.engines.base import DecodeRequest, Engine, Floats, Ids
from myna.errors import EngineError
from myna.specs import FamilySpec
from myna.synthesis.scheduler import Scheduler

Result = TypeVar("Result")

_AT_ONCE = 25
"""Tokens that are decoded between two turns, where a sentence can be decoded in pieces: a second.
"""


class Between:
    """`Ears`, and the decoder, in the thread of a scheduler, for any other thread, which waits.
    Each call is short: what needs no engine is done by whoever asks.

    Besides what the engine raises, each call may raise
        BusyError: as `Scheduler.ask`.
        EngineError: the scheduler was closed.
    """

    def __init__(self, engine: Engine, scheduler: Scheduler) -> None:
        self._engine, self._scheduler = engine, scheduler
        self.spec: FamilySpec = engine.spec
        self.fingerprint = engine.fingerprint

    def ears(self) -> str:
        return self._engine.ears()

    def tokens(self, samples: Floats) -> Ids:
        return self._ask(partial(self._engine.tokens, samples))

    def timbre(
        self, spectrograms: Sequence[Floats], filterbanks: Sequence[Floats] | None
    ) -> Floats:
        timbres = []
        for index, spectrogram in enumerate(spectrograms):
            bands = None if filterbanks is None else [filterbanks[index]]
            timbres.append(self._ask(partial(self._engine.timbre, [spectrogram], bands)))
        mean: Floats = np.mean(timbres, axis=0)
        return mean

    def speaker(self, filterbank: Floats) -> Floats:
        return self._ask(partial(self._engine.speaker, filterbank))

    def text_features(self, text: str) -> Floats:
        return self._ask(partial(self._engine.text_features, text))

    def decode(self, request: DecodeRequest) -> Floats:
        rendering = self._engine.rendering(request)
        tokens = request.tokens
        # Of other families, pieces would not be what is decoded at once.
        counts = range(_AT_ONCE, len(tokens), _AT_ONCE) if self.spec.steady else ()
        pieces = [self._ask(partial(rendering.add, tokens[:count], last=False)) for count in counts]
        return np.concatenate([*pieces, self._ask(partial(rendering.add, tokens, last=True))])

    def _ask(self, what: Callable[[], Result]) -> Result:
        try:
            return self._scheduler.ask(what).result()
        except CancelledError as error:
            raise EngineError("The model was unloaded meanwhile. Try again.") from error
