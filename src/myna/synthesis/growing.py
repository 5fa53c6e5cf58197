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


def scripts(
    engine: Engine,
    utterance: Utterance,
    pieces: Iterable[str],
    polyphones: Polyphones | None = None,
) -> Iterator[Script]:
    """The sentences of a text as they become complete.

    The last one known may still go on, so it waits for the next, or for the end.

    Args:
        utterance: its text does not count.
        pieces: of the text, broken anywhere.

    Raises:
        TextError: in the end there was nothing to say; or as `script.lines`.
    """
    sampling = utterance.sampling
    seed = draw_seed() if sampling.seed is None else sampling.seed
    utterance = replace(utterance, markup="plain")
    said, waiting = 0, ""
    for piece in pieces:
        waiting += piece
        end = _complete(engine, utterance, waiting)
        if not end:
            continue
        asked = replace(utterance, text=waiting[:end])
        script = Script(engine, asked, polyphones, before=said, seed=seed)
        said, waiting = said + len(script.lines), waiting[end:]
        yield script
    try:
        last = replace(utterance, text=waiting)
        yield Script(engine, last, polyphones, before=said, seed=seed)
    except TextError:
        # What is left may be a mark or a smile; a text of nothing else is an error.
        if not said:
            raise


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
