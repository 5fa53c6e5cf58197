"""Wyoming: events of any bytes, and sessions with clients of every kind."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.apps.server import journal
from myna.apps.server.casting import VoiceCard
from myna.apps.server.metrics import Metrics
from myna.apps.server.performance import Figures
from myna.apps.server.requests import SpeechRequest
from myna.apps.server.settings import ServerSettings
from myna.apps.server.wyoming import Limits, Server, serve
from myna.apps.server.wyoming_events import Event, MalformedError, Reader, Sizes, encoded
from myna.audio.recordings import pcm16
from myna.datatypes import Audio, Timing
from myna.errors import BusyError, EngineError, MynaError

RATE = 24_000
SMALL = Sizes(line=200, data=300, payload=100)


def sound_of(word: str) -> np.ndarray:
    """A tenth of a second for each letter, another tone for each word."""
    time = np.arange(len(word) * RATE // 10) / RATE
    return (0.5 * np.sin(2 * np.pi * (100 + 10 * sum(map(ord, word)) % 900) * time)).astype("f4")


class FakePerformance:
    """Words are sentences; each is said once it has come, in two pieces."""

    rate, seed = RATE, 7

    def __init__(self, studio: FakeStudio, text: str | None) -> None:
        self.studio, self.cancelled, self.timings = studio, False, ()
        self.words: asyncio.Queue[str | None] = asyncio.Queue()
        self.text = text or ""
        for word in (text or "").split():
            self.words.put_nowait(word)
        if text is not None:
            self.words.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Audio]:
        at = 0.0
        while (word := await self.words.get()) is not None:
            await self.studio.held.wait()
            if word == "broken":
                raise EngineError("It broke.")
            if word == "bug":
                raise KeyError("/secret/path")
            sound = sound_of(word)
            first, second = np.split(sound, [1_000])
            yield Audio(first, RATE)
            self.timings = (*self.timings, Timing(at, at + len(sound) / RATE, word))
            at += len(sound) / RATE
            yield Audio(second, RATE)

    async def write(self, text: str) -> None:
        self.text += text
        for word in text.split():
            await self.words.put(word)

    async def finish(self) -> None:
        await self.words.put(None)

    def cancel(self) -> None:
        if not self.cancelled:
            figures = {"model": "toy", "voice": "anna", "characters": len("secret words")}
            times = {"audio_seconds": 1.5, "seconds": 0.3, "first_sound": 0.1}
            journal.performed(Figures(**figures, **times, error=None, cancelled=True))
        self.cancelled = True


class FakeStudio:
    def __init__(self) -> None:
        self.settings = ServerSettings()
        self.requests: list[SpeechRequest] = []
        self.performances: list[FakePerformance] = []
        self.error: MynaError | None = None
        self.held = asyncio.Event()
        self.held.set()

    async def start(self, request: SpeechRequest) -> FakePerformance:
        return self._perform(request, request.text)

    async def open(self, request: SpeechRequest) -> FakePerformance:
        return self._perform(request, None)

    def _perform(self, request: SpeechRequest, text: str | None) -> FakePerformance:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        self.performances.append(FakePerformance(self, text))
        return self.performances[-1]

    async def voices(self) -> list[VoiceCard]:
        return [
            VoiceCard(id="v1", name="Anna", languages=("en",), model="tiny"),
            VoiceCard(id="v2", name="Mei", languages=("zh", "yue"), model="v2"),
        ]


class Client:
    """A client that may misbehave."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._incoming, self._found = Reader(Sizes(data=1 << 20, payload=1 << 20)), []

    def send(self, kind: str, **data: object) -> None:
        self.writer.write(encoded(Event(kind, data)))

    async def event(self) -> Event | None:
        """The next event; None when the server hung up."""
        while not self._found:
            async with asyncio.timeout(5):
                piece = await self.reader.read(1 << 16)
            if not piece:
                return None
            self._found += self._incoming.feed(piece)
        return self._found.pop(0)

    async def until(self, *kinds: str) -> list[Event]:
        events: list[Event] = []
        while not events or events[-1].type not in kinds:
            event = await self.event()
            assert event is not None, f"the server hung up after {[each.type for each in events]}"
            events.append(event)
        return events

    async def refused(self) -> str:
        """The text of the error after which the server hangs up."""
        events = await self.until("error")
        assert await self.event() is None
        return str(events[-1].data["text"])


