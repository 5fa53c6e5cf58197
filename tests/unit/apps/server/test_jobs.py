"""Jobs are said once, whole, and survive the death of whoever says them."""

import asyncio
import io
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from myna.apps.server.job_worker import JobWorker, parts
from myna.apps.server.jobs import JobLimits, Jobs
from myna.apps.server.requests import Clip, SpeechRequest
from myna.datatypes import Delivery, Sampling
from myna.errors import BusyError, ConfigError, EngineError, MarkupError, TextError
from toy_studio import ToyStudio

SEEDED = Sampling(seed=5, top_k=3)
ASKED = SpeechRequest(sampling=SEEDED, clips=(Clip(data=b"\0\xff", text="Hm."),), container="flac")


def _jobs(folder, **limits):
    return Jobs(folder / "jobs", JobLimits(**{"lease": 1.0, **limits}))


def test_what_was_asked_comes_back(tmp_path):
    jobs = _jobs(tmp_path)
    job = jobs.add(ASKED, ["One.", "Two."], client="kitchen")
    assert (job.state, job.parts, job.parts_done, job.client) == ("queued", 2, 0, "kitchen")
    assert Jobs(tmp_path / "jobs").request(job.id) == (ASKED, ["One.", "Two."])


def test_only_the_owner_changes_it(tmp_path):
    jobs = _jobs(tmp_path)
    name = jobs.add(ASKED, ["One."]).id
    assert jobs.claim("a").id == name
    assert jobs.claim("b") is None
    assert not jobs.renew(name, "b")
    assert jobs.renew(name, "a")
    assert not jobs.finish(name, "b", seconds=1)
    assert jobs.finish(name, "a", seconds=1)
    assert not jobs.fail(name, "a", "too late")
    assert jobs.get(name).state == "done"


def test_oldest_first_and_newest_listed_first(tmp_path):
    jobs = _jobs(tmp_path)
    first, second = (jobs.add(ASKED, ["One."], client=c).id for c in "xy")
    assert [job.id for job in jobs.newest()] == [second, first]
    assert [job.id for job in jobs.newest(client="x")] == [first]
    assert [jobs.claim("a").id, jobs.claim("a").id] == [first, second]


def test_a_lease_runs_out(tmp_path, monkeypatch):
    jobs = _jobs(tmp_path, tries=2)
    name = jobs.add(ASKED, ["One."]).id
    now = time.time()
    jobs.claim("a")
    monkeypatch.setattr(time, "time", lambda: now + 2)
    assert jobs.claim("b").id == name
    assert not jobs.renew(name, "a")
    monkeypatch.setattr(time, "time", lambda: now + 4)
    assert jobs.claim("c") is None  # it was tried twice
    assert jobs.get(name).state == "failed"
    assert "2 times" in jobs.get(name).error


def test_given_back_costs_no_try(tmp_path):
    jobs = _jobs(tmp_path, tries=1)
    name = jobs.add(ASKED, ["One."]).id
    for owner in "abc":
        assert jobs.claim(owner).id == name
        assert jobs.give_back(name, owner)


def test_one_of_many_threads_gets_it(tmp_path):
    jobs = _jobs(tmp_path)
    name = jobs.add(ASKED, ["One."]).id
    found = []
    threads = [
        threading.Thread(target=lambda who=str(i): found.append(jobs.claim(who))) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.id for job in found if job] == [name]


def test_bounds(tmp_path):
    jobs = _jobs(tmp_path, waiting=2)
    jobs.add(ASKED, ["One."])
    jobs.add(ASKED, ["One."])
    with pytest.raises(BusyError, match="2 jobs"):
        jobs.add(ASKED, ["One."])
    assert len([path for path in (tmp_path / "jobs").iterdir() if path.is_dir()]) == 2


def test_room_on_disk(tmp_path):
    jobs = _jobs(tmp_path, most_bytes=1 << 20)
    name = jobs.add(ASKED, ["One."]).id
    jobs.claim("a")
    (jobs.folder(name) / "part").write_bytes(bytes(1 << 20))
    jobs.progress(name, "a", parts=1, seconds=1)
    with pytest.raises(BusyError, match="room"):
        jobs.add(ASKED, ["One."])
    jobs.remove(name)
    jobs.add(ASKED, ["One."])


def test_removed_and_expired(tmp_path, monkeypatch):
    jobs = _jobs(tmp_path, kept_hours=1)
    gone, done = (jobs.add(ASKED, ["One."]).id for _ in range(2))
    assert jobs.remove(gone)
    assert not jobs.remove(gone)
    assert jobs.get(gone) is None
    jobs.claim("a")
    jobs.finish(done, "a", seconds=1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * 3600)
    jobs.sweep()
    assert jobs.get(done) is None
    assert not [path for path in (tmp_path / "jobs").iterdir() if path.is_dir()]


@pytest.mark.parametrize(("name", "value"), [("waiting", 0), ("lease", 0.5), ("at_once", 65)])
def test_limits_are_checked(name, value):
    with pytest.raises(ConfigError, match=name):
        JobLimits(**{name: value})


@pytest.mark.parametrize("about", [100, 300])
def test_parts_are_the_text(about):
    said = "\n".join(
        f"Paragraph {i} has a sentence. And it has another one! 不是吗？" for i in range(30)
    )
    found = parts(SpeechRequest(text=said), about=about)
    assert "".join(found) == said
    assert len(found) > 3
    assert all(len(part) <= about * 1.5 for part in found)
    assert all(any(char.isalnum() for char in part) for part in found)


