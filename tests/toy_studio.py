"""A studio that hums instead of speaking: the shape of the real one, and nothing to load."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import uvicorn

from myna.apps.library import Library
from myna.apps.server.casting import VoiceCard
from myna.apps.server.requests import Clip, SpeechRequest
from myna.apps.server.settings import ServerSettings
from myna.datatypes import (
    Audio,
    Delivery,
    Sampling,
    Speech,
    SpeechReport,
    Timing,
    Voice,
    Word,
)
from myna.errors import AudioError, ModelNotFoundError, MynaError, VoiceError

RATE = 32_000
PER_CHARACTER = 0.02
"""Seconds of sound."""
BUNDLED = ("bdl", "darshan", "kathleen", "slt")


class Humming:
    """A performance: each sentence is a tone of its own length.

    Words of a text in Chinese have no times.
    """

    def __init__(self, request: SpeechRequest, *, growing: bool = False) -> None:
        self.request = request
        self.rate = request.delivery.rate or RATE
        self.seed = 7 if request.sampling.seed is None else request.sampling.seed
        self.timings: tuple[Timing, ...] = ()
        self.cancelled = False
        self.pieces = 0
        self.broken: MynaError | None = None
        self.slow = 0.0
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        if not growing:
            for sentence in request.text.replace(". ", ". |").rstrip("|").split("|"):
                self._texts.put_nowait(sentence)
            self._texts.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Audio]:
        start = 0.0
        try:
            while (text := await self._texts.get()) is not None:
                seconds = PER_CHARACTER * len(text) / self.request.delivery.speed
                if self.slow:
                    await asyncio.sleep(self.slow)
                if self.broken is not None:
                    raise self.broken
                for part in np.array_split(_tone(seconds, self.rate), 2):
                    self.pieces += 1
                    yield Audio(part, self.rate)
                words = () if self.request.language == "zh" else _words(text, start, seconds)
                self.timings += (Timing(start, start + seconds, text, words),)
                start += seconds
        finally:
            self.cancel()

    async def speech(self) -> Speech:
        samples = [piece.samples async for piece in self]
        report = SpeechReport(model="toy", seed=self.seed, sentences=(), warnings=())
        return Speech(
            audio=Audio(np.concatenate(samples), self.rate),
            sentences=(),
            timings=self.timings,
            report=report,
        )

    async def write(self, text: str) -> None:
        self._texts.put_nowait(text)

    async def finish(self) -> None:
        self._texts.put_nowait(None)

    def cancel(self) -> None:
        self.cancelled = True


class ToyStudio:
    """With a real library in `folder`."""

    def __init__(self, folder: Any, **settings: Any) -> None:
        self.settings = ServerSettings(**settings)
        self.library = Library(folder)
        self.asked: list[SpeechRequest] = []
        self.performances: list[Humming] = []
        self.refuse: MynaError | None = None
        self.prepare: Callable[[Humming], None] = lambda performance: None

    async def off(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return await asyncio.to_thread(function, *arguments, **named)

    async def start(self, request: SpeechRequest) -> Humming:
        return await self._perform(request)

    async def open(self, request: SpeechRequest) -> Humming:
        return await self._perform(request, growing=True)

    async def models(self) -> list[str]:
        return ["tiny", "v2"]

    async def voice(self, name: str) -> Voice:
        if name in BUNDLED:
            return _voice(name)
        return self.library.voice(name)

    async def voices(self) -> list[VoiceCard]:
        bundled = [VoiceCard(id=n, name=n, languages=("en",), model="tiny") for n in BUNDLED]
        return bundled + [
            VoiceCard(
                id=entry.id,
                name=entry.name,
                languages=entry.languages,
                model="tiny",
                description=entry.description,
            )
            for entry in self.library.list()
        ]

    async def clone(
        self, clips: Sequence[Clip], *, name: str, model: str = "", **said: Any
    ) -> VoiceCard:
        if any(not (clip.data or clip.path) for clip in clips):
            raise AudioError("The recording is empty.")
        self.cloned = tuple(clips)
        consent, licence = said.pop("consent", ""), said.pop("licence", "")
        voice = _voice(name, consent=consent, licence=licence)
        entry = self.library.add(voice, name=name, **said)
        return VoiceCard(id=entry.id, name=entry.name, languages=entry.languages, model="tiny")

    def fetched(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        return tuple(clips)

    async def convert(
        self,
        clip: Clip,
        *,
        voice: str = "",
        model: str = "",
        seed: int | None = None,
        delivery: Delivery | None = None,
    ) -> Speech:
        performance = await self._perform(
            SpeechRequest(
                text=clip.text or "Whatever was said.",
                voice=voice,
                model=model,
                language=clip.language,
                sampling=Sampling(seed=seed),
                delivery=delivery or Delivery(),
            )
        )
        self.converted = clip
        return await performance.speech()

    async def _perform(self, request: SpeechRequest, **how: Any) -> Humming:
        if self.refuse is not None:
            raise self.refuse
        if request.model not in ("", "tiny", "v2"):
            raise ModelNotFoundError(f"There is no model {request.model!r} on this machine.")
        if request.voice == "nobody":
            raise VoiceError("There is no voice 'nobody'.")
        self.asked.append(request)
        performance = Humming(request, **how)
        self.prepare(performance)
        self.performances.append(performance)
        return performance


def call(app: Any, method: str, path: str, **how: Any) -> httpx.Response:
    """One request to an application."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **how)

    return asyncio.run(ask())


@contextmanager
def served(app: Any) -> Iterator[int]:
    """An application behind a real server on a free port of this machine; the port."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def _voice(name: str, **facts: Any) -> Voice:
    return Voice(name=name, family="toy", model="m", timbre=np.zeros(4, np.float32), **facts)


def _words(text: str, start: float, seconds: float) -> tuple[Word, ...]:
    """Each as long as it has letters."""
    places = [(match.span(), match[0]) for match in re.finditer(r"\S+", text)]
    one = seconds / max(len(text), 1)
    return tuple(Word(start + a * one, start + b * one, word) for (a, b), word in places)


def _tone(seconds: float, rate: int) -> np.ndarray:
    times = np.arange(max(round(seconds * rate), 1)) / rate
    return (0.3 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
