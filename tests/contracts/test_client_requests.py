"""Every request that a known client sends is answered with sound that this client can play."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi", reason="the server is an extra")
pytest.importorskip("httpx", reason="clients are played with it")
pytest.importorskip("av", reason="answers are decoded with it")

sys.path.insert(0, str(Path(__file__).parent))

import clients
from clients import EXCHANGES, Exchange, Server


@pytest.fixture(scope="module", params=["tone", "tiny"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The dialects over a studio that says everything as a tone; and the real server."""
    if request.param == "tone":
        with clients.toned() as server:
            yield server
    else:
        with clients.real(tmp_path_factory.mktemp("recordings")) as server:
            yield server


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.client)
def test_a_client_hears_what_it_asked_for(server: Server, exchange: Exchange) -> None:
    response = server.send(exchange)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == exchange.media
    assert ("content-length" in response.headers) is not exchange.streamed
    rate = int(response.headers["x-sample-rate"])
    assert int(response.headers["x-seed"]) >= 0
    sound, heard_rate = heard(response.content, exchange.media, rate)
    assert heard_rate == rate
    assert len(sound) / rate > 0.9
    assert np.abs(sound).max() > 0.05


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.client)
def test_it_becomes_the_request_it_means(exchange: Exchange) -> None:
    with clients.toned() as server:
        assert server.send(exchange).status_code == 200
        (asked,) = server.asked
        wanted = exchange.filled(server.reference, server.voice)
    assert asked.text == clients.TEXT
    assert asked.stream is exchange.streamed
    assert asked.sampling.seed is None
    for name, value in wanted.like.items():
        assert getattr(asked, name) == value, name
    if exchange.voice:
        assert (
            asked.voice == server.voice or asked.clips[0].path == f"./参考音频/{server.voice}.wav"
        )
    else:
        (clip,) = asked.clips
        assert clip.path == server.reference
        assert clip.text == ""


def test_living_chunks_are_files_of_their_own(server: Server) -> None:
    (exchange,) = (each for each in EXCHANGES if each.client.startswith("LiveTalking"))
    chunks = server.chunks(exchange)
    assert chunks
    whole = 0
    for chunk in chunks:  # as `sf.read(BytesIO(chunk))` in its stream_tts
        sound, rate = soundfile.read(io.BytesIO(chunk))
        whole += len(sound) / rate
    assert whole > 0.9


def test_the_first_44_bytes_are_a_header_that_tells_the_rate(server: Server) -> None:
    (exchange,) = (each for each in EXCHANGES if each.client.startswith("sovits-widget"))
    response = server.send(exchange)
    header, sound = response.content[:44], response.content[44:]
    assert (header[:4], header[8:12], header[36:40]) == (b"RIFF", b"WAVE", b"data")
    assert struct.unpack("<I", header[24:28])[0] == int(response.headers["x-sample-rate"])
    assert struct.unpack("<I", header[40:44])[0] > len(sound)  # plays to its end
    assert np.abs(np.frombuffer(sound, "<i2")).max() > 1000


def test_speakers_as_sillytavern_lists_them(server: Server) -> None:
    speakers = server.client.get("/speakers").json()
    assert server.voice in [each["name"] for each in speakers]
    assert all(set(each) == {"name", "voice_id"} for each in speakers)
    names = [each["name"] for each in speakers]
    assert server.client.get("/speakers_list").json() == names
    assert server.client.get("/character_list").json() == {name: ["default"] for name in names}


def test_videolingo_finds_the_server(server: Server) -> None:
    assert server.client.get("/ping").status_code == 200


def test_the_widget_finds_the_server(server: Server) -> None:
    response = server.client.get("/control", params={"command": "ping"})
    assert (response.status_code, response.json()) == (200, None)
    told = server.client.get("/tts")
    assert (told.status_code, told.json()) == (400, {"message": "text is required"})


def test_astrbot_starts_with_its_weights_in_whatever_case(server: Server) -> None:
    for route in ("/set_gpt_weights", "/set_sovits_weights"):
        path = "/models/TINY.ckpt".lower()
        response = server.client.get(route, params={"weights_path": path})
        assert (response.status_code, response.json()) == (200, {"message": "success"})


def test_a_dummy_path_of_weights_shows_that_the_server_lives(server: Server) -> None:
    response = server.client.get("/set_gpt_weights", params={"weights_path": "/tmp/dummy"})
    assert response.status_code == 400
    assert response.json()["message"] == "change gpt weight failed"


def test_setting_the_reference_is_tried_until_it_works(server: Server) -> None:
    response = server.client.get("/set_refer_audio", params={"refer_audio_path": server.reference})
    assert (response.status_code, response.json()) == (200, {"message": "success"})
    spoken = server.client.post("/tts", json={"text": clients.TEXT, "text_lang": "en"})
    assert spoken.status_code == 200


def heard(data: bytes, media: str, rate: int) -> tuple[Any, int]:
    """The sound of an answer, as its client reads it."""
    if media == "audio/raw":
        return np.frombuffer(data, "<i2") / 32768, rate
    read = [decoded(each) for each in files_of(data, media)]
    return np.concatenate([sound for sound, _ in read]), read[0][1]


def files_of(data: bytes, media: str) -> list[bytes]:
    """Ogg files may follow one another, and players play all of them: libsndfile reads one."""
    if media != "audio/ogg":
        return [data]
    begins = [at for at in positions(data, b"OggS") if data[at + 5] & 2]  # first page of a file
    return [data[start:end] for start, end in zip(begins, [*begins[1:], len(data)], strict=True)]


def positions(data: bytes, mark: bytes) -> list[int]:
    found = [data.find(mark)]
    while found[-1] >= 0:
        found.append(data.find(mark, found[-1] + 1))
    return found[:-1]


def decoded(data: bytes) -> tuple[Any, int]:
    """As browsers and players do, which ask no stream for its length."""
    import av

    with av.open(io.BytesIO(data)) as file:
        (stream,) = file.streams
        resampler = av.AudioResampler(format="flt", layout="mono")
        frames = [each for frame in file.decode(stream) for each in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]), stream.rate
