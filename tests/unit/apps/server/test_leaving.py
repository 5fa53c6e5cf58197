"""Clients that hang up, before and after the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytest.importorskip("starlette")

from myna.apps.server.leaving import Leaving

BODY = {"type": "http.request", "body": b"", "more_body": False}
HEAD = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"all"}
GONE = {"type": "http.disconnect"}


class Client:
    """Sends a body, and hangs up when it likes."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.got: list[dict[str, Any]] = []
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for message in messages:
            self.messages.put_nowait(message)

    async def send(self, message: Any) -> None:
        """As servers do: after the last of the answer the client is as good as gone."""
        self.got.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.messages.put_nowait(GONE)


def served(app: Callable[..., Awaitable[None]], client: Client, kind: str = "http") -> None:
    async def whole() -> None:
        await asyncio.wait_for(
            Leaving(app)({"type": kind}, client.messages.get, client.send), timeout=10
        )

    asyncio.run(whole())


def test_the_body_and_the_answer_pass() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        found = await receive()
        await send(HEAD)
        await send({**END, "body": found["body"]})

    client = Client({**BODY, "body": b"mine"})
    served(app, client)
    assert client.got[-1]["body"] == b"mine"


def test_who_hangs_up_stops_the_work() -> None:
    stopped = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            stopped.append(True)

    client = Client(BODY, GONE)
    served(app, client)
    assert stopped == [True], "its end was waited for"
    assert not client.got


def test_what_comes_after_the_answer_is_done() -> None:
    done = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(HEAD)
        await send(END)
        await asyncio.sleep(0.05)
        done.append(True)

    served(app, Client(BODY))
    assert done == [True]


def test_failures_are_not_kept_quiet() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        served(app, Client(BODY))

    async def late(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise KeyError

    with pytest.raises(KeyError):
        served(late, Client(BODY, GONE))


def test_who_is_cancelled_cancels() -> None:
    stopped = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append(True)

    async def whole() -> None:
        client = Client(BODY)
        task = asyncio.create_task(
            Leaving(app)({"type": "http"}, client.messages.get, client.send)  # type: ignore[arg-type]
        )
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert stopped == [True]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(whole())


def test_a_body_that_nobody_reads_is_not_kept() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)
        await send(HEAD)
        await send(END)

    client = Client(*[{**BODY, "more_body": True}] * 10)
    served(app, client)
    assert client.messages.qsize() >= 8


def test_others_than_http_pass() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send((await receive()) | {"kind": scope["type"]})

    client = Client({"type": "websocket.connect"})
    served(app, client, "websocket")
    assert client.got == [{"type": "websocket.connect", "kind": "websocket"}]
