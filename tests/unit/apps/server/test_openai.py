"""The OpenAI dialect: what clients of it and of its kin send, and the shape of every answer."""

import base64
import io
import json

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI

from myna.apps.server.dialects import openai
from myna.audio import recordings
from myna.audio.encoders import encode
from myna.datatypes import Audio
from myna.errors import BusyError, EngineError
from toy_studio import ToyStudio, call

SAID = {"model": "tts-1", "input": "Hello there.", "voice": "alloy"}


class Server:
    def __init__(self, folder):
        self.studio = ToyStudio(folder / "voices")
        self.app = FastAPI()
        self.app.include_router(openai.router(self.studio))

    def __call__(self, method, path, **how):
        return call(self.app, method, path, **how)

    def say(self, **fields):
        return self("POST", "/v1/audio/speech", json=SAID | fields)

    @property
    def asked(self):
        return self.studio.asked[-1]


@pytest.fixture
def server(tmp_path):
    return Server(tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mp3", "audio/mpeg"),
        ("opus", "audio/ogg; codecs=opus"),
        ("flac", "audio/flac"),
        ("wav", "audio/wav"),
    ],
)
def test_whole_files(server, name, kind):
    answer = server.say(response_format=name)
    assert answer.headers["content-type"] == kind
    assert "content-length" in answer.headers
    sound, rate = soundfile.read(io.BytesIO(answer.content))
    assert len(sound) / rate == pytest.approx(0.24, abs=0.1)
    assert not server.asked.stream


def test_mp3_is_the_default(server):
    assert server.say().headers["content-type"] == "audio/mpeg"
    assert server.say(response_format=None).headers["content-type"] == "audio/mpeg"


def test_pcm_comes_at_24_khz_as_it_is_made(server):
    answer = server.say(response_format="pcm")
    assert answer.headers["content-type"] == "audio/pcm"
    assert "content-length" not in answer.headers
    assert len(answer.content) == 2 * round(0.24 * 24_000)
    assert answer.headers["x-sample-rate"] == "24000"
    assert np.abs(np.frombuffer(answer.content, "<i2")).max() > 5000
    assert "content-length" in server.say(response_format="pcm", stream=False).headers


@pytest.mark.parametrize("how", [{"stream_format": "audio"}, {"stream": True}])
def test_streams_if_asked(server, how):
    answer = server.say(response_format="wav", **how)
    assert "content-length" not in answer.headers
    assert server.asked.stream


@pytest.mark.parametrize("name", ["wav", "mp3", "pcm", "flac"])
def test_events_are_one_file(server, name):
    answer = server.say(response_format=name, stream_format="sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    *lines, end = [line for line in answer.text.split("\n\n") if line]
    assert end == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    data = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    if name == "pcm":
        sound, rate = np.frombuffer(data, "<i2"), 24_000
    else:
        audio = recordings.read(data)
        sound, rate = audio.samples, audio.rate
    assert len(sound) / rate == pytest.approx(0.24, abs=0.1)
    usage = {"input_tokens": 12, "output_tokens": 6, "total_tokens": 18}
    assert events[-1] == {"type": "speech.audio.done", "usage": usage}
    assert server.studio.performances[0].cancelled


def test_events_tell_of_a_failure(server):
    def prepare(performance):
        class Broken(type(performance)):
            async def __aiter__(self):
                async for piece in super().__aiter__():
                    yield piece
                    raise EngineError("It broke.")

        performance.__class__ = Broken

    server.studio.prepare = prepare
    answer = server.say(response_format="pcm", stream_format="sse")
    last = json.loads([line for line in answer.text.split("\n\n") if line][-1][6:])
    assert (last["type"], last["error"]["message"]) == ("error", "It broke.")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("alloy", "kathleen"),
        ("Nova", "slt"),
        ({"id": "bdl"}, "bdl"),
        ("slt", "slt"),
        (None, ""),
        ("alloy(2)+echo", "kathleen(2)+bdl(1)"),
    ],
)
def test_voices_by_name(server, given, expected):
    assert server.say(voice=given).status_code == 200
    assert server.asked.voice == expected


