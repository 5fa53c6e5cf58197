"""Who asks, for those that are told of voices and nothing of requests.

It goes with the task that serves a request, into the tasks and threads that this begins.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

_name: contextvars.ContextVar[str] = contextvars.ContextVar("asking", default="")


@contextmanager
def asked_by(name: str) -> Iterator[None]:
    """Whatever is done within the block, or begun there, is done for the key of this name.

    Args:
        name: empty for nobody in particular, as it is outside of such a block.
    """
    token = _name.set(name)
    try:
        yield
    finally:
        _name.reset(token)


def asking() -> str:
    """Name of the key for which something is being done; empty for nobody in particular."""
    return _name.get()
