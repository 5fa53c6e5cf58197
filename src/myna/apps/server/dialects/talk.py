"""Talking over a WebSocket: text comes in pieces, sound and marks go out while it is made.

    client   {"type": "start", "voice": "slt", "container": "raw"}      all but the type optional
             {"type": "text", "text": "Nice to "} ...                   broken anywhere
             {"type": "finish"}                                         or {"type": "cancel"}
    server   {"type": "started", "id": 1, "rate": 32000, "seed": 7, ...}
             {"type": "audio", "id": 1, "start": 0.0, "end": 0.25}      then one binary frame
             {"type": "sentence", "id": 1, "start": 0.0, "end": 1.2, "text": "Nice to meet you.",
              "words": [{"start": 0.1, "end": 0.4, "text": "Nice"}, ...]}
             {"type": "finished", "id": 1, "seconds": 1.2}

Text after `finish` begins the next one, with the same settings; texts are said one after another.
An error is told, and the connection closed. Limits and codes are in docs/server-talk.md.
"""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from myna.apps.server.dialects import omni_talk
from myna.apps.server.dialects.own_bodies import Body, ClipBody, Container, Cut, Language
from myna.apps.server.dialects.sockets import Socket, first_of
from myna.apps.server.requests import SpeechRequest
from myna.audio.encoders import CONTAINERS, StreamEncoder
from myna.datatypes import Delivery, Pacing, Sampling
from myna.errors import BusyError, ConfigError, TextError

if TYPE_CHECKING:
    from myna.apps.server.performance import Performance
    from myna.apps.server.studio import Studio

MOST_PIECE = 100_000
"""Characters of one message of text."""
MOST_TEXTS = 16
"""That wait to be said, on one connection."""


class Start(Body):
    """Settings of the texts that follow."""

    type: Literal["start"]
    voice: str = Field(default="", max_length=1000)
    clips: list[ClipBody] = Field(default_factory=list, max_length=8)
    model: str = Field(default="", max_length=1000)
    language: Language = "auto"
    cut: Cut = "cut5"
    lexicon: str = Field(default="", max_length=100_000)
    sampling: Sampling = Sampling()
    delivery: Delivery = Delivery()
    pacing: Pacing = Pacing()
    container: Container = "raw"
    base64: bool = False
    """Send sound inside of the JSON, as `data`, instead of in binary frames."""

    def request(self) -> SpeechRequest:
        return SpeechRequest(
            voice=self.voice,
            clips=tuple(clip.clip() for clip in self.clips),
            model=self.model,
            language=self.language,
            cut=self.cut,
            markup="plain",
            lexicon=self.lexicon,
            sampling=self.sampling,
            delivery=self.delivery,
            pacing=self.pacing,
            container=self.container,
            stream=True,
        )


class Text(Body):
    """More of the text."""

    type: Literal["text"]
    text: str = Field(max_length=MOST_PIECE)


class Finish(Body):
    """The text is complete: what is left of it is said."""

    type: Literal["finish"]


class Cancel(Body):
    """Stop at once, and forget what waits."""

    type: Literal["cancel"]


Message = Start | Text | Finish | Cancel
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def router(studio: Studio) -> APIRouter:
    """The routes `/api/v1/talk` and, of vLLM-Omni, `/v1/audio/speech/stream`."""
    routes = APIRouter()
    routes.include_router(omni_talk.router(studio))

    @routes.websocket("/api/v1/talk")
    async def talk(socket: WebSocket) -> None:
        """Say texts that come in pieces."""
        await Talk(studio, Socket(socket, studio.settings)).run()

    return routes


@dataclass(slots=True, eq=False)
class _Saying:
    """A text that is being said, or waits for it."""

    id: int
    start: Start
    pieces: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    characters: int = 0
    task: asyncio.Task[None] | None = None