Talk = Callable[[FakeStudio, Callable[[], Awaitable[Client]], Server], Awaitable[None]]


def talking(talk: Talk, limits: Limits | None = None, metrics: Metrics | None = None) -> None:
    """Have a talk with a server; no task may be left over."""

    async def run() -> None:
        studio, clients = FakeStudio(), []
        server = await serve(studio, "127.0.0.1", 0, limits, metrics)  # type: ignore[arg-type]

        async def connect() -> Client:
            client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
            clients.append(client)
            return client

        try:
            async with asyncio.timeout(10):
                await talk(studio, connect, server)
        finally:
            await server.close()
            for client in clients:
                client.writer.close()
            await asyncio.gather(
                *(client.writer.wait_closed() for client in clients), return_exceptions=True
            )
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


async def becomes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.005)


def sound(events: list[Event]) -> bytes:
    return b"".join(event.payload for event in events if event.type == "audio-chunk")


def kinds(events: list[Event]) -> list[str]:
    """Types in order; many chunks count once."""
    names = [event.type for event in events]
    return [name for at, name in enumerate(names) if at == 0 or name != names[at - 1]]


# Events

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    Event, st.text(max_size=20), st.dictionaries(st.text(), json_values, max_size=4), st.binary()
)


@given(st.lists(events, max_size=4), st.lists(st.integers(1, 60), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_events_survive_however_they_are_cut(sent: list[Event], cuts: list[int]) -> None:
    stream, reader, found = b"".join(map(encoded, sent)), Reader(Sizes()), []
    for size in cycle(cuts):
        found += reader.feed(stream[:size])
        stream = stream[size:]
        if not stream:
            break
    assert found == sent
    assert not reader.partial


headers = st.fixed_dictionaries(
    {},
    optional={
        "type": json_values,
        "data": json_values,
        "data_length": json_values | st.integers(-2, 400),
        "payload_length": json_values | st.integers(-2, 150),
    },
)


@given(st.lists(st.binary(max_size=300) | headers.map(lambda h: json.dumps(h).encode() + b"\n")))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_events_or_refused(pieces: list[bytes]) -> None:
    reader = Reader(SMALL)
    try:
        for piece in pieces:
            for event in reader.feed(piece):
                assert isinstance(event.type, str)
                assert isinstance(event.data, dict)
                assert len(event.payload) <= SMALL.payload
            assert len(reader._kept) <= max(SMALL.line, SMALL.data + SMALL.payload) + 1
    except MalformedError:
        pass


def test_data_in_the_line_is_overridden_by_what_follows() -> None:
    body = json.dumps({"b": 3, "c": 4}).encode()
    line = {"type": "x", "data": {"a": 1, "b": 2}, "data_length": len(body), "payload_length": 0}
    (event,) = Reader(Sizes()).feed(json.dumps(line).encode() + b"\n" + body)
    assert event == Event("x", {"a": 1, "b": 3, "c": 4})


@pytest.mark.parametrize("length", [b"", b', "data_length": 0', b', "data_length": null'])
def test_without_a_length_there_is_no_body(length: bytes) -> None:
    stream = (
        b'{"type": "x", "data": null' + length + b', "payload_length": null}\r\n{"type": "y"}\n'
    )
    assert [event.type for event in Reader(Sizes()).feed(stream)] == ["x", "y"]


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"GET / HTTP/1.1\n",
        b'{"type": 1}\n',
        b'{"data": {}}\n',
        b"[]\n",
        b'{"type": "x", "data": []}\n',
        b'{"type": "x", "data_length": -1}\n',
        b'{"type": "x", "data_length": true}\n',
        b'{"type": "x", "data_length": 1.5}\n',
        b'{"type": "x", "data_length": "7"}\n',
        b'{"type": "x", "data_length": 301}\n',
        b'{"type": "x", "data_length": 1' + b"0" * 150 + b"}\n",
        b'{"type": "x", "payload_length": 101}\n',
        b'{"type": "x", "data_length": 2}\n[]',
        b'{"type": "x", "data_length": 2}\n{]',
        b'{"type": "x", "data": {"y": NaN}}\n',
        b'{"type": "\xff"}\n',
        b"[" * 190 + b"\n",
        b"x" * 201,
        b" " * 200 + b'{"type": "x"}\n',
    ],
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedError):
        list(Reader(SMALL).feed(line))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(MalformedError):
        list(Reader(Sizes()).feed(b'{"type":"x","data":{"a":' + b"[" * 60_000 + b"\n"))


