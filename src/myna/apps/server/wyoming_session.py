"""One Wyoming connection: what a client asks for, and the sound it gets.

Whoever stops reading, sends nothing, sends what is no event, or hangs up, is cut off, and what was
being said for him is cancelled. After an `error` the connection ends: clients that wait for sound
do not look at errors, but they notice that.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from myna.apps.server import journal
from myna.apps.server.wyoming_dialect import info, speech_request, text_of
from myna.apps.server.wyoming_events import Event, MalformedError, Reader, Sizes, encoded
from myna.audio.recordings import pcm16
from myna.errors import MynaError, RequestError, TextError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from myna.apps.server.metrics import Metrics
    from myna.apps.server.performance import Performance
    from myna.apps.server.studio import Studio
    from myna.datatypes import Audio

_log = logging.getLogger(__name__)

ROUTE = "wyoming"
"""What journal and metrics call this."""
_WIDTH, _CHANNELS = 2, 1
_CHUNK = 2048
"""Samples in one `audio-chunk`."""
_READ_BYTES = 1 << 16
_MOST_UNANSWERED = 8
"""Events that are read ahead of those being answered."""
_PARTING_SECONDS = 1.0
"""For what a client still sends when it is told that something is wrong; if that were left unread,
the connection would be reset and the message lost."""
_PARTING_READS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of anything a client gets."""

    connections: int = 64
    """At once, of all clients."""
    idle_seconds: float = 120.0
    """Without an event from a client for which nothing is being said."""
    stall_seconds: float = 30.0
    """For which a client may leave sound unread."""
    characters: int = 20_000
    """Of a text, whole or in pieces."""
    sizes: Sizes = field(default_factory=Sizes)


