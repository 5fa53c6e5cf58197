"""RoBERTa-wwm-ext-large: Mandarin characters to text features, which guide prosody.

Only the layers up to the one that is read are built; the published file has two more, a pooling
layer and a head for guessing words, all of them unused here.

Letters in shapes: T characters with the mark before and the mark after them, D width.

Source: RoBERTa (arXiv:1907.11692) in the layout of the published `chinese-roberta-wwm-ext-large`
without its prefix `bert.`; values checked against recorded ones in tests/parity/test_encoders.py.
"""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F

from myna.specs import RobertaSpec

EPSILON = 1e-12
"""Of every layer norm. It is too small a difference for the recorded values to show."""


class Roberta(nn.Module):
    """The embeddings and the first `spec.used_layers` layers."""

    def __init__(self, spec: RobertaSpec) -> None:
        super().__init__()
        self.embeddings = Embeddings(spec)
        self.encoder = Encoder(spec)

    def forward(self, ids: Tensor) -> Tensor:
        """(T,) int64, at most `spec.positions` of them -> (T, D), one row for every id."""
        features: Tensor = self.encoder(self.embeddings(ids))
        return features


class Embeddings(nn.Module):
    """What a character is and where it stands: (T,) -> (T, D)."""

    def __init__(self, spec: RobertaSpec) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(spec.vocabulary, spec.width)
        self.position_embeddings = nn.Embedding(spec.positions, spec.width)
        self.token_type_embeddings = nn.Embedding(spec.token_types, spec.width)
        self.LayerNorm = nn.LayerNorm(spec.width, eps=EPSILON)

    def forward(self, ids: Tensor) -> Tensor:
        places = self.position_embeddings.weight[: ids.shape[0]]
        first_text = self.token_type_embeddings.weight[0]
        embedded: Tensor = self.LayerNorm(self.word_embeddings(ids) + places + first_text)
        return embedded


class Encoder(nn.Module):
    """The transformer: (T, D) -> (T, D)."""

    def __init__(self, spec: RobertaSpec) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(spec) for _ in range(spec.used_layers))

    def forward(self, hidden: Tensor) -> Tensor:
        for layer in self.layer:
            hidden = layer(hidden)
        return hidden


class Layer(nn.Module):
    """Attention and feed-forward, each normalised after its residual: (T, D) -> (T, D)."""

    def __init__(self, spec: RobertaSpec) -> None:
        super().__init__()
        self.attention = Attention(spec.width, spec.heads)
        self.intermediate = nn.Sequential(
            OrderedDict(dense=nn.Linear(spec.width, spec.feedforward), gelu=nn.GELU())
        )
        self.output = Residual(spec.feedforward, spec.width)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.attention(hidden)
        return self.output(self.intermediate(hidden), hidden)


class Attention(nn.Module):
    """Self-attention with its residual: (T, D) -> (T, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self = SelfAttention(width, heads)
        self.output = Residual(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.output(self.self(hidden), hidden)


class SelfAttention(nn.Module):
    """Every character attends to all characters: (T, D) -> (T, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        query, key, value = (
            projection(hidden).unflatten(-1, (self.heads, -1)).transpose(0, 1)[None]
            for projection in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        return attended[0].transpose(0, 1).flatten(1)


class Residual(nn.Module):
    """A linear map added to what came before it, then normalised."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, width)
        self.LayerNorm = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, inner: Tensor, before: Tensor) -> Tensor:
        """(T, inputs), (T, width) -> (T, width)"""
        normed: Tensor = self.LayerNorm(before + self.dense(inner))
        return normed
