"""Training of our recogniser: the sounds of a text from a filter bank, by CTC (Graves 2006).

The same loss on what the first blocks say helps the later ones (arXiv:2102.03216).

Letters in shapes: B rows of a batch, F frames of the filter bank, K bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.audio import alignment
from myna.errors import TrainingError
from myna.nets.conformer import Conformer, Heard
from myna.specs import ConformerSpec
from myna.training.recogniser_examples import least_frames
from myna.training.recogniser_variation import VariationSettings, varied
from myna.training.task import Batch, Draws, Example, ParameterGroup, Player, Sample


class RecogniserTask:
    """A `Task`; its examples have `bands` (F, K) log power, and `sounds`, their ids, at least one.

    Args:
        spec: of the net.
        variation: of what is heard in training.
        early: weight of the loss on what the first blocks say; the other loss has the rest to 1.
    """

    name = "recogniser"
    averaged: tuple[str, ...] = ("recogniser",)

    def __init__(
        self,
        spec: ConformerSpec,
        variation: VariationSettings | None = None,
        early: float = 0.3,
    ) -> None:
        self.spec = spec
        self.variation = variation or VariationSettings()
        self.net = Conformer(spec)
        self.nets = nn.ModuleDict({"recogniser": self.net})
        weights = {"ctc": 1.0 - early, "early": early}
        everything = ParameterGroup(prefixes=("",))
        self.players: tuple[Player, ...] = (
            Player(name="recogniser", groups=(everything,), weights=weights),
        )

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Pad to one batch.

        Raises:
            TrainingError: a clip has no sounds, or unknown ones; or it is too short for them, so
                that its text cannot be right.
        """
        most = self.spec.sounds
        for each in examples:
            # Nothing in CTC itself would notice: it would read beyond its table.
            if not each["sounds"] or not 0 < min(each["sounds"]) <= max(each["sounds"]) < most:
                raise TrainingError(
                    f"{each['key']} has sounds {each['sounds']}; there must be some, from 1 to "
                    f"{most - 1}."
                )
            if len(each["bands"]) < least_frames(each["sounds"]):
                raise TrainingError(
                    f"{each['key']} has {len(each['bands'])} frames, too few for its "
                    f"{len(each['sounds'])} sounds; its text says more than is heard. Drop it."
                )
        bands, lengths = _padded([np.asarray(each["bands"], np.float32) for each in examples])
        counts = torch.tensor([len(each["sounds"]) for each in examples])
        sounds = torch.zeros(len(examples), int(counts.max()), dtype=torch.long)
        for row, each in enumerate(examples):
            sounds[row, : len(each["sounds"])] = torch.tensor(each["sounds"])
        tensors = {"bands": bands, "lengths": lengths, "sounds": sounds, "counts": counts}
        return Batch(tuple(each["key"] for each in examples), tensors)

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        """Per sound of the text."""
        sounds = float(batch["counts"].sum())
        return dict.fromkeys(("ctc", "early", "loss", "errors"), sounds)

    def forward(self, batch: Batch, draws: Draws) -> Heard:
        """Hear each row in another way."""
        rows = []
        for row, (length, count) in enumerate(
            zip(batch["lengths"].tolist(), batch["counts"].tolist(), strict=True)
        ):
            clip = batch["bands"][row, :length].cpu().numpy()
            least = least_frames(batch["sounds"][row, :count].tolist())
            rows.append(varied(clip, self.variation, least, draws.numpy(row, "variation")))
        bands, lengths = _padded(rows)
        device = batch["bands"].device
        heard: Heard = self.net(bands.to(device), lengths.to(device))
        return heard

    def losses(
        self,
        player: str,  # noqa: ARG002 - there is one
        batch: Batch,
        shared: Heard,
    ) -> Mapping[str, Tensor]:
        """Negative log-likelihood of the sounds, after all blocks and after the first ones."""
        return {
            "ctc": _surprise(shared.sounds, shared.lengths, batch),
            "early": _surprise(shared.early, shared.lengths, batch),
        }

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        """`loss`, and `errors`: sounds to change, drop or add in what is heard."""
        heard: Heard = self.net(batch["bands"], batch["lengths"])
        loss = _surprise(heard.sounds, heard.lengths, batch)
        return {"loss": loss, "errors": loss.new_tensor(_errors(heard, batch))}

    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:
        """Probabilities of the sounds that each example has, in their order."""
        found = []
        for each in examples:
            batch = self.collate([each])
            device = next(self.net.parameters()).device
            with torch.no_grad():
                heard = self.net(batch["bands"].to(device), batch["lengths"].to(device))
            picture = heard.sounds[0][:, list(each["sounds"])].exp().t().float().cpu().numpy()
            found.append(Sample(each["key"], picture=picture, axes=("1/50 s", "sound")))
        return found


def _errors(heard: Heard, batch: Batch) -> float:
    errors = 0
    for row, (length, count) in enumerate(
        zip(heard.lengths.tolist(), batch["counts"].tolist(), strict=True)
    ):
        path = alignment.free(heard.sounds[row, :length].float().cpu().numpy())
        said = [each.sound for each in path.placed]
        errors += alignment.edit_distance(said, batch["sounds"][row, :count].tolist())
    return float(errors)


def _surprise(sounds: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
    return F.ctc_loss(
        sounds.float().transpose(0, 1), batch["sounds"], lengths, batch["counts"], reduction="sum"
    )


def _padded(rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """(B, longest, K) with zeros behind shorter rows, and (B,) lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    return nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], True), lengths
