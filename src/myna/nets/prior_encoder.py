"""Semantic tokens and phonemes to the prior over latents.

The tokens say what is heard and when, the phonemes what is meant; a cross-attention joins them
(multi-reference timbre fusion, MRTE, arXiv:2307.07218) and adds the timbre.

Letters in shapes: B batch, C content channels, T frames (two per token), P phones, H hidden
channels, G channels of the timbre as the prior reads it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.specs import DecoderSpec

_WINDOW = 4
"""Relative positions are learned up to this distance and are zero beyond."""

_FORBIDDEN = -1e4
"""Score of a masked position: finite, so that a row that sees nothing averages, as trained."""


class PriorEncoder(nn.Module):
    """Source: GPT-SoVITS, `TextEncoder`; the text encoder is that of VITS (arXiv:2106.06103)."""

    def __init__(self, spec: DecoderSpec, dropout: float = 0.1) -> None:
        super().__init__()
        self.content_in = nn.Conv1d(spec.content, spec.hidden, 1)
        self.content_layers = Layers(spec, spec.half_layers, dropout, spec.sight)
        self.phone_embedding = nn.Embedding(spec.phones, spec.hidden)
        self.text_layers = Layers(spec, spec.text_layers, dropout)
        self.fusion = Fusion(spec, dropout)
        self.joint_layers = Layers(spec, spec.half_layers, dropout, spec.sight)
        self.head = nn.Conv1d(spec.hidden, 2 * spec.hidden, 1)

    def join(
        self,
        content: Tensor,
        content_mask: Tensor,
        phones: Tensor,
        text_mask: Tensor,
        timbre: Tensor,
    ) -> Tensor:
        """Fuse what is heard with what is meant.

        Args:
            content: (B, C, T) codebook entries.
            content_mask: (B, 1, T).
            phones: (B, P) ids.
            text_mask: (B, 1, P).
            timbre: (B, fusion width, 1).

        Returns:
            (B, H, T).
        """
        x = self.content_in(content * content_mask) * content_mask
        x = self.content_layers(x, content_mask)
        text = self.phone_embedding(phones).transpose(1, 2)
        text = self.text_layers(text * text_mask, text_mask)
        x = self.fusion(x, content_mask, text, text_mask, timbre)
        return self.joint_layers(x, content_mask)

    def prior(self, joined: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """joined (B, H, T) -> mean and log deviation of the latents, each (B, H, T)."""
        mean, log_deviation = (self.head(joined) * mask).chunk(2, dim=1)
        return mean, log_deviation


def picked(joined: Tensor, places: Tensor) -> Tensor:
    """Frames at places between frames: (B, H, T), places (W,) from 0 to T - 1 -> (B, H, W)."""
    before = places.floor()
    first = before.long()
    second = (first + 1).clamp(max=joined.shape[2] - 1)
    share = (places - before).to(joined.dtype)
    return joined.index_select(2, first) * (1 - share) + joined.index_select(2, second) * share


class Fusion(nn.Module):
    """Content looks at text and takes up the timbre."""

    def __init__(self, spec: DecoderSpec, dropout: float) -> None:
        super().__init__()
        self.content_in = nn.Conv1d(spec.hidden, spec.fusion, 1)
        self.text_in = nn.Conv1d(spec.hidden, spec.fusion, 1)
        self.attention = Attention(spec.fusion, spec.fusion_heads, dropout)
        self.out = nn.Conv1d(spec.fusion, spec.hidden, 1)

    def forward(
        self, content: Tensor, content_mask: Tensor, text: Tensor, text_mask: Tensor, timbre: Tensor
    ) -> Tensor:
        """content (B, H, T), text (B, H, P), timbre (B, fusion width, 1) -> (B, H, T)."""
        content = self.content_in(content * content_mask)
        text = self.text_in(text * text_mask)
        sight = text_mask[:, :, None] * content_mask[..., None]
        x = self.attention(content, text, sight) + content + timbre
        return self.out(x * content_mask)


class Layers(nn.ModuleList):
    """A stack of post-norm transformer layers over channels-first sequences.

    Args:
        farthest: how many positions to either side a layer attends to; None for all.
    """

    def __init__(
        self, spec: DecoderSpec, layers: int, dropout: float, farthest: int | None = None
    ) -> None:
        super().__init__(Layer(spec, dropout) for _ in range(layers))
        self.farthest = farthest

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, H, T), mask (B, 1, T) -> (B, H, T)."""
        sight = mask[:, :, None] * mask[..., None]
        if self.farthest is not None:
            place = torch.arange(x.shape[-1], device=x.device)
            sight = sight * ((place[None] - place[:, None]).abs() <= self.farthest)
        x = x * mask
        for layer in self:
            x = layer(x, mask, sight)
        return x * mask


