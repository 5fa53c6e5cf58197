"""Who says what, what is wrong before any work, and what makes a line another one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import toy
from myna.apps.batch.planning import Plan
from myna.apps.batch.producing import prepare
from myna.apps.batch.settings import BatchSettings, Equipment
from myna.apps.library import Library
from myna.checkpoints.store import open_model
from myna.datatypes import Delivery, Guard, Reference, Sampling, Voice
from myna.errors import ConfigError, VoiceError

EQUIPMENT = Equipment()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder without a library."""
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def planned(folder: Path, *lines: dict[str, Any], **settings: Any) -> Plan:
    script = folder / "s.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return prepare(script, BatchSettings(**settings), EQUIPMENT)


def names(plan: Plan) -> list[str]:
    assert not plan.faults
    return [task.voice for task in plan.tasks]


def tiny(name: str) -> Voice:
    return Voice.load(open_model("tiny").voices[name])


def test_voices_by_name_of_a_folder_the_library_the_model_and_the_cast(
    tmp_path: Path, home: Path
) -> None:
    folder = tmp_path / "voices"
    folder.mkdir()
    replace(tiny("darshan"), name="Mine").save(folder / "slt.voice")
    toy.clip().save(folder / "clip.wav")
    (folder / "clip.txt").write_text(toy.WORDS + "\n")
    tiny("bdl").save(tmp_path / "beside.voice")
    home.mkdir()
    with Library() as library:
        library.add(tiny("darshan"), name="Kept", aliases=["keeper"])
        library.add(tiny("darshan"), name="KATHLEEN")
    said = [
        *("", "darshan", "Darshan", "slt", "clip", "beside.voice", "voices/clip.wav", "keeper"),
        *("kathleen", "Dr Who"),
    ]
    plan = planned(
        tmp_path,
        *({"text": "Hello.", "voice": each} for each in said),
        voices=folder,
        cast={"DR WHO": "bdl"},
    )
    assert names(plan) == [
        *("kathleen", "darshan", "darshan", "Mine", "clip", "bdl", "clip", "Kept"),
        *("KATHLEEN", "bdl"),
    ]
    heard = plan.parts[plan.tasks[4].part].heard
    assert isinstance(heard, Reference)
    assert heard.text == toy.WORDS
    assert plan.tasks[4].part == plan.tasks[6].part
    assert {part.model for part in plan.parts.values()} == {"tiny"}


def test_looking_for_voices_makes_no_library(tmp_path: Path, home: Path) -> None:
    planned(tmp_path, {"text": "Hello."})
    assert not home.exists()


def test_a_recording_named_in_a_line(tmp_path: Path) -> None:
    toy.clip().save(tmp_path / "anna.wav")
    line = {"text": "Hello.", "reference": "anna.wav", "reference_text": "So.", "model": "tiny"}
    plan = planned(tmp_path, line, {"text": "Hello.", "voice": "anna.wav"}, voice="nobody")
    first, second = (plan.parts[task.part].heard for task in plan.tasks)
    assert isinstance(first, Reference)
    assert isinstance(second, Reference)
    assert (first.text, second.text) == ("So.", "")
    assert plan.tasks[0].part != plan.tasks[1].part


def test_everything_wrong_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "bad.voice").write_bytes(b"none")
    plan = planned(
        tmp_path,
        {"text": "Hello.", "voice": "katleen"},
        {"text": "..."},
        {"text": "<speak>Hello."},
        {"text": "Hello.", "language": "klingon"},
        {"text": "Hello.", "cut": "cut9"},
        {"text": "Hello.", "voice": "bad.voice"},
        {"text": "Hello.", "voice": "none.voice"},
        {"text": "Hello.", "reference": "none.wav"},
        {"text": "Hello.", "model": "none"},
        {"text": "Hello.", "sped": 1},
        {"text": "Fine."},
    )
    expected = [
        (1, "did you mean kathleen?"),
        (2, "has no words"),
        (3, "XML"),
        (4, "language is 'klingon'; it is one of auto"),
        (5, "cut is 'cut9'"),
        (6, "damaged"),
        (7, "no voice file"),
        (8, "no file"),
        (9, "no model 'none'"),
        (10, "did you mean speed?"),
    ]
    assert [fault.line for fault in plan.faults] == [line for line, _ in expected]
    for fault, (_, words) in zip(plan.faults, expected, strict=True):
        assert words in fault.what


