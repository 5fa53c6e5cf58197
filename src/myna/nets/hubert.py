"""HuBERT base: samples to content features, which say what is spoken and little of who speaks.

Convolutions make 50 frames a second of the samples, a post-norm transformer reads all frames at
once. Samples come as they are: not shifted to zero mean, not scaled to unit variance.

Letters in shapes: B recordings, N samples, T frames, C filters, D width.

Source: HuBERT (arXiv:2106.07447) in the layout of the published `chinese-hubert-base`; values
checked against recorded ones in tests/parity/test_encoders.py.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from myna.nets.weight_norm import WeightNormConv1d
from myna.specs import HubertSpec


class Hubert(nn.Module):
    """The whole network; `fold` of `myna.nets.weight_norm` makes its one weight norm plain."""

    def __init__(self, spec: HubertSpec) -> None:
        super().__init__()
        self.feature_extractor = FeatureExtractor(spec)
        self.feature_projection = FeatureProjection(spec.filters, spec.width)
        self.encoder = Encoder(spec)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, N) at 16 kHz -> (B, T, D) with T = `spec.frames(N)`, which must not be 0."""
        features = self.feature_extractor(samples)
        hidden: Tensor = self.encoder(self.feature_projection(features))
        return hidden


class FeatureExtractor(nn.Module):
    """Samples to filter outputs, one every 320 samples."""

    def __init__(self, spec: HubertSpec) -> None:
        super().__init__()
        first, *others = zip(spec.kernels, spec.strides, strict=True)
        self.conv_layers = nn.ModuleList([NormedFilter(spec.filters, *first)])
        self.conv_layers.extend(Filter(spec.filters, spec.filters, *other) for other in others)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, N) -> (B, T, C)"""
        features = samples[:, None]
        for layer in self.conv_layers:
            features = layer(features)
        return features.transpose(1, 2)


class Filter(nn.Module):
    """A strided convolution without bias, and GELU: (B, inputs, N) -> (B, outputs, N')."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.conv(x))


class NormedFilter(Filter):
    """The first filter: every output is normalised over the whole recording."""

    def __init__(self, outputs: int, kernel: int, stride: int) -> None:
        super().__init__(1, outputs, kernel, stride)
        self.layer_norm = nn.GroupNorm(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.layer_norm(self.conv(x)))


class FeatureProjection(nn.Module):
    """Filter outputs to the transformer's width: (B, T, C) -> (B, T, D)."""

    def __init__(self, filters: int, width: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(filters)
        self.projection = nn.Linear(filters, width)

    def forward(self, features: Tensor) -> Tensor:
        projected: Tensor = self.projection(self.layer_norm(features))
        return projected


class Encoder(nn.Module):
    """The transformer: (B, T, D) -> (B, T, D)."""

    def __init__(self, spec: HubertSpec) -> None:
        super().__init__()
        self.pos_conv_embed = Positions(spec)
        self.layer_norm = nn.LayerNorm(spec.width)
        self.layers = nn.ModuleList(Layer(spec) for _ in range(spec.layers))

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.layer_norm(hidden + self.pos_conv_embed(hidden))
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class Positions(nn.Module):
    """Where a frame stands, told by its neighbours: (B, T, D) -> (B, T, D)."""

    def __init__(self, spec: HubertSpec) -> None:
        super().__init__()
        kernel = spec.position_kernel
        self.conv = WeightNormConv1d(
            spec.width,
            spec.width,
            kernel,
            padding=kernel // 2,
            groups=spec.position_groups,
            dim=2,
        )

    def forward(self, hidden: Tensor) -> Tensor:
        places = self.conv(hidden.transpose(1, 2))
        # an even kernel with half of it as padding gives one frame too many
        return F.gelu(places[..., : hidden.shape[1]]).transpose(1, 2)


class Layer(nn.Module):
    """Attention and feed-forward, each normalised after its residual: (B, T, D) -> (B, T, D)."""

    def __init__(self, spec: HubertSpec) -> None:
        super().__init__()
        self.attention = Attention(spec.width, spec.heads)
        self.layer_norm = nn.LayerNorm(spec.width)
        self.feed_forward = FeedForward(spec.width, spec.feedforward)
        self.final_layer_norm = nn.LayerNorm(spec.width)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.layer_norm(hidden + self.attention(hidden))
        hidden = self.final_layer_norm(hidden + self.feed_forward(hidden))
        return hidden


class Attention(nn.Module):
    """Every frame attends to all frames: (B, T, D) -> (B, T, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        query, key, value = (
            projection(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        merged: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return merged


class FeedForward(nn.Module):
    """Two linear maps with GELU between them: (B, T, D) -> (B, T, D)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(width, inner)
        self.output_dense = nn.Linear(inner, width)

    def forward(self, hidden: Tensor) -> Tensor:
        mapped: Tensor = self.output_dense(F.gelu(self.intermediate_dense(hidden)))
        return mapped