class Layer(nn.Module):
    """Attention with relative positions, then two convolutions."""

    def __init__(self, spec: DecoderSpec, dropout: float) -> None:
        super().__init__()
        hidden, wide = spec.hidden, spec.feedforward
        self.attention = Attention(hidden, spec.heads, dropout, window=_WINDOW)
        self.attention_norm = ChannelNorm(hidden)
        self.feedforward = nn.ModuleList(
            [nn.Conv1d(hidden, wide, 3, padding=1), nn.Conv1d(wide, hidden, 3, padding=1)]
        )
        self.feedforward_norm = ChannelNorm(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, sight: Tensor) -> Tensor:
        """x (B, H, T), mask (B, 1, T), sight (B, 1, T, T) -> (B, H, T)."""
        x = self.attention_norm(x + self.dropout(self.attention(x, x, sight)))
        widen, narrow = self.feedforward
        y = self.dropout(F.relu(widen(x * mask)))
        y = narrow(y * mask) * mask
        return self.feedforward_norm(x + self.dropout(y))


class Attention(nn.Module):
    """Multi-head attention over channels-first sequences.

    With a `window`, learned vectors for the distance between query and key, shared by the heads,
    are added to keys and values (arXiv:1803.02155).
    """

    def __init__(self, width: int, heads: int, dropout: float, window: int | None = None) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.query = nn.Conv1d(width, width, 1)
        self.key = nn.Conv1d(width, width, 1)
        self.value = nn.Conv1d(width, width, 1)
        self.out = nn.Conv1d(width, width, 1)
        if window is not None:
            table = torch.randn(1, 2 * window + 1, width // heads) * (width // heads) ** -0.5
            self.relative_keys = nn.Parameter(table)
            self.relative_values = nn.Parameter(table.clone())
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, memory: Tensor, sight: Tensor) -> Tensor:
        """x (B, W, T), memory (B, W, M), sight (B, 1, T, M), 0 where hidden -> (B, W, T)."""
        q, k, v = (
            layer(y).unflatten(1, (self.heads, -1)).transpose(2, 3)
            for layer, y in ((self.query, x), (self.key, memory), (self.value, memory))
        )
        q = q * q.shape[-1] ** -0.5
        scores = q @ k.transpose(2, 3)
        if self.window is None:
            weights = self._weights(scores, sight)
            seen = weights @ v
        else:
            distance, near = _distances(x.shape[-1], self.window, x.device)
            by_distance = (q @ self.relative_keys.transpose(1, 2)).gather(
                -1, distance.expand(*scores.shape)
            )
            weights = self._weights(scores + by_distance * near, sight)
            seen = weights @ v + _band(weights, self.window) @ self.relative_values
        return self.out(seen.transpose(2, 3).flatten(1, 2))

    def _weights(self, scores: Tensor, sight: Tensor) -> Tensor:
        return self.dropout(scores.masked_fill(sight == 0, _FORBIDDEN).softmax(-1))


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of a channels-first sequence."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, T) -> (B, H, T)."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def _distances(length: int, window: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Row of the relative table for each (query, key), and whether the key is near: (T, T) both."""
    place = torch.arange(length, device=device)
    distance = place[None] - place[:, None] + window
    near = (distance >= 0) & (distance <= 2 * window)
    return distance.clamp(0, 2 * window), near


def _band(weights: Tensor, window: int) -> Tensor:
    """Weights of the near keys by distance: (B, heads, T, T) -> (B, heads, T, 2 * window + 1)."""
    length = weights.shape[-1]
    place = torch.arange(length, device=weights.device)[:, None]
    key = place + torch.arange(-window, window + 1, device=weights.device)
    inside = (key >= 0) & (key < length)
    picked = weights.gather(-1, key.clamp(0, length - 1).expand(*weights.shape[:-1], -1))
    return picked * inside