# Sessions


def test_describes_voices() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.writer.write(b'{"type": "describe"}\n')
        info = await client.event()
        (program,) = info.data["tts"]
        assert program["supports_synthesize_streaming"] is True
        assert program["installed"] is True
        assert [(voice["name"], voice["languages"]) for voice in program["voices"]] == [
            ("v1", ["en"]),
            ("v2", ["zh", "yue"]),
        ]
        client.send("ping", text="hello")
        assert await client.event() == Event("pong", {"text": "hello"})

    talking(talk)


def test_says_a_text() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        for _ in range(2):  # one after the other
            client.send("synthesize", text="good morning", voice={"name": "v1"})
            events = await client.until("audio-stop")
            assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop"]
            form = {"rate": RATE, "width": 2, "channels": 1}
            assert events[0].data == {**form, "timestamp": 0}
            assert all(form.items() <= event.data.items() for event in events[:-1])
            expected = np.concatenate([sound_of("good"), sound_of("morning")])
            assert sound(events) == pcm16(expected).tobytes()
            assert events[-1].data == {"timestamp": 1_100}
        request = studio.requests[0]
        assert (request.text, request.voice, request.stream) == ("good morning", "v1", True)
        assert (request.language, request.markup) == ("auto", "auto")

    talking(talk)


def test_says_a_text_in_pieces_sentence_by_sentence() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.send("synthesize-start", voice={"name": "v2"}, context={"any": "thing"})
        client.send("synthesize-chunk", text="one ")
        events = await client.until("audio-stop")  # before the text is over
        client.send("synthesize-chunk", text="two")
        events += await client.until("audio-stop")
        client.send("ping")
        events += await client.until("pong")
        client.send("synthesize", text="one two")
        client.send("synthesize-stop")
        events += await client.until("synthesize-stopped")
        group = ["audio-start", "audio-chunk", "audio-stop"]
        assert kinds(events) == [*group, *group, "pong", "synthesize-stopped"]
        assert sound(events) == pcm16(np.concatenate([sound_of("one"), sound_of("two")])).tobytes()
        assert len(studio.performances) == 1
        assert studio.performances[0].text == "one two"
        client.send("synthesize", text="again")  # the connection goes on
        assert sound(await client.until("audio-stop")) == pcm16(sound_of("again")).tobytes()

    talking(talk)


def test_a_text_in_pieces_may_be_empty() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.send("synthesize-start")
        client.send("synthesize-chunk", text=" ")
        client.send("synthesize-stop")
        assert kinds(await client.until("synthesize-stopped")) == ["synthesize-stopped"]
        assert studio.performances[0].cancelled

    talking(talk)


