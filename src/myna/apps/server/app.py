"""The server as one application: all dialects over one studio, behind all checks."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp

from myna import __version__
from myna.apps.library import Library
from myna.apps.server import health, journal, wyoming
from myna.apps.server.dialects import api_v1, api_v2, community, openai, own, talk
from myna.apps.server.job_worker import JobWorker
from myna.apps.server.jobs import JobLimits, Jobs
from myna.apps.server.leaving import Leaving
from myna.apps.server.metrics import Metrics
from myna.apps.server.safety.connections import LEAVING
from myna.apps.server.safety.protecting import protect
from myna.apps.server.settings import ServerSettings
from myna.apps.server.studio import Studio
from myna.checkpoints.store import ModelFolder
from myna.engines.graphs import have_graphs
from myna.engines.onnx_sessions import cores
from myna.files import data_folder
from myna.synthesis.pool import Pool
from myna.synthesis.scheduler import Limits
from myna.synthesis.speaker import Myna

log = logging.getLogger(__name__)

_PUBLISH = 5.0
"""Seconds between two pages of metrics, where there are several workers."""
_OF_MEMORY = 0.6
"""Of this machine's memory, that all workers may take."""
_CONTAINER = Path("/sys/fs/cgroup/memory.max")
"""Where Linux says how much memory a container may have."""
_SMALLEST = 1 << 30
"""Bytes for a worker, however little memory there is."""


def create(
    settings: ServerSettings,
    *,
    metrics_folder: Path | None = None,
    control: Callable[[str], None] | None = None,
) -> ASGIApp:
    """The application of one process, with models and voices of this machine.

    Args:
        metrics_folder: that all workers share; None if there is one worker.
        control: as `build`.

    Raises:
        ConfigError: the settings do not fit this machine.
        VoiceError: the library cannot be opened.
    """
    settings.check_binding()

    def load(folder: ModelFolder) -> Myna:
        return Myna.load(
            folder.path,
            engine=settings.engine,
            device=settings.device,
            precision=settings.precision,
            threads=_threads(folder, settings),
        )

    memory = settings.memory_bytes or _memory_of_machine()
    share = max(memory // settings.workers, _SMALLEST)
    limits = Limits(waiting=settings.most_waiting, saying=settings.most_saying, memory=share // 2)
    pool = Pool(load, memory=share // 2, idle=settings.unload or None, limits=limits)
    library = Library(most=settings.most_voices)
    studio = Studio(settings, library, pool, journal.performed)
    return build(studio, settings, metrics=Metrics(metrics_folder), control=control)


def build(
    studio: Studio,
    settings: ServerSettings,
    *,
    metrics: Metrics | None = None,
    control: Callable[[str], None] | None = None,
) -> ASGIApp:
    """The application over a studio, which it opens and closes with the server.

    Args:
        metrics: of this process.
        control: does "exit" or "restart", where the settings let clients ask for it.

    Raises:
        ConfigError: the keys cannot be read.
    """
    metrics = metrics or Metrics()
    metrics.watch("queue_length", "Texts that wait to be said.", lambda: float(studio.waiting))
    metrics.watch("saying", "Texts that are being said.", lambda: float(studio.saying))
    metrics.watch("loaded_models", "Models in memory.", lambda: float(len(studio.pool.loaded)))
    jobs = Jobs(data_folder() / "jobs", _job_limits(settings))

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[dict[str, object]]:
        await studio.begin()
        tasks = [
            asyncio.create_task(JobWorker(studio, jobs).run()),
            asyncio.create_task(_published(studio, metrics)),
        ]
        try:
            async with _wyoming(studio, settings, metrics) as server:
                yield {} if server is None else {LEAVING: server.leave}
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await studio.close()

    app = FastAPI(
        title="Myna",
        version=__version__,
        summary="Speech in cloned voices.",
        lifespan=living,
        docs_url="/docs" if settings.docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
    )
    if settings.allow_exit:
        app.state.control = control
    app.include_router(health.router(studio, metrics))
    app.include_router(own.router(studio, jobs))
    app.include_router(talk.router(studio))
    app.include_router(openai.router(studio))
    for old in (api_v2, community, api_v1):
        app.include_router(old.router(studio))
    return protect(Leaving(app), settings, metrics=metrics)


@asynccontextmanager
async def _wyoming(
    studio: Studio, settings: ServerSettings, metrics: Metrics
) -> AsyncIterator[wyoming.Server | None]:
    """Serve Wyoming as well, if asked to."""
    if not settings.wyoming_port:
        yield None
        return
    limits = wyoming.Limits(characters=settings.most_characters)
    host, port = settings.wyoming_host, settings.wyoming_port
    server = await wyoming.serve(studio, host, port, limits, metrics)
    try:
        yield server
    finally:
        await server.close(settings.grace)


def _job_limits(settings: ServerSettings) -> JobLimits:
    return JobLimits(
        waiting=settings.jobs_waiting,
        most_characters=settings.jobs_characters,
        most_bytes=settings.jobs_bytes,
        kept_hours=settings.jobs_hours,
        at_once=settings.jobs_at_once,
    )


async def _published(studio: Studio, metrics: Metrics) -> None:
    while True:
        with suppress(OSError):  # the page is of no use then, but speech is
            await studio.off(metrics.publish)
        await asyncio.sleep(_PUBLISH)


def _memory_of_machine() -> int:
    """Bytes that all workers together may take."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no such names
        whole = 8 << 30
    with suppress(OSError, ValueError):  # no limit is set, or none that we know how to read
        whole = min(whole, int(_CONTAINER.read_text("ascii")))
    return int(whole * _OF_MEMORY)


def _threads(folder: ModelFolder, settings: ServerSettings) -> int | None:
    """For the engine of a model; None for as many as it takes by itself."""
    if settings.threads:
        return settings.threads
    on_cpu = settings.device in ("auto", "cpu")
    onnx = settings.engine != "torch" and on_cpu and have_graphs(folder.family, folder.path)
    return max(cores() // settings.workers, 1) if onnx and settings.workers > 1 else None
