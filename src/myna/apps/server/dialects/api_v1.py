"""The dialect of `api.py`: `/`, `/change_refer` and `/set_model`; `/control` as in `api_v2`.

Source: GPT-SoVITS (MIT), revision 48b1a01. Where and why we answer otherwise is said in
docs/server-dialects.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from myna.apps.server.dialects import old_routes, presets, speaking
from myna.apps.server.dialects.api_v2 import V2, fields_of
from myna.apps.server.dialects.speaking import Dialect
from myna.apps.server.requests import Clip
from myna.errors import ConfigError, MynaError

if TYPE_CHECKING:
    from myna.apps.server.studio import Studio

V1 = Dialect(
    demands=False,
    no_reference="未指定参考音频且接口无预设",
    refusal=lambda message: {"code": 400, "message": message},
    failure=lambda status, message: {"code": status, "message": message},
)
SUCCESS = {"code": 0, "message": "Success"}

_MODEL_PATHS = (("gpt", "gpt_model_path"), ("sovits", "sovits_model_path"))


def router(studio: Studio) -> APIRouter:
    """Its routes."""

    async def speak(request: Request) -> Response:
        # Nothing is changed here, so whatever the body says that it is, as upstream does.
        fields = await fields_of(request, any_type=True)
        # The v3ucn fork, and adapters for SillyTavern, send the body of api_v2 here.
        return await speaking.said(studio, fields, V2 if "text_lang" in fields else V1)

    async def change_refer(request: Request) -> Response:
        fields = await fields_of(request)
        try:
            path = fields.text(*speaking.REFERENCE)
            text, language = speaking.words(fields)
            if not path and not fields.has("prompt_text", *speaking.PROMPT_LANGUAGE):
                raise ConfigError("refer_wav_path, prompt_text or prompt_language is required")
            clip = Clip(text=text, language=language)
            if path:
                clip = speaking.clip_of(path, studio.settings, text, language)
            await presets.change(studio, clip)
        except MynaError as error:
            return V1.refused(str(error))
        return JSONResponse(SUCCESS)

    async def set_model(request: Request) -> Response:
        fields = await fields_of(request)
        paths = [(kind, fields.text(key)) for kind, key in _MODEL_PATHS if fields.has(key)]
        if not paths:
            return V1.refused("gpt_model_path or sovits_model_path is required")
        try:
            chosen = {await studio.use_weights(kind, path) for kind, path in paths}
            if len(chosen) > 1:
                raise ConfigError("These weights belong to two models; the latter speaks now.")
        except MynaError as error:
            return V1.refused(str(error))
        return JSONResponse(SUCCESS)

    found = APIRouter()
    old_routes.speaks(found, "/", speak, "Say a text, as in the first version.")
    old_routes.changes(
        found,
        "/change_refer",
        change_refer,
        "Change the reference.",
        ["refer_wav_path", "prompt_text", "prompt_language"],
    )
    old_routes.changes(
        found, "/set_model", set_model, "Choose the model.", [key for _, key in _MODEL_PATHS]
    )
    return found
