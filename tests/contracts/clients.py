"""What clients of other servers send, word for word, and servers to send it to.

Each `Exchange` is one request as the client's own code makes it; where it leaves a value to its
user, that of its default settings. `{reference}` stands for a recording that the server may read,
`{voice}` for the name of a voice.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from myna.apps.server.casting import VoiceCard
from myna.apps.server.dialects import api_v1, api_v2, community
from myna.apps.server.requests import Clip, SpeechRequest
from myna.apps.server.settings import ServerSettings
from myna.datatypes import Audio, Speech, SpeechReport, Voice
from myna.errors import AudioError, ModelNotFoundError, MynaError, VoiceError

TEXT = "Nice to meet you. How are you today?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request, and what its sender does with the answer."""

    client: str
    path: str
    query: dict[str, Any] | None = None
    body: dict[str, Any] | None = None
    media: str = "audio/wav"
    streamed: bool = False
    voice: bool = False
    """Whether the voice is named, rather than cloned."""
    like: dict[str, Any] = field(default_factory=dict)
    """What the request for speech is to hold."""

    def filled(self, reference: str, voice: str) -> Exchange:
        """With a recording and a voice of the server."""

        def fill(value: Any) -> Any:
            if isinstance(value, str):
                return value.replace("{reference}", reference).replace("{voice}", voice)
            return value

        def all_of(given: dict[str, Any] | None) -> dict[str, Any] | None:
            return None if given is None else {key: fill(each) for key, each in given.items()}

        return Exchange(
            client=self.client,
            path=self.path,
            query=all_of(self.query),
            body=all_of(self.body),
            media=self.media,
            streamed=self.streamed,
            voice=self.voice,
            like={key: fill(value) for key, value in self.like.items()},
        )

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"


