"""Train the decoder: a waveform from semantic tokens, phones and a timbre.

As published: the posterior encoder hears the clip, the flow carries what it found to where the
prior of tokens and phones expects it, and the generator makes a short slice of the clip again,
which judges compare with the recording. Without judges, spectra take their place.

Letters in shapes: B rows, T frames, S frames of a slice, F frames of filters, H latent channels, M
mel bands, N samples.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from myna.audio.spelling import moved
from myna.checkpoints import recognise, store
from myna.errors import CheckpointError, ConfigError, TrainingError
from myna.nets.decoder import Decoder, Latents
from myna.nets.discriminator import Discriminator
from myna.nets.mel import at_least_single, log_mel, margin, spectrogram
from myna.nets.source_filter import MIDDLE_HZ, SourceFilter
from myna.specs import DecoderSpec, SourceFilterSpec, SpellingSpec
from myna.training import decoder_losses
from myna.training.decoder_batches import collate, cut, inside
from myna.training.decoder_losses import DecoderLosses
from myna.training.seeding import seeded
from myna.training.task import Batch, Draws, Example, ParameterGroup, Player, Sample

log = logging.getLogger(__name__)

_NET = recognise.DECODER
_JUDGES = recognise.DISCRIMINATOR
_GENERATOR = "generator"
"""The player that moves the decoder."""
_BANDS = 128
"""Of the mel loss."""
_PCM_SCALE = 32768.0
_TEXT_SIDE = ("phone_embedding.", "text_layers.", "fusion.")
_FROZEN = ("content_downsample.", "codebook.")
"""They define what a semantic token is."""
_POSTERIOR = "posterior_encoder."


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSettings:
    """What is learnt of a clip, and how."""

    adversarial: bool = True
    """Train against judges. Without, speech is duller, and a step takes a fraction of the time and
    memory."""
    losses: DecoderLosses = field(default_factory=DecoderLosses)
    slice_frames: int = 32
    """Of each clip that the generator makes at a step; shorter clips are filled up with silence."""
    text_scale: float = 0.4
    """Factor on the learning rate of what reads phones; published programs offer 0.2 to 0.6, and 0
    freezes it."""
    dropout: float = 0.1
    """In the reference encoder and the prior encoder. Published: 0.1, but none in the prior encoder
    of families with a speaker vector."""
    wrong_pitch: float = 0.0
    wrong_loudness: float = 0.0
    """Of families whose tokens are spelled: up to which share of a clip's tokens, drawn for each
    clip, has its level of pitch or loudness moved by one. What a token model draws is not always
    what was said; a decoder that was never wrong takes each level for the word."""
    always_right: float = 0.35
    """Share of clips that are left alone."""
    groups: tuple[ParameterGroup, ...] = ()
    """Share of the learning rate, by names that start with `decoder.`; given, they take the place
    of `text_scale`. What makes semantic tokens never moves."""

    def __post_init__(self) -> None:
        if self.slice_frames < 8:
            raise ConfigError(f"slice_frames is {self.slice_frames}; give at least 8.")
        if not 0 <= self.text_scale <= 1:
            raise ConfigError(f"text_scale is {self.text_scale}; give 0 to 1.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout is {self.dropout}; give 0 to below 1.")
        for name in ("wrong_pitch", "wrong_loudness", "always_right"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give 0 to 1.")


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """What a step's losses compare."""

    latents: Latents | None
    """None for a decoder without a posterior encoder, which makes clips of the prior's mean."""
    mask: Tensor
    """(B, 1, T): 1 within each row."""
    real: Tensor
    """(B, N) recorded samples of a slice, silent beyond the row's end."""
    made: Tensor
    """(B, N) likewise."""
    real_mel: Tensor
    """(B, M, S), of the spectrogram of the whole clip."""
    slice_mask: Tensor
    """(B, 1, S)"""
    pitch: Tensor | None = None
    """Sum of how far the generator's pitch is off, if it filters a source."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The recorded pitch of rows, and the noise that takes the place of their breath."""

    octaves: Tensor
    """(B, F) with F frames of filters; from the middle pitch."""
    voiced: Tensor
    """(B, F)"""
    grain: Tensor
    """(B, N) standard normal."""


