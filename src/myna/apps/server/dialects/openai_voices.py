"""`/v1/audio/voices`: what voices there are, one more by upload, one less.

Source: names and shapes as Open WebUI asks for them, and as OpenAI, vLLM-Omni and SGLang-Omni take
uploads.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, File, Form, UploadFile

from myna.apps.server import lenient
from myna.apps.server.dialects.openai_bodies import VoiceGone, VoiceItem, VoiceList, VoiceMade
from myna.apps.server.dialects.routes import Missing
from myna.apps.server.requests import Clip
from myna.errors import AudioError, ConfigError, VoiceError

if TYPE_CHECKING:
    from myna.apps.server.studio import Studio


def add(routes: APIRouter, studio: Studio) -> None:
    """Add the routes."""

    @routes.get("/v1/audio/voices")
    async def voices() -> VoiceList:
        """All voices."""
        return VoiceList(
            voices=[
                VoiceItem(
                    id=card.id,
                    name=card.name,
                    languages=list(card.languages),
                    model=card.model,
                    description=card.description,
                )
                for card in await studio.voices()
            ]
        )

    @routes.post("/v1/audio/voices")
    async def upload(
        name: Annotated[str, Form(min_length=1, max_length=1000)],
        audio_sample: Annotated[UploadFile | None, File(description="The recording.")] = None,
        file: Annotated[UploadFile | None, File(description="The same, to SGLang-Omni.")] = None,
        consent: Annotated[
            str, Form(description="Whose voice it is and how they agreed, or the id of a consent.")
        ] = "",
        ref_text: Annotated[str, Form(description="What is said in the recording.")] = "",
        language: Annotated[str, Form(description="Of ref_text.")] = "",
        speaker_description: Annotated[str, Form()] = "",
    ) -> VoiceMade:
        """Make a voice of a recording."""
        sample = audio_sample or file
        if sample is None:
            raise AudioError("There is no recording: send it as the file audio_sample.")
        mode = lenient.language(language) if language.strip() else "auto"
        if mode is None:
            raise ConfigError("There is no such language; use auto, zh, en, ja, ko or yue.")
        data = await sample.read()
        card = await studio.clone(
            [Clip(data=data, text=ref_text, language=mode)],
            name=name,
            description=speaker_description,
            consent=consent,
        )
        now = int(time.time())
        facts: dict[str, str | int] = {
            "id": card.id,
            "name": card.name,
            "consent": consent,
            "created_at": now,
            "file_size": len(data),
            "ref_text": ref_text,
            "speaker_description": speaker_description,
        }
        return VoiceMade(id=card.id, name=card.name, created_at=now, voice=facts)

    @routes.delete("/v1/audio/voices/{voice}")
    async def delete(voice: str) -> VoiceGone:
        """Forget a voice of the library, by id or name."""
        entry = await studio.off(studio.library.find, voice)
        if entry is None:
            if voice in [card.id for card in await studio.voices()]:
                raise VoiceError("This voice comes with a model and cannot be deleted.")
            raise Missing("There is no voice of this name or id.")
        await studio.off(studio.library.delete, entry.id)
        return VoiceGone(id=entry.id, message=f"The voice {entry.name!r} was deleted.")