def test_paragraphs_stay_together():
    said = "One is here. Two is here.\n\n" * 10
    for part in parts(SpeechRequest(text=said), about=100)[:-1]:
        assert part.strip().endswith("Two is here.")


def test_markup_stays_whole():
    said = "A sentence. [pause 1s] " * 50
    assert parts(SpeechRequest(text=said), about=100) == (said,)
    with pytest.raises(MarkupError):
        parts(SpeechRequest(text="<speak>No end."), about=100)
    with pytest.raises(TextError):
        parts(SpeechRequest(text="  \n"), about=100)


def _work(studio, jobs, until, *, workers=1, seconds=10.0):
    """Let workers work until `until` is true."""

    async def run():
        tasks = [asyncio.create_task(JobWorker(studio, jobs).run()) for _ in range(workers)]
        try:
            async with asyncio.timeout(seconds):
                while not await asyncio.to_thread(until):
                    await asyncio.sleep(0.02)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


TEXT = ["The first part. ", "The second part is longer. ", "The third."]


@pytest.mark.parametrize("container", ["wav", "flac", "mp3", "opus", "raw"])
def test_a_job_is_said(tmp_path, container):
    studio, jobs = ToyStudio(tmp_path / "voices"), _jobs(tmp_path)
    asked = replace(ASKED, container=container, delivery=Delivery(pause=0.5))
    name = jobs.add(asked, TEXT).id
    _work(studio, jobs, lambda: jobs.get(name).state == "done")
    job = jobs.get(name)
    expected = sum(0.02 * len(part) for part in TEXT) + 2 * 0.5
    assert job.seconds == pytest.approx(expected, abs=0.01)
    data = jobs.result(job).read_bytes()
    if container == "raw":
        sound, rate = np.frombuffer(data, "<i2"), 32_000
    else:
        sound, rate = soundfile.read(io.BytesIO(data))
    assert len(sound) / rate == pytest.approx(expected, abs=0.15)
    assert [one.sampling.seed for one in studio.asked] == [5, 6, 7]
    assert [one.text for one in studio.asked] == TEXT
    assert studio.asked[0].clips == ASKED.clips
    assert job.bytes > 0


def test_it_goes_on_where_it_stopped(tmp_path):
    jobs = _jobs(tmp_path)
    name = jobs.add(ASKED, TEXT).id
    first = ToyStudio(tmp_path / "voices")
    first.prepare = lambda performance: setattr(performance, "slow", 0.2)
    _work(first, jobs, lambda: jobs.get(name).parts_done == 1)
    assert jobs.get(name).state == "queued"  # the worker stopped as it should
    second = ToyStudio(tmp_path / "voices")
    _work(second, jobs, lambda: jobs.get(name).state == "done")
    assert [one.text for one in second.asked] == TEXT[1:]


def test_busy_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("myna.apps.server.job_worker._BUSY", (0.05, 0.1))
    studio, jobs = ToyStudio(tmp_path / "voices"), _jobs(tmp_path)
    studio.refuse = BusyError("full")
    name = jobs.add(ASKED, TEXT).id
    threading.Timer(0.4, lambda: setattr(studio, "refuse", None)).start()
    _work(studio, jobs, lambda: jobs.get(name).state == "done")


def test_failures_are_told(tmp_path):
    studio, jobs = ToyStudio(tmp_path / "voices"), _jobs(tmp_path)
    studio.refuse = EngineError("The model broke.")
    name = jobs.add(ASKED, TEXT).id
    _work(studio, jobs, lambda: jobs.get(name).state == "failed")
    assert jobs.get(name).error == "The model broke."


def test_removed_while_it_is_said(tmp_path):
    studio, jobs = ToyStudio(tmp_path / "voices"), _jobs(tmp_path)
    studio.prepare = lambda performance: setattr(performance, "slow", 0.1)
    gone = jobs.add(ASKED, TEXT * 10).id
    _work(studio, jobs, lambda: jobs.get(gone).parts_done > 0 and jobs.remove(gone))
    studio.prepare = lambda performance: None
    name = jobs.add(ASKED, TEXT).id
    _work(studio, jobs, lambda: jobs.get(name).state == "done")
    assert jobs.get(gone) is None
    assert not jobs.folder(gone).exists()


def test_two_workers_say_each_job_once(tmp_path):
    studio, jobs = ToyStudio(tmp_path / "voices"), _jobs(tmp_path)
    names = [jobs.add(ASKED, [f"Job {i}."]).id for i in range(6)]
    _work(studio, jobs, lambda: all(jobs.get(n).state == "done" for n in names), workers=2)
    assert sorted(one.text for one in studio.asked) == [f"Job {i}." for i in range(6)]


KILLED = """
import sys, time
from pathlib import Path
from myna.apps.server.jobs import JobLimits, Jobs

print(Jobs(Path(sys.argv[1]), JobLimits(lease=1.0)).claim("killed").id, flush=True)
time.sleep(60)
"""


def test_a_killed_process_is_succeeded(tmp_path):
    studio, jobs = ToyStudio(tmp_path / "voices"), _jobs(tmp_path)
    name = jobs.add(ASKED, TEXT).id
    command = [sys.executable, "-c", KILLED, str(tmp_path / "jobs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip() == name
        assert jobs.claim("other") is None
        process.kill()
    _work(studio, jobs, lambda: jobs.get(name).state == "done")
    assert [one.text for one in studio.asked] == TEXT
