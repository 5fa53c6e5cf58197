"""Latents to a waveform by filters on pulses and noise: the generator of small families.

Nothing is upsampled: at each frame the net names a pitch, whether there is a voice, and two
filters. Pulses of that pitch have the phases of a voice by construction, so that spectra are enough
to learn from; judges may refine it, but speech is clean without them.

Letters in shapes: B batch, H latent channels, T latent frames, S frames of filters, C channels,
G channels of the timbre, M bands, K frequencies, W samples of a window, N samples.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.audio.filter_maps import filter_maps
from myna.specs import SourceFilterSpec

MIDDLE_HZ = 160.0
"""Pitch is told in octaves from here."""
_OCTAVES = 2.0
"""Farthest pitch from `MIDDLE_HZ`: 40 to 640 Hz."""
_LOUDEST = 8.0
"""Natural logarithm of the largest gain of a filter; far above what speech needs."""
_SOFT = -9.0
"""Gain at which filters start to learn, near silence."""


class Controls(NamedTuple):
    """What the net says of each frame of filters."""

    voice: Tensor
    """(B, S) logit that there is a voice."""
    octaves: Tensor
    """(B, S) its pitch from `MIDDLE_HZ`; goes on where there is no voice."""
    pulses: Tensor
    """(B, S, M) logarithm of the gain of pulses ..."""
    noise: Tensor
    """(B, S, M) ... and of noise."""

    @property
    def hertz(self) -> Tensor:
        """(B, S)"""
        return MIDDLE_HZ * torch.exp2(self.octaves)


class Since(NamedTuple):
    """Where the pulses of a part of a sentence go on from."""

    frame: Tensor
    """(1,) of filters, within the part."""
    turns: Tensor
    """(1,) in double precision: periods before that frame; whole ones do not count."""


class SourceFilter(nn.Module):
    """Frames as in Vocos (arXiv:2306.00814), source and filters as in arXiv:1904.12088."""

    analysis: Tensor
    synthesis: Tensor
    gains: Tensor
    phases: Tensor
    sharpened: Tensor
    tilt: Tensor

    def __init__(self, spec: SourceFilterSpec, latents: int, timbre: int) -> None:
        super().__init__()
        self.spec = spec
        self.first = nn.Conv1d(latents, spec.channels, spec.kernel, padding=spec.kernel // 2)
        self.condition = nn.Conv1d(timbre, spec.channels, 1)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.layers))
        self.norm = nn.LayerNorm(spec.channels)
        self.pitch = nn.Linear(spec.channels, 2)
        self.filters = nn.Linear(spec.channels, 2 * spec.bands)
        # Fixed maps, in no file, computed even when the parameters are on meta.
        with torch.device("cpu"):
            for name, table in filter_maps(spec).items():
                self.register_buffer(name, torch.from_numpy(table), persistent=False)

    def controls(self, latents: Tensor, timbre: Tensor) -> Controls:
        """latents (B, H, T), timbre (B, G, 1) -> S = T * oversampling frames."""
        x = self.first(latents) + self.condition(timbre)
        x = x.transpose(1, 2).repeat_interleave(self.spec.oversampling, 1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        voice, octaves = self.pitch(x).unbind(-1)
        gains = (self.filters(x) + _SOFT).clamp(max=_LOUDEST)
        pulses, noise = gains.chunk(2, -1)
        return Controls(voice, _OCTAVES * torch.tanh(octaves / _OCTAVES), pulses, noise)

    def forward(
        self, latents: Tensor, timbre: Tensor, grain: Tensor, since: Since | None = None
    ) -> tuple[Tensor, Tensor]:
        """Speak, with sharper and brighter filters than were learnt if the spec says so.

        latents (B, H, T), timbre (B, G, 1), grain (B, N) -> as `sound`, of its own pitch.
        """
        controls = self.controls(latents, timbre)
        if self.spec.sharpness != 1 or self.spec.brightness != 0:
            controls = controls._replace(
                pulses=self._spoken(controls.pulses), noise=self._spoken(controls.noise)
            )
        voiced = (controls.voice > 0).to(latents.dtype)
        return self.sound(controls, controls.hertz, voiced, grain, since)

    def sound(
        self,
        controls: Controls,
        hertz: Tensor,
        voiced: Tensor,
        grain: Tensor,
        since: Since | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Filter a source of this pitch, which in training is the recorded one.

        Args:
            controls: filters.
            hertz: (B, S), also where there is no voice.
            voiced: (B, S), 1 where there is.
            grain: (B, N) standard normal, N = S * filter hop.
            since: where pulses go on from; by default they start with the first frame.

        Returns:
            (B, N), and of each frame (B, S) the parts of a period before it, in double precision.
        """
        hop = self.spec.filter_hop
        steps = periods(hertz, hop, self.spec.rate)
        turns = turned(steps, since)
        source = pulses(steps, turns) * _held(voiced, hop)
        voice_real, voice_imag = self._analysed(source)
        noise_real, noise_imag = self._analysed(grain)
        size = (controls.pulses @ self.gains).exp()
        turn = controls.pulses @ self.phases
        filter_real, filter_imag = size * turn.cos(), size * turn.sin()
        breath = (controls.noise @ self.gains).exp()
        real = voice_real * filter_real - voice_imag * filter_imag + noise_real * breath
        imag = voice_real * filter_imag + voice_imag * filter_real + noise_imag * breath
        return self._joined(torch.cat((real, imag), -1) @ self.synthesis), turns

    def _spoken(self, filters: Tensor) -> Tensor:
        """Sharpened as loud as they were, then tilted: (B, S, M) -> the same."""
        sharp = filters @ self.sharpened
        return sharp + (self._level(filters) - self._level(sharp)) / 2 + self.tilt

    def _level(self, filters: Tensor) -> Tensor:
        """(B, S, M) -> logarithm of the power of the filter, (B, S, 1)."""
        return torch.logsumexp(2 * (filters @ self.gains), -1, keepdim=True)

    def _analysed(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N) -> real and imaginary part, (B, S, K) each."""
        window, hop = self.spec.window, self.spec.filter_hop
        edge = (window - hop) // 2
        frames = F.pad(samples, (edge, edge)).unfold(1, window, hop)
        real, imag = (frames @ self.analysis).chunk(2, -1)
        return real, imag

    def _joined(self, frames: Tensor) -> Tensor:
        """Overlapping frames (B, S, W) -> their sum (B, N)."""
        hop = self.spec.filter_hop
        overlap = self.spec.window // hop
        batch, count, _ = frames.shape
        parts = frames.unflatten(2, (overlap, hop))
        # Part p of frame s belongs p hops behind the frame's start.
        total = frames.new_zeros(batch, count + overlap - 1, hop)
        for part in range(overlap):
            total = total + F.pad(parts[:, :, part], (0, 0, part, overlap - 1 - part))
        edge = (self.spec.window - hop) // 2
        return total.flatten(1)[:, edge : edge + count * hop]


class Block(nn.Module):
    """A depthwise convolution and a feed-forward (arXiv:2201.03545): (B, S, C) -> the same."""

    def __init__(self, spec: SourceFilterSpec) -> None:
        super().__init__()
        width = spec.channels
        # Two-dimensional with one row: several times faster on a CPU than one-dimensional.
        self.convolution = nn.Conv2d(
            width, width, (1, spec.kernel), padding=(0, spec.kernel // 2), groups=width
        )
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, spec.feedforward)
        self.second = nn.Linear(spec.feedforward, width)
        self.scale = nn.Parameter(torch.full((width,), 1.0 / spec.layers))

    def forward(self, x: Tensor) -> Tensor:
        y = self.convolution(x.transpose(1, 2)[:, :, None])[:, :, 0].transpose(1, 2)
        out: Tensor = x + self.scale * self.second(F.gelu(self.first(self.norm(y))))
        return out


def periods(hertz: Tensor, hop: int, rate: int) -> Tensor:
    """How much of a period each sample is.

    Args:
        hertz: (B, S), each in the middle of its `hop` samples.
        hop: samples per frame.
        rate: of the samples.

    Returns:
        (B, S, hop)
    """
    return (_held(hertz, hop) / rate).unflatten(1, (-1, hop))


def turned(steps: Tensor, since: Since | None = None) -> Tensor:
    """The part of a period that is over as each frame begins: (B, S, hop) -> (B, S)."""
    # Periods grow without bound; in double precision per frame they stay exact for hours.
    whole = steps.sum(2).double()
    before = whole.cumsum(1) - whole
    if since is not None:
        before = before - before.index_select(1, since.frame) + since.turns
    return before.remainder(1.0)


def pulses(steps: Tensor, turns: Tensor) -> Tensor:
    """All harmonics of a pitch up to half the rate, in phase, with a power of 1.

    Args:
        steps: (B, S, hop) of `periods`.
        turns: (B, S) of `turned`.

    Returns:
        (B, S * hop)
    """
    smooth = steps.flatten(1)
    cycles = (turns.to(steps.dtype)[..., None] + steps.cumsum(2)).flatten(1)
    cycles = cycles - cycles.round()
    # The sum of cosines has a closed form, the Dirichlet kernel.
    harmonics = (0.5 / smooth).floor()
    below = torch.sin(math.pi * cycles)
    near = below.abs() < 1e-5
    above = torch.sin(math.pi * (2 * harmonics + 1) * cycles)
    sums = torch.where(near, 2 * harmonics + 1, above / torch.where(near, 1.0, below))
    return (sums - 1.0) * smooth.sqrt()


def _held(frames: Tensor, hop: int) -> Tensor:
    """(B, S) -> (B, S * hop), in straight lines from middle to middle."""
    size = frames.shape[1] * hop
    drawn = F.interpolate(frames[:, None], size=size, mode="linear", align_corners=False)
    return drawn[:, 0]
