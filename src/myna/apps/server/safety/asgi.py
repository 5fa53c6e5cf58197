"""What every check needs of ASGI: one header, one way to refuse, the client's address."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from myna.apps.server.settings import is_loopback

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

ALWAYS_OPEN = frozenset({"/health", "/ready", "/ping"})
"""Routes that anybody may ask, as they tell nothing: for those that watch over the server."""

_LINGER_SECONDS = 1.0
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


def header(scope: Scope, name: bytes) -> str | None:
    """A header's value; one that is there more than once is joined, and so fits no check."""
    values = [value for key, value in scope["headers"] if key.lower() == name]
    return b",".join(values).decode("latin-1").strip() if values else None


def is_request(scope: Scope) -> bool:
    """Whether this is a request or a WebSocket, and not the server starting or stopping."""
    return scope["type"] in ("http", "websocket")


def address(scope: Scope) -> str:
    """Of the client, or of the last proxy that is believed; empty if unknown."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_same_machine(scope: Scope) -> bool:
    """Whether a program on this machine asks, and not somebody else through a proxy on it."""
    return is_loopback(address(scope)) and not any(header(scope, name) for name in _FORWARDED)


def state(scope: Scope) -> dict[str, object]:
    """What belongs to this request; routes see it as `request.state`."""
    found: dict[str, object] = scope.setdefault("state", {})
    return found


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    message: str,
    headers: Sequence[tuple[str, str]] = (),
    *,
    drain: bool = True,
) -> None:
    """Answer with an error in the words of every dialect; a WebSocket is not accepted.

    What the client still sends is read for up to a second and thrown away: closed on at once, it
    would never see the answer. Without `drain` it is not, as nothing more is to come.
    """
    body = json.dumps(
        {
            "message": message,
            "detail": message,
            "code": status,
            "error": {"message": message, "type": _kind(status), "param": None, "code": status},
        }
    ).encode()
    lines = [("content-type", "application/json"), ("content-length", str(len(body))), *headers]
    kind = "http.response"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": message[:100]})
            return
        kind = "websocket.http.response"
    else:
        lines.append(("connection", "close"))
    start: Message = {
        "type": f"{kind}.start",
        "status": status,
        "headers": [(key.encode("latin-1"), value.encode("latin-1")) for key, value in lines],
    }
    await send(start)
    await send({"type": f"{kind}.body", "body": body, "more_body": True})
    if scope["type"] == "http" and drain:
        await _drain(receive)
    await send({"type": f"{kind}.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


def _kind(status: int) -> str:
    return HTTPStatus(status).phrase.lower().replace(" ", "_")
