"""From a recording to a file of speech, by command and by call: the same samples."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import toy
from myna import Delivery, Guard, Myna, Sampling, Voice
from myna.apps.cli.main import main
from myna.audio.recordings import pcm16, read


@pytest.fixture(params=["toy", "toyPro"])
def model(
    request: pytest.FixtureRequest, toy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The name of a model; the working folder holds a recording."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    toy.clip().save("anna.wav")
    name: str = request.param
    return name


@pytest.fixture
def voice(model: str) -> str:
    """A voice file, cloned by command."""
    words = ["--text", toy.WORDS, "--language", "en", "--quiet"]
    assert main(["clone", "anna.wav", *words, "--model", model, "-o", "anna.voice"]) == 0
    return "anna.voice"


def expected(model: str, guard: Guard | None = None, **delivery: float) -> np.ndarray:
    """What the library says."""
    myna = Myna.load(model)
    voice = myna.clone("anna.wav", text=toy.WORDS, language="en")
    speech = myna.speak(
        toy.TEXT, voice, sampling=Sampling(seed=1), delivery=Delivery(**delivery), guard=guard
    )
    return speech.audio.samples


def test_clone_tells_what_it_understood(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    toy.clip(2.0, seed=1).save("short.wav")
    facts = ["--licence", "CC0-1.0", "--consent", "Mine.", "--name", "Anna"]
    arguments = ["clone", "anna.wav", "short.wav", "--model", model, "-o", "a.voice", *facts]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "anna.wav: used 4.3 s, from 0.1 to 4.4 s" in said.err
    assert "myna: warning: short.wav: The reference lasts only" in said.err
    assert "Only the timbre was taken" in said.err
    voice = Voice.load("a.voice")
    assert (voice.name, voice.licence, voice.consent) == ("Anna", "CC0-1.0", "Mine.")
    assert (voice.family, voice.prompt) == (model, None)


def test_clone_from_a_pipe(model: str, monkeypatch: pytest.MonkeyPatch, toy_home: Path) -> None:
    piped(monkeypatch, Path("anna.wav").read_bytes())
    assert main(["clone", "-", "--model", model, "-o", "bird.voice", "--no-cache"]) == 0
    assert main(["clone", "anna.wav", "--model", model, "-o", "anna.voice", "--quiet"]) == 0
    one, other = Voice.load("bird.voice"), Voice.load("anna.voice")
    np.testing.assert_array_equal(one.timbre, other.timbre)
    assert (one.name, other.name) == ("bird", "anna")
    assert len(list((toy_home / "cache" / "voices").iterdir())) == 1


def test_say_is_what_the_library_says(model: str, voice: str) -> None:
    arguments = ["say", toy.TEXT, "--voice", voice, "--seed", "1", "--quiet"]
    assert main([*arguments, "-o", "a.wav"]) == 0
    np.testing.assert_allclose(read("a.wav").samples, expected(model), atol=1e-4)
    assert (
        main([*arguments, "-o", "b.flac", "--speed", "1.3", "--pause", "1", "--rate", "16000"]) == 0
    )
    slower = expected(model, speed=1.3, pause=1.0, rate=16_000)
    found = read("b.flac")
    assert found.rate == 16_000
    np.testing.assert_allclose(found.samples, slower, atol=1e-4)


def test_a_reference_on_the_spot(model: str) -> None:
    reference = ["--reference", "anna.wav", "--reference-text", toy.WORDS]
    given = ["--reference-language", "en", "--model", model, "--seed", "1"]
    assert main(["say", toy.TEXT, *reference, *given, "-o", "a.wav"]) == 0
    np.testing.assert_allclose(read("a.wav").samples, expected(model), atol=1e-4)


def test_text_from_files_and_pipes(model: str, voice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("text.txt").write_text(toy.TEXT, "utf-8-sig")
    given = ["--voice", voice, "--seed", "1", "-o"]
    assert main(["say", "--file", "text.txt", *given, "file.wav"]) == 0
    piped(monkeypatch, toy.TEXT.encode())
    assert main(["say", *given, "pipe.wav"]) == 0
    piped(monkeypatch, toy.TEXT.encode())
    assert main(["say", "-", *given, "dash.wav"]) == 0
    file, pipe, dash = (Path(f"{name}.wav").read_bytes() for name in ("file", "pipe", "dash"))
    assert file == pipe == dash


@pytest.mark.parametrize("container", ["wav", "flac", "ogg", "raw"])
def test_to_a_pipe(
    model: str, voice: str, container: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = ["--voice", voice, "--seed", "1", "-o", "-", "--format", container]
    assert main(["say", toy.TEXT, *given]) == 0
    data = capfdbinary.readouterr().out
    samples = expected(model)
    if container == "raw":
        assert data == pcm16(samples).astype("<i2").tobytes()
    else:
        found = read(data)
        assert found.rate == 32_000
        assert soundfile.info(io.BytesIO(data)).format == container.upper()
        # Vorbis keeps what is heard; what a toy says is mostly noise.
        near = 1e-4 if container != "ogg" else 0.3
        np.testing.assert_allclose(found.samples, samples, atol=near)


@pytest.mark.parametrize("container", ["wav", "raw"])
def test_streamed(
    model: str, voice: str, container: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = ["--voice", voice, "--seed", "1", "-o", "-", "--stream", "--format", container]
    assert main(["say", toy.TEXT, *given, "--sentences"]) == 0
    said = capfdbinary.readouterr()
    pcm = pcm16(expected(model, Guard(retries=0)))
    if container == "wav":
        np.testing.assert_allclose(read(said.out).samples, pcm / 32768, atol=1e-6)
    assert said.out.endswith(pcm.astype("<i2").tobytes())
    assert len(said.out) - pcm.nbytes == (44 if container == "wav" else 0)
    assert b"real-time factor" in said.err


def test_report(model: str, voice: str) -> None:
    arguments = ["say", toy.TEXT, "--voice", voice, "-o", "a.wav", "--report", "a.json"]
    assert main(arguments) == 0
    report = json.loads(Path("a.json").read_text("utf-8"))
    assert [each["text"] for each in report["sentences"]] == [
        each["text"] for each in report["timings"]
    ]
    assert report["seconds"] == pytest.approx(read("a.wav").seconds)
    again = ["say", toy.TEXT, "--voice", voice, "-o", "b.wav", "--seed", str(report["seed"])]
    assert main(again) == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()


def test_subtitles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["say", "Good day. See you.", "-o", "a.wav", "--quiet", "--report", "a.json"]
    assert main([*given, "--subtitles", "a.srt"]) == 0
    first, second = Path("a.srt").read_text("utf-8").strip().split("\n\n")
    assert first.startswith("1\n00:00:00,000 --> ")
    assert second.endswith("\nSee you.")
    assert main([*given, "--subtitles", "a.vtt", "--cues", "word"]) == 0
    cues = Path("a.vtt").read_text("utf-8").strip().split("\n\n")[1:]
    assert [cue.splitlines()[1] for cue in cues] == ["Good", "day.", "See", "you."]
    report = json.loads(Path("a.json").read_text("utf-8"))
    words = [word["text"] for timing in report["timings"] for word in timing["words"]]
    assert words == ["Good", "day.", "See", "you."]


@pytest.mark.parametrize(("name", "told"), [("a.txt", ".srt"), ("no/a.srt", "does not exist")])
def test_subtitles_that_cannot_be_written(
    name: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["say", "Hi.", "-o", "a.wav", "--subtitles", name]) == 2
    assert told in capsys.readouterr().err
    assert not Path("a.wav").exists()


def test_sentences_that_do_not_end_are_warned_of(
    model: str, voice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--voice", voice, "-o", "a.wav", "--seed", "3", "--longest-seconds", "0.5", "--quiet"]
    assert main(["say", toy.TEXT, *given, "--no-check"]) == 0
    told = capsys.readouterr().err
    assert told
    assert all(line.startswith("myna: warning: The model did not") for line in told.splitlines())


def test_a_voice_finds_its_model_by_its_weights(model: str, voice: str, toy_home: Path) -> None:
    models = toy_home / "models"
    target = (models / model).resolve()
    (models / model).unlink()
    (models / "renamed").symlink_to(target)
    assert main(["say", toy.TEXT, "--voice", voice, "-o", "a.wav"]) == 0
    (models / "renamed").unlink()
    assert main(["say", toy.TEXT, "--voice", voice, "-o", "a.wav"]) == 3


def test_no_audio_for_terminals(
    model: str, voice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["say", toy.TEXT, "--voice", voice, "-o", "-"]) == 2
    said = capsys.readouterr()
    assert (said.out, "not for terminals" in said.err) == ("", True)


def test_no_text_at_a_terminal(
    model: str, voice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    piped(monkeypatch, b"")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert main(["say", "--voice", voice, "-o", "a.wav"]) == 2
    assert "what to say?" in capsys.readouterr().err


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Put this on the standard input, whatever its encoding is said to be."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
