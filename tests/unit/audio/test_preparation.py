"""Training clips: levels and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from myna.audio.preparation import training_content_input, training_pcm
from myna.datatypes import Audio
from myna.errors import AudioError


def test_level_is_half_evened() -> None:
    clip = Audio(np.array([0.5, -0.25, 0.0], dtype=np.float32), 32_000)
    assert training_pcm(clip).tolist() == [23756, -11878, 0]  # 0.475 + 0.25, times 32768


def test_loud_clips_are_clipped_not_wrapped() -> None:
    assert training_pcm(Audio(np.array([2.0, -2.0], dtype=np.float32), 32_000)).tolist() == [
        32767,
        -32768,
    ]


def test_content_input_is_at_its_rate() -> None:
    clip = Audio(np.full(32_000, 0.5, dtype=np.float32), 32_000)
    heard = training_content_input(clip)
    assert (heard.rate, len(heard.samples)) == (16_000, 16_000)
    assert heard.samples[8000] == pytest.approx((0.475 + 0.25) * 1145.14, rel=1e-4)


@pytest.mark.parametrize("peak", [0.0, 2.3])
def test_silent_and_damaged_clips_are_refused(peak: float) -> None:
    with pytest.raises(AudioError, match="Leave it out"):
        training_pcm(Audio(np.full(10, peak, dtype=np.float32), 32_000))
