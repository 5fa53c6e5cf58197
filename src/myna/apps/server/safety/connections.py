"""Nobody holds a connection without using it: slow heads, stalled readers and hoards are cut off.

ASGI sees a request once its head has come, and an answer only until it is handed over. What happens
before and after is seen by the protocol alone, so this extends uvicorn's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from myna.apps.server.settings import ServerSettings, is_loopback

if TYPE_CHECKING:
    import h11

MOST_HEAD = 64 * 1024
"""Bytes of a request's head: old clients put whole texts into the address."""

LEAVING = "leaving"
"""In the state of an application: what to call when the server is told to stop."""
_NO_LINGERING = struct.pack("ii", 1, 0)


def uvicorn_options(settings: ServerSettings) -> dict[str, Any]:
    """What `uvicorn.Config` is told of these settings, besides the application and the log."""
    return {
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "http": Connections(settings),
        "loop": "asyncio",
        "h11_max_incomplete_event_size": MOST_HEAD,
        "timeout_keep_alive": max(1, round(settings.head_seconds)),
        "ws": "websockets-sansio",
        "ws_max_size": settings.most_body_bytes,
        "ws_max_queue": 16,
        # Sixteen bytes of a deflated message may become megabytes.
        "ws_per_message_deflate": False,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(settings.proxy_list),
        "forwarded_allow_ips": list(settings.proxy_list),
    }


class Connections:
    """Makes uvicorn's protocols; can be sent to another process, and counts anew there."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings, self._protocol = settings, protocol(settings)

    def __call__(self, **given: Any) -> asyncio.Protocol:
        return self._protocol(**given)

    def __reduce__(self) -> tuple[type[Connections], tuple[ServerSettings]]:
        return Connections, (self._settings,)


def protocol(settings: ServerSettings) -> type[asyncio.Protocol]:
    """uvicorn's protocol with limits; those of connections count for all that it makes."""
    counts: Counter[str] = Counter()

    class Guarded(_Guarded):
        limits = settings
        counted = counts

    return Guarded


class _Guarded(H11Protocol):
    limits: ServerSettings
    counted: Counter[str]

    _alarm: asyncio.TimerHandle | None = None
    """Goes off when the head of a request has not come in time."""
    _stalled: asyncio.TimerHandle | None = None
    """Goes off when nobody has fetched what was sent."""
    _address: str | None = None
    """Under which this connection is counted, as long as it is."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = str(self.client[0]) if self.client else ""
        others = not is_loopback(address) and self.counted[address] >= self.limits.most_per_address
        if others or self.counted.total() >= self.limits.most_connections:
            transport.abort()
            return
        self.counted[address] += 1
        self._address = address
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_serving():
            self._calm()
        elif self._alarm is None:
            # uvicorn's own timer for idle connections ended with the first byte.
            self._expect_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_serving():
            self._calm()

    def shutdown(self) -> None:
        # The application itself is told when all connections have ended.
        tell = self.app_state.get(LEAVING)
        if tell is not None:
            tell()
        super().shutdown()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._let_go()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.limits.idle_seconds, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _is_serving(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        if not self.transport.is_closing():
            self._alarm = self.loop.call_later(self.limits.head_seconds, self._abort)

    def _calm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _let_go(self) -> None:
        """This connection ends, or is a WebSocket from here on, which pings."""
        self._calm()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self._address is not None:
            self.counted[self._address] -= 1
            if not self.counted[self._address]:
                del self.counted[self._address]
            self._address = None

    def _abort(self) -> None:
        """End it at once, and have the system forget too what was not fetched."""
        end = self.transport.get_extra_info("socket")
        if end is not None:
            with contextlib.suppress(OSError):  # it ended this moment
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        self.transport.abort()
