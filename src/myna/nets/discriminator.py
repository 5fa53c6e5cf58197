"""Judges that tell made from recorded waveforms while a decoder trains.

One hears all samples (arXiv:1910.06711), the others fold them into columns of a period and hear
along the rows (arXiv:2010.05646).

Letters in shapes: B batch, N samples, S values of a judge.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from myna.nets.weight_norm import WeightNormConv1d, WeightNormConv2d
from myna.specs import DiscriminatorSpec

_SLOPE = 0.1
_STRIDE = 4
"""Of the judge of all samples, in all but its first and its last convolution."""
_GROUP = 4
"""Channels that each group of these convolutions reads."""
_PERIOD_STRIDE = 3
"""Of the judges with a period, in all but their last convolution."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a judge says, and what it heard on the way."""

    values: Tensor
    """(B, S): 1 for recorded, 0 for made."""
    maps: tuple[Tensor, ...]
    """After each convolution, the last included; first axis B."""


class Discriminator(nn.Module):
    """All judges of a family.

    Source: GPT-SoVITS, `MultiPeriodDiscriminator`; values checked against recorded ones.
    """

    def __init__(self, spec: DiscriminatorSpec) -> None:
        super().__init__()
        self.judges = nn.ModuleList(
            [AllSamples(spec.all_channels), *(Periodic(p, spec.channels) for p in spec.periods)]
        )

    def forward(self, samples: Tensor) -> tuple[Verdict, ...]:
        """samples (B, N) -> one verdict of each judge."""
        return tuple(judge(samples) for judge in self.judges)


class AllSamples(nn.Module):
    """Hears the samples as they come, coarser with every convolution."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        first, *middle, last = channels
        self.filters = nn.ModuleList([WeightNormConv1d(1, first, 15, padding=7)])
        inputs = first
        for outputs in middle:
            self.filters.append(
                WeightNormConv1d(
                    inputs, outputs, 41, stride=_STRIDE, padding=20, groups=inputs // _GROUP
                )
            )
            inputs = outputs
        self.filters.append(WeightNormConv1d(inputs, last, 5, padding=2))
        self.last = WeightNormConv1d(last, 1, 3, padding=1)

    def forward(self, samples: Tensor) -> Verdict:
        """(B, N) -> its verdict."""
        return _judge(samples[:, None], self.filters, self.last)


class Periodic(nn.Module):
    """Hears every `period`-th sample, from each of the first ones on."""

    def __init__(self, period: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.period = period
        self.filters = nn.ModuleList()
        inputs = 1
        for number, outputs in enumerate(channels, 1):
            stride = _PERIOD_STRIDE if number < len(channels) else 1
            self.filters.append(WeightNormConv2d(inputs, outputs, 5, stride=stride, padding=2))
            inputs = outputs
        self.last = WeightNormConv2d(inputs, 1, 3, padding=1)

    def forward(self, samples: Tensor) -> Verdict:
        """(B, N) -> its verdict; N is filled up to a multiple of the period by reflection."""
        x = F.pad(samples[:, None], (0, -samples.shape[1] % self.period), "reflect")
        return _judge(x.unflatten(2, (-1, self.period)), self.filters, self.last)


def _judge(x: Tensor, filters: nn.ModuleList, last: nn.Module) -> Verdict:
    maps = []
    for layer in filters:
        x = F.leaky_relu(layer(x), _SLOPE)
        maps.append(x)
    x = last(x)
    return Verdict(x.flatten(1), (*maps, x))
