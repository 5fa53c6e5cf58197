"""The studio: who speaks, what is refused, and that nothing goes on for nobody."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy

pytest.importorskip("fastapi")

from myna.apps.library import Library
from myna.apps.server import performance
from myna.apps.server.performance import Figures, Room
from myna.apps.server.requests import Clip, SpeechRequest
from myna.apps.server.settings import ServerSettings
from myna.apps.server.studio import Studio
from myna.datatypes import Audio, Guard, Sampling
from myna.errors import (
    AudioError,
    BusyError,
    CancelledError,
    EngineError,
    ModelNotFoundError,
    TextError,
    VoiceError,
)
from myna.synthesis import cloning
from myna.synthesis.pool import Pool
from myna.synthesis.scheduler import Limits
from myna.synthesis.speaker import Myna

TEXT = "Birds say what they hear. So does this one."
ASKED = SpeechRequest(text=TEXT, sampling=Sampling(seed=7))


@asynccontextmanager
async def studio(
    folder: Path, limits: Limits | None = None, **settings: Any
) -> AsyncIterator[tuple[Studio, list[Figures]]]:
    told: list[Figures] = []
    found = Studio(ServerSettings(**settings), Library(folder), Pool(limits=limits), told.append)
    await found.begin()
    told.clear()
    try:
        yield found, told
    finally:
        await found.close()


def run(
    folder: Path, what: Callable[[Studio, list[Figures]], Awaitable[None]], **settings: Any
) -> None:
    async def whole() -> None:
        async with studio(folder, **settings) as (found, told):
            await what(found, told)

    asyncio.run(whole())


def test_whole_texts_are_what_speak_says(tmp_path: Path) -> None:
    async def check(found: Studio, told: list[Figures]) -> None:
        speech = await (await found.start(ASKED)).speech()
        expected = Myna.load("tiny").speak(TEXT, sampling=ASKED.sampling)
        np.testing.assert_array_equal(speech.audio.samples, expected.audio.samples)
        assert speech.report == expected.report
        (figures,) = told
        assert figures.voice == "kathleen"
        assert figures.audio_seconds == pytest.approx(speech.audio.seconds)
        assert figures.first_sound is not None
        assert figures.error is None
        assert not figures.cancelled

    run(tmp_path, check)


def test_streams_and_texts_in_pieces(tmp_path: Path) -> None:
    async def check(found: Studio, told: list[Figures]) -> None:
        asked = replace(ASKED, voice="darshan", stream=True)
        whole = [piece.samples async for piece in await found.start(asked)]
        assert len(whole) > 3
        opened = await found.open(asked)
        await opened.write(TEXT[:30])
        await opened.write(TEXT[30:])
        await opened.finish()
        pieces = [piece.samples async for piece in opened]
        np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate(whole))
        assert [each.text for each in opened.timings] == [
            "Birds say what they hear.",
            "So does this one.",
        ]
        assert told[1].characters == len(TEXT)

    run(tmp_path, check)


def test_who_leaves_stops_the_work(tmp_path: Path) -> None:
    async def check(found: Studio, told: list[Figures]) -> None:
        long = replace(ASKED, text=TEXT * 20, stream=True)
        pieces = aiter(await found.start(long))
        assert (await anext(pieces)).seconds > 0
        await pieces.aclose()  # type: ignore[attr-defined]
        waiting = asyncio.create_task((await found.start(replace(long, stream=False))).speech())
        await asyncio.sleep(0.2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for _ in range(100):
            await asyncio.sleep(0.02)
            if not found.saying:
                break
        assert not found.saying
        assert [each.cancelled for each in told] == [True, True]

    run(tmp_path, check)


def test_closing_tells_those_who_wait(tmp_path: Path) -> None:
    async def check(found: Studio, told: list[Figures]) -> None:
        waiting = asyncio.create_task((await found.start(replace(ASKED, text=TEXT * 40))).speech())
        await asyncio.sleep(0.1)
        await found.close()
        with pytest.raises(CancelledError):
            await waiting

    run(tmp_path, check)


def test_voices_by_name_and_by_recording(tmp_path: Path) -> None:
    roots = tmp_path / "clips"
    roots.mkdir()
    toy.clip(seconds=4.0).save(roots / "anna.wav")
    data = (roots / "anna.wav").read_bytes()

    async def check(found: Studio, told: list[Figures]) -> None:
        async def said(**who: Any) -> Audio:
            return (await (await found.start(replace(ASKED, **who))).speech()).audio

        named = await said(voice="DARSHAN")
        assert (await said(clips=(Clip(path="./x/darshan.wav"),))).samples.tolist() == (
            named.samples.tolist()
        )
        by_path = await said(clips=(Clip(path="Anna.WAV"),), guard=Guard(check=False))
        by_bytes = await said(clips=(Clip(data=data),), guard=Guard(check=False))
        np.testing.assert_array_equal(by_path.samples, by_bytes.samples)
        card = await found.clone([Clip(data=data)], name="Anna", consent="she agreed")
        kept = await said(voice="anna", guard=Guard(check=False))
        np.testing.assert_array_equal(kept.samples, by_bytes.samples)
        assert [each.name for each in await found.voices()][-1] == "Anna"
        assert card.model == "tiny"
        with pytest.raises(VoiceError):
            await found.clone([Clip(data=data)], name="ANNA")
        with pytest.raises(VoiceError, match="neither a recording"):
            await said(clips=(Clip(path="../../etc/passwd"),))
        with pytest.raises(AudioError):
            await said(clips=(Clip(data=b"RIFF of nothing"),))
        with pytest.raises(VoiceError):
            await said(voice="nobody")

    run(tmp_path / "voices", check, roots=str(roots))


def test_what_is_refused(tmp_path: Path) -> None:
    async def check(found: Studio, told: list[Figures]) -> None:
        with pytest.raises(TextError, match="no text"):
            await found.start(replace(ASKED, text=" \n"))
        with pytest.raises(TextError, match="takes 50"):
            await found.start(replace(ASKED, text="word " * 11))
        jobs = []
        with pytest.raises(BusyError):  # noqa: PT012 - the first few are taken
            for _ in range(4):
                jobs.append(await found.start(replace(ASKED, text=TEXT)))  # noqa: PERF401
        for job in jobs:
            job.cancel()
        assert 1 <= len(jobs) <= 2

    run(tmp_path, check, most_characters=50, limits=Limits(waiting=0, saying=1))


def test_who_was_forgotten_is_cancelled_and_holds_no_memory(tmp_path: Path) -> None:
    async def check(found: Studio, told: list[Figures]) -> None:
        forgotten = await found.start(replace(ASKED, text=TEXT * 40))
        del forgotten
        gc.collect()
        for _ in range(100):
            await asyncio.sleep(0.02)
            if not found.saying + found.waiting:
                break
        assert not found.saying + found.waiting
        whole = await found.start(ASKED)
        assert (await whole.speech()).audio.seconds > 1
        assert found._room.taken > 8 * 24_000
        del whole
        gc.collect()
        assert not found._room.taken

    run(tmp_path, check)


def test_answers_that_become_too_long_are_refused(tmp_path: Path) -> None:
    async def check(found: Studio, told: list[Figures]) -> None:
        seconds = performance._BYTES * 24_000
        found._room = Room(2 * 2 * seconds)
        with pytest.raises(TextError, match="more than 2 s"):
            await (await found.start(replace(ASKED, text=TEXT * 2))).speech()
        assert isinstance(told[-1].error, TextError)
        found._room = Room(2 * 2 * seconds)
        found._room.take(2 * 2 * seconds - 1)
        with pytest.raises(BusyError, match="long answers"):
            await (await found.start(replace(ASKED, text="Once."))).speech()
        stream = await found.start(replace(ASKED, stream=True))
        assert sum([piece.seconds async for piece in stream]) > 1

    run(tmp_path, check)


def test_models_are_names_and_never_folders(tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    toy.clip(seconds=4.0).save(clip)
    recorded = [Clip(data=clip.read_bytes())]
    from myna.checkpoints.store import open_model

    async def check(found: Studio, told: list[Figures]) -> None:
        folder = str(open_model("tiny").path)
        with pytest.raises(ModelNotFoundError):
            await found.clone(recorded, name="Anna", model=folder)
        with pytest.raises(ModelNotFoundError):
            await found.start(replace(ASKED, clips=tuple(recorded), model=folder))
        assert [each.name for each in found.pool.loaded] == ["tiny"]

    run(tmp_path / "voices", check)


def test_recordings_are_prepared_outside_of_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "clip.wav"
    toy.clip(seconds=4.0).save(clip)
    threads: list[str] = []
    prepare = cloning.prepare_reference

    def prepared(*args: Any, **named: Any) -> Any:
        threads.append(threading.current_thread().name)
        return prepare(*args, **named)

    monkeypatch.setattr(cloning, "prepare_reference", prepared)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))

    async def check(found: Studio, told: list[Figures]) -> None:
        asked = replace(ASKED, clips=(Clip(data=clip.read_bytes()),), stream=True)
        both = await asyncio.gather(found.start(asked), found.start(asked))
        for each in both:
            each.cancel()
        assert {name.split("_")[0] for name in threads} == {"myna-cloning"}
        voice = await found._cloned(await found.off(found._cast.role, asked))
        expected = Myna.load("tiny").clone(clip, cache=False)
        np.testing.assert_array_equal(voice.timbre, expected.timbre)

    run(tmp_path / "voices", check)


def test_what_is_wrong_with_a_model_is_not_told_with_its_folder(tmp_path: Path) -> None:
    async def check() -> None:
        def load(folder: Any) -> Myna:
            raise ModelNotFoundError(f"There is no encoder in {tmp_path}.")

        found = Studio(ServerSettings(), Library(tmp_path), Pool(load))
        with pytest.raises(EngineError, match="lacks a part") as told:
            await found.start(ASKED)
        assert str(tmp_path) not in str(told.value)

    asyncio.run(check())


def test_who_waits_for_a_model_holds_no_thread(tmp_path: Path) -> None:
    async def check() -> None:
        ready, loads = threading.Event(), []

        def load(folder: Any) -> Myna:
            loads.append(folder.name)
            ready.wait(30)
            return Myna.load(folder.path)

        found = Studio(ServerSettings(), Library(tmp_path), Pool(load))
        waiting = [asyncio.create_task(found.start(ASKED)) for _ in range(64)]
        while not loads:
            await asyncio.sleep(0.01)
        waiting[0].cancel()
        async with asyncio.timeout(10):
            assert await found.off(lambda: 7) == 7
            assert await found.voices()
        ready.set()
        started = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(started[0], asyncio.CancelledError)
        assert all(isinstance(each, performance.Performance) for each in started[1:])
        assert loads == ["tiny"]
        await found.close()

    asyncio.run(check())


def test_ready_without_a_queue(tmp_path: Path) -> None:
    async def check(found: Studio, told: list[Figures]) -> None:
        assert found.unready == ""
        long = await found.start(replace(ASKED, text=TEXT * 20))
        assert found.unready == "busy"
        long.cancel()

    limits = Limits(waiting=0, saying=1)
    run(tmp_path, check, most_waiting=0, limits=limits)
