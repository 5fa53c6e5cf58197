"""Our own API under `/api/v1`: speech with all its settings, voices and models.

Jobs are in `own_jobs`, recordings in another voice in `own_conversion`.
"""

from __future__ import annotations

import base64
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, File, Form, Header, UploadFile
from fastapi.responses import Response

from myna.apps.server import replies
from myna.apps.server.dialects import own_conversion, own_jobs
from myna.apps.server.dialects.own_bodies import (
    SOUND,
    ModelAnswer,
    ModelList,
    ProblemAnswer,
    SpeechAnswer,
    SpeechBody,
    VoiceAnswer,
    VoiceBody,
    VoiceChange,
    Voices,
)
from myna.apps.server.dialects.routes import Failure, Missing, route
from myna.apps.server.requests import Clip, SpeechRequest
from myna.audio.encoders import CONTAINERS, encode
from myna.datatypes import Sampling
from myna.errors import VoiceError
from myna.text.segments import MODES

if TYPE_CHECKING:
    from myna.apps.library import Entry
    from myna.apps.server.casting import VoiceCard
    from myna.apps.server.jobs import Jobs
    from myna.apps.server.studio import Studio
    from myna.datatypes import Voice

PREVIEW = {
    "en": "Hello! This is how I sound when I read something aloud.",
    "zh": "你好！我朗读的时候，声音就是这样的。",
    "ja": "こんにちは。文章を読むと、こんな声になります。",
    "ko": "안녕하세요. 글을 읽으면 이런 목소리가 납니다.",
    "yue": "你好！我讀文章嘅時候，就係咁嘅聲。",
}
"""What a voice says to show how it sounds, by its first language."""

_WAV: dict[str, Any] = {"content": {"audio/wav": SOUND["audio/wav"]}}
_FILE: dict[str, Any] = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}
_MOST_FILES = 8


def shape(found: Failure) -> dict[str, Any]:
    """The body that tells of a failure."""
    return {"error": {"type": found.kind, "message": found.message, "param": found.param}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemAnswer, "description": "The request cannot be served."},
    "5XX": {"model": ProblemAnswer, "description": "The server could not serve it."},
}


def router(studio: Studio, jobs: Jobs) -> APIRouter:
    """The routes.

    Args:
        studio: says what is asked for.
        jobs: long texts go there.
    """
    routes = APIRouter(
        prefix="/api/v1", tags=["myna"], route_class=route(shape), responses=PROBLEMS
    )
    own_jobs.add(routes, studio, jobs)
    own_conversion.add(routes, studio)
    _speech(routes, studio)
    _voices(routes, studio)
    _files(routes, studio)

    @routes.get("/models")
    async def models() -> ModelList:
        """Models on this machine that can speak."""
        return ModelList(models=[ModelAnswer(name=name) for name in await studio.models()])

    return routes


def _speech(routes: APIRouter, studio: Studio) -> None:
    described: dict[int | str, dict[str, Any]] = {
        200: {"content": SOUND, "model": SpeechAnswer, "description": "Sound, or JSON with it."}
    }

    @routes.post("/speech", responses=described, response_class=Response)
    async def speech(body: SpeechBody, accept: Annotated[str, Header()] = "") -> Response:
        """Say a text; answers with sound, or with JSON that holds it and its times."""
        request = body.request()
        if not (body.with_timestamps or "application/json" in accept.lower()):
            return await replies.reply(await studio.start(request), request)
        request = replace(request, stream=False)
        performance = await studio.start(request)
        made = await performance.speech()
        data = await studio.off(encode, made.audio, request.container)
        kind = CONTAINERS[request.container]
        answer = SpeechAnswer(
            audio=(await studio.off(base64.b64encode, data)).decode("ascii"),
            media_type=kind.media_type,
            container=body.container,
            rate=kind.rate(made.audio.rate),
            seconds=made.audio.seconds,
            seed=made.report.seed,
            timings=made.timings,
            report=made.report,
        )
        headers = {"X-Seed": str(answer.seed), "X-Sample-Rate": str(answer.rate)}
        return Response(answer.model_dump_json(), 200, headers, "application/json")