def test_clients_speak_at_the_same_time() -> None:
    async def talk(studio, connect, server):
        async def one(word: str) -> None:
            client = await connect()
            client.send("synthesize", text=word)
            assert sound(await client.until("audio-stop")) == pcm16(sound_of(word)).tobytes()

        await asyncio.gather(*(one("word" + "x" * count) for count in range(8)))

    talking(talk)


@pytest.mark.parametrize(
    ("voice", "voice_id", "language"),
    [
        (None, "", "auto"),
        ({}, "", "auto"),
        ({"name": None, "speaker": ""}, "", "auto"),
        ({"name": "v1", "language": "zh"}, "v1", "auto"),
        ({"language": "zh-CN"}, "v2", "zh"),
        ({"language": "zh-HK"}, "v2", "yue"),
        ({"language": "en_US"}, "v1", "en"),
    ],
)
def test_chooses_a_voice(voice: object, voice_id: str, language: str) -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.send("synthesize", text="hello", voice=voice)
        await client.until("audio-stop")
        assert (studio.requests[0].voice, studio.requests[0].language) == (voice_id, language)

    talking(talk)


@pytest.mark.parametrize(("form", "markup"), [("text", "plain"), ("ssml", "ssml"), (None, "auto")])
def test_formats_of_text(form: str | None, markup: str) -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.send("synthesize", text="hello", text_format=form)
        await client.until("audio-stop")
        assert studio.requests[0].markup == markup

    talking(talk)


def test_lone_halves_of_characters_do_no_harm() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.writer.write(b'{"type":"synthesize","data":{"text":"a\\ud83d b\\ud83d\\ude00"}}\n')
        await client.until("audio-stop")
        assert studio.requests[0].text == "a\ufffd b\U0001f600"

    talking(talk)


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("synthesize", {}, "no text"),
        ("synthesize", {"text": 7}, "no text"),
        ("synthesize", {"text": "x" * 101}, "more than 100 characters"),
        ("synthesize", {"text": "x", "voice": "v1"}, "voice is an object"),
        ("synthesize", {"text": "x", "voice": {"name": 1}}, "name is a string"),
        ("synthesize", {"text": "x", "voice": {"name": "v1", "speaker": "s"}}, "no speakers"),
        ("synthesize", {"text": "x", "voice": {"language": "fr"}}, "speaks this language"),
        ("synthesize", {"text": "x", "text_format": "html"}, "text or ssml"),
        ("synthesize-start", {"text_format": "ssml"}, "SSML cannot come in pieces"),
        ("synthesize-chunk", {"text": "x"}, "after synthesize-start"),
        ("synthesize-stop", {}, "after synthesize-start"),
    ],
)
def test_wrong_requests_are_told_and_end_the_connection(
    kind: str, data: dict[str, object], message: str
) -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.send(kind, **data)
        assert message in await client.refused()
        assert not studio.performances

    talking(talk, Limits(characters=100))


def test_pieces_of_text_have_a_limit_together() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.send("synthesize-start")
        for _ in range(3):
            client.send("synthesize-chunk", text="x" * 40)
        assert "more than 100 characters" in await client.refused()
        assert studio.performances[0].cancelled

    talking(talk, Limits(characters=100))


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize(
    ("text", "message"), [("ok broken", "It broke."), ("ok bug", "The server failed")]
)
def test_failures_are_told_without_secrets(pieces: bool, text: str, message: str) -> None:
    async def talk(studio, connect, server):
        client = await connect()
        if pieces:
            client.send("synthesize-start")
            client.send("synthesize-chunk", text=text)
        else:
            client.send("synthesize", text=text)
        told = await client.refused()
        assert message in told
        assert "secret" not in told
        assert studio.performances[0].cancelled
        other = await connect()
        other.send("synthesize", text="fine")
        assert sound(await other.until("audio-stop"))

    talking(talk)


def test_being_busy_is_told() -> None:
    async def talk(studio, connect, server):
        studio.error = BusyError("Come again.")
        for kind in ("synthesize", "synthesize-start"):
            client = await connect()
            client.send(kind, text="x")
            assert await client.refused() == "Come again."

    talking(talk)


