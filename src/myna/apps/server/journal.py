"""One line of JSON for each request: who asked for how much of whose voice, and how it went.

Texts, sound, paths, queries, addresses of clients and messages of errors are left out unless the
settings ask for texts. Whatever is written is escaped to ASCII on a single line, so that nothing a
client sends can look like a line of its own.
"""

from __future__ import annotations

import contextvars
import json
import logging
import re
import secrets
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from myna.apps.server.safety import asgi

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from myna.apps.server.metrics import Metrics
    from myna.apps.server.performance import Figures
    from myna.apps.server.safety.keys import Key

LOGGER = "myna.server"
"""Name of the log that gets a line for each request."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LONGEST = 2000
_current: contextvars.ContextVar[Entry] = contextvars.ContextVar("entry")
_log = logging.getLogger(LOGGER)


@dataclass(slots=True)
class Entry:
    """What is known of one request; whoever serves it fills in what it knows."""

    id: str = ""
    """As the client named it, or drawn; in the header X-Request-Id of the answer."""
    route: str = "other"
    """Template of the path, such as `/voices/{id}`; `other` if no route fits."""
    method: str = ""
    status: int = 0
    """Of HTTP; 101 for a WebSocket that was accepted; 0 if there was no answer."""
    key: str = ""
    """Name of the key."""
    voice: str = ""
    """The voice that was used or made, as the library calls it; never what the client wrote."""
    consent: str = ""
    """Whose consent goes with the voice, as the library says."""
    model: str = ""
    characters: int | None = None
    audio_seconds: float | None = None
    """Sound that was made."""
    first_sound: float | None = None
    """Seconds until the first of it was sent."""
    rtf: float | None = None
    """Seconds that it took per second of sound."""
    seconds: float = 0.0
    """From the head of the request to the end of the answer."""
    error: str = ""
    """Name of the class of the error that was answered, if any."""
    text: str = field(default="", repr=False)
    """Written down only if the settings ask for it."""


def note(**facts: Any) -> None:
    """Add facts to the entry of the request that is being served; outside of one nothing happens.

    Args:
        facts: fields of `Entry`.
    """
    entry = _current.get(None)
    if entry is not None:
        for name, value in facts.items():
            setattr(entry, name, value)


def performed(figures: Figures) -> None:
    """Note how speech went, for the request that it was made for; `Studio` calls it."""
    note(
        voice=figures.voice,
        model=figures.model,
        characters=figures.characters,
        audio_seconds=figures.audio_seconds,
        first_sound=figures.first_sound,
    )
    if figures.audio_seconds:
        note(rtf=figures.seconds / figures.audio_seconds)
    if figures.error is not None:
        note(error=type(figures.error).__name__)


@contextmanager
def recording(route: str, *, metrics: Metrics | None = None) -> Iterator[Entry]:
    """Keep the entry of what is no HTTP, such as a request by Wyoming, and write it at the end.

    Args:
        route: what it is called.
        metrics: is told of it.
    """
    entry = Entry(id=_identify(None), route=route)
    token, start = _current.set(entry), time.perf_counter()
    try:
        yield entry
    except BaseException as error:
        entry.error = entry.error or type(error).__name__
        raise
    finally:
        _current.reset(token)
        entry.seconds = time.perf_counter() - start
        _write(entry, metrics, log_text=False)


class Journal:
    """Gives each request its number, and writes its line when it has been answered.

    The number is also `request.state.request_id`.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics | None = None, log_text: bool = False
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._log_text = log_text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if not asgi.is_request(scope):
            await self._app(scope, receive, send)
            return
        entry = Entry(id=_identify(asgi.header(scope, b"x-request-id")))
        method = str(scope.get("method", "WEBSOCKET"))
        entry.method = method if method in _METHODS or method == "WEBSOCKET" else "OTHER"
        asgi.state(scope)["request_id"] = entry.id
        token = _current.set(entry)
        watch = _Watch(entry, receive, send)
        try:
            await self._app(scope, watch.receive, watch.send)
        except BaseException as error:
            entry.error = entry.error or type(error).__name__
            raise
        finally:
            _current.reset(token)
            watch.finish()
            _fill(entry, scope)
            _write(entry, self._metrics, log_text=self._log_text)


class NoAddresses(logging.Filter):
    """Keeps away what uvicorn says of each WebSocket: its address, with the query and its text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record."""
        return not (isinstance(record.msg, str) and '"WebSocket %s"' in record.msg)


