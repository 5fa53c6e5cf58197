"""Parts, tokens and phones of a recording in which it is known what is heard when."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from myna import text
from myna.datatypes import Audio
from myna.errors import AudioError, TextError
from myna.specs import CONTENT_RATE, family
from myna.synthesis.retelling import Plan, spelled
from myna.text.sounds import SOUNDS
from myna.text.sounds import ids as sound_ids

TINY = family("tiny")


class Hears:
    """Names these sounds at these seconds."""

    def __init__(self, *named: tuple[str, float]) -> None:
        self._named = named

    def hear(self, bands: np.ndarray, languages: Iterable[str]) -> np.ndarray:
        found = np.full((2 * -(-len(bands) // 4), len(SOUNDS)), -20.0, dtype=np.float32)
        found[:, 0] = -0.01
        for sound, second in self._named:
            found[round(second * 50), [0, *sound_ids([sound])]] = -20.0, -0.01
        return found


def recording(seconds: float, *voiced: tuple[float, float], noise: tuple[float, float]) -> Audio:
    """A buzz at some times, noise at another, and hardly anything else."""
    random = np.random.default_rng(0)
    time = np.arange(round(seconds * CONTENT_RATE)) / CONTENT_RATE
    samples = random.normal(0, 1e-4, len(time))
    buzz = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 12))
    for start, end in voiced:
        samples += 0.2 * buzz * ((start <= time) & (time < end))
    start, end = noise
    samples += random.normal(0, 0.1, len(time)) * ((start <= time) & (time < end))
    return Audio(samples.astype(np.float32), CONTENT_RATE)


def plan(sound: Audio, *named: tuple[str, float], language: str = "en") -> Plan:
    spelling = TINY.token_model.spelling
    assert spelling is not None
    return spelled(TINY, spelling, sound, Hears(*named), (), language)


WORD = (("HH", 0.6), ("AH", 0.8), ("L", 1.0), ("OW", 1.3))


def test_tokens_and_phones_are_in_their_places() -> None:
    found = plan(recording(2.0, (0.5, 1.5), noise=(0, 0)), *WORD)
    (part,) = found.parts
    spelling = TINY.token_model.spelling
    assert spelling is not None
    said = part.tokens // spelling.levels
    for sound, second in WORD:
        assert said[round(second * 25) - part.first] == sound_ids([sound])[0]
    assert said[0] == said[-1] == 0
    expected = text.ids(["HH", "AH0", "L", "OW1", "."], TINY.symbols)
    np.testing.assert_array_equal(part.phones, expected)
    (timing,) = found.timings
    assert timing.text == "HH AH L OW"
    assert (timing.start, timing.end) == pytest.approx((0.5, 1.5), abs=0.06)


def test_a_long_pause_ends_a_part_and_a_short_one_is_a_mark() -> None:
    later = [("S", 3.1), ("IY", 3.3)]
    (one, other) = plan(recording(4.0, (0.5, 1.5), (3.0, 3.5), noise=(0, 0)), *WORD, *later).parts
    assert one.first + len(one.tokens) < 3.0 * 25 - 1 < other.first + 6
    sooner = [("S", 2.1), ("IY", 2.3)]
    (part,) = plan(recording(3.0, (0.5, 1.5), (2.0, 2.5), noise=(0, 0)), *WORD, *sooner).parts
    assert text.ids([","], TINY.symbols)[0] in part.phones


def test_what_has_no_voice_goes_with_what_has() -> None:
    later = [("S", 3.1), ("SH", 3.3)]
    (part,) = plan(recording(4.0, (0.5, 1.5), noise=(3.0, 3.5)), *WORD, *later).parts
    assert part.first + len(part.tokens) > 3.4 * 25
    before = [(sound, second + 2.5) for sound, second in WORD]
    first = [("S", 0.6), ("SH", 0.8)]
    (part,) = plan(recording(5.0, (3.0, 4.0), noise=(0.5, 1.0)), *first, *before).parts
    assert part.first < 0.6 * 25


def test_nothing_to_retell() -> None:
    with pytest.raises(AudioError, match="hardly any voice"):
        plan(recording(2.0, noise=(0.5, 1.5)), *WORD)
    with pytest.raises(AudioError, match="No clear speech"):
        plan(recording(2.0, (0.5, 1.5), noise=(0, 0)), ("AH", 1.0))


def test_mandarin_is_noticed_unless_somebody_knows_better() -> None:
    sound = recording(2.0, (0.5, 1.5), noise=(0, 0))
    mandarin = (("n", 0.6), ("i3", 0.8), ("h", 1.0), ("ao3", 1.3))
    with pytest.raises(AudioError, match="does not seem to be in a language"):
        plan(sound, *mandarin, language="auto")
    with pytest.raises(TextError, match="does not speak the language 'ja'"):
        plan(sound, *WORD, language="ja")
    assert plan(sound, *WORD, language="auto").parts
