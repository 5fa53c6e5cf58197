"""A line said: takes in order, in the time there is, by whichever model it needs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import toy
from myna import Myna
from myna.apps.batch import saying
from myna.apps.batch.planning import Plan, Task
from myna.apps.batch.producing import prepare
from myna.apps.batch.saying import Said, Speaker, Take
from myna.apps.batch.settings import BatchSettings, Equipment
from myna.audio.recordings import read
from myna.datatypes import Guard, Sampling
from myna.errors import EngineError, ModelNotFoundError

EQUIPMENT = Equipment(engine="torch")


@pytest.fixture(autouse=True)
def installed(toy_home: Path) -> Path:
    return toy_home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a voice of each toy, and a clip."""
    for family in ("toy", "toyPro"):
        Myna.load(family, engine="torch").clone(toy.clip(), text=toy.WORDS, name=family).save(
            tmp_path / f"{family}.voice"
        )
    toy.clip(seed=1).save(tmp_path / "clip.wav")
    return tmp_path


def planned(folder: Path, *lines: dict[str, Any], **settings: Any) -> Plan:
    script = folder / "s.jsonl"
    voice = {"voice": "toy.voice", "text": "Good morning to you."}
    script.write_text("".join(json.dumps({**voice, **line}) + "\n" for line in lines))
    chosen = BatchSettings(
        **{"guard": Guard(check=False), "sampling": Sampling(longest_seconds=3.0), **settings}
    )
    plan = prepare(script, chosen, EQUIPMENT)
    assert not plan.faults
    return plan


def say(plan: Plan, task: Task | None = None, attempt: int = 0) -> Said:
    task = task or plan.tasks[0]
    said = Speaker(EQUIPMENT).say(task, plan.parts[task.part], attempt)
    assert not said.error
    return said


def test_a_line_sounds_as_spoken_alone(folder: Path) -> None:
    plan = planned(folder, {"seed": 3, "speed": 1.25, "temperature": 0.7})
    (take,) = say(plan).takes
    alone = Myna.load("toy", engine="torch").speak(
        "Good morning to you.",
        folder / "toy.voice",
        sampling=Sampling(seed=3, temperature=0.7, longest_seconds=3.0),
        delivery=plan.tasks[0].delivery,
        guard=Guard(check=False),
    )
    alone.save(folder / "alone.wav")
    assert take.data == (folder / "alone.wav").read_bytes()
    assert (take.seed, take.speed, take.clearness) == (3, 1.25, None)
    assert take.seconds == alone.audio.seconds
    assert take.timings == alone.timings


def test_models_take_turns_and_recordings_are_cloned(folder: Path) -> None:
    plan = planned(
        folder,
        {},
        {"voice": "toyPro.voice"},
        {"voice": "", "reference": "clip.wav", "model": "toyPro"},
    )
    assert [plan.parts[task.part].model for task in plan.tasks] == ["toy", "toyPro", "toyPro"]
    speaker = Speaker(EQUIPMENT)
    mixed = [speaker.say(task, plan.parts[task.part]) for task in (*plan.tasks, plan.tasks[0])]
    assert not any(said.error for said in mixed)
    assert mixed[0].takes == mixed[3].takes
    assert len({said.takes[0].data for said in mixed}) == 3


def test_takes_have_seeds_of_their_own_and_a_line_that_failed_has_others(folder: Path) -> None:
    plan = planned(folder, {}, {"seed": 9}, takes=2)
    free, chosen = plan.tasks
    assert sorted(take.seed for take in say(plan, free).takes) == [0, 1]
    assert sorted(take.seed for take in say(plan, free, attempt=2).takes) == [4, 5]
    assert sorted(take.seed for take in say(plan, chosen, attempt=2).takes) == [9, 10]


def test_listened_takes_are_compared(folder: Path) -> None:
    plan = planned(folder, {}, takes=2, guard=Guard(retries=0))
    best, other = say(plan).takes
    for take in (best, other):
        assert take.coverage is not None
        assert take.clearness is not None
    assert best.merit(None) >= other.merit(None)


TAKE = Take(
    data=b"",
    seconds=2.0,
    seed=0,
    speed=1.0,
    coverage=0.9,
    clearness=-1.0,
    missing=(),
    ended=True,
    retries=0,
    warnings=(),
    timings=(),
)


def test_the_better_take() -> None:
    order = [
        TAKE,
        replace(TAKE, clearness=-0.5),
        replace(TAKE, coverage=1.0, clearness=-3.0),
        replace(TAKE, coverage=1.0, clearness=-2.0),
    ]
    assert (
        sorted([order[2], order[0], order[3], order[1]], key=lambda take: take.merit(None)) == order
    )
    late, later = replace(TAKE, seconds=3.0, coverage=1.0), replace(TAKE, seconds=4.0)
    stuck = replace(TAKE, seconds=1.0, ended=False, coverage=1.0)
    assert sorted([TAKE, late, later, stuck], key=lambda take: take.merit(2.5)) == [
        *(stuck, later, late, TAKE)
    ]


def test_a_line_is_hurried_as_much_as_needed(folder: Path) -> None:
    (free,) = say(planned(folder, {})).takes
    for share, fastest in ((1.5, None), (1.0, None), (0.9, None), (0.7, None), (0.4, 1.6)):
        window = round(free.seconds * share, 3)
        plan = planned(folder, {"start": 5.0, "end": 5.0 + window})
        (take,) = say(plan).takes
        if fastest is None:
            assert take.seconds <= plan.tasks[0].window
            assert take.seconds > min(free.seconds, window) - 0.1
        else:
            assert take.seconds > plan.tasks[0].window
            assert take.speed == fastest
        assert (take.speed == 1.0) == (share >= 1)
        assert len(read(take.data).samples) / 32000 == take.seconds


def test_one_error_is_the_lines_and_another_is_everybodys(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan = planned(folder, {})
    task, part = plan.tasks[0], plan.parts[plan.tasks[0].part]

    def fails(error: Exception) -> Said:
        def speak(*_: object, **__: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(saying.Myna, "speak", speak)
            return Speaker(EQUIPMENT).say(task, part)

    assert fails(EngineError("It did not end.")).error == "It did not end."
    assert "ZeroDivisionError" in fails(ZeroDivisionError("by zero")).error
    assert "line 1 failed" in caplog.text
    with pytest.raises(ModelNotFoundError):
        fails(ModelNotFoundError("none"))
