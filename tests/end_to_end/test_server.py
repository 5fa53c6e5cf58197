"""Real clients, as they are, against a real server: they are served, and hear what they asked for.

Nothing is replaced: `myna serve` runs in a process of its own with the model in the package, and
our own recogniser listens to what the clients get.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import httpx
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra server")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

import real_server
from myna.audio.pitch import pitch
from myna.datatypes import Audio
from real_server import Ear, RealServer, file, pcm

FOX = "The quick brown fox jumps over the lazy dog."
SHELLS = "She sells sea shells by the shore."
BIRDS = "Birds repeat what they hear."
STORY = f"{FOX} {SHELLS} {BIRDS}"
NEVER = "Seven green apples fell off that old truck yesterday, and nobody came back for them."
SEED = 7
HIGH, LOW = "kathleen", "darshan"
"""Voices, by pitch."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with real_server.real_server(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def client(server: RealServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as found:
        yield found


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear()


@pytest.fixture(scope="module")
def says(ear: Ear) -> Callable[[Audio, str], None]:
    """Fails if other words are heard than were asked for."""

    def check(sound: Audio, text: str) -> None:
        assert ear.hears(sound, text)
        for other in (FOX, SHELLS, BIRDS, NEVER):
            assert other in text or not ear.hears(sound, other), other

    return check


class TestOpenai:
    """The package `openai`."""

    @pytest.fixture
    def openai(self, server: RealServer) -> Iterator[Any]:
        package = pytest.importorskip("openai", reason="needs the package openai")
        with package.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as found:
            yield found

    @pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
    def test_every_format_says_the_text(self, openai, says, kind):
        if kind == "aac":
            pytest.importorskip("av", reason="aac needs the extra media")
        answer = openai.audio.speech.create(
            model="tts-1", voice="alloy", input=FOX, response_format=kind, extra_body={"seed": SEED}
        )
        says((pcm if kind == "pcm" else file)(answer.read()), FOX)

    def test_sound_comes_before_it_is_all_made(self, openai, says):
        began = time.monotonic()
        times, pieces = [], []
        with openai.audio.speech.with_streaming_response.create(
            model="tiny", voice=LOW, input=STORY, response_format="pcm"
        ) as response:
            for piece in response.iter_bytes():
                times.append(time.monotonic() - began)
                pieces.append(piece)
        assert len(pieces) > 3
        assert times[0] < 0.7 * times[-1]
        says(pcm(b"".join(pieces)), STORY)

    def test_what_is_wrong_is_told_as_openai_does(self, openai):
        import openai as package

        create = openai.audio.speech.create
        with pytest.raises(package.NotFoundError) as caught:
            create(model="gpt-9", voice="alloy", input=FOX)
        assert caught.value.code == "model_not_found"
        with pytest.raises(package.BadRequestError) as caught:
            create(model="tiny", voice="nobody at all", input=FOX)
        assert caught.value.param == "voice"
        with pytest.raises(package.BadRequestError):
            create(model="tiny", voice="alloy", input="")
        with pytest.raises(package.BadRequestError):
            create(model="tiny", voice="alloy", input=FOX, speed=40.0)

    def test_models(self, openai):
        assert "tiny" in [model.id for model in openai.models.list()]
        assert openai.models.retrieve("tiny").id == "tiny"


