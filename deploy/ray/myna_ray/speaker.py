"""A replica: models within a budget of memory, and what is said with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ray import serve

from myna import Myna
from myna.apps.server.performance import Performance
from myna.checkpoints.store import ModelFolder
from myna.datatypes import Audio, Guard, Pacing, Reference, Utterance, Voice
from myna.engines.graphs import have_graphs
from myna.engines.onnx_engine import OnnxEngine
from myna.errors import MynaError
from myna.synthesis.job import Job
from myna.synthesis.pool import Loaded, Pool
from myna.synthesis.scheduler import Limits
from myna_ray.again import End, Failure, Piece, Told
from myna_ray.scaling import AUDIO_SECONDS, expected_seconds

_MOST_MODELS = 1000
"""That Ray Serve may know to be at one replica; how many there are is the pool's affair."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Line:
    """What a replica is asked to say. A voice is a value, and travels with it."""

    model: str
    utterance: Utterance
    pacing: Pacing
    guard: Guard | None = None
    script: Any = None
    """Actor handle of a `Prompter`, if the text is still being written, and then the key of the
    text there is `page`."""
    page: str = ""


class Speaker:
    """Says lines, many at the same time; a deployment of Ray Serve.

    Args:
        device: as `Myna.load`.
        threads: that a computation on the CPU may use.
        memory: bytes for models.
        limits: of each model's scheduler.
    """

    def __init__(
        self,
        device: str = "auto",
        threads: int = 1,
        memory: int = 2 << 30,
        limits: Limits | None = None,
    ) -> None:
        self._pool = Pool(
            partial(_opened, device=device, threads=threads), memory=memory, limits=limits
        )
        self._left: dict[Job, float] = {}

    async def reconfigure(self, chosen: dict[str, Any]) -> None:
        """Load the models of the deployment's `user_config`, before this replica counts as ready;
        others are loaded when somebody asks for them."""
        for model in chosen.get("models", []):
            await self._stage(model)

    async def say(self, line: Line) -> AsyncGenerator[Told, None]:
        """A line, piece by piece; errors of Myna's are told, not raised."""
        reading: asyncio.Task[None] | None = None
        try:
            await self._stage(line.model)
            job, rate = await asyncio.to_thread(self._pool.use, line.model, _submission(line))
        except MynaError as error:
            yield Failure.of(error)
            return
        self._left[job] = expected_seconds(line.utterance.text)
        try:
            if line.script is not None:
                reading = asyncio.create_task(self._read(job, line))
            async for told in self._told(job, rate, line.model):
                yield told
        finally:
            job.cancel()
            del self._left[job]
            if reading is not None:
                reading.cancel()

    async def clone(self, model: str, references: Sequence[Reference]) -> Voice | Failure:
        """The voice of recordings; errors of Myna's are told, not raised."""
        try:
            await self._stage(model)
            return await asyncio.to_thread(
                self._pool.use, model, lambda loaded: loaded.clone(references)
            )
        except MynaError as error:
            return Failure.of(error)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What Ray Serve asks for now and then, and hands to `scaling.queued_audio`."""
        return {AUDIO_SECONDS: sum(self._left.values())}

    @serve.multiplexed(max_num_models_per_replica=_MOST_MODELS)
    async def _stage(self, model: str) -> str:
        """Load a model; Ray Serve remembers that it is here, and sends what is for it here."""
        await asyncio.to_thread(self._pool.use, model, _nothing)
        return model

    async def _told(self, job: Job, rate: int, model: str) -> AsyncGenerator[Told, None]:
        performance = Performance(
            job, rate=rate, voice=job.utterance.voice.name, model=model, ended=_nothing
        )
        samples = timed = 0
        try:
            async for audio in performance:
                samples += len(audio.samples)
                self._left[job] = max(self._left[job] - audio.seconds, 0.0)
                timings = job.timings
                yield Piece(audio, timings[timed:])
                timed = len(timings)
        except MynaError as error:
            yield Failure.of(error)
            return
        speech = job.speech([Audio(np.zeros(0, np.float32), rate)])
        yield End(samples, speech.sentences, speech.timings, speech.report)

    async def _read(self, job: Job, line: Line) -> None:
        """Hand on the text as it is written, from its start."""
        read = 0
        while True:
            pieces, over = await line.script.read.remote(line.page, read)
            read += len(pieces)
            for piece in pieces:
                self._left[job] += expected_seconds(piece)
                job.write(piece)
            if over:
                job.finish()
                return


def _opened(folder: ModelFolder, *, device: str, threads: int) -> Myna:
    """A model whose computations take no more cores than Ray gave this replica.

    PyTorch is told by Ray itself, in the variable OMP_NUM_THREADS.
    """
    if device in ("auto", "cpu") and have_graphs(folder.family, folder.path):
        return Myna(OnnxEngine(folder, threads=threads), None, folder.voices)
    return Myna.load(folder.path, device=device)


def _submission(line: Line) -> Any:
    def submit(loaded: Loaded) -> tuple[Job, int]:
        if line.script is None:
            job = loaded.scheduler.submit(line.utterance, pacing=line.pacing, guard=line.guard)
        else:
            job = loaded.scheduler.open(line.utterance, pacing=line.pacing)
        return job, line.utterance.delivery.rate or loaded.myna.engine.spec.rate

    return submit


def _nothing(_: object) -> None:
    """Loading is all."""
