"""Recordings in another voice, of our own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import Response

from myna.apps.server.dialects.own_bodies import SOUND, Container, Language
from myna.apps.server.requests import Clip
from myna.audio.encoders import CONTAINERS, encode
from myna.datatypes import Delivery

if TYPE_CHECKING:
    from myna.apps.server.studio import Studio

_MOST_SEED = 2**63 - 1


def add(routes: APIRouter, studio: Studio) -> None:
    """Add the route."""
    described: dict[int | str, dict[str, Any]] = {200: {"content": SOUND, "description": "Sound."}}

    @routes.post("/conversion", responses=described, response_class=Response)
    async def conversion(
        recording: Annotated[UploadFile, File(description="One person speaking.")],
        voice: Annotated[
            str, Form(description="Id or name of who is to speak; empty for the default voice.")
        ] = "",
        text: Annotated[
            str,
            Form(
                description="What is said. Models of the published families need it; `tiny` is "
                "understood better with it."
            ),
        ] = "",
        language: Annotated[Language, Form(description="Of what is said.")] = "auto",
        model: Annotated[
            str, Form(description="Empty for the model of the voice, or the default one.")
        ] = "",
        container: Annotated[
            Container, Form(description="Kind of file; `raw` is 16-bit PCM without a header.")
        ] = "wav",
        rate: Annotated[
            int | None,
            Form(ge=8_000, le=96_000, description="In Hz; by default the model's own."),
        ] = None,
        seed: Annotated[
            int | None,
            Form(ge=0, le=_MOST_SEED, description="The same seed gives the same sound again."),
        ] = None,
    ) -> Response:
        """Say what a recording says, as it says it, with another voice; lasts as long."""
        speech = await studio.convert(
            Clip(data=await recording.read(), text=text, language=language),
            voice=voice,
            model=model,
            seed=seed,
            delivery=Delivery(rate=rate),
        )
        kind = CONTAINERS[container]
        data = await studio.off(encode, speech.audio, container)
        headers = {
            "X-Seed": str(speech.report.seed),
            "X-Sample-Rate": str(kind.rate(speech.audio.rate)),
        }
        return Response(data, 200, headers, kind.media_type)
