"""The reference that speaks where a request names none.

There is one for the server, as in GPT-SoVITS; it is kept in the settings of the library.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from myna.apps.server.requests import Clip, SpeechRequest
from myna.errors import ConfigError, VoiceError

if TYPE_CHECKING:
    from typing import Any

    from myna.apps.server.studio import Studio

KEY = "default_reference"
"""Of the library's settings."""


async def preset(studio: Studio) -> Clip | None:
    """What was kept last, or None."""
    kept = await _kept(studio)
    path, text, language = (str(kept.get(key, "")) for key in ("path", "text", "language"))
    return Clip(path=path, text=text, language=language or "auto") if path else None


async def keep(studio: Studio, clip: Clip) -> None:
    """Let `clip` speak from now on. A recording that came itself becomes a voice of the library,
    in the place of the one that came before it.

    Raises:
        MynaError: it cannot be used; then all is as it was.
    """
    before = await _kept(studio)
    path = clip.path or ""
    if clip.data is not None:
        name = f"Uploaded reference {secrets.token_hex(4)}"
        path = (await studio.clone((clip,), name=name)).id
    else:
        await studio.check(SpeechRequest(clips=(clip,)))
    value = {"path": path, "text": clip.text, "language": clip.language}
    await studio.off(studio.library.set, KEY, value | {"uploaded": clip.data is not None})
    if before.get("uploaded") and before.get("path") != path:
        try:
            await studio.off(studio.library.delete, str(before["path"]))
        except VoiceError:
            return  # somebody deleted it since


async def change(studio: Studio, clip: Clip) -> None:
    """As `keep`, but what `clip` leaves empty stays as it is: words alone belong to the recording
    that is kept, and a new recording has none of the old one's words.

    Raises:
        MynaError: it cannot be used, or there is nothing to change.
    """
    if clip.path or clip.data is not None:
        await keep(studio, clip)
        return
    before = await preset(studio)
    if before is None:
        raise ConfigError("There is no default reference yet; send its path, too.")
    text, language = clip.text or before.text, clip.language
    if language == "auto":
        language = before.language
    changed = replace(before, text=text, language=language)
    await studio.check(SpeechRequest(clips=(changed,)))
    kept = await _kept(studio)
    await studio.off(studio.library.set, KEY, kept | {"text": text, "language": language})


async def _kept(studio: Studio) -> dict[str, Any]:
    kept = await studio.off(studio.library.settings, KEY)
    return kept if isinstance(kept, dict) else {}
