"""What the library knows of a voice without opening its file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from myna.apps.library import names
from myna.errors import VoiceError

if TYPE_CHECKING:
    from myna.datatypes import Voice

LONGEST_DESCRIPTION = 2_000
LONGEST_TERMS = 20_000
"""Characters of a licence, or of a consent."""
MOST_ALIASES = 32
MOST_LANGUAGES = 32
_LONGEST_FACT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A voice in the library."""

    id: str
    """`voice_` and 16 hex digits; stays when the voice is renamed or replaced."""
    name: str
    """As people call it; no other voice is called so, in whatever case."""
    description: str
    model: str
    """Fingerprint of the weights that understood it."""
    family: str
    languages: tuple[str, ...]
    """That it was recorded in or is meant for, as codes; empty if nobody said."""
    created: str
    """When it was taken in, UTC, ISO 8601."""
    consent: str
    licence: str
    size: int
    """Of its file, in bytes."""
    aliases: tuple[str, ...]
    """Other names it answers to."""
    owner: str
    """Name of the key of a server that made it; empty if it is everybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What people say of a voice, checked; None where they said nothing."""

    description: str | None = None
    languages: tuple[str, ...] | None = None
    aliases: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a voice's file says of itself, checked."""

    model: str
    family: str
    licence: str
    consent: str


def words(
    description: str | None, languages: Iterable[str] | None, aliases: Iterable[str] | None
) -> Words:
    """Check them.

    Raises:
        VoiceError: one of them is unfit, or there are too many.
    """
    if description is not None:
        description = names.text("description", description.strip(), LONGEST_DESCRIPTION)
    codes = None if languages is None else tuple(dict.fromkeys(map(names.language, languages)))
    if codes is not None and len(codes) > MOST_LANGUAGES:
        raise VoiceError(f"A voice has at most {MOST_LANGUAGES} languages.")
    if aliases is not None:
        found = {names.key(alias): alias for alias in map(names.checked, aliases)}
        aliases = tuple(found.values())
        if len(aliases) > MOST_ALIASES:
            raise VoiceError(f"A voice has at most {MOST_ALIASES} other names.")
    return Words(description=description, languages=codes, aliases=aliases)


def facts(voice: Voice) -> Facts:
    """What the index keeps of a voice's file.

    Raises:
        VoiceError: the file says something too long, or that is no text.
    """
    return Facts(
        model=names.text("model's fingerprint", voice.model, _LONGEST_FACT),
        family=names.text("model's family", voice.family, _LONGEST_FACT),
        licence=names.text("licence", voice.licence, LONGEST_TERMS),
        consent=names.text("consent", voice.consent, LONGEST_TERMS),
    )


def spoken(voice: Voice) -> tuple[str, ...]:
    """The language of its reference, if that is known."""
    try:
        return (names.language(voice.prompt.language),) if voice.prompt is not None else ()
    except VoiceError:
        return ()
