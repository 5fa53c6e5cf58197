"""Old routes that change something are for those with a key, and for programs on this machine.

Clients ask them with GET, which any web page can make a browser do with a link or an image. So
without a key nothing that comes from a page, or through a proxy, may ask them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from myna.apps.server.safety import asgi
from myna.apps.server.safety.origins import is_from_a_page
from myna.apps.server.safety.tokens import key_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

CHANGING = frozenset(
    {
        *("/control", "/set_gpt_weights", "/set_sovits_weights", "/set_refer_audio"),
        *("/change_refer", "/set_model"),
    }
)
"""Routes of older servers that change something, by whatever method."""


class Changes:
    """Refuses such requests of others (403), and those by GET if they are switched off (405)."""

    def __init__(self, app: ASGIApp, *, by_get: bool) -> None:
        self._app = app
        self._by_get = by_get

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] != "http" or scope["path"].rstrip("/") not in CHANGING:
            await self._app(scope, receive, send)
        elif scope["method"] != "POST" and not self._by_get:
            words = "GET changes nothing here, as compatibility is switched off. Use POST."
            await asgi.refuse(scope, receive, send, 405, words, [("allow", "POST")])
        elif key_of(scope) is not None or (
            asgi.is_same_machine(scope) and not is_from_a_page(scope)
        ):
            await self._app(scope, receive, send)
        else:
            words = "Only with a token, or from a program on the server's own machine."
            await asgi.refuse(scope, receive, send, 403, words)