class JsonLines(logging.Formatter):
    """Records as lines of JSON, in ASCII.

    Args:
        log_text: write messages of exceptions too, which may quote texts and paths; without, only
            their classes, and where they were raised.
    """

    def __init__(self, *, log_text: bool = False) -> None:
        super().__init__()
        self._log_text = log_text

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "log": record.name,
            "message": record.getMessage().strip()[:_LONGEST],
        }
        line |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = type(error).__name__
            if self._log_text:
                line["error_message"] = str(error)[:_LONGEST]
            line["at"] = [
                f"{each.name}:{each.lineno} {_module(each.filename)}"
                for each in traceback.extract_tb(error.__traceback__)[-12:]
            ]
        return json.dumps(line, default=str)


def log_config(*, log_text: bool = False, level: str = "INFO") -> dict[str, Any]:
    """For `logging.config.dictConfig` and uvicorn: everything to standard error as `JsonLines`.

    uvicorn's own log of requests is off, as it writes queries and addresses.
    """
    quiet = {"handlers": [], "propagate": False, "level": "CRITICAL"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"addresses": {"()": NoAddresses}},
        "formatters": {"json": {"()": JsonLines, "log_text": log_text}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "filters": [] if log_text else ["addresses"],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "myna": {"level": level},
            # What it cannot read, it quotes.
            "myna.text": {"level": level if log_text else "CRITICAL"},
            # Stated in full, as whoever set up uvicorn's own log before in this process left it.
            "uvicorn": {"level": level, "handlers": [], "propagate": True},
            "uvicorn.error": {"level": "NOTSET", "handlers": [], "propagate": True},
            "uvicorn.access": quiet,
        },
    }


class _Watch:
    """Sees what comes and goes."""

    def __init__(self, entry: Entry, receive: Receive, send: Send) -> None:
        self._entry = entry
        self._receive = receive
        self._send = send
        self._start = time.perf_counter()
        self._sound = False
        self._done = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._done:
            self._entry.error = self._entry.error or "ClientDisconnect"
        return message

    async def send(self, message: Message) -> None:
        entry, kind = self._entry, message["type"]
        if kind in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
            entry.status = int(message.get("status", 101))
            given = list(message.get("headers", ()))
            self._sound = any(
                key.lower() == b"content-type" and value.startswith(b"audio/")
                for key, value in given
            )
            message["headers"] = [*given, (b"x-request-id", entry.id.encode())]
        elif kind == "websocket.close" and not entry.status:
            entry.status = 403
        elif kind == "websocket.send":
            self._heard(bool(message.get("bytes")))
        elif kind == "http.response.body":
            self._heard(self._sound and bool(message.get("body")))
            self._done = not message.get("more_body", False)
        await self._send(message)

    def _heard(self, sound: bool) -> None:
        if sound and self._entry.first_sound is None:
            self._entry.first_sound = time.perf_counter() - self._start

    def finish(self) -> None:
        entry = self._entry
        entry.seconds = time.perf_counter() - self._start
        if entry.audio_seconds and entry.rtf is None:
            entry.rtf = entry.seconds / entry.audio_seconds


def _identify(given: str | None) -> str:
    return given if given and _ID.fullmatch(given) else secrets.token_hex(8)


def _fill(entry: Entry, scope: Scope) -> None:
    key: Key | None = asgi.state(scope).get("key")  # type: ignore[assignment]
    entry.key = key.name if key else ""
    route = getattr(scope.get("route"), "path", None)
    if isinstance(route, str):
        entry.route = route
    elif scope["path"] in asgi.ALWAYS_OPEN:
        entry.route = scope["path"]


def _write(entry: Entry, metrics: Metrics | None, *, log_text: bool) -> None:
    if metrics is not None:
        metrics.observe(entry)
    facts = dict(_facts(entry))
    if not log_text:
        facts.pop("text", None)
    watching = entry.route in asgi.ALWAYS_OPEN or entry.route == "/metrics"
    level = logging.DEBUG if watching and entry.status < 400 else logging.INFO
    _log.log(level, "request", extra={"facts": facts})


def _facts(entry: Entry) -> Iterator[tuple[str, object]]:
    """What is known, with numbers rounded to what they are worth."""
    for each in fields(entry):
        value = getattr(entry, each.name)
        if value not in ("", None):
            yield each.name, round(value, 4) if isinstance(value, float) else value


def _module(path: str) -> str:
    """The end of a path: enough to find a line, without where this was installed."""
    return "/".join(path.replace("\\", "/").split("/")[-2:])
