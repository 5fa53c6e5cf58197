"""Whether the server lives, whether it can serve, and its figures: for those who watch over it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from myna.apps.server.metrics import CONTENT_TYPE, Metrics
from myna.apps.server.studio import Studio


def router(studio: Studio, metrics: Metrics) -> APIRouter:
    """The routes `/health`, `/ready` and `/metrics`."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @routes.get("/ready", responses={503: {"description": "Not now."}})
    async def ready(response: Response) -> dict[str, str]:
        """A model is loaded, or can be, and there is room for one more text."""
        reason = studio.unready
        response.status_code = 503 if reason else 200
        return {"status": reason or "ready"}

    @routes.get("/metrics", response_class=Response)
    async def figures() -> Response:
        """What Prometheus reads."""
        return Response(await studio.off(metrics.page), media_type=CONTENT_TYPE)

    return routes