EXCHANGES = (
    Exchange(
        client="SillyTavern gpt-sovits-v2.js",
        path="/",
        body={
            "text": TEXT,
            "prompt_text": "{voice}",
            "ref_audio_path": "./参考音频/{voice}.wav",
            "text_lang": "zh",
            "prompt_lang": "zh",
            "text_split_method": "cut5",
            "batch_size": 1,
            "media_type": "ogg",
            "streaming_mode": "true",
        },
        media="audio/ogg",
        streamed=True,
        voice=True,
        like={"language": "zh", "container": "ogg", "separate": True, "cut": "cut5"},
    ),
    *(
        Exchange(
            client=f"SillyTavern gpt-sovits-adapter.js {media}",
            path="/",
            body={
                "text": TEXT,
                "card_name": ["Seraphina"],
                "use_st_adapter": True,
                "target_voice": "{voice}",
                "text_lang": "en",
                "text_split_method": "cut5",
                "batch_size": 1,
                "media_type": media,
                "streaming_mode": "true",
            },
            media=told,
            streamed=True,
            voice=True,
            like={"voice": "{voice}", "language": "en"},
        )
        for media, told in (
            ("auto", "audio/wav"),
            ("wav", "audio/wav"),
            ("mp3", "audio/mpeg"),
            ("ogg", "audio/ogg"),
            ("flac", "audio/flac"),
        )
    ),
    *(
        Exchange(
            client=f"SillyTavern gsvi.js stream={stream}",
            path="/tts",
            query={
                "text": TEXT,
                "cha_name": "{voice}",
                "text_language": "多语种混合",
                "batch_size": "10",
                "speed": "1",
                "top_k": "6",
                "top_p": "0.85",
                "temperature": "0.75",
                "stream": stream,
            },
            streamed=stream == "true",
            voice=True,
            like={"voice": "{voice}", "language": "auto"},
        )
        for stream in ("false", "true")
    ),
    Exchange(
        client="AstrBot gsv_selfhosted_source.py",
        path="/tts",
        query={
            "ref_audio_path": "{reference}",
            "prompt_text": "",
            "prompt_lang": "zh",
            "aux_ref_audio_paths": "",
            "text_lang": "zh",
            "top_k": "5",
            "top_p": "1.0",
            "temperature": "1.0",
            "text_split_method": "cut3",
            "batch_size": "1",
            "batch_threshold": "0.75",
            "split_bucket": "true",
            "speed_factor": "1",
            "fragment_interval": "0.3",
            "streaming_mode": "false",
            "seed": "-1",
            "parallel_infer": "true",
            "repetition_penalty": "1.35",
            "media_type": "wav",
            "text": TEXT,
        },
        like={"language": "zh", "cut": "cut3"},
    ),
    Exchange(
        client="AstrBot gsv_selfhosted_source.py, nothing set",
        path="/tts",
        query={
            "ref_audio_path": "{reference}",
            "prompt_text": "none",
            "prompt_lang": "none",
            "aux_ref_audio_paths": "none",
            "text_lang": "auto",
            "streaming_mode": "none",
            "seed": "none",
            "text": TEXT,
        },
    ),
    Exchange(
        client="AstrBot gsvi_tts_source.py",
        path="/tts",
        query={"text": TEXT, "character": "{voice}", "emotion": "default"},
        voice=True,
        like={"voice": "{voice}"},
    ),
    Exchange(
        client="Open-LLM-VTuber gpt_sovits_tts.py",
        path="/tts",
        query={
            "text": TEXT,
            "text_lang": "en",
            "ref_audio_path": "{reference}",
            "prompt_lang": "zh",
            "prompt_text": "",
            "text_split_method": "cut5",
            "batch_size": "1",
            "media_type": "wav",
            "streaming_mode": "ture",
        },
        streamed=True,
        like={"language": "en"},
    ),
    Exchange(
        client="LiveTalking ttsreal.py",
        path="/tts",
        body={
            "text": TEXT,
            "text_lang": "zh",
            "ref_audio_path": "{reference}",
            "prompt_text": "",
            "prompt_lang": "zh",
            "media_type": "ogg",
            "streaming_mode": True,
        },
        media="audio/ogg",
        streamed=True,
        like={"container": "ogg", "separate": True},
    ),
    Exchange(
        client="xiaozhi-esp32-server gpt_sovits_v2.py",
        path="/tts",
        body={
            "text": TEXT,
            "text_lang": "zh",
            "ref_audio_path": "{reference}",
            "aux_ref_audio_paths": [],
            "prompt_text": None,
            "prompt_lang": "zh",
            "top_k": 5,
            "top_p": 1.0,
            "temperature": 1.0,
            "text_split_method": "cut0",
            "batch_size": 1,
            "batch_threshold": 0.75,
            "split_bucket": True,
            "return_fragment": False,
            "speed_factor": 1.0,
            "streaming_mode": False,
            "seed": -1,
            "parallel_infer": True,
            "repetition_penalty": 1.35,
        },
        like={"cut": "cut0"},
    ),
    Exchange(
        client="xiaozhi-esp32-server gpt_sovits_v3.py",
        path="/",
        query={
            "refer_wav_path": "{reference}",
            "prompt_text": "",
            "prompt_language": "zh",
            "text": TEXT,
            "text_language": "audo",
            "top_k": "15",
            "top_p": "1.0",
            "temperature": "1.0",
            "cut_punc": "",
            "speed": "1.0",
            "sample_steps": "32",
            "if_sr": "False",
        },
        like={"language": "auto"},
    ),
    Exchange(
        client="VideoLingo gpt_sovits_tts.py",
        path="/tts",
        body={
            "text": TEXT,
            "text_lang": "en",
            "ref_audio_path": "{reference}",
            "prompt_lang": "en",
            "prompt_text": "",
            "speed_factor": 1.0,
        },
    ),
    Exchange(
        client="pyVideoTrans _gptsovits.py, version 2",
        path="/tts",
        body={
            "text": TEXT,
            "text_lang": "en",
            "ref_audio_path": "{reference}",
            "prompt_text": "",
            "prompt_lang": "",
            "speed_factor": 1.2,
            "text_split_method": "cut5",
        },
    ),
    Exchange(
        client="pyVideoTrans _gptsovits.py, version 1",
        path="/",
        body={
            "text": TEXT,
            "text_language": "en",
            "prompt_text": "",
            "prompt_language": "",
            "refer_wav_path": "{reference}",
            "speed": 2.3,
        },
    ),
    Exchange(
        client="sovits-widget, GPT-SoVITS v2",
        path="/tts",
        body={
            "text": TEXT,
            "text_lang": "en",
            "ref_audio_path": "{reference}",
            "prompt_text": "",
            "prompt_lang": "en",
            "streaming_mode": 2,
            "media_type": "wav",
        },
        streamed=True,
    ),
    Exchange(
        client="players of raw PCM",
        path="/tts",
        body={
            "text": TEXT,
            "text_lang": "en",
            "ref_audio_path": "{reference}",
            "prompt_text": "",
            "prompt_lang": "en",
            "streaming_mode": 2,
            "media_type": "raw",
        },
        media="audio/raw",
        streamed=True,
    ),
)


@dataclass(slots=True)
class Server:
    """Something that answers: an application, and what it knows."""

    client: TestClient
    reference: str
    """Path of a recording that it may read."""
    voice: str
    asked: list[SpeechRequest]
    """What it was asked to say, if it tells; else empty."""

    def send(self, exchange: Exchange) -> Any:
        """Send one request as its client does."""
        exchange = exchange.filled(self.reference, self.voice)
        return self.client.request(
            exchange.method, exchange.path, params=exchange.query, json=exchange.body
        )

    def chunks(self, exchange: Exchange) -> list[bytes]:
        """The parts in which the answer's body leaves the application: what HTTP calls chunks."""
        exchange = exchange.filled(self.reference, self.voice)
        return self.client.portal.call(_chunks, self.client.app, exchange)


@contextmanager
def toned(
    *, studio: ToneStudio | None = None, settings: ServerSettings | None = None
) -> Iterator[Server]:
    """A server of the old dialects that answers whatever it understands with a tone."""
    studio = studio or ToneStudio(settings or ServerSettings())
    app = FastAPI()
    for dialect in (api_v2, community, api_v1):
        app.include_router(dialect.router(studio))
    with calling(app) as client:
        yield Server(client, "/recordings/anna.wav", "anna", studio.asked)