class Talk:
    """One connection."""

    def __init__(self, studio: Studio, socket: Socket) -> None:
        self._studio, self._socket = studio, socket
        self._start: Start | None = None
        self._texts: list[_Saying] = []
        """In the order in which they are said."""
        self._open: _Saying | None = None
        """The last of them, if more of it may come."""
        self._count = 0

    async def run(self) -> None:
        """Until either side ends it."""
        await self._socket.accept()
        try:
            async with asyncio.TaskGroup() as group:
                await self._listen(group)
                await self._stop()
        except* WebSocketDisconnect:
            pass
        except* Exception as errors:  # noqa: BLE001 - whatever it is, the client is told
            await self._socket.refuse(first_of(errors))

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        while (data := await self._socket.receive(patient=lambda: bool(self._texts))) is not None:
            try:
                message = _MESSAGES.validate_json(data)
            except ValidationError as error:
                raise ConfigError(_mistake(error)) from error
            match message:
                case Start():
                    self._begin(message)
                case Text():
                    self._add(message.text, group)
                case Finish():
                    self._finish()
                case Cancel():
                    await self._stop()
                    await self._socket.tell({"type": "cancelled"})

    def _begin(self, start: Start) -> None:
        if self._open is not None:
            raise ConfigError("The text before is not complete: finish or cancel it first.")
        self._start = start

    def _add(self, piece: str, group: asyncio.TaskGroup) -> None:
        if self._start is None:
            raise ConfigError("Send a message of the type start first.")
        if self._open is None:
            if not piece.strip():
                return
            if len(self._texts) >= MOST_TEXTS:
                raise BusyError(f"{MOST_TEXTS} texts wait on this connection, as many as may.")
            self._count += 1
            saying = self._open = _Saying(self._count, self._start)
            before = self._texts[-1].task if self._texts else None
            self._texts.append(saying)
            saying.task = group.create_task(self._say(saying, before))
        self._open.characters += len(piece)
        most = self._studio.settings.most_characters
        if sum(saying.characters for saying in self._texts) > most:
            raise TextError(f"More than {most} characters wait to be said. Send fewer at a time.")
        self._open.pieces.put_nowait(piece)

    def _finish(self) -> None:
        if self._open is not None:
            self._open.pieces.put_nowait(None)
            self._open = None

    async def _stop(self) -> None:
        tasks = [saying.task for saying in self._texts if saying.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._texts.clear()
        self._open = None

    async def _say(self, saying: _Saying, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        request = saying.start.request()
        performance = await self._studio.open(request)
        feeding = asyncio.create_task(_feed(performance, saying.pieces))
        try:
            await self._socket.tell(
                {
                    "type": "started",
                    "id": saying.id,
                    "container": request.container,
                    "media_type": CONTAINERS[request.container].media_type,
                    "rate": CONTAINERS[request.container].rate(performance.rate),
                    "seed": performance.seed,
                }
            )
            seconds = await self._sound(saying, performance)
            await self._socket.tell({"type": "finished", "id": saying.id, "seconds": seconds})
        finally:
            performance.cancel()
            feeding.cancel()
            with suppress(ValueError):  # all were forgotten
                self._texts.remove(saying)

    async def _sound(self, saying: _Saying, performance: Performance) -> float:
        """Send it; its seconds."""
        encoder = StreamEncoder(saying.start.container, performance.rate)
        sent = made = 0.0
        told = 0
        async for piece in performance:
            made += piece.seconds
            if data := await asyncio.to_thread(encoder.add, piece.samples):
                await self._send(saying, data, sent, made)
                sent = made
            told = await self._marks(saying, performance, told)
        if data := await asyncio.to_thread(encoder.end):
            await self._send(saying, data, sent, made)
        await self._marks(saying, performance, told)
        return made

    async def _marks(self, saying: _Saying, performance: Performance, told: int) -> int:
        """Tell of sentences that are complete; how many there are now."""
        timings = performance.timings
        for timing in timings[told:]:
            mark: dict[str, Any] = {"type": "sentence", "id": saying.id}
            await self._socket.tell(mark | asdict(timing))
        return len(timings)

    async def _send(self, saying: _Saying, data: bytes, start: float, end: float) -> None:
        event: dict[str, Any] = {"type": "audio", "id": saying.id, "start": start, "end": end}
        if saying.start.base64:
            await self._socket.tell(event | {"data": base64.b64encode(data).decode("ascii")})
        else:
            await self._socket.tell(event)
            await self._socket.send(data)


async def _feed(performance: Performance, pieces: asyncio.Queue[str | None]) -> None:
    while (piece := await pieces.get()) is not None:
        await performance.write(piece)
    await performance.finish()


def _mistake(error: ValidationError) -> str:
    told = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in told["loc"])
    return f"The message is not understood: {place + ': ' if place else ''}{told['msg']}."
