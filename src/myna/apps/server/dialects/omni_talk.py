"""vLLM-Omni's `/v1/audio/speech/stream`: a WebSocket that takes text in pieces.

    client   {"type": "session.config", "voice": "slt", "response_format": "pcm", ...}
             {"type": "input.text", "text": "Nice to "} ...
             {"type": "input.done"}                         ends an utterance, not the connection
             {"type": "session.close"}
    server   {"type": "audio.start", "utterance_index": 0, "sentence_index": 0, ...}
             binary frames
             {"type": "audio.done", "utterance_index": 0, "sentence_index": 0, ...}
             {"type": "session.done", "utterance_index": 0, "total_sentences": 1}

With `word_timestamps` sound comes as events `audio.chunk`, in base64, the last of which has no
sound but the times of all words, or null where they are not known.

Source: the protocol as vLLM-Omni (Apache-2.0) tells it in `serving_speech_stream.py`.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from myna.apps.server.dialects.openai import speech_request
from myna.apps.server.dialects.openai_bodies import Format, SpeechBody
from myna.apps.server.dialects.routes import failure
from myna.apps.server.dialects.sockets import Socket, first_of
from myna.audio.encoders import StreamEncoder, encode
from myna.errors import ConfigError, MynaError, TextError

if TYPE_CHECKING:
    from myna.apps.server.performance import Performance
    from myna.apps.server.requests import SpeechRequest
    from myna.apps.server.studio import Studio
    from myna.datatypes import Timing

_MOST_MESSAGES = 1000
"""That wait while something is said."""
_ENDS = {
    "sentence": re.compile(r"[.!?…]+[\"'”’)]*(?=\s)|[。！？]+[”』」）]*|\n"),
    "clause": re.compile(r"[.!?…,;:]+[\"'”’)]*(?=\s)|[。！？，、；：]+[”』」）]*|\n"),
}
_WORD = re.compile(r"\w")


class Config(SpeechBody):
    """Settings of the utterances that follow."""

    type: Literal["session.config"]
    input: str = ""
    response_format: Format = "wav"
    stream_audio: bool = False
    split_granularity: Literal["none", "sentence", "clause"] = "none"
    word_timestamps: bool = False


class Text(BaseModel):
    """More of the text."""

    type: Literal["input.text"]
    text: str = ""


class Done(BaseModel):
    """The text is over."""

    type: Literal["input.done"]


class Close(BaseModel):
    """Nothing more is wanted."""

    type: Literal["session.close"]


Message = Config | Text | Done | Close
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def router(studio: Studio) -> APIRouter:
    """The route `/v1/audio/speech/stream`."""
    routes = APIRouter()

    @routes.websocket("/v1/audio/speech/stream")
    async def stream(socket: WebSocket) -> None:
        """Say texts that come in pieces."""
        await OmniTalk(studio, Socket(socket, studio.settings)).run()

    return routes


class OmniTalk:
    """One connection."""

    def __init__(self, studio: Studio, socket: Socket) -> None:
        self._studio, self._socket = studio, socket
        self._messages: asyncio.Queue[str] = asyncio.Queue(_MOST_MESSAGES)
        self._config: Config | None = None
        self._buffer = ""
        self._utterance = self._sentence = 0
        self._begun = self._busy = False

    async def run(self) -> None:
        """Until either side ends it."""
        await self._socket.accept()
        try:
            async with asyncio.TaskGroup() as group:
                working = group.create_task(self._work())
                while (data := await self._socket.receive(patient=self._speaking)) is not None:
                    if self._messages.full():
                        raise ConfigError(f"More than {_MOST_MESSAGES} messages wait.")
                    self._messages.put_nowait(data)
                working.cancel()
        except* WebSocketDisconnect:
            pass
        except* Exception as errors:  # noqa: BLE001 - whatever it is, the client is told
            await self._socket.refuse(first_of(errors))

    def _speaking(self) -> bool:
        return self._busy or not self._messages.empty()

    async def _work(self) -> None:
        while True:
            data = await self._messages.get()
            self._busy = True
            try:
                await self._handle(_MESSAGES.validate_json(data))
            except ValidationError as error:
                await self._error(f"The message is not understood: {error.errors()[0]['msg']}.")
            except MynaError as error:
                await self._error(failure(error).message)
            self._busy = False

    async def _handle(self, message: Message) -> None:
        match message:
            case Config():
                await self._configure(message)
            case Close():
                await self._socket.close()
                raise WebSocketDisconnect
            case _ if self._config is None:
                raise ConfigError("Send a message of the type session.config first.")
            case Text():
                self._begun = self._begun or bool(message.text)
                self._buffer += message.text
                most = self._studio.settings.most_characters
                if len(self._buffer) > most:
                    self._buffer = ""
                    raise TextError(f"More than {most} characters wait to be said.")
                for unit in self._complete(self._config.split_granularity):
                    await self._unit(self._config, unit)
            case Done():
                rest, self._buffer = self._buffer, ""
                if _WORD.search(rest):
                    await self._unit(self._config, rest.strip())
                await self._socket.tell(
                    {
                        "type": "session.done",
                        "utterance_index": self._utterance,
                        "total_sentences": self._sentence,
                    }
                )
                self._utterance, self._sentence, self._begun = self._utterance + 1, 0, False

    async def _configure(self, config: Config) -> None:
        if self._begun:
            raise ConfigError("An utterance is not complete: send input.done first.")
        if config.stream_audio and config.response_format != "pcm":
            raise ConfigError("stream_audio takes response_format pcm.")
        if config.word_timestamps and not config.stream_audio:
            raise ConfigError("word_timestamps takes stream_audio, and response_format pcm.")
        await self._request(config, "")  # what is wrong in it is told now
        self._config = config

    def _complete(self, granularity: str) -> list[str]:
        """Units of the buffer that are complete; they are taken from it."""
        units, begin = [], 0
        ends = _ENDS[granularity].finditer(self._buffer) if granularity in _ENDS else ()
        for end in ends:
            if _WORD.search(self._buffer, begin, end.end()):
                units.append(self._buffer[begin : end.end()].strip())
                begin = end.end()
        self._buffer = self._buffer[begin:]
        return units

    async def _request(self, config: Config, text: str) -> SpeechRequest:
        said = {"input": text, "stream": config.stream_audio, "stream_format": None}
        return await speech_request(self._studio, config.model_copy(update=said))

    async def _unit(self, config: Config, text: str) -> None:
        """Say one of the requests that an utterance is made of."""
        place = {"utterance_index": self._utterance, "sentence_index": self._sentence}
        self._sentence += 1
        start: dict[str, Any] = {"type": "audio.start", **place, "sentence_text": text}
        start["format"] = config.response_format
        sent, failed = 0, False
        try:
            request = await self._request(config, text)
            performance = await self._studio.start(request)
            if config.stream_audio:
                start |= {"sample_rate": performance.rate, "channels": 1}
            if config.word_timestamps:
                start["word_timestamps"] = True
            await self._socket.tell(start)
            try:
                if config.word_timestamps:
                    sent = await self._chunks(performance, request, place)
                else:
                    sent = await self._sound(performance, request)
            finally:
                performance.cancel()
        except MynaError as error:
            failed = True
            await self._error(failure(error).message)
        done = {"type": "audio.done", **place, "total_bytes": sent, "error": failed}
        await self._socket.tell(done)

    async def _sound(self, performance: Performance, request: SpeechRequest) -> int:
        """Send it; its bytes."""
        if not request.stream:
            speech = await performance.speech()
            data = await asyncio.to_thread(encode, speech.audio, request.container)
            await self._socket.send(data)
            return len(data)
        sent, encoder = 0, StreamEncoder(request.container, performance.rate)
        async for piece in performance:
            data = encoder.add(piece.samples)
            await self._socket.send(data)
            sent += len(data)
        return sent

    async def _chunks(
        self, performance: Performance, request: SpeechRequest, place: dict[str, int]
    ) -> int:
        """Send it as events, and when each word is said; its bytes."""
        sent, seconds = 0, 0.0
        encoder = StreamEncoder(request.container, performance.rate)
        chunk: dict[str, Any] = {"type": "audio.chunk", **place, "sample_rate": performance.rate}
        chunk |= {"channels": 1, "timestamps": None}
        number = 0
        async for piece in performance:
            data = encoder.add(piece.samples)
            about = {"chunk_id": number, "chunk_start_ms": round(seconds * 1000)}
            seconds += piece.seconds
            about |= {"chunk_end_ms": round(seconds * 1000)}
            sound = {"audio_b64": base64.b64encode(data).decode("ascii")}
            await self._socket.tell(chunk | about | sound)
            sent += len(data)
            number += 1
        last = {"chunk_id": number, "chunk_start_ms": 0, "chunk_end_ms": round(seconds * 1000)}
        said = {"audio_b64": "", "timestamps": _timestamps(performance.timings)}
        await self._socket.tell(chunk | last | said)
        return sent

    async def _error(self, words: str) -> None:
        await self._socket.tell({"type": "error", "message": words})


def _timestamps(timings: Sequence[Timing]) -> list[dict[str, Any]] | None:
    """When each word is said; None where that is not known of all of them."""
    if not all(timing.words for timing in timings):
        return None
    return [
        {
            "word": word.text,
            "start_ms": round(word.start * 1000),
            "end_ms": round(word.end * 1000),
        }
        for timing in timings
        for word in timing.words
    ]
