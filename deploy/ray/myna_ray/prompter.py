"""Texts that are still being written, kept until they are said: whoever takes over reads anew."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Page:
    pieces: list[str] = field(default_factory=list)
    over: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Prompter:
    """Holds texts between those who write and those who say them; an actor of Ray."""

    def __init__(self) -> None:
        self._pages: defaultdict[str, _Page] = defaultdict(_Page)

    async def write(self, page: str, at: int, pieces: list[str], over: bool) -> None:
        """More of a text.

        Args:
            at: pieces that were written before; what comes twice counts once.
            over: no more will come.
        """
        found = self._pages[page]
        found.pieces[at:] = pieces
        found.over = over
        found.changed.set()

    async def read(self, page: str, after: int) -> tuple[list[str], bool]:
        """The pieces behind the first so many, once there are some; and whether they are all."""
        found = self._pages[page]
        while len(found.pieces) <= after and not found.over:
            found.changed.clear()
            await found.changed.wait()
        return found.pieces[after:], found.over

    async def forget(self, page: str) -> None:
        """Nobody will say it any more."""
        if found := self._pages.pop(page, None):
            found.over = True
            found.changed.set()
