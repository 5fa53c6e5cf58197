"""The processes of the server: how they are told what to do, and how they end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fastapi")

from myna.apps.server import serving
from myna.apps.server.settings import ServerSettings
from myna.errors import ConfigError


class Uvicorn:
    """Remembers what it was asked to serve."""

    def __init__(
        self, *, starts: bool = True, command: str = "", exits: tuple[int, ...] = (0, 0)
    ) -> None:
        self.starts, self.command, self.exits = starts, command, exits
        self.options: dict[str, Any] = {}
        self.folder: Path | None = None
        self.served: list[Any] = []

    def Config(self, app: Any, **options: Any) -> Any:  # noqa: N802 - as uvicorn calls it
        self.options = options
        return SimpleNamespace(app=app, bind_socket=lambda: "socket")

    def Server(self, config: Any) -> Any:  # noqa: N802
        def run(sockets: list[str]) -> None:
            assert sockets == ["socket"]
            self.served.append(config.app)
            if self.command:
                serving._control(self.command)
                signal.raise_signal(signal.SIGTERM)  # as uvicorn does once it has stopped

        return SimpleNamespace(run=run, started=self.starts)

    def Multiprocess(self, config: Any, sockets: list[str]) -> Any:  # noqa: N802
        def run() -> None:
            """What each of the processes would do."""
            assert config.app == "myna.apps.server.serving:worker"
            assert self.options["factory"]
            self.folder = Path(os.environ["MYNA_SERVER_METRICS"])
            assert self.folder.is_dir()
            self.served.append(serving.worker())

        processes = [SimpleNamespace(exitcode=code) for code in self.exits]
        return SimpleNamespace(run=run, processes=processes)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ServerSettings, dict[str, Any]]]:
    """What applications were made of."""
    found: list[tuple[ServerSettings, dict[str, Any]]] = []

    def create(settings: ServerSettings, **how: Any) -> str:
        found.append((settings, how))
        return "application"

    monkeypatch.setattr(serving, "create", create)
    monkeypatch.setattr(serving.logging.config, "dictConfig", lambda _: None)
    for name in (
        "ORT_DISABLE_TELEMETRY",
        "MYNA_SERVER",
        "MYNA_SERVER_METRICS",
        "MYNA_SERVER_RESTART",
    ):
        monkeypatch.setenv(name, "")  # put back afterwards, whatever is written meanwhile
        monkeypatch.delenv(name)
    return found


def served(
    monkeypatch: pytest.MonkeyPatch, settings: ServerSettings, uvicorn: Uvicorn | None = None
) -> Uvicorn:
    uvicorn = uvicorn or Uvicorn()
    monkeypatch.setattr(serving, "require", lambda *_, **__: uvicorn)
    monkeypatch.setattr(serving.importlib, "import_module", lambda _: uvicorn)
    before = signal.getsignal(signal.SIGTERM)
    try:
        serving.serve(settings)
    finally:
        signal.signal(signal.SIGTERM, before)
    return uvicorn


def test_one_process(monkeypatch: pytest.MonkeyPatch, made: list[Any]) -> None:
    settings = ServerSettings(port=1234, grace=7.0)
    uvicorn = served(monkeypatch, settings)
    assert uvicorn.served == ["application"]
    assert made == [(settings, {"control": serving._control})]
    assert uvicorn.options["port"] == 1234
    assert uvicorn.options["timeout_graceful_shutdown"] == 7


def test_several_are_told_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, made: list[Any]
) -> None:
    settings = ServerSettings(workers=3, model="v2Pro", hosts="myna.test", allow_exit=True)
    uvicorn = served(monkeypatch, settings)
    assert uvicorn.options["workers"] == 3
    ((told, how),) = made
    assert told == settings
    assert how == {"metrics_folder": uvicorn.folder, "control": serving._control_all}
    assert uvicorn.folder is not None
    assert not uvicorn.folder.exists()


def test_a_server_that_does_not_start_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, made: list[Any]
) -> None:
    with pytest.raises(SystemExit) as ended:
        served(monkeypatch, ServerSettings(), Uvicorn(starts=False))
    assert ended.value.code == 1
    with pytest.raises(SystemExit) as ended:
        served(monkeypatch, ServerSettings(workers=2), Uvicorn(exits=(0, 3)))
    assert ended.value.code == 1


def test_strangers_are_not_let_in_without_tokens(
    monkeypatch: pytest.MonkeyPatch, made: list[Any]
) -> None:
    monkeypatch.delenv("MYNA_TOKENS", raising=False)
    with pytest.raises(ConfigError, match="token"):
        served(monkeypatch, ServerSettings(host="0.0.0.0"))
    assert not made


@pytest.mark.parametrize("command", ["exit", "restart"])
def test_a_client_may_end_it_or_start_it_again(
    command: str, monkeypatch: pytest.MonkeyPatch, made: list[Any]
) -> None:
    killed: list[Any] = []
    begun: list[Any] = []
    monkeypatch.setattr(serving.os, "kill", lambda *what: killed.append(what))
    monkeypatch.setattr(serving.os, "execv", lambda *what: begun.append(what))
    monkeypatch.setattr(sys, "argv", ["myna", "serve", "--port", "1"])
    served(monkeypatch, ServerSettings(), Uvicorn(command=command))
    assert killed == [(os.getpid(), signal.SIGTERM)]
    line = [sys.executable, "-m", "myna.apps.cli.main", "serve", "--port", "1"]
    assert begun == ([(sys.executable, line)] if command == "restart" else [])
    assert "MYNA_SERVER_RESTART" not in os.environ


def test_of_several_one_is_replaced_or_all_end(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[Any] = []
    monkeypatch.setattr(serving.os, "kill", lambda *what: killed.append(what))
    serving._control_all("restart")
    serving._control_all("exit")
    assert killed == [(os.getpid(), signal.SIGTERM), (os.getppid(), signal.SIGTERM)]
