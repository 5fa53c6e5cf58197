"""Programs and voices speak, and are known apart."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.datatypes import Sampling
from myna.errors import ConfigError, EngineError, VoiceError
from myna.evaluation.evaluating import evaluate
from myna.evaluation.programs import Program
from myna.evaluation.sentences import Sentence
from myna.evaluation.voices import Model, cloned, from_file, references
from myna.synthesis.speaker import Myna

SENTENCE = Sentence("Good morning to you.", "en")

PRETENDER = """#!{python}
import shutil, sys
if "--version" in sys.argv:
    print("pretender 1")
    sys.exit()
given = dict(zip(sys.argv[1:], sys.argv[2:]))
text = open(given["-f"]).read()
if "fail" in text:
    sys.exit("I will not.")
if "nothing" not in text:
    shutil.copy({sound!r}, given.get("-o") or given["-w"])
"""


@pytest.fixture
def flite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that is called flite, and one that is called espeak-ng."""
    if os.name != "posix":
        pytest.skip("scripts are no programs on Windows")
    toy.clip(1.0).save(tmp_path / "sound.wav")
    for name in ("flite", "espeak-ng"):
        program = tmp_path / name
        text = PRETENDER.format(python=sys.executable, sound=str(tmp_path / "sound.wav"))
        program.write_text(text, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["flite", "espeak-ng"])
def test_programs(flite: Path, name: str) -> None:
    program = Program(name, "en")
    spoken = program.say(SENTENCE)
    assert spoken.audio.seconds == pytest.approx(toy.clip(1.0).seconds)
    assert spoken.seconds is not None
    assert spoken.first_sound is None
    assert program.key(SENTENCE) != Program(f"{name}:other", "en").key(SENTENCE)
    for text in ("fail", "nothing"):
        with pytest.raises(EngineError, match=f"{name} failed"):
            program.say(Sentence(text, "en"))


def test_programs_that_are_not_there(flite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no program 'festival'"):
        Program("festival", "en")
    with pytest.raises(ConfigError, match="no voice for 'zh'"):
        Program("flite", "zh")
    assert Program("espeak-ng", "zh").name == "espeak-ng cmn"
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="apt-get install flite"):
        Program("flite", "en")


@pytest.fixture
def people(tmp_path: Path) -> tuple[Sentence, ...]:
    """Recordings of one person, of several lengths."""
    found = []
    for number, seconds in enumerate((0.5, 4.0, 12.0, 2.0, 5.0)):
        path = tmp_path / f"{number}.wav"
        toy.clip(seconds, seed=number).save(path)
        found.append(Sentence(toy.WORDS, "en", path, "anna"))
    return tuple(found)


def test_references(people: tuple[Sentence, ...]) -> None:
    """Each is half a second longer than it was asked to be."""

    def chosen(seconds: float) -> list[int]:
        return [people.index(each) for each in references(people, seconds)]

    assert chosen(10.0) == [1, 3]
    assert chosen(16.0) == [1, 3, 4]
    assert chosen(4.5) == [1]
    assert chosen(3.0) == [1]
    assert [people.index(each) for each in references(people[:1], 10.0)] == [0]


def test_voices(toy_home: Path, people: tuple[Sentence, ...], tmp_path: Path) -> None:
    """A voice from a file says what `Myna` says; a clone has a key of what it is cloned from."""
    sampling = Sampling(seed=3, longest_seconds=2.0)
    model = Model("toy")
    myna = Myna.load("toy")
    voice = myna.clone(toy.clip(), text=toy.WORDS, language="en", name="anna")
    voice.save(tmp_path / "anna.voice")
    kept = from_file(tmp_path / "anna.voice", model, sampling)
    kept.prepare(SENTENCE)
    spoken = kept.say(SENTENCE)
    expected = myna.speak(SENTENCE.text, voice, language="en", sampling=sampling).audio
    np.testing.assert_array_equal(spoken.audio.samples, expected.samples)
    assert spoken.seconds is not None
    assert spoken.first_sound is not None
    assert 0 < spoken.first_sound <= spoken.seconds

    clone = cloned("ben", people, model, sampling)
    assert clone.like == (people[0], people[2], people[4])
    assert clone.key(SENTENCE) == cloned("x", people, model, sampling).key(SENTENCE)
    others = [
        cloned("ben", people, model, Sampling(seed=4)),
        cloned("ben", people, model, sampling, seconds=4.5),
        cloned("ben", people, model, sampling, worded=True),
        cloned("ben", people, Model("toyPro"), sampling),
        kept,
    ]
    assert len({each.key(SENTENCE) for each in (clone, *others)}) == 6
    report = evaluate([kept, clone], [SENTENCE], [])
    assert [row.kind for row in report.rows] == ["voice", "clone"]
    assert all(row.judged[0].spoken > 0 for row in report.rows)


def test_a_clone_that_cannot_be_made(toy_home: Path, tmp_path: Path) -> None:
    """Silence cannot be cloned: the row says so, and nothing was understood."""
    from myna.datatypes import Audio

    Audio(np.zeros(64000, np.float32), 16000).save(tmp_path / "silence.wav")
    silent = Sentence("", "en", tmp_path / "silence.wav", "nobody")
    clone = cloned("nobody", [silent], Model("toy"), Sampling(seed=0))
    (row,) = evaluate([clone], [SENTENCE], []).rows
    assert row.failed == 1
    assert "silent" in row.judged[0].trouble


def test_a_voice_of_other_weights(toy_home: Path, tmp_path: Path) -> None:
    voice = Myna.load("toy").clone(toy.clip(), name="anna")
    voice.save(tmp_path / "anna.voice")
    stranger = from_file(tmp_path / "anna.voice", Model("toyPro"), Sampling(seed=0))
    with pytest.raises(VoiceError, match="other weights"):
        evaluate([stranger], [SENTENCE], [])
