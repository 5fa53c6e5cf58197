"""Keep one of several recordings with the same content: the one with words, or the first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from myna.dataset.manifest import Clip
from myna.dataset.running import Place, Step


@dataclass(frozen=True, kw_only=True)
class Duplicates(Step):
    """Drops what is the same, sample for sample, as a recording before it."""

    name: ClassVar[str] = "duplicates"
    fault: ClassVar[str] = "duplicate"
    whole: ClassVar[bool] = True

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:  # noqa: ARG002
        """All clips; a dropped one gets a name of its own."""
        first: dict[str, Clip] = {}
        return [self._one(clip, first.setdefault(clip.id, clip)) for clip in clips]

    def _one(self, clip: Clip, first: Clip) -> Clip:
        if clip is first:
            return clip
        digest = hashlib.blake2b(clip.source.encode(), digest_size=4).hexdigest()
        named = replace(clip, id=f"{clip.id}-same-{digest}")
        return named.drop(self.fault, f"It is the same recording as {first.source}.")
