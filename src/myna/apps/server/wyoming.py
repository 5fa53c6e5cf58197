"""Speech over the Wyoming protocol, as Home Assistant asks for it.

The protocol knows neither passwords nor encryption, so connections are taken from those addresses
only that the settings admit.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from myna.apps.server.starting import cannot_listen
from myna.apps.server.wyoming_session import Limits, Session, refusal
from myna.errors import BusyError

if TYPE_CHECKING:
    from myna.apps.server.metrics import Metrics
    from myna.apps.server.studio import Studio

__all__ = ["Limits", "Server", "serve"]

_log = logging.getLogger(__name__)

_READ_AHEAD = 1 << 16
"""Bytes of a client that are taken before somebody reads them."""


async def serve(
    studio: Studio,
    host: str,
    port: int,
    limits: Limits | None = None,
    metrics: Metrics | None = None,
) -> Server:
    """Listen, and speak with whoever `studio.settings.wyoming_admits`.

    Args:
        studio: says the texts.
        host: address to listen on.
        port: 0 for any that is free.
        limits: None for the defaults.
        metrics: is told of every text.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    server = Server(studio, limits or Limits(), metrics)
    await server.listen(host, port)
    return server


class Server:
    """All connections of one port; made by `serve`."""

    def __init__(self, studio: Studio, limits: Limits, metrics: Metrics | None = None) -> None:
        self._studio, self._limits, self._metrics = studio, limits, metrics
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._server: asyncio.Server | None = None
        self._left: float | None = None
        """When this began to end."""
        self.port = 0
        """On which it listens."""

    async def listen(self, host: str, port: int) -> None:
        """Take connections from now on."""
        shared = self._studio.settings.workers > 1 or None  # None is what Windows has
        try:
            self._server = await asyncio.start_server(
                self._connected, host, port, limit=_READ_AHEAD, reuse_port=shared
            )
        except OSError as error:
            raise cannot_listen("--wyoming-port", host, port, error) from error
        self.port = self._server.sockets[0].getsockname()[1]

    def leave(self) -> None:
        """Take no more connections and texts; what is being said may go on until `close`."""
        if self._left is not None:
            return
        self._left = asyncio.get_running_loop().time()
        if self._server is not None:
            self._server.close()
        for session in self._sessions.values():
            session.leave()

    async def close(self, grace_seconds: float = 0.0) -> None:
        """Take no more connections, and end those there are.

        Args:
            grace_seconds: let what is being said come to its end for so long, counted from `leave`
                if that was called before.
        """
        self.leave()
        assert self._left is not None
        grace_seconds -= asyncio.get_running_loop().time() - self._left
        if self._sessions and grace_seconds > 0:
            await asyncio.wait(self._sessions, timeout=grace_seconds)
        ending = list(self._sessions)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        peer = writer.get_extra_info("peername")
        if self._left is not None:
            writer.transport.abort()
            return
        if not peer or not self._studio.settings.wyoming_admits(peer[0]):
            _log.warning("refused Wyoming to %s", peer[0] if peer else "an unknown address")
            writer.transport.abort()
            return
        if len(self._sessions) >= self._limits.connections:
            writer.write(refusal(BusyError("Too many clients are connected. Try again later.")))
            writer.close()
            return
        session = Session(self._studio, self._limits, reader, writer, self._metrics)
        self._sessions[task] = session
        try:
            with suppress(asyncio.CancelledError):  # by `close`; nobody waits for this task else
                await session.run()
        finally:
            del self._sessions[task]
            writer.transport.abort()  # of no effect if it was closed
