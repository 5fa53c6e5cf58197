"""A training step of the decoder and its judges against recorded losses and gradients."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import kit
import numpy as np
import pytest
import torch
from models import tensors
from torch import Tensor, nn

from myna.checkpoints import names
from myna.nets.mel import log_mel, margin, spectrogram
from myna.specs import FAMILIES
from myna.training.decoder_batches import with_margins
from myna.training.decoder_task import DecoderSettings, DecoderTask
from myna.training.task import Batch

pytestmark = kit.needs_kit()

GRADIENTS = 1e-3
"""Limit for norms of gradients, from the kit's README."""
JUDGES = {"v1": "v2", "v2": "v2", "v2Pro": "v2Pro", "v2ProPlus": "v2Pro"}
"""Families that the recorded discriminators are of."""
SLICE = 32


class Recorded:
    """What was given instead of drawn: no noise, and where the slices start."""

    def __init__(self, golden: Mapping[str, np.ndarray]) -> None:
        places = golden["spec_len"] - SLICE + 1
        self.starts = (golden["ids_slice"] + 0.5) / places

    def uniform(self, what: str, like: Tensor) -> Tensor:
        assert what == "slice"
        return torch.from_numpy(self.starts).to(like)

    def numpy(self, row: int, what: str) -> Recorded:
        assert what == "posterior"
        return self

    def standard_normal(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.zeros(shape, dtype)


class Case:
    """One family's nets, in evaluation mode, as recorded."""

    def __init__(self, family: str) -> None:
        self.family, self.name = family, f"s2_train_{family}"
        self.spec = FAMILIES[family].decoder
        with torch.device("meta"):
            self.task = DecoderTask(self.spec, DecoderSettings(slice_frames=SLICE))
        for net, manifest in (
            ("decoder", f"s2_{family}"),
            ("discriminator", f"s2d_{JUDGES[family]}"),
        ):
            state = {name: torch.from_numpy(value) for name, value in tensors(manifest).items()}
            frozen = [
                name
                for name, each in self.task.nets[net].named_parameters()
                if not each.requires_grad
            ]
            self.task.nets[net].load_state_dict(state, assign=True)
            for name in frozen:
                self.task.nets[net].get_parameter(name).requires_grad_(requires_grad=False)
        self.task.nets.eval()
        self.golden = kit.golden(self.name)

    @cached_property
    def batch(self) -> Batch:
        """Without the empty frames that our own batches end with."""
        golden, analysis = self.golden, self.spec.spectrogram
        lengths = golden["spec_len"].astype(int)
        width = lengths.max() * analysis.hop + 2 * margin(analysis)
        samples = np.zeros((len(lengths), width), np.int16)
        for row, pcm, frames in zip(samples, golden["wav_pcm"], lengths, strict=True):
            seen = with_margins(pcm[: frames * analysis.hop], frames, analysis)
            row[: len(seen)] = seen
        with torch.no_grad():
            tokens = self.task.decoder.tokens(torch.from_numpy(golden["ssl"]))
        found = {
            "tokens": tokens,
            "samples": torch.from_numpy(samples),
            "frames": torch.from_numpy(lengths),
            "phones": torch.from_numpy(golden["text"].astype(np.int64)),
            "phones_lengths": torch.from_numpy(golden["text_len"].astype(np.int64)),
        }
        if "sv_emb" in golden:
            found["speaker"] = torch.from_numpy(golden["sv_emb"])
        return Batch(("first", "second"), found)

    def close(self, point: str, ours: Any, recorded: Any, limit: float = kit.NETWORK) -> None:
        ours = ours.detach().numpy() if isinstance(ours, Tensor) else np.asarray(ours)
        kit.close(self.name, point, ours, np.asarray(recorded), limit)


@pytest.mark.parametrize("family", JUDGES)
def test_a_step(family: str) -> None:
    """Waveforms, mels, judges and every loss; with gradients where they were recorded."""
    case = Case(family)
    norms_file = kit.KIT / "goldens" / f"{case.name}_grad_norms.json"
    with torch.set_grad_enabled(norms_file.is_file()):
        shared = case.task.forward(case.batch, Recorded(case.golden))  # type: ignore[arg-type]
        of_judges = case.task.losses("discriminator", case.batch, shared)
        of_decoder = case.task.losses("generator", case.batch, shared)
        total = {
            player.name: _total(case, player.weights, of_judges | of_decoder)
            for player in case.task.players
        }
    _check_slices(case, shared)
    _check_judges(case, shared)
    _check_losses(case, of_judges | of_decoder, total["generator"])
    if norms_file.is_file():
        norms = json.loads(norms_file.read_text(encoding="utf-8"))
        judges, decoder = case.task.nets["discriminator"], case.task.nets["decoder"]
        _check_gradients(
            norms["discriminator_grad_norms"],
            _gradients(total["discriminator"], judges, names.DISCRIMINATOR),
        )
        found = _gradients(total["generator"], decoder, names.DECODER)
        _check_gradients(norms["generator_grad_norms"], found)
        assert not set(norms["generator_without_grad"]) & set(found)


def _total(case: Case, weights: Mapping[str, float], terms: Mapping[str, Tensor]) -> Tensor:
    under = case.task.denominators(case.batch)
    return sum((weights[t] * terms[t] / under[t] for t in weights), torch.zeros(()))


def _check_slices(case: Case, shared: Any) -> None:
    golden, analysis = case.golden, case.spec.spectrogram
    case.close("y_hat", shared.made, golden["y_hat"], kit.WAVEFORM)
    case.close("y_mel", shared.real_mel, golden["y_mel"])
    made_mel = log_mel(spectrogram(shared.made.detach(), analysis), analysis, 128)
    case.close("y_hat_mel", made_mel, golden["y_hat_mel"])


def _check_judges(case: Case, shared: Any) -> None:
    with torch.no_grad():
        verdicts = [
            case.task.nets["discriminator"](wave.detach()) for wave in (shared.real, shared.made)
        ]
    for judge, both in enumerate(zip(*verdicts, strict=True)):
        for what, verdict in zip(("real", "fake"), both, strict=True):
            first = verdict.values[:, :64]
            case.close(f"d{judge}_{what}", first, case.golden[f"d{judge}_{what}"])
        means = [[each.abs().mean() for each in verdict.maps] for verdict in both]
        point = f"d{judge}_fmap_mean_abs"
        case.close(point, np.array(means), case.golden[point])
    assert f"d{len(verdicts[0])}_real" not in case.golden


def _check_losses(case: Case, terms: Mapping[str, Tensor], total: Tensor) -> None:
    """Recorded losses have their weights already."""
    under, losses = case.task.denominators(case.batch), case.task.settings.losses
    recorded = {
        "discrimination": ("loss_disc", 1.0),
        "adversarial": ("loss_gen", losses.adversarial),
        "features": ("loss_fm", losses.features),
        "mel": ("loss_mel", losses.mel),
        "kl": ("loss_kl", losses.kl),
    }
    assert terms.keys() == recorded.keys()
    for term, (point, weight) in recorded.items():
        found = weight * float(terms[term].detach()) / under[term]
        case.close(point, [found], case.golden[point])
    case.close("loss_total", total[None], case.golden["loss_total"])


def _gradients(total: Tensor, net: nn.Module, table: names.Table) -> dict[str, float]:
    moved = {name: each for name, each in net.named_parameters() if each.requires_grad}
    found = torch.autograd.grad(total, list(moved.values()), retain_graph=True)
    return {
        str(table.published(name)): float(grad.norm())
        for name, grad in zip(moved, found, strict=True)
    }


def _check_gradients(recorded: Mapping[str, float], found: Mapping[str, float]) -> None:
    assert found.keys() == recorded.keys()
    # Attention does not change when all its keys move alike, so the gradient of their bias is
    # rounding and nothing else.
    nothing = {name for name in recorded if name.endswith(("conv_k.bias", "w_ks.bias"))}
    largest = max(recorded.values())
    off = {
        name: abs(found[name] - norm) / (largest if name in nothing else norm)
        for name, norm in recorded.items()
    }
    worst = max(off, key=lambda name: off[name])
    assert off[worst] < GRADIENTS, f"{worst}: {found[worst]} instead of {recorded[worst]}"
    kit.differences["s2_train gradients"] = max(
        kit.differences.get("s2_train gradients", 0.0), off[worst]
    )