class Session:
    """One connection."""

    def __init__(
        self,
        studio: Studio,
        limits: Limits,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        metrics: Metrics | None = None,
    ) -> None:
        self._studio, self._limits, self._metrics = studio, limits, metrics
        self._reader, self._writer = reader, writer
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(_MOST_UNANSWERED)
        self._speaking = False
        """Whether it is our turn, and not the client's."""
        self._leaving = False
        self._gone = False
        """Whether the client hung up, or says no more; which of both, nobody can tell."""
        self._waited()
        self._answering: asyncio.Task[None] | None = None

    def leave(self) -> None:
        """End when nothing is being said any more."""
        self._leaving = True
        if not self._speaking and self._answering is not None:
            self._answering.cancel()

    async def run(self) -> None:
        """Until one of both hangs up."""
        listening = asyncio.create_task(self._listen())
        answering = self._answering = asyncio.create_task(self._answer())
        try:
            await asyncio.wait((listening, answering), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and listening.exception() is None and not self._speaking:
                await asyncio.wait((answering,), timeout=self._limits.stall_seconds)
        finally:
            listening.cancel()
            answering.cancel()
            found = await asyncio.gather(listening, answering, return_exceptions=True)
        await self._part(next((each for each in found if isinstance(each, Exception)), None))

    async def _listen(self) -> None:
        """Hand on what comes, until the client hangs up."""
        incoming, idle = Reader(self._limits.sizes), self._limits.idle_seconds
        while True:
            try:
                async with asyncio.timeout_at(self._since + idle):
                    piece = await self._reader.read(_READ_BYTES)
            except TimeoutError as error:
                if self._speaking and not incoming.partial:
                    self._waited()
                if asyncio.get_running_loop().time() < self._since + idle:
                    continue  # it was given more time since
                raise RequestError(f"Nothing came for {idle:g} s.") from error
            if not piece:
                self._gone = True
                if self._events.full():
                    raise ConnectionResetError("The client hung up on many answers.")
                self._events.put_nowait(None)
                return
            if not incoming.partial:
                self._waited()
            for event in incoming.feed(piece):
                self._waited()
                await self._events.put(replace(event, payload=b""))

    def _waited(self) -> None:
        """From now on the client has time again."""
        self._since = asyncio.get_running_loop().time()

    async def _answer(self) -> None:
        while not self._leaving and (event := await self._events.get()) is not None:
            match event.type:
                case "synthesize" | "synthesize-start" if self._gone:
                    return
                case "synthesize":
                    with self._recorded():
                        await self._say(event.data)
                case "synthesize-start":
                    with self._recorded():
                        await self._say_pieces(event.data)
                case "synthesize-chunk" | "synthesize-stop":
                    raise MalformedError(f"{event.type} comes after synthesize-start.")
                case _:
                    await self._answer_aside(event)

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """One text gets a line in the journal, as a request of HTTP does."""
        with journal.recording(ROUTE, metrics=self._metrics) as entry:
            try:
                yield
            except (asyncio.CancelledError, ConnectionError):
                entry.error = entry.error or ("" if self._leaving else "ClientDisconnect")
                raise

    async def _answer_aside(self, event: Event) -> None:
        """What may be asked at any time; what we do not know is left alone, as others do."""
        match event.type:
            case "describe":
                await self._send(Event("info", info(await self._studio.voices())))
            case "ping":
                await self._send(Event("pong", {"text": event.data.get("text")}))
            case _:
                _log.debug("left a Wyoming event alone: %.40r", event.type)

    async def _say(self, data: Mapping[str, object]) -> None:
        """One text, as one stretch of sound."""
        text = text_of(data)
        self._check_length(len(text))
        request = await speech_request(self._studio, data, text)
        self._speaking = True
        performance = await self._studio.start(request)
        try:
            await self._play(performance, apart=False)
        finally:
            performance.cancel()
        self._spoke()

    async def _say_pieces(self, data: Mapping[str, object]) -> None:
        """A text in pieces, as one stretch of sound for each sentence."""
        request = await speech_request(self._studio, data, "")
        if request.markup == "ssml":
            raise TextError("SSML cannot come in pieces. Send it whole, with synthesize.")
        performance = await self._studio.open(request)
        playing = asyncio.create_task(self._play(performance, apart=True))
        try:
            anything = await self._taketext_of(performance, playing)
            if anything:
                if self._gone:
                    raise ConnectionResetError("The client hung up before it heard anything.")
                self._speaking = True
                await performance.finish()
                await playing
            await self._send(Event("synthesize-stopped"))
        finally:
            playing.cancel()
            performance.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        self._spoke()

    def _spoke(self) -> None:
        """It is the client's turn again."""
        self._speaking = False
        self._waited()

    async def _taketext_of(self, performance: Performance, playing: asyncio.Task[None]) -> bool:
        """Until `synthesize-stop`; whether there was any text."""
        count, anything = 0, False
        while True:
            event = await self._next_event(playing)
            match event.type:
                case "synthesize-chunk":
                    text = text_of(event.data)
                    count += len(text)
                    self._check_length(count)
                    anything = anything or bool(text.strip())
                    await performance.write(text)
                case "synthesize":
                    pass  # the whole text once more, for servers that know no pieces
                case "synthesize-stop":
                    return anything
                case "synthesize-start":
                    raise MalformedError("synthesize-start comes after synthesize-stop.")
                case _:
                    await self._answer_aside(event)

    async def _next_event(self, playing: asyncio.Task[None]) -> Event:
        """The next event of a text in pieces, unless saying it fails first."""
        getting = asyncio.create_task(self._events.get())
        try:
            await asyncio.wait((getting, playing), return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                playing.result()
                raise RequestError("The speech ended before its text did.")
            event = getting.result()
        finally:
            getting.cancel()
        if event is None:
            raise ConnectionResetError("The client hung up before its text was over.")
        return event

    async def _play(self, performance: Performance, *, apart: bool) -> None:
        """Send sound while it is made.

        Args:
            performance: is being said.
            apart: end and begin anew between sentences.
        """
        sent, finished, begun = 0, 0, False
        async for piece in performance:
            if not begun:
                await self._send(Event("audio-start", _form(piece.rate, sent)))
                begun = True
            await self._send_sound(piece, sent)
            sent += len(piece.samples)
            ended = sum(round(said.end * piece.rate) <= sent for said in performance.timings)
            if apart and ended > finished:
                finished, begun = ended, False
                await self._send(Event("audio-stop", _when(piece.rate, sent)))
        if not sent and not apart:
            await self._send(Event("audio-start", _form(performance.rate, 0)))
        if begun or not apart:
            await self._send(Event("audio-stop", _when(performance.rate, sent)))

    async def _send_sound(self, piece: Audio, sent: int) -> None:
        for start in range(0, len(piece.samples), _CHUNK):
            payload = pcm16(piece.samples[start : start + _CHUNK]).astype("<i2").tobytes()
            await self._send(Event("audio-chunk", _form(piece.rate, sent + start), payload))

    async def _send(self, event: Event) -> None:
        self._writer.write(encoded(event))
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                await self._writer.drain()
        except TimeoutError as error:
            raise ConnectionAbortedError("The client does not read what it is sent.") from error

    def _check_length(self, count: int) -> None:
        if count > self._limits.characters:
            raise TextError(
                f"The text has more than {self._limits.characters} characters. Send it in parts."
            )

    async def _part(self, error: Exception | None) -> None:
        """Say what went wrong, if that can still be said, and hang up."""
        if isinstance(error, ConnectionError):
            return  # it is gone, or does not listen
        if error is not None and not isinstance(error, MynaError | MalformedError):
            _log.error("speaking Wyoming failed", exc_info=error)
            error = RequestError("The server failed at this; its log says how.")
        with suppress(OSError):
            async with asyncio.timeout(_PARTING_SECONDS):
                if error is not None:
                    self._writer.write(refusal(error))
                await self._writer.drain()
                self._writer.write_eof()
                for _ in range(_PARTING_READS):
                    if not await self._reader.read(_READ_BYTES):
                        break
        with suppress(OSError):
            self._writer.close()
            async with asyncio.timeout(self._limits.stall_seconds):
                await self._writer.wait_closed()


def _form(rate: int, at: int) -> dict[str, object]:
    """Of sound, that starts at sample `at`."""
    return {"rate": rate, "width": _WIDTH, "channels": _CHANNELS, **_when(rate, at)}


def _when(rate: int, at: int) -> dict[str, object]:
    return {"timestamp": at * 1000 // rate}


def refusal(error: Exception) -> bytes:
    """An `error` event, as it is sent."""
    return encoded(Event("error", {"text": str(error), "code": type(error).__name__}))
