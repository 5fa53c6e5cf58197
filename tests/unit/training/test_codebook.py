"""Centres lie where the vectors are, and every code is used."""

from __future__ import annotations

import pytest
import torch

from myna.errors import TrainingError
from myna.training.codebook import assigned, centres


def _clouds(count: int, each: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    middles = torch.randn(count, 6, generator=generator) * 10
    noise = torch.randn(count, each, 6, generator=generator) * 0.05
    return middles, (middles[:, None] + noise).flatten(0, 1)


def test_centres_find_the_middles_of_clouds() -> None:
    middles, vectors = _clouds(12, 40)
    found = centres(vectors, 12, seed=3)
    assert torch.cdist(middles, found).min(1).values.max() < 0.1


def test_every_code_is_used() -> None:
    vectors = torch.randn(500, 4, generator=torch.Generator().manual_seed(2))
    found = centres(vectors, 64)
    assert len(assigned(vectors, found)[0].unique()) == 64


def test_the_same_seed_finds_the_same_centres() -> None:
    _, vectors = _clouds(5, 30)
    assert torch.equal(centres(vectors, 8, seed=4), centres(vectors, 8, seed=4))


def test_too_few_vectors_are_refused() -> None:
    with pytest.raises(TrainingError, match="too few for 8 codes"):
        centres(torch.zeros(7, 2), 8)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TrainingError, match="no numbers"):
        centres(torch.full((9, 2), torch.nan), 8)