class TestOldClients:
    """Clients of `api_v2.py` and `api.py`, each with an HTTP client of its own."""

    def test_get(self, client, says):
        answer = client.get("/tts", params={"text": FOX, "text_lang": "en"})
        assert answer.headers["content-type"] == "audio/wav"
        assert int(answer.headers["content-length"]) == len(answer.content)
        says(file(answer.content), FOX)

    def test_a_recording_is_cloned(self, client, server, says):
        body = {
            "text": FOX,
            "text_lang": "en",
            "ref_audio_path": str(server.clip),
            "prompt_lang": "en",
            "prompt_text": "",
            "streaming_mode": 2,
            "media_type": "raw",
            "seed": SEED,
        }
        with client.stream("POST", "/tts", json=body) as answer:
            assert answer.status_code == 200
            rate = int(answer.headers["x-sample-rate"])
            sound = pcm(b"".join(answer.iter_bytes()), rate)
        says(sound, FOX)
        body["ref_audio_path"] = str(server.folder / "log")
        refused = client.post("/tts", json=body)
        assert refused.status_code == 400
        assert str(server.folder) not in refused.text

    def test_each_chunk_of_ogg_is_a_file(self, client, ear):
        body = {"text": STORY, "text_lang": "en", "media_type": "ogg", "streaming_mode": "true"}
        with client.stream("POST", "/", json=body) as answer:
            sounds = [file(chunk) for chunk in answer.iter_raw()]
        assert len(sounds) == 3
        for sound, text in zip(sounds, (FOX, SHELLS, BIRDS), strict=True):
            assert ear.hears(sound, text)

    def test_a_streamed_wav_plays(self, client, says):
        body = {"text": FOX, "text_lang": "en", "streaming_mode": 1}
        says(file(client.post("/tts", json=body).content), FOX)

    def test_version_one(self, client, server, says):
        body = {"text": SHELLS, "text_language": "英文", "refer_wav_path": str(server.clip)}
        body |= {"prompt_text": "", "prompt_language": "en", "speed": 1.0}
        says(file(client.post("/", json=body).content), SHELLS)

    def test_a_default_recording(self, client, server, says):
        changed = client.get("/set_refer_audio", params={"refer_audio_path": str(server.clip)})
        assert changed.json() == {"message": "success"}
        own = client.get("/tts", params={"text": FOX, "text_lang": "en", "seed": SEED})
        named = client.get("/tts", params={"text": FOX, "voice": HIGH, "seed": SEED})
        says(file(own.content), FOX)
        assert own.content != named.content
        back = client.get("/set_refer_audio", params={"refer_audio_path": HIGH})
        assert back.status_code == 200


