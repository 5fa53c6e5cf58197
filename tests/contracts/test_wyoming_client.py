"""The client that Home Assistant uses, against our Wyoming server."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
import pytest

from myna.apps.server.casting import VoiceCard
from myna.apps.server.requests import SpeechRequest
from myna.apps.server.settings import ServerSettings
from myna.apps.server.wyoming import serve
from myna.audio.recordings import pcm16
from myna.datatypes import Audio, Timing
from myna.errors import VoiceError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it takes audioop where there still is one
    pytest.importorskip("wyoming.audio", reason="needs the package wyoming")

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

RATE = 32_000
TEXT = "Guten Morgen. Die Lampe ist an."


def sound_of(sentence: str) -> np.ndarray:
    rng = np.random.default_rng(len(sentence))
    return rng.uniform(-0.5, 0.5, 400 * len(sentence)).astype(np.float32)


class Performance:
    rate, seed = RATE, 1

    def __init__(self, text: str, whole: bool) -> None:
        self.timings: tuple[Timing, ...] = ()
        self._text, self._whole = text, whole
        self._news = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[Audio]:
        at = 0.0
        while self._text or not self._whole:
            sentence, mark, rest = self._text.partition(".")
            if not mark:
                self._news.clear()
                await self._news.wait()
                continue
            self._text = rest
            sound = sound_of(sentence)
            self.timings += (Timing(at, at + len(sound) / RATE, sentence),)
            at += len(sound) / RATE
            yield Audio(sound, RATE)

    async def write(self, text: str) -> None:
        self._text += text
        self._news.set()

    async def finish(self) -> None:
        self._whole = True
        self._news.set()

    def cancel(self) -> None:
        self._whole, self._text = True, ""


class Studio:
    settings = ServerSettings()

    async def voices(self) -> list[VoiceCard]:
        return [VoiceCard(id="anna", name="Anna", languages=("en", "zh"), model="tiny")]

    async def start(self, request: SpeechRequest) -> Performance:
        if request.voice not in ("", "anna"):
            raise VoiceError("There is no such voice.")
        return Performance(request.text, whole=True)

    async def open(self, request: SpeechRequest) -> Performance:
        return Performance("", whole=False)


def talking(talk: Callable[[AsyncTcpClient], Awaitable[None]]) -> None:
    async def run() -> None:
        server = await serve(Studio(), "127.0.0.1", 0)  # type: ignore[arg-type]
        try:
            async with (
                asyncio.timeout(10),
                AsyncTcpClient("127.0.0.1", server.port, read_timeout=5) as client,
            ):
                await talk(client)
        finally:
            await server.close()

    asyncio.run(run())


async def until(client: AsyncTcpClient, *kinds: type) -> list[Event]:
    events: list[Event] = []
    while not events or not any(kind.is_type(events[-1].type) for kind in kinds):
        event = await client.read_event()
        assert event is not None, "the server hung up"
        events.append(event)
    return events


def heard(events: list[Event]) -> bytes:
    """All sound, as Home Assistant collects it: by the form that each chunk states."""
    chunks = [AudioChunk.from_event(event) for event in events if AudioChunk.is_type(event.type)]
    assert {(chunk.rate, chunk.width, chunk.channels) for chunk in chunks} == {(RATE, 2, 1)}
    return b"".join(chunk.audio for chunk in chunks)


SOUND = b"".join(
    pcm16(sound_of(sentence)).tobytes() for sentence in ("Guten Morgen", " Die Lampe ist an")
)


def test_info() -> None:
    async def talk(client: AsyncTcpClient) -> None:
        await client.write_event(Describe().event())
        (event,) = await until(client, Info)
        (program,) = Info.from_event(event).tts
        assert program.installed
        assert program.supports_synthesize_streaming
        (voice,) = program.voices
        assert (voice.name, voice.description, voice.installed) == ("anna", "Anna", True)
        assert voice.languages == ["en", "zh"]
        assert not Info.from_event(event).asr

    talking(talk)


def test_one_text() -> None:
    async def talk(client: AsyncTcpClient) -> None:
        voice = SynthesizeVoice(name="anna")
        await client.write_event(Synthesize(text=TEXT, voice=voice).event())
        events = await until(client, AudioStop)
        assert AudioStart.from_event(events[0]).rate == RATE
        assert [AudioStop.is_type(event.type) for event in events].count(True) == 1
        assert heard(events) == SOUND
        stop = AudioStop.from_event(events[-1])
        assert stop.timestamp == len(SOUND) // 2 * 1000 // RATE

    talking(talk)


def test_a_text_in_pieces_with_the_whole_behind_it() -> None:
    """In the order of Home Assistant, which reads while it writes."""

    async def talk(client: AsyncTcpClient) -> None:
        async def write() -> None:
            await client.write_event(SynthesizeStart(context={"a": 1}).event())
            for at in range(0, len(TEXT), 7):
                await client.write_event(SynthesizeChunk(text=TEXT[at : at + 7]).event())
                await asyncio.sleep(0.01)
            await client.write_event(Synthesize(text=TEXT).event())
            await client.write_event(SynthesizeStop().event())

        writing = asyncio.create_task(write())
        events = await until(client, SynthesizeStopped)
        await writing
        assert heard(events) == SOUND
        for kind in (AudioStart, AudioStop):
            assert sum(kind.is_type(event.type) for event in events) == 2  # one per sentence
        await client.write_event(Ping(text="there?").event())
        (event,) = await until(client, Pong)  # and nothing was said twice
        assert Pong.from_event(event).text == "there?"

    talking(talk)


def test_an_error_ends_the_connection() -> None:
    """Home Assistant knows no errors, and would wait for ever."""

    async def talk(client: AsyncTcpClient) -> None:
        voice = SynthesizeVoice(name="nobody")
        await client.write_event(Synthesize(text=TEXT, voice=voice).event())
        (event,) = await until(client, Error)
        error = Error.from_event(event)
        assert (error.text, error.code) == ("There is no such voice.", "VoiceError")
        assert await client.read_event() is None

    talking(talk)
