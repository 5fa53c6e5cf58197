"""What Wyoming calls voices, languages and texts, and what we do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import myna
from myna.apps.server.requests import SpeechRequest
from myna.apps.server.wyoming_events import MalformedError
from myna.errors import TextError, VoiceError
from myna.text.notes import LANGUAGES, language_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from myna.apps.server.casting import VoiceCard
    from myna.apps.server.studio import Studio

_HOME = {"name": "The Myna developers", "url": ""}
_MARKUPS = {None: "auto", "text": "plain", "ssml": "ssml"}
"""What the protocol calls the format of a text."""


def info(voices: Sequence[VoiceCard]) -> dict[str, object]:
    """The data of an `info` event."""
    known = {"attribution": _HOME, "installed": True, "version": myna.__version__}
    program = {
        **known,
        "name": "myna",
        "description": "Cloned voices that read any text",
        "voices": [
            {
                **known,
                "name": voice.id,
                "description": voice.name,
                # What a client does not find under any language it never offers.
                "languages": list(voice.languages or LANGUAGES),
                "speakers": None,
            }
            for voice in voices
        ],
        "supports_synthesize_streaming": True,
    }
    others = ("asr", "handle", "intent", "wake", "mic", "snd")
    return {"tts": [program], **{domain: [] for domain in others}}


async def speech_request(studio: Studio, data: Mapping[str, object], text: str) -> SpeechRequest:
    """Say `text` as these data of an event want it.

    Raises:
        MalformedError: they are not what the protocol calls for.
        TextError: the text is in a format that we do not know.
        VoiceError: no voice speaks the language, or a speaker is named: ours are voices.
    """
    voice = data.get("voice") or {}
    if not isinstance(voice, dict):
        raise MalformedError("voice is an object.")
    name, language = _string(voice, "name"), _string(voice, "language")
    if _string(voice, "speaker"):
        raise VoiceError("The voices here have no speakers; name a voice alone.")
    mode = "auto"
    if language and not name:
        mode = language_of(language) or ""
        name = await _speaker_of(studio, mode)
    form = _string(data, "text_format").lower() or None
    if form not in _MARKUPS:
        raise TextError("text_format is either text or ssml.")
    return SpeechRequest(
        text=text,
        voice=name,
        language=mode,
        markup=_MARKUPS[form],
        container="raw",
        stream=True,
    )


async def _speaker_of(studio: Studio, language: str) -> str:
    for voice in await studio.voices():
        if language and language in (voice.languages or LANGUAGES):
            return voice.id
    raise VoiceError("No voice here speaks this language; ask for others with describe.")


def text_of(data: Mapping[str, object]) -> str:
    """What is to be said.

    Raises:
        MalformedError: there is nothing, or it is no text.
    """
    text = data.get("text")
    if not isinstance(text, str):
        raise MalformedError("There is no text.")
    # Halves of characters, which JSON can write and nothing else can, are marked as lost.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _string(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedError(f"{name} is a string.")
    return value or ""