class TestWyoming:
    """The package with which Home Assistant asks."""

    @pytest.fixture(autouse=True)
    def package(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it takes audioop if there is one
            pytest.importorskip("wyoming.audio", reason="needs the package wyoming")

    def test_it_is_described(self, server):
        from wyoming.info import Info

        (answer,) = self.asked(server, [self.event("info.Describe")], "info")
        (program,) = Info.from_event(answer).tts
        assert {HIGH, LOW} <= {voice.name for voice in program.voices}
        assert program.supports_synthesize_streaming

    def test_a_text(self, server, says):
        from wyoming.tts import SynthesizeVoice

        text = self.event("tts.Synthesize", FOX, SynthesizeVoice(name=LOW))
        told = self.asked(server, [text], "audio-stop")
        says(self.sound(told), FOX)

    def test_a_text_that_is_still_being_written(self, server, says):
        words = [self.event("tts.SynthesizeChunk", word + " ") for word in STORY.split()]
        start = self.event("tts.SynthesizeStart")
        end = [self.event("tts.SynthesizeStop")]
        told = self.asked(server, [start, *words, *end], "synthesize-stopped")
        assert [event.type for event in told].count("audio-start") == 3
        says(self.sound(told), STORY)

    def asked(self, server, events, last):
        from wyoming.client import AsyncTcpClient

        async def ask():
            async with AsyncTcpClient("127.0.0.1", server.wyoming_port) as talk:
                for event in events:
                    await talk.write_event(event)
                told = []
                while not told or told[-1].type not in (last, "error"):
                    told.append(await talk.read_event())
                return told

        return asyncio.run(asyncio.wait_for(ask(), 60))

    def event(self, kind, *arguments, **named):
        module, _, kind = kind.partition(".")
        return getattr(import_module(f"wyoming.{module}"), kind)(*arguments, **named).event()

    def sound(self, events):
        from wyoming.audio import AudioChunk

        chunks = [AudioChunk.from_event(each) for each in events if each.type == "audio-chunk"]
        assert {(chunk.width, chunk.channels) for chunk in chunks} == {(2, 1)}
        return pcm(b"".join(chunk.audio for chunk in chunks), chunks[0].rate)


class TestTalk:
    """The package `websockets`."""

    def test_the_first_sentence_is_heard_while_the_second_is_written(self, server, says):
        package = pytest.importorskip("websockets.sync.client", reason="needs websockets")
        sound, events, two = bytearray(), [], f"{FOX} {SHELLS}"

        def receive(talk, until):
            while not events or events[-1]["type"] != until:
                frame = talk.recv(60)
                if isinstance(frame, bytes):
                    sound.extend(frame)
                else:
                    events.append(json.loads(frame))
                    assert events[-1]["type"] != "error", events[-1]

        with package.connect(f"ws://127.0.0.1:{server.port}/api/v1/talk") as talk:
            talk.send(json.dumps({"type": "start", "voice": HIGH, "sampling": {"seed": SEED}}))
            for word in two.split():
                talk.send(json.dumps({"type": "text", "text": word + " "}))
            receive(talk, "sentence")
            rate = events[0]["rate"]
            says(pcm(bytes(sound), rate), FOX)
            talk.send(json.dumps({"type": "finish"}))
            receive(talk, "finished")
        said = [each["text"].strip() for each in events if each["type"] == "sentence"]
        assert said == [FOX, SHELLS]
        whole = pcm(bytes(sound), rate)
        assert whole.seconds == pytest.approx(events[-1]["seconds"], abs=0.01)
        says(whole, two)


class TestWhatIsHeard:
    def test_a_voice_is_the_one_that_was_named(self, client):
        heights = {}
        for voice in (HIGH, LOW):
            answer = client.post("/api/v1/speech", json={"text": FOX, "voice": voice})
            heights[voice] = pitch(file(answer.content)).median
        assert heights[HIGH] > 1.3 * heights[LOW]

    def test_the_same_seed_says_the_same_on_every_route(self, client, server):
        body = {"model": "tiny", "input": STORY, "voice": LOW, "seed": SEED}
        tts = {"text": STORY, "text_lang": "en", "voice": LOW, "seed": SEED}
        own = {"text": STORY, "voice": LOW, "sampling": {"seed": SEED}}
        unheard = own | {"guard": {"check": False}}

        def openai(**more: Any) -> Audio:
            return pcm(client.post("/v1/audio/speech", json=body | more).content)

        def old(**more: Any) -> Audio:
            answer = client.post("/tts", json=tts | more)
            return (pcm if more.get("media_type") == "raw" else file)(answer.content)

        def ours(**more: Any) -> Audio:
            return file(client.post("/api/v1/speech", json=unheard | more).content)

        def events() -> Audio:
            asked = {"response_format": "pcm", "stream_format": "sse"}
            lines = client.post("/v1/audio/speech", json=body | asked).text.splitlines()
            told = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
            return pcm(b"".join(base64.b64decode(each.get("audio", "")) for each in told))

        def talk() -> Audio:
            package = pytest.importorskip("websockets.sync.client", reason="needs websockets")
            with package.connect(f"ws://127.0.0.1:{server.port}/api/v1/talk") as talking:
                settings = {"voice": LOW, "sampling": {"seed": SEED}}
                talking.send(json.dumps({"type": "start"} | settings))
                talking.send(json.dumps({"type": "text", "text": STORY}))
                talking.send(json.dumps({"type": "finish"}))
                frames = []
                while not frames or "finished" not in str(frames[-1]):
                    frames.append(talking.recv(60))
            return pcm(b"".join(frame for frame in frames if isinstance(frame, bytes)))

        wav = client.post("/v1/audio/speech", json=body | {"response_format": "wav"})
        listened = [old(), file(wav.content), old(media_type="flac")]
        sentences = [ours(), old(media_type="raw", streaming_mode=1), old(streaming_mode=1)]
        for group in (listened, sentences):
            for other in group[1:]:
                assert other.rate == group[0].rate
                np.testing.assert_array_equal(other.samples, group[0].samples)
        # Rounding of the pitch adds up in pieces: 57 to 80 dB below the speech.
        for pieces in (
            openai(response_format="pcm"),
            events(),
            talk(),
            old(media_type="raw", streaming_mode=3),
            old(streaming_mode=2),
            ours(stream=True),
        ):
            assert pieces.rate == sentences[0].rate
            difference = pieces.samples - sentences[0].samples
            assert np.square(difference).sum() < 1e-5 * np.square(pieces.samples).sum()
        again = client.post("/api/v1/speech", json=unheard | {"sampling": {"seed": SEED + 1}})
        assert not np.array_equal(file(again.content).samples, sentences[0].samples)

    def test_many_at_once_hear_what_each_would_alone(self, client):
        def said(seed: int) -> bytes:
            voice = (HIGH, LOW)[seed % 2]
            body = {"text": SHELLS, "voice": voice, "sampling": {"seed": seed}}
            return client.post("/api/v1/speech", json=body).content

        alone = [said(seed) for seed in range(4)]
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(said, [*range(4), *range(4)]))
        assert together == alone + alone
        assert len(set(alone)) == 4
