"""`myna evaluate`: the table, what it writes, what it refuses, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import toy
from myna.apps.cli.main import main
from myna.synthesis.speaker import Myna

PITCH_ONLY = ("--without", "words", "--without", "similarity", "--without", "mos")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with recordings of two people, one of them with two texts."""
    rows = []
    for number, speaker in enumerate(("anna", "anna", "ben", "ben")):
        toy.clip(4.0, seed=number).save(tmp_path / f"{number}.wav")
        rows.append(f"{number}.wav|{speaker}|EN|Sentence {number}.")
    (tmp_path / "all.list").write_text("\n".join([*rows, "3.wav|ben|EN|Another."]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def test_recordings(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "--recordings", "all.list", *PITCH_ONLY, "--out", "out"]
    assert main([*command, "--json", "all.json"]) == 0
    said = capsys.readouterr()
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[0][:3] == ["speaker", "sentences", "failed"]
    assert rows[2][:4] == ["all", "recordings", "3", "0"]
    assert rows[3][:3] == ["anna", "2", "0"]
    assert rows[4][:3] == ["ben", "1", "0"]
    assert rows[-1] == ["report:", str(Path("out/report.html"))]
    assert said.err.count("several texts for 1 of its recordings") == 1
    found = json.loads(Path("all.json").read_text(encoding="utf-8"))
    assert found == json.loads(Path("out/results.json").read_text(encoding="utf-8"))
    assert found["rows"][0]["pitch_hz"] == pytest.approx(120, abs=2)
    assert main([*command, "--quiet", "--limit", "1"]) == 0
    assert "all recordings" not in capsys.readouterr().out


def test_voices_and_clones(place: Path, toy_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A voice speaks with its own model, a clone with the one that is named."""
    Myna.load("toy").clone(toy.clip(), name="anna").save("anna.voice")
    Path("texts.txt").write_text("Good morning.\nIt rains.\n")
    command = ["evaluate", "--voice", "anna.voice", "--clone", "all.list", "--model", "toyPro"]
    command += ["--texts", "texts.txt", "--longest-seconds", "2", "--out", "out", *PITCH_ONLY]
    assert main(command) == 0
    said = capsys.readouterr()
    rows = [line.split() for line in said.out.splitlines()]
    assert " ".join(rows[0]) == "speaker sentences failed pitch Hz range st RTF first ms"
    assert [row[:2] for row in rows[3:6]] == [
        ["anna", "2"],
        ["anna", "(clone)"],
        ["ben", "(clone)"],
    ]
    assert len(list(Path("out/sentences").glob("*/*.wav"))) == 6
    first = json.loads(Path("out/results.json").read_text(encoding="utf-8"))
    assert main(command) == 0
    again = json.loads(Path("out/results.json").read_text(encoding="utf-8"))
    assert again["rows"] == first["rows"]


def test_voices_that_come_with_a_model(
    place: Path, toy_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, or all of them if nobody is named."""
    toy.voice_model(toy_home / "models" / "own", "toy", seed=5)
    voices = toy_home / "models" / "own" / "voices"
    voices.mkdir()
    myna = Myna.load("own")
    for name in ("anna", "ben"):
        myna.clone(toy.clip(), name=name).save(voices / f"{name}.voice")
    Path("texts.txt").write_text("Good morning.\n")
    command = ["evaluate", "--model", "own", "--texts", "texts.txt", "--longest-seconds", "2"]
    command += [*PITCH_ONLY, "--quiet"]
    assert main(command) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows[2:4]] == ["anna", "ben"]
    assert main([*command, "--voice", "ben"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[2][:2] == ["ben", "1"]
    assert not rows[3]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--model", "toy"], 2, "No voice comes with toy"),
        (["--model", "toy", "--voice", "anna"], 2, "of the voices that come with toy (none)"),
        (["--recordings", "all.list", "--limit", "0"], 2, "at least one sentence"),
        (["--voice", "x.voice", "--like", "x"], 2, "NAME=SOURCE"),
        (["--recordings", "all.list", "--like", "anna=all.list"], 2, "no --voice of that name"),
        (["--voice", "x.voice"], 1, "no voice file x.voice"),
        (["--recordings", "none.list"], 1, "There is no file none.list"),
        (["--recordings", "all.list", "--lang", "zh"], 1, "names no recording in 'zh'"),
        (["--recordings", "all.list", "--without", "ears"], 1, "no judge 'ears'"),
        (["--clone", "all.list", "--model", "none"], 3, "none"),
        (["--program", "mbrola"], 1, "no program 'mbrola'"),
        (["--recordings", "all.list", "--json", "no/x.json"], 2, "the folder no does not exist"),
    ],
)
def test_refusals(
    place: Path,
    toy_home: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    message: str,
) -> None:
    assert main(["evaluate", *options]) == code
    assert message in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="scripts and interrupts are others on Windows")
def test_ctrl_c_and_go_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = place / "bin" / "flite"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport shutil, sys, time\ntime.sleep(0.1)\n"
        "if '-o' in sys.argv:\n    shutil.copy('0.wav', sys.argv[sys.argv.index('-o') + 1])\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    command = [sys.executable, "-m", "myna.apps.cli.main", "evaluate", "--program", "flite"]
    command += ["--limit", "15", "--out", "out", *PITCH_ONLY]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        started = time.monotonic()
        while not list(Path("out").glob("sentences/*/*.json")):
            assert run.poll() is None
            assert time.monotonic() - started < 60
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        _, error = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "the same command goes on" in error
    assert "Traceback" not in error
    assert not Path("out/report.html").exists()
    kept = {path: path.stat().st_mtime_ns for path in Path("out").glob("sentences/*/*.wav")}
    assert 0 < len(kept) < 15
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    assert len(list(Path("out").glob("sentences/*/*.wav"))) == 15
    # One may have been spoken, and not yet noted, when the run was ended.
    assert sum(path.stat().st_mtime_ns != stamp for path, stamp in kept.items()) <= 1