@contextmanager
def real(folder: Path) -> Iterator[Server]:
    """The server as it is started, speaking with `tiny`; `folder` is its root for recordings."""
    from myna import Myna
    from myna.apps.server.app import create
    from myna.apps.server.casting import bundled

    voice = next(Voice.load(path) for _, path in bundled() if path.stem == "bdl")
    said = "The boat was drifting slowly past the old stone bridge."
    Myna.load("tiny").speak(said, voice).save(folder / "Anna.wav")
    with calling(create(ServerSettings(roots=str(folder)))) as client:
        yield Server(client, str(folder / "anna.wav").lower(), "bdl", [])


@contextmanager
def calling(app: Any) -> Iterator[TestClient]:
    """A client on the server's own machine."""
    where, port = ("127.0.0.1", 50_000), "http://127.0.0.1:9880"
    with TestClient(app, base_url=port, client=where, raise_server_exceptions=False) as client:
        yield client


class ToneStudio:
    """Stands for a `Studio`: says every text as one second of a tone, in three pieces."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.library = ToneLibrary(self)
        self.asked: list[SpeechRequest] = []
        self.cards = [
            VoiceCard(id="voice_0123456789abcdef", name="anna", languages=("en",), model="tiny"),
            VoiceCard(id="ben", name="ben", languages=("en",), model="tiny"),
        ]
        self.weights: list[tuple[str, str]] = []
        self.failing: MynaError | None = None
        """Raised instead of the next sounds."""
        self.failing_late = False

    async def off(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)

    async def start(self, request: SpeechRequest) -> Tone:
        await self.check(request)
        self.asked.append(request)
        if self.failing and not self.failing_late:
            raise self.failing
        return Tone(self.failing)

    async def check(self, request: SpeechRequest) -> None:
        for clip in request.clips:
            if clip.path and "missing" in clip.path:
                raise AudioError("There is no such recording.")

    async def voices(self) -> list[VoiceCard]:
        return self.cards

    async def models(self) -> list[str]:
        return ["tiny"]

    async def use_weights(self, kind: str, named: str) -> str:
        if "dummy" in named:
            raise ModelNotFoundError("No model of this name is installed.")
        self.weights.append((kind, named))
        return "tiny"

    async def clone(self, clips: Sequence[Clip], *, name: str, **_: Any) -> VoiceCard:
        if not clips[0].data or not clips[0].data.startswith(b"RIFF"):
            raise AudioError("The recording cannot be read.")
        made = VoiceCard(id=f"voice_{len(self.cards):016x}", name=name, languages=(), model="tiny")
        self.cards.append(made)
        return made


class ToneLibrary:
    """Stands for a `Library`."""

    def __init__(self, studio: ToneStudio) -> None:
        self._studio = studio
        self.kept: dict[str, Any] = {}
        self.deleted: list[str] = []

    def settings(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = json.loads(json.dumps(value))

    def delete(self, which: str) -> None:
        cards = self._studio.cards
        if which not in [card.id for card in cards]:
            raise VoiceError("There is no such voice.")
        self._studio.cards = [card for card in cards if card.id != which]
        self.deleted.append(which)


class Tone:
    """Stands for a `Performance`."""

    rate = 32_000
    seed = 7

    def __init__(self, failing: MynaError | None) -> None:
        self._failing = failing

    async def __aiter__(self) -> AsyncIterator[Audio]:
        times = np.arange(self.rate, dtype=np.float32) / self.rate
        samples = 0.5 * np.sin(2 * np.pi * 440 * times)
        for number, piece in enumerate(np.array_split(samples.astype(np.float32), 3)):
            if self._failing and number == 1:
                raise self._failing
            yield Audio(piece, self.rate)

    async def speech(self) -> Speech:
        pieces = [piece.samples async for piece in self]
        audio = Audio(np.concatenate(pieces), self.rate)
        report = SpeechReport(model="tone", seed=self.seed, sentences=())
        return Speech(audio=audio, sentences=(), timings=(), report=report)

    def cancel(self) -> None:
        """There is nothing to stop."""


def recording(seconds: float = 4.0, rate: int = 16_000) -> bytes:
    """The bytes of a WAV file."""
    stream = io.BytesIO()
    times = np.arange(int(seconds * rate)) / rate
    soundfile.write(stream, 0.3 * np.sin(2 * np.pi * 220 * times), rate, format="WAV")
    return stream.getvalue()


async def _chunks(app: Any, exchange: Exchange) -> list[bytes]:
    body = b"" if exchange.body is None else json.dumps(exchange.body).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": exchange.method,
        "scheme": "http",
        "path": exchange.path,
        "raw_path": exchange.path.encode(),
        "root_path": "",
        "query_string": urlencode(exchange.query or {}).encode(),
        "headers": [(b"host", b"127.0.0.1:9880"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 9880),
        "state": {},
    }
    found: list[bytes] = []
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # the client stays
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        elif message.get("body"):
            found.append(message["body"])

    await app(scope, receive, send)
    return found
