"""A WebSocket with patience that ends: for clients that say nothing, and for those that do not
listen."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from myna.apps.server.dialects.routes import failure, printable
from myna.errors import ConfigError, MynaError

if TYPE_CHECKING:
    from myna.apps.server.settings import ServerSettings

log = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
"""For which a client may say nothing, while nothing is said to it."""

INVALID, IDLE, BROKEN, LATER = 1008, 4408, 1011, 1013
"""Codes of closing: something in what was sent, nobody there, our mistake, come again."""


class Idle(Exception):  # noqa: N818 - it is no mistake
    """Nobody says anything."""


class Socket:
    """One connection, on which several tasks may send.

    Args:
        settings: how large a message is, and how long a client may stall.
    """

    def __init__(self, socket: WebSocket, settings: ServerSettings) -> None:
        self._socket, self._settings = socket, settings
        self._sending = asyncio.Lock()

    async def accept(self) -> None:
        """Answer the handshake."""
        await self._socket.accept()

    async def receive(self, *, patient: Callable[[], bool] = lambda: False) -> str | None:
        """The next message; None when the client has left.

        Args:
            patient: asked when the client was silent for long: whether to wait on.

        Raises:
            Idle: it was, and nothing was said to it either.
            ConfigError: the message is not text, or too large.
        """
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await self._socket.receive()
                break
            except TimeoutError:
                if not patient():
                    raise Idle from None
        if message["type"] == "websocket.disconnect":
            return None
        data = message.get("text")
        if not isinstance(data, str):
            raise ConfigError("Messages are JSON in text frames.")
        if len(data) > self._settings.most_body_bytes:
            raise ConfigError(f"A message has at most {self._settings.most_body} MB.")
        return printable(data)

    async def tell(self, event: dict[str, Any]) -> None:
        """Send JSON; raises as `send`."""
        await self._send(json.dumps(event, ensure_ascii=False))

    async def send(self, data: bytes) -> None:
        """Send a binary frame.

        Raises:
            WebSocketDisconnect: the client has left, or does not listen.
        """
        await self._send(data)

    async def refuse(self, error: Exception) -> None:
        """Tell what went wrong, and close."""
        if isinstance(error, Idle):
            words, kind, code = "Nothing was sent for too long.", "IdleError", IDLE
        elif isinstance(error, MynaError):
            found = failure(error)
            words, kind = found.message, found.kind
            code = LATER if found.status in (429, 503) else INVALID
            code = BROKEN if found.status == 500 else code
        else:
            log.error("a connection failed", exc_info=error)
            words, kind = "It failed; the server's log says more.", "InternalError"
            code = BROKEN
        with suppress(WebSocketDisconnect, RuntimeError):  # it is closed already
            await self.tell({"type": "error", "error": {"type": kind, "message": words}})
            await self.close(code)

    async def close(self, code: int = 1000) -> None:
        """End it."""
        if self._socket.application_state is WebSocketState.CONNECTED:
            await self._socket.close(code)

    async def _send(self, data: str | bytes) -> None:
        try:
            async with asyncio.timeout(self._settings.idle_seconds), self._sending:
                if isinstance(data, str):
                    await self._socket.send_text(data)
                else:
                    await self._socket.send_bytes(data)
        except TimeoutError as error:
            raise WebSocketDisconnect(IDLE) from error


def first_of(errors: BaseExceptionGroup[Exception]) -> Exception:
    """The first error of a group."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error
