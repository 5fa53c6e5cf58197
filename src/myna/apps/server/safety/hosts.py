"""Only requests that call the server by a name of its own, so that no foreign name leads to it.

A page at a name that its owner points to 127.0.0.1 after it was loaded (DNS rebinding) is of one
origin with this server as far as a browser knows; but its requests bear that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from myna.apps.server.safety import asgi

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(r"(?P<name>[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def host_name(value: str) -> str | None:
    """The name in a Host header: lower case, without port, brackets and the dot at the end."""
    found = _HOST.fullmatch(value)
    return found["name"].lower().strip("[]").rstrip(".") if found else None


class Hosts:
    """Refuses other names than `names` (421); with None, only what is no name at all (400).

    Where every request needs a token, a foreign name gains nothing: a browser does not hold it.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if not asgi.is_request(scope):
            await self._app(scope, receive, send)
            return
        name = host_name(asgi.header(scope, b"host") or "")
        if name is None:
            await asgi.refuse(scope, receive, send, 400, "The Host header is missing or damaged.")
        elif self._names is None or name in self._names or scope["path"] in asgi.ALWAYS_OPEN:
            await self._app(scope, receive, send)
        else:
            words = (
                "This server does not answer to that name. Call it by its address, or have the "
                "name added to its setting `hosts`."
            )
            await asgi.refuse(scope, receive, send, 421, words)
