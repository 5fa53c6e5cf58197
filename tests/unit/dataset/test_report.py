"""The report says what the manifest says, to a reader who has nothing but the page."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import toy
from myna.dataset.expecting import expected_quality
from myna.dataset.manifest import Clip
from myna.dataset.plots import histogram
from myna.dataset.report import ADVICE, write_report

FACTS: dict[str, Any] = {"myna": "1.2.3", "settings": {"denoise": "auto"}, "seconds": {"given": 90}}


def clip(index: int = 0, **facts: Any) -> Clip:
    known: dict[str, Any] = {
        "id": f"c{index}",
        "source": f"day {index}.wav",
        "start": 2.0,
        "end": 6.0,
        "speaker": "anna",
        "language": "en",
        "text": "Birds repeat what they hear.",
        "quality": {"snr_db": 30.0 + index, "bandwidth_hz": 12_000.0},
    }
    return Clip(**known | facts)


class Reader(HTMLParser):
    """Checks that elements are closed in order, and collects words and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"


def report(folder: Path, *clips: Clip, facts: dict[str, Any] = FACTS) -> Reader:
    reader = Reader()
    reader.feed(write_report(folder, clips, facts).read_text("utf-8"))
    reader.close()
    assert reader.open == []
    reader.words = " ".join(reader.words.split())
    return reader


def test_what_is_left_and_why_not_the_rest(tmp_path: Path) -> None:
    noisy = clip(7).drop("noise", "Its signal-to-noise ratio is 4 dB; at least 15 are needed.")
    found = report(tmp_path, *(clip(index) for index in range(6)), noisy).words
    assert "24 s to train on" in found
    assert "1.5 min given" in found
    assert "6 clips" in found
    assert "noise 4 s, 1 clip" in found
    assert "ratio is 4 dB" in found
    assert ADVICE["noise"] in found
    assert "day 7.wav, 2.0 to 6.0 s" in found
    assert "Expected quality: poor" in found  # 0.4 minutes
    assert "denoise auto" in found
    assert "Myna 1.2.3" in found


def test_sounds_that_are_missing_are_named(tmp_path: Path) -> None:
    found = report(tmp_path, clip(text="Birds repeat.")).words
    match = re.search(r"en 4 s (\d+) of 39 (.*?) A sound that", found)
    assert match
    assert {"AY", "OY", "ZH"} <= set(match[2].split())


def test_everything_from_outside_is_plain_words(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'
    made = clip(
        id="c1",
        source=f"{evil}.wav",
        speaker=evil,
        text=f"{evil} birds",
        language=evil,
        warnings=(evil,),
    )
    facts = {"myna": evil, "settings": {evil: evil}, "licence": evil}
    found = report(tmp_path, made, made.drop(evil, evil), facts=facts)
    assert "script" not in {tag for tag, _ in found.elements}
    assert found.words.count("<script>alert(1)</script>") >= 9


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = write_report(tmp_path, [clip(index) for index in range(5)], FACTS).read_text("utf-8")
    assert not re.search(r"https?://|@import|url\(|<script|<link|<img|<iframe", page)
    assert "default-src 'none'" in page


def test_players_only_for_clips_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    toy.clip(1.0).save(tmp_path / "clips" / "a b#.flac")
    found = report(tmp_path, clip(audio="clips/a b#.flac"), clip(1, audio="clips/gone.flac"))
    players = [attributes["src"] for tag, attributes in found.elements if tag == "audio"]
    assert players == ["clips/a%20b%23.flac"]


def test_warnings_that_differ_in_figures_are_one(tmp_path: Path) -> None:
    made = [
        clip(index, warnings=(f"{20 + index}% differ from 'word {index}'.",)) for index in range(4)
    ]
    found = report(tmp_path, *made).words
    assert "20% differ from 'word 0'. day 0.wav, 2.0 to 6.0 s 4" in found
    assert "23%" not in found


def test_nothing_left(tmp_path: Path) -> None:
    found = report(tmp_path, clip().drop("silence", "It is silent.")).words
    assert "nothing to train on" in found
    assert "0% kept" in found


@pytest.mark.parametrize(
    ("minutes", "snr", "bandwidth", "grade"),
    [
        (0.5, 40.0, 16_000.0, "poor"),
        (40.0, 40.0, 16_000.0, "very good"),
        (40.0, 25.0, 16_000.0, "good"),
        (40.0, 40.0, 5_000.0, "fair"),
        (40.0, 14.0, 16_000.0, "poor"),
        (10.0, None, None, "good"),
    ],
)
def test_the_worst_measure_decides(
    minutes: float, snr: float | None, bandwidth: float | None, grade: str
) -> None:
    quality = {"snr_db": snr, "bandwidth_hz": bandwidth}
    measured = {name: value for name, value in quality.items() if value is not None}
    one = clip(end=2.0 + 60 * minutes, quality=measured)
    found, measures = expected_quality([one])
    assert found == grade
    assert measures["minutes"] == pytest.approx(minutes)


class TestHistogram:
    def test_heights_add_up(self) -> None:
        drawn = histogram([1, 1, 2, 3], label="s", dropped=[3])
        heights = [float(h) for h in re.findall(r'class="kept".*?height="([\d.]+)"', drawn)]
        assert max(heights) / min(heights) == pytest.approx(2, rel=0.01)
        assert drawn.count('class="dropped"') == 1

    @pytest.mark.parametrize("values", [[5.0], [0.0, 0.0], [1e6, 1.1e6], [-30.0, -19.5]])
    def test_any_values(self, values: list[float]) -> None:
        drawn = histogram(values, label="x < y")
        assert "nan" not in drawn
        assert "x &lt; y" in drawn
        counts = sum(1 for _ in re.finditer('class="kept"', drawn))
        assert counts == len(set(values))

    def test_a_limit_is_marked_where_it_lies_in_the_range(self) -> None:
        assert 'class="limit"' in histogram([10, 30], label="dB", low=20)
        assert 'class="limit"' not in histogram([30, 40], label="dB", low=20)


def test_the_same_set_makes_the_same_page(tmp_path: Path) -> None:
    made = [replace(clip(index), quality={"snr_db": 20.0 + index}) for index in range(5)]
    first = write_report(tmp_path, made, FACTS).read_bytes()
    assert write_report(tmp_path, made, FACTS).read_bytes() == first
