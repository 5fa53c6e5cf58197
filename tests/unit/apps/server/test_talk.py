"""Talking over a real WebSocket: ours, and vLLM-Omni's."""

import asyncio
import base64
import json
import re
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import soundfile
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from myna.apps.server.dialects import sockets, talk
from myna.audio import recordings
from myna.errors import BusyError, EngineError, VoiceError
from toy_studio import ToyStudio, served

DOCS = Path(__file__).parents[4] / "docs" / "server-talk.md"


@pytest.fixture
def studio(tmp_path):
    return ToyStudio(tmp_path / "voices", most_characters=500, idle_seconds=2)


@pytest.fixture
def port(studio):
    app = FastAPI()
    app.include_router(talk.router(studio))
    with served(app) as found:
        yield found


class Client:
    def __init__(self, socket):
        self.socket = socket

    async def tell(self, *messages):
        for message in messages:
            await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def hear(self, last):
        """Events and sound until an event of this type."""
        events, sound = [], b""
        async for frame in self.socket:
            if isinstance(frame, bytes):
                sound += frame
                continue
            events.append(json.loads(frame))
            if events[-1]["type"] == last:
                return events, sound
        raise AssertionError(f"closed before {last}: {events}")

    async def closed(self):
        """The code with which it closes, and the error before."""
        events = []
        try:
            while True:
                frame = await self.socket.recv()
                if isinstance(frame, str):
                    events.append(json.loads(frame))
        except ConnectionClosed as error:
            return error.rcvd.code, events[-1]["error"]


@asynccontextmanager
async def connected(port, path="/api/v1/talk"):
    async with asyncio.timeout(20), connect(f"ws://127.0.0.1:{port}{path}") as socket:
        yield Client(socket)


def text(words):
    return {"type": "text", "text": words}


FINISH = {"type": "finish"}


def test_text_in_pieces(port, studio):
    async def run():
        async with connected(port) as client:
            await client.tell({"type": "start", "voice": "slt", "sampling": {"seed": 4}})
            await client.tell(text("Nice to "), text("meet you."), FINISH)
            return await client.hear("finished")

    events, sound = asyncio.run(run())
    assert events[0] == {
        "type": "started",
        "id": 1,
        "container": "raw",
        "media_type": "audio/raw",
        "rate": 32_000,
        "seed": 4,
    }
    seconds = 0.02 * len("Nice to meet you.")
    assert events[-1]["seconds"] == pytest.approx(seconds, abs=0.001)
    assert len(sound) == pytest.approx(2 * 32_000 * seconds, abs=8)
    marks = [event for event in events if event["type"] == "audio"]
    assert [mark["start"] for mark in marks[1:]] == [mark["end"] for mark in marks[:-1]]
    assert marks[-1]["end"] == pytest.approx(seconds, abs=0.001)
    said = [event for event in events if event["type"] == "sentence"]
    assert "".join(each["text"] for each in said) == "Nice to meet you."
    words = [word for each in said for word in each["words"]]
    assert [word["text"] for word in words] == ["Nice", "to", "meet", "you."]
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(seconds)
    (asked,) = studio.asked
    assert (asked.voice, asked.markup, asked.stream) == ("slt", "plain", True)


def test_sound_comes_before_the_text_is_over(port):
    async def run():
        async with connected(port) as client:
            await client.tell({"type": "start"}, text("One sentence."))
            await client.hear("audio")  # nobody said that the text is over
            await client.tell(text(" Two."), FINISH)
            await client.hear("finished")

    asyncio.run(run())


@pytest.mark.parametrize("container", ["wav", "mp3", "opus", "flac"])
def test_containers_in_base64(port, container):
    async def run():
        async with connected(port) as client:
            await client.tell({"type": "start", "container": container, "base64": True})
            await client.tell(text("A sentence that is somewhat long."), FINISH)
            return await client.hear("finished")

    events, sound = asyncio.run(run())
    assert sound == b""
    data = b"".join(base64.b64decode(each["data"]) for each in events if each["type"] == "audio")
    assert recordings.read(data).seconds == pytest.approx(events[-1]["seconds"], abs=0.1)


def test_texts_follow_one_another(port, studio):
    async def run():
        async with connected(port) as client:
            await client.tell({"type": "start", "voice": "slt"})
            await client.tell(text("First."), FINISH, text("Second."), FINISH, text(" "), FINISH)
            first, _ = await client.hear("finished")
            second, _ = await client.hear("finished")
            await client.tell({"type": "start", "voice": "bdl"}, text("Third."), FINISH)
            third, _ = await client.hear("finished")
            return first, second, third

    for number, events in enumerate(asyncio.run(run()), 1):
        assert {event["id"] for event in events} == {number}
    assert [asked.voice for asked in studio.asked] == ["slt", "slt", "bdl"]


