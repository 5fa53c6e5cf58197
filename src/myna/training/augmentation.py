"""Make more of little: change what is heard, not what is said. All of it is off by default.

Waveforms get noise, a room, another level, another voice. What happens to a row depends on its own
random numbers alone. The recogniser's filter bank is varied further, with holes in time and
frequency (SpecAugment), in `myna.training.recogniser_variation`.

What is right for what: the recogniser takes everything; a speaker encoder takes
`voice` only with a new speaker's name for the clip; the decoder learns other voices from `voice`,
and would learn to speak in noise from the rest; the token model reads tokens, to which `voice` does
little harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from myna.audio import effects
from myna.audio.revoicing import revoice
from myna.datatypes import Audio
from myna.errors import ConfigError

Range = tuple[float, float]

_PEAK = 0.99
"""A result that would clip is turned down to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSettings:
    """Steady noise behind the speech."""

    probability: float = 0.0
    """0 is never, 1 always; so for all settings here."""
    snr: Range = (10.0, 30.0)
    """Decibels of speech over noise."""
    colour: Range = (0.0, 2.0)
    """White is 0, pink 1, brown 2."""

    def __post_init__(self) -> None:
        _check_probability(self.probability)
        _check_range("snr", self.snr, -20, 100)
        _check_range("colour", self.colour, -2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSettings:
    """A room around the speaker."""

    probability: float = 0.0
    rt60: Range = (0.15, 0.8)
    """Seconds in which sound dies away by 60 dB; drawn evenly on a logarithmic scale."""
    direct_to_reverberant: Range = (0.0, 12.0)
    """Decibels; less is farther from the microphone."""

    def __post_init__(self) -> None:
        _check_probability(self.probability)
        _check_range("rt60", self.rt60, 0.05, 3)
        _check_range("direct_to_reverberant", self.direct_to_reverberant, -20, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class GainSettings:
    """Another level."""

    probability: float = 0.0
    decibels: Range = (-10.0, 6.0)

    def __post_init__(self) -> None:
        _check_probability(self.probability)
        _check_range("decibels", self.decibels, -60, 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    """Another speaker who does not exist: pitch and formants moved."""

    probability: float = 0.0
    pitch: Range = (0.75, 1.35)
    """New pitch over old, drawn evenly on a logarithmic scale; 0.4 to 2.5."""
    formants: Range = (0.87, 1.15)
    """New formants over old, likewise; 0.6 to 1.7."""

    def __post_init__(self) -> None:
        _check_probability(self.probability)
        _check_range("pitch", self.pitch, 0.4, 2.5)
        _check_range("formants", self.formants, 0.6, 1.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationSettings:
    """What may happen to a waveform, in the order in which it happens in the world."""

    voice: VoiceSettings = field(default_factory=VoiceSettings)
    room: RoomSettings = field(default_factory=RoomSettings)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    gain: GainSettings = field(default_factory=GainSettings)


def augment(audio: Audio, random: np.random.Generator, settings: AugmentationSettings) -> Audio:
    """One clip, changed as drawn.

    Args:
        audio: of any rate; a changed voice needs 8000 samples per second.
        random: of this row alone, such as `Draws.numpy(row, "augment")`.
        settings: what may happen.

    Returns:
        As many samples at the same rate, turned down if they would clip; `audio` itself if nothing
        was drawn.
    """
    changed = audio
    # Numbers are drawn whether they are used or not: to switch one effect on moves no other.
    voice, room, noise, gain = random.spawn(4)
    if voice.random() < settings.voice.probability:
        changed = revoice(
            changed,
            pitch_ratio=_geometric(voice, settings.voice.pitch),
            formant_ratio=_geometric(voice, settings.voice.formants),
        )
    if room.random() < settings.room.probability:
        rt60 = _geometric(room, settings.room.rt60)
        distance = room.uniform(*settings.room.direct_to_reverberant)
        changed = effects.reverberate(changed, effects.room(audio.rate, rt60, distance, room))
    if noise.random() < settings.noise.probability:
        snr, colour = noise.uniform(*settings.noise.snr), noise.uniform(*settings.noise.colour)
        changed = effects.add_noise(changed, snr, noise, colour=colour)
    if gain.random() < settings.gain.probability:
        changed = effects.gain(changed, gain.uniform(*settings.gain.decibels))
    peak = float(np.abs(changed.samples).max(initial=0.0))
    if changed is not audio and peak > _PEAK:
        changed = Audio(changed.samples * np.float32(_PEAK / peak), audio.rate)
    return changed


def _geometric(random: np.random.Generator, ends: Range) -> float:
    return float(np.exp(random.uniform(*np.log(ends))))


def _check_probability(probability: float) -> None:
    if not 0 <= probability <= 1:
        raise ConfigError(f"probability is {probability}; it is from 0 (never) to 1 (always).")


def _check_range(name: str, ends: Range, least: float, most: float) -> None:
    if not least <= ends[0] <= ends[1] <= most:
        raise ConfigError(
            f"{name} is from {ends[0]} to {ends[1]}; it must rise and lie within {least} to {most}."
        )
