"""OpenAI's `/v1/audio/speech`, with the extensions of vLLM-Omni and Kokoro-FastAPI.

Source: OpenAI's API reference, whose names and shapes these are; what clients send is told in
docs/server-dialects.md.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import Response

from myna.apps.server import lenient, replies
from myna.apps.server.dialects import openai_events, openai_voices
from myna.apps.server.dialects.openai_bodies import (
    AudioModels,
    Caption,
    Captioned,
    ErrorAnswer,
    Model,
    Models,
    Named,
    Phonemes,
    PhonemesBody,
    SpeechBody,
)
from myna.apps.server.dialects.routes import Failure, route
from myna.apps.server.dialects.speaking import clip_of
from myna.apps.server.requests import Clip, SpeechRequest
from myna.audio.encoders import CONTAINERS, encode
from myna.datatypes import Delivery
from myna.errors import ConfigError, ModelNotFoundError, TextError, VoiceError
from myna.synthesis import mixing

if TYPE_CHECKING:
    from myna.apps.server.settings import ServerSettings
    from myna.apps.server.studio import Studio

MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Names of OpenAI's, which stand for the default model."""
_OF_OPENAI = re.compile(r"(?:tts-1(?:-hd)?|gpt-4o-mini-tts)(?:-[0-9]{4}(?:-[0-9]{2}-[0-9]{2})?)?")
VOICES = {
    "alloy": "kathleen",
    "ash": "bdl",
    "ballad": "darshan",
    "coral": "slt",
    "echo": "bdl",
    "fable": "darshan",
    "onyx": "bdl",
    "nova": "slt",
    "sage": "kathleen",
    "shimmer": "slt",
    "verse": "darshan",
    "marin": "kathleen",
    "cedar": "bdl",
}
"""Names of OpenAI's, and the voice of ours that speaks for each, unless the library has one of that
name."""
PCM_RATE = 24_000
SPEEDS = (0.5, 2.0)

_CONTAINERS = {"pcm": "raw"}
_MEDIA_TYPES = {"raw": "audio/pcm"}
_LETTERS = {"a": "en", "b": "en", "j": "ja", "z": "zh"}
"""Kokoro's."""
_ADDRESS = re.compile(r"(?:https?|ftp)://", re.IGNORECASE)
_CODES = {
    "ModelNotFoundError": ("model", "model_not_found"),
    "VoiceError": ("voice", "voice_not_found"),
    "TextError": ("input", "invalid_input"),
    "AudioError": ("ref_audio", "invalid_audio"),
    "UnusableReferenceError": ("ref_audio", "invalid_audio"),
    "BusyError": (None, "rate_limit_exceeded"),
}
"""Of errors: the field at fault, and OpenAI's word for it or one like it."""


def shape(found: Failure) -> dict[str, Any]:
    """The body that tells of a failure."""
    kind = "invalid_request_error"
    if found.status >= 500:
        kind = "server_error"
    elif found.status == 429:
        kind = "rate_limit_error"
    param, code = _CODES.get(found.kind, (None, None))
    told = {"message": found.message, "type": kind, "param": found.param or param, "code": code}
    return {"error": told}


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "The request cannot be served."},
    "5XX": {"model": ErrorAnswer, "description": "The server could not serve it."},
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_SOUND: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Sound, or events with it.",
        "content": {
            kind: _BINARY
            for kind in sorted({c.media_type.partition(";")[0] for c in CONTAINERS.values()})
            if kind != "audio/raw"
        }
        | {"audio/pcm": _BINARY, "text/event-stream": {"schema": {"type": "string"}}},
    }
}


def router(studio: Studio) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["openai"], route_class=route(shape, invalid=400), responses=ERRORS)
    _models(routes, studio)
    _kokoro(routes, studio)
    openai_voices.add(routes, studio)

    @routes.post("/v1/audio/speech", responses=_SOUND, response_class=Response)
    async def speech(body: SpeechBody) -> Response:
        """Say a text."""
        request = await speech_request(studio, body)
        performance = await studio.start(request)
        response: Response
        if body.stream_format == "sse":
            response = await openai_events.reply(performance, request, shape)
        else:
            response = await replies.reply(performance, request)
            if request.container in _MEDIA_TYPES:
                response.headers["Content-Type"] = _MEDIA_TYPES[request.container]
        return _noted(response, body, request)

    return routes


