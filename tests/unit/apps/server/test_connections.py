"""A real server on a real socket: whoever holds connections without using them is cut off."""

from __future__ import annotations

import asyncio
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra `server` is not installed")

import uvicorn

from myna.apps.server.safety.connections import LEAVING, protocol, uvicorn_options
from myna.apps.server.safety.protecting import protect
from myna.apps.server.settings import ServerSettings

HEAD = b"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
Connect = Callable[[], socket.socket]


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    if scope["path"] == "/slow":
        await asyncio.sleep(1.0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/much":
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
    await send({"type": "http.response.body", "body": b"fine"})


@contextmanager
def _serving(**given: Any) -> Iterator[tuple[Connect, uvicorn.Server]]:
    settings = ServerSettings(port=0, **given)
    options = uvicorn_options(settings) | {"log_config": None, "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(protect(_app, settings), **options))
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)

    def connect() -> socket.socket:
        return socket.create_connection(address, timeout=5)

    try:
        yield connect, server
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        listening.close()


def _until_closed(connection: socket.socket) -> tuple[bytes, float]:
    """What comes before the other side closes, and after how many seconds it does."""
    start, data = time.monotonic(), b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            data += piece
    return data, time.monotonic() - start


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Connect, uvicorn.Server]]:
    with _serving(head_seconds=0.4, idle_seconds=0.4, most_body=1) as found:
        yield found


def test_requests_are_answered_one_after_another(served: tuple[Connect, Any]) -> None:
    with closing(served[0]()) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"\r\n")
            answer = connection.recv(65536)
            while not answer.endswith(b"0\r\n\r\n"):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"\r\nserver:" not in answer.lower()


def test_a_request_may_take_longer_than_its_head(served: tuple[Connect, Any]) -> None:
    with closing(served[0]()) as connection:
        connection.sendall(HEAD.replace(b"/x", b"/slow") + b"Connection: close\r\n\r\n")
        data, seconds = _until_closed(connection)
    assert data.startswith(b"HTTP/1.1 200")
    assert seconds >= 0.9


@pytest.mark.parametrize("sent", [b"", b"GET ", HEAD, HEAD + b"\r\n" + HEAD])
def test_a_head_that_does_not_come_ends_the_connection(
    served: tuple[Connect, Any], sent: bytes
) -> None:
    with closing(served[0]()) as connection:
        connection.sendall(sent)
        _, seconds = _until_closed(connection)
    assert seconds < 3


def test_a_head_that_drips_ends_the_connection(served: tuple[Connect, Any]) -> None:
    with closing(served[0]()) as connection:
        start = time.monotonic()
        connection.sendall(HEAD)
        with suppress(ConnectionError):
            while time.monotonic() - start < 5:
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.05)
    assert time.monotonic() - start < 3


def test_a_body_that_drips_is_answered(served: tuple[Connect, Any]) -> None:
    with closing(served[0]()) as connection:
        head = b"POST /body HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head + b"x")
        data, seconds = _until_closed(connection)
    assert data.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in data.lower()
    assert seconds < 4


def test_a_large_body_is_answered_before_it_is_sent(served: tuple[Connect, Any]) -> None:
    for length in (b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"):
        with closing(served[0]()) as connection:
            connection.sendall(b"POST /body HTTP/1.1\r\nHost: 127.0.0.1\r\n" + length + b"\r\n\r\n")
            piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            with suppress(ConnectionError):
                for _ in range(40):
                    connection.sendall(piece)
            data, _ = _until_closed(connection)
        assert data.startswith(b"HTTP/1.1 413"), length


def test_an_answer_that_nobody_fetches_ends_the_connection(
    served: tuple[Connect, uvicorn.Server],
) -> None:
    connect, server = served
    with closing(connect()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(HEAD.replace(b"/x", b"/much") + b"\r\n")
        deadline = time.monotonic() + 5
        time.sleep(0.2)
        while server.server_state.tasks and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not server.server_state.tasks
        data, _ = _until_closed(connection)
    assert len(data) < 1000 * 65536


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: " + b"x" * 200_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxx",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\0c\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"\r\n" * 1000,
    ],
)
def test_what_is_no_http_ends_the_connection(served: tuple[Connect, Any], sent: bytes) -> None:
    with closing(served[0]()) as connection:
        try:
            connection.sendall(sent)
        except ConnectionError:
            return
        data, seconds = _until_closed(connection)
    assert seconds < 4
    assert not data or int(data.split()[1]) in (400, 408, 413, 421)


def test_connections_are_limited() -> None:
    with _serving(most_connections=3, head_seconds=5) as (connect, _), ExitStack() as stack:
        held = [stack.enter_context(closing(connect())) for _ in range(3)]
        time.sleep(0.1)
        with closing(connect()) as refused:
            assert _until_closed(refused)[0] == b""
        held[0].close()
        time.sleep(0.1)
        with closing(connect()) as connection:
            connection.sendall(HEAD + b"Connection: close\r\n\r\n")
            assert _until_closed(connection)[0].startswith(b"HTTP/1.1 200")


def test_one_address_has_a_share_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    made = protocol(ServerSettings(most_per_address=2))
    monkeypatch.setattr("myna.apps.server.safety.connections.is_loopback", lambda _: False)
    with _serving(most_per_address=2, head_seconds=5) as (connect, _), ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(closing(connect()))
        time.sleep(0.1)
        with closing(connect()) as refused:
            assert _until_closed(refused)[0] == b""
    assert made is not protocol(ServerSettings())


def test_what_makes_them_can_be_sent_to_workers() -> None:
    settings = ServerSettings(head_seconds=5, workers=2)
    made = uvicorn_options(settings)["http"]
    assert pickle.loads(pickle.dumps(made)).__reduce__() == made.__reduce__()


def test_the_application_is_told_that_the_server_stops_while_answers_are_sent() -> None:
    told: list[float] = []
    with _serving() as (connect, server):
        server.lifespan.state[LEAVING] = lambda: told.append(time.monotonic())
        with closing(connect()) as connection:
            connection.sendall(HEAD.replace(b"/x", b"/slow") + b"\r\n")
            time.sleep(0.3)
            assert not told
            server.should_exit = True
            answer, _ = _until_closed(connection)
            assert b"fine" in answer
            assert told
            assert time.monotonic() - told[0] > 0.3
