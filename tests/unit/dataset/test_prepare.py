"""From recordings to a set: what is kept, what is dropped and why, and going on after any end."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.audio.loudness import loudness
from myna.audio.recordings import read
from myna.dataset import lists, manifest
from myna.dataset.prepare import PreparedSet, open_set, prepare
from myna.dataset.running import Progress
from myna.dataset.settings import PrepareSettings
from myna.datatypes import Audio
from myna.errors import ConfigError, DatasetError, TrainingError
from myna.files import locked

TEXT = "Good morning to you, said the quick brown fox."
RATE = 16_000
SETTINGS = PrepareSettings(
    speaker="anna",
    language="en",
    voice_activity="energy",
    # What buzzes here is no speech, and our recogniser would rightly say so.
    sound_check="none",
    speaker_check="none",
    licence="CC0",
)


def keep(folder: Path, name: str, audio: Audio, text: str = TEXT) -> None:
    folder.mkdir(exist_ok=True)
    audio.save(folder / f"{name}.wav")
    if text:
        (folder / f"{name}.txt").write_text(text)


def talk(seconds: float = 3.0, *, seed: int = 0, rate: int = RATE) -> Audio:
    """A toy clip with hiss in each syllable, so that it reaches as high as the rate allows."""
    voice = toy.clip(seconds, rate=rate, seed=seed)
    hiss = np.diff(np.random.default_rng(seed).normal(size=len(voice.samples) + 1))
    envelope = np.convolve(np.abs(voice.samples), np.full(rate // 50, 50 / rate), mode="same")
    return changed(voice, (voice.samples + hiss * envelope * 0.5) * 0.7)


def changed(audio: Audio, samples: object) -> Audio:
    return Audio(np.asarray(samples, dtype=np.float32), audio.rate)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good ones, and one of each fault; do not change them."""
    folder = tmp_path_factory.mktemp("recordings") / "in"
    for index in range(3):
        keep(folder, f"good{index}", talk(seed=index))
    speech = talk(seed=9)
    noise = np.random.default_rng(0).normal(size=len(speech.samples))
    level = np.sqrt(np.mean(speech.samples[4000:-4000] ** 2)) * 10 ** (-5 / 20)
    keep(folder, "noisy", changed(speech, (speech.samples + noise * level) * 0.5))
    keep(folder, "clipped", changed(speech, np.clip(speech.samples * 6, -0.9, 0.9)))
    keep(folder, "silent", changed(speech, np.zeros(32_000)))
    keep(folder, "blip", changed(speech, speech.samples[4000:7200]))
    keep(folder, "telephone", talk(seed=8, rate=8000))
    keep(folder, "same", talk(seed=0))
    keep(folder, "wordless", talk(seed=5), text="")
    (folder / "corrupt.wav").write_bytes((folder / "good1.wav").read_bytes()[:60_000])
    return folder