def test_cancel(port, studio):
    studio.prepare = lambda performance: setattr(performance, "slow", 0.5)

    async def run():
        async with connected(port) as client:
            await client.tell({"type": "start"}, text("Never heard."), text("Nor this."), FINISH)
            await client.tell(text("Nor that."), FINISH)
            await client.hear("started")
            await client.tell({"type": "cancel"})
            await client.hear("cancelled")
            studio.prepare = lambda performance: None
            await client.tell(text("Heard."), FINISH)
            return await client.hear("finished")

    events, _ = asyncio.run(run())
    assert [each["text"] for each in events if each["type"] == "sentence"] == ["Heard."]
    assert studio.performances[0].cancelled
    assert len(studio.performances) == 2


def test_leaving_cancels_at_once(port, studio):
    studio.prepare = lambda performance: setattr(performance, "slow", 30)

    async def run():
        async with connected(port) as client:
            await client.tell({"type": "start"}, text("A sentence."))
            await client.hear("started")

    asyncio.run(run())
    end = time.monotonic() + 2
    while not studio.performances[0].cancelled:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (["{"], "not understood"),
        (["[]"], "not understood"),
        ([{"type": "sing"}], "not understood"),
        ([text("No start.")], "start first"),
        ([{"type": "start", "colour": "red"}], "colour"),
        ([{"type": "start", "sampling": {"top_k": 0}}], "top_k"),
        ([{"type": "start"}, text("a"), {"type": "start"}], "finish or cancel"),
        ([{"type": "start"}, text("a" * 501)], "500 characters"),
        ([{"type": "start"}, text("a" * 300), FINISH, text("a" * 300)], "500 characters"),
        ([{"type": "start"}, *[text("a"), FINISH] * 17], "16 texts"),
    ],
)
def test_mistakes_close(port, studio, messages, words):
    studio.prepare = lambda performance: setattr(performance, "slow", 5)

    async def run():
        async with connected(port) as client:
            await client.tell(*messages)
            return await client.closed()

    code, error = asyncio.run(run())
    assert code in (sockets.INVALID, sockets.LATER)
    assert words in error["message"]


def test_binary_is_refused(port):
    async def run():
        async with connected(port) as client:
            await client.socket.send(b"sound")
            return await client.closed()

    assert asyncio.run(run())[0] == sockets.INVALID


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BusyError("full"), sockets.LATER),
        (VoiceError("nobody"), sockets.INVALID),
        (EngineError("broke"), sockets.BROKEN),
        (RuntimeError("secret"), sockets.BROKEN),
    ],
)
def test_failures_close(port, studio, error, code):
    studio.refuse = error

    async def run():
        async with connected(port) as client:
            await client.tell({"type": "start"}, text("Hello."))
            return await client.closed()

    found, told = asyncio.run(run())
    assert found == code
    assert "secret" not in told["message"]


def test_nobody_there(port, monkeypatch):
    monkeypatch.setattr(sockets, "IDLE_SECONDS", 0.2)

    async def run():
        async with connected(port) as client:
            await client.tell({"type": "start"})
            return await client.closed()

    assert asyncio.run(run())[0] == sockets.IDLE


def test_the_example_in_the_docs_runs(port, tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("9880", str(port)), str(DOCS), "exec"), {"__name__": "__main__"})
    sound, rate = soundfile.read(tmp_path / "hello.wav")
    assert rate == 32_000
    assert len(sound) > 0.3 * rate


OMNI = "/v1/audio/speech/stream"
DONE = {"type": "input.done"}


def said(words):
    return {"type": "input.text", "text": words}


