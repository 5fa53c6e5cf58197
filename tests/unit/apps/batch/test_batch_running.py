"""What is made stays made: going on, changing, failing, and being ended at any moment."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from myna.apps.batch import keeping, manifest
from myna.apps.batch.manifest import FAILED, MADE
from myna.apps.batch.producing import Product, prepare, produce
from myna.apps.batch.running import Answers, Order, Progress
from myna.apps.batch.saying import Said, Take
from myna.apps.batch.settings import BatchSettings, Equipment, Joining
from myna.audio.recordings import encode
from myna.datatypes import Audio, Timing, Word
from myna.errors import AudioError, ConfigError, DatasetError
from myna.files import locked, sha256

RATE = 8000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))


class Crew:
    """Says a tone that tells the text, and notes what it was asked; fails on the word `fail`."""

    def __init__(self, *, before: Callable[[Order], None] = lambda order: None) -> None:
        self.asked: list[Order] = []
        self._before = before

    @property
    def texts(self) -> list[str]:
        return [order.task.entry.text for order in self.asked]

    def __call__(self, orders: Sequence[Order]) -> Answers:
        for place, order in reversed(list(enumerate(orders))):
            self._before(order)
            self.asked.append(order)
            yield place, said(order)


def said(order: Order) -> Said:
    task = order.task
    if "fail" in task.entry.text and order.attempt < 2:
        return Said(error="It could not be said.", elapsed=1.0)
    return Said(takes=tuple(take(task, index) for index in range(task.takes)), rate=RATE)


def take(task: Any, index: int) -> Take:
    samples = tone(task.entry.text, index)
    return Take(
        data=encode(Audio(samples, RATE), task.format),
        seconds=len(samples) / RATE,
        seed=task.sampling.seed + index,
        speed=1.0,
        coverage=1.0,
        clearness=-0.5 - index,
        missing=(),
        ended=True,
        retries=0,
        warnings=(),
        timings=(Timing(0.0, len(samples) / RATE, task.entry.text, words(task.entry.text)),),
    )


def words(text: str) -> tuple[Word, ...]:
    """A tenth of a second for each letter."""
    return tuple(
        Word(match.start() / 10, match.end() / 10, match[0]) for match in re.finditer(r"\S+", text)
    )


def tone(text: str, index: int = 0) -> np.ndarray:
    """A tenth of a second for each letter, from a full wave on."""
    frequency = 200 + 50 * index + sum(map(ord, text)) % 700
    time = np.arange(len(text) * RATE // 10) / RATE
    return (0.4 * np.cos(2 * np.pi * frequency * time)).astype(np.float32)


def batch(
    folder: Path, texts: Sequence[Any], crew: Crew | None = None, **options: Any
) -> tuple[Product, Crew]:
    lines = [text if isinstance(text, dict) else {"text": text} for text in texts]
    script = folder / "s.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in lines))
    crew = crew or Crew()
    joining = options.pop("joining", None)
    progress = options.pop("on_progress", None)
    retry = options.pop("retry_failed", False)
    plan = prepare(script, BatchSettings(**options), Equipment())
    assert not plan.faults
    product = produce(plan, folder / "out", crew, joining, retry_failed=retry, on_progress=progress)
    return product, crew


def files(folder: Path) -> dict[str, str]:
    """Text of each recording that is there, by the tone it holds."""
    return {
        path.name: sha256(path)[:8]
        for path in sorted((folder / "out").iterdir())
        if path.name not in (manifest.FILE, ".running")
    }


def tones(folder: Path, *texts: str) -> dict[str, str]:
    import hashlib

    return {
        f"{number:04}.wav": hashlib.sha256(encode(Audio(tone(text), RATE), "wav")).hexdigest()[:8]
        for number, text in enumerate(texts, 1)
        if text
    }


def test_a_run_makes_recordings_and_tells_of_each(tmp_path: Path) -> None:
    told: list[Progress] = []
    product, _ = batch(
        tmp_path, ["One two.", {"text": "Three.", "id": "x", "seed": 5}], on_progress=told.append
    )
    outcome = product.outcome
    assert (outcome.made, outcome.kept, outcome.failed, outcome.stray) == (2, 0, (), ())
    rows = manifest.read(tmp_path / "out")
    assert tuple(rows) == outcome.rows
    assert [row.file for row in rows] == ["0001.wav", "0002_x.wav"]
    assert [row.seed for row in rows] == [0, 5]
    for row in rows:
        path = tmp_path / "out" / row.file
        assert sha256(path) == row.sha256
        assert soundfile.info(path).duration == pytest.approx(row.seconds)
        assert row.status == MADE
        assert row.voice == "kathleen"
        assert len(row.model) == 64
        assert [timing.text for timing in row.timings] == [row.text]
    assert [(each.done, each.total) for each in told] == [(0, 2), (1, 2), (2, 2)]
    assert told[0].left is None
    assert told[-1].left == 0
    assert told[-1].seconds == pytest.approx(0.8 + 0.6)


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    first, _ = batch(tmp_path, ["One.", "Two."])
    before = (tmp_path / "out" / manifest.FILE).read_bytes()
    second, crew = batch(tmp_path, ["One.", "Two."])
    assert not crew.asked
    assert second.outcome.kept == 2
    assert second.outcome.rows == first.outcome.rows
    assert (tmp_path / "out" / manifest.FILE).read_bytes() == before


def test_only_what_changed_is_said_again(tmp_path: Path) -> None:
    batch(tmp_path, ["One.", "Two.", "Three."])
    _, crew = batch(tmp_path, ["One.", "Zwei.", "Three."])
    assert crew.texts == ["Zwei."]
    assert files(tmp_path) == tones(tmp_path, "One.", "Zwei.", "Three.")


def test_recordings_move_with_their_lines(tmp_path: Path) -> None:
    batch(tmp_path, ["One.", "Two.", "Three."])
    _, crew = batch(tmp_path, ["New.", "Two.", "One.", "Three.", "Two."])
    assert crew.texts == ["New."]
    assert files(tmp_path) == tones(tmp_path, "New.", "Two.", "One.", "Three.", "Two.")
    product, crew = batch(tmp_path, ["Two.", "Three."])
    assert not crew.asked
    assert product.outcome.stray == ("0003.wav", "0005.wav")
    now = tones(tmp_path, "Two.", "Three.")
    assert {name: files(tmp_path)[name] for name in now} == now


@pytest.mark.parametrize("stop", range(1, 10))
def test_a_run_that_ends_while_recordings_move_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    batch(tmp_path, ["One.", "Two.", "Three."])
    done, replace = 0, keeping.os.replace

    def dying(*paths: Any) -> None:
        nonlocal done
        done += 1
        if done == stop:
            raise KeyboardInterrupt
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(keeping.os, "replace", dying)
        try:
            batch(tmp_path, ["Two.", "Three.", "One."])
        except KeyboardInterrupt:
            assert stop <= 8
    _, crew = batch(tmp_path, ["Two.", "Three.", "One."])
    assert not crew.asked
    assert files(tmp_path) == tones(tmp_path, "Two.", "Three.", "One.")


def test_a_recording_that_is_gone_or_was_changed_is_made_again(tmp_path: Path) -> None:
    batch(tmp_path, ["One.", "Two.", "Three."])
    (tmp_path / "out/0001.wav").unlink()
    (tmp_path / "out/0003.wav").write_bytes(b"cut short")
    _, crew = batch(tmp_path, ["One.", "Two.", "Three."])
    assert sorted(crew.texts) == ["One.", "Three."]
    assert files(tmp_path) == tones(tmp_path, "One.", "Two.", "Three.")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("full"), DatasetError("gone")])
def test_a_run_that_is_ended_goes_on(tmp_path: Path, error: Any) -> None:
    def end(order: Order) -> None:
        if order.task.entry.text == "Two.":
            raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        batch(tmp_path, ["One.", "Two.", "Three."], Crew(before=end))
    assert [row.text for row in manifest.read(tmp_path / "out")] == ["Three."]
    product, crew = batch(tmp_path, ["One.", "Two.", "Three."])
    assert crew.texts == ["Two.", "One."]
    assert [row.number for row in product.outcome.rows] == [1, 2, 3]


def test_a_manifest_that_was_cut_short_is_read_as_far_as_it_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    batch(tmp_path, ["One.", "Two."])
    path = tmp_path / "out" / manifest.FILE
    path.write_bytes(path.read_bytes()[:-9])
    _, crew = batch(tmp_path, ["One.", "Two."])
    assert crew.texts == ["Two."]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[1]["file"] = "../../s.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{}\n")
    with caplog.at_level(logging.WARNING):
        _, crew = batch(tmp_path, ["One.", "Two."])
    assert crew.texts == ["Two."]
    assert "line 2 is damaged" in caplog.text
    assert (tmp_path / "s.jsonl").is_file()


def test_a_line_that_fails_stops_no_other_and_is_tried_again_when_asked(tmp_path: Path) -> None:
    joining = Joining(join=tmp_path / "all.wav")
    texts = ["One.", "I fail.", "Three."]
    batch(tmp_path, ["One.", "Old.", "Three."], joining=joining)
    (tmp_path / "all.wav").unlink()
    product, _ = batch(tmp_path, texts, joining=joining)
    (failed,) = product.outcome.failed
    assert (failed.number, failed.status, failed.error) == (2, FAILED, "It could not be said.")
    assert not product.files
    assert not (tmp_path / "all.wav").exists()
    assert files(tmp_path) == tones(tmp_path, "One.", "", "Three.")
    product, crew = batch(tmp_path, texts)
    assert not crew.asked
    assert [row.number for row in product.outcome.failed] == [2]
    for attempt in (1, 2):
        product, crew = batch(tmp_path, texts, retry_failed=True, joining=joining)
        assert [order.attempt for order in crew.asked] == [attempt]
    assert not product.outcome.failed
    assert (tmp_path / "all.wav").is_file()


def test_takes_are_kept_beside_the_best_one(tmp_path: Path) -> None:
    product, _ = batch(tmp_path, ["One.", "I fail."], takes=3, format="flac")
    (row, _) = product.outcome.rows
    assert row.file == "0001.flac"
    assert [take.file for take in row.takes] == ["0001_take2.flac", "0001_take3.flac"]
    assert [take.seed for take in row.takes] == [1, 2]
    assert [take.clearness for take in row.takes] == [-1.5, -2.5]
    assert set(files(tmp_path)) == set(row.files)
    product, crew = batch(tmp_path, ["Zero.", "One."], takes=3, format="flac")
    assert crew.texts == ["Zero."]
    assert set(product.outcome.rows[1].files) == {
        *("0002.flac", "0002_take2.flac", "0002_take3.flac")
    }
    product, _ = batch(tmp_path, ["Zero.", "One."], takes=2, format="flac")
    assert set(files(tmp_path)) == {
        *("0001.flac", "0001_take2.flac", "0002.flac", "0002_take2.flac")
    }


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "out", DatasetError),
        pytest.raises(DatasetError, match="already going on"),
    ):
        batch(tmp_path, ["One."])


def read(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    return samples


def same(found: np.ndarray, text: str) -> bool:
    wanted = tone(text)
    return len(found) >= len(wanted) and bool(
        np.abs(found[: len(wanted)] - wanted).max() <= 1 / 32768
    )


def test_lines_are_joined_with_pauses_and_subtitles(tmp_path: Path) -> None:
    joining = Joining(join=tmp_path / "all.flac", gap=0.5, paragraph_gap=1.0)
    product, _ = batch(
        tmp_path,
        ["One & two -->.", {"text": "B.", "gap": 0.125}, "C.", {"text": "D.", "paragraph": True}],
        joining=joining,
    )
    samples = read(tmp_path / "all.flac")
    starts = [0.0, 1.4 + 0.5, 1.9 + 0.2 + 0.125, 2.225 + 0.2 + 1.0]
    for start, text in zip(starts, ["One & two -->.", "B.", "C.", "D."], strict=True):
        assert same(samples[round(start * RATE) :], text)
    assert len(samples) == round((starts[-1] + 0.2) * RATE)
    assert np.count_nonzero(samples) <= sum(map(len, map(tone, ["One & two -->.", *"BCD"]))) + 3e3
    srt = (tmp_path / "all.srt").read_text().split("\n\n")
    assert srt[0] == "1\n00:00:00,000 --> 00:00:01,400\nOne & two ->."
    assert srt[3].startswith("4\n00:00:03,425 --> 00:00:03,625\nD.")
    vtt = (tmp_path / "all.vtt").read_text().split("\n\n")
    assert vtt[0] == "WEBVTT"
    assert vtt[1] == "00:00:00.000 --> 00:00:01.400\nOne &amp; two --&gt;."
    assert set(product.files) == {tmp_path / f"all.{ending}" for ending in ("flac", "srt", "vtt")}


def test_subtitles_by_word(tmp_path: Path) -> None:
    joining = Joining(join=tmp_path / "all.flac", gap=0.5, cues="word")
    product, _ = batch(tmp_path, ["One two.", "Three."], joining=joining)
    assert product.outcome.rows[0].timings[0].words == words("One two.")
    assert manifest.read(tmp_path / "out")[1].timings[0].words == words("Three.")
    cues = (tmp_path / "all.srt").read_text().strip().split("\n\n")
    assert cues == [
        "1\n00:00:00,000 --> 00:00:00,300\nOne",
        "2\n00:00:00,400 --> 00:00:00,800\ntwo.",
        "3\n00:00:01,300 --> 00:00:01,900\nThree.",
    ]
    with pytest.raises(ConfigError, match="cues"):
        Joining(cues="letter")


def cue(start: float, end: float, text: str) -> dict[str, Any]:
    return {"text": text, "start": start, "end": end}


def test_a_track_starts_each_line_at_its_time_and_lasts_as_asked(tmp_path: Path) -> None:
    cues = [cue(0.5, 1.0, "One."), cue(2.345, 3.0, "Two."), cue(60.0, 61.5, "Three.")]
    product, _ = batch(tmp_path, cues)
    samples = read(tmp_path / "out/track.wav")
    assert len(samples) == round(61.5 * RATE)
    for each in cues:
        assert same(samples[round(each["start"] * RATE) :], each["text"])
    silent = np.ones(len(samples), bool)
    for each in cues:
        first = round(each["start"] * RATE)
        silent[first : first + len(tone(each["text"]))] = False
    assert not samples[silent].any()
    assert [row.cue.drift for row in product.outcome.rows if row.cue] == [0, 0, 0]
    assert not product.warnings
    assert "00:00:02,345 -->" in (tmp_path / "out/track.srt").read_text()
    product, crew = batch(tmp_path, cues, joining=Joining(length=70.0))
    assert not crew.asked
    assert len(read(tmp_path / "out/track.wav")) == 70 * RATE
    with pytest.raises(AudioError, match=r"ends at 61\.5 s"):
        batch(tmp_path, cues, joining=Joining(length=61.0))


def test_what_lasts_too_long_is_told_and_delays_only_what_would_sound_with_it(
    tmp_path: Path,
) -> None:
    cues = [
        cue(0.0, 0.5, "Ten chars."),  # lasts 1 s, 0.5 s too long
        cue(0.5, 0.9, "Two."),  # starts at 1, lasts until 1.4
        cue(1.5, 2.5, "On time."),  # lasts until 2.3
        cue(2.0, 2.5, "Over."),  # the script lays it over the one before
        cue(3.0, 3.2, "Last one."),  # lasts until 3.9: the track is longer
    ]
    product, _ = batch(tmp_path, cues)
    rows = product.outcome.rows
    placed = [row.cue.placed for row in rows if row.cue]
    assert placed == pytest.approx([0.0, 1.0, 1.5, 2.0, 3.0])
    assert [row.cue.drift for row in rows if row.cue] == pytest.approx([0, 0.5, 0, 0, 0])
    assert [row.cue.over for row in rows if row.cue] == pytest.approx([0.5, 0, 0, 0, 0.7])
    samples = read(tmp_path / "out/track.wav")
    assert len(samples) == round(3.9 * RATE)
    assert same(samples[RATE:], "Two.")
    both = tone("On time.")[RATE // 2 :] + tone("Over.")[: len(tone("On time.")) - RATE // 2]
    assert np.abs(samples[2 * RATE :][: len(both)] - both).max() < 2 / 32768
    assert len(product.warnings) == 4
    assert "line 1 lasts 1.00 s at speed 1.00, 0.50 s too long for its 0.50 s." in product.warnings
    assert "line 2 starts 0.50 s late." in product.warnings
    assert "the track lasts 3.90 s, longer than the 3.20 s asked for." in product.warnings
    assert tuple(manifest.read(tmp_path / "out")) == rows
