"""`myna serve` that cannot start ends with one line that says why, and with a code for its kind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra server")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

from myna.apps.library.index import FILE
from myna.files import data_folder

WORKERS = pytest.mark.parametrize("workers", [1, 2])


def served(*options: str, home: Path, **environment: str) -> tuple[int, str, str]:
    """Exit code, last line and everything of the standard error."""
    command = [sys.executable, "-m", "myna.apps.cli.main", "serve", *options]
    foreign = ("MYNA_TOKENS", "MYNA_HOME")
    kept = {key: value for key, value in os.environ.items() if key not in foreign}
    found = subprocess.run(
        command,
        env=kept | {"MYNA_HOME": str(home)} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert found.stdout == ""
    assert "Traceback" not in found.stderr, found.stderr
    return found.returncode, found.stderr.rstrip().rpartition("\n")[2], found.stderr


@WORKERS
def test_a_port_that_is_taken(workers: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = ("--port", port, "--workers", str(workers))
        code, line, _ = served(*options, home=tmp_path)
    assert code == 1
    assert line.startswith(f"myna: Port {port} of 127.0.0.1 is taken")


@WORKERS
def test_a_port_of_wyoming_that_is_taken(workers: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = ("--port", "0", "--wyoming-port", port, "--workers", str(workers))
        code, line, _ = served(*options, home=tmp_path)
    assert code == 1
    assert line.startswith(f"myna: Port {port} of 127.0.0.1 is taken")
    assert "--wyoming-port" in line


@WORKERS
def test_a_model_that_is_missing(workers: int, tmp_path: Path) -> None:
    options = ("--port", "0", "--model", "missing", "--workers", str(workers))
    code, line, everything = served(*options, home=tmp_path)
    assert code == 3
    assert line.startswith("myna: ")
    assert "missing" in line
    assert everything.count("\n") == 1


@WORKERS
def test_a_library_that_is_damaged(workers: int, tmp_path: Path) -> None:
    assert data_folder() != tmp_path
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / FILE).write_bytes(b"no database" * 1000)
    code, line, _ = served("--port", "0", "--workers", str(workers), home=tmp_path)
    assert code == 1
    assert line.startswith("myna: The index of the voice library is damaged.")


@WORKERS
def test_an_engine_that_does_not_exist(workers: int, tmp_path: Path) -> None:
    options = ("--port", "0", "--engine", "steam", "--workers", str(workers))
    code, line, _ = served(*options, home=tmp_path)
    assert code == 1
    assert line.startswith("myna: ")
    assert "steam" in line


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    for option, value, told in (
        ("--host", "0.0.0.0", "--tokens"),
        ("--tokens", str(tmp_path / "missing"), "cannot be read"),
        ("--roots", str(tmp_path / "missing"), "no folder"),
        ("--jobs-hours", "0", "jobs_hours"),
        ("--fetch-from", "*", "fetch_from"),
    ):
        code, line, everything = served(option, value, home=tmp_path)
        assert (code, everything.count("\n")) == (1, 1), everything
        assert told in line
    assert served("--port", "x", home=tmp_path)[0] == 2