def test_a_voice_of_the_library_goes_first(server):
    files = {"audio_sample": b"sound"}
    server("POST", "/v1/audio/voices", data={"name": "alloy"}, files=files)
    server.say()
    assert server.asked.voice == "alloy"


def test_all_names_of_openai_speak(server):
    for name in openai.VOICES:
        assert server.say(voice=name).status_code == 200
        assert server.asked.voice in ("bdl", "darshan", "kathleen", "slt")


@pytest.mark.parametrize(
    ("asked", "said"), [(0.25, 0.5), (1, 1.0), (1.5, 1.5), (4.0, 2.0), (None, 1.0)]
)
def test_speed_is_brought_into_our_range(server, asked, said):
    answer = server.say(speed=asked)
    assert server.asked.delivery.speed == said
    assert answer.headers["x-speed"] == f"{said:g}"


def test_instructions_are_noted(server):
    assert server.say(instructions="Whisper.").headers["x-ignored"] == "instructions"
    assert "x-ignored" not in server.say().headers


@pytest.mark.parametrize(
    ("model", "expected"),
    [("tts-1-hd", ""), ("gpt-4o-mini-tts-2025-12-15", ""), ("v2", "v2"), ("", ""), (None, "")],
)
def test_models_by_name(server, model, expected):
    assert server.say(model=model).status_code == 200
    assert server.asked.model == expected


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"model": "gpt-9"}, 404, "model", "model_not_found"),
        ({"voice": "nobody"}, 400, "voice", "voice_not_found"),
        ({"input": ""}, 400, "input", None),
        ({"input": None}, 400, "input", None),
        ({"speed": 5}, 400, "speed", None),
        ({"speed": "fast"}, 400, "speed", None),
        ({"response_format": "silk"}, 400, "response_format", None),
        ({"stream_format": "video"}, 400, "stream_format", None),
        ({"language": "Klingon"}, 400, None, None),
        ({"ref_audio": "http://example.com/a.wav"}, 400, None, None),
        ({"ref_audio": "data:audio/wav;base64,?"}, 400, "ref_audio", "invalid_audio"),
        ({"instructions": "x" * 4097}, 400, "instructions", None),
        ({"voice": "a(0)+b"}, 400, None, None),
    ],
)
def test_mistakes(server, fields, status, param, code):
    answer = server.say(**fields)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


def test_failures(server):
    server.studio.refuse = BusyError("Full.")
    answer = server.say()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"]["type"] == "rate_limit_error"
    server.studio.refuse = EngineError("It broke.")
    answer = server.say(stream_format="sse")
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")


def test_what_livetalking_sends(server):
    body = {
        "input": "Hello there.",
        "voice": "slt",
        "response_format": "pcm",
        "speed": 1.0,
        "language": "Auto",
        "task_type": "CustomVoice",
        "stream": True,
    }
    answer = server("POST", "/v1/audio/speech", json=body)
    assert (answer.status_code, len(answer.content)) == (200, 2 * round(0.24 * 24_000))
    assert (server.asked.language, server.asked.voice) == ("auto", "slt")


def test_what_sillytavern_sends(server):
    body = {
        "model": "tts-1",
        "input": "Hi.",
        "voice": "alloy",
        "response_format": "mp3",
        "speed": 1,
    }
    assert server("POST", "/v1/audio/speech", json=body).status_code == 200


