"""How good a recording is, in figures and, where they are bad, in words.

report = measure(audio)
for problem in problems(report):
    print(problem.sentence)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from myna.audio import measures
from myna.audio.activity import activity
from myna.datatypes import in_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from myna.datatypes import Audio

LOWEST_DBFS = -120.0
"""What silence reads."""

_SHORTEST_SECONDS = 0.05
_SILENT_DBFS = -60.0
_LEAST_SWING = 1e-4
"""Between the lowest and the highest sample: three steps of 16 bits are no sound."""

_BAND_TOLD_DB = (20.0, 30.0)
"""Signal-to-noise ratios from where on a narrow band is a problem, and a severe one: noise may hide
the rest of the band."""
_ROOM_TOLD_DB = 15.0
"""The same of the room: noise hides how steeply speech falls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Measured facts of a recording; `myna.audio.measures` says how. All finite."""

    snr_db: float
    """Speech over steady noise, 0 to 100; 0 also without speech."""
    peak_dbfs: float
    rms_dbfs: float
    """Of all of it, pauses too."""
    speech_dbfs: float
    """Level while somebody speaks."""
    clipped_share: float
    """Of all samples, 0 to 1."""
    bandwidth_hz: float
    """Highest frequency of speech, whatever the sample rate; 0 without speech."""
    dc_offset: float
    """Mean of the samples, -1 to 1."""
    gain_pumping_db: float
    """By which a gain control moves; 0 also where pauses are too short to tell."""
    reverberation_seconds: float
    """In which the room falls silent by 60 dB, 0.1 to 1.5; 0 where it cannot be told."""
    speech_seconds: float
    """Heard, without pauses. Speech is told from pauses by level alone."""

    def as_dict(self) -> dict[str, float]:
        """By name, rounded to what is meant."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLimits:
    """From where on a figure is a problem, and from where on a severe one. Defaults suit training.

    Of the recordings of read speech that the defaults were set with, few had any problem.
    """

    noisy_db: float = 20.0
    """Warn below this signal-to-noise ratio: 0 to 100."""
    too_noisy_db: float = 8.0
    """The same, severe."""
    clipped: float = 0.0005
    """Warn above this share of clipped samples: 0 to 1."""
    too_clipped: float = 0.005
    """The same, severe."""
    narrow_hz: float = 6500.0
    """Warn below this bandwidth: 0 to 24000."""
    too_narrow_hz: float = 4500.0
    """The same, severe; telephones end at 3400 or 4000."""
    offset: float = 0.01
    """Warn above this DC offset, either sign: 0 to 1. It is easily removed, so never severe."""
    pumping_db: float = 3.0
    """Warn where a gain control moves by more: 0 to 60."""
    reverberant_seconds: float = 0.6
    """Warn above this reverberation time: 0 to 2."""
    quiet_dbfs: float = -45.0
    """Warn where speech is quieter: -120 to 0."""
    least_speech_seconds: float = 0.3
    """Less speech is none, and severe: 0 to 60."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("noisy_db", 0, 100),
            ("too_noisy_db", 0, 100),
            ("clipped", 0, 1),
            ("too_clipped", 0, 1),
            ("narrow_hz", 0, 24_000),
            ("too_narrow_hz", 0, 24_000),
            ("offset", 0, 1),
            ("pumping_db", 0, 60),
            ("reverberant_seconds", 0, 2),
            ("quiet_dbfs", LOWEST_DBFS, 0),
            ("least_speech_seconds", 0, 60),
        ):
            in_range(name, getattr(self, name), low, high)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that makes a recording worse for training."""

    word: str
    """silence, no-speech, clipping, noise, band, dc, gain, reverberation or quiet."""
    sentence: str
    """The same with figures."""
    severe: bool
    """Whether the recording is better left out."""


