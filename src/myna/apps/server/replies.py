"""Speech as an HTTP response: a whole file, or sound while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import ParamSpec

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from myna.apps.server.performance import Performance
from myna.apps.server.requests import SpeechRequest
from myna.audio.encoders import CONTAINERS, StreamEncoder, encode
from myna.datatypes import Audio
from myna.errors import EngineError

Given = ParamSpec("Given")

_PLAIN = ("wav", "raw")
"""Containers that take no time to write."""


async def reply(performance: Performance, request: SpeechRequest) -> Response:
    """The response, once it is known that there is sound.

    Raises:
        MynaError: there is none; of whole files also what happened on the way.
    """
    try:
        return await _response(performance, request)
    except BaseException:
        performance.cancel()
        raise


async def _response(performance: Performance, request: SpeechRequest) -> Response:
    container = CONTAINERS[request.container]
    headers = {
        "X-Seed": str(performance.seed),
        "X-Sample-Rate": str(container.rate(performance.rate)),
    }
    if not request.stream:
        speech = await performance.speech()
        data = await asyncio.to_thread(encode, speech.audio, request.container)
        return _SpeechFile(performance, data, container.media_type, headers)
    pieces = aiter(performance)
    try:
        first = await anext(pieces)
    except StopAsyncIteration as error:
        raise EngineError("The model said nothing.") from error
    sound = _separate if request.separate and request.container not in _PLAIN else _continuous
    body = sound(first, pieces, request.container)
    return _SpeechStream(performance, body, container.media_type, headers)


class _SpeechFile(Response):
    """Keeps the performance until it is sent: so long its memory is in use."""

    def __init__(
        self, performance: Performance, data: bytes, media_type: str, headers: dict[str, str]
    ) -> None:
        super().__init__(data, media_type=media_type, headers=headers)
        self._performance = performance


class _SpeechStream(StreamingResponse):
    """Stops the work when nobody is there to hear it, even if nobody ever was."""

    def __init__(
        self,
        performance: Performance,
        body: AsyncGenerator[bytes, None],
        media_type: str,
        headers: dict[str, str],
    ) -> None:
        super().__init__(body, media_type=media_type, headers=headers)
        self._performance = performance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._performance.cancel()


async def _continuous(
    first: Audio, pieces: AsyncIterator[Audio], container: str
) -> AsyncGenerator[bytes, None]:
    """One file, in pieces."""
    encoder = StreamEncoder(container, first.rate)
    if data := await _work(container, encoder.add, first.samples):
        yield data
    async for piece in pieces:
        if data := await _work(container, encoder.add, piece.samples):
            yield data
    if data := await _work(container, encoder.end):
        yield data


async def _separate(
    first: Audio, pieces: AsyncIterator[Audio], container: str
) -> AsyncGenerator[bytes, None]:
    """Each piece a file of its own, for clients that decode each as it comes."""
    yield await asyncio.to_thread(encode, first, container)
    async for piece in pieces:
        yield await asyncio.to_thread(encode, piece, container)


async def _work(
    container: str, function: Callable[Given, bytes], *args: Given.args, **named: Given.kwargs
) -> bytes:
    """Encode; in a thread, where it takes time."""
    if container in _PLAIN:
        return function(*args, **named)
    return await asyncio.to_thread(function, *args, **named)
