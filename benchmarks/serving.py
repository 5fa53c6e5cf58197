"""The server under load: crowds of listeners, and a long day.

    python benchmarks/serving.py                       # 1, 4, 16 and 64 clients, 120 s each
    python benchmarks/serving.py --seconds 10          # a quick look
    python benchmarks/serving.py --soak 20             # minutes with four clients: what grows?

Starts `myna serve` as a process of its own. Each client asks for a sentence of one of four voices,
reads the stream to its end, and asks again. Every answer is compared with what the same request
got alone. Clients run in this process and share the machine with the server.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from measure import save

CROWDS = (1, 4, 16, 64)
VOICES = ("kathleen", "darshan", "slt", "bdl")
TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Birds say what they hear, and so does this one, every day of the year.",
    "Once.",
    "Where did you put the keys? I have looked for them all over the house.",
)
SOAKING = 4
_BYTES_PER_SECOND = 2 * 24_000


@contextmanager
def server(*options: str) -> Iterator[tuple[int, int]]:
    """Port and process of a server that is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "myna.apps.cli.main", "serve", "--port", str(port)]
        environment = {**os.environ, "MYNA_HOME": home}
        process = subprocess.Popen([*command, *options], env=environment, stderr=subprocess.DEVNULL)
        try:
            asyncio.run(_ready(port))
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(60)


async def ask(port: int, number: int) -> tuple[float, int, str]:
    """One request: seconds to the first sound, bytes of sound, and their hash.

    Raises:
        RuntimeError: it was not answered well.
    """
    voice, text = VOICES[number % 4], TEXTS[number // 4 % 4]
    body = json.dumps(
        {
            "text": text,
            "text_lang": "en",
            "voice": voice,
            "seed": number % 16,
            "media_type": "raw",
            "streaming_mode": 2,
        }
    ).encode()
    head = (
        f"POST /tts HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode() + body)
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"{status!r} {await reader.read(2000)!r}")
        while await reader.readline() != b"\r\n":
            pass
        first, size, digest = None, 0, hashlib.sha256()
        while (length := int(await reader.readline(), 16)) > 0:
            if first is None:
                first = time.perf_counter() - start
            piece = await reader.readexactly(length)
            await reader.readexactly(2)
            size += length
            digest.update(piece)
        assert first is not None
        return first, size, digest.hexdigest()
    finally:
        writer.close()


async def crowd(port: int, count: int, seconds: float, alone: dict[int, str]) -> dict[str, Any]:
    """What so many clients hear who ask again and again."""
    firsts: list[float] = []
    wrong, errors, size = 0, [], 0
    start = time.perf_counter()

    async def client(number: int) -> None:
        nonlocal wrong, size
        turn = number
        while time.perf_counter() - start < seconds:
            try:
                first, heard, digest = await ask(port, turn % 16)
            except (RuntimeError, OSError, ValueError, asyncio.IncompleteReadError) as error:
                errors.append(repr(error))
            else:
                firsts.append(first)
                size += heard
                wrong += digest != alone[turn % 16]
            turn += 5

    await asyncio.gather(*(client(number) for number in range(count)))
    taken = time.perf_counter() - start
    p50, p95 = np.percentile(firsts, [50, 95])
    return {
        "clients": count,
        "answers": len(firsts),
        "errors": errors[:5],
        "errors_count": len(errors),
        "other_than_alone": wrong,
        "speech_per_second": size / _BYTES_PER_SECOND / taken,
        "first_p50": float(p50),
        "first_p95": float(p95),
    }


def soak(port: int, pid: int, minutes: float, alone: dict[int, str]) -> dict[str, Any]:
    """What grows while a few clients ask for a long time: sampled six times a minute."""
    samples: list[dict[str, float]] = []
    answers = errors = wrong = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < minutes * 60:
        found = asyncio.run(crowd(port, SOAKING, 10.0, alone))
        answers, errors = answers + found["answers"], errors + found["errors_count"]
        wrong += found["other_than_alone"]
        samples.append({"minutes": elapsed / 60, **process(pid)})
        print(samples[-1], file=sys.stderr)
    half = samples[len(samples) // 2 :]
    slope = np.polyfit([each["minutes"] for each in half], [each["megabytes"] for each in half], 1)
    return {
        "minutes": minutes,
        "answers": answers,
        "errors": errors,
        "other_than_alone": wrong,
        "megabytes_per_hour_in_second_half": float(slope[0] * 60),
        "samples": samples[:: max(len(samples) // 20, 1)],
    }


def process(pid: int) -> dict[str, float]:
    """Memory, open files and threads of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {
        "megabytes": int(facts["VmRSS"].split()[0]) / 1024,
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": int(facts["Threads"]),
    }


async def _ready(port: int) -> None:
    for _ in range(600):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            if b" 200 " in answer.partition(b"\r\n")[0]:
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError("the server did not become ready within a minute")


async def _alone(port: int) -> dict[int, str]:
    return {number: (await ask(port, number))[2] for number in range(16)}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    rows: dict[str, Any] = {}
    with server("--workers", str(given.workers), "--most-waiting", "256") as (port, pid):
        alone = asyncio.run(_alone(port))
        if given.soak:
            rows["soak"] = soak(port, pid, given.soak, alone)
            print(json.dumps(rows["soak"], indent=2))
            save("soak", rows)
            return
        rows["before"] = process(pid)
        for count in CROWDS:
            rows[f"{count} clients"] = asyncio.run(crowd(port, count, given.seconds, alone))
            print(json.dumps(rows[f"{count} clients"]))
        rows["after"] = process(pid)
    save("serving", rows)


if __name__ == "__main__":
    main()
