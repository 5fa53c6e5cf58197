"""The generator of pulses, noise and filters: sounds whose makeup is known."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.nets.source_filter import Controls, SourceFilter, periods, turned
from myna.nets.source_filter import pulses as _pulses
from myna.specs import SourceFilterSpec

SPEC = SourceFilterSpec(channels=16, feedforward=24, layers=2, bands=32)
RATE, HOP = SPEC.rate, SPEC.filter_hop
FRAMES = 120
SILENT = -30.0


@pytest.fixture
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SourceFilter(SPEC, latents=6, timbre=5).eval()


def controls(voice, noise):
    """Constant filters: logarithms of gain, a number or one per band."""
    gains = [
        torch.as_tensor(gain, dtype=torch.float32).expand(1, FRAMES, SPEC.bands)
        for gain in (voice, noise)
    ]
    return Controls(torch.ones(1, FRAMES), torch.zeros(1, FRAMES), *gains)


def grain(frames=FRAMES):
    return torch.randn(1, frames * HOP, generator=torch.Generator().manual_seed(1))


def pulses(hertz, hop, rate):
    steps = periods(hertz, hop, rate)
    return _pulses(steps, turned(steps))


def hertz(value):
    return torch.full((1, FRAMES), value)


INSIDE = slice(2 * HOP, -2 * HOP)
ALL, NONE = torch.ones(1, FRAMES), torch.zeros(1, FRAMES)


@torch.inference_mode()
def test_open_filters_change_nothing(net):
    noise = grain()
    heard, _ = net.sound(controls(SILENT, 0.0), hertz(100.0), ALL, noise)
    torch.testing.assert_close(heard[:, INSIDE], noise[:, INSIDE], atol=2e-5, rtol=0)
    heard, _ = net.sound(controls(0.0, SILENT), hertz(100.0), ALL, noise)
    expected = pulses(hertz(100.0), HOP, RATE)
    torch.testing.assert_close(heard[:, INSIDE], expected[:, INSIDE], atol=5e-5, rtol=0)


@torch.inference_mode()
def test_without_a_voice_there_are_no_pulses(net):
    heard, _ = net.sound(controls(0.0, SILENT), hertz(100.0), NONE, grain())
    assert heard.abs().max() < 1e-6


@pytest.mark.parametrize("value", [61.0, 123.4, 402.0])
def test_pulses_have_their_pitch_and_a_power_of_one(value):
    heard = pulses(hertz(value), HOP, RATE)[0]
    assert float(heard.square().mean()) == pytest.approx(1.0, abs=0.05)
    middle = heard[1:-1]
    peaks = (middle > heard[:-2]) & (middle >= heard[2:]) & (middle > 0.5 * heard.max())
    assert int(peaks.sum()) == pytest.approx(value * FRAMES * HOP / RATE, abs=1.0)


def test_pulses_have_all_harmonics_alike_and_nothing_between():
    heard = pulses(hertz(200.0), HOP, RATE)[0].numpy()
    spectrum = np.abs(np.fft.rfft(heard[: RATE // 2] * np.hanning(RATE // 2)))
    # Two bins per hertz less: 200 Hz is every hundredth.
    harmonics = spectrum[100:5900:100]
    assert harmonics.max() / harmonics.min() < 1.01
    assert spectrum[150:5900:100].max() < 1e-3 * harmonics.min()


def test_hours_of_pulses_stay_in_phase():
    """An hour later the pulses of a pitch that divides the rate lie where they lay before."""
    frames = 100 * 3600
    long = torch.full((1, frames), 100.0)
    heard = pulses(long, HOP, RATE)[0]
    period = RATE // 100
    first, last = heard[10 * period : 12 * period], heard[-12 * period : -10 * period]
    torch.testing.assert_close(first, last, atol=0.02, rtol=0)


@torch.inference_mode()
def test_gains_are_what_bands_say_and_phases_are_the_least(net):
    """An exponential slope over bands, and all sound after the pulse, none before it."""
    slope = -torch.arange(SPEC.bands) / 4.0
    heard = net.sound(controls(slope, SILENT), hertz(100.0), ALL, grain())[0][0].numpy()
    source = pulses(hertz(100.0), HOP, RATE)[0].numpy()
    part = slice(RATE // 4, RATE // 4 + RATE // 2)
    made, plain = (np.abs(np.fft.rfft(x[part] * np.hanning(RATE // 2))) for x in (heard, source))
    places = np.arange(1, 119) * 50
    mel = 1127.0 * np.log1p(places * 2 / 700.0)
    expected = -mel / (1127.0 * np.log1p(RATE / 2 / 700.0)) * (SPEC.bands - 1) / 4.0
    np.testing.assert_allclose(np.log(made[places] / plain[places]), expected, atol=0.05)
    peak = int(source[part].argmax()) + part.start
    heard = heard - np.median(heard[part])  # pulses have no constant part
    before, after = heard[peak - 60 : peak - 2], heard[peak - 2 : peak + 60]
    assert np.square(before).sum() < 0.02 * np.square(after).sum()


@torch.inference_mode()
def test_lengths_and_neighbours(net):
    latents = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(2))
    timbre = torch.randn(2, 5, 1, generator=torch.Generator().manual_seed(3))
    noise = torch.randn(2, 9 * SPEC.hop, generator=torch.Generator().manual_seed(4))
    both, turns = net(latents, timbre, noise)
    assert both.shape == (2, 9 * SPEC.hop)
    assert turns.shape == (2, 9 * SPEC.oversampling)
    alone, _ = net(latents[1:], timbre[1:], noise[1:])
    torch.testing.assert_close(both[1:], alone, atol=1e-6, rtol=1e-4)
    named = net.controls(latents, timbre)
    assert named.voice.shape == (2, 9 * SPEC.oversampling)
    assert 40.0 <= float(named.hertz.min()) <= float(named.hertz.max()) <= 640.0


def test_gradients_reach_filters_but_need_no_pitch(net):
    latents = torch.randn(1, 6, FRAMES // 2, generator=torch.Generator().manual_seed(2))
    timbre = torch.randn(1, 5, 1, generator=torch.Generator().manual_seed(3))
    made, _ = net.sound(net.controls(latents, timbre), hertz(120.0), ALL, grain())
    made.square().mean().backward()
    assert net.filters.weight.grad.abs().sum() > 0
    assert net.first.weight.grad.abs().sum() > 0
    assert net.pitch.weight.grad is None or not net.pitch.weight.grad.any()