def test_a_voice_of_another_model_is_a_fault(tmp_path: Path) -> None:
    replace(tiny("slt"), model="0" * 64).save(tmp_path / "old.voice")
    plan = planned(tmp_path, {"text": "Hello.", "voice": "old.voice"})
    assert "other weights" in plan.faults[0].what


def test_a_folder_of_voices_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="no folder"):
        planned(tmp_path, {"text": "Hello."}, voices=tmp_path / "none")


def test_names_of_recordings_are_fit_for_any_system(tmp_path: Path) -> None:
    ids = ["", "a b", "../../x", "早上", "con:1*?", "." * 9, "é" * 90]
    plan = planned(tmp_path, *({"text": "Hello.", "id": each} for each in ids))
    assert [task.stem for task in plan.tasks] == [
        "0001",
        "0002_a_b",
        "0003_x",
        "0004_早上",
        "0005_con_1",
        "0006",
        "0007_" + "é" * 50,
    ]


def key(folder: Path, line: dict[str, Any], **settings: Any) -> str:
    (task,) = planned(folder, {"text": "Hello.", **line}, **settings).tasks
    return task.key


def test_the_key_changes_with_what_is_heard_and_with_nothing_else(tmp_path: Path) -> None:
    plain = key(tmp_path, {})
    same = [
        key(tmp_path, {"id": "a", "gap": 3, "paragraph": True}),
        key(tmp_path, {"voice": "kathleen", "seed": 0, "speed": 1, "language": "auto"}),
        key(tmp_path, {}, cast={"x": "slt"}, fastest=2.0),
        key(tmp_path, {"start": 1, "end": 2}, fit=False),
    ]
    assert set(same) == {plain}
    others = [
        key(tmp_path, {"text": "Hallo."}),
        key(tmp_path, {"voice": "slt"}),
        key(tmp_path, {"seed": 1}),
        key(tmp_path, {"speed": 1.1}),
        key(tmp_path, {"language": "en"}),
        key(tmp_path, {}, takes=2),
        key(tmp_path, {}, format="flac"),
        key(tmp_path, {}, guard=Guard(retries=0)),
        key(tmp_path, {}, sampling=Sampling(temperature=0.5)),
        key(tmp_path, {}, delivery=Delivery(pause=1.0)),
        key(tmp_path, {}, lexicon="x"),
        key(tmp_path, {"start": 1, "end": 2}),
        key(tmp_path, {"start": 1, "end": 3}),
    ]
    assert len({plain, *others}) == 1 + len(others)


SRT = """\
1
00:00:01,000 --> 00:00:02,000
KATHLEEN: One.

2
00:00:04,000 --> 00:00:06,000
Bob: Two.

3
00:00:05,000 --> 00:00:05,500
[voice:slt] Three.
"""


def test_cues_have_windows_and_names_choose_voices(tmp_path: Path) -> None:
    script = tmp_path / "s.srt"
    script.write_text(SRT)
    plan = prepare(script, BatchSettings(voice="bdl"), EQUIPMENT)
    assert names(plan) == ["kathleen", "bdl", "slt"]
    assert [task.entry.text for task in plan.tasks] == ["One.", "Bob: Two.", "Three."]
    assert [task.window for task in plan.tasks] == [3.0, 2.0, 0.5]
    (warning,) = plan.warnings
    assert "'Bob:'" in warning
    plan = prepare(script, BatchSettings(cast={"bob": "darshan"}, fit=False), EQUIPMENT)
    assert not plan.warnings
    assert names(plan) == ["kathleen", "darshan", "slt"]
    assert [task.window for task in plan.tasks] == [None] * 3


def test_all_lines_have_times_or_none(tmp_path: Path) -> None:
    lines = [{"text": "One.", "start": 0, "end": 1}, {"text": "Two."}]
    ((line, what),) = planned(tmp_path, *lines).faults
    assert line == 2
    assert "all of them times" in what
    assert not planned(tmp_path, *lines, fit=False).faults


@pytest.mark.parametrize(
    "wrong", [{"takes": 0}, {"takes": True}, {"format": "mp3"}, {"fastest": 3.0}]
)
def test_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        BatchSettings(**wrong)