def _voices(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/voices")
    async def voices() -> Voices:
        """All voices: those that come with models first."""
        entries = {entry.id: entry for entry in await studio.off(studio.library.list)}
        return Voices(
            voices=[_answer(card, entries.get(card.id)) for card in await studio.voices()]
        )

    @routes.post("/voices", status_code=201)
    async def create(body: VoiceBody) -> VoiceAnswer:
        """Make a voice of recordings in base64, or of some in the server's folders."""
        clips = [clip.clip() for clip in body.clips]
        return await _made(studio, clips, body)

    @routes.post("/voices/upload", status_code=201)
    async def upload(
        name: Annotated[str, Form(min_length=1, max_length=1000)],
        recordings: Annotated[list[UploadFile], File(min_length=1, max_length=_MOST_FILES)],
        text: Annotated[str, Form(description="What is said in the first recording.")] = "",
        language: Annotated[str, Form(json_schema_extra={"enum": list(MODES)})] = "auto",
        model: Annotated[str, Form()] = "",
        description: Annotated[str, Form()] = "",
        consent: Annotated[str, Form()] = "",
        licence: Annotated[str, Form()] = "",
    ) -> VoiceAnswer:
        """Make a voice of recordings that are sent as files of a form."""
        datas = [await recording.read() for recording in recordings]
        clips = [Clip(data=datas[0], text=text, language=language)]
        clips += [Clip(data=data) for data in datas[1:]]
        facts = VoiceBody.model_construct(
            name=name,
            model=model,
            description=description,
            languages=[],
            consent=consent,
            licence=licence,
        )
        return await _made(studio, clips, facts)

    @routes.get("/voices/{voice}")
    async def voice(voice: str) -> VoiceAnswer:
        """One voice, by id or name."""
        return await _found(studio, voice)

    @routes.patch("/voices/{voice}")
    async def change(voice: str, body: VoiceChange) -> VoiceAnswer:
        """Rename a voice of the library, or say something else of it."""
        entry = await _entry(studio, voice)
        if body.name is not None:
            await studio.off(studio.library.rename, entry.id, body.name)
        said = partial(
            studio.library.describe,
            entry.id,
            body.description,
            languages=body.languages,
            aliases=body.aliases,
        )
        await studio.off(said)
        return await _found(studio, entry.id)

    @routes.delete("/voices/{voice}", status_code=204)
    async def delete(voice: str) -> None:
        """Forget a voice of the library for good."""
        entry = await _entry(studio, voice)
        await studio.off(studio.library.delete, entry.id)


def _files(routes: APIRouter, studio: Studio) -> None:
    @routes.get("/voices/{voice}/preview", responses={200: _WAV}, response_class=Response)
    async def preview(voice: str) -> Response:
        """How a voice sounds: a WAV, made when it is first asked for."""
        found = await _found(studio, voice)
        kept = None if found.bundled else await studio.off(studio.library.preview, found.id)
        if kept is None:
            words = PREVIEW[next((code for code in found.languages if code in PREVIEW), "en")]
            request = SpeechRequest(text=words, voice=found.id, sampling=Sampling(seed=0))
            made = await (await studio.start(request)).speech()
            kept = await studio.off(encode, made.audio, "wav")
            if not found.bundled:
                await studio.off(studio.library.set_preview, found.id, kept)
        return Response(kept, media_type="audio/wav")

    @routes.get("/voices/{voice}/export", responses={200: _FILE}, response_class=Response)
    async def export(voice: str) -> Response:
        """The file of a voice, to keep or to give away; it holds its consent and licence."""
        found = await _found(studio, voice)
        if found.bundled:
            data = await studio.off(_written, await studio.voice(found.id))
        else:
            data = await studio.off(studio.library.export, found.id)
        headers = {"Content-Disposition": f'attachment; filename="{found.id}.voice"'}
        return Response(data, 200, headers, "application/octet-stream")

    @routes.post("/voices/import", status_code=201)
    async def import_(
        file: Annotated[UploadFile, File(description="A voice file, as from export.")],
        name: Annotated[str, Form(max_length=1000)] = "",
    ) -> VoiceAnswer:
        """Take a voice file into the library."""
        entry = await studio.off(studio.library.import_, await file.read(), name)
        return await _found(studio, entry.id)


async def _made(studio: Studio, clips: list[Clip], body: VoiceBody) -> VoiceAnswer:
    card = await studio.clone(
        clips,
        name=body.name,
        model=body.model,
        description=body.description,
        languages=body.languages,
        consent=body.consent,
        licence=body.licence,
    )
    return await _found(studio, card.id)


async def _found(studio: Studio, which: str) -> VoiceAnswer:
    """A voice of the library, or one that comes with a model."""
    entry = await studio.off(studio.library.find, which)
    wanted = which.casefold() if entry is None else entry.id
    for card in await studio.voices():
        if wanted in (card.id, card.id.casefold()):
            return _answer(card, entry)
    raise Missing("There is no voice of this name or id.")


async def _entry(studio: Studio, which: str) -> Entry:
    entry = await studio.off(studio.library.find, which)
    if entry is None:
        if (await _found(studio, which)).bundled:
            raise VoiceError("This voice comes with a model and cannot be changed.")
        raise Missing("There is no voice of this name or id.")
    return entry


def _answer(card: VoiceCard, entry: Entry | None) -> VoiceAnswer:
    facts: dict[str, Any] = {} if entry is None else _facts(entry)
    return VoiceAnswer(
        id=card.id,
        name=card.name,
        description=card.description,
        languages=list(card.languages),
        model=card.model,
        bundled=entry is None,
        **facts,
    )


def _facts(entry: Entry) -> dict[str, Any]:
    names = ("family", "created", "consent", "licence", "size")
    return {name: getattr(entry, name) for name in names} | {"aliases": list(entry.aliases)}


def _written(voice: Voice) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exported.voice"
        voice.save(path)
        return path.read_bytes()
