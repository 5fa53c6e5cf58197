"""A decoder that is told who speaks as it learns, so that timbre is the speaker and nothing else.

Two options, for sets of many speakers: the timbre of a clip is to be nearest to its own speaker's
(contrastive), and from what the flow leaves of a clip no classifier is to tell who spoke
(adversary). Both are added to a `DecoderTask` from outside.

Letters in shapes: B rows, G timbre channels, H latent channels, T frames, S speakers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from myna.errors import ConfigError, DatasetError
from myna.training import speaker_losses
from myna.training.decoder_task import DecoderTask, Slices
from myna.training.seeding import seeded
from myna.training.task import Batch, Draws, Example, ParameterGroup, Sample

_NET = "speakers"
_VOICE = "voice"
_GENERATOR = "generator"
"""The decoder's player."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerSettings:
    """What is learnt of who speaks; all of it is off by default."""

    contrastive: float = 0.0
    """Weight of telling speakers apart by their timbre (arXiv:1801.07698)."""
    margin: float = 0.2
    """By how much, in radians."""
    adversary: float = 0.0
    """Weight of hiding the speaker from a classifier of latents (arXiv:1505.07818)."""

    def __post_init__(self) -> None:
        for name in ("contrastive", "adversary", "margin"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; give 0 or more.")

    @property
    def asked(self) -> bool:
        """Whether there is anything to learn."""
        return bool(self.contrastive or self.adversary)


class Prototypes(nn.Module):
    """What stands for each speaker: one row for the timbre, one for the classifier."""

    def __init__(self, speakers: int, timbre: int, latents: int) -> None:
        super().__init__()
        self.timbre = nn.Parameter(torch.randn(speakers, timbre))
        self.latents = nn.Parameter(torch.zeros(speakers, latents))


class SpeakerAwareTask:
    """Fulfils `myna.training.task.Task`: a `DecoderTask` with further terms.

    Examples also have `voice`, a str that is one of `speakers`.

    Loss terms: those of the decoder's, `contrastive` and `hidden`.
    """

    def __init__(
        self, task: DecoderTask, settings: SpeakerSettings, speakers: Sequence[str]
    ) -> None:
        if len(set(speakers)) < 2:
            raise ConfigError(
                f"To tell speakers apart takes two; the set has {len(set(speakers))}. Leave out "
                f"contrastive and adversary."
            )
        self._inner, self._settings = task, settings
        self._index = {name: place for place, name in enumerate(sorted(set(speakers)))}
        self.name, self.averaged = task.name, task.averaged
        with seeded(torch.device("cpu"), 0, _NET):
            known = Prototypes(len(self._index), task.spec.timbre, task.spec.hidden)
        task.nets[_NET] = known
        self.nets = task.nets
        weights = {"contrastive": settings.contrastive, "hidden": settings.adversary}
        self.players = tuple(
            replace(
                player,
                groups=(*player.groups, ParameterGroup(prefixes=(f"{_NET}.",))),
                weights={**player.weights, **{name: w for name, w in weights.items() if w}},
            )
            if player.name == _GENERATOR
            else player
            for player in task.players
        )

    def collate(self, examples: Sequence[Example]) -> Batch:
        """As the decoder's, and who speaks.

        Raises:
            DatasetError: somebody does whom the task was not told of.
        """
        batch = self._inner.collate(examples)
        for example in examples:
            if example[_VOICE] not in self._index:
                raise DatasetError(
                    f"{example['key']} is said by {example[_VOICE]!r}, of whom training was not "
                    f"told."
                )
        ids = torch.tensor([self._index[example[_VOICE]] for example in examples])
        return Batch(batch.keys, {**batch.tensors, _VOICE: ids})

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        below = self._inner.denominators(batch)
        frames = float(batch["frames"].sum())
        return {**below, "contrastive": float(len(batch.keys)), "hidden": frames}

    def forward(self, batch: Batch, draws: Draws) -> Slices:
        return self._inner.forward(batch, draws)

    def losses(self, player: str, batch: Batch, shared: Any) -> Mapping[str, Tensor]:
        terms = dict(self._inner.losses(player, batch, shared))
        if player != _GENERATOR:
            return terms
        known = self.nets[_NET]
        assert isinstance(known, Prototypes)
        if self._settings.contrastive:
            terms["contrastive"] = speaker_losses.aam_softmax(
                shared.latents.timbre[..., 0],
                batch[_VOICE],
                known.timbre,
                margin=self._settings.margin,
            )
        if self._settings.adversary:
            terms["hidden"] = speaker_losses.adversary(
                shared.latents.flowed, batch["frames"], batch[_VOICE], known.latents
            )
        return terms

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        return self._inner.evaluate(batch)

    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:
        return self._inner.samples(examples)
