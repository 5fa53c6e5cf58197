"""Each graph of a family as a module: thin, round the one set of nets.

A wrapper speaks of one request, without the batch's axis, and in arrays alone: caches and masks
become inputs and outputs. Attributes that hold nets are called as `myna.engines.graphs` calls
networks, since weights take their names from there.

Letters in shapes: P phones, F text features, T tokens, L layers, H heads, D head width, S positions
read, C capacity, V vocabulary, G timbre channels, E latent frames, Z latent channels, N samples,
K bins, R reference frames, M filterbank frames, W speaker channels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from myna.nets.decoder import Decoder
from myna.nets.ecapa import Ecapa
from myna.nets.eres2net import ERes2NetV2
from myna.nets.hubert import Hubert
from myna.nets.prior_encoder import picked
from myna.nets.reference_encoder import full_mask
from myna.nets.roberta import Roberta
from myna.nets.source_filter import Since
from myna.nets.token_model import Positions, TokenModel, rates

_HIDDEN = -1e9
"""Score of a position that is not there yet."""


class Prefill(nn.Module):
    """Reads text and prompt."""

    def __init__(self, token_model: TokenModel) -> None:
        super().__init__()
        self.token_model = without_tables(token_model)

    def forward(self, phones: Tensor, features: Tensor, prompt: Tensor) -> tuple[Tensor, ...]:
        """phones (P,), features (P, F), prompt (T,) -> logits (V,), keys (L, H, D, S), values
        (L, H, S, D), S = P + T."""
        cache = _Arrays()
        logits = self.token_model.prefill(phones[None], features[None], prompt[None], cache)
        return logits[0], torch.stack(cache.kept[::2]), torch.stack(cache.kept[1::2])


class Step(nn.Module):
    """Adds one token; a layer's keys and values are an input and, one position longer, an output,
    so that a runtime can write where it read."""

    def __init__(self, token_model: TokenModel) -> None:
        super().__init__()
        self.token_model = without_tables(token_model)

    def forward(
        self, token: Tensor, position: Tensor, length: Tensor, *kept: Tensor
    ) -> list[Tensor]:
        """Add a token.

        Args:
            token: (1,) just drawn.
            position: (1,) of it in its stream of tokens.
            length: (1,) positions in the cache, which it is added behind.
            kept: keys (H, D, C) and values (H, C, D) of each layer in turn.

        Returns:
            logits (V,), then what `kept` became.
        """
        cache = _Arrays(kept, length)
        logits = self.token_model.step(token, position, cache)
        return [logits[0], *cache.kept]


class Decode(nn.Module):
    """Tokens to a waveform."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self,
        tokens: Tensor,
        phones: Tensor,
        timbre: Tensor,
        places: Tensor,
        noise: Tensor,
        *source: Tensor,
    ) -> tuple[Tensor, ...]:
        """A sentence, or a part of one.

        Args:
            tokens: (T,).
            phones: (P,), all of the sentence.
            timbre: (G,).
            places: (E,) frames of the tokens to decode, in fractions where speed is not 1.
            noise: (Z, E).
            source: where the generator filters pulses and noise: grain (N,), and the frame (1,)
                since which pulses have turned so much (1,), see `myna.nets.source_filter.Since`.

        Returns:
            samples (N,), and from a generator of pulses how far they have turned (S,).
        """
        timbre = timbre[None, :, None]
        joined = self.decoder.join(tokens[None], phones[None], timbre)
        grain, *since = source or (None,)
        samples, turns = self.decoder.sound(
            picked(joined, places),
            timbre,
            noise[None],
            None if grain is None else grain[None],
            Since(*since) if since else None,
        )
        return (samples[0],) if turns is None else (samples[0], turns[0])


