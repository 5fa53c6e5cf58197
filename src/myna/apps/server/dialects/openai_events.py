"""Speech as OpenAI's server-sent events: pieces of one encoded file, and what it cost.

    data: {"type":"speech.audio.delta","audio":"<base64>"}
    data: {"type":"speech.audio.done","usage":{"input_tokens":…,"output_tokens":…,"total_tokens":…}}
    data: [DONE]

All pieces together are one file of the format that was asked for. Input is counted in characters,
output in the tokens of our models, 25 to a second of speech. What goes wrong after the first event
is an event of the type `error`, and the last.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from myna.apps.server.dialects.routes import Failure, failure
from myna.apps.server.requests import SpeechRequest
from myna.audio.encoders import CONTAINERS, StreamEncoder
from myna.errors import EngineError, MynaError
from myna.specs import TOKENS_PER_SECOND

if TYPE_CHECKING:
    from myna.apps.server.performance import Performance
    from myna.datatypes import Audio

Shape = Callable[[Failure], dict[str, Any]]


async def reply(
    performance: Performance, request: SpeechRequest, shape: Shape
) -> StreamingResponse:
    """The response, once it is known that there is sound.

    Raises:
        MynaError: there is none.
    """
    pieces = aiter(performance)
    try:
        first = await anext(pieces)
    except StopAsyncIteration as error:
        raise EngineError("The model said nothing.") from error
    headers = {
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
        "X-Seed": str(performance.seed),
        "X-Sample-Rate": str(CONTAINERS[request.container].rate(performance.rate)),
    }
    return _Events(performance, _events(first, pieces, request, shape), headers)


class _Events(StreamingResponse):
    """Stops the work when nobody is there to hear it, even if nobody ever was."""

    def __init__(
        self, performance: Performance, events: AsyncGenerator[str, None], headers: dict[str, str]
    ) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._performance = performance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._performance.cancel()


async def _events(
    first: Audio, pieces: AsyncIterator[Audio], request: SpeechRequest, shape: Shape
) -> AsyncGenerator[str, None]:
    from asyncio import to_thread

    encoder = StreamEncoder(request.container, first.rate)
    seconds = first.seconds
    if data := await to_thread(encoder.add, first.samples):
        yield _delta(data)
    try:
        async for piece in pieces:
            seconds += piece.seconds
            if data := await to_thread(encoder.add, piece.samples):
                yield _delta(data)
    except MynaError as error:
        yield _event({"type": "error", **shape(failure(error))})
        return
    if data := await to_thread(encoder.end):
        yield _delta(data)
    given, made = len(request.text), round(seconds * TOKENS_PER_SECOND)
    usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    yield _event({"type": "speech.audio.done", "usage": usage})
    yield "data: [DONE]\n\n"


def _delta(data: bytes) -> str:
    audio = base64.b64encode(data).decode("ascii")
    return _event({"type": "speech.audio.delta", "audio": audio})


def _event(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event, separators=(',', ':'))}\n\n"
