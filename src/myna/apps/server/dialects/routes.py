"""Routes that tell of errors in the shape of their dialect, whatever went wrong."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from myna.apps.server.dialects.speaking import status_of
from myna.errors import MynaError

log = logging.getLogger(__name__)

_MOST_TOLD = 5
"""Mistakes in one request that an error lists."""


class Missing(Exception):  # noqa: N818 - it is no mistake of ours
    """What a request names is not there: 404."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a request was not served."""

    status: int
    kind: str
    """Name of the error in `myna.errors`, or `ValidationError`, `NotFound`, `HTTPError`,
    `StorageError`."""
    message: str
    param: str | None = None
    """The field at fault, if it is one."""


def route(shape: Callable[[Failure], dict[str, Any]], *, invalid: int = 422) -> type[APIRoute]:
    """A class for routes whose errors have bodies of this shape; use it as a router's
    `route_class`.

    Args:
        invalid: status of requests that are not what they should be.
    """

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    return await handler(request)
                except _TOLD as error:
                    found = failure(error)
                    if isinstance(error, RequestValidationError):
                        found = replace(found, status=invalid)
                    return refusal(found, shape)

            return handle

    return Route


def refusal(found: Failure, shape: Callable[[Failure], dict[str, Any]]) -> Response:
    """The answer that tells of a failure."""
    headers = {"Retry-After": "1"} if found.status in (429, 503) else None
    return JSONResponse(shape(found), found.status, headers)


def failure(error: Exception) -> Failure:
    """What to tell of an error; nothing of what only concerns this machine."""
    match error:
        case RequestValidationError():
            return _invalid(error)
        case Missing():
            return Failure(status=404, kind="NotFound", message=str(error))
        case HTTPException():
            return Failure(
                status=error.status_code, kind="HTTPError", message=printable(str(error.detail))
            )
        case MynaError():
            status = status_of(error)
            return Failure(status=status, kind=type(error).__name__, message=printable(str(error)))
    log.error("files of the server cannot be read or written", exc_info=error)
    return Failure(
        status=503,
        kind="StorageError",
        message="The server cannot read or write its files now; its log says more.",
    )


_TOLD = (RequestValidationError, Missing, HTTPException, MynaError, OSError, sqlite3.Error)


def _invalid(error: RequestValidationError) -> Failure:
    told, param = [], None
    for each in error.errors()[:_MOST_TOLD]:
        place = ".".join(str(part) for part in each["loc"] if part not in ("body", "query", "path"))
        told.append(f"{place}: {each['msg']}" if place else str(each["msg"]))
        param = param or place or None
    message = printable("; ".join(told))[:2000]
    return Failure(
        status=422,
        kind="ValidationError",
        message=message,
        param=None if param is None else printable(param)[:200],
    )


def printable(text: str) -> str:
    """Without halves of characters, which cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")
