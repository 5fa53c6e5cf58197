"""Whether there is memory for one more text, so that running out of it cannot happen."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from myna.datatypes import Guard, Pacing, Utterance
from myna.errors import EngineError
from myna.specs import TOKENS_PER_SECOND, FamilySpec
from myna.synthesis.guard import lasting
from myna.synthesis.performance import MOST_CONTEXT, Script

SLOWEST = 0.5
"""Of the speeds of a `Delivery`."""
MOST_PHONES = 512
"""Of a sentence of a text that is still being written, for which there has to be memory."""
_FLOAT = 4
"""Bytes of a number in caches and latents."""
_PEAK = 320
"""Numbers per sample that a decoder holds at once; measured: 236 to 258 with v2, 22 to 50 with
`tiny`."""
_MARGINS = 3.0
"""Seconds around a piece that are decoded with it, at most."""


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a text may come to need."""

    kept: int
    """As long as it is being said."""
    decoding: int
    """While a piece of it is made: one at a time, whoever speaks."""


class Budget:
    """Bytes for texts that are being said, of all schedulers together; safe in many threads.

    Args:
        most: besides what models need.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._taken: WeakKeyDictionary[object, int] = WeakKeyDictionary()

    def claim(self, owner: object, needs: Sequence[Need]) -> bool:
        """What one scheduler needs from now on, if there is room beside the others.

        Fewer needs than before always find room.

        Returns:
            Whether there is; without, what it had before holds.

        Raises:
            EngineError: the last of them does not fit even alone.
        """
        if needs and (alone := needs[-1].kept + needs[-1].decoding) > self.most:
            raise EngineError(
                f"A sentence of this text may need {alone >> 20} MiB, and there are "
                f"{self.most >> 20}. Cut it into shorter sentences, or lower longest_seconds."
            )
        wanted = _together(needs)
        with self._lock:
            before = self._taken.get(owner, 0)
            if wanted > before and sum(self._taken.values()) - before + wanted > self.most:
                return False
            self._taken[owner] = wanted
            return True


def need_of(script: Script, pacing: Pacing, guard: Guard | None, spec: FamilySpec) -> Need:
    """What the longest sentence of a script may come to need."""
    seconds = script.longest_seconds
    context = 2 * MOST_CONTEXT if script.context else 0
    kept = decoding = 0
    for line in script.lines:
        phones = len(line.phones)
        longest = lasting(phones, seconds) if guard is not None and guard.again else seconds
        tokens = min(round(longest * TOKENS_PER_SECOND), spec.token_model.most_tokens)
        positions = script.prompted + phones + context + tokens
        need = _bytes(positions, tokens, pacing, spec)
        takes = 0 if guard is None else 1 + guard.retries
        sound = round(tokens / TOKENS_PER_SECOND / SLOWEST * script.rate) * _FLOAT
        kept, decoding = max(kept, need.kept + takes * sound), max(decoding, need.decoding)
    return Need(kept, decoding)


def need_of_growing(utterance: Utterance, pacing: Pacing, spec: FamilySpec) -> Need:
    """What the longest sentence of a text may need that is still to be written."""
    prompt, sampling = utterance.voice.prompt, utterance.sampling
    read = 0 if prompt is None else len(prompt.phones) + len(prompt.tokens)
    read += 2 * MOST_CONTEXT if sampling.context else 0
    tokens = round(sampling.longest_seconds * TOKENS_PER_SECOND)
    tokens = min(tokens, spec.token_model.most_tokens)
    return _bytes(read + MOST_PHONES + tokens, tokens, pacing, spec)


def _bytes(positions: int, tokens: int, pacing: Pacing, spec: FamilySpec) -> Need:
    """What a sentence of so many positions may need, of which `tokens` are said."""
    model, seconds = spec.token_model, tokens / TOKENS_PER_SECOND
    if not pacing.sentences:
        seconds = min(seconds, pacing.longest + _MARGINS)
    kept = positions * model.layers * 2 * model.width * _FLOAT
    return Need(kept, round(seconds * spec.rate) * _PEAK * _FLOAT)


def _together(needs: Sequence[Need]) -> int:
    return sum(need.kept for need in needs) + max((need.decoding for need in needs), default=0)