def test_omni(port, studio):
    async def run():
        async with connected(port, OMNI) as client:
            await client.tell({"type": "session.config", "voice": "slt", "language": "English"})
            await client.tell(said("Nice to "), said("meet you. Hello."), DONE)
            first = await client.hear("session.done")
            await client.tell(said("Again."), DONE, {"type": "session.close"})
            second = await client.hear("session.done")
            with pytest.raises(ConnectionClosed):
                await client.socket.recv()
            return first, second

    (events, sound), (again, _) = asyncio.run(run())
    assert [event["type"] for event in events] == ["audio.start", "audio.done", "session.done"]
    assert events[0]["sentence_text"] == "Nice to meet you. Hello."
    assert events[0]["format"] == "wav"
    assert events[1]["total_bytes"] == len(sound)
    assert events[2] == {"type": "session.done", "utterance_index": 0, "total_sentences": 1}
    assert sound[:4] == b"RIFF"
    assert [event["utterance_index"] for event in again] == [1, 1, 1]
    assert [asked.language for asked in studio.asked] == ["en", "en"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_omni_words(port, language):
    async def run():
        async with connected(port, OMNI) as client:
            config = {"type": "session.config", "response_format": "pcm", "stream_audio": True}
            await client.tell(config | {"word_timestamps": True, "language": language})
            await client.tell(said("Nice to meet you. Hello."), DONE)
            return await client.hear("session.done")

    events, sound = asyncio.run(run())
    assert sound == b""
    start, *chunks, last, done, _ = events
    assert start["type"] == "audio.start"
    assert start["word_timestamps"] is True
    assert {event["type"] for event in [*chunks, last]} == {"audio.chunk"}
    assert [event["chunk_id"] for event in [*chunks, last]] == list(range(len(chunks) + 1))
    data = b"".join(base64.b64decode(event["audio_b64"]) for event in chunks)
    assert done["total_bytes"] == len(data) == 2 * round(0.02 * 24 * 24_000)
    assert all(event["timestamps"] is None for event in chunks)
    ends = [event["chunk_end_ms"] for event in chunks]
    assert [event["chunk_start_ms"] for event in chunks] == [0, *ends[:-1]]
    assert (last["audio_b64"], last["chunk_end_ms"]) == ("", 480)
    if language == "zh":
        assert last["timestamps"] is None
        return
    words = [each["word"] for each in last["timestamps"]]
    assert words == ["Nice", "to", "meet", "you.", "Hello."]
    assert last["timestamps"][1] == {"word": "to", "start_ms": 100, "end_ms": 140}
    assert last["timestamps"][-1]["end_ms"] == 480


def test_omni_by_sentence(port):
    async def run():
        async with connected(port, OMNI) as client:
            config = {"type": "session.config", "response_format": "pcm", "stream_audio": True}
            await client.tell(config | {"split_granularity": "sentence"})
            await client.tell(said("One. Two"))
            first = await client.hear("audio.done")  # before all of the text is there
            await client.tell(said(" is longer. Thr"), said("ee"), DONE)
            return first, await client.hear("session.done")

    (events, sound), (rest, _) = asyncio.run(run())
    assert events[0]["sentence_text"] == "One."
    assert (events[0]["sample_rate"], events[0]["channels"]) == (24_000, 1)
    assert len(sound) == 2 * round(0.08 * 24_000)
    texts = [event["sentence_text"] for event in rest if event["type"] == "audio.start"]
    assert texts == ["Two is longer.", "Three"]
    assert rest[-1]["total_sentences"] == 3


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([said("No config.")], "session.config first"),
        ([{"type": "session.config", "word_timestamps": True}], "stream_audio"),
        ([{"type": "session.config", "stream_audio": True}], "pcm"),
        ([{"type": "session.config", "model": "v9"}], "does not exist"),
        (["{"], "not understood"),
    ],
)
def test_omni_mistakes_are_told(port, messages, words):
    async def run():
        async with connected(port, OMNI) as client:
            await client.tell(*messages)
            events, _ = await client.hear("error")
            assert words in events[-1]["message"]
            await client.tell({"type": "session.config"}, said("Goes on."), DONE)
            await client.hear("session.done")

    asyncio.run(run())


def test_omni_failure_goes_on(port, studio):
    async def run():
        async with connected(port, OMNI) as client:
            await client.tell({"type": "session.config"})
            studio.refuse = EngineError("broke")
            await client.tell(said("Hello."), DONE)
            events, _ = await client.hear("session.done")
            assert [e["error"] for e in events if e["type"] == "audio.done"] == [True]
            studio.refuse = None
            await client.tell(said("Hello."), DONE)
            events, sound = await client.hear("session.done")
            assert sound

    asyncio.run(run())


def test_omni_leaving_cancels(port, studio):
    studio.prepare = lambda performance: setattr(performance, "slow", 30)

    async def run():
        async with connected(port, OMNI) as client:
            await client.tell({"type": "session.config", "response_format": "pcm"})
            await client.tell(said("A sentence."), DONE)
            while not studio.performances:
                await asyncio.sleep(0.01)

    asyncio.run(run())
    end = time.monotonic() + 2
    while not studio.performances[0].cancelled:
        assert time.monotonic() < end
        time.sleep(0.01)
