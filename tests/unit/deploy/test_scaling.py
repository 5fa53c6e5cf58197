"""As many replicas as the sound that waits needs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from myna_ray.scaling import AUDIO_SECONDS, TARGET_SECONDS, expected_seconds, queued_audio


@pytest.mark.parametrize(
    ("seconds", "requests", "queued", "wanted"),
    [
        ([0.0, 0.0], 0, 0, 0),
        ([0.1], 1, 0, 1),
        ([TARGET_SECONDS, TARGET_SECONDS], 10, 0, 2),
        ([TARGET_SECONDS, TARGET_SECONDS + 1], 10, 0, 3),
        # Four that wait are as long as the four that do not.
        ([TARGET_SECONDS], 8, 4, 2),
        # Of these nothing is known.
        ([], 3, 3, 3),
        # Taken, and about to end.
        ([0.0], 2, 0, 1),
    ],
)
def test_replicas(seconds: list[float], requests: int, queued: int, wanted: int) -> None:
    context = SimpleNamespace(
        current_num_replicas=1,
        target_num_replicas=1,
        total_num_requests=float(requests),
        total_queued_requests=float(queued),
        aggregated_metrics={AUDIO_SECONDS: dict(enumerate(seconds))},
    )
    assert queued_audio(context) == (wanted, {})


def test_nothing_is_reported_yet() -> None:
    context = SimpleNamespace(
        current_num_replicas=1,
        target_num_replicas=1,
        total_num_requests=0.0,
        total_queued_requests=None,
        aggregated_metrics=None,
    )
    assert queued_audio(context) == (0, {})


def test_a_character_of_chinese_lasts_longer() -> None:
    assert expected_seconds("a" * 30) == pytest.approx(2.0)
    assert expected_seconds("你好" * 9) == pytest.approx(4.0)
    assert expected_seconds("") == 0
