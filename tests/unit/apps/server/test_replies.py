"""Speech as responses: whole, in pieces, and for clients that leave."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette")

from myna.apps.server import replies
from myna.apps.server.requests import SpeechRequest
from myna.audio.recordings import read
from myna.errors import EngineError
from toy_studio import RATE, Humming

TEXT = "Birds say what they hear. So does this one."
SECONDS = 0.02 * len(TEXT)
SCOPE: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}


class Client:
    """Takes a response, or only so many pieces of it."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.head = most, {}
        self.bodies: list[bytes] = []
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, str]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.head = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message.get("body"):
            self.bodies.append(message["body"])
        if self.most is not None and len(self.bodies) >= self.most:
            self.gone.set()
            await asyncio.sleep(0.01)


def answered(
    request: SpeechRequest, performance: Any = None, *, most: int | None = None
) -> tuple[Client, Any]:
    async def whole() -> tuple[Client, Any]:
        said = performance or Humming(request)
        response, client = await replies.reply(said, request), Client(most)
        await asyncio.wait_for(response(SCOPE, client.receive, client.send), timeout=10)
        return client, said

    return asyncio.run(whole())


@pytest.mark.parametrize("container", ["wav", "flac", "mp3"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_file_whole_and_in_pieces(container: str, stream: bool) -> None:
    client, said = answered(SpeechRequest(text=TEXT, container=container, stream=stream))
    audio = read(io.BytesIO(b"".join(client.bodies)))
    assert audio.rate == RATE
    assert audio.seconds == pytest.approx(SECONDS, abs=0.1)
    assert client.head["x-seed"] == "7"
    assert client.head["x-sample-rate"] == str(RATE)
    assert ("content-length" in client.head) == (not stream)
    assert len(client.bodies) == 1 or stream
    assert said.cancelled


def test_files_one_by_one() -> None:
    asked = SpeechRequest(text=TEXT, container="ogg", stream=True, separate=True)
    client, _ = answered(asked)
    assert len(client.bodies) == 4
    pieces = [read(io.BytesIO(body)) for body in client.bodies]
    assert sum(each.seconds for each in pieces) == pytest.approx(SECONDS, abs=0.01)
    raw, _ = answered(replace(asked, container="raw"))
    assert len(b"".join(raw.bodies)) == pytest.approx(2 * RATE * SECONDS, abs=8)


def test_who_leaves_stops_the_work() -> None:
    request = SpeechRequest(text=TEXT * 50, container="raw", stream=True)
    said = Humming(request)
    said.slow = 0.005
    client, _ = answered(request, said, most=3)
    assert said.cancelled
    assert len(client.bodies) < 10


def test_an_answer_that_nobody_fetches_stops_the_work() -> None:
    async def whole() -> None:
        request = SpeechRequest(text=TEXT, container="raw", stream=True)
        said = Humming(request)
        response = await replies.reply(said, request)

        async def broken(message: Any) -> None:
            raise OSError

        with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever the server makes of it
            await response(SCOPE, Client().receive, broken)
        assert said.cancelled

    asyncio.run(whole())


class Silent(Humming):
    """Says nothing."""

    async def __aiter__(self) -> Any:
        for nothing in ():
            yield nothing


@pytest.mark.parametrize("stream", [False, True])
def test_errors_before_the_first_sound_are_raised(stream: bool) -> None:
    request = SpeechRequest(text=TEXT, stream=stream)
    broken = Humming(request)
    broken.broken = EngineError("It broke.")
    with pytest.raises(EngineError, match="It broke"):
        answered(request, broken)
    assert broken.cancelled


def test_no_sound_is_an_error() -> None:
    request = SpeechRequest(text=TEXT, stream=True)
    silent = Silent(request)
    with pytest.raises(EngineError, match="said nothing"):
        answered(request, silent)
    assert silent.cancelled


def test_whatever_fails_on_the_way_stops_the_work() -> None:
    said = Humming(SpeechRequest(text=TEXT))
    with pytest.raises(KeyError):
        answered(SpeechRequest(text=TEXT, container="unheard-of"), said)
    assert said.cancelled


def test_a_whole_answer_keeps_its_performance_until_it_is_sent() -> None:
    async def whole() -> None:
        request = SpeechRequest(text="Once.")
        said = Humming(request)
        response: Any = await replies.reply(said, request)
        assert response._performance is said
        assert np.abs(read(io.BytesIO(response.body)).samples).max() > 0.2

    asyncio.run(whole())


def test_the_encoder_of_a_stream_knows_the_rate_of_the_sound() -> None:
    request = SpeechRequest(text=TEXT, container="wav", stream=True)
    request = replace(request, delivery=replace(request.delivery, rate=8_000))
    client, _ = answered(request)
    assert client.head["x-sample-rate"] == "8000"
    assert read(io.BytesIO(b"".join(client.bodies))).seconds == pytest.approx(SECONDS, abs=0.01)