def measure(audio: Audio) -> QualityReport:
    """Measure a recording, of any length; pieces of up to a few minutes keep memory small."""
    samples = audio.samples
    peak = float(np.abs(samples).max(initial=0.0))
    swing = float(np.ptp(samples)) if len(samples) else 0.0
    if audio.seconds < _SHORTEST_SECONDS or swing < _LEAST_SWING:
        return _without_speech(audio, peak)
    found = activity(audio)
    powers = measures.band_powers(audio)
    speech, pauses = measures.heard_spectra(found.active, len(powers))
    return QualityReport(
        snr_db=measures.signal_to_noise(powers, speech),
        peak_dbfs=_dbfs(peak**2),
        rms_dbfs=_dbfs(_mean_power(audio)),
        speech_dbfs=_dbfs(float(powers[speech].sum(axis=1).mean()))
        if speech.any()
        else LOWEST_DBFS,
        clipped_share=measures.clipped_share(samples, audio.rate),
        bandwidth_hz=min(measures.bandwidth(powers, speech, pauses), audio.rate / 2.0),
        dc_offset=_offset(audio),
        gain_pumping_db=measures.gain_pumping(powers),
        reverberation_seconds=measures.reverberation(found.bands),
        speech_seconds=found.seconds,
    )


def problems(report: QualityReport, limits: QualityLimits | None = None) -> tuple[Problem, ...]:
    """What is wrong with a recording, the worst first."""
    found = tuple(_problems(report, limits or QualityLimits()))
    return tuple(sorted(found, key=lambda problem: not problem.severe))


def _problems(report: QualityReport, limits: QualityLimits) -> Iterator[Problem]:
    if report.peak_dbfs < _SILENT_DBFS:
        yield Problem("silence", f"It is silent: its peak is {report.peak_dbfs:.0f} dBFS.", True)
        return
    if report.speech_seconds < limits.least_speech_seconds:
        yield Problem(
            "no-speech", f"It holds {report.speech_seconds:.2f} s that could be speech.", True
        )
        return
    if report.clipped_share > limits.clipped:
        yield Problem(
            "clipping",
            f"{report.clipped_share:.2%} of its samples are cut off at the top.",
            report.clipped_share > limits.too_clipped,
        )
    if report.snr_db < limits.noisy_db:
        yield Problem(
            "noise",
            f"Its speech is only {report.snr_db:.0f} dB louder than its noise.",
            report.snr_db < limits.too_noisy_db,
        )
    if report.snr_db >= _BAND_TOLD_DB[0] and report.bandwidth_hz < limits.narrow_hz:
        yield Problem(
            "band",
            f"Its speech ends at {report.bandwidth_hz / 1000.0:.1f} kHz, as on a telephone or "
            f"after strong compression.",
            report.snr_db >= _BAND_TOLD_DB[1] and report.bandwidth_hz < limits.too_narrow_hz,
        )
    if report.gain_pumping_db > limits.pumping_db:
        yield Problem(
            "gain",
            f"An automatic gain turns its pauses up by {report.gain_pumping_db:.0f} dB.",
            False,
        )
    if report.snr_db >= _ROOM_TOLD_DB and report.reverberation_seconds > limits.reverberant_seconds:
        yield Problem(
            "reverberation",
            f"Its room echoes for about {report.reverberation_seconds:.1f} s.",
            False,
        )
    if report.speech_dbfs < limits.quiet_dbfs:
        yield Problem("quiet", f"Its speech is at {report.speech_dbfs:.0f} dBFS only.", False)
    if abs(report.dc_offset) > limits.offset:
        yield Problem("dc", f"Its samples are off zero by {report.dc_offset:.3f}.", False)


def _without_speech(audio: Audio, peak: float) -> QualityReport:
    return QualityReport(
        snr_db=0.0,
        peak_dbfs=_dbfs(peak**2),
        rms_dbfs=_dbfs(_mean_power(audio)),
        speech_dbfs=LOWEST_DBFS,
        clipped_share=0.0,
        bandwidth_hz=0.0,
        dc_offset=_offset(audio),
        gain_pumping_db=0.0,
        reverberation_seconds=0.0,
        speech_seconds=0.0,
    )


def _mean_power(audio: Audio) -> float:
    return float(np.square(audio.samples, dtype=np.float64).mean()) if len(audio.samples) else 0.0


def _offset(audio: Audio) -> float:
    return float(audio.samples.mean(dtype=np.float64)) if len(audio.samples) else 0.0


def _dbfs(power: float) -> float:
    return max(10.0 * float(np.log10(max(power, 1e-30))), LOWEST_DBFS)
