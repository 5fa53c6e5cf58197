"""Spectrogram to latents: what the decoder's prior is trained to match (training only)."""

import torch
from torch import Tensor, nn

from myna.nets.wavenet import WaveNet
from myna.specs import DecoderSpec


class PosteriorEncoder(nn.Module):
    """As in VITS (arXiv:2106.06103).

    Letters in shapes: B batch, K bins, H latent channels, T frames, G channels of the timbre.
    """

    def __init__(self, spec: DecoderSpec) -> None:
        super().__init__()
        self.first = nn.Conv1d(spec.spectrogram.bins, spec.hidden, 1)
        self.wavenet = WaveNet(spec.hidden, spec.kernel, spec.posterior_layers, spec.timbre)
        self.head = nn.Conv1d(spec.hidden, 2 * spec.hidden, 1)

    def forward(
        self, spectrogram: Tensor, mask: Tensor, timbre: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Encode.

        Args:
            spectrogram: (B, K, T) magnitudes.
            mask: (B, 1, T), 1 where there is sound.
            timbre: (B, G, 1).
            noise: (B, H, T), standard normal.

        Returns:
            Latents, their mean and their log deviation, each (B, H, T).
        """
        x = self.wavenet(self.first(spectrogram) * mask, mask, timbre)
        mean, log_deviation = (self.head(x) * mask).chunk(2, dim=1)
        return (mean + noise * torch.exp(log_deviation)) * mask, mean, log_deviation
