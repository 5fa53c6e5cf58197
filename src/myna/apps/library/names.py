"""Names of voices: what may be one, and when two are the same.

A name is for people. It is kept in the index and never becomes a path, so `..` and `CON` may be
names like any other; what cannot be seen, or turns the direction of text round, may not.
"""

import re
import secrets
import unicodedata
from collections.abc import Iterator

from myna.errors import VoiceError

LONGEST = 100
"""Characters of a name, in NFC."""

LONGEST_GIVEN = 10 * LONGEST
"""Characters of what is looked at at all: folding megabytes takes time."""

_ID = re.compile(r"voice_[0-9a-f]{16}")
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNFIT = {"Cc", "Cs"}
_UNSEEN = {"Cf", "Mn", "Mc", "Me", "Zs"}
_LANGUAGE = re.compile(r"[a-z]{2,8}([_-][a-z0-9]{1,8}){0,4}")


def new_id() -> str:
    """An id nobody can guess: `voice_` and 16 hex digits."""
    return f"voice_{secrets.token_hex(8)}"


def checked(name: str) -> str:
    """The name in NFC, with single spaces.

    Raises:
        VoiceError: it is empty, too long, like an id, or has characters that cannot be seen.
    """
    wanted = _spaced(name[: LONGEST_GIVEN + 1])
    if any(not _fit(character) for character in wanted):
        raise VoiceError("A voice's name has control characters in it. Leave them out.")
    if not any(unicodedata.category(character) not in _UNSEEN for character in wanted):
        raise VoiceError("A voice's name is empty. Give it one that can be read.")
    if len(wanted) > LONGEST:
        raise VoiceError(f"A voice's name has more than {LONGEST} characters. Shorten it.")
    if _ID.fullmatch(key(wanted)):
        raise VoiceError("A voice's name looks like an id. Choose another.")
    return wanted


def tamed(name: str, otherwise: str = "Voice") -> str:
    """The nearest fit name, where nobody is there to choose another."""
    wanted = "".join(character for character in _spaced(name[:LONGEST_GIVEN]) if _fit(character))
    try:
        return checked(wanted[:LONGEST])
    except VoiceError:
        return otherwise


def numbered(name: str) -> Iterator[str]:
    """The name, then `name 2`, `name 3` and so on, none of them too long."""
    yield name
    number = 2
    while True:
        end = f" {number}"
        yield name[: LONGEST - len(end)].rstrip() + end
        number += 1


def key(text: str) -> str:
    """Equal for names that are the same: whatever their case, and however they are composed.

    Source: canonical caseless matching, D145 of the Unicode Standard, section 3.13.
    """
    folded = unicodedata.normalize("NFD", _spaced(text)).casefold()
    return unicodedata.normalize("NFD", folded)


def quoted(name: str) -> str:
    """A name for a message; what might be somebody's path is not repeated."""
    harmless = len(name) <= LONGEST and not set(name) & set("/\\:") and all(map(_fit, name))
    return f"{name!r}" if harmless else "of that name"


def text(what: str, words: str, longest: int) -> str:
    """Words that can be kept.

    Raises:
        VoiceError: they are too long, or no text.
    """
    if len(words) > longest:
        raise VoiceError(f"The {what} has more than {longest} characters. Shorten it.")
    if any(unicodedata.category(character) == "Cs" for character in words) or "\0" in words:
        raise VoiceError(f"The {what} has characters in it that are none.")
    return words


def language(code: str) -> str:
    """A language's code in lower case, such as `en` or `pt-br`.

    Raises:
        VoiceError: it is none.
    """
    wanted = code.strip().lower() if len(code) <= LONGEST else ""
    if not _LANGUAGE.fullmatch(wanted):
        raise VoiceError("A voice's language is no code such as en, zh or pt-br.")
    return wanted


def _spaced(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def _fit(character: str) -> bool:
    return unicodedata.category(character) not in _UNFIT and character not in _TURNS