class DecoderTask:
    """Fulfils `myna.training.task.Task`.

    Examples have `phones` (P,), `tokens` (T,), `samples` (N,) int16 at the family's rate, and
    `speaker` (V,) where the family has a speaker vector, `pitch` (F,) in Hz where its generator
    filters a source, and `band` in Hz where it is told up to where a recording has sound; lengths
    are counted in frames, see `myna.training.decoder_batches.frames`.

    Loss terms: `discrimination` of the player `discriminator`; `adversarial`, `features`, `mel` and
    `kl` of the player `generator`, or `mel`, `spectral` and `kl` without judges. Held-out terms, of
    whole clips: `mel_made` of what the generator makes of the posterior's mean, `kl`, both in
    `loss` with the weights of training, and `mel_from_prior` of what it makes of tokens and phones
    alone, which is what users hear.
    """

    name = _NET
    averaged: tuple[str, ...] = (_NET,)

    def __init__(
        self,
        spec: DecoderSpec,
        settings: DecoderSettings,
        spelling: SpellingSpec | None = None,
    ) -> None:
        if (settings.wrong_pitch or settings.wrong_loudness) and spelling is None:
            raise ConfigError("wrong_pitch and wrong_loudness are for tokens that are spelled.")
        self.spec, self._spelling = spec, spelling
        self.settings = settings
        self.decoder = Decoder(spec, training=True, dropout=settings.dropout)
        for name in _FROZEN:
            self.decoder.get_submodule(name[:-1]).requires_grad_(requires_grad=False)
        self.nets = nn.ModuleDict({_NET: self.decoder})
        losses = settings.losses
        weights = {"mel": losses.mel} | ({"kl": losses.kl} if spec.posterior_layers else {})
        judging: tuple[Player, ...] = ()
        if settings.adversarial:
            weights |= {"adversarial": losses.adversarial, "features": losses.features}
            # Judges that no file brings start the same every time.
            with seeded(torch.device("cpu"), _JUDGES):
                self.nets[_JUDGES] = Discriminator(spec.discriminator)
            group = ParameterGroup(prefixes=(f"{_JUDGES}.",))
            judging = (Player(name=_JUDGES, groups=(group,), weights={"discrimination": 1.0}),)
        else:
            weights |= {"spectral": losses.spectral}
        self.source = spec.generator if isinstance(spec.generator, SourceFilterSpec) else None
        if self.source:
            weights |= {"pitch": losses.pitch}
        groups = settings.groups or _published_groups(settings.text_scale)
        self.players: tuple[Player, ...] = (
            *judging,
            Player(name=_GENERATOR, groups=groups, weights=weights),
        )

    def collate(self, examples: Sequence[Example]) -> Batch:
        """See `myna.training.decoder_batches.collate`."""
        return collate(examples, self.spec, self.settings.slice_frames)

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        rows, frames = float(len(batch.keys)), float(batch["frames"].sum())
        names = ("discrimination", "adversarial", "features", "spectral")
        held_out = ("loss", "mel_made", "mel_from_prior")
        return {
            **dict.fromkeys(names, rows),
            **dict.fromkeys(("mel", "pitch"), rows * self.settings.slice_frames),
            **dict.fromkeys((*held_out, "kl"), frames),
        }

    def forward(self, batch: Batch, draws: Draws) -> Slices:
        """A slice of every row is made again; where it starts is drawn."""
        analysis, length = self.spec.spectrogram, self.settings.slice_frames
        batch = self._misread(batch, draws)
        samples, magnitudes, mask = self._heard(batch)
        places = (batch["frames"] - length + 1).clamp(min=1)
        start = (draws.uniform("slice", samples) * places).long().minimum(places - 1)
        slice_mask = cut(mask, start, length)
        sounding = slice_mask.repeat_interleave(analysis.hop, 2)[:, 0]
        source = self._source(batch, start, length, draws)
        latents = None
        if self.spec.posterior_layers:
            latents = self._latents(batch, magnitudes, mask, draws)
            z, timbre = latents.drawn, latents.timbre
        else:
            z, timbre = self._prior(batch, magnitudes, mask)
        made, pitch = self._made(cut(z, start, length), timbre, source)
        # The first margin of the row shifts all samples by as many.
        first = start * analysis.hop + margin(analysis)
        real = cut(samples[:, None], first, length * analysis.hop)[:, 0]
        return Slices(
            latents=latents,
            mask=mask,
            real=real * sounding,
            made=at_least_single(made) * sounding,
            real_mel=log_mel(cut(magnitudes, start, length), analysis, _BANDS),
            slice_mask=slice_mask,
            pitch=pitch if source else None,
        )

    def losses(self, player: str, batch: Batch, shared: Any) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Judges get what was made without its history; the decoder's loss also gives judges
        gradients, which are for the loop to leave out."""
        slices: Slices = shared
        if player == _JUDGES:
            judges = self.nets[_JUDGES]
            real, made = judges(slices.real), judges(slices.made.detach())
            return {"discrimination": decoder_losses.discrimination(real, made)}
        made_mel = self._mel(slices.made)
        terms = {"mel": decoder_losses.mel(slices.real_mel, made_mel, slices.slice_mask)}
        if slices.latents is not None:
            terms["kl"] = decoder_losses.kl(slices.latents, slices.mask)
        if slices.pitch is not None:
            terms["pitch"] = slices.pitch
        if not self.settings.adversarial:
            return terms | {"spectral": decoder_losses.spectral(slices.real, slices.made)}
        judges = self.nets[_JUDGES]
        with torch.no_grad():
            real = judges(slices.real)
        made = judges(slices.made)
        return terms | {
            "adversarial": decoder_losses.adversarial(made),
            "features": decoder_losses.features(real, made),
        }

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        """Noise depends on the rows' keys alone; made and recorded speech are silent beyond the
        end of a row, so that it does not depend on its neighbours."""
        samples, magnitudes, mask = self._heard(batch)
        spoken, latents = self._spoken(batch, magnitudes, mask)
        sounding = mask.repeat_interleave(self.spec.spectrogram.hop, 2)[:, 0]
        edge = margin(self.spec.spectrogram)
        real_mel = self._mel(samples[:, edge : samples.shape[1] - edge] * sounding)
        terms = {
            name: decoder_losses.mel(real_mel, self._mel(made * sounding), mask)
            for name, made in spoken.items()
        }
        weights = self.settings.losses
        if latents is None:
            return terms | {"loss": weights.mel * terms["mel_from_prior"]}
        terms["kl"] = decoder_losses.kl(latents, mask)
        terms["loss"] = weights.mel * terms["mel_made"] + weights.kl * terms["kl"]
        return terms

    @torch.no_grad()
    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:
        """Of each example, audio and log-mel: recorded, made of the posterior and of the prior."""
        made = []
        rate, hop = self.spec.spectrogram.rate, self.spec.spectrogram.hop
        edge = margin(self.spec.spectrogram)
        device = self.decoder.codebook.weight.device
        for example in examples:
            batch = self.collate([example]).to(device)
            samples, magnitudes, mask = self._heard(batch)
            spoken, _ = self._spoken(batch, magnitudes, mask)
            titles = {"mel_made": "made", "mel_from_prior": "from the prior"}
            versions = {"recorded": samples[:, edge:]}
            versions |= {titles[name]: wave for name, wave in spoken.items()}
            for name, wave in versions.items():
                own = at_least_single(wave[:, : int(batch["frames"]) * hop])
                made.append(
                    Sample(
                        name=f"{name} {example['key']}",
                        audio=own[0].float().cpu().numpy(),
                        rate=rate,
                        picture=self._mel(own)[0].float().cpu().numpy(),
                        axes=("frame", "mel band"),
                    )
                )
        return made

    def _misread(self, batch: Batch, draws: Draws) -> Batch:
        """With some levels of tokens moved, as the settings say."""
        settings, spelling = self.settings, self._spelling
        if spelling is None or not (settings.wrong_pitch or settings.wrong_loudness):
            return batch
        tokens = batch["tokens"].cpu().numpy().copy()
        for row, own in enumerate(tokens):
            random = draws.numpy(row, "levels")
            if random.random() >= settings.always_right:
                own[:] = moved(own, spelling, random, settings.wrong_pitch, settings.wrong_loudness)
        changed = torch.from_numpy(tokens).to(batch["tokens"].device)
        return Batch(batch.keys, {**batch.tensors, "tokens": changed})

    def _heard(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Samples with margins, their magnitudes (B, K, T), and the mask (B, 1, T)."""
        dtype = self.decoder.codebook.weight.dtype
        samples = batch["samples"].to(dtype) / _PCM_SCALE
        magnitudes = spectrogram(samples, self.spec.spectrogram, reflected=True)
        return samples, magnitudes, inside(batch["frames"], magnitudes.shape[2], dtype)

    def _latents(self, batch: Batch, magnitudes: Tensor, mask: Tensor, draws: Draws) -> Latents:
        phones, hidden = batch["phones"], self.spec.hidden
        speaker = batch.tensors.get("speaker")
        shape = (magnitudes.shape[2], hidden)
        # Frame after frame, so that a row draws the same however long it is padded.
        noise = np.stack(
            [
                draws.numpy(row, "posterior").standard_normal(shape, np.float32)
                for row in range(len(batch.keys))
            ]
        )
        return self.decoder.latents(
            tokens=batch["tokens"],
            phones=phones,
            text_mask=inside(batch["phones_lengths"], phones.shape[1], mask.dtype),
            spectrogram=magnitudes,
            mask=mask,
            speaker=None if speaker is None else speaker.to(mask.dtype),
            noise=torch.from_numpy(noise).to(mask).transpose(1, 2),
            band=batch.tensors.get("band"),
        )

    def _prior(self, batch: Batch, magnitudes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, T) where the generator finds the prior's mean, and (B, G, 1) the timbre."""
        phones = batch["phones"]
        speaker, band = (batch.tensors.get(name) for name in ("speaker", "band"))
        speaker = None if speaker is None else speaker.to(mask.dtype)
        timbre = self.decoder.timbre(magnitudes, mask, speaker, band)
        text_mask = inside(batch["phones_lengths"], phones.shape[1], mask.dtype)
        mean, _ = self.decoder.prior(batch["tokens"], phones, text_mask, mask, timbre)
        return self.decoder.flow.reverse(mean, mask, timbre), timbre

    def _source(self, batch: Batch, start: Tensor, length: int, draws: Draws) -> Source | None:
        """Of `length` frames of each row from its `start` (B,) on; None if nothing filters it."""
        if self.source is None:
            return None
        times, hop = self.source.oversampling, self.source.hop
        octaves, voiced = (
            cut(batch[name][:, None], start * times, length * times)[:, 0]
            for name in ("octaves", "voiced")
        )
        # Sample after sample, so that a row draws the same however long it is padded.
        grain = np.stack(
            [
                draws.numpy(row, "grain").standard_normal(length * hop, np.float32)
                for row in range(len(batch.keys))
            ]
        )
        return Source(octaves, voiced, torch.from_numpy(grain).to(octaves))

    def _made(self, z: Tensor, timbre: Tensor, source: Source | None) -> tuple[Tensor, Tensor]:
        """Samples (B, N) of latents (B, H, S), with the recorded pitch where the generator takes
        one; and the sum of how far its own pitch is off."""
        generator = self.decoder.generator
        if source is None:
            return generator(z, timbre)[:, 0], z.new_zeros(())
        assert isinstance(generator, SourceFilter)
        controls = generator.controls(z, timbre)
        octaves, voiced = source.octaves, source.voiced
        made, _ = generator.sound(controls, MIDDLE_HZ * octaves.exp2(), voiced, source.grain)
        return made, decoder_losses.pitch(controls, octaves, voiced)

    def _spoken(
        self, batch: Batch, magnitudes: Tensor, mask: Tensor
    ) -> tuple[dict[str, Tensor], Latents | None]:
        """Whole clips (B, N), of the prior's mean and, if there is one, of the posterior's, by the
        term they give; and the latents of the latter."""
        latents, of_latents = None, {}
        if self.spec.posterior_layers:
            latents = self._latents(batch, magnitudes, mask, Draws(0, 0, batch.keys))
            timbre = latents.timbre
            of_latents["mel_made"] = latents.posterior_mean
            prior = self.decoder.flow.reverse(latents.prior_mean, mask, timbre)
        else:
            prior, timbre = self._prior(batch, magnitudes, mask)
        of_latents["mel_from_prior"] = prior
        start = torch.zeros_like(batch["frames"])
        source = self._source(batch, start, mask.shape[2], Draws(0, 0, batch.keys))
        spoken = {
            name: at_least_single(self._made(z * mask, timbre, source)[0])
            for name, z in of_latents.items()
        }
        return spoken, latents

    def _mel(self, samples: Tensor) -> Tensor:
        analysis = self.spec.spectrogram
        return log_mel(spectrogram(samples, analysis), analysis, _BANDS)


