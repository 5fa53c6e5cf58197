"""The dialect of `api_v2.py`: `/tts`, `/control`, and routes that set a model and a reference.

Source: GPT-SoVITS (MIT), revision 48b1a01. Where and why we answer otherwise is said in
docs/server-dialects.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.responses import Response

from myna.apps.server import lenient
from myna.apps.server.dialects import old_routes, presets, speaking
from myna.apps.server.dialects.speaking import Dialect
from myna.apps.server.requests import Clip
from myna.errors import ConfigError, MynaError

if TYPE_CHECKING:
    from myna.apps.server.lenient import Fields
    from myna.apps.server.studio import Studio

V2 = Dialect(
    demands=True,
    no_reference="ref_audio_path is required",
    refusal=lambda message: {"message": message},
    failure=lambda _, message: {"message": "tts failed", "Exception": message},
)

_FORBIDDEN = "This server may not be stopped by clients."


def router(studio: Studio) -> APIRouter:
    """Its routes."""

    async def tts(request: Request) -> Response:
        return await speaking.said(studio, await fields_of(request), V2)

    async def control(request: Request) -> Response:
        command = (await fields_of(request)).text("command").lower()
        if not command:
            return V2.refused("command is required")
        return controlled(studio, request, command)

    async def set_gpt_weights(request: Request) -> Response:
        return await _set_weights(studio, "gpt", await fields_of(request))

    async def set_sovits_weights(request: Request) -> Response:
        return await _set_weights(studio, "sovits", await fields_of(request))

    async def set_refer_audio(request: Request) -> Response:
        try:
            await presets.keep(studio, await _reference(studio, request))
        except MynaError as error:
            told = {"message": "set refer audio failed", "Exception": str(error)}
            return JSONResponse(told, 400)
        return JSONResponse({"message": "success"})

    found = APIRouter()
    old_routes.speaks(found, "/tts", tts, "Say a text.")
    old_routes.changes(found, "/control", control, "Stop or restart the server.", ["command"])
    for path, endpoint in (
        ("/set_gpt_weights", set_gpt_weights),
        ("/set_sovits_weights", set_sovits_weights),
    ):
        old_routes.changes(found, path, endpoint, "Choose the model.", ["weights_path"])
    old_routes.changes(
        found, "/set_refer_audio", set_refer_audio, "Set a reference.", ["refer_audio_path"]
    )
    return found


async def fields_of(request: Request, *, any_type: bool = False) -> Fields:
    """What a request gives: its query by GET, its JSON object by POST, see `lenient.from_body`."""
    if request.method == "POST":
        return await lenient.from_body(request, any_type=any_type)
    return lenient.from_query(request.query_params)


def controlled(studio: Studio, request: Request, command: str) -> Response:
    """The answer to `command`; to one that is none, such as `ping`, that the server lives."""
    if command not in ("restart", "exit"):
        return JSONResponse(None)
    obey = getattr(request.app.state, "control", None)
    if not studio.settings.allow_exit or obey is None:
        return JSONResponse({"message": _FORBIDDEN}, 403)
    obey(command)
    return JSONResponse(None)


async def _set_weights(studio: Studio, kind: str, fields: Fields) -> Response:
    path = fields.text("weights_path")
    if not path:
        return V2.refused(f"{kind} weight path is required")
    try:
        await studio.use_weights(kind, path)
    except MynaError as error:
        told = {"message": f"change {kind} weight failed", "Exception": str(error)}
        return JSONResponse(told, 400)
    return JSONResponse({"message": "success"})


async def _reference(studio: Studio, request: Request) -> Clip:
    """The recording that a request names, or that came as a file in a form."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        fields = await fields_of(request)
        path = fields.text(*speaking.REFERENCE)
        if not path:
            raise ConfigError("refer_audio_path is required")
        return speaking.clip_of(path, studio.settings, *speaking.words(fields))
    async with request.form(max_files=1, max_fields=16) as form:
        sent = [value for value in form.values() if isinstance(value, UploadFile)]
        if not sent:
            raise ConfigError("The form holds no file.")
        data = await sent[0].read()
        given = {key: (value,) for key, value in form.items() if isinstance(value, str)}
    text, language = speaking.words(lenient.Fields(given, "form"))
    return Clip(data=data, text=text, language=language)
