"""The `openai` package, as it is, against the server behind a real socket."""

import base64
import io
import json

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI

pytest.importorskip("openai", reason="the openai package is not installed")

import openai

from myna.apps.server.dialects import openai as dialect
from toy_studio import ToyStudio, served


@pytest.fixture
def studio(tmp_path):
    return ToyStudio(tmp_path / "voices")


@pytest.fixture
def client(studio):
    app = FastAPI()
    app.include_router(dialect.router(studio))
    with served(app) as port:
        url = f"http://127.0.0.1:{port}/v1"
        with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as found:
            yield found


SAID = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello there."}


@pytest.mark.parametrize("name", ["mp3", "opus", "wav", "flac"])
def test_a_file(client, tmp_path, name):
    client.audio.speech.create(**SAID, response_format=name).write_to_file(tmp_path / "hello")
    sound, rate = soundfile.read(tmp_path / "hello")
    assert len(sound) / rate == pytest.approx(0.24, abs=0.1)


def test_streaming_response(client, tmp_path):
    create = client.audio.speech.with_streaming_response.create
    with create(**SAID, response_format="pcm", speed=0.5) as response:
        data = b"".join(response.iter_bytes(1024))
    assert len(data) == 2 * round(0.48 * 24_000)
    assert np.abs(np.frombuffer(data, "<i2")).max() > 5000
    with create(**SAID, instructions="Cheerful.") as response:
        response.stream_to_file(tmp_path / "hello.mp3")
        assert response.headers["x-ignored"] == "instructions"
    assert soundfile.info(tmp_path / "hello.mp3").duration == pytest.approx(0.24, abs=0.1)


def test_events(client):
    create = client.audio.speech.with_streaming_response.create
    with create(**SAID, stream_format="sse", response_format="wav") as response:
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line]
    assert lines.pop() == "[DONE]"
    events = [json.loads(line) for line in lines]
    data = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    sound, rate = soundfile.read(io.BytesIO(data))
    assert len(sound) / rate == pytest.approx(0.24, abs=0.01)
    assert events[-1]["usage"]["total_tokens"] == 18


def test_voice_by_id(client, studio):
    client.audio.speech.create(**{**SAID, "voice": {"id": "bdl"}})
    assert studio.asked[-1].voice == "bdl"


def test_errors_are_its_own(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.speech.create(**{**SAID, "model": "gpt-9"})
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    with pytest.raises(openai.BadRequestError, match="nobody"):
        client.audio.speech.create(**{**SAID, "voice": "nobody"})
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.speech.create(**SAID, speed=9)
    assert caught.value.param == "speed"


def test_models(client):
    assert [model.id for model in client.models.list()][:2] == ["tiny", "v2"]
    assert client.models.retrieve("tiny").object == "model"


def test_many_at_once(client):
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda index: (
                    client.audio.speech.create(
                        **{**SAID, "input": "word " * (index + 1)}, response_format="pcm"
                    ).content
                ),
                range(16),
            )
        )
    assert [len(data) for data in found] == [2 * round(0.1 * (i + 1) * 24_000) for i in range(16)]
