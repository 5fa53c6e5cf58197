"""What voice to expect of a set: a rule of thumb over minutes, noise and bandwidth."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from myna.dataset.manifest import Clip

GRADES = ("poor", "fair", "good", "very good")
RULE: tuple[tuple[str, str, float, tuple[float, float, float]], ...] = (
    ("minutes", "speech, min", 1.0, (1.0, 5.0, 30.0)),
    ("snr_db", "signal to noise, dB", 1.0, (15.0, 20.0, 30.0)),
    ("bandwidth_hz", "bandwidth, kHz", 1000.0, (3.8, 7.0, 11.0)),
)
"""What decides, in which unit, and from where on it is fair, good and very good."""

MEANS = {
    "poor": "Expect a voice that reminds of the speaker, with the faults of the recordings and "
    "words that go wrong.",
    "fair": "Expect a voice that is recognised, less steady than the speaker in long or unusual "
    "sentences.",
    "good": "Expect a voice that is close to the speaker in sentences like those of the set.",
    "very good": "Expect a voice that is hard to tell from the speaker in most sentences.",
}


def expected_quality(clips: Sequence[Clip]) -> tuple[str, dict[str, float]]:
    """The grade of a set, and the measures that it comes from: the worst of them decides.

    A measure that no clip has does not count.

    Args:
        clips: those to train on.
    """
    measures = {"minutes": sum(clip.seconds for clip in clips) / 60}
    for name in ("snr_db", "bandwidth_hz"):
        if values := [clip.quality[name] for clip in clips if name in clip.quality]:
            measures[name] = median(values)
    return GRADES[min(grade_of(name, value) for name, value in measures.items())], measures


def grade_of(name: str, value: float) -> int:
    """Place in `GRADES` of one measure."""
    unit, limits = next((unit, limits) for each, _, unit, limits in RULE if each == name)
    return sum(value / unit >= limit for limit in limits)
