"""The judges: their parameters, their columns, and what they have heard."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from myna.checkpoints import shapes
from myna.nets.discriminator import Discriminator, Periodic
from myna.nets.weight_norm import WeightNormConv2d, kernel
from myna.specs import FAMILIES, DiscriminatorSpec


@pytest.mark.parametrize("family", ["v2", "v2Pro"])
def test_parameters_have_the_shapes_that_files_are_checked_for(family: str) -> None:
    spec = FAMILIES[family].decoder.discriminator
    with torch.device("meta"):
        state = Discriminator(spec).state_dict()
    assert {name: tuple(each.shape) for name, each in state.items()} == shapes.discriminator(spec)


def test_columns_are_heard_alone() -> None:
    """What a judge with a period says of one phase depends on the samples of that phase only."""
    judge = Periodic(3, (2, 4))
    wave = torch.randn(1, 90)
    values = judge(wave).values.unflatten(1, (-1, 3))
    other = torch.randn(1, 90)
    other[:, 1::3] = wave[:, 1::3]
    again = judge(other).values.unflatten(1, (-1, 3))
    torch.testing.assert_close(again[..., 1], values[..., 1])
    assert not torch.isclose(again[..., 0], values[..., 0]).any()


def test_a_convolution_along_columns_is_one_of_each_column() -> None:
    conv = WeightNormConv2d(2, 3, 5, stride=3, padding=2)
    x = torch.randn(1, 2, 20, 4)
    weight = kernel(conv.weight_v, conv.weight_g)[..., 0]
    for column in range(4):
        alone = F.conv1d(x[..., column], weight, conv.bias, 3, 2)
        torch.testing.assert_close(conv(x)[..., column], alone)


def test_every_judge_tells_what_it_heard() -> None:
    spec = DiscriminatorSpec(periods=(2, 5), channels=(4, 8), all_channels=(4, 8, 8))
    verdicts = Discriminator(spec)(torch.randn(3, 1001))
    assert [len(verdict.maps) for verdict in verdicts] == [4, 3, 3]
    for verdict in verdicts:
        assert verdict.values.shape[0] == 3
        assert torch.equal(verdict.maps[-1].flatten(1), verdict.values)
    assert verdicts[2].maps[0].shape == (3, 4, 67, 5)  # 1001 filled up to 1005
