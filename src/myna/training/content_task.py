"""Training of our content encoder: the sounds of a text from a filter bank, by CTC (Graves 2006).

The same loss on the blocks in front of the quantiser helps the later ones (arXiv:2102.03216), and
keeps the sounds in what becomes tokens. Where it quantises, half of the rows are recognised through
the codes alone (the idea of supervised tokens: arXiv:2407.05407); and because CTC would be content
to mark each sound once, codes also have to tell, frame by frame, which sound it is, whether it has
a voice, and how pitch and loudness move. All of it is relative to the clip, so that codes carry
what is said and how, and little of who says it.

Letters in shapes: B rows of a batch, F frames of the filter bank, P sounds, S frames of sounds,
T tokens, D numbers of a code, Y sounds of the inventory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.audio import alignment
from myna.errors import TrainingError
from myna.nets.content_encoder import ContentEncoder, Heard, SoundHead, level
from myna.specs import ContentEncoderSpec
from myna.training.content_examples import least_frames
from myna.training.content_variation import VariationSettings, varied
from myna.training.task import Batch, Draws, Example, ParameterGroup, Player, Sample

_UNKNOWN = -1
"""Label of a frame whose sound nobody knows."""
_THROUGH = 0.5
"""Share of rows that are recognised through the codes."""
_CODE_WIDTH = 128


class ContentTask:
    """A `Task`; its examples have `bands` (F, K) log power, and `sounds`, their ids, at least one.

    If the encoder quantises, examples may also have `frames` (F,), the sound of each frame or -1,
    and `pitch` (F,), its logarithm to base 2, 0 where there is no voice.

    Args:
        spec: of the encoder.
        variation: of what is heard in training.
        early: weight of the loss in front of the quantiser; the other loss has the rest to 1.
        coding: weight of what codes have to tell frame by frame.
    """

    name = "content_encoder"
    averaged: tuple[str, ...] = ("encoder",)

    def __init__(
        self,
        spec: ContentEncoderSpec,
        variation: VariationSettings | None = None,
        early: float = 0.3,
        coding: float = 0.5,
    ) -> None:
        self.spec = spec
        self.variation = variation or VariationSettings()
        self.encoder = ContentEncoder(spec)
        self.nets = nn.ModuleDict({"encoder": self.encoder})
        weights = {"ctc": 1.0 - early, "early": early}
        if spec.levels:
            self.nets["told"] = Told(spec)
            weights |= {"frames": coding, "prosody": coding}
        everything = ParameterGroup(prefixes=("",))
        self.players: tuple[Player, ...] = (
            Player(name="encoder", groups=(everything,), weights=weights),
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
        if self.spec.levels:
            labels = torch.full(bands.shape[:2], _UNKNOWN, dtype=torch.long)
            pitch = torch.zeros(bands.shape[:2])
            for row, each in enumerate(examples):
                if "frames" in each:
                    labels[row, : lengths[row]] = torch.from_numpy(each["frames"].astype(np.int64))
                    pitch[row, : lengths[row]] = torch.from_numpy(each["pitch"].astype(np.float32))
            tensors |= {"labels": labels, "pitch": pitch}
        return Batch(tuple(each["key"] for each in examples), tensors)

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        """Per sound of the text, or per frame whose sound is known."""
        sounds = float(batch["counts"].sum())
        found = dict.fromkeys(("ctc", "early", "loss", "errors"), sounds)
        if not self.spec.levels:
            return found
        # Two frames of the filter bank for each of sounds, as long as nothing is sped up.
        known = max(1.0, float((batch["labels"] != _UNKNOWN).sum()) / 2)
        found |= dict.fromkeys(("frames", "prosody", "frames_wrong"), known)
        return found | {"errors_through": sounds}

    def forward(self, batch: Batch, draws: Draws) -> Varied:
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
        through = None
        if self.spec.levels:
            through = draws.uniform("through", batch["bands"]) < _THROUGH
        heard: Heard = self.encoder(bands.to(device), lengths.to(device), through)
        return Varied(heard, lengths)

    def losses(
        self,
        player: str,  # noqa: ARG002 - there is one
        batch: Batch,
        shared: Varied,
    ) -> Mapping[str, Tensor]:
        """Negative log-likelihood of the sounds, at the end and in front of the quantiser; and what
        codes fail to tell."""
        heard = shared.heard
        found = {
            "ctc": _surprise(heard.sounds, heard.lengths, batch),
            "early": _surprise(heard.early, heard.lengths, batch),
        }
        return found | (self._coded(batch, shared) if self.spec.levels else {})

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        """`loss`, and `errors`: sounds to change, drop or add in what is heard.

        If it quantises, also `errors_through` the codes, and what codes fail to tell:
        `frames_wrong` counts frames whose sound the codes do not have.
        """
        heard: Heard = self.encoder(batch["bands"], batch["lengths"])
        loss = _surprise(heard.sounds, heard.lengths, batch)
        found = {"loss": loss, "errors": loss.new_tensor(_errors(heard, batch))}
        if not self.spec.levels:
            return found
        everything = torch.ones_like(batch["lengths"], dtype=torch.bool)
        coded: Heard = self.encoder(batch["bands"], batch["lengths"], everything)
        found["errors_through"] = loss.new_tensor(_errors(coded, batch))
        return found | self._coded(batch, Varied(heard, batch["lengths"]))

    def _coded(self, batch: Batch, shared: Varied) -> dict[str, Tensor]:
        """Sums over frames whose sound is known."""
        codes, lengths = shared.heard.content, shared.heard.lengths // 2
        places = torch.arange(codes.shape[1], device=codes.device)
        sounds, prosody = self.nets["told"](codes * (places < lengths[:, None])[..., None])
        targets = [
            _at(batch, row, length, sounds.shape[1])
            for row, length in enumerate(shared.lengths.tolist())
        ]
        labels = torch.stack([each[0] for each in targets])
        wanted = torch.stack([each[1] for each in targets])
        counted = (labels != _UNKNOWN).float()
        voiced = wanted[..., 0] * counted
        named = sounds.gather(2, labels.clamp(min=0)[..., None])[..., 0]
        voicing = F.binary_cross_entropy_with_logits(
            prosody[..., 0], wanted[..., 0], reduction="none"
        )
        off = (prosody[..., 1:] - wanted[..., 1:]).abs()
        wrong = sounds.detach().argmax(2) != labels
        return {
            "frames": -(named * counted).sum(),
            "prosody": (voicing * counted + off[..., 0] * voiced + off[..., 1] * counted).sum(),
            "frames_wrong": (wrong * counted).sum(),
        }

    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:
        """Probabilities of the sounds that each example has, in their order."""
        found = []
        for each in examples:
            batch = self.collate([each])
            device = next(self.encoder.parameters()).device
            with torch.no_grad():
                heard = self.encoder(batch["bands"].to(device), batch["lengths"].to(device))
            picture = heard.sounds[0][:, list(each["sounds"])].exp().t().float().cpu().numpy()
            found.append(Sample(each["key"], picture=picture, axes=("1/50 s", "sound")))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Varied:
    """What was heard of a batch, and how long its rows became, in frames of the filter bank."""

    heard: Heard
    lengths: Tensor


class Told(nn.Module):
    """What codes tell of each frame; only for training.

    Neighbours are heard too: a sound may need two codes, and one code may belong to two sounds.
    """

    def __init__(self, spec: ContentEncoderSpec) -> None:
        super().__init__()
        self.first = nn.Conv1d(len(spec.levels), _CODE_WIDTH, 3, padding=1)
        self.second = nn.Conv1d(_CODE_WIDTH, _CODE_WIDTH, 1)
        self.sounds = SoundHead(replace(spec, width=_CODE_WIDTH))
        self.prosody = nn.Linear(_CODE_WIDTH, 2 * 3)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D) -> (B, S, Y) log-probabilities; (B, S, 3) voicing (logit), pitch in octaves and
        loudness, both relative to the clip."""
        x = F.silu(self.first(codes.transpose(1, 2)))
        x = F.silu(self.second(x)).transpose(1, 2)
        return self.sounds(x), self.prosody(x).unflatten(2, (2, 3)).flatten(1, 2)


def _at(batch: Batch, row: int, length: int, frames: int) -> tuple[Tensor, Tensor]:
    """Labels (S,), and (S, 3) voice, pitch and loudness, of a row that was varied to a length."""
    own = int(batch["lengths"][row])
    every = torch.arange(frames, device=batch["labels"].device) * 2
    # Speed moves all frames in proportion.
    place = (every * (max(own - 1, 0) / max(length - 1, 1))).round().long()
    inside = every < length
    place = place.clamp(max=own - 1)
    labels = torch.where(inside, batch["labels"][row, place], _UNKNOWN)
    pitch = batch["pitch"][row, :own]
    spoken = pitch > 0
    middle = pitch[spoken].median() if bool(spoken.any()) else pitch.new_zeros(())
    clip = batch["bands"][row, :own]
    loud = level(clip[None], torch.ones_like(pitch, dtype=torch.bool)[None])[0].mean(1)
    loud = loud - loud.mean()
    here = spoken[place].float()
    return labels, torch.stack((here, (pitch[place] - middle) * here, loud[place]), 1)


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
