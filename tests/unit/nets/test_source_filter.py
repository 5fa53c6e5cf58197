"""The generator of pulses, noise and filters: sounds whose makeup is known."""

from __future__ import annotations

from dataclasses import replace

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


def spoken(sharpness=1.0, brightness=0.0):
    """Filters of a hum with one formant, as they are said."""
    spec = replace(SPEC, sharpness=sharpness, brightness=brightness)
    net = SourceFilter(spec, latents=6, timbre=5).eval()
    bands = torch.arange(float(SPEC.bands))
    filters = (3.0 * torch.exp(-((bands - 10.0) ** 2) / 8.0) - 0.1 * bands).expand(1, 3, -1)
    return filters, net._spoken(filters), net


@torch.inference_mode()
def test_sharper_filters_are_as_loud_with_higher_formants():
    before, after, net = spoken(sharpness=1.5)
    torch.testing.assert_close(net._level(before), net._level(after))
    peak, valley = 10, 20
    gained = (after - before)[0, 0]
    assert gained[peak] > gained[valley] + 0.5
    slope = torch.linspace(-1.0, 1.0, SPEC.bands).expand(1, 3, -1)
    cosine = torch.cos(np.pi * (torch.arange(SPEC.bands) + 0.5) / SPEC.bands).expand(1, 3, -1)
    torch.testing.assert_close(net._spoken(cosine), cosine, atol=1e-5, rtol=0)  # what slopes stays
    assert not torch.allclose(net._spoken(slope**2), slope**2, atol=1e-2)
    torch.testing.assert_close(spoken()[1], before, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_brighter_filters_rise_above_1_khz_by_6_db_at_most():
    before, after, _ = spoken(brightness=4.0)
    decibels = (after - before)[0, 0] * 20 / np.log(10)
    mel = 1127 * np.log1p(RATE / 2 / 700) * np.linspace(0, 1, SPEC.bands)
    frequencies = 700 * np.expm1(mel / 1127)
    expected = np.clip(4 * np.log2(np.maximum(frequencies, 1) / 1000), 0, 6)
    np.testing.assert_allclose(decibels.numpy(), expected, atol=1e-4)
    assert expected.max() == 6


@torch.inference_mode()
def test_only_what_is_spoken_is_sharper(net):
    """Training compares `sound` of `controls` with recordings, which is to learn the same."""
    sharp = SourceFilter(replace(SPEC, sharpness=1.3, brightness=2.0), latents=6, timbre=5).eval()
    sharp.load_state_dict(net.state_dict())
    latents, timbre = torch.randn(1, 6, FRAMES // 2), torch.randn(1, 5, 1)
    mild, meant = net.controls(latents, timbre), sharp.controls(latents, timbre)
    assert all(torch.equal(a, b) for a, b in zip(mild, meant, strict=True))
    noise = grain()
    assert torch.equal(*(each.sound(mild, hertz(90.0), ALL, noise)[0] for each in (net, sharp)))
    assert not torch.equal(*(each(latents, timbre, noise)[0] for each in (net, sharp)))
