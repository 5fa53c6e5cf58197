"""Gated dilation-free convolutions under a condition, as in WaveNet (arXiv:1609.03499)."""

from torch import Tensor, nn

from myna.nets.weight_norm import WeightNormConv1d


class WaveNet(nn.Module):
    """Residual gated convolutions; the skips add up to the output.

    Letters in shapes: B batch, H hidden channels, T frames, G channels of the condition.
    """

    def __init__(self, hidden: int, kernel: int, layers: int, condition: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.condition = WeightNormConv1d(condition, 2 * hidden * layers, 1)
        self.filters = nn.ModuleList(
            WeightNormConv1d(hidden, 2 * hidden, kernel, padding=kernel // 2) for _ in range(layers)
        )
        self.outputs = nn.ModuleList(
            WeightNormConv1d(hidden, hidden if last else 2 * hidden, 1)
            for last in (index == layers - 1 for index in range(layers))
        )

    def forward(self, x: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """x (B, H, T), mask (B, 1, T), condition (B, G, 1) -> (B, H, T)."""
        total = None
        biases = self.condition(condition).split(2 * self.hidden, dim=1)
        for gate, output, bias in zip(self.filters, self.outputs, biases, strict=True):
            value, opening = (gate(x) + bias).chunk(2, dim=1)
            y = output(value.tanh() * opening.sigmoid())
            skip = y[:, -self.hidden :]
            total = skip if total is None else total + skip
            if y.shape[1] > self.hidden:
                x = (x + y[:, : self.hidden]) * mask
        assert total is not None
        return total * mask
