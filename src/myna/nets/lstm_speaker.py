"""The recurrent speaker encoder: who speaks, from a short stretch of mel bands.

Letters in shapes: B rows, T frames of 10 ms, V channels of the speaker vector.

Source: generalised end-to-end loss (arXiv:1710.10467), section 3; the widths, and the rectifier
before the norm, are those of the public weights that Resemblyzer (Apache-2.0) carries.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class LSTMSpeaker(nn.Module):
    """Bands to unit vectors.

    Args:
        bands: of the mel spectrogram.
        width: of the recurrent layers and of the speaker vector.
        layers: recurrent ones.
    """

    def __init__(self, bands: int = 40, width: int = 256, layers: int = 3) -> None:
        super().__init__()
        self.lstm = nn.LSTM(bands, width, layers, batch_first=True)
        self.linear = nn.Linear(width, width)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, V) unit vectors, no value below 0, of mel power (B, T, bands)."""
        _, (hidden, _) = self.lstm(mel)
        return F.normalize(F.relu(self.linear(hidden[-1])), dim=1)
