"""Which web pages may ask: those of this server, and those of listed origins; no others.

A browser lets any page send requests to any address, this machine included: with an `Origin`, or,
as for an image, without one but with `Sec-Fetch-Site`, which pages cannot change. Programs that are
no browsers send neither, and pass.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from myna.apps.server.safety import asgi

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_SHOWN = "X-Request-Id, X-Seed, X-Sample-Rate, Retry-After, Content-Disposition"
_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]{1,64}(?:\s*,\s*[A-Za-z0-9-]{1,64}){0,31}")
_OWN_SITES = ("same-origin", "none")


def is_from_a_page(scope: Scope) -> bool:
    """Whether a browser sent it on behalf of a page, of whichever origin."""
    site = asgi.header(scope, b"sec-fetch-site")
    return asgi.header(scope, b"origin") is not None or site not in (None, "none")


class Origins:
    """Refuses requests of strange pages (403), and answers what browsers ask beforehand."""

    def __init__(self, app: ASGIApp, listed: Collection[str]) -> None:
        self._app = app
        self._listed = listed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, answer, or refuse."""
        if not asgi.is_request(scope):
            await self._app(scope, receive, send)
            return
        origin = asgi.header(scope, b"origin")
        if not self._may(scope, origin):
            words = (
                "Requests of web pages of other servers are refused. The owner of this server can "
                "list their origin in its setting `origins`."
            )
            await asgi.refuse(scope, receive, send, 403, words, [("vary", "Origin")])
        elif origin is None or origin not in self._listed:
            await self._app(scope, receive, send)
        elif scope.get("method") == "OPTIONS" and asgi.header(
            scope, b"access-control-request-method"
        ):
            await _answer_preflight(scope, origin, send)
        else:
            await self._app(scope, receive, _allowing(origin, send))

    def _may(self, scope: Scope, origin: str | None) -> bool:
        if origin is not None:
            return origin in self._listed or _is_own(scope, origin)
        if asgi.header(scope, b"sec-fetch-site") in (None, *_OWN_SITES):
            return True
        # Sound that a page plays comes without an Origin; pages cannot forge where it is from.
        return _origin_of(asgi.header(scope, b"referer") or "") in self._listed


def _is_own(scope: Scope, origin: str) -> bool:
    """The scheme is left out: a proxy in front may speak TLS where we do not."""
    scheme, _, rest = origin.partition("://")
    return (
        scheme in ("http", "https") and rest.lower() == (asgi.header(scope, b"host") or "").lower()
    )


def _origin_of(referer: str) -> str:
    try:
        parts = urlsplit(referer)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


async def _answer_preflight(scope: Scope, origin: str, send: Send) -> None:
    lines = [
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", _METHODS),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
        ("content-length", "0"),
    ]
    wanted = asgi.header(scope, b"access-control-request-headers") or ""
    if _HEADER_NAMES.fullmatch(wanted):
        lines.append(("access-control-allow-headers", wanted))
    if asgi.header(scope, b"access-control-request-private-network") == "true":
        lines.append(("access-control-allow-private-network", "true"))
    headers = [(key.encode(), value.encode("latin-1")) for key, value in lines]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _allowing(origin: str, send: Send) -> Send:
    async def allowing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", ()),
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-expose-headers", _SHOWN.encode()),
                (b"vary", b"Origin"),
            ]
        await send(message)

    return allowing
