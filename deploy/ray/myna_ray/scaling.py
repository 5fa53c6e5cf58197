"""How many replicas: so many that the sound still to be made is soon made."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

AUDIO_SECONDS = "audio_seconds"
"""Name of the measure that a replica reports: seconds of sound it has taken on and not yet made."""

TARGET_SECONDS = 20.0
"""Of sound that may wait at one replica."""

_DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Characters of which one is a syllable or more."""
_PER_SECOND, _DENSE_PER_SECOND = 15.0, 4.5
"""Characters read in a second, as a rule of thumb: it decides about machines only."""


def expected_seconds(text: str) -> float:
    """About how long it takes to say a text."""
    dense = len(_DENSE.findall(text))
    return dense / _DENSE_PER_SECOND + (len(text) - dense) / _PER_SECOND


class Context(Protocol):
    """What we read of `ray.serve.config.AutoscalingContext`."""

    current_num_replicas: int
    target_num_replicas: int
    total_num_requests: float
    total_queued_requests: float | None
    aggregated_metrics: Mapping[str, Mapping[Any, float]] | None


def queued_audio(context: Context) -> tuple[int, dict[str, Any]]:
    """Replicas wanted, as a policy of Ray Serve: seconds of sound over `TARGET_SECONDS`.

    A request that no replica has taken yet counts as long as those that were taken are on average,
    or as much as one replica may have waiting if nothing is known of any. Ray Serve itself applies
    the bounds and delays of the deployment's configuration.
    """
    seconds = sum(((context.aggregated_metrics or {}).get(AUDIO_SECONDS) or {}).values())
    queued = context.total_queued_requests or 0.0
    taken = context.total_num_requests - queued
    each = seconds / taken if taken > 0 and seconds > 0 else TARGET_SECONDS
    wanted = math.ceil((seconds + queued * each) / TARGET_SECONDS)
    return max(wanted, 1 if context.total_num_requests else 0), {}