@pytest.mark.parametrize("prefix", ["data:audio/wav;base64,", ""])
def test_cloning(server, prefix):
    data = encode(Audio(np.zeros(500, np.float32), 16_000), "wav")
    reference = prefix + base64.b64encode(data).decode()
    answer = server.say(ref_audio=reference, ref_text="Hm.", task_type="Base", language="English")
    assert answer.status_code == 200, answer.text
    (clip,) = server.asked.clips
    assert (clip.data, clip.text) == (data, "Hm.")
    assert server.asked.language == "en"
    server.say(ref_audio=[reference, reference], ref_text="Hm.", x_vector_only_mode=True)
    assert [clip.text for clip in server.asked.clips] == ["", ""]


def test_lists(server):
    names = [model["id"] for model in server("GET", "/v1/models").json()["data"]]
    assert names == ["tiny", "v2", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    assert server("GET", "/v1/models/v2").json()["object"] == "model"
    assert server("GET", "/v1/models/v9").json()["error"]["code"] == "model_not_found"
    assert server("GET", "/v1/audio/models").json()["models"][0] == {"id": "tiny", "name": "tiny"}
    voices = server("GET", "/v1/audio/voices").json()["voices"]
    assert {"id": "slt", "name": "slt"}.items() <= voices[-1].items()


@pytest.mark.parametrize("field", ["audio_sample", "file"])
def test_voices_come_and_go(server, field):
    facts = {"name": "anna", "consent": "cons_1", "ref_text": "Hello.", "language": "English"}
    made = server("POST", "/v1/audio/voices", data=facts, files={field: b"sound"})
    assert made.status_code == 200, made.text
    found = made.json()
    assert (found["success"], found["object"], found["name"]) == (True, "audio.voice", "anna")
    assert found["voice"]["consent"] == "cons_1"
    (clip,) = server.studio.cloned
    assert (clip.data, clip.text, clip.language) == (b"sound", "Hello.", "en")
    assert server.studio.library.get("anna").consent == "cons_1"
    assert server("DELETE", "/v1/audio/voices/anna").json()["deleted"] is True
    gone = server("DELETE", "/v1/audio/voices/anna")
    assert (gone.status_code, "error" in gone.json()) == (404, True)
    assert server("DELETE", "/v1/audio/voices/slt").status_code == 400


def test_upload_without_a_recording(server):
    answer = server("POST", "/v1/audio/voices", data={"name": "anna"})
    assert (answer.status_code, "audio_sample" in answer.text) == (400, True)


def test_phonemize(server):
    body = {"text": "Hello there.", "language": "a"}
    found = server("POST", "/dev/phonemize", json=body).json()
    assert found["phonemes"].split()[:4] == ["HH", "AH0", "L", "OW1"]
    assert len(found["tokens"]) == len(found["phonemes"].split())
    empty = server("POST", "/dev/phonemize", json={"text": "?", "language": "a"})
    assert (empty.status_code, empty.json()["error"]["param"]) == (400, "input")


def test_captioned_speech(server):
    body = {"model": "kokoro", "input": "One is here. Two is there.", "voice": "slt"}
    unknown = server("POST", "/dev/captioned_speech", json=body)
    assert unknown.status_code == 404
    body |= {"model": "tts-1", "response_format": "wav", "stream": True}
    found = server("POST", "/dev/captioned_speech", json=body).json()
    assert base64.b64decode(found["audio"])[:4] == b"RIFF"
    assert found["audio_format"] == "audio/wav"
    assert [each["word"] for each in found["timestamps"]] == body["input"].split()
    starts = [each["start_time"] for each in found["timestamps"]]
    assert starts == pytest.approx([0.0, 0.08, 0.14, 0.26, 0.34, 0.4])
    assert found["timestamps"][0]["end_time"] == pytest.approx(0.06)
    unknown = server("POST", "/dev/captioned_speech", json=body | {"lang_code": "z"}).json()
    assert [each["start_time"] for each in unknown["timestamps"]] == pytest.approx([0.0, 0.26])


def test_description_is_complete(server):
    for path, methods in server.app.openapi()["paths"].items():
        for method, one in methods.items():
            assert {"4XX", "5XX"} <= set(one["responses"]), f"{method} {path}"
