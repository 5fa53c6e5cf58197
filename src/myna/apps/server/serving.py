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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from starlette.types import ASGIApp

from myna.apps.server import journal
from myna.apps.server.app import create
from myna.apps.server.casting import open_speaker
from myna.apps.server.safety.connections import uvicorn_options
from myna.apps.server.settings import ServerSettings
from myna.apps.server.starting import Starting, leave_word, listen, word_left
from myna.checkpoints.store import open_model
from myna.errors import MynaError
from myna.extras import require

log = logging.getLogger(journal.LOGGER)

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
        ConfigError: the settings do not fit this machine, or a port is taken.
        ModelNotFoundError: the model is not on this machine.
        MynaError: it cannot be loaded, or the library of voices opened.
        OSError: files of the server cannot be read or written.
    """
    settings.check_binding()
    open_model(settings.model)  # which says more of one that is missing
    open_speaker(settings.model)
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
        failures: list[Exception] = []
        app = Starting(create(settings, control=_control), failures.append)
        server = uvicorn.Server(uvicorn.Config(app, **options))
        with suppress(KeyboardInterrupt, SystemExit):
            server.run(sockets=[_bound(settings)])
        if not server.started:
            _end(failures)
        if os.environ.pop(_RESTART, ""):
            os.execv(sys.executable, [sys.executable, "-m", "myna.apps.cli.main", *sys.argv[1:]])  # noqa: S606 - the very command that was given
        return
    with tempfile.TemporaryDirectory(prefix="myna-metrics-") as folder:
        os.environ[_SETTINGS] = json.dumps(asdict(settings))
        os.environ[_METRICS] = folder
        options |= {"factory": True, "timeout_worker_healthcheck": _ANSWERS_WITHIN}
        config = uvicorn.Config("myna.apps.server.serving:worker", **options)
        supervisors: Any = importlib.import_module("uvicorn.supervisors")
        group = supervisors.Multiprocess(config, sockets=[_bound(settings)])
        group.run()
        if any(each.exitcode == _NOT_STARTED for each in group.processes):
            _end([word_left(Path(folder))])


def _end(failures: Sequence[Exception | None]) -> NoReturn:
    """The server could not begin: with what is known of that, or with what was logged."""
    failure = next((each for each in failures if each is not None), None)
    if failure is None:
        raise SystemExit(1)
    raise failure


def _bound(settings: ServerSettings) -> socket.socket:
    """What is listened on. uvicorn's own would not hear IPv4 on `::`."""
    bound = listen(settings.host, settings.port)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT)  # connections inherit it
    bound.set_inheritable(True)
    log.info("listening on %s, port %d", settings.host, bound.getsockname()[1])
    return bound


def worker() -> ASGIApp:
    """The application of one of several processes, as the environment says."""
    threading.Thread(target=_follow, daemon=True).start()
    settings = ServerSettings(**json.loads(os.environ[_SETTINGS]))
    folder = Path(os.environ[_METRICS])
    tell = partial(leave_word, folder)
    try:
        app = create(settings, metrics_folder=folder, control=_control_all)
    except (MynaError, OSError) as error:
        tell(error)
        raise SystemExit(_NOT_STARTED) from error
    return Starting(app, tell)


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
