"""An invertible map between latents and their prior, by coupling layers (arXiv:1605.08803)."""

import torch
from torch import Tensor, nn

from myna.nets.wavenet import WaveNet
from myna.specs import DecoderSpec


class Flow(nn.ModuleList):
    """Coupling layers, the channels flipped after each.

    Letters in shapes: B batch, H latent channels, T frames, G channels of the timbre.
    """

    def __init__(self, spec: DecoderSpec) -> None:
        super().__init__(Coupling(spec) for _ in range(spec.flows))

    def forward(self, z: Tensor, mask: Tensor, timbre: Tensor) -> Tensor:
        """Latents of the posterior -> latents of the prior, (B, H, T) both."""
        for coupling in self:
            z = coupling(z, mask, timbre).flip(1)
        return z

    def reverse(self, z: Tensor, mask: Tensor, timbre: Tensor) -> Tensor:
        """Latents of the prior -> latents that the generator reads; undoes `forward`."""
        for coupling in reversed(self):
            assert isinstance(coupling, Coupling)
            z = coupling.reverse(z.flip(1), mask, timbre)
        return z


class Coupling(nn.Module):
    """Shifts the second half of the channels by what the first half says."""

    def __init__(self, spec: DecoderSpec) -> None:
        super().__init__()
        half = spec.hidden // 2
        self.first = nn.Conv1d(half, spec.hidden, 1)
        self.wavenet = WaveNet(spec.hidden, spec.kernel, spec.flow_layers, spec.timbre)
        self.last = nn.Conv1d(spec.hidden, half, 1)

    def forward(self, z: Tensor, mask: Tensor, timbre: Tensor) -> Tensor:
        """(B, H, T) -> (B, H, T)."""
        kept, moved = z.chunk(2, dim=1)
        return torch.cat([kept, self._shift(kept, mask, timbre) + moved * mask], dim=1)

    def reverse(self, z: Tensor, mask: Tensor, timbre: Tensor) -> Tensor:
        """Undoes `forward`."""
        kept, moved = z.chunk(2, dim=1)
        return torch.cat([kept, (moved - self._shift(kept, mask, timbre)) * mask], dim=1)

    def _shift(self, kept: Tensor, mask: Tensor, timbre: Tensor) -> Tensor:
        return self.last(self.wavenet(self.first(kept) * mask, mask, timbre)) * mask
