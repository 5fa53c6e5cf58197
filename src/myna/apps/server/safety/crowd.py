"""No more requests at a time than the process can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from myna.apps.server.safety import asgi

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Crowd:
    """Refuses what comes when `most` requests and WebSockets are being served (503)."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._serving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if not asgi.is_request(scope) or scope["path"] in asgi.ALWAYS_OPEN:
            await self._app(scope, receive, send)
            return
        if self._serving >= self._most:
            words = "The server is serving as many requests as it can. Try again in a moment."
            await asgi.refuse(scope, receive, send, 503, words, [("retry-after", "1")])
            return
        self._serving += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._serving -= 1
