"""Steps over clips: nothing is lost, nothing is done twice, and any end can be resumed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

import toy
from myna.dataset.finding import find
from myna.dataset.manifest import Clip
from myna.dataset.running import STAGES, Place, Progress, Runner, Step
from myna.dataset.steps.duplicates import Duplicates
from myna.dataset.steps.loading import Load
from myna.errors import AudioError, DatasetError, MissingExtraError


@dataclass(frozen=True, kw_only=True)
class Halve(Step):
    """A step that cuts, keeps a file, drops, and can be made to fail."""

    name: ClassVar[str] = "halve"
    fault: ClassVar[str] = "broken"

    tag: str = ""
    raises: tuple[str, ...] = ()
    ran: ClassVar[list[str]] = []

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        (clip,) = clips
        self.ran.append(clip.id)
        if clip.id in self.raises:
            raise AudioError(f"{clip.id} is no use.")
        name = place.keep(clip.id.encode())
        left = replace(clip, id=f"{clip.id}-0", end=1.0, audio=name, text=self.tag)
        return left, replace(clip, id=f"{clip.id}-1", start=1.0).drop("dull", "It is dull.")


@dataclass(frozen=True, kw_only=True)
class Count(Step):
    """A step that sees all clips together."""

    name: ClassVar[str] = "count"
    fault: ClassVar[str] = "count"
    whole: ClassVar[bool] = True

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        return [replace(clip, text=f"{len(clips)}") for clip in clips]


CLIPS = tuple(Clip(id=f"c{i}", source=f"c{i}.wav", end=2.0) for i in range(5))


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    Halve.ran.clear()


def run(folder: Path, *steps: Step, clips: Sequence[Clip] = CLIPS) -> tuple[Clip, ...]:
    with Runner(folder) as runner:
        for step in steps:
            clips = runner.run(step, clips)
    return tuple(clips)


def rows(folder: Path) -> Path:
    return folder / STAGES / "01-halve.jsonl"


def test_order_and_accounts(tmp_path: Path) -> None:
    clips = (CLIPS[0], CLIPS[1].drop("old", "It was dropped before."), *CLIPS[2:])
    with Runner(tmp_path) as runner:
        halved = runner.run(Halve(raises=("c3",)), clips)
        counted = runner.run(Count(), halved)
    assert [clip.id for clip in halved] == [
        "c0-0",
        "c0-1",
        "c1",
        "c2-0",
        "c2-1",
        "c3",
        "c4-0",
        "c4-1",
    ]
    assert [clip.dropped for clip in halved] == [
        "",
        "dull",
        "old",
        "",
        "dull",
        "broken",
        "",
        "dull",
    ]
    assert halved[5].reason == "c3 is no use."
    assert [clip.text for clip in counted] == ["3", "", "", "3", "", "", "3", ""]
    first, second = runner.accounts
    assert (first.given, first.added, first.kept) == (4, 3, 3)
    assert first.dropped == {"broken": 1, "dull": 3}
    assert (second.given, second.added, second.kept, second.dropped) == (3, 0, 3, {})


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    first = run(tmp_path, Halve(), Count())
    before = {path: path.read_bytes() for path in (tmp_path / STAGES).iterdir()}
    Halve.ran.clear()
    assert run(tmp_path, Halve(), Count()) == first
    assert not Halve.ran
    assert before == {path: path.read_bytes() for path in (tmp_path / STAGES).iterdir()}


def test_only_what_changed_is_done_again(tmp_path: Path) -> None:
    run(tmp_path, Halve())
    Halve.ran.clear()
    changed = (*CLIPS[:2], replace(CLIPS[2], text="new"), *CLIPS[3:])
    made = run(tmp_path, Halve(), clips=changed)
    assert Halve.ran == ["c2"]
    assert [clip.id for clip in made][::2] == [f"c{i}-0" for i in range(5)]
    Halve.ran.clear()
    assert {clip.text for clip in run(tmp_path, Halve(tag="x")) if clip.kept} == {"x"}
    assert len(Halve.ran) == 5


def test_lost_audio_is_made_again(tmp_path: Path) -> None:
    made = run(tmp_path, Halve())
    (tmp_path / made[2].audio).unlink()
    Halve.ran.clear()
    assert run(tmp_path, Halve()) == made
    assert Halve.ran == ["c1"]


@pytest.mark.parametrize("damage", ["half a line", "no newline", "garbage", "empty"])
def test_damaged_work_is_done_again(tmp_path: Path, damage: str) -> None:
    made = run(tmp_path, Halve())
    whole = rows(tmp_path).read_bytes()
    lines = whole.splitlines(keepends=True)
    rows(tmp_path).write_bytes(
        {
            "half a line": b"".join(lines[:2]) + lines[2][:50],
            "no newline": whole[:-1],
            "garbage": b"".join([*lines[:1], b"\xff{]\n", b'{"key": 1}\n', *lines[2:]]),
            "empty": b"",
        }[damage]
    )
    Halve.ran.clear()
    assert run(tmp_path, Halve()) == made
    assert len(Halve.ran) == {"half a line": 3, "no newline": 1, "garbage": 1, "empty": 5}[damage]
    assert rows(tmp_path).read_bytes() == whole


def test_interruption_loses_nothing(tmp_path: Path) -> None:
    straight = run(tmp_path / "a", Halve(), Count())

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    (tmp_path / "b").mkdir()
    with pytest.raises(KeyboardInterrupt), Runner(tmp_path / "b", on_progress=stop) as runner:
        runner.run(Halve(), CLIPS)
    assert len(rows(tmp_path / "b").read_text().splitlines()) == 2
    Halve.ran.clear()
    assert run(tmp_path / "b", Halve(), Count()) == straight
    assert Halve.ran == ["c2", "c3", "c4"]
    assert rows(tmp_path / "a").read_bytes() == rows(tmp_path / "b").read_bytes()


def test_progress(tmp_path: Path) -> None:
    told: list[Progress] = []
    with Runner(tmp_path, on_progress=told.append) as runner:
        runner.run(Halve(), CLIPS[:2])
        runner.run(Halve(), CLIPS[:2])
    assert [(each.step, each.done, each.total) for each in told[:3]] == [
        ("halve", done, 2) for done in range(3)
    ]
    assert told[0].seconds_left is None
    assert told[2].seconds_left == 0.0


def test_progress_of_a_step_that_sees_all_is_counted_in_clips_too(tmp_path: Path) -> None:
    told: list[Progress] = []
    with Runner(tmp_path, on_progress=told.append) as runner:
        runner.run(Count(), CLIPS)
    assert [(each.done, each.total) for each in told] == [(0, 5), (5, 5)]


def test_what_every_clip_would_lack_ends_the_run(tmp_path: Path) -> None:
    class Lacking(Halve):
        def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
            raise MissingExtraError("Install it.")

    with pytest.raises(MissingExtraError):
        run(tmp_path, Lacking())


def test_no_clip_vanishes(tmp_path: Path) -> None:
    class Losing(Halve):
        def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
            return ()

    with pytest.raises(AssertionError, match="halve"):
        run(tmp_path, Losing())


def recordings(folder: Path, count: int) -> Path:
    folder.mkdir()
    for index in range(count):
        toy.clip(1.0, seed=index).save(folder / f"{index}.wav")
    return folder


def load(folder: Path, jobs: int, source: Path, stop: int = 0) -> tuple[Clip, ...]:
    found = find(source)

    def told(progress: Progress) -> None:
        if stop and progress.done == stop:
            raise KeyboardInterrupt

    with Runner(folder, jobs=jobs, on_progress=told) as runner:
        clips = runner.run(Load(recordings=found.recordings, shortest=0.5), found.clips)
        return runner.run(Duplicates(), clips)


def test_processes_make_the_same(tmp_path: Path) -> None:
    source = recordings(tmp_path / "in", 4)
    one = load(tmp_path / "one", 1, source)
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path / "two", 2, source, stop=2)
    assert load(tmp_path / "two", 2, source) == one
    for path in sorted((tmp_path / "one").rglob("*.*")):
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert other.read_bytes() == path.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="Windows ends processes in another way")
def test_a_killed_process_is_named(tmp_path: Path) -> None:
    source = recordings(tmp_path / "in", 6)
    killed = []

    def kill(progress: Progress) -> None:
        if progress.done == 1 and not killed:
            assert runner._pool is not None
            killed.extend(runner._pool._processes)
            os.kill(killed[0], signal.SIGKILL)

    found = find(source)
    step = Load(recordings=found.recordings, shortest=0.5)
    with (
        pytest.raises(DatasetError, match="run the same again"),
        Runner(tmp_path / "out", jobs=2, on_progress=kill) as runner,
    ):
        runner.run(step, found.clips)
    with Runner(tmp_path / "out") as runner:
        clips = runner.run(step, found.clips)
    assert [clip.kept for clip in clips] == [True] * 6
    lines = (tmp_path / "out" / STAGES / "01-load.jsonl").read_text().splitlines()
    assert len({json.loads(line)["key"] for line in lines}) == 6
