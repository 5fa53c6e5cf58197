"""Jobs of our own API: long texts that are said in the background, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from myna.apps.server.dialects.own_bodies import (
    SOUND,
    JobAnswer,
    JobList,
    ProblemAnswer,
    SpeechBody,
    TimingsAnswer,
)
from myna.apps.server.dialects.routes import Missing
from myna.apps.server.job_result import FACTS
from myna.apps.server.job_worker import parts
from myna.audio.encoders import CONTAINERS
from myna.datatypes import Timing
from myna.engines.randomness import draw_seed
from myna.errors import TextError
from myna.synthesis.subtitles import cues, srt, vtt

if TYPE_CHECKING:
    from myna.apps.server.jobs import Job, Jobs
    from myna.apps.server.requests import SpeechRequest
    from myna.apps.server.studio import Studio

_Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
_Find = Callable[[Request, str], Awaitable["Job"]]
_SUBTITLES: dict[str, Any] = {
    "content": {"application/x-subrip": {"schema": {"type": "string"}}}
    | {"text/vtt": {"schema": {"type": "string"}}},
    "model": TimingsAnswer,
}
_NOT_YET: dict[int | str, dict[str, Any]] = {
    409: {"model": ProblemAnswer, "description": "The job is not done yet, or has failed."}
}


def add(routes: APIRouter, studio: Studio, jobs: Jobs) -> None:
    """Add the routes.

    Args:
        studio: its threads are used.
        jobs: the list; `JobWorker` works through it.
    """

    async def found(request: Request, name: str) -> Job:
        job = await studio.off(jobs.get, name)
        if job is None or job.client != _client(request):
            raise Missing("There is no such job; it may have expired.")
        return job

    @routes.post("/jobs", status_code=202)
    async def start(body: SpeechBody, request: Request, response: Response) -> JobAnswer:
        """Say a long text in the background; its fields are those of speech."""
        if len(body.text) > jobs.limits.most_characters:
            raise TextError(
                f"The text has {len(body.text)} characters; a job takes at most "
                f"{jobs.limits.most_characters}. Send it in parts."
            )
        job = await studio.off(_added, studio, jobs, body.request(), _client(request))
        response.headers["Location"] = f"{request.url.path}/{job.id}"
        return _answer(job)

    @routes.get("/jobs")
    async def newest(request: Request, most: Annotated[int, Query(ge=1, le=1000)] = 100) -> JobList:
        """The caller's jobs, the newest first."""
        listed = await studio.off(partial(jobs.newest, client=_client(request), most=most))
        return JobList(jobs=[_answer(job) for job in listed])

    @routes.get("/jobs/{job}")
    async def status(job: _Id, request: Request) -> JobAnswer:
        """How a job stands."""
        return _answer(await found(request, job))

    @routes.delete("/jobs/{job}", status_code=204)
    async def remove(job: _Id, request: Request) -> None:
        """Stop a job, and remove what was made for it."""
        await studio.off(jobs.remove, (await found(request, job)).id)

    _add_results(routes, studio, jobs, found)


def _add_results(routes: APIRouter, studio: Studio, jobs: Jobs, found: _Find) -> None:
    """The routes of what came of a job.

    Args:
        found: the caller's job of that name.
    """

    async def done(request: Request, name: str) -> Job:
        job = await found(request, name)
        if job.state != "done":
            why = f"It failed: {job.error}" if job.state == "failed" else "It is not done yet."
            raise HTTPException(409, why)
        return job

    @routes.get(
        "/jobs/{job}/result",
        responses={200: {"content": SOUND}, **_NOT_YET},
        response_class=Response,
    )
    async def result(job: _Id, request: Request) -> Response:
        """The sound of a job that is done."""
        one = await done(request, job)
        path = jobs.result(one)
        if not await studio.off(path.is_file):
            raise Missing("There is no such job; it may have expired.")
        return FileResponse(
            path,
            media_type=CONTAINERS[one.container].media_type,
            filename=f"{one.id}.{one.container}",
        )

    @routes.get("/jobs/{job}/subtitles", responses={200: _SUBTITLES, **_NOT_YET})
    async def subtitles(
        job: _Id,
        request: Request,
        kind: Annotated[Literal["srt", "vtt", "json"], Query(alias="format")] = "srt",
        by: Literal["sentence", "line", "word"] = "sentence",
    ) -> Response:
        """What is said when, in a job that is done: as SubRip, WebVTT, or JSON with its report.

        A cue is a sentence, as much of one as two lines hold, or a word; JSON has all of them.
        """
        one = await done(request, job)
        read = partial((jobs.folder(one.id) / FACTS).read_text, encoding="utf-8")
        try:
            facts = json.loads(await studio.off(read))
        except FileNotFoundError as error:
            raise Missing("There is no such job; it may have expired.") from error
        timings = tuple(map(Timing.of, facts["timings"]))
        if kind == "json":
            answer = TimingsAnswer(
                seconds=facts["seconds"], timings=timings, report=facts["report"]
            )
            return Response(answer.model_dump_json(), media_type="application/json")
        if kind == "vtt":
            return Response(vtt(cues(timings, by)), media_type="text/vtt")
        return Response(srt(cues(timings, by)), media_type="application/x-subrip")


def _added(studio: Studio, jobs: Jobs, request: SpeechRequest, client: str) -> Job:
    about = min(jobs.limits.part_characters, studio.settings.most_characters)
    said = parts(request, about=about)
    longest = max(map(len, said))
    if longest > studio.settings.most_characters:
        raise TextError(
            f"A part of the text that cannot be cut has {longest} characters, because of its "
            f"markup or for want of sentences; {studio.settings.most_characters} are the most."
        )
    seed = request.sampling.seed
    sampling = replace(request.sampling, seed=draw_seed() if seed is None else seed)
    # Its parts are said later, when a recording elsewhere may be another, or gone.
    clips = studio.fetched(request.clips)
    request = replace(request, text="", sampling=sampling, stream=False, clips=clips)
    return jobs.add(request, said, client=client)


def _client(request: Request) -> str:
    """Name of the key that asks, empty where nobody needs one."""
    key = getattr(request.state, "key", None)
    return "" if key is None else str(key.name)


def _answer(job: Job) -> JobAnswer:
    return JobAnswer(
        id=job.id,
        state=job.state,
        progress=1.0 if job.state == "done" else job.parts_done / job.parts,
        parts=job.parts,
        parts_done=job.parts if job.state == "done" else job.parts_done,
        seconds=job.seconds,
        container=job.container,  # type: ignore[arg-type]
        error=job.error,
        created=job.created,
        finished=job.finished,
    )
