"""A server that is abused for a while: does it live, answer, stay small, and keep to its folders?

    python benchmarks/abuse.py                              # starts `myna serve` by itself
    python benchmarks/abuse.py --url http://127.0.0.1:9880 --pid 1234 --requests 10000

A server that is given should have a MYNA_HOME of its own, as voices in it may be deleted, and a
root in a folder of its own, which `--root` names, with nothing in it. Beside the root lie traps,
which no request may open; the kernel tells of those that are (inotify). Reads Linux's /proc.

Asks 10000 drawn requests of all routes over raw sockets; then holds connections with heads, bodies
and answers that never end; sends bodies beyond all limits; and recordings that grow a thousandfold.
Afterwards the server must say the same as before, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hostile
from watching import Watch, handles, memory_mb, watching

PATIENCE = 300.0
"""Seconds that an answer may take: thousands of digits are minutes of speech."""
LEFT_EARLY = 0.3
"""Share of clients that hang up before the answer."""
EXPECTED = frozenset({501, 503})
"""Statuses from 500 on that are no failure: not there, and busy."""


@dataclass
class Server:
    """Where it is, and how to be let in."""

    address: tuple[str, int]
    pid: int
    token: str = ""

    @property
    def host(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=PATIENCE)

    def ask(self, data: bytes, *, patience: float = PATIENCE) -> bytes:
        """What it answers to these bytes, to the end.

        Raises:
            TimeoutError: nothing came for so long.
        """
        answer = b""
        with suppress(ConnectionError), self.connect() as connection:
            connection.settimeout(patience)
            with suppress(ConnectionError):  # it may answer and close before all is sent
                connection.sendall(data)
            while piece := connection.recv(1 << 16):
                answer += piece
        return answer

    def get(self, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """An answer with its head."""
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {self.host}\r\n"
        if self.token:
            head += f"Authorization: Bearer {self.token}\r\n"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body or b'')}\r\n"
        return self.ask(f"{head}Connection: close\r\n\r\n".encode() + (body or b""))

    def say(self) -> bytes:
        """The sound of a sentence."""
        body = json.dumps({"text": "Nice to meet you.", "sampling": {"seed": 7}}).encode()
        return self.get("/api/v1/speech", body).partition(b"\r\n\r\n")[2]


def status_of(answer: bytes) -> int:
    """0 if there was no answer."""
    words = answer[:64].split()
    return int(words[1]) if answer.startswith(b"HTTP/1.") and words[1:] else 0


def fuzz(server: Server, count: int, seed: int, traps: list[str]) -> dict[str, Any]:
    """Drawn requests, eight at a time."""
    described = server.get("/openapi.json").partition(b"\r\n\r\n")[2]
    paths = json.loads(described[described.index(b"{") : described.rindex(b"}") + 1])["paths"]
    routes = [(method.upper(), path) for path, each in paths.items() for method in each]
    drawn = hostile.Hostile(seed, server.host, routes, traps, server.token)
    requests = ((number, drawn.draw()) for number in range(count))
    statuses: Counter[int] = Counter()
    failures: list[str] = []
    unanswered: list[str] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number, (data, due) = next(requests, (-1, (b"", False)))
            if number < 0:
                return
            stays = due and number % 10 >= 10 * LEFT_EARLY
            try:
                answer = server.ask(data, patience=PATIENCE if stays else 0.05)
            except TimeoutError:
                if stays:
                    unanswered.append(repr(data[:200]))
                answer = b""
            status = status_of(answer)
            with lock:
                statuses[status] += 1
                if status >= 500 and status not in EXPECTED:
                    failures.append(f"{status} {data[:300]!r}")

    start = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(work) for _ in range(8)]:
            each.result()
    return {
        "requests": count,
        "seconds": round(time.perf_counter() - start, 1),
        "statuses": dict(sorted(statuses.items())),
        "failures": len(failures),
        "examples": failures[:5],
        "unanswered": unanswered[:5],
    }


def hold(server: Server, count: int, seconds: float) -> dict[str, Any]:
    """Connections that are held with as little as possible; how many are left after a while."""
    head = f"POST /tts HTTP/1.1\r\nHost: {server.host}\r\n".encode()
    body = b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    started = (b"", head, head + body, head + b"Upgrade: websocket\r\n")
    found = {"connections": count}
    with ExitStack() as stack:
        held = []
        for number in range(count):
            with suppress(OSError):
                connection = stack.enter_context(server.connect())
                connection.sendall(started[number % len(started)])
                connection.setblocking(False)
                held.append((number, connection))
        end = time.monotonic() + seconds
        while held and time.monotonic() < end:
            time.sleep(1.0)
            held = [(number, each) for number, each in held if _drips(number, each)]
        found["held at the end"] = len(held)
    return found


def _drips(number: int, connection: socket.socket) -> bool:
    """Send one byte more; whether the connection is still there."""
    try:
        if number % 4 in (1, 2):
            connection.send(b"x")
        return connection.recv(1 << 16) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def stall(server: Server, count: int) -> dict[str, Any]:
    """Ask for long texts and fetch nothing; how many of them stand in the way of a short one."""
    body = json.dumps({"text": "Nice to meet you. " * 40, "stream": True, "container": "raw"})
    head = f"POST /api/v1/speech HTTP/1.1\r\nHost: {server.host}\r\n"
    if server.token:
        head += f"Authorization: Bearer {server.token}\r\n"
    data = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(server.connect())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(data.encode())
        start = time.perf_counter()
        spoken = len(server.say())
        waited = time.perf_counter() - start
    return {"stalled": count, "seconds for another": round(waited, 1), "bytes for it": spoken}


def flood(server: Server) -> dict[str, int]:
    """Bodies beyond all limits."""
    head = f"POST /tts HTTP/1.1\r\nHost: {server.host}\r\nContent-Type: application/json\r\n"
    piece = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    wanted = {
        "stated": f"{head}Content-Length: {1 << 40}\r\n\r\n".encode(),
        "chunked": f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + piece * 100,
        "whole": f"{head}Content-Length: {100 << 20}\r\n\r\n".encode() + bytes(100 << 20),
    }
    return {name: status_of(server.ask(data)) for name, data in wanted.items()}


def bomb(server: Server) -> dict[str, int]:
    """Recordings that grow when they are decoded, eight of each at the same time."""
    recordings = {
        "ten hours of silence, FLAC": hostile.silence(10, "FLAC"),
        "two hours of silence, Ogg": hostile.silence(2, "OGG"),
        "a head that states 4 GB": hostile.wav(4, stated=0xFFFFFFFE),
    }
    found = {}
    for name, data in recordings.items():
        form = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nbomb\r\n'
        form += b'--x\r\nContent-Disposition: form-data; name="recordings"; filename="a"\r\n\r\n'
        form += data + b"\r\n--x--\r\n"
        kind = "multipart/form-data; boundary=x"
        with ThreadPoolExecutor(8) as pool:
            each = [pool.submit(server.get, "/api/v1/voices/upload", form, kind) for _ in range(8)]
            found[f"{name} ({len(data) >> 10} KiB)"] = max(status_of(one.result()) for one in each)
    return found


def abuse(server: Server, root: Path, home: Path | None, count: int, seed: int) -> dict[str, Any]:
    """Everything, one after another; what happened."""
    folder = root.parent
    traps = [folder / name for name in ("trap.wav", "trap.ckpt", "trap.voice")]
    for trap in traps:
        trap.write_bytes(hostile.wav(4))
    link = root / "link.wav"
    link.unlink(missing_ok=True)
    link.symlink_to(traps[0])
    before = {path: path.read_bytes() for path in traps}
    first = server.say()
    watch = Watch(server.pid)
    found: dict[str, Any] = {"memory before, MB": round(memory_mb(server.pid))}
    handles_before = handles(server.pid)
    with watching(watch, folder, home, lambda: server.get("/health")):
        found["fuzz"] = fuzz(server, count, seed, [str(each) for each in (*traps, link)])
        found["hold"] = hold(server, 400, 45)
        found["stall"] = stall(server, 32)
        found["flood"] = flood(server)
        found["bombs"] = bomb(server)
    time.sleep(5)
    found |= {
        "memory most, MB": round(watch.most_mb),
        "memory after, MB": round(memory_mb(server.pid)),
        "handles before": handles_before,
        "handles after": handles(server.pid),
        "slowest /health, s": round(watch.slowest_health, 2),
        "traps opened": sorted(set(watch.traps)),
        "traps changed": [str(path) for path in traps if path.read_bytes() != before[path]],
        "strange files open": sorted(watch.strange),
        "alive": status_of(server.get("/health")) == 200,
        "says the same": len(first) > 10_000 and server.say() == first,
    }
    return found


def verdict(found: dict[str, Any], most_mb: int) -> list[str]:
    """What is wrong."""
    fuzzed, bombs, floods = found["fuzz"], found["bombs"], found["flood"]
    wrong = {
        "it died": not found["alive"],
        "it speaks otherwise": not found["says the same"],
        "requests failed": fuzzed["failures"] > 0,
        "requests were not answered": bool(fuzzed["unanswered"]),
        "traps were opened": bool(found["traps opened"] or found["traps changed"]),
        "strange files were opened": bool(found["strange files open"]),
        "memory": found["memory most, MB"] > most_mb,
        "handles are left open": found["handles after"] > found["handles before"] + 20,
        "connections are held": found["hold"]["held at the end"] > 0,
        "a stalled reader stops others": found["stall"]["bytes for it"] < 10_000,
        "floods are not refused": set(floods.values()) != {413},
        "bombs are not refused": set(bombs.values()) != {400},
        "/health was slow": found["slowest /health, s"] > 10,
    }
    return [name for name, is_so in wrong.items() if is_so]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", help="of a server that runs; one is started if left out")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--root", type=Path, help="its --roots, in a folder of its own")
    parser.add_argument("--home", type=Path, help="its MYNA_HOME")
    parser.add_argument("--token", default="")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most-mb", type=int, default=3000, help="memory it may take")
    given = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = given.root or scratch / "root"
        root.mkdir(exist_ok=True)
        if given.url:
            parts = urlsplit(given.url)
            address, pid = (parts.hostname or "127.0.0.1", parts.port or 80), given.pid
        else:
            from serving import server as started

            port, pid = stack.enter_context(started("--roots", str(root)))
            address = ("127.0.0.1", port)
        server = Server(address, pid, given.token)
        found = abuse(server, root, given.home, given.requests, given.seed)
    found["wrong"] = verdict(found, given.most_mb)
    print(json.dumps(found, indent=2, ensure_ascii=False))
    raise SystemExit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
