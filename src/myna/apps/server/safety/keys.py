"""Who may ask: keys with a name, a token that is kept only as its hash, and a rate.

    # name:token, and requests per minute if other than everybody's
    kitchen:pRd0yqB6c3mM3xV1vQ
    phone:sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08:30

A token is 16 to 256 letters, digits and `-._~+/=`, which is what fits into an `Authorization`
header; `python -c "import secrets; print(secrets.token_urlsafe())"` makes one. Where the file is
kept by others it may hold the SHA-256 of the token instead.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from myna.errors import ConfigError

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})"
    r":(?:sha256=(?P<hash>[0-9a-fA-F]{64})|(?P<token>(?!sha256=)[A-Za-z0-9._~+/=-]{16,256}))"
    r"(?::(?P<rate>[0-9]{1,6}))?"
)
_MOST_TOKEN = 256


@dataclass(frozen=True, slots=True)
class Key:
    """One who may ask."""

    name: str
    """As logs and limits call it."""
    rate: int | None = None
    """Requests per minute; None for everybody's, 0 for no limit."""


class Keyring:
    """All keys. Compares hashes, in a time that does not depend on which key it is, or none."""

    def __init__(self, keys: Iterable[tuple[bytes, Key]] = ()) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, token: str) -> Key | None:
        """The key with this token."""
        given = _hash(token[: _MOST_TOKEN + 1])
        found = None
        for known, key in self._keys:
            if hmac.compare_digest(given, known):
                found = key
        return found


def parse(text: str, *, name: str) -> Keyring:
    """Read keys, one a line; empty lines and those that begin with `#` are left out.

    Args:
        text: the lines.
        name: where they come from, for errors.

    Raises:
        ConfigError: a line is not as above, or a name or token stands there twice. The message
            says which line, and nothing of what is in it.
    """
    keys: dict[bytes, Key] = {}
    names = set()
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ConfigError(
                f"Line {number} of {name} is not `name:token` or `name:token:requests-per-minute` "
                f"with a token of 16 to {_MOST_TOKEN} letters, digits and -._~+/=."
            )
        hashed = bytes.fromhex(found["hash"]) if found["hash"] else _hash(found["token"])
        if hashed in keys or found["name"] in names:
            raise ConfigError(f"Line {number} of {name} repeats a name or a token of another line.")
        names.add(found["name"])
        keys[hashed] = Key(found["name"], int(found["rate"]) if found["rate"] else None)
    return Keyring(keys.items())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
