"""A real server whose clients hang up, that is told to stop, or that loses a worker, while it
speaks: all work on what nobody hears ends, and nothing else is lost.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra server")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

from real_server import RealServer, eventually, file, real_server

STORY = (
    "The quick brown fox jumps over the lazy dog. She sells sea shells by the shore. Birds repeat "
    "what they hear. "
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with real_server(tmp_path_factory.mktemp("server")) as server:
        yield server


def saying(server: RealServer) -> float:
    """Texts that are being said, with one worker."""
    (value,) = server.metric("saying").values()
    return value


class TestHangingUp:
    LONG = STORY * 60

    def test_whoever_hangs_up_frees_all_within_two_seconds(self, one):
        body = {"text": self.LONG, "stream": True}
        with httpx.stream("POST", f"{one.url}/api/v1/speech", json=body, timeout=60) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            assert saying(one) == 1
        assert eventually(lambda: saying(one) == 0, 2)

    def test_also_who_waits_for_a_whole_file(self, one):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{one.url}/api/v1/speech", json={"text": self.LONG}, timeout=1)
        assert eventually(lambda: saying(one) == 0, 2)

    def test_also_who_talks(self, one):
        package = pytest.importorskip("websockets.sync.client", reason="needs websockets")
        with package.connect(f"ws://127.0.0.1:{one.port}/api/v1/talk") as talk:
            talk.send(json.dumps({"type": "start"}))
            talk.send(json.dumps({"type": "text", "text": self.LONG}))
            while not isinstance(talk.recv(60), bytes):
                pass
            assert saying(one) == 1
        assert eventually(lambda: saying(one) == 0, 2)

    def test_also_a_home_assistant(self, one):
        event = {"type": "synthesize", "data": {"text": self.LONG}}
        with socket.create_connection(("127.0.0.1", one.wyoming_port), 60) as connection:
            connection.sendall(json.dumps(event).encode() + b"\n")
            assert b"audio-start" in connection.recv(1000)
            assert saying(one) == 1
        assert eventually(lambda: saying(one) == 0, 2)


def children(server: RealServer) -> list[int]:
    """Processes that the server started, and theirs."""
    found, waiting = [], [server.process.pid]
    while waiting:
        number = waiting.pop()
        for path in Path(f"/proc/{number}/task").glob("*/children"):
            started = [int(each) for each in path.read_text().split()]
            found += started
            waiting += started
    return found


def gone(processes: list[int]) -> bool:
    """Whether all of them end; who only waits to be buried has ended."""

    def runs(process: int) -> bool:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state != "Z"

    return eventually(lambda: not any(map(runs, processes)), 60, every=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_being_said_is_finished_when_the_server_is_told_to_stop(tmp_path, workers):
    with real_server(tmp_path, "--workers", str(workers)) as server:
        body = {"text": STORY * 8, "sampling": {"seed": 1}, "guard": {"check": False}}
        whole = httpx.post(f"{server.url}/api/v1/speech", json=body, timeout=90)
        processes = children(server) if Path("/proc").is_dir() else []
        assert len(processes) >= (workers if workers > 1 and processes else 0)
        body |= {"stream": True, "container": "raw", "pacing": {"sentences": True}}
        with httpx.stream("POST", f"{server.url}/api/v1/speech", json=body, timeout=90) as answer:
            pieces = answer.iter_raw()
            received = [next(pieces)]
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            received += pieces
        streamed = np.frombuffer(b"".join(received), "<i2")
        np.testing.assert_array_equal(streamed, file(whole.content).samples * 32_768)
        assert server.process.wait(60) == 0
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{server.url}/health")
        assert not server.left_behind()
        assert gone(processes)


@pytest.mark.slow
def test_clients_that_may_can_restart_and_end_it(tmp_path: Path) -> None:
    with real_server(tmp_path, "--allow-exit") as server:
        httpx.get(f"{server.url}/control", params={"command": "restart"}, timeout=30)
        assert eventually(lambda: server.log.count("startup complete") == 2, 60), server.log
        assert eventually(server.ready, 60)
        httpx.get(f"{server.url}/control", params={"command": "exit"}, timeout=30)
        assert server.process.wait(60) == 0
        assert not server.left_behind()


class Load:
    """Somebody who asks again and again, in threads, until told to stop."""

    def __init__(self, server: RealServer, at_once: int) -> None:
        self.served: list[tuple[float, int, bytes]] = []
        """When, with which status, and what."""
        self.broken: list[float] = []
        """When a connection was lost."""
        self._server, self._over = server, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(at_once)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        query = {"text": "Birds repeat what they hear.", "voice": "slt", "seed": "3"}
        while not self._over.is_set():
            try:
                answer = httpx.get(f"{self._server.url}/tts", params=query, timeout=60)
                self.served.append((time.monotonic(), answer.status_code, answer.content))
            except httpx.TransportError:
                self.broken.append(time.monotonic())


@pytest.fixture
def two(tmp_path: Path) -> Iterator[RealServer]:
    with real_server(tmp_path, "--workers", "2") as server:
        assert eventually(lambda: len(server.metric("saying")) == 2, 60, every=0.5), server.log
        yield server


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_job_finished(two: RealServer) -> None:
    # Two jobs are the same text; each worker says one at a time, so each has one of them.
    body = {"text": STORY * 18, "sampling": {"seed": 5}}
    with httpx.Client(base_url=two.url, timeout=60) as client:
        jobs = [client.post("/api/v1/jobs", json=body).json()["id"] for _ in range(2)]

        def states() -> list[dict[str, object]]:
            with httpx.Client(base_url=two.url, timeout=60) as asking:  # of any worker
                return [asking.get(f"/api/v1/jobs/{job}").json() for job in jobs]

        assert eventually(lambda: all(each["parts_done"] for each in states()), 60)
        assert {each["state"] for each in states()} == {"running"}
    workers = set(two.metric("saying"))
    killed = workers.pop()
    with Load(two, 2) as load:
        assert eventually(lambda: len(load.served) >= 2, 60)
        os.kill(int(killed), signal.SIGKILL)
        at = time.monotonic()
        # Who was with the dead worker loses the connection; everybody else is served, as before.
        assert eventually(lambda: sum(when > at for when, *_ in load.served) >= 4, 60)
        assert eventually(lambda: len(set(two.metric("saying")) - {killed}) == 2, 60, every=0.5)
        survivor = workers.pop()
        assert survivor in two.metric("saying")
    assert {status for _, status, _ in load.served} == {200}
    assert len({content for *_, content in load.served}) == 1
    assert len(load.broken) <= 4
    assert eventually(lambda: all(each["state"] == "done" for each in states()), 120, every=1)
    one, other = (httpx.get(f"{two.url}/api/v1/jobs/{job}/result", timeout=60) for job in jobs)
    assert one.content == other.content
    left = children(two)
    two.process.kill()  # the supervisor, which cannot tell anybody
    assert gone(left)