@pytest.mark.parametrize(
    "junk", [b"\x16\x03\x01 TLS?\n", b"GET / HTTP/1.1\r\n\r\n", b"{" * 70_000, b"\n" * 1_000_000]
)
def test_junk_ends_the_connection_with_an_error(junk: bytes) -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.writer.write(junk)
        assert await client.refused()
        other = await connect()
        other.send("ping")
        assert (await other.event()).type == "pong"

    talking(talk)


def test_unknown_events_and_sound_are_left_alone() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.writer.write(encoded(Event("audio-chunk", {"rate": 16_000}, bytes(1_000))))
        client.send("select-program", name="myna")
        client.send("ping")
        assert (await client.event()).type == "pong"

    talking(talk)


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_hanging_up_cancels(pieces: bool, reset: bool) -> None:
    async def talk(studio, connect, server):
        studio.held.clear()
        client = await connect()
        if pieces:
            client.send("synthesize-start")
            client.send("synthesize-chunk", text="never heard")
        else:
            client.send("synthesize", text="never heard")
        await becomes(lambda: bool(studio.performances))
        assert not studio.performances[0].cancelled
        if reset:
            client.writer.transport.abort()
        else:
            client.writer.close()
        await becomes(lambda: studio.performances[0].cancelled)

    talking(talk)


def test_who_says_no_more_is_answered_still() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.send("describe")
        client.send("ping")
        client.writer.write_eof()
        assert kinds(await client.until("pong")) == ["info", "pong"]
        assert await client.event() is None

    talking(talk)


@pytest.mark.parametrize("begun", [b"", b'{"type"', b'{"type": "x", "data_length": 9}\n{'])
def test_idle_clients_are_cut_off(begun: bytes) -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.writer.write(begun)
        assert "Nothing came for 0.2 s" in await client.refused()

    talking(talk, Limits(idle_seconds=0.2))


def test_who_sends_a_byte_now_and_then_is_idle_too() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        for byte in b'{"type": "ping"':
            client.writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        assert "Nothing came" in await client.refused()

    talking(talk, Limits(idle_seconds=0.2))


def test_who_listens_is_not_idle() -> None:
    async def talk(studio, connect, server):
        studio.held.clear()
        client = await connect()
        client.send("synthesize", text="slow")
        await asyncio.sleep(0.7)  # the second time that nothing came is half over
        studio.held.set()
        await client.until("audio-stop")
        await asyncio.sleep(0.25)
        client.send("ping")
        assert (await client.event()).type == "pong"

    talking(talk, Limits(idle_seconds=0.4))


def test_who_does_not_read_is_cut_off() -> None:
    async def talk(studio, connect, server):
        client = await connect()
        client.writer.transport.pause_reading()
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.send("synthesize", text="word" * 500)  # 10 MB
        await becomes(lambda: bool(studio.performances) and studio.performances[0].cancelled)

    talking(talk, Limits(stall_seconds=0.2))


def test_no_more_connections_than_allowed() -> None:
    async def talk(studio, connect, server):
        first = await connect()
        first.send("ping")
        await first.event()
        second = await connect()
        assert "Too many clients" in await second.refused()
        first.writer.close()
        await asyncio.sleep(0.1)
        third = await connect()
        third.send("ping")
        assert (await third.event()).type == "pong"

    talking(talk, Limits(connections=1))


def test_addresses_that_are_not_admitted_are_hung_up_on() -> None:
    async def talk(studio, connect, server):
        class Closed:
            def wyoming_admits(self, address: str) -> bool:
                assert address == "127.0.0.1"
                return False

        studio.settings = Closed()
        client = await connect()
        client.send("describe")
        with suppress(ConnectionResetError):
            assert await client.reader.read() == b""

    talking(talk)


