"""The decoder (S2): semantic tokens, phonemes and a timbre to a waveform.

Letters in shapes: B batch, T tokens, E content frames (two per token), P phones, K bins, R frames
of a reference, C content channels, H latent channels, G timbre channels, N samples.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.audio.pace import places as places_at
from myna.nets.flow import Flow
from myna.nets.generator import Generator
from myna.nets.posterior_encoder import PosteriorEncoder
from myna.nets.prior_encoder import PriorEncoder, picked
from myna.nets.reference_encoder import ReferenceEncoder, full_mask
from myna.nets.source_filter import Since, SourceFilter
from myna.specs import DecoderSpec, GeneratorSpec


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """What training compares, of clips whose recordings are known."""

    timbre: Tensor
    """(B, G, 1)"""
    drawn: Tensor
    """(B, H, E) of the posterior, which the generator reads."""
    posterior_mean: Tensor
    posterior_log_deviation: Tensor
    flowed: Tensor
    """(B, H, E): `drawn`, where the prior expects it."""
    prior_mean: Tensor
    prior_log_deviation: Tensor


class Decoder(nn.Module):
    """A conditional VITS (arXiv:2106.06103) whose text is semantic tokens and phonemes.

    Source: GPT-SoVITS, `SynthesizerTrn`; values checked against recorded ones in the parity tests.

    Args:
        training: also build the posterior encoder, if the spec has one; only training uses it.
        dropout: in the reference encoder and the prior encoder.
    """

    emphasis: Tensor | None

    def __init__(self, spec: DecoderSpec, *, training: bool = False, dropout: float = 0.1) -> None:
        super().__init__()
        self.spec = spec
        self.content_downsample = nn.Conv1d(spec.content, spec.content, 2, stride=2)
        self.codebook = nn.Embedding(spec.codes, spec.content)
        self.reference_encoder = ReferenceEncoder(spec, dropout)
        self.prior_encoder = PriorEncoder(spec, dropout)
        self.flow = Flow(spec)
        self.generator: Generator | SourceFilter = (
            Generator(spec.generator, spec.hidden, spec.timbre)
            if isinstance(spec.generator, GeneratorSpec)
            else SourceFilter(spec.generator, spec.hidden, spec.timbre)
        )
        if training and spec.posterior_layers:
            self.posterior_encoder = PosteriorEncoder(spec)
        if spec.speaker_vector is not None:
            self.speaker_vector = nn.Linear(spec.speaker_vector, spec.timbre)
            self.timbre_activation = nn.PReLU(spec.timbre)
            self.timbre_to_prior = nn.Linear(spec.timbre, spec.fusion)
        if spec.band_limited:
            self.band = nn.Linear(1, spec.timbre)
        # In no file, and computed even when the parameters are on meta.
        self.register_buffer("emphasis", _emphasis(spec), persistent=False)

    def tokens(self, content: Tensor) -> Tensor:
        """Content features (B, C, E) -> semantic tokens (B, E // 2), the nearest codes."""
        x = self.content_downsample(content).transpose(1, 2)
        codes = self.codebook.weight
        # |x - c|^2 without |x|^2, which is the same for all codes.
        distance = codes.square().sum(1) - 2 * (x @ codes.t())
        return distance.argmin(-1)

    def timbre(
        self,
        spectrogram: Tensor,
        mask: Tensor,
        speaker: Tensor | None,
        band: Tensor | None = None,
    ) -> Tensor:
        """Timbre of a reference.

        Args:
            spectrogram: (B, at least K, R) linear magnitudes.
            mask: (B, 1, R), 1 where there is sound.
            speaker: (B, width of the speaker vector); None for a family without one.
            band: (B, 1), up to which share of all frequencies speech is to have sound, for a family
                that is told so; by default all.

        Returns:
            (B, G, 1).
        """
        x: Tensor = self.reference_encoder(spectrogram, mask)
        if self.spec.speaker_vector is not None:
            assert speaker is not None, "this family reads a speaker vector"
            x = self.timbre_activation(x + self.speaker_vector(speaker)[..., None])
        if self.spec.band_limited:
            x = x + self.band(x.new_ones(len(x), 1) if band is None else band)[..., None]
        return x

    def prior_timbre(self, timbre: Tensor) -> Tensor:
        """The timbre as the prior encoder reads it: (B, G, 1) -> (B, fusion width, 1)."""
        if self.spec.speaker_vector is None:
            return timbre
        return self.timbre_to_prior(timbre.transpose(1, 2)).transpose(1, 2)

    def content(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) -> codebook entries at the content rate, (B, C, E)."""
        entries = self.codebook(tokens).transpose(1, 2)
        return F.interpolate(entries, scale_factor=float(self.spec.frames_per_token))

    def join(self, tokens: Tensor, phones: Tensor, timbre: Tensor) -> Tensor:
        """Tokens as they are spoken; training asks `prior`, which knows of no emphasis.

        tokens (B, T), phones (B, P), timbre (B, G, 1) -> (B, H, E): the prior's hidden state.
        """
        content = self.content(tokens)
        if self.emphasis is not None:
            content = content * self.emphasis
        text_mask = torch.ones_like(phones, dtype=content.dtype)[:, None]
        return self.prior_encoder.join(
            content, full_mask(content), phones, text_mask, self.prior_timbre(timbre)
        )

    def prior(
        self, tokens: Tensor, phones: Tensor, text_mask: Tensor, mask: Tensor, timbre: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and log deviation of the latents of padded rows, (B, H, E) each.

        Args:
            tokens: (B, T).
            phones: (B, P).
            text_mask: (B, 1, P), 1 where there are phones.
            mask: (B, 1, E), 1 where there is sound.
            timbre: (B, G, 1).
        """
        joined = self.prior_encoder.join(
            self.content(tokens), mask, phones, text_mask, self.prior_timbre(timbre)
        )
        return self.prior_encoder.prior(joined, mask)

    def latents(
        self,
        tokens: Tensor,
        phones: Tensor,
        text_mask: Tensor,
        spectrogram: Tensor,
        mask: Tensor,
        speaker: Tensor | None,
        noise: Tensor,
        band: Tensor | None = None,
    ) -> Latents:
        """Posterior and prior of recorded clips; the net was built for training.

        The timbre is that of the whole clip. The posterior encoder learns nothing about it, as
        published: its gradient stops there.

        Args:
            tokens: (B, T).
            phones: (B, P).
            text_mask: (B, 1, P), 1 where there are phones.
            spectrogram: (B, K, E) linear magnitudes.
            mask: (B, 1, E), 1 where there is sound.
            speaker: (B, width of the speaker vector); None for a family without one.
            noise: (B, H, E), standard normal.
            band: (B, 1), see `timbre`.
        """
        timbre = self.timbre(spectrogram, mask, speaker, band)
        prior_mean, prior_log_deviation = self.prior(tokens, phones, text_mask, mask, timbre)
        drawn, posterior_mean, posterior_log_deviation = self.posterior_encoder(
            spectrogram, mask, timbre.detach(), noise
        )
        return Latents(
            timbre=timbre,
            drawn=drawn,
            posterior_mean=posterior_mean,
            posterior_log_deviation=posterior_log_deviation,
            flowed=self.flow(drawn, mask, timbre),
            prior_mean=prior_mean,
            prior_log_deviation=prior_log_deviation,
        )

    def render(
        self,
        joined: Tensor,
        timbre: Tensor,
        noise: Tensor | None,
        speed: float = 1.0,
        grain: Tensor | None = None,
    ) -> Tensor:
        """Hidden state of the prior to a waveform.

        Args:
            joined: (B, H, E).
            timbre: (B, G, 1).
            noise: (B, H, E'), already scaled, E' frames at this speed; None for none.
            speed: above 1 is faster.
            grain: (B, N), standard normal, for a generator that filters noise; else None.

        Returns:
            (B, N), N = E' * hop of the generator.
        """
        if speed != 1:
            places = torch.from_numpy(places_at(joined.shape[2], speed)).to(joined.device)
            joined = picked(joined, places)
        return self.sound(joined, timbre, noise, grain)[0]

    def sound(
        self,
        joined: Tensor,
        timbre: Tensor,
        noise: Tensor | None,
        grain: Tensor | None = None,
        since: Since | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """A part of a sentence, or all of it, to samples.

        Args:
            joined: (B, H, E), at the speed asked for.
            timbre: (B, G, 1).
            noise: (B, H, E), already scaled; None for none.
            grain: (B, N), for a generator that filters noise; else None.
            since: of a part, where its pulses go on from.

        Returns:
            (B, N), and for a generator that filters pulses how far they have come, see
            `myna.nets.source_filter.SourceFilter.sound`.
        """
        mask = full_mask(joined)
        mean, log_deviation = self.prior_encoder.prior(joined, mask)
        z = mean if noise is None else mean + noise * torch.exp(log_deviation)
        z = self.flow.reverse(z, mask, timbre) * mask
        if isinstance(self.generator, SourceFilter):
            assert grain is not None, "this generator filters noise"
            return self.generator(z, timbre, grain, since)
        samples: Tensor = self.generator(z, timbre)
        return samples[:, 0], None

    def forward(
        self,
        tokens: Tensor,
        phones: Tensor,
        timbre: Tensor,
        noise: Tensor | None = None,
        speed: float = 1.0,
        grain: Tensor | None = None,
    ) -> Tensor:
        """tokens (B, T), phones (B, P), timbre (B, G, 1) -> waveform (B, N); see `render`."""
        return self.render(self.join(tokens, phones, timbre), timbre, noise, speed, grain)


def _emphasis(spec: DecoderSpec) -> Tensor | None:
    """(C, 1): what content is multiplied by when it is spoken."""
    if not spec.emphasis:
        return None
    columns = torch.tensor([count for count, _ in spec.emphasis], device="cpu")
    weights = torch.tensor([weight for _, weight in spec.emphasis], device="cpu")
    return weights.repeat_interleave(columns, output_size=spec.content)[:, None]
