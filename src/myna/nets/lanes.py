"""A linear map whose result for one row never depends on the other rows.

Matrix libraries choose their kernel, and with it the order of summation, by the number of rows; so
the same request gives other bits alone than in a batch, and a drawn token may differ. Here rows
travel in lanes of a fixed width: every product has the same shape, hence the same kernel and the
same order, and a lonely row is padded. Which lane a row travels in changes nothing (tested).

The product is written weight @ rows.T, which the CPU libraries we measured run close to memory
bandwidth for 2 to 16 rows, where a matrix-vector product reaches less than half of it; so padding
costs a single request nothing, and it is in fact faster. Figures: benchmarks/token_model.py.
"""

import torch
from torch import Tensor


class Lanes:
    """Maps rows of different requests; a `RowsLinear`."""

    def __init__(self, width: int) -> None:
        assert width > 0
        self.width = width

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """x (B, K), weight (N, K), bias (N,) or None -> (B, N)."""
        rows, width = x.shape[0], self.width
        if spare := -rows % width:
            x = torch.cat([x, x.new_zeros(spare, x.shape[1])])
        lanes = [weight @ x[start : start + width].t() for start in range(0, len(x), width)]
        columns = lanes[0] if len(lanes) == 1 else torch.cat(lanes, dim=1)
        # The same layout for one row as for many, or later steps would choose other kernels.
        y = columns.t()[:rows].contiguous()
        return y if bias is None else y.add_(bias)