def test_closing_lets_speech_end() -> None:
    async def talk(studio, connect, server):
        studio.held.clear()
        speaking, idle = await connect(), await connect()
        speaking.send("synthesize", text="last words")
        idle.send("ping")
        await idle.event()
        await becomes(lambda: bool(studio.performances))
        closing = asyncio.create_task(server.close(5.0))
        assert await idle.event() is None
        studio.held.set()
        expected = np.concatenate([sound_of("last"), sound_of("words")])
        assert sound(await speaking.until("audio-stop")) == pcm16(expected).tobytes()
        assert await speaking.event() is None
        await closing
        with pytest.raises(OSError):  # noqa: PT011 - refused, however the system says it
            await connect()

    talking(talk)


def test_closing_cancels_what_does_not_end() -> None:
    async def talk(studio, connect, server):
        studio.held.clear()
        client = await connect()
        client.send("synthesize", text="never heard")
        await becomes(lambda: bool(studio.performances))
        await server.close(0.1)
        assert studio.performances[0].cancelled

    talking(talk)


def test_the_grace_is_counted_from_when_the_server_was_told_to_stop() -> None:
    async def talk(studio, connect, server):
        studio.held.clear()
        client, idle = await connect(), await connect()
        client.send("synthesize", text="never heard")
        await becomes(lambda: bool(studio.performances))
        server.leave()
        assert await idle.event() is None
        assert not studio.performances[0].cancelled
        await asyncio.sleep(0.4)
        server.leave()  # again, for another connection of HTTP
        began = asyncio.get_running_loop().time()
        await server.close(0.5)
        assert asyncio.get_running_loop().time() - began < 0.35
        assert studio.performances[0].cancelled

    talking(talk)


class TestJournal:
    def heard(self, talk: Talk) -> tuple[list[dict[str, object]], str]:
        """Lines of the log, and the page of metrics."""
        pytest.importorskip("prometheus_client")
        metrics, lines = Metrics(), []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(record.facts)  # type: ignore[method-assign]
        log = logging.getLogger(journal.LOGGER)
        level = log.level
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            talking(talk, metrics=metrics)
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
        return lines, metrics.page().decode()

    def test_each_text_has_a_line(self) -> None:
        async def talk(studio, connect, server):
            client = await connect()
            client.send("describe")
            client.send("synthesize", text="secret words")
            await client.until("audio-stop")
            client.send("synthesize-start")
            client.send("synthesize-chunk", text="more")
            client.send("synthesize-stop")
            await client.until("synthesize-stopped")

        lines, page = self.heard(talk)
        for line in lines:
            assert (line["route"], "error" in line) == ("wyoming", False)
            assert (line["model"], line["characters"]) == ("toy", len("secret words"))
            assert line["audio_seconds"] == 1.5
        assert len(lines) == 2
        assert len({line["id"] for line in lines}) == 2
        assert "secret" not in json.dumps(lines)
        assert 'myna_requests_total{method="",route="wyoming",status="0"} 2.0' in page
        assert "myna_audio_seconds_total 3.0" in page

    def test_what_fails_is_told_by_its_class(self) -> None:
        async def talk(studio, connect, server):
            client = await connect()
            client.send("synthesize", text="broken")
            await client.refused()
            studio.held.clear()
            gone = await connect()
            gone.send("synthesize", text="never heard")
            await becomes(lambda: len(studio.performances) == 2)
            gone.writer.transport.abort()
            await becomes(lambda: studio.performances[1].cancelled)
            studio.error = BusyError("Too many.")
            client = await connect()
            client.send("synthesize", text="refused")
            await client.refused()

        lines, page = self.heard(talk)
        kinds = ["EngineError", "ClientDisconnect", "BusyError"]
        assert [line["error"] for line in lines] == kinds
        for kind in kinds:
            assert f'myna_failures_total{{kind="{kind}"}} 1.0' in page
