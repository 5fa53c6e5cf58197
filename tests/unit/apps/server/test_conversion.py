"""Recordings in another voice: by forms, in the studio, and beside those who speak."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi")

import httpx
from fastapi import FastAPI
from starlette.testclient import TestClient

from myna.apps.library import Library
from myna.apps.server.app import create
from myna.apps.server.dialects import own
from myna.apps.server.jobs import Jobs
from myna.apps.server.performance import Figures
from myna.apps.server.requests import Clip, SpeechRequest
from myna.apps.server.settings import ServerSettings
from myna.apps.server.studio import Studio
from myna.audio.encoders import encode
from myna.datatypes import Audio, Sampling
from myna.errors import AudioError, BusyError, DeadlineError, EngineError, VoiceError
from myna.synthesis.pool import Pool
from myna.synthesis.speaker import Myna
from toy_studio import ToyStudio, call

TEXT = "We keep the little boat beside the wooden bridge."


@pytest.fixture(scope="module")
def said() -> Audio:
    return Myna.load("tiny").speak(TEXT, "kathleen", sampling=Sampling(seed=3)).audio


@pytest.fixture(scope="module")
def file(said: Audio) -> bytes:
    return encode(said, "flac")


class TestForm:
    """What comes in and goes out, with a studio that hums."""

    @pytest.fixture
    def studio(self, tmp_path: Path) -> ToyStudio:
        return ToyStudio(tmp_path / "voices")

    @pytest.fixture
    def ask(self, studio: ToyStudio, tmp_path: Path) -> Callable[..., httpx.Response]:
        app = FastAPI()
        app.include_router(own.router(studio, Jobs(tmp_path / "jobs")))  # type: ignore[arg-type]

        def ask(data: bytes | None = b"RIFF", **fields: Any) -> httpx.Response:
            files = {} if data is None else {"recording": ("a.wav", data, "audio/wav")}
            return call(app, "POST", "/api/v1/conversion", data=fields, files=files)

        return ask

    def test_fields_and_sound(self, ask: Callable[..., httpx.Response], studio: ToyStudio) -> None:
        answer = ask(
            b"RIFF a recording",
            voice="slt",
            text="Hello there.",
            language="en",
            model="v2",
            container="flac",
            rate="16000",
            seed="9",
        )
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "audio/flac"
        assert (answer.headers["x-seed"], answer.headers["x-sample-rate"]) == ("9", "16000")
        sound, rate = soundfile.read(io.BytesIO(answer.content))
        assert (rate, len(sound)) == (16_000, round(0.02 * 12 * 16_000))
        assert studio.converted == Clip(
            data=b"RIFF a recording", text="Hello there.", language="en"
        )
        (asked,) = studio.asked
        assert (asked.voice, asked.model, asked.sampling.seed) == ("slt", "v2", 9)

    def test_what_is_left_out(self, ask: Callable[..., httpx.Response], studio: ToyStudio) -> None:
        answer = ask()
        assert answer.headers["content-type"] == "audio/wav"
        assert answer.headers["x-seed"] == "7"
        assert studio.converted == Clip(data=b"RIFF")

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"data": None}, "recording"),
            ({"container": "avi"}, "container"),
            ({"seed": "-1"}, "seed"),
            ({"seed": str(2**63)}, "seed"),
            ({"rate": "100"}, "rate"),
        ],
    )
    def test_mistakes_name_the_field(
        self, ask: Callable[..., httpx.Response], fields: dict[str, Any], param: str
    ) -> None:
        answer = ask(**fields)
        assert answer.status_code == 422
        assert answer.json()["error"]["param"] == param

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (AudioError("The recording is silent."), 400),
            (VoiceError("There is no such voice."), 400),
            (BusyError("Too many."), 429),
            (DeadlineError("Too late."), 503),
            (EngineError("It broke."), 500),
        ],
    )
    def test_errors_have_their_shape(
        self,
        ask: Callable[..., httpx.Response],
        studio: ToyStudio,
        error: Exception,
        status: int,
    ) -> None:
        studio.refuse = error  # type: ignore[assignment]
        answer = ask()
        assert answer.status_code == status
        assert answer.json()["error"] == {
            "type": type(error).__name__,
            "message": str(error),
            "param": None,
        }


def run(
    folder: Path, what: Callable[[Studio, list[Figures]], Awaitable[None]], **settings: Any
) -> None:
    async def whole() -> None:
        told: list[Figures] = []
        studio = Studio(ServerSettings(**settings), Library(folder), Pool(), told.append)
        await studio.begin()
        told.clear()
        try:
            await what(studio, told)
        finally:
            await studio.close()

    asyncio.run(whole())


class TestStudio:
    """With `tiny`."""

    def test_beside_others(self, tmp_path: Path, said: Audio, file: bytes) -> None:
        async def check(studio: Studio, told: list[Figures]) -> None:
            clip = Clip(data=file, text=TEXT)
            speaking = asyncio.create_task(
                (await studio.start(SpeechRequest(text=TEXT, stream=True))).speech()
            )
            speech = await studio.convert(clip, voice="darshan", seed=4)
            assert (await speaking).audio.samples.any()
            alone = Myna.load("tiny").convert(said, "darshan", text=TEXT, seed=4)
            assert len(speech.audio.samples) == len(alone.audio.samples)
            difference = np.square(speech.audio.samples - alone.audio.samples).mean()
            assert difference < 1e-4 * np.square(alone.audio.samples).mean()
            (figures,) = [each for each in told if each.voice == "darshan"]
            assert figures.audio_seconds == pytest.approx(said.seconds)
            assert (figures.characters, figures.cancelled, figures.error) == (
                len(TEXT),
                False,
                None,
            )

        run(tmp_path, check)

    def test_refused(self, tmp_path: Path, said: Audio, file: bytes) -> None:
        async def check(studio: Studio, told: list[Figures]) -> None:
            with pytest.raises(AudioError, match=r"1\.5 s|longer"):
                await studio.convert(Clip(data=file))
            with pytest.raises(VoiceError, match="no voice"):
                await studio.convert(Clip(data=file), voice="nobody")
            with pytest.raises(AudioError):
                await studio.convert(Clip(data=b"no recording"))
            assert [type(each.error) for each in told] == [AudioError, AudioError]

        run(tmp_path, check, most_conversion_seconds=1.5)

    def test_those_who_wait_are_bounded_and_may_leave(
        self, tmp_path: Path, file: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def check(studio: Studio, told: list[Figures]) -> None:
            waiting = [
                asyncio.create_task(studio.convert(Clip(data=file), voice="bdl")) for _ in range(3)
            ]
            await asyncio.sleep(0.2)
            with pytest.raises(BusyError, match="Too many recordings"):
                await studio.convert(Clip(data=file))
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert [each.cancelled for each in told] == [True] * 3
            for _ in range(200):
                await asyncio.sleep(0.02)
                if not any(each.busy for each in studio.pool.loaded):
                    break
            assert not any(each.busy for each in studio.pool.loaded)
            assert (await studio.convert(Clip(data=file), voice="bdl")).audio.samples.any()

        run(tmp_path, check, most_waiting=1)


def test_the_whole_way(said: Audio, file: bytes) -> None:
    client = TestClient(
        create(ServerSettings()), base_url="http://127.0.0.1:9880", client=("127.0.0.1", 50_000)
    )
    with client:
        answer = client.post(
            "/api/v1/conversion",
            data={"voice": "darshan"},
            files={"recording": ("a.flac", file)},
        )
        assert answer.status_code == 200, answer.text
        sound, rate = soundfile.read(io.BytesIO(answer.content))
        assert len(sound) / rate == pytest.approx(said.seconds, abs=1e-3)
        assert np.abs(sound).max() > 0.05
        mute = encode(Audio(np.zeros(24_000, np.float32), 24_000), "wav")
        answer = client.post("/api/v1/conversion", files={"recording": ("a.wav", mute)})
        assert answer.status_code == 400
        assert "silent" in answer.json()["error"]["message"]
