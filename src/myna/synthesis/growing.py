"""A text that is still being written, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from myna import text
from myna.datatypes import Utterance
from myna.engines.base import Engine
from myna.engines.randomness import draw_seed
from myna.errors import TextError
from myna.synthesis.performance import Script

if TYPE_CHECKING:
    from myna.text import Polyphones

_MOST = 20_000
"""Characters without an end of a sentence after which what there is, is said."""
_AT_ONCE = 500
"""Characters that are read at once, however long a piece is."""


class Growing:
    """Makes scripts of the sentences of a text as they become complete.

    The last one known may still go on, so it waits for the next, or for the end.

    Args:
        utterance: its text does not count.
    """

    def __init__(
        self, engine: Engine, utterance: Utterance, polyphones: Polyphones | None = None
    ) -> None:
        self._engine, self._polyphones = engine, polyphones
        self._utterance = replace(utterance, markup="plain")
        seed = utterance.sampling.seed
        self._seed = draw_seed() if seed is None else seed
        self._said, self._waiting = 0, ""

    def add(self, piece: str) -> Script | None:
        """More of the text, broken anywhere; what is complete now, if anything.

        Raises:
            TextError: as `script.lines`.
        """
        self._waiting += piece
        end = _complete(self._engine, self._utterance, self._waiting)
        if not end:
            return None
        script = self._script(self._waiting[:end])
        self._said, self._waiting = self._said + len(script.lines), self._waiting[end:]
        return script

    def end(self) -> Script | None:
        """What is left when the text is over.

        Raises:
            TextError: in the end there was nothing to say; or as `script.lines`.
        """
        try:
            return self._script(self._waiting)
        except TextError:
            # What is left may be a mark or a smile; a text of nothing else is an error.
            if not self._said:
                raise
            return None

    def _script(self, text: str) -> Script:
        asked = replace(self._utterance, text=text)
        return Script(self._engine, asked, self._polyphones, before=self._said, seed=self._seed)


def scripts(
    engine: Engine,
    utterance: Utterance,
    pieces: Iterable[str],
    polyphones: Polyphones | None = None,
) -> Iterator[Script]:
    """The sentences of a text as they become complete; see `Growing`."""
    growing = Growing(engine, utterance, polyphones)
    for piece in pieces:
        for part in broken(piece):
            script = growing.add(part)
            if script is not None:
                yield script
    last = growing.end()
    if last is not None:
        yield last


def broken(piece: str) -> list[str]:
    """A piece in parts that are read in no time, so that the first sentence need not wait for the
    last."""
    return [piece[start : start + _AT_ONCE] for start in range(0, len(piece), _AT_ONCE)]


def _complete(engine: Engine, utterance: Utterance, waiting: str) -> int:
    """Characters that belong to complete sentences."""
    improved = engine.spec.improved_reading if utterance.improved is None else utterance.improved
    try:
        found = text.sentences(
            waiting,
            language=utterance.language,
            cut=utterance.cut,
            improved=improved,
            syntax=utterance.markup,
        )
    except TextError:
        return len(waiting) if len(waiting) > _MOST else 0
    if len(found) < 2:
        return len(waiting) if len(waiting) > _MOST else 0
    return found[-1].text.span()[0]
