"""What the decoder is told more plainly when it speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.nets.decoder import Decoder
from myna.nets.reference_encoder import full_mask
from toy_small import FAMILY

LOUD = FAMILY.decoder.content - 1
"""The last column."""


def net(*emphasis):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        found = Decoder(replace(FAMILY.decoder, emphasis=emphasis), training=True).eval()
    return found


@torch.inference_mode()
def test_speech_reads_a_codebook_with_weights_and_training_does_not():
    plain, weighed, doubled = net(), net((LOUD, 1.0), (1, 0.5)), net()
    doubled.codebook.weight.data[:, LOUD] *= 0.5
    tokens, phones = torch.tensor([[3, 9, 20]]), torch.tensor([[5, 7, 11]])
    timbre = torch.randn(1, FAMILY.decoder.timbre, 1, generator=torch.Generator().manual_seed(1))
    assert torch.equal(weighed.join(tokens, phones, timbre), doubled.join(tokens, phones, timbre))
    assert not torch.equal(weighed.join(tokens, phones, timbre), plain.join(tokens, phones, timbre))
    mask = full_mask(plain.content(tokens))
    rows = tokens, phones, torch.ones(1, 1, 3), mask, timbre
    assert torch.equal(plain.prior(*rows)[0], weighed.prior(*rows)[0])
    assert weighed.state_dict().keys() == plain.state_dict().keys()


def test_weights_are_for_all_columns():
    with pytest.raises(RuntimeError):
        net((LOUD, 1.0))