async def speech_request(studio: Studio, body: SpeechBody) -> SpeechRequest:
    """What is asked for, in our words.

    Raises:
        MynaError: there is no such model or language, or a recording is an address.
    """
    container = _CONTAINERS.get(body.response_format, body.response_format)
    asked = body.stream if body.stream_format is None else True
    rate = body.sample_rate or (PCM_RATE if container == "raw" else None)
    return SpeechRequest(
        text=body.input,
        voice=await _voice(studio, body.named),
        clips=_clips(body, studio.settings),
        model=await _model(studio, body.model or ""),
        language=_language(body.language),
        sampling=body.sampling,
        delivery=Delivery(speed=min(max(body.speed, SPEEDS[0]), SPEEDS[1]), rate=rate),
        container=container,
        stream=container == "raw" if asked is None else asked,
    )


def _noted(response: Response, body: SpeechBody, request: SpeechRequest) -> Response:
    """With what was not done as asked."""
    response.headers["X-Speed"] = f"{request.delivery.speed:g}"
    if body.instructions:
        response.headers["X-Ignored"] = "instructions"
    return response


async def _model(studio: Studio, name: str) -> str:
    """A model on this machine, or none for the default."""
    known = await studio.models()
    if name in known:
        return name
    if not name or _OF_OPENAI.fullmatch(name):
        return ""
    raise ModelNotFoundError(f"The model does not exist. There are {', '.join([*known, *MODELS])}.")


async def _voice(studio: Studio, named: str) -> str:
    """A voice of ours, or a mixture of them; OpenAI's names have voices of ours behind them."""
    if named.casefold() in VOICES:
        try:
            await studio.voice(named)
        except VoiceError:
            return VOICES[named.casefold()]
        return named
    if "+" not in named:
        return named
    return "+".join(
        [f"{await _voice(studio, name)}({weight:g})" for name, weight in mixing.parts(named)]
    )


def _clips(body: SpeechBody, settings: ServerSettings) -> tuple[Clip, ...]:
    clips: list[Clip] = []
    for recording in body.recordings:
        if _ADDRESS.match(recording.strip()) and not settings.fetch_from:
            raise ConfigError(
                "This server fetches no addresses. Send the recording itself, in base64: "
                "ref_audio=data:audio/wav;base64,…"
            )
        text = "" if clips or body.x_vector_only_mode else (body.ref_text or "")
        clips.append(clip_of(recording.strip().removeprefix("file://"), settings, text))
    return tuple(clips)


def _language(given: str | None) -> str:
    if given is None or not given.strip():
        return "auto"
    plain = given.strip().lower()
    mode = _LETTERS.get(plain) or lenient.language(plain) or lenient.language(plain.split("-")[0])
    if mode is None:
        raise ConfigError("There is no such language; use auto, zh, en, ja, ko or yue.")
    return mode


def _models(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/v1/models")
    async def models() -> Models:
        """Models on this machine, and names of OpenAI's that stand for the default one."""
        names = [*await studio.models(), *MODELS]
        return Models(data=[Model(id=name) for name in names])

    @routes.get("/v1/models/{model}")
    async def model(model: str) -> Model:
        """One of them."""
        await _model(studio, model)
        return Model(id=model)

    @routes.get("/v1/audio/models")
    async def audio_models() -> AudioModels:
        """The same, as Open WebUI asks."""
        names = [*await studio.models(), *MODELS]
        return AudioModels(models=[Named(id=name, name=name) for name in names])


def _kokoro(routes: APIRouter, studio: Studio) -> None:
    @routes.post("/dev/phonemize")
    async def phonemize(body: PhonemesBody) -> Phonemes:
        """How a text is read."""
        if len(body.text) > studio.settings.most_characters:
            raise TextError(f"A text has {studio.settings.most_characters} characters at most.")
        return await studio.off(_read, body.text, _language(body.language))

    @routes.post("/dev/captioned_speech")
    async def captioned(body: SpeechBody, response: Response) -> Captioned:
        """Say a text, and when each of its words is said, or each sentence where none are known."""
        request = await speech_request(studio, body.model_copy(update={"stream": False}))
        performance = await studio.start(request)
        said = await performance.speech()
        data = await studio.off(encode, said.audio, request.container)
        kind = _MEDIA_TYPES.get(request.container, CONTAINERS[request.container].media_type)
        _noted(response, body, request)
        return Captioned(
            audio=(await studio.off(base64.b64encode, data)).decode("ascii"),
            audio_format=kind,
            timestamps=[
                Caption(word=each.text, start_time=each.start, end_time=each.end)
                for timing in said.timings
                for each in timing.words or (timing,)
            ],
        )


def _read(text: str, language: str) -> Phonemes:
    from myna import text as reading

    symbols: list[str] = []
    for piece in reading.sentences(text, language=language, improved=True, syntax="auto"):
        symbols += reading.read(piece, language=language, improved=True).symbols
    return Phonemes(phonemes=" ".join(symbols), tokens=list(reading.ids(symbols, "v2")))
