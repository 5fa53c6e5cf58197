"""The processes of the server: how they are told what to do, and how they end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

pytest.importorskip("fastapi")

from myna.apps.server import serving, starting
from myna.apps.server.settings import ServerSettings
from myna.apps.server.starting import Starting, listen, word_left
from myna.checkpoints import store
from myna.errors import ConfigError, MarkupError, ModelNotFoundError, MynaError, VoiceError


class Uvicorn:
    """Remembers what it was asked to serve."""

    def __init__(
        self,
        *,
        starts: bool = True,
        command: str = "",
        exits: tuple[int, ...] = (0, 0),
        fails: Exception | None = None,
    ) -> None:
        self.starts, self.command, self.exits, self.fails = starts, command, exits, fails
        self.options: dict[str, Any] = {}
        self.folder: Path | None = None
        self.served: list[Any] = []

    def Config(self, app: Any, **options: Any) -> Any:  # noqa: N802 - as uvicorn calls it
        self.options = options
        return SimpleNamespace(app=app)

    def Server(self, config: Any) -> Any:  # noqa: N802
        def run(sockets: list[str]) -> None:
            assert sockets == ["socket"]
            self.served.append(config.app._app)
            if not self.starts:
                if self.fails is not None:
                    config.app._tell(self.fails)
                raise SystemExit(3)  # as uvicorn does
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
            app = serving.worker()
            self.served.append(app._app)
            if self.fails is not None:
                app._tell(self.fails)

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
    monkeypatch.setattr(serving, "_bound", lambda _: "socket")
    monkeypatch.setattr(serving, "open_model", lambda _: None)
    monkeypatch.setattr(serving, "open_speaker", lambda _: None)
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


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "failure", [ModelNotFoundError("gone"), VoiceError("damaged"), OSError("full")]
)
def test_why_it_does_not_start_is_told(
    workers: int, failure: Exception, monkeypatch: pytest.MonkeyPatch, made: list[Any]
) -> None:
    uvicorn = Uvicorn(starts=False, exits=(3, 0), fails=failure)
    with pytest.raises(type(failure), match=f"^{failure}$"):
        served(monkeypatch, ServerSettings(workers=workers), uvicorn)


def test_a_worker_that_cannot_even_be_made_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ended with another code it would be started again, without end."""

    def create(*_: Any, **__: Any) -> None:
        raise VoiceError("The index is damaged.")

    monkeypatch.setattr(serving, "create", create)
    monkeypatch.setenv("MYNA_SERVER", "{}")
    monkeypatch.setenv("MYNA_SERVER_METRICS", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        serving.worker()
    assert ended.value.code == 3
    assert repr(word_left(tmp_path)) == repr(VoiceError("The index is damaged."))


def test_a_missing_model_is_told_before_anything_begins(made: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "open_model", store.open_model)
        with pytest.raises(ModelNotFoundError, match="myna models"):
            served(patch, ServerSettings(model="missing", workers=2))
    assert not made


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


class TestStarting:
    """What uvicorn is told, of what the application says and raises."""

    def asked(
        self, *said: dict[str, str], fails: BaseException | None = None
    ) -> tuple[list[dict[str, str]], list[Exception]]:
        told: list[Exception] = []
        sent: list[dict[str, str]] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            for message in said:
                await send(message)
            if fails is not None:
                raise fails

        async def send(message: Any) -> None:
            sent.append(message)

        serve = Starting(app, told.append)({"type": "lifespan"}, None, send)  # type: ignore[arg-type]
        if fails is None:
            asyncio.run(serve)
        else:
            with pytest.raises(type(fails)):
                asyncio.run(serve)
        return sent, told

    FAILED: ClassVar[dict[str, str]] = {"type": "lifespan.startup.failed", "message": "Traceback"}

    @pytest.mark.parametrize("failure", [ModelNotFoundError("gone"), OSError("full")])
    def test_an_error_of_ours_is_kept_from_it(self, failure: Exception) -> None:
        sent, told = self.asked(self.FAILED, fails=failure)
        assert sent == [{"type": "lifespan.startup.failed", "message": ""}]
        assert told == [failure]

    def test_a_bug_is_not(self) -> None:
        sent, told = self.asked(self.FAILED, fails=KeyError("x"))
        assert (sent, told) == ([self.FAILED], [])

    def test_what_fails_later_did_start(self) -> None:
        well = {"type": "lifespan.startup.complete"}
        assert self.asked(well) == ([well], [])
        assert self.asked(well, fails=VoiceError("gone")) == ([well], [])

    @pytest.mark.parametrize("error", [VoiceError("ä\n'"), OSError("full"), MarkupError("bad", 3)])
    def test_a_word_arrives(self, error: Exception, tmp_path: Path) -> None:
        assert word_left(tmp_path) is None
        starting.leave_word(tmp_path, error)
        found = word_left(tmp_path)
        assert (type(found), str(found)) == (type(error), str(error))
        assert isinstance(found, MynaError | OSError)
        (tmp_path / "failure").write_text("{")
        assert word_left(tmp_path) is None


class TestListening:
    def test_a_taken_port_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(ConfigError, match=rf"Port {port} of 127\.0\.0\.1 is taken.*--port"):
                listen("127.0.0.1", port)
        listen("127.0.0.1", port).close()

    @pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
    def test_an_address_of_others_is_told(self, host: str) -> None:
        with pytest.raises(ConfigError, match=f"Port 9 of {host} cannot be listened on: "):
            listen(host, 9)
