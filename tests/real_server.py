"""`myna serve` in a process of its own, and an ear that judges what comes from it."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np

import toy
from myna.audio.recordings import read as read_audio
from myna.datatypes import Audio
from myna.engines.hearing import Hearing
from myna.synthesis.coverage import Coverage, coverage, words_of
from myna.text import read as read_text

CLIP = "anna.wav"
"""A recording in the server's roots."""
_PATIENCE = 90.0
"""Seconds in which a server starts, or ends; machines that do much else are slow."""
_STARTS = 3
"""Somebody else may take a free port before the server does."""


class RealServer:
    """A running server.

    Args:
        folder: its data, recordings and temporary files are in here.
        port: of HTTP.
        wyoming_port: of Wyoming.
        process: whose command line is `myna serve`.
    """

    def __init__(
        self, folder: Path, port: int, wyoming_port: int, process: subprocess.Popen[bytes]
    ) -> None:
        self.folder, self.port, self.wyoming_port = folder, port, wyoming_port
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.clip = folder / "roots" / CLIP

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def metric(self, name: str) -> dict[str, float]:
        """Values of `myna_NAME`, by worker; "" is the only one."""
        page = httpx.get(f"{self.url}/metrics", timeout=30).text
        found = re.findall(rf'^myna_{name}(?:{{worker="(\d+)"}})? (\S+)$', page, re.MULTILINE)
        return {worker: float(value) for worker, value in found}

    def left_behind(self) -> list[str]:
        """Files that nobody asked for."""
        kept = re.compile(r"home/(jobs/jobs|voices/index)\.sqlite3(-shm|-wal)?")
        files = [
            path.relative_to(self.folder).as_posix()
            for name in ("home", "user", "tmp")
            for path in (self.folder / name).rglob("*")
            if path.is_file()
        ]
        return [name for name in files if not kept.fullmatch(name)]

    def ready(self) -> bool:
        """Whether it takes texts."""
        try:
            return httpx.get(f"{self.url}/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def real_server(folder: Path, *options: str) -> Iterator[RealServer]:
    """A server that is ready, and ended at the end."""
    for name in ("home", "roots", "tmp", "user"):
        (folder / name).mkdir()
    toy.clip().save(folder / "roots" / CLIP)
    for _ in range(_STARTS):
        server = _started(folder, options)
        if server is not None:
            break
    else:
        raise AssertionError((folder / "log").read_text(encoding="utf-8"))
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
            try:
                server.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()


def eventually(truth: Callable[[], bool], within: float, every: float = 0.05) -> bool:
    """Whether something becomes true."""
    ends = time.monotonic() + within
    while not truth():
        if time.monotonic() > ends:
            return False
        time.sleep(every)
    return True


class Ear:
    """Our own recogniser, asked whether some words are in what was sent."""

    def __init__(self) -> None:
        self._hearing = Hearing.load()

    def heard(self, sound: Audio, text: str) -> Coverage:
        words = words_of(read_text(text, language="en", improved=True))
        assert words is not None
        return coverage(self._hearing, sound, words)

    def hears(self, sound: Audio, text: str) -> bool:
        """Whether at least four of five words are there.

        Of 64 takes of four sentences that `tiny` said, every one had all its words, and at most
        three of five that belong to one of the others.
        """
        return self.heard(sound, text).share >= 0.8


def file(data: bytes) -> Audio:
    """A file, as any player reads it."""
    return read_audio(io.BytesIO(data))


def pcm(data: bytes, rate: int = 24_000) -> Audio:
    """Sound without a header."""
    return Audio(np.frombuffer(data, "<i2").astype(np.float32) / 32_768, rate)


def _started(folder: Path, options: tuple[str, ...]) -> RealServer | None:
    """None if its port was taken."""
    port, wyoming_port = _free_port(), _free_port()
    command = [sys.executable, "-m", "myna.apps.cli.main", "serve", "--port", str(port)]
    command += ["--wyoming-port", str(wyoming_port), "--roots", str(folder / "roots"), *options]
    folders = {"MYNA_HOME": "home", "TMPDIR": "tmp", "HOME": "user"}
    ours = {name: str(folder / part) for name, part in folders.items()}
    foreign = ("MYNA_TOKENS", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY")
    environment = {key: value for key, value in os.environ.items() if key not in foreign}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment | ours,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = RealServer(folder, port, wyoming_port, process)

    assert eventually(lambda: server.ready() or process.poll() is not None, _PATIENCE), server.log
    return server if process.poll() is None else None


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
