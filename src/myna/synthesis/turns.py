"""Who of those that speak needs the engine most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from myna.synthesis.admission import Need
from myna.synthesis.job import Job
from myna.synthesis.streaming import Telling

_SOON = 1.0
"""Seconds of sound left below which a listener comes before those who have more."""
_WHOLE = 0.5
"""Seconds of sound left below which a listener comes before texts that nobody hears as they are
said."""
_LOST = 1.0
"""Seconds of silence after which a listener comes before those no more."""
_CLAIM = 5.0
"""Seconds of sound by which a text is more urgent for each second of an equal share of the engine
that it did not have."""


@dataclass(slots=True, eq=False)
class Speaker:
    """A job that is being said."""

    job: Job
    telling: Telling
    number: int
    memory: Need
    since: float
    """When it began, or had something to say last."""
    due: float = 0.0
    """Seconds that an equal share of the engine would have been."""
    served: float = 0.0
    """Seconds of the engine's time that it had."""

    @property
    def need(self) -> tuple[int, float, float]:
        """Sorts first who needs it most."""
        left = self.telling.buffer.left
        whole = self.job.guard is not None
        if left is None and not whole:
            return 0, self.number, 0.0
        left = _WHOLE if whole or left is None else left
        if self.job.unheard > 0:  # that is no silence, however long nobody fetches it
            left = max(left, self.job.unheard)
        if whole or left < -_LOST:
            # Listeners who can be kept from running dry come first, but who never had an equal
            # share does not wait for ever. Of two with as much claim, the one for which less was
            # done comes first, so that short texts are soon over.
            claim = max(self.due - self.served, 0.0)
            return 1, round(_WHOLE - _CLAIM * claim, 1), self.served
        return 1 if left < _SOON else 2, left, 0.0


def serve(speakers: Sequence[Speaker], served: Sequence[Speaker], seconds: float) -> None:
    """Write down that some of the speakers had the engine for so long, and the others had not."""
    for speaker in speakers:
        speaker.due += seconds / len(speakers)
    for speaker in served:
        speaker.served += seconds / len(served)
