"""What keeps a server from starting is told once, by the process that a person started."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from myna import errors
from myna.errors import ConfigError, MynaError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FILE = "failure"
"""In the folder that workers share."""


class Starting:
    """Tells what an application could not start for, and keeps that from uvicorn, which would log
    it as a bug.

    Args:
        app: the application.
        tell: what to do with the error.
    """

    def __init__(self, app: ASGIApp, tell: Callable[[Exception], None]) -> None:
        self._app, self._tell = app, tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed: Message | None = None

        async def holding(message: Message) -> None:
            nonlocal failed
            if message["type"] == "lifespan.startup.failed":
                failed = message  # until it is known of what
            else:
                await send(message)

        try:
            await self._app(scope, receive, holding)
        except Exception as error:
            if failed is None:
                raise
            if isinstance(error, MynaError | OSError):
                self._tell(error)
                failed = {"type": "lifespan.startup.failed", "message": ""}
            await send(failed)
            raise


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address.

    Raises:
        ConfigError: it cannot be; the message says why.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise cannot_listen("--port", host, port, error) from error
    return bound


def cannot_listen(option: str, host: str, port: int, error: OSError) -> ConfigError:
    """What to say of an address that cannot be listened on; `option` chooses another port."""
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"Port {port} of {host} is taken, perhaps by another `myna serve`. Choose another one "
            f"with {option}."
        )
    why = (error.strerror or str(error)).lower()
    return ConfigError(f"Port {port} of {host} cannot be listened on: {why}.")


def leave_word(folder: Path, error: Exception) -> None:
    """Tell the process that started this worker why it could not begin."""
    with suppress(OSError):  # then it is told less
        word = {"kind": type(error).__name__, "message": str(error)}
        (folder / _FILE).write_text(json.dumps(word), encoding="utf-8")


def word_left(folder: Path) -> MynaError | OSError | None:
    """What a worker said by `leave_word`, if one did."""
    try:
        word = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    kind = getattr(errors, str(word["kind"]), None)
    if kind is None:
        return OSError(str(word["message"]))
    found: MynaError = MynaError.__new__(kind)
    MynaError.__init__(found, str(word["message"]))
    return found
