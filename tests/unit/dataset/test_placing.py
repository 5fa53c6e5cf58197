"""Which phone is said at each token: with a recogniser that says what it is told to."""

from __future__ import annotations

import numpy as np
import pytest

import toy
from myna.dataset.placing import places
from myna.datatypes import Audio
from myna.errors import AudioError
from myna.text import read
from myna.text.sounds import heard_in


class Laid:
    """Finds sounds where the test says."""

    def __init__(self, spans):
        self.spans, self.asked = spans, None

    def lay(self, bands, phones):
        self.asked = (len(bands), list(phones))
        if self.spans is None:
            raise AudioError("too short")
        return self.spans, 0.0


SENTENCE = read("No, no.", language="en", table="v2")
CLIP = Audio(toy.clip(1.0, rate=24_000).samples[:24_000], 24_000)


def test_tokens_lie_between_the_middles_of_their_phones():
    assert list(SENTENCE.symbols) == ["N", "OW1", ",", "N", "OW1", "."]
    found = Laid([(0, 20), (20, 40), (60, 80), (80, 100)])
    where = places(found, CLIP, SENTENCE, 25)
    assert found.asked[1] == heard_in(SENTENCE)
    assert found.asked[0] == pytest.approx(100, abs=3)
    assert where.shape == (25,)
    assert where.dtype == np.float32
    # 4 frames to a token: its middle is 2 frames after its start.
    assert where[0] == pytest.approx(-0.5 + 2 / 20)
    assert where[5] == pytest.approx(0.5 + 2 / 20)
    # In the pause, over the comma; then the phones after it.
    assert where[12] == pytest.approx(2.0)
    assert where[15] == pytest.approx(2.5 + 2 / 20)
    assert where[24] == pytest.approx(4.5 - 2 / 20)
    assert (np.diff(where) >= 0).all()


def test_what_nobody_knows_is_left_open():
    assert places(Laid(None), CLIP, SENTENCE, 25) is None
    korean = read("안녕", language="ko", table="v2")
    assert places(Laid([]), CLIP, korean, 25) is None


def test_other_rates_are_heard_at_the_recognisers():
    found = Laid([(0, 20), (20, 40), (60, 80), (80, 100)])
    places(found, Audio(CLIP.samples[::2].copy(), 12_000), SENTENCE, 25)
    assert found.asked[0] == pytest.approx(100, abs=3)
