"""All checks round an application, in the order in which they make sense.

A request gets its number and its line in the journal first, so that refusals have them too. What
costs least to check comes next, then who asks, then how often, then what; its body is read last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from myna.apps.server.journal import Journal
from myna.apps.server.safety.bodies import Bodies
from myna.apps.server.safety.changes import Changes
from myna.apps.server.safety.crowd import Crowd
from myna.apps.server.safety.headers import SecurityHeaders
from myna.apps.server.safety.hosts import Hosts
from myna.apps.server.safety.origins import Origins
from myna.apps.server.safety.rates import Rates
from myna.apps.server.safety.tokens import Authorise, Identify

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from myna.apps.server.metrics import Metrics
    from myna.apps.server.settings import ServerSettings


def protect(app: ASGIApp, settings: ServerSettings, *, metrics: Metrics | None = None) -> ASGIApp:
    """The application behind all checks that the settings ask for.

    Args:
        app: answers requests and WebSockets; what else it is asked, such as to start, passes.
        settings: limits, and who may ask.
        metrics: is told of every request.

    Raises:
        ConfigError: the keys cannot be read.
    """
    keyring = settings.keyring()
    named = settings.host_names if settings.hosts or not keyring else None
    app = Bodies(app, settings.most_body_bytes, settings.idle_seconds)
    app = Changes(app, by_get=settings.compatibility)
    if keyring:
        app = Authorise(app)
    app = Rates(app, settings.rate, trusting=not keyring)
    app = Identify(app, keyring)
    app = Origins(app, settings.origin_list)
    app = Hosts(app, named)
    app = Crowd(app, settings.most_connections)
    app = SecurityHeaders(app)
    return Journal(app, metrics=metrics, log_text=settings.log_text)
