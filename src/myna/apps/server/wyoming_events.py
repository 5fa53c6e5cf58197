"""Events of the Wyoming protocol, as bytes and back.

An event is a line of JSON, then as many bytes of JSON as the line says (`data_length`), then as
many bytes of sound (`payload_length`). Data may also stand in the line itself; what comes behind it
overrides that. Lengths that are absent, null or zero mean that there is no such part.

Source: the description of the protocol at https://github.com/OHF-Voice/wyoming.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

VERSION = "1.10.2"
"""Of the package whose client the tests speak with; versions of the protocol are counted so."""


class MalformedError(ValueError):
    """What came is no event, or a larger one than is taken; nothing behind it can be read."""


@dataclass(frozen=True, slots=True)
class Event:
    """One message, in either direction."""

    type: str
    data: Mapping[str, object] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes that the parts of an event may have."""

    line: int = 1 << 16
    data: int = 1 << 18
    """Enough for 20 000 characters, each escaped."""
    payload: int = 1 << 16
    """Of sound, which nobody needs to send to a server that speaks."""


def encoded(event: Event) -> bytes:
    """An event as it is sent; its data never stands in the line."""
    header: dict[str, object] = {"type": event.type, "version": VERSION}
    body = json.dumps(event.data).encode() if event.data else b""
    if body:
        header["data_length"] = len(body)
    if event.payload:
        header["payload_length"] = len(event.payload)
    return b"".join((json.dumps(header).encode(), b"\n", body, event.payload))


class Reader:
    """Finds events in bytes that come in pieces. Keeps no more than one event of `sizes`, and the
    piece that is being read."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._kept = bytearray()
        self._searched = 0
        self._header: _Header | None = None

    @property
    def partial(self) -> bool:
        """Whether an event has begun and not ended."""
        return self._header is not None or bool(self._kept)

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that are complete with these bytes; take all of them before the next piece.

        Raises:
            MalformedError: behind the events that were well formed.
        """
        self._kept += piece
        while (event := self._next()) is not None:
            yield event

    def _next(self) -> Event | None:
        if self._header is None:
            line = self._line()
            if line is None:
                return None
            self._header = _header(line, self._sizes)
        header, kept = self._header, self._kept
        end = header.data_length + header.payload_length
        if len(kept) < end:
            return None
        body, payload = bytes(kept[: header.data_length]), bytes(kept[header.data_length : end])
        del kept[:end]
        self._header = None
        data = {**header.data, **_object(body, "the data")} if body else header.data
        return Event(header.type, data, payload)

    def _line(self) -> bytes | None:
        end = self._kept.find(b"\n", self._searched)
        self._searched = len(self._kept) if end < 0 else end
        if self._searched > self._sizes.line:
            raise MalformedError(f"The line of an event has more than {self._sizes.line} bytes.")
        if end < 0:
            return None
        line = bytes(self._kept[:end])
        del self._kept[: end + 1]
        self._searched = 0
        return line


@dataclass(frozen=True, slots=True)
class _Header:
    type: str
    data: dict[str, object]
    data_length: int
    payload_length: int


def _header(line: bytes, sizes: Sizes) -> _Header:
    found = _object(line, "an event")
    kind, data = found.get("type"), found.get("data")
    if not isinstance(kind, str):
        raise MalformedError("An event has no type.")
    if data is not None and not isinstance(data, dict):
        raise MalformedError("The data of an event is an object.")
    return _Header(
        kind,
        data or {},
        _length(found, "data_length", sizes.data),
        _length(found, "payload_length", sizes.payload),
    )


def _length(found: Mapping[str, object], name: str, most: int) -> int:
    length = found.get(name)
    if length is None:
        return 0
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise MalformedError(f"{name} is a whole number from 0 on.")
    if length > most:
        raise MalformedError(f"{name} is more than the {most} bytes that are taken.")
    return length


def _object(data: bytes, name: str) -> dict[str, object]:
    try:
        found = json.loads(data.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"This is no JSON, where {name} should be.") from error
    if not isinstance(found, dict):
        raise MalformedError(f"There is no object, where {name} should be.")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
