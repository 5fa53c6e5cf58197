"""Spelled tokens of a clip: with a recogniser that lays sounds where the test says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import toy
from myna.dataset import spelling
from myna.dataset.spelling import spelled
from myna.datatypes import Audio
from myna.errors import AudioError
from myna.specs import SpellingSpec
from myna.text import read
from myna.text.sounds import SOUNDS, spoken

SPEC = SpellingSpec()


class Laid:
    """Finds sounds where the test says."""

    def __init__(self, spans: list[tuple[int, int]], score: float = 0.0) -> None:
        self.spans, self.score, self.asked = spans, score, (0, [""])

    def lay(self, bands: Any, phones: Any) -> Any:
        self.asked = (len(bands), list(phones))
        return self.spans, self.score


SENTENCE = read("No, no.", language="en", table="v2")
CLIP = Audio(toy.clip(1.0, rate=24_000).samples[:24_000], 24_000)
SPANS = [(0, 20), (20, 40), (60, 80), (80, 100)]


@pytest.fixture(autouse=True)
def voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "melody", lambda sound: np.full(100, 100.0))


def test_tokens_say_what_the_text_does_and_which_phone() -> None:
    assert list(SENTENCE.symbols) == ["N", "OW1", ",", "N", "OW1", "."]
    found: Any = Laid(SPANS)
    tokens, places = spelled(found, CLIP, spoken(SENTENCE), SPEC)
    assert found.asked[1] == ["N", "OW", "N", "OW"]
    assert found.asked[0] == pytest.approx(100, abs=3)
    names = [SOUNDS[token // SPEC.levels] for token in tokens]
    assert names == ["N"] * 5 + ["OW"] * 5 + [""] * 5 + ["N"] * 5 + ["OW"] * 5
    # The comma is phone 2, and in its silence nothing else is.
    assert places.tolist() == [0.0] * 5 + [1.0] * 5 + [2.0] * 5 + [3.0] * 5 + [4.0] * 5


def test_other_rates_are_heard_at_the_recognisers() -> None:
    found: Any = Laid(SPANS)
    spelled(found, Audio(CLIP.samples[::2].copy(), 12_000), spoken(SENTENCE), SPEC)
    assert found.asked[0] == pytest.approx(100, abs=3)


def test_another_text_is_refused() -> None:
    found: Any = Laid(SPANS, score=-4.0)
    with pytest.raises(AudioError, match="not what is heard"):
        spelled(found, CLIP, spoken(SENTENCE), SPEC)
