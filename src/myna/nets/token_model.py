"""The token model (S1): phonemes and a prompt to semantic tokens, one at a time.

A post-norm transformer over [text | tokens]. Text sees all text and no token; a token sees all text
and the tokens up to itself. `prefill` reads text and prompt at once, `step` adds one token to each
of several requests. How keys and values are kept is the cache's affair, see `myna.nets.cache`.
`predict` is what training needs: all tokens of padded rows at once.

Letters in shapes: B requests or rows, P phones, T tokens, S = P + T, W width, H heads, D head
width, F text features, V vocabulary (codes and the end token), G watched heads.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.nets.cache import Cache
from myna.specs import TokenModelSpec

RowsLinear = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""x (B, K), weight (N, K), bias (N,) -> (B, N); `torch.nn.functional.linear` is one."""


class TokenModel(nn.Module):
    """Source: GPT-SoVITS, `t2s_model`; values checked against recorded ones in the parity tests."""

    def __init__(self, spec: TokenModelSpec, dropout: float = 0.1) -> None:
        super().__init__()
        self.spec = spec
        self.text_features = nn.Linear(spec.text_features, spec.width)
        self.phone_embedding = nn.Embedding(spec.phones, spec.width)
        self.phone_positions = Positions(spec.width, spec.positions)
        self.token_embedding = nn.Embedding(spec.codes + 1, spec.width)
        self.token_positions = Positions(spec.width, spec.positions)
        self.layers = nn.ModuleList(Layer(spec, dropout) for _ in range(spec.layers))
        self.head = nn.Linear(spec.width, spec.codes + 1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def embed_phones(self, phones: Tensor, features: Tensor | None) -> Tensor:
        """phones (B, P), features (B, P, F) or None for zeros -> (B, P, W)."""
        x = self.phone_embedding(phones)
        # A linear map of zeros is its bias.
        meant = self.text_features.bias if features is None else self.text_features(features)
        return self.phone_positions(x + meant)

    def embed_tokens(self, tokens: Tensor, start: Tensor | int = 0) -> Tensor:
        """tokens (B, T) at positions from `start`, an int or (B, 1) -> (B, T, W)."""
        return self.token_positions(self.token_embedding(tokens), start)

    def forward(self, x: Tensor, mask: Tensor, cache: Cache | None = None) -> Tensor:
        """Embedded sequence (B, S, W), mask (S, S) or (B, 1, S, S), True where seen -> (B, S, W).

        Every key and value passes through `cache` if there is one.
        """
        for index, layer in enumerate(self.layers):
            x = layer(x, index, mask, cache)
        return x

    def prefill(
        self, phones: Tensor, features: Tensor | None, prompt: Tensor, cache: Cache
    ) -> Tensor:
        """Read text and prompt of one request, or of several of equal lengths.

        Args:
            phones: (B, P) ids, those of the prompt first.
            features: (B, P, F), or None for zeros.
            prompt: (B, T) tokens; T may be 0.
            cache: takes every key and value.

        Returns:
            (B, V) logits of the next token.
        """
        x = torch.cat([self.embed_phones(phones, features), self.embed_tokens(prompt)], dim=1)
        hidden = self(x, sight(phones.shape[1], prompt.shape[1], x.device), cache)
        return self.head(hidden[:, -1])

    def predict(
        self, phones: Tensor, features: Tensor, tokens: Tensor, mask: Tensor, last: Tensor
    ) -> Tensor:
        """Predict every token of known ones from those before it, with dropout in training.

        Args:
            phones: (B, P), padded at the end.
            features: (B, P, F), of any float type.
            tokens: (B, T), padded at the end.
            mask: (B, 1, S, S), True where seen; see `padded_sight`.
            last: (B,) index of each row's last phone, which predicts its first token.

        Returns:
            (B, T + 1, V) logits: of the first token, then after each token.
        """
        x = self._embedded(phones, features, tokens)
        return self._logits(self(x, mask), last, phones.shape[1])

    def predict_watched(
        self,
        phones: Tensor,
        features: Tensor,
        tokens: Tensor,
        mask: Tensor,
        last: Tensor,
        heads: Sequence[tuple[int, int]],
    ) -> tuple[Tensor, Tensor]:
        """`predict`, and how some heads share out what they look at among the phones.

        Args:
            heads: G pairs of a layer and a head.

        Returns:
            (B, T + 1, V) logits, and (B, G, T, P): from each token to the phones, sums of 1.
        """
        x = self._embedded(phones, features, tokens)
        watched: dict[tuple[int, int], Tensor] = {}
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            if here := [head for number, head in heads if number == index]:
                looks = layer.attention.to_text(x, mask, here, phones.shape[1])
                watched |= {(index, h): look for h, look in zip(here, looks.unbind(1), strict=True)}
            x = layer(x, index, mask, None)
        return (
            self._logits(x, last, phones.shape[1]),
            torch.stack([watched[pair] for pair in heads], dim=1),
        )

    def _embedded(self, phones: Tensor, features: Tensor, tokens: Tensor) -> Tensor:
        meant = features.to(self.text_features.weight.dtype)
        x = torch.cat([self.embed_phones(phones, meant), self.embed_tokens(tokens)], dim=1)
        return self.dropout(x)

    def _logits(self, hidden: Tensor, last: Tensor, phones: int) -> Tensor:
        first = hidden[torch.arange(len(hidden), device=hidden.device), last]
        return self.head(torch.cat([first[:, None], hidden[:, phones:]], dim=1))

    def step(
        self, tokens: Tensor, positions: Tensor, cache: Cache, linear: RowsLinear = F.linear
    ) -> Tensor:
        """Add one token to each request.

        Args:
            tokens: (B,) just drawn.
            positions: (B,) of each in its stream of tokens, the prompt counted.
            cache: holds what came before; takes the new keys and values.
            linear: maps rows that belong to different requests; see `myna.nets.lanes`.

        Returns:
            (B, V) logits of the next token.
        """
        x = self.embed_tokens(tokens[:, None], positions[:, None])[:, 0]
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            x = layer.step(x, index, cache, linear)
        return linear(x, self.head.weight, None)


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, spec: TokenModelSpec, dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(spec.width, spec.heads, dropout)
        self.attention_norm = nn.LayerNorm(spec.width)
        self.feedforward = nn.Sequential(
            nn.Linear(spec.width, spec.feedforward),
            nn.ReLU(),
            nn.Linear(spec.feedforward, spec.width),
        )
        self.feedforward_norm = nn.LayerNorm(spec.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, index: int, mask: Tensor, cache: Cache | None) -> Tensor:
        """(B, S, W) -> (B, S, W)."""
        x = self.attention_norm(x + self.dropout(self.attention(x, index, mask, cache)))
        widen, activation, narrow = self.feedforward
        wide = self.dropout(activation(widen(x)))
        return self.feedforward_norm(x + self.dropout(narrow(wide)))

    def step(self, x: Tensor, index: int, cache: Cache, linear: RowsLinear) -> Tensor:
        """(B, W) -> (B, W)."""
        attention, widen, narrow = self.attention, self.feedforward[0], self.feedforward[2]
        assert isinstance(widen, nn.Linear)
        assert isinstance(narrow, nn.Linear)
        qkv = linear(x, attention.qkv.weight, attention.qkv.bias)
        qkv = qkv.unflatten(-1, (3, attention.heads, -1))
        seen = cache.step(index, qkv[:, 0], qkv[:, 1:])
        x = self.attention_norm(
            x + linear(seen.flatten(1), attention.out.weight, attention.out.bias)
        )
        wide = linear(x, widen.weight, widen.bias).relu_()
        return self.feedforward_norm(x + linear(wide, narrow.weight, narrow.bias))


class SelfAttention(nn.Module):
    """Multi-head attention with queries, keys and values in one map."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, index: int, mask: Tensor, cache: Cache | None) -> Tensor:
        """(B, S, W) -> (B, S, W)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(0, 2, 3, 1, 4)
        if cache is not None:
            cache.prefill(index, qkv[:, 1:])
        q, k, v = qkv.unbind(1)
        dropped = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropped)
        return self.out(seen.transpose(1, 2).flatten(2))

    def to_text(self, x: Tensor, mask: Tensor, heads: list[int], phones: int) -> Tensor:
        """How G heads share out their look at the phones: (B, S, W) -> (B, G, T, P), sums of 1."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))[..., heads, :]
        q, k, _ = qkv.permute(0, 2, 3, 1, 4).unbind(1)
        scores = q[:, :, phones:] @ k[:, :, :phones].transpose(2, 3) * q.shape[-1] ** -0.5
        hidden = ~mask[:, :, phones:, :phones]
        return scores.float().masked_fill(hidden, -torch.inf).softmax(-1)


class Positions(nn.Module):
    """Sinusoids (arXiv:1706.03762), scaled by one learned number and added."""

    table: Tensor

    def __init__(self, width: int, longest: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1))
        # Not a parameter and not in any file; computed even when the parameters are on meta.
        self.register_buffer("table", sinusoids(longest, width), persistent=False)

    def forward(self, x: Tensor, start: Tensor | int = 0) -> Tensor:
        """(B, T, W), first position `start` (an int, or (B, 1)) -> (B, T, W)."""
        if isinstance(start, int):
            rows = self.table[start : start + x.shape[1]]
        else:
            rows = self.table[start + torch.arange(x.shape[1], device=x.device)]
        return x + self.alpha * rows


def sinusoids(longest: int, width: int) -> Tensor:
    """(longest, width) on the CPU: sine in even columns, cosine in odd ones, base 10000."""
    with torch.device("cpu"):
        position = torch.arange(longest, dtype=torch.float32)[:, None]
        angles = position * rates(width)
        return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


def rates(width: int) -> Tensor:
    """(width / 2,) of the sinusoids, in radians per position."""
    return torch.exp(torch.arange(0, width, 2).float() * (-math.log(10_000.0) / width))


def sight(phones: int, tokens: int, device: torch.device) -> Tensor:
    """Who sees whom: (S, S), True where the row's position looks at the column's."""
    seen = torch.ones(phones + tokens, phones + tokens, dtype=torch.bool, device=device).tril()
    seen[:phones] = False
    seen[:, :phones] = True
    return seen


def padded_sight(lengths: Tensor, phones: int, tokens: int) -> Tensor:
    """`sight` of rows with fewer phones than the longest: lengths (B,) -> (B, 1, S, S).

    Padding of phones is seen by nobody. Padding of tokens comes after all that is real, which does
    not look ahead; so it needs no hiding.
    """
    columns = torch.arange(phones + tokens, device=lengths.device)
    real = (columns < lengths[:, None]) | (columns >= phones)
    return sight(phones, tokens, lengths.device) & real[:, None, None]
