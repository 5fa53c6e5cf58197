"""`myna voices`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.apps.cli.main import DONE, FAILED, NO_IO, NO_WEIGHTS, USAGE, main
from myna.apps.cli.voices import kept
from myna.apps.library import Library
from myna.checkpoints import store
from myna.datatypes import Voice
from myna.errors import VoiceError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, and a voice file to keep."""
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    voice("Anna").save(tmp_path / "anna.voice")
    return tmp_path / "home"


def voice(name: str) -> Voice:
    return Voice(name=name, family="toy", model="m", timbre=np.ones(4, dtype=np.float32))


def names(folder: Path | None = None) -> list[str]:
    with Library(folder) as library:
        return [entry.name for entry in library.list()]


def test_from_import_to_removal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> str:
        assert main(["voices", *arguments]) == DONE
        return capsys.readouterr().out

    assert told("list") == "No voice is kept. Make one with `myna voices add`.\n"
    words = ["--description", "warm\x1b\nand more", "--alias", "Ann", "--for", "EN"]
    assert told("import", "anna.voice", *words) == "anna.voice: kept as Anna, for toy\n"
    assert told("import", "anna.voice", "--number") == "anna.voice: kept as Anna 2, for toy\n"
    assert told("import", "anna.voice", "--replace") == "anna.voice: kept as Anna, for toy\n"
    (line,) = told("list", "WARM").splitlines()
    assert line.split() == ["Anna", "toy", "en", *line.split()[3:5], "warm\\x1b"]
    assert told("list", "xyz") == "None of 2 voices has that in its names or description.\n"
    rows = json.loads(told("list", "--json"))
    assert [row["name"] for row in rows] == ["Anna", "Anna 2"]
    assert json.loads(told("show", "ann", "--json")) == rows[0]
    shown = told("show", "ANN").splitlines()
    assert shown[0] == f"id: {rows[0]['id']}"
    assert "description: warm\\x1b\\nand more" in shown
    assert "aliases: Ann" in shown
    assert told("rename", "ann", "Bo") == "Anna is now called Bo.\n"
    assert told("export", "bo", "-o", "out.voice") == ""
    assert Path("out.voice").read_bytes() == Path("anna.voice").read_bytes()
    assert told("remove", "bo", "anna 2") == "Bo is removed.\nAnna 2 is removed.\n"
    assert names() == []


def test_another_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "import", "--library", "there", "anna.voice"]) == DONE
    assert names(Path("there")) == ["Anna"]
    assert names() == []


def test_export_to_a_pipe(home: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["voices", "import", "anna.voice"]) == DONE
    capfdbinary.readouterr()
    assert main(["voices", "export", "anna", "-o", "-"]) == DONE
    assert capfdbinary.readouterr().out == Path("anna.voice").read_bytes()


def test_what_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "import", "anna.voice"]) == DONE
    Path("broken.voice").write_text("broken")
    for arguments, code, message in (
        (["show", "bo"], FAILED, "There is no voice 'bo'"),
        (["remove", "anna", "bo"], FAILED, "There is no voice 'bo'"),
        (["rename", "anna", "\x1b"], FAILED, "control characters"),
        (["export", "anna", "-o", "no/x.voice"], FAILED, "the folder no does not exist"),
        (["import", "anna.voice"], FAILED, "in the library already"),
        (["import", "broken.voice"], FAILED, "is no voice file"),
        (["import", "none.voice"], NO_IO, "none.voice"),
        (["import", "anna.voice", "broken.voice", "--name", "x"], USAGE, "one file"),
        (["add", "anna.wav"], FAILED, "A voice called 'Anna' is kept already"),
        (["add", "bo.wav", "--model", "none"], NO_WEIGHTS, "none"),
    ):
        assert main(["voices", *arguments]) == code
        assert message in capsys.readouterr().err
    assert names() == ["Anna"]


def test_the_sound_ones_of_several_files_are_kept(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.voice").write_text("broken")
    assert main(["voices", "import", "broken.voice", "anna.voice"]) == FAILED
    told = capsys.readouterr()
    assert told.out == "anna.voice: kept as Anna, for toy\n"
    assert "broken.voice: " in told.err
    assert names() == ["Anna"]


def test_recordings_become_a_voice(
    toy_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.clip().save(tmp_path / "carla.wav")
    clip = str(tmp_path / "carla.wav")
    clone = ["voices", "add", clip, "--model", "toy", "--consent", "mine", "--alias", "C"]
    assert main([*clone, "--text", toy.WORDS, "--language", "en"]) == DONE
    with Library() as library:
        entry = library.get("c")
        assert (entry.name, entry.family, entry.consent) == ("carla", "toy", "mine")
        assert entry.languages == ("en",)
        assert library.voice(entry).prompt is not None
        assert entry.id in capsys.readouterr().err
        assert main([*clone, "--replace", "--quiet"]) == DONE
        assert library.get("carla").id == entry.id
        assert library.voice(entry).prompt is None
    assert capsys.readouterr() == ("", "")


class TestKept:
    def test_a_voice_of_the_library(self, home: Path) -> None:
        assert kept("anna", "tiny") is None
        assert not (home / "voices").exists()
        assert main(["voices", "import", "anna.voice"]) == DONE
        found = kept("ANNA", "tiny")
        assert found is not None
        assert found.family == "toy"
        assert kept("anna", "a model that is not here") is not None
        assert kept("bo", "tiny") is None
        assert kept(None, "tiny") is None

    def test_one_that_comes_with_the_model_is_first(self, home: Path) -> None:
        bundled = next(iter(store.open_model("tiny").voices))
        assert main(["voices", "import", "anna.voice", "--name", bundled]) == DONE
        assert kept(bundled, "tiny") is None

    def test_a_damaged_one_is_told(self, home: Path) -> None:
        assert main(["voices", "import", "anna.voice"]) == DONE
        (file,) = (home / "voices").glob("*.voice")
        file.write_text("damaged")
        with pytest.raises(VoiceError, match="'Anna'"):
            kept("anna", "tiny")
