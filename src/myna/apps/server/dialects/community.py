"""What forks and adapters add to GPT-SoVITS: lists of voices under several names, and `/ping`.

Sources: what SillyTavern asks of the v3ucn fork (`/speakers`) and of GSVI (`/character_list`), what
others ask of XTTS servers (`/speakers_list`), and VideoLingo, which waits for `/ping`. The words
they send to `/tts` and `/` are understood in `speaking`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from myna.apps.server.studio import Studio


def router(studio: Studio) -> APIRouter:
    """Their routes."""
    found = APIRouter(tags=["voices as others list them"])

    @found.get("/speakers")
    async def speakers() -> list[dict[str, str]]:
        """All voices: `name` is shown, `voice_id` comes back as a name or in a path."""
        return [{"name": card.name, "voice_id": card.id} for card in await studio.voices()]

    @found.get("/speakers_list")
    async def speakers_list() -> list[str]:
        """Names of all voices."""
        return [card.name for card in await studio.voices()]

    @found.get("/character_list")
    async def character_list() -> dict[str, list[str]]:
        """Names of all voices, and the emotions of each: there is one."""
        return {card.name: ["default"] for card in await studio.voices()}

    @found.get("/ping")
    async def ping() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok"}

    return found
