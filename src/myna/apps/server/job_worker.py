"""Says jobs in the background, part by part, and goes on where another process stopped.

Each part is finished on disk before the next is begun. A part has a seed of its own, so what is
said does not depend on who said which.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from myna import text
from myna.apps.server import job_result
from myna.apps.server.asking import asked_by
from myna.apps.server.jobs import Job, Jobs
from myna.apps.server.requests import SpeechRequest
from myna.errors import BusyError, CancelledError, DeadlineError, MynaError
from myna.text import markup

if TYPE_CHECKING:
    from collections.abc import Callable

    from myna.apps.server.studio import Studio
    from myna.datatypes import Speech

log = logging.getLogger(__name__)

_LOOK = 1.0
"""Seconds between two looks at the list."""
_SWEEP = 300.0
"""Seconds between two clearings."""
_BUSY = (1.0, 15.0)
"""Seconds to wait where live requests fill the queue, at first and at most."""
_SEEDS = 2**63
_WORD = re.compile(r"\w")


def parts(request: SpeechRequest, *, about: int) -> tuple[str, ...]:
    """The text of a request in parts of about so many characters, cut at ends of paragraphs if
    possible, and else of sentences; together they are the text.

    A text with markup stays whole, because marks may go from one sentence to another.

    Raises:
        TextError: there is nothing to speak in it.
        MarkupError: its markup is not well formed.
        ConfigError: there is no such way of cutting, language or markup.
    """
    said = request.text
    pieces = text.sentences(said, language=request.language, cut=request.cut, syntax=request.markup)
    if markup.parse(said, syntax=request.markup).notes:
        return (said,)
    found, begin = [], 0
    for piece, following in pairwise(pieces):
        start, end = piece.span[1], following.span[1]
        full = end - begin > about or (start - begin > about // 2 and _ends_paragraph(said, start))
        # What has no words is no part: it could not be said alone.
        if full and _WORD.search(said, begin, start) and _WORD.search(said, start):
            found.append(said[begin:start])
            begin = start
    return (*found, said[begin:])


def _ends_paragraph(said: str, place: int) -> bool:
    before, after = said[max(place - 8, 0) : place], said[place : place + 8]
    return before.rstrip(" ").endswith("\n") or after.lstrip(" ").startswith("\n")


class JobWorker:
    """Works through the list until it is cancelled.

    Args:
        studio: says the parts.
        jobs: the list, which other processes work through as well.
    """

    def __init__(self, studio: Studio, jobs: Jobs) -> None:
        self._studio, self._jobs = studio, jobs
        self._owner = secrets.token_hex(8)

    async def run(self) -> None:
        """For the life of the server; cancel it to stop. Jobs that it holds are given back."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._jobs.limits.at_once):
                group.create_task(self._work())
            group.create_task(self._sweep())

    async def _work(self) -> None:
        while True:
            try:
                job = await self._off(self._jobs.claim, self._owner)
                if job is not None:
                    await self._say(job)
                    continue
            except Exception:
                log.exception("the list of jobs cannot be worked through")
            await asyncio.sleep(_LOOK)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            try:
                await self._off(self._jobs.sweep)
            except Exception:
                log.exception("old jobs cannot be removed")

    async def _say(self, job: Job) -> None:
        """One job to its end, as long as it is ours."""
        with asked_by(job.client):
            saying = asyncio.create_task(self._parts(job))
        holding = asyncio.create_task(self._hold(job))
        try:
            await asyncio.wait({saying, holding}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            finished = saying.done()
            for task in (saying, holding):
                task.cancel()
            await asyncio.gather(saying, holding, return_exceptions=True)
            if not finished:  # given back, unless it is no longer ours
                await self._off(self._jobs.give_back, job.id, self._owner)
        if saying.cancelled():
            return
        error = saying.exception()
        if isinstance(error, CancelledError):  # the studio stops
            await self._off(self._jobs.give_back, job.id, self._owner)
            await asyncio.sleep(_LOOK)
        elif isinstance(error, MynaError):
            await self._off(self._jobs.fail, job.id, self._owner, str(error))
        elif error is not None:
            held = await self._off(
                self._jobs.fail, job.id, self._owner, "It failed; the server's log says more."
            )
            if held:  # else its files are gone because somebody removed it
                log.error("a job failed", exc_info=error)

    async def _hold(self, job: Job) -> None:
        while True:
            await asyncio.sleep(self._jobs.limits.lease / 3)
            if not await self._off(self._jobs.renew, job.id, self._owner):
                return

    async def _parts(self, job: Job) -> None:
        request, said = await self._off(self._jobs.request, job.id)
        folder = self._jobs.folder(job.id)
        seconds = 0.0
        for index, words in enumerate(said):
            made = await self._off(job_result.made, folder, index)
            if made is None:
                speech = await self._patiently(_part(request, words, index))
                made = await self._off(
                    job_result.keep, folder, index, speech, request.delivery.pause
                )
            seconds += made
            note = partial(self._jobs.progress, parts=index + 1, seconds=seconds)
            if not await self._off(note, job.id, self._owner):
                return
        seconds = await self._off(job_result.join, folder, len(said), request.container)
        await self._off(partial(self._jobs.finish, seconds=seconds), job.id, self._owner)

    async def _patiently(self, request: SpeechRequest) -> Speech:
        """Say one part; live requests go first."""
        wait, longest = _BUSY
        while True:
            try:
                performance = await self._studio.start(request)
                try:
                    return await performance.speech()
                finally:
                    performance.cancel()
            except (BusyError, DeadlineError):
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)

    async def _off(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await self._studio.off(function, *arguments)


def _part(request: SpeechRequest, words: str, index: int) -> SpeechRequest:
    seed = request.sampling.seed
    assert seed is not None, "set when the job was added"
    sampling = replace(request.sampling, seed=(seed + index) % _SEEDS)
    return replace(request, text=words, sampling=sampling, stream=False)
