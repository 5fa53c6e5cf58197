"""`myna batch` with the model in the package: an audiobook, a dubbing, Ctrl-C and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from myna.apps.cli.main import main

BOOK = """\
It was a bright cold day in April.

[voice:darshan]
The quick brown fox jumps
over the lazy dog. [voice:slt] Does it?
"""
SRT = """\
1
00:00:00,500 --> 00:00:02,500
<i>Hello there.</i>

2
00:00:03,000 --> 00:00:04,500
Kathleen: She sells sea shells by the sea shore today.

3
00:00:06,250 --> 00:00:09,000
Bob: Good night.
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "manifest.jsonl").read_text().splitlines()]


def test_a_book(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("book.txt").write_text(BOOK)
    command = ["batch", "book.txt", "-o", "out", "--join", "book.flac", "--format", "flac"]
    assert main(command) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[:3] == [
        "made           3 lines",
        "kept           0 lines",
        "failed         0 lines",
    ]
    assert [row["voice"] for row in rows("out")] == ["kathleen", "darshan", "slt"]
    assert all(row["coverage"] > 0.7 for row in rows("out"))
    spoken = sum(soundfile.info(Path("out", row["file"])).duration for row in rows("out"))
    whole, rate = soundfile.read("book.flac")
    assert len(whole) / rate == pytest.approx(spoken + 0.9 + 0.4, abs=0.001)
    assert Path("book.srt").read_text().count("-->") == 3
    assert main(command) == 0
    assert "made           0 lines" in capsys.readouterr().out


def test_a_dubbing_keeps_its_time(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("film.srt").write_text(SRT)
    assert main(["batch", "film.srt", "-o", "out", "--cast", "bob=bdl"]) == 0
    track, rate = soundfile.read("out/track.wav")
    assert len(track) == 9 * rate
    made = rows("out")
    assert [row["voice"] for row in made] == ["kathleen", "kathleen", "bdl"]
    assert made[1]["speed"] == 1.0 or made[1]["seconds"] <= 3.25
    silent = np.ones(len(track), bool)
    for row in made:
        alone, _ = soundfile.read(Path("out", row["file"]))
        start = round(row["cue"]["start"] * rate)
        assert row["cue"]["drift"] == 0
        np.testing.assert_array_equal(track[start : start + len(alone)], alone)
        silent[start : start + len(alone)] = False
    assert not track[silent].any()


def test_too_much_to_say_is_hurried_and_told(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"text": "She sells sea shells by the sea shore.", "start": 0.0, "end": 1.7}
    Path("s.jsonl").write_text(json.dumps(line) + "\n" + json.dumps({**line, "end": 0.5}) + "\n")
    assert main(["batch", "s.jsonl", "-o", "out", "--no-check"]) == 0
    fits, over = rows("out")
    assert fits["seconds"] <= 1.7
    assert 1 < fits["speed"] < 1.6
    assert over["speed"] == 1.6
    assert over["cue"]["over"] > 0.5
    assert "too long for its 0.50 s" in capsys.readouterr().err


def test_takes_are_ranked_by_what_is_heard(place: Path) -> None:
    Path("s.csv").write_text("text;id\nThat that is, is. Is it?;a\n")
    assert main(["batch", "s.csv", "-o", "out", "--takes", "3", "--quiet"]) == 0
    (row,) = rows("out")
    takes = [row, *row["takes"]]
    assert {take["seed"] for take in takes} == {0, 1, 2}
    ranks = [(take["coverage"], take["clearness"]) for take in takes]
    assert ranks == sorted(ranks, reverse=True)
    assert sorted(path.name for path in Path("out").glob("*.wav")) == [
        *("0001_a.wav", "0001_a_take2.wav", "0001_a_take3.wav")
    ]


def test_faults_are_told_at_once_and_nothing_is_made(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.jsonl").write_text('{"txt": "a"}\n{"text": "Hi.", "voice": "katleen"}\n')
    assert main(["batch", "s.jsonl", "-o", "out"]) == 1
    error = capsys.readouterr().err.splitlines()
    assert error[0] == "myna: s.jsonl, line 1: there is no key 'txt'; did you mean text?"
    assert "did you mean kathleen?" in error[2]
    assert error[-1] == "myna: 3 faults in s.jsonl; nothing was spoken."
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--jobs", "0"], 2, "at least 1"),
        (["--cast", "bob"], 2, "ANNA=kathleen"),
        (["--takes", "99"], 1, "1 to 32"),
        (["--join", "a.mp3"], 1, "no format"),
        (["--length", "0"], 1, "length is 0"),
    ],
)
def test_options_are_checked_first(
    place: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, message: str
) -> None:
    Path("s.txt").write_text("Hi.")
    assert main(["batch", "s.txt", "-o", "out", *options]) == code
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows interrupts in another way")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_and_go_on(place: Path, jobs: str) -> None:
    text = "The quick brown fox jumps over {} lazy dogs."
    Path("s.txt").write_text("\n\n".join(text.format(count) for count in range(2, 14)))
    command = [sys.executable, "-m", "myna.apps.cli.main", "batch", "s.txt", "-o", "out"]
    command += ["--no-check", "--jobs", jobs]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        started = time.monotonic()
        manifest = Path("out", "manifest.jsonl")
        while not (manifest.is_file() and manifest.stat().st_size):
            assert run.poll() is None
            assert time.monotonic() - started < 60
            time.sleep(0.005)
        run.send_signal(signal.SIGINT)
        _, error = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "the same command goes on" in error
    assert "Traceback" not in error
    done = rows("out")
    assert 0 < len(done) < 12
    # A file comes before its row, so there may be one without.
    there = {path.name for path in Path("out").glob("*.wav")}
    assert there >= {row["file"] for row in done}
    assert len(there) <= len(done) + 1
    assert not list(Path("out").glob("*.part"))
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    assert f"kept {len(done):>11} line" in again.stdout
    assert [row["number"] for row in rows("out")] == list(range(1, 13))
