"""Every request bears a token, if there are keys.

Looked for in `Authorization: Bearer TOKEN`, in `X-Api-Key`, as the password of `Authorization:
Basic`, which is what clients send that know nothing of tokens but take an address
`http://any:TOKEN@host`, and for WebSockets, to which a page can add no header, in `?token=`. That
one is taken out of the query, so that nobody after this writes it down.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from myna.apps.server.asking import asked_by
from myna.apps.server.safety import asgi

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from myna.apps.server.safety.keys import Key, Keyring

_MOST_QUERY = 64 * 1024


def key_of(scope: Scope) -> Key | None:
    """The key that this request showed, once `Identify` has seen it."""
    found: Key | None = asgi.state(scope).get("key")  # type: ignore[assignment]
    return found


class Identify:
    """Finds the key of a request, and refuses nobody: limits come before refusals."""

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, with `key` in the request's state, and its name as who asks."""
        if not asgi.is_request(scope):
            await self._app(scope, receive, send)
            return
        key = None
        if self._keyring:
            token = presented(scope)
            key = self._keyring.find(token) if token else None
        asgi.state(scope)["key"] = key
        with asked_by(key.name if key else ""):
            await self._app(scope, receive, send)


class Authorise:
    """Refuses requests without a key (401), but for routes that are always open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        known = not asgi.is_request(scope) or key_of(scope) is not None
        if known or scope["path"] in asgi.ALWAYS_OPEN:
            await self._app(scope, receive, send)
            return
        words = "A token is needed: Authorization: Bearer TOKEN."
        await asgi.refuse(scope, receive, send, 401, words, [("www-authenticate", "Bearer")])


def presented(scope: Scope) -> str | None:
    """The token that a request shows, if any; it is removed from a WebSocket's query."""
    shown = None
    if scope["type"] == "websocket":
        shown = _from_query(scope)
    scheme, _, value = (asgi.header(scope, b"authorization") or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return value
    if scheme.lower() == "basic" and value:
        return _password(value)
    return asgi.header(scope, b"x-api-key") or shown


def _password(value: str) -> str | None:
    try:
        name, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return password or name or None


def _from_query(scope: Scope) -> str | None:
    query: bytes = scope.get("query_string", b"")
    if b"token" not in query or len(query) > _MOST_QUERY:
        return None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    tokens = [value for name, value in pairs if name == "token"]
    rest = [(name, value) for name, value in pairs if name != "token"]
    scope["query_string"] = urlencode(rest, encoding="latin-1").encode("ascii")
    return tokens[0] if len(tokens) == 1 else None
