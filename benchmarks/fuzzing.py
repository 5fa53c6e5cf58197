"""Every parser that reads bytes from outside, fed by a fuzzer that watches which lines they reach.

    pip install atheris                                    # for Linux, up to Python 3.13
    python benchmarks/fuzzing.py --seconds 60              # of each parser, one after another
    python benchmarks/fuzzing.py voice --seconds 3600

A parser may return, or raise what it says that it raises: anything else is a finding, and so is a
single input that takes over ten seconds or two gigabytes. Findings are written to `--out`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

MOST_BYTES = 4096
SLOWEST = 10
"""Seconds that one input may take."""
MOST_MB = 2048


@dataclass(frozen=True)
class Parser:
    """What is fed, and with what it begins."""

    feed: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def _file(read: Callable[[Path], object], ending: str) -> Callable[[bytes], object]:
    """A parser of files, of bytes."""
    path = Path(tempfile.mkdtemp()) / f"given{ending}"

    def feed(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return feed


def _recording() -> Parser:
    import numpy as np

    from myna.audio.encoders import encode
    from myna.audio.recordings import decode
    from myna.datatypes import Audio

    hum = Audio(np.float32(0.5) * np.sin(np.arange(800) / 9).astype(np.float32), 8000)
    kinds = ("wav", "flac", "ogg", "opus", "mp3")
    return Parser(lambda data: decode(data, 10.0), tuple(encode(hum, kind) for kind in kinds))


def _voice() -> Parser:
    from myna import Myna
    from myna.datatypes import Voice

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.voice"
        Myna.load("tiny").voice("bdl").save(path)
        seed = path.read_bytes()
    return Parser(_file(Voice.load, ".voice"), (seed,))


def _checkpoint() -> Parser:
    import torch

    from myna.checkpoints.legacy import read

    out = BytesIO()
    torch.save({"weight": {"a.b": torch.zeros(2, 2)}, "config": {"model": {}}, "info": "x"}, out)
    return Parser(_file(read, ".pth"), (out.getvalue(), b"05" + out.getvalue()[2:]))


def _tensor() -> Parser:
    import torch

    from myna.checkpoints.legacy import read_tensor

    out = BytesIO()
    torch.save(torch.zeros(2, 3), out)
    return Parser(_file(read_tensor, ".pt"), (out.getvalue(),))


def _wyoming() -> Parser:
    from myna.apps.server.wyoming_events import Event, Reader, Sizes, encoded

    def feed(data: bytes) -> None:
        reader, half = Reader(Sizes(line=512, data=512, payload=64)), len(data) // 2
        for piece in (data[:half], data[half:]):
            list(reader.feed(piece))

    return Parser(feed, (encoded(Event("synthesize", {"text": "Hello."}, b"1234")),))


def _form() -> Parser:
    from starlette.requests import Request

    from myna.apps.server import lenient

    def feed(data: bytes) -> None:
        head, _, body = data.partition(b"\n")
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [(b"content-type", head)],
            "query_string": head,
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        request = Request(scope, receive)
        fields = asyncio.run(lenient.from_body(request, any_type=True))
        for each in (fields, lenient.from_query(request.query_params)):
            each.text("text")
            each.number("speed", low=0.5, high=2.0)
            each.whole("seed", low=0, high=9)
            each.flag("stream")
            each.strings("aux")
            each.streaming_mode("streaming_mode")

    body = json.dumps({"text": "a", "speed": "1.0", "seed": 1, "stream": "ture", "aux": ["a"]})
    return Parser(
        feed, (f"application/json\n{body}".encode(), b"text=a&speed=2&aux=%5B%22a%22%5D\n")
    )


def _text(language: str) -> Callable[[], Parser]:
    def made() -> Parser:
        from myna import text

        def feed(data: bytes) -> None:
            given = data.decode(errors="replace")[:200]
            improved = len(data) % 2 == 0
            pieces = text.sentences(given, language=language, improved=improved, syntax="auto")
            for piece in pieces:
                text.read(piece, language=language, improved=improved)

        seeds = (
            "Dr. Smith paid $5.20 on 3/4.",
            "<speak>Hi <break time='1s'/></speak>",
            "你好，2024年",
            "[pause 1s] カ",
        )
        return Parser(feed, tuple(each.encode() for each in seeds))

    return made


def _lexicon() -> Parser:
    from myna.text import read_lexicon

    seed = "en\tlive\tL AY1 V\nzh\t行\txing2\n".encode()
    return Parser(_file(read_lexicon, ".txt"), (seed,))


def _script(ending: str, seed: bytes) -> Callable[[], Parser]:
    def made() -> Parser:
        from myna.apps.batch.reading import read

        return Parser(_file(read, ending), (seed,))

    return made


def _list() -> Parser:
    from myna.dataset.lists import read

    return Parser(
        _file(read, ".list"), (b"a.wav|anna|EN|Hello there.\nb.wav|bob|ZH|\xe4\xbd\xa0\n",)
    )


def _settings() -> Parser:
    from myna.apps.server.settings import ServerSettings
    from myna.config import as_toml, parse

    seed = as_toml(ServerSettings()).encode()
    return Parser(lambda data: parse(data.decode(errors="replace"), ServerSettings), (seed,))


_SRT = b"1\n00:00:01,000 --> 00:00:02,500\nanna: Hello.\n\n"
PARSERS: Mapping[str, Callable[[], Parser]] = {
    "recording": _recording,
    "voice": _voice,
    "checkpoint": _checkpoint,
    "tensor": _tensor,
    "wyoming": _wyoming,
    "form": _form,
    "text-en": _text("en"),
    "text-zh": _text("zh"),
    "text-ja": _text("ja"),
    "text-ko": _text("ko"),
    "text-yue": _text("yue"),
    "text-auto": _text("auto"),
    "lexicon": _lexicon,
    "script-jsonl": _script(".jsonl", b'{"text": "Hello.", "voice": "anna", "seed": 1}\n'),
    "script-csv": _script(".csv", b"text,voice,speed\nHello.,anna,1.2\n"),
    "script-srt": _script(".srt", _SRT),
    "script-txt": _script(".txt", b"Hello.\n\nanna: Again.\n"),
    "list": _list,
    "settings": _settings,
}


def fuzz(name: str, seconds: int, out: Path) -> None:
    """Feed one parser; ends the process."""
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports(include=["myna"]):
        parser = PARSERS[name]()
        from fastapi.exceptions import RequestValidationError

        from myna.apps.server.wyoming_events import MalformedError
        from myna.errors import MynaError

        stated = (MynaError, MalformedError, RequestValidationError)

    def one(data: bytes) -> None:
        try:
            parser.feed(data)
        except stated:
            return

    corpus = out / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(parser.seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    limits = [
        f"-max_total_time={seconds}",
        f"-max_len={max(MOST_BYTES, *map(len, parser.seeds))}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={MOST_MB}",
        f"-artifact_prefix={out}/{name}-",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], one)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help=f"of {', '.join(PARSERS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each")
    parser.add_argument("--out", type=Path, default=Path("fuzzed"), help="folder for findings")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        fuzz(given.parsers[0], given.seconds, given.out)
    given.out.mkdir(exist_ok=True)
    failed = []
    for name in given.parsers or PARSERS:
        start = time.perf_counter()
        command = [sys.executable, __file__, name, "--here", "--seconds", str(given.seconds)]
        done = subprocess.run(
            [*command, "--out", str(given.out)], stderr=subprocess.PIPE, text=True, check=False
        )
        (given.out / f"{name}.log").write_text(done.stderr)
        fed = [line.split()[-1] for line in done.stderr.splitlines() if "executed_units" in line]
        passed = done.returncode == 0
        failed += [] if passed else [name]
        spent = time.perf_counter() - start
        found = "" if passed else f", FOUND something: {given.out / name}.log"
        print(f"{name:14} {(fed or ['?'])[0]:>9} inputs in {spent:.0f} s{found}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
