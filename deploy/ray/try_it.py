"""Run the application on a Ray cluster of this one machine, kill a replica under load, and measure.

    python deploy/ray/try_it.py -o ray.json

Everybody listens to a stream while it is made. At first one after another, which is what the others
are compared with; then all at the same time, and one of two replicas is killed while it speaks: who
heard it must hear the same samples as before, to the end. At last the same with two replicas, and
with one, in turns: how much more sound is made in a second. Ends with code 1 if a sample was lost,
or if the one that was killed said nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TEXTS = (
    "The quick brown fox jumps over the lazy dog. She sells sea shells by the sea shore.",
    "Nobody knows who built the old bridge. It has been there for as long as anyone remembers.",
    "When the rain had stopped, the children ran out into the garden. Their mother called them.",
    "He opened the letter with great care. Then he read it twice, and put it into the fire.",
)
NAME = "myna"


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clients", type=int, default=8, help="that listen at the same time")
    parser.add_argument("--rounds", type=int, default=2, help="of measuring, 0 to leave it out")
    parser.add_argument("--port", type=int, default=9893)
    parser.add_argument("-o", "--output", type=Path, help="write the result there, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="myna-ray-") as folder:
        found = _run(given, Path(folder))
    print(json.dumps(found, indent=2))  # noqa: T201 - a program
    if given.output is not None:
        given.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    killed = found["killed"]
    return 0 if killed["said_again"] and killed["identical"] == killed["texts"] else 1


def _run(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    # Ray reads these when it is imported; it would make a token, and keep it in the home folder.
    os.environ |= {
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_LOG_TO_STDERR": "0",
        "MYNA_HOME": str(folder / "home"),
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]).strip(":"),
    }
    sys.path.insert(0, str(HERE))
    import ray
    from ray import serve

    ray.init(
        num_cpus=4,  # of its own counting: the ingress takes one, replicas one each
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=256 << 20,
        _temp_dir=str(folder / "ray"),
    )
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": given.port})
        _deploy(given, 2)
        return asyncio.run(_measure(given))
    finally:
        serve.shutdown()
        ray.shutdown()


def _deploy(given: argparse.Namespace, replicas: int) -> None:
    from myna_ray.app import application
    from ray import serve

    settings = {"host": "127.0.0.1", "port": given.port, "most_per_address": 10_000}
    arguments = {"settings": settings, "least": replicas, "most": replicas}
    serve.run(application(arguments), name=NAME, route_prefix="/")
    _await_replicas(replicas)


async def _measure(given: argparse.Namespace) -> dict[str, Any]:
    from ray import serve

    requests = [(TEXTS[number % len(TEXTS)], number) for number in range(given.clients)]
    await _say_all(given.port, requests[:2])  # warm
    solo = [(await _say_all(given.port, [each]))[0] for each in requests]

    heard_something = asyncio.Semaphore(0)
    crowd = [asyncio.create_task(_say(given.port, *each, heard_something)) for each in requests]
    for _ in range(max(len(crowd) // 2, 1)):
        await heard_something.acquire()
    victim = await asyncio.to_thread(_kill_the_busiest)
    began = time.monotonic()
    unfinished = sum(not each.done() for each in crowd)
    recovering = asyncio.create_task(asyncio.to_thread(_await_replicas, 2, without=victim))
    heard = await asyncio.gather(*crowd)
    lost: int = await serve.get_app_handle(NAME).lost.remote()
    recovered = await recovering - began
    found: dict[str, Any] = {
        "killed": {
            "replica": victim,
            "texts": len(requests),
            "unfinished_then": unfinished,
            "said_again": lost,
            "identical": sum(a["sound"] == b["sound"] for a, b in zip(solo, heard, strict=True)),
            "first_sound": _figures(heard, "first"),
            "seconds": _figures(heard, "seconds"),
            "two_replicas_again_after": round(recovered, 2),
        }
    }
    if not given.rounds:
        return found
    rows: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(given.rounds):
        for replicas in (2, 1):
            await asyncio.to_thread(_deploy, given, replicas)
            await _say_all(given.port, requests)  # warm
            began = time.monotonic()
            heard = await _say_all(given.port, requests)
            wall = time.monotonic() - began
            assert [each["sound"] for each in heard] == [each["sound"] for each in solo]
            rows[replicas].append(round(sum(each["audio"] for each in heard) / wall, 3))
    found["audio_seconds_per_second"] = {str(key): value for key, value in rows.items()}
    found["ratio"] = round(max(rows[2]) / max(rows[1]), 3)
    return found


async def _say_all(port: int, requests: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(_say(port, *each) for each in requests)))


async def _say(
    port: int, text: str, seed: int, first_sound: asyncio.Semaphore | None = None
) -> dict[str, Any]:
    """Listen to a stream; its bytes, and when they came.

    Args:
        first_sound: released when some sound came.
    """
    import httpx

    body = {"text": text, "sampling": {"seed": seed}, "container": "raw", "stream": True}
    began, first, sound = time.monotonic(), None, bytearray()
    address = f"http://127.0.0.1:{port}/api/v1/speech"
    async with (
        httpx.AsyncClient(timeout=300) as client,
        client.stream("POST", address, json=body) as answer,
    ):
        answer.raise_for_status()
        rate = int(answer.headers["X-Sample-Rate"])
        async for piece in answer.aiter_raw():
            if first is None:
                first = time.monotonic() - began
                if first_sound is not None:
                    first_sound.release()
            sound += piece
    seconds = time.monotonic() - began
    audio = len(sound) / 2 / rate
    return {"sound": bytes(sound), "first": first, "seconds": seconds, "audio": audio}


def _figures(heard: list[dict[str, Any]], name: str) -> dict[str, float]:
    values = sorted(each[name] for each in heard)
    return {"median": round(values[len(values) // 2], 3), "most": round(values[-1], 3)}


def _replicas() -> list[dict[str, str]]:
    import ray

    named = ray.util.list_named_actors(all_namespaces=True)
    return [each for each in named if each["name"].startswith(f"SERVE_REPLICA::{NAME}#Speaker#")]


def _kill_the_busiest() -> str:
    import ray

    replicas = {
        each["name"].rpartition("#")[2]: ray.get_actor(each["name"], each["namespace"])
        for each in _replicas()
    }
    busy = {
        name: ray.get(actor.get_num_ongoing_requests.remote()) for name, actor in replicas.items()
    }
    victim = max(busy, key=lambda name: busy[name])
    ray.kill(replicas[victim], no_restart=True)
    return victim


def _await_replicas(count: int, *, without: str = "") -> float:
    """Wait until so many run, and none of them is that one; when that was."""
    from ray import serve

    until = time.monotonic() + 120
    while time.monotonic() < until:
        names = [each["name"].rpartition("#")[2] for each in _replicas()]
        states = serve.status().applications[NAME].deployments["Speaker"].replica_states
        running = {str(getattr(key, "value", key)): value for key, value in states.items()}
        if running == {"RUNNING": count} and len(names) == count and without not in names:
            return time.monotonic()
        time.sleep(0.2)
    raise TimeoutError(f"there are not {count} replicas: {states}")


if __name__ == "__main__":
    sys.exit(main())
