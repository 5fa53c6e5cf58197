"""The server as processes: one, or several that share a port, each with its own models.

A worker that dies is replaced. At the first Ctrl-C, or SIGTERM, nothing new is taken and what is
being said is finished, for a while; at the second all ends.
"""

from __future__ import annotations

import importlib
import json
import logging.config
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from myna.apps.server import journal
from myna.apps.server.app import create
from myna.apps.server.safety.connections import uvicorn_options
from myna.apps.server.settings import ServerSettings
from myna.extras import require

_RESTART = "MYNA_SERVER_RESTART"
_SETTINGS, _METRICS = "MYNA_SERVER", "MYNA_SERVER_METRICS"
"""How workers are told what to do: variables of the environment."""
_ANSWERS_WITHIN = 30
"""Seconds in which a worker that lives gives a sign; starting, on a busy machine, takes some."""
_UNSENT = 1 << 18
"""Bytes that the system keeps for each slow reader: about ten seconds of sound. Left to itself it
keeps megabytes, and what nobody fetches looks like what somebody hears."""
_NOT_STARTED = 3
"""Exit code of a worker, as uvicorn has it, that could not even begin."""


def serve(settings: ServerSettings) -> None:
    """Serve until interrupted.

    Raises:
        ConfigError: the settings do not fit this machine.
        OSError: the port is taken.
        MynaError: the model cannot be loaded.
    """
    settings.check_binding()
    uvicorn: Any = require("uvicorn", extra="server", feature="The server")
    logs = journal.log_config(log_text=settings.log_text)
    options = {
        **uvicorn_options(settings),
        "log_config": logs,
        "timeout_graceful_shutdown": round(settings.grace),
    }
    if settings.workers == 1:
        logging.config.dictConfig(logs)
        # uvicorn hands signals on once it has done what they ask for, and that is success.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        config = uvicorn.Config(create(settings, control=_control), **options)
        server = uvicorn.Server(config)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[_bound(config)])
        if not server.started:
            raise SystemExit(1)
        if os.environ.pop(_RESTART, ""):
            os.execv(sys.executable, [sys.executable, "-m", "myna.apps.cli.main", *sys.argv[1:]])  # noqa: S606 - the very command that was given
        return
    with tempfile.TemporaryDirectory(prefix="myna-metrics-") as folder:
        os.environ[_SETTINGS] = json.dumps(asdict(settings))
        os.environ[_METRICS] = folder
        options |= {"factory": True, "timeout_worker_healthcheck": _ANSWERS_WITHIN}
        config = uvicorn.Config("myna.apps.server.serving:worker", **options)
        supervisors: Any = importlib.import_module("uvicorn.supervisors")
        group = supervisors.Multiprocess(config, sockets=[_bound(config)])
        group.run()
        if any(each.exitcode == _NOT_STARTED for each in group.processes):
            raise SystemExit(1)


def _bound(config: Any) -> socket.socket:
    """What is listened on. uvicorn's own would not hear IPv4 on `::`."""
    listening: socket.socket = config.bind_socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT)  # connections inherit it
    return listening


def worker() -> ASGIApp:
    """The application of one of several processes, as the environment says."""
    threading.Thread(target=_follow, daemon=True).start()
    settings = ServerSettings(**json.loads(os.environ[_SETTINGS]))
    return create(settings, metrics_folder=Path(os.environ[_METRICS]), control=_control_all)


def _follow() -> None:
    """End with the process that would replace this one and tell it to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _control(command: str) -> None:
    """End this process as SIGTERM does; `serve` starts it again if that is asked for."""
    if command == "restart":
        os.environ[_RESTART] = "1"
    os.kill(os.getpid(), signal.SIGTERM)


def _control_all(command: str) -> None:
    """End this worker, which is replaced then; or all of them."""
    os.kill(os.getpid() if command == "restart" else os.getppid(), signal.SIGTERM)
