"""Models that come and go: one at a time is loaded once, idle ones make room, busy ones stay."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from myna.checkpoints.store import ModelFolder, open_model
from myna.datatypes import Sampling, Utterance
from myna.errors import BusyError, EngineError, ModelNotFoundError
from myna.synthesis.job import Job
from myna.synthesis.pool import Loaded, Pool, memory_of
from myna.synthesis.speaker import Myna

TEXT = "Good morning to you, and to all who hear this."


class Loads:
    """Loads, and remembers what."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, folder: ModelFolder) -> Myna:
        self.names.append(folder.path.name)
        return Myna.load(folder.path)


@pytest.fixture
def twins(tmp_path: Path) -> list[str]:
    """Two more folders with the model that comes with Myna."""
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(open_model("tiny").path)
    return [str(tmp_path / name) for name in ("one", "two")]


def say(loaded: Loaded, text: str = TEXT) -> Job:
    voice = loaded.myna.voice()
    return loaded.scheduler.submit(
        Utterance(text=text, voice=voice, sampling=Sampling(seed=1)),
    )


def samples(job: Job) -> np.ndarray:
    return np.concatenate([piece.samples for piece in job])


def test_loaded_once_however_many_ask() -> None:
    loads = Loads()
    pool = Pool(loads)
    jobs: list[Job] = []
    threads = [
        threading.Thread(target=lambda: jobs.append(pool.use("tiny", say))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spoken = [samples(job) for job in jobs]
    assert all((each == spoken[0]).all() for each in spoken)
    assert loads.names == ["tiny"]
    pool.close()
    with pytest.raises(EngineError, match="for good"):
        pool.use("tiny", say)


def test_the_one_used_longest_ago_makes_room(twins: list[str]) -> None:
    loads, now = Loads(), [0.0]
    room = memory_of(open_model("tiny")) * 2 + 1
    pool = Pool(loads, memory=room, clock=lambda: now[0])
    try:
        for name in ("tiny", twins[0], "tiny", twins[1]):
            now[0] += 1
            assert samples(pool.use(name, say)).any()
        assert {each.name for each in pool.loaded} == {"tiny", twins[1]}
        assert loads.names == ["tiny", "one", "two"]
    finally:
        pool.close()


def test_who_speaks_stays(twins: list[str]) -> None:
    pool = Pool(memory=memory_of(open_model("tiny")) + 1)
    try:
        long = pool.use("tiny", lambda loaded: say(loaded, TEXT * 40))
        with pytest.raises(BusyError, match="Try again later"):
            pool.use(twins[0], say)
        long.cancel()
        with pytest.raises(EngineError, match="Allow more"):
            Pool(memory=1 << 20).use("tiny", say)
    finally:
        pool.close()


def test_idle_models_leave_and_come_back_the_same() -> None:
    loads, now = Loads(), [0.0]
    pool = Pool(loads, idle=10.0, clock=lambda: now[0])
    try:
        before = samples(pool.use("tiny", say))
        engine = pool.use("tiny", lambda loaded: weakref.ref(loaded.myna.engine))
        now[0] = 9.0
        pool.sweep()
        assert len(pool.loaded) == 1
        now[0] = 30.0
        pool.sweep()
        assert not pool.loaded
        assert engine() is None, "something holds its memory"
        np.testing.assert_array_equal(samples(pool.use("tiny", say)), before)
        assert loads.names == ["tiny", "tiny"]
    finally:
        pool.close()


def test_a_model_that_is_not_here_leaves_the_rest_alone() -> None:
    pool = Pool()
    try:
        with pytest.raises(ModelNotFoundError):
            pool.use("nobody", say)
        assert samples(pool.use("tiny", say)).any()
    finally:
        pool.close()


def test_what_is_in_use_stays_and_keeps_nobody_waiting(twins: list[str]) -> None:
    pool = Pool(memory=memory_of(open_model("tiny")) + 1)
    spoken: list[np.ndarray] = []

    def use(loaded: Loaded) -> None:
        with pytest.raises(BusyError):
            pool.use(twins[0], say)
        thread = threading.Thread(target=lambda: spoken.append(samples(pool.use("tiny", say))))
        thread.start()
        thread.join(30)
        assert loaded.busy
        assert [each.name for each in pool.loaded] == ["tiny"]

    try:
        pool.use("tiny", use)
        assert spoken[0].any()
        assert samples(pool.use(twins[0], say)).any()
    finally:
        pool.close()


def test_one_whose_engine_failed_is_loaded_again() -> None:
    loads = Loads()
    pool = Pool(loads)
    try:
        pool.use("tiny", lambda loaded: loaded.scheduler).close()
        assert samples(pool.use("tiny", say)).any()
        assert loads.names == ["tiny", "tiny"]
    finally:
        pool.close()