def load(nets: nn.ModuleDict, model: store.ModelFolder) -> None:
    """Take over the decoder of a voice model, and its judges if it has any.

    Raises:
        TrainingError: the folder lacks what only training needs; the message says what to do.
        CheckpointError: the folder is damaged, or holds a decoder of another size.
    """
    tensors = store.tensors(model, _NET)
    heard = model.family.decoder.posterior_layers
    if heard and not any(name.startswith(_POSTERIOR) for name in tensors):
        raise TrainingError(
            f"The decoder of {model.name} in {model.path} has no posterior encoder, which only "
            f"training needs and fine-tuned files leave out. Start from a base model: get one "
            f"with `myna models get {model.spec}`, or convert its files (`s2G*.pth` with its "
            f"token model and, if you have it, `s2D*.pth`) with `myna models convert`."
        )
    _take_over(nets[_NET], model, _NET)
    if _JUDGES not in nets:
        return
    if _JUDGES in model.parts:
        _take_over(nets[_JUDGES], model, _JUDGES)
    else:
        log.warning(
            "%s has no discriminator, so training starts with one that has learnt nothing; expect "
            "worse speech in the first steps. A base model converted together with its s2D*.pth "
            "has one.",
            model.name,
        )


def delivered(
    nets: nn.ModuleDict, *, keep_training: bool = False
) -> dict[str, NDArray[np.float32]]:
    """The tensors of a model folder's part `decoder`.

    Args:
        keep_training: with the posterior encoder, so that one can train on from there.
    """
    return {
        name: value.detach().float().cpu().numpy().copy()
        for name, value in nets[_NET].state_dict().items()
        if keep_training or not name.startswith(_POSTERIOR)
    }


def delivered_judges(nets: nn.ModuleDict) -> dict[str, NDArray[np.float32]]:
    """The tensors of a model folder's part `discriminator`; none if training has no judges."""
    if _JUDGES not in nets:
        return {}
    state = nets[_JUDGES].state_dict()
    return {name: value.detach().float().cpu().numpy().copy() for name, value in state.items()}


def _take_over(net: nn.Module, model: store.ModelFolder, part: str) -> None:
    tensors = store.tensors(model, part)
    state = {name: torch.from_numpy(tensors[name].astype(np.float32)) for name in tensors}
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"The {part} of {model.path} does not fit this recipe: {error}"
        ) from error


def _published_groups(text_scale: float) -> tuple[ParameterGroup, ...]:
    text_side = tuple(f"{_NET}.prior_encoder.{name}" for name in _TEXT_SIDE)
    return (
        ParameterGroup(prefixes=(f"{_NET}.",)),
        ParameterGroup(prefixes=text_side, scale=text_scale),
        ParameterGroup(prefixes=tuple(f"{_NET}.{name}" for name in _FROZEN), scale=0.0),
    )
