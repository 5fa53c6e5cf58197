"""Something like speech, with pauses and hissing sounds, and what spoils recordings of it."""

from __future__ import annotations

import numpy as np

import toy
from myna.datatypes import Audio


def speech(phrases: int = 5, *, rate: int = 16_000, pause: float = 0.8, seed: int = 0) -> Audio:
    """Phrases of 2 s with hisses up to the highest frequency, between pauses."""
    random = np.random.default_rng(seed)
    parts = [np.zeros(round(pause * rate))]
    for number in range(phrases):
        buzz = toy.clip(2.0, rate=rate, seed=seed + number).samples[rate // 4 : -(rate // 4)]
        hiss = random.normal(size=len(buzz)) * 0.05
        turns = np.repeat(random.random(len(buzz) // (rate // 8) + 1) < 0.3, rate // 8)
        time = np.arange(len(buzz)) / rate
        parts += [buzz + hiss * turns[: len(buzz)] * np.sin(np.pi * 8 * time) ** 2]
        parts.append(np.zeros(round(pause * rate)))
    samples = np.concatenate(parts)
    return Audio((samples + random.normal(size=len(samples)) * 1e-5).astype(np.float32), rate)


def level(audio: Audio) -> float:
    """Mean power while something is heard."""
    frames = audio.samples[: len(audio.samples) // 400 * 400].reshape(-1, 400)
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    return float(power[power > power.max() * 1e-3].mean())


def noisy(audio: Audio, decibels: float, *, seed: int = 1) -> Audio:
    """With white noise that many decibels below speech."""
    noise = np.random.default_rng(seed).normal(size=len(audio.samples))
    noise *= np.sqrt(level(audio) * 10.0 ** (-decibels / 10.0))
    return Audio((audio.samples + noise).astype(np.float32), audio.rate)


def clipped(audio: Audio, share: float) -> Audio:
    """Cut off at a share of the peak."""
    top = np.abs(audio.samples).max() * share
    return Audio(np.clip(audio.samples, -top, top), audio.rate)


def in_room(audio: Audio, seconds: float, *, seed: int = 2) -> Audio:
    """In a room that rings for `seconds` until 60 dB are gone, as loud as the voice."""
    count = round(1.2 * seconds * audio.rate)
    time = np.arange(count) / audio.rate
    ring = np.random.default_rng(seed).normal(size=count) * 10.0 ** (-3.0 * time / seconds)
    ring[: audio.rate // 250] = 0.0
    ring /= np.sqrt((ring**2).sum())
    ring[0] = 1.0
    size = 1 << (len(audio.samples) + count).bit_length()
    wet = np.fft.irfft(np.fft.rfft(audio.samples, size) * np.fft.rfft(ring, size), size)
    wet = wet[: len(audio.samples)]
    return Audio((wet / np.abs(wet).max() * 0.5).astype(np.float32), audio.rate)


def gain_controlled(audio: Audio, release: float) -> Audio:
    """Through a gain control that turns up what is soft, within `release` seconds."""
    hop = audio.rate // 200
    frames = audio.samples[: len(audio.samples) // hop * hop].reshape(-1, hop)
    heard, gains = 1e-6, []
    for root in np.sqrt(np.square(frames, dtype=np.float64).mean(axis=1) + 1e-12):
        keep = np.exp(-0.005 / (0.01 if root > heard else release))
        heard = keep * heard + (1.0 - keep) * root
        gains.append(min(20.0, 0.8 * (-20.0 - 20.0 * np.log10(heard + 1e-9))))
    gain = np.interp(np.arange(len(audio.samples)), np.arange(len(gains)) * hop, gains)
    samples = audio.samples * 10.0 ** (gain / 20.0)
    return Audio((samples / np.abs(samples).max() * 0.9).astype(np.float32), audio.rate)


RATES = (8_000, 16_000, 44_100)


def poor_recordings() -> dict[str, Audio]:
    """What nobody should record, and everybody must survive."""
    random = np.random.default_rng(3)
    made = {
        "one sample": Audio(np.full(1, 0.5, dtype=np.float32), 16_000),
        "no sample": Audio(np.zeros(0, dtype=np.float32), 16_000),
        "a few samples": Audio(random.normal(size=30).astype(np.float32), 16_000),
        "a square wave": Audio(np.sign(np.sin(np.arange(32_000) / 9)).astype(np.float32), 16_000),
        "a click": Audio((np.arange(32_000) == 16_000).astype(np.float32), 16_000),
        "much too loud": Audio((random.normal(size=32_000) * 1e4).astype(np.float32), 16_000),
        "tiny": Audio((random.normal(size=32_000) * 1e-20).astype(np.float32), 16_000),
        "4 kHz": Audio((random.normal(size=8_000) * 0.1).astype(np.float32), 4_000),
        "11025 Hz": Audio((random.normal(size=30_000) * 0.1).astype(np.float32), 11_025),
    }
    for rate in RATES:
        time = np.arange(3 * rate) / rate
        made |= {
            f"silence at {rate}": Audio(np.zeros(2 * rate, dtype=np.float32), rate),
            f"DC at {rate}": Audio(np.full(2 * rate, 0.5, dtype=np.float32), rate),
            f"0.2 s at {rate}": Audio(
                (random.normal(size=rate // 5) * 0.1).astype(np.float32), rate
            ),
            f"noise at {rate}": Audio(
                (random.normal(size=3 * rate) * 0.1).astype(np.float32), rate
            ),
            f"a tone at {rate}": Audio(np.sin(2 * np.pi * 440 * time).astype(np.float32), rate),
        }
    return made