@pytest.fixture(scope="module")
def straight(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedSet:
    """The set of them, made without interruption; do not change it."""
    return prepare(recordings, tmp_path_factory.mktemp("straight") / "set", SETTINGS)


@pytest.fixture
def copied(straight: PreparedSet, tmp_path: Path) -> Path:
    """A copy of its folder."""
    return shutil.copytree(straight.folder, tmp_path / "copied" / "set")


def tree(folder: Path) -> dict[str, bytes]:
    """What a set is made of, without the work that goes on from."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("stages", "work")
    }


def test_faults_are_found_and_named(straight: PreparedSet) -> None:
    dropped = {clip.source.removesuffix(".wav"): clip for clip in straight.dropped}
    assert {name: clip.dropped for name, clip in dropped.items()} == {
        "noisy": "noise",
        "clipped": "clipping",
        "silent": "silence",
        "blip": "too short",
        "telephone": "band limit",
        "same": "duplicate",
        "wordless": "no words",
        "corrupt": "unreadable",
    }
    assert all(clip.reason for clip in straight.dropped)
    assert sorted(clip.source for clip in straight.clips) == ["good0.wav", "good1.wav", "good2.wav"]
    assert straight.facts["recordings"] == 11
    for account in straight.facts["steps"]:
        total = account["kept"] + sum(account["dropped"].values())
        assert account["given"] + account["added"] == total


def test_what_a_set_holds(straight: PreparedSet) -> None:
    assert straight == open_set(straight.folder)
    assert (straight.speakers, straight.language) == (("anna",), "en")
    assert straight.seconds == pytest.approx(3 * 3.5)
    assert straight.facts["licence"] == "CC0"
    assert straight.facts["settings"]["voice_activity"] == "energy"
    names = {clip.audio for clip in straight.clips}
    assert names == {f"clips/{path.name}" for path in (straight.folder / "clips").iterdir()}
    for clip in straight.clips:
        audio = read(straight.folder / clip.audio)
        assert audio.rate == clip.rate == RATE
        assert loudness(audio.samples, audio.rate) == pytest.approx(-23.0, abs=0.2)
        assert (clip.text, clip.text_from) == (TEXT, f"{Path(clip.source).stem}.txt")
        assert clip.quality
    rows = lists.read(straight.folder / "train.list")
    assert [(row.path, row.speaker, row.language, row.text) for row in rows] == [
        (clip.audio, "anna", "en", TEXT) for clip in straight.clips
    ]
    assert (straight.folder / "report.html").stat().st_size > 1000


@pytest.mark.parametrize("step", ["load", "cut", "words"])
def test_interrupted_and_resumed_equals_straight(
    recordings: Path, straight: PreparedSet, tmp_path: Path, step: str
) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == step and progress.done == progress.total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(recordings, tmp_path / "set", SETTINGS, on_progress=stop)
    with pytest.raises(DatasetError, match="myna prepare"):
        open_set(tmp_path / "set")
    told: list[Progress] = []
    prepare(recordings, tmp_path / "set", SETTINGS, on_progress=told.append)
    assert told[0].step == step
    assert told[0].done == told[0].total // 2
    assert tree(tmp_path / "set") == tree(straight.folder)


def test_processes_make_the_same(recordings: Path, straight: PreparedSet, tmp_path: Path) -> None:
    prepare(recordings, tmp_path / "set", SETTINGS, jobs=2)
    assert tree(tmp_path / "set") == tree(straight.folder)


def test_again_does_nothing(recordings: Path, straight: PreparedSet, copied: Path) -> None:
    told: list[Progress] = []
    prepare(recordings, copied, SETTINGS, on_progress=told.append)
    assert not told
    assert tree(copied) == tree(straight.folder)


def test_other_settings_equal_a_new_set(recordings: Path, copied: Path, tmp_path: Path) -> None:
    fewer = shutil.copytree(recordings, tmp_path / "in")
    (fewer / "good2.wav").unlink()
    louder = replace(SETTINGS, loudness=-20.0)
    prepare(fewer, copied, louder)
    prepare(fewer, tmp_path / "new" / "set", louder)
    assert tree(copied) == tree(tmp_path / "new" / "set")
    assert len(list((copied / "work").rglob("*.flac"))) == len(
        list((tmp_path / "new" / "set" / "work").rglob("*.flac"))
    )


def test_clean_leaves_only_the_set(recordings: Path, straight: PreparedSet, copied: Path) -> None:
    made = prepare(recordings, copied, SETTINGS, clean=True)
    assert {path.name for path in made.folder.iterdir() if path.name[0] != "."} == {
        "clips",
        "manifest.jsonl",
        "report.html",
        "set.json",
        "train.list",
    }
    assert tree(copied) == tree(straight.folder)


def test_known_times_are_cut_at(tmp_path: Path) -> None:
    speech = talk(12.0)
    keep(tmp_path / "in", "talk", speech, text="")
    cues = "00:00:01,000 --> 00:00:04,500\n{}\n\n00:00:05,000 --> 00:00:05,300\nHi.\n"
    (tmp_path / "in" / "talk.srt").write_text(cues.format(TEXT))
    made = prepare(tmp_path / "in", tmp_path / "set", SETTINGS)
    (clip,) = made.clips
    assert (clip.start, clip.end, clip.text) == (1.0, 4.5, TEXT)
    audio = read(made.folder / clip.audio)
    cut = speech.samples[RATE : round(4.5 * RATE)]
    assert len(audio.samples) == len(cut)
    assert np.corrcoef(audio.samples, cut)[0, 1] > 0.999
    (short,) = made.dropped
    assert (short.dropped, short.start, short.end) == ("too short", 5.0, 5.3)


def test_long_recordings_are_cut_at_silences(tmp_path: Path) -> None:
    parts = [talk(seed=index).samples for index in range(8)]
    keep(tmp_path / "in", "talk", Audio(np.concatenate(parts), RATE))
    with pytest.raises(DatasetError, match="no words"):
        prepare(tmp_path / "in", tmp_path / "set", SETTINGS)
    clips = manifest.read(tmp_path / "set" / "manifest.jsonl")
    assert len(clips) >= 3
    for clip in clips:
        assert 3.0 <= clip.seconds <= 10.0
        assert "words were not used" in clip.warnings[0]


def test_nothing_to_hear_words_from_is_said_first(tmp_path: Path) -> None:
    keep(tmp_path / "in", "talk", talk(), text="")
    told: list[Progress] = []
    with pytest.raises(DatasetError, match="--transcriber"):
        prepare(tmp_path / "in", tmp_path / "set", SETTINGS, on_progress=told.append)
    assert not told


def test_nothing_is_written_beside_the_set(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for name in ("a", "b"):
        keep(outside, name, talk(seed=ord(name)), text="")
    (tmp_path / "in").mkdir()
    names = (f"../outside/../outside/a.wav|../../x|EN|{TEXT}\n", f"{outside}/b.wav|..|EN|{TEXT}\n")
    (tmp_path / "in" / "x.list").write_text("".join(names))
    before = sorted(tmp_path.rglob("*"))
    made = prepare(tmp_path / "in" / "x.list", tmp_path / "set", SETTINGS)
    assert len(made.clips) == 2
    after = [path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "set")]
    assert sorted(after) == before


def test_other_folders_are_left_alone(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.md").write_text("x")
    with pytest.raises(DatasetError, match=r"thesis\.md"):
        prepare(recordings, tmp_path / "thesis", SETTINGS)
    with pytest.raises(DatasetError, match="no folder"):
        prepare(recordings, tmp_path / "thesis" / "thesis.md", SETTINGS)


def test_a_set_inside_its_source_is_not_its_source(tmp_path: Path) -> None:
    keep(tmp_path / "in", "talk", talk())
    first = prepare(tmp_path / "in", tmp_path / "in" / "set", SETTINGS)
    assert prepare(tmp_path / "in", tmp_path / "in" / "set", SETTINGS) == first


def test_full_disk_surfaces_and_is_resumed(
    recordings: Path, straight: PreparedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    written = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        nonlocal count
        count += 1
        if count > 12:
            raise OSError(28, "No space left on device", str(path))
        return written(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            prepare(recordings, tmp_path / "set", SETTINGS)
    assert not list((tmp_path / "set").rglob("*.part"))
    prepare(recordings, tmp_path / "set", SETTINGS)
    assert tree(tmp_path / "set") == tree(straight.folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("set.json", "{}"), "no complete set"),
        (("set.json", '{"format": 99}'), "another version"),
        (
            ("manifest.jsonl", '{"id": "x", "source": "x", "audio": "../../x.wav"}\n'),
            "no clip of the",
        ),
        (("manifest.jsonl", '{"id": "x"\n'), "line 1"),
    ],
)
def test_damaged_sets_are_refused(tmp_path: Path, damage: tuple[str, str], message: str) -> None:
    (tmp_path / "manifest.jsonl").write_text("")
    (tmp_path / "set.json").write_text(json.dumps({"format": 1}))
    assert open_set(tmp_path).clips == ()
    (tmp_path / damage[0]).write_text(damage[1])
    with pytest.raises(DatasetError, match=message):
        open_set(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"denoise": "maybe"},
        {"shortest": 6.0},
        {"loudness": 0.0},
        {"language": "tlh"},
        {"speaker": "a|b"},
        {"transcriber": "me"},
    ],
)
def test_settings_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        PrepareSettings(**wrong)  # type: ignore[arg-type]


def test_words_that_are_not_heard_are_dropped(tmp_path: Path) -> None:
    """The buzz of the tests is taken for speech by all that went before, and says no words."""
    keep(tmp_path / "in", "one", talk(seed=1))
    keep(tmp_path / "in", "two", talk(seed=2))
    with pytest.raises(DatasetError, match="2 wrong text"):
        prepare(tmp_path / "in", tmp_path / "set", replace(SETTINGS, sound_check="auto"))


def test_one_run_at_a_time(recordings: Path, tmp_path: Path) -> None:
    with (
        locked(tmp_path / "set", TrainingError),
        pytest.raises(DatasetError, match="A run is already going on"),
    ):
        prepare(recordings, tmp_path / "set", SETTINGS)
