"""A request's body is neither larger nor slower than agreed, whatever its head says."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from myna.apps.server.safety import asgi

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SLOWEST = 8 * 1024
"""Bytes per second that a body may come by, besides the seconds that it may stall in all."""

_DIGITS = re.compile(r"[0-9]{1,18}")


class Bodies:
    """Refuses what is too large (413), too slow (408), or of two lengths (400).

    A request that turns out so while it is read is answered in the application's place, however
    that takes the end of its input.

    Args:
        app: what is asked.
        most: bytes.
        patience: seconds that a body may stall, all its pauses together.
    """

    def __init__(self, app: ASGIApp, most: int, patience: float) -> None:
        self._app = app
        self._most = most
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = asgi.header(scope, b"content-length")
        if length is not None and not _DIGITS.fullmatch(length):
            await asgi.refuse(scope, receive, send, 400, "Content-Length is no number.")
        elif length is not None and int(length) > self._most:
            await asgi.refuse(scope, receive, send, 413, self._too_large())
        else:
            await self._watched(scope, receive, send)

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, send, self._most, self._patience)
        try:
            await self._app(scope, body.receive, body.send)
        except Exception:
            if not body.refused or body.answered:
                raise
        if body.refused and not body.answered:
            words = (
                self._too_large() if body.refused == 413 else "The request took too long to arrive."
            )
            more = body.refused == 413 and not body.whole
            await asgi.refuse(scope, receive, send, body.refused, words, drain=more)

    def _too_large(self) -> str:
        return f"The request is larger than {self._most / (1 << 20):g} MB."


class _Body:
    """Reads for the application, and counts."""

    def __init__(self, receive: Receive, send: Send, most: int, patience: float) -> None:
        self._receive = receive
        self._send = send
        self._most = most
        self._patience = patience
        self._count = 0
        self._waited = 0.0
        self.whole = False
        """Whether all of it has come."""
        self.refused = 0
        """Status to answer with; 0 if all is well."""
        self.answered = False
        """Whether the application's answer is on its way already."""

    async def receive(self) -> Message:
        """The next message; the client is gone, as it seems, once it is too much."""
        if self.refused:
            return {"type": "http.disconnect"}
        if self.whole:
            return await self._receive()
        left = self._patience + self._count / SLOWEST - self._waited
        clock = asyncio.get_running_loop().time
        start = clock()
        try:
            async with asyncio.timeout(left):
                message = await self._receive()
        except TimeoutError:
            self.refused = 408
            return {"type": "http.disconnect"}
        self._waited += clock() - start
        if message["type"] == "http.request":
            self._count += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self._count > self._most:
                self.refused = 413
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Send the application's answer, unless it is about a body that was not read."""
        if self.refused and not self.answered:
            return
        self.answered = True
        await self._send(message)