class Timbre(nn.Module):
    """One reference to its timbre."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, spectrogram: Tensor, *speaker: Tensor) -> Tensor:
        """spectrogram (K, R), and the speaker vector (W,) where the family has one -> (G,)."""
        heard = spectrogram[None]
        vector = speaker[0][None] if speaker else None
        return self.decoder.timbre(heard, full_mask(heard), vector)[0, :, 0]


class Speaker(nn.Module):
    """A filter bank to a speaker vector."""

    def __init__(self, speaker_encoder: ERes2NetV2 | Ecapa) -> None:
        super().__init__()
        self.speaker_encoder = speaker_encoder

    def forward(self, bands: Tensor) -> Tensor:
        """(M, 80) -> (W,)"""
        vector: Tensor = self.speaker_encoder(bands[None])[0]
        return vector


class NearestTokens(nn.Module):
    """Speech to semantic tokens, by an encoder of features, and the decoder's codebook."""

    def __init__(self, content_encoder: Hubert, decoder: Decoder) -> None:
        super().__init__()
        self.content_encoder, self.decoder = content_encoder, decoder

    def forward(self, samples: Tensor) -> Tensor:
        """(N,) at 16 kHz -> (T,)."""
        content = self.content_encoder(samples[None])
        return self.decoder.tokens(content.transpose(1, 2))[0]


class TextFeatures(nn.Module):
    """Characters to text features."""

    def __init__(self, text_encoder: Roberta) -> None:
        super().__init__()
        self.text_encoder = text_encoder

    def forward(self, ids: Tensor) -> Tensor:
        """ids of a text's characters between its two marks, (P + 2,) -> (P, F)."""
        features: Tensor = self.text_encoder(ids)[1:-1]
        return features


class _Arrays:
    """A cache of one request whose arrays come from outside, or go there.

    Keys lie with their positions in the last axis, as a single query wants to read them; what lies
    behind the length is hidden.
    """

    def __init__(self, kept: Sequence[Tensor] = (), length: Tensor | None = None) -> None:
        self.kept = list(kept)
        self._length = length
        if length is not None:
            positions = torch.arange(kept[0].shape[2], device=length.device)
            self._hiding = torch.where(positions <= length, 0.0, _HIDDEN)

    def prefill(self, layer: int, past: Tensor) -> None:
        assert len(self.kept) == 2 * layer, "layers come in order"
        self.kept += [past[0, 0].transpose(1, 2), past[0, 1]]

    def step(self, layer: int, query: Tensor, new: Tensor) -> Tensor:
        assert self._length is not None, "this one was only to be read into"
        key, value = new[0].unbind(0)
        heads, width = key.shape
        keys, values = self.kept[2 * layer : 2 * layer + 2]
        keys = keys.scatter(2, self._length.expand(heads, width, 1), key[:, :, None])
        values = values.scatter(1, self._length.expand(heads, 1, width), value[:, None])
        self.kept[2 * layer : 2 * layer + 2] = keys, values
        scores = (query[0][:, None] * width**-0.5) @ keys + self._hiding
        return (scores.softmax(-1) @ values)[None, :, 0]


class _Sinusoids(nn.Module):
    """The same as `Positions`, from its rates: a graph would carry its tables whole."""

    rates: Tensor

    def __init__(self, positions: Positions) -> None:
        super().__init__()
        self.alpha = positions.alpha
        self.register_buffer("rates", rates(positions.table.shape[1]), persistent=False)

    def forward(self, x: Tensor, start: Tensor | int = 0) -> Tensor:
        places = (torch.arange(x.shape[1], device=x.device) + start).to(x.dtype)
        angles = places[..., None] * self.rates
        # One request has one row of places; no places are possible, and -1 can stand for them.
        waves = torch.stack([angles.sin(), angles.cos()], -1).reshape(-1, x.shape[2])
        return x + self.alpha * waves


def without_tables(net: TokenModel) -> TokenModel:
    """Let a token model compute its tables of positions instead of keeping them, in place."""
    for name in ("phone_positions", "token_positions"):
        positions = getattr(net, name)
        if isinstance(positions, Positions):
            setattr(net, name, _Sinusoids(positions))
    return net
