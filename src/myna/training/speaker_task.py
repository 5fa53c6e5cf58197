"""Training of our speaker encoder: who speaks in a stretch of speech, however it was recorded.

Letters in shapes: B rows of a batch, F frames of the filter bank, K bands, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.errors import ConfigError
from myna.nets.ecapa import Ecapa
from myna.specs import EcapaSpec
from myna.training.speaker_losses import aam_softmax
from myna.training.speaker_variation import SpeakerVariationSettings, varied
from myna.training.task import Batch, Draws, Example, ParameterGroup, Player, Sample

_SHARPNESS = 10.0
"""Factor on differences of cosines in held-out trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerTaskSettings:
    """How voices are learned."""

    crop: tuple[float, float] = (1.5, 3.0)
    """Seconds that are heard of a row, drawn evenly."""
    margin: float = 0.2
    """Radians that a row's own speaker must be ahead of the others."""
    margin_steps: int = 500
    """In which the margin grows to that; at first, no order is there to be widened."""
    scale: float = 30.0
    """Of the cosines."""
    variation: SpeakerVariationSettings = field(default_factory=SpeakerVariationSettings)

    def __post_init__(self) -> None:
        least, most = self.crop
        if not 0.5 <= least <= most:
            raise ConfigError(f"crop is {least:g} to {most:g} s; it is from 0.5 s upwards.")
        if self.margin_steps < 0:
            raise ConfigError(f"margin_steps is {self.margin_steps}; it is at least 0.")


class SpeakerTask:
    """A `Task`; its examples have `bands` (F, K) log power, and `speaker`, a number.

    Held-out examples are trials of three stretches, see `myna.training.speaker_examples`.

    Args:
        spec: of the encoder.
        speakers: how many there are.
        settings: how they are learned.
    """

    name = "speaker_encoder"
    averaged: tuple[str, ...] = ("encoder",)

    def __init__(
        self, spec: EcapaSpec, speakers: int, settings: SpeakerTaskSettings | None = None
    ) -> None:
        self.spec = spec
        self.settings = settings or SpeakerTaskSettings()
        self.encoder = Ecapa(spec)
        self.prototypes = nn.Linear(spec.width, speakers, bias=False)
        self.nets = nn.ModuleDict({"encoder": self.encoder, "prototypes": self.prototypes})
        everything = ParameterGroup(prefixes=("",))
        self.players: tuple[Player, ...] = (
            Player(name="encoder", groups=(everything,), weights={"speaker": 1.0}),
        )

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Stack what has one length."""
        bands = torch.from_numpy(np.stack([np.asarray(x["bands"], np.float32) for x in examples]))
        tensors = {"bands": bands}
        if "speaker" in examples[0]:
            tensors["speaker"] = torch.tensor([each["speaker"] for each in examples])
        return Batch(tuple(each["key"] for each in examples), tensors)

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        """All are per row."""
        return dict.fromkeys(("speaker", "right", "loss", "errors"), float(len(batch.keys)))

    def forward(self, batch: Batch, draws: Draws) -> tuple[Tensor, float]:
        """(B, D) vectors, each of a part of its row heard in another way; and the margin."""
        rows = []
        for row, bands in enumerate(batch["bands"].cpu().numpy()):
            draw = draws.numpy(row, "variation")
            frames = min(len(bands), round(100 * draw.uniform(*self.settings.crop)))
            start = int(draw.integers(0, len(bands) - frames + 1))
            heard = varied(bands[start : start + frames], self.settings.variation, draw)
            rows.append(torch.from_numpy(heard))
        device = batch["bands"].device
        lengths = torch.tensor([len(row) for row in rows], device=device)
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)
        grown = min(1.0, draws.step / max(1, self.settings.margin_steps))
        return self.encoder(padded, lengths), self.settings.margin * grown

    def losses(
        self,
        player: str,  # noqa: ARG002 - there is one
        batch: Batch,
        shared: tuple[Tensor, float],
    ) -> Mapping[str, Tensor]:
        """The additive angular margin loss, and how many rows are nearest to their own speaker."""
        vectors, margin = shared
        speakers, prototypes = batch["speaker"], self.prototypes.weight
        loss = aam_softmax(vectors, speakers, prototypes, margin=margin, scale=self.settings.scale)
        with torch.no_grad():
            nearest = (vectors.float() @ F.normalize(prototypes.float(), dim=-1).t()).argmax(1)
        return {"speaker": loss, "right": (nearest == speakers).sum().float()}

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        """`errors`: trials in which the other speaker was nearer; `loss`: the same, smooth."""
        vectors = self.encoder(batch["bands"].flatten(0, 1)).unflatten(0, (-1, 3))
        same = F.cosine_similarity(vectors[:, 0], vectors[:, 1], dim=-1)
        other = F.cosine_similarity(vectors[:, 0], vectors[:, 2], dim=-1)
        wrong = other - same
        return {"loss": F.softplus(_SHARPNESS * wrong).sum(), "errors": (wrong >= 0).sum().float()}

    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:  # noqa: ARG002
        """Nothing: a vector is not to be looked at."""
        return ()
