"""Spectrogram of a reference to its timbre, whatever is said in it."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.specs import DecoderSpec

_WIDTH = 128
_KERNEL = 5
_HEADS = 2


class ReferenceEncoder(nn.Module):
    """The mel-style encoder of Meta-StyleSpeech (arXiv:2106.03153), on linear magnitudes.

    Letters in shapes: B batch, K bins, T frames, G timbre channels.
    """

    def __init__(self, spec: DecoderSpec, dropout: float = 0.1) -> None:
        super().__init__()
        self.bins = spec.reference_bins
        self.spectral = nn.ModuleList([nn.Linear(self.bins, _WIDTH), nn.Linear(_WIDTH, _WIDTH)])
        self.temporal = nn.ModuleList(
            nn.Conv1d(_WIDTH, 2 * _WIDTH, _KERNEL, padding=_KERNEL // 2) for _ in range(2)
        )
        self.attention = _Attention()
        self.head = nn.Linear(_WIDTH, spec.timbre)
        self.dropout = nn.Dropout(dropout)

    def forward(self, spectrogram: Tensor, mask: Tensor) -> Tensor:
        """spectrogram (B, at least K, T), mask (B, 1, T) -> (B, G, 1).

        Bins above the lowest K are not read.
        """
        x = (spectrogram[:, : self.bins] * mask).transpose(1, 2)
        for linear in self.spectral:
            x = self.dropout(F.mish(linear(x)))
        x = x.transpose(1, 2)
        for conv in self.temporal:
            x = x + self.dropout(F.glu(conv(x), dim=1))
        valid = mask.transpose(1, 2)
        x = x.transpose(1, 2) * valid
        x = self.head(self.attention(x, mask.bool()[:, None]))
        # Divide before summing: the order in which the published model rounds.
        return (x / valid.sum(1, keepdim=True) * valid).sum(1)[..., None]


class _Attention(nn.Module):
    """Self-attention with a residual and no norm; scores are over the square root of all channels,
    not of a head's, as the published weights were trained."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(_WIDTH, _WIDTH)
        self.key = nn.Linear(_WIDTH, _WIDTH)
        self.value = nn.Linear(_WIDTH, _WIDTH)
        self.out = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, W), mask (B, 1, 1, T) -> (B, T, W)."""
        q, k, v = (
            layer(x).unflatten(-1, (_HEADS, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(q, k, v, mask, scale=1 / math.sqrt(_WIDTH))
        return self.out(seen.transpose(1, 2).flatten(2)) + x


def full_mask(like: Tensor) -> Tensor:
    """(B, 1, T) of ones for a (B, anything, T) without padding."""
    return torch.ones_like(like[:, :1])
