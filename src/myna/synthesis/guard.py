"""Try a sentence again where it did not come out well, within a budget.

Attempt 0 is what is made without a guard. Chance in each attempt belongs to the request, the
sentence and the attempt alone, so the same seed gives the same speech, whatever else is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from myna.datatypes import MOST_RETRIES, Guard
from myna.specs import TOKENS_PER_SECOND

if TYPE_CHECKING:
    from myna.datatypes import Audio
    from myna.engines.base import TokenRequest
    from myna.synthesis.coverage import Coverage

_MOST_SENTENCES = 1 << 20
"""Of one text."""

_LEAST_TOKENS_PER_PHONE = 0.7
"""36 phones per second: nobody speaks that fast."""
_MOST_TOKENS_PER_PHONE = 12
"""Half a second each; and _SPARE_TOKENS for pauses and for one word alone."""
_SPARE_TOKENS = 50


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Take:
    """One attempt at a sentence."""

    audio: Audio
    tokens: int
    phones: int
    ended: bool
    """Whether the model ended the sentence, rather than being stopped."""
    coverage: Coverage | None
    """None if nobody listened, or nobody can tell in this language."""

    @property
    def lasts(self) -> bool:
        """Whether somebody could say so many phones in that time."""
        fewest = _LEAST_TOKENS_PER_PHONE * self.phones
        return fewest <= self.tokens <= _MOST_TOKENS_PER_PHONE * self.phones + _SPARE_TOKENS

    @property
    def failed(self) -> bool:
        """Whether it was not ended, cannot be right, or says something else than the text."""
        heard = self.coverage is None or self.coverage.whole
        return not (self.ended and self.lasts and heard)


class Attempts:
    """The takes of one sentence, as they come.

    Whoever makes them asks for `next` until `done`, so that many sentences can be said in turns.

    Args:
        guard: the caller's wishes.
        least_score: the model's own, where the caller has none.
    """

    def __init__(self, guard: Guard, least_score: float) -> None:
        self._guard = guard
        self._least = least_score if guard.least_score is None else guard.least_score
        self._takes: list[Take] = []

    @property
    def next(self) -> int:
        """Number of the attempt to make now."""
        return len(self._takes)

    @property
    def done(self) -> bool:
        """Whether no further take is wanted."""
        if not self._takes:
            return False
        if not self._guard.check or len(self._takes) > self._guard.retries:
            return True
        last = self._takes[-1]
        unclear = last.coverage is not None and last.coverage.score < self._least
        return not last.failed and not unclear

    def add(self, take: Take) -> None:
        """The next one was made."""
        self._takes.append(take)

    @property
    def retries(self) -> int:
        """Attempts beyond the first."""
        return len(self._takes) - 1

    @property
    def best(self) -> Take:
        """The one to use; of equals, the first."""
        return max(self._takes, key=_merit)


def bounded(request: TokenRequest, phones: int) -> TokenRequest:
    """A request that neither ends before its words can have been said, nor goes round in circles
    until the longest time a caller allows: what lasts so long has failed in any case.

    Args:
        phones: of the sentence.
    """
    sampling = request.sampling
    longest = lasting(phones, sampling.longest_seconds)
    least = int(_LEAST_TOKENS_PER_PHONE * phones)
    return replace(request, sampling=replace(sampling, longest_seconds=longest), least=least)


def lasting(phones: int, longest: float) -> float:
    """Seconds after which a sentence of so many phones is given up that may last `longest`."""
    most = (_MOST_TOKENS_PER_PHONE * phones + _SPARE_TOKENS + 1) / TOKENS_PER_SECOND
    return min(max(most, 0.5), longest)


def part(sentence: int, attempt: int) -> int:
    """What `part` of a request this attempt at this sentence has: its own chance.

    That of attempt 0 is the number of the sentence.
    """
    assert 0 <= sentence < _MOST_SENTENCES
    assert 0 <= attempt <= MOST_RETRIES
    return sentence + attempt * _MOST_SENTENCES


def _merit(take: Take) -> tuple[float, ...]:
    found = take.coverage
    return (
        take.ended and not (found is not None and found.leaked),
        take.lasts,
        found is None or found.whole,
        0.0 if found is None else found.score,
    )
