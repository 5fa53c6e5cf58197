"""No key and no address asks more often than agreed."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from myna.apps.server.safety import asgi
from myna.apps.server.safety.tokens import key_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_MOST_KNOWN = 10_000


class Buckets:
    """For each name a bucket that holds a minute's requests, and refills evenly.

    Of the 10000 names seen last; one that is forgotten starts full.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, per_minute: int) -> float:
        """Take one request out.

        Returns:
            0 if there was one; else seconds until there is.
        """
        now = self._clock()
        left, when = self._known.pop(name, (float(per_minute), now))
        left = min(per_minute, left + (now - when) * per_minute / 60)
        wait = 0.0 if left >= 1 else (1 - left) * 60 / per_minute
        self._known[name] = (left - 1 if wait == 0 else left, now)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return wait


class Rates:
    """Refuses what comes too often (429), and says when to come again.

    Args:
        app: what is asked.
        rate: requests per minute of whoever has no rate of its own; 0 for no limit.
        trusting: programs of this machine that show no key have no limit.
    """

    def __init__(self, app: ASGIApp, rate: int, *, trusting: bool) -> None:
        self._app = app
        self._rate = rate
        self._trusting = trusting
        self._buckets = Buckets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        wait = 0.0
        if asgi.is_request(scope) and scope["path"] not in asgi.ALWAYS_OPEN:
            wait = self._wait(scope)
        if wait == 0:
            await self._app(scope, receive, send)
            return
        seconds = str(math.ceil(wait))
        words = f"Too many requests. Try again in {seconds} s."
        await asgi.refuse(scope, receive, send, 429, words, [("retry-after", seconds)])

    def _wait(self, scope: Scope) -> float:
        key = key_of(scope)
        if key is None and self._trusting and asgi.is_same_machine(scope):
            return 0.0
        rate = self._rate if key is None or key.rate is None else key.rate
        name = f"key {key.name}" if key else f"address {_network(asgi.address(scope))}"
        return self._buckets.take(name, rate) if rate else 0.0


def _network(address: str) -> str:
    """Whoever has one IPv6 address has all of its /64."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
