"""Train the token model: predict every semantic token of a clip from its phones.

As published, a clip has no separate prompt: all of its tokens are learnt, and a prompt is at
inference simply the start of what was said. Published training also hid phones and learnt padding
where rows differ in length; `published_padding` does so, for comparison.

Letters in shapes: B rows, P phones, T tokens, S = P + T, F text features, V vocabulary (codes and
the end token), G watched heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from myna.checkpoints import store
from myna.errors import CheckpointError, ConfigError, DatasetError
from myna.nets.token_model import TokenModel, padded_sight, sight
from myna.specs import TokenModelSpec
from myna.training.task import Batch, Draws, Example, ParameterGroup, Player, Sample

_NET = "token_model"
_BEST = 3
"""A prediction counts as right in `top3` if the token is among so many likeliest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenModelSettings:
    """What is learnt of a clip, and how."""

    dropout: float = 0.1
    """As published; 0 to below 1."""
    published_padding: bool = False
    """Mask and count padding as published training did. What a row sees and learns then depends on
    its neighbours, so a batch cut into pieces is no longer the same batch."""
    preference: float = 0.0
    """Weight of preferring a clip to one with a part repeated or left out (arXiv:2305.18290,
    without a reference model); 0 leaves it out. Published training added the mean of it over rows
    to the sum of cross-entropies: a weight of 1 / rows here, with `published_padding`."""
    preference_sharpness: float = 0.2
    guided: float = 0.0
    """Weight of keeping chosen heads near the phone that is being said; 0 leaves it out. Where
    nobody knows which that is, it is taken to lie on the diagonal (arXiv:1710.08969)."""
    guided_heads: tuple[tuple[int, int], ...] = ()
    """Layer and head of each, from 0."""
    guided_width: float = 0.2
    """How far from the diagonal, as a part of the length, a look may stray at little cost."""
    guided_phones: float = 1.0
    """How far, in phones, from a phone that is known to be said."""
    groups: tuple[ParameterGroup, ...] = (ParameterGroup(prefixes=("",)),)
    """Share of the learning rate, by names of `TokenModel` after `token_model.`."""

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout is {self.dropout}; give 0 to below 1.")
        if self.preference < 0 or self.guided < 0:
            raise ConfigError(
                f"preference is {self.preference} and guided is {self.guided}; give 0 or more."
            )
        for name in ("preference_sharpness", "guided_width", "guided_phones"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be above 0.")
        if bool(self.guided) != bool(self.guided_heads):
            raise ConfigError("guided and guided_heads go together; give both or neither.")


class TokenModelTask:
    """Fulfils `myna.training.task.Task`.

    Examples have `phones` (P,) and `tokens` (T,) of integers, and may have `text_features` (P, F)
    of any float type; where they are missing they are zeros. They may have `places` (T,), the phone
    that each token belongs to, in fractions between two. Lengths are counted in phones and tokens.

    Loss terms: `loss`, the mean cross-entropy of tokens and of the end; with `published_padding`,
    `published` in its place, that of padding too and summed over a row; `preference` and `guided`
    if asked for; `top3`, the part of tokens that are among the three likeliest, is only logged.
    """

    name = _NET
    averaged: tuple[str, ...] = (_NET,)

    def __init__(self, spec: TokenModelSpec, settings: TokenModelSettings) -> None:
        for layer, head in settings.guided_heads:
            if not (0 <= layer < spec.layers and 0 <= head < spec.heads):
                raise ConfigError(
                    f"guided_heads has layer {layer}, head {head}; this model has {spec.layers} "
                    f"layers of {spec.heads} heads, counted from 0."
                )
        self.spec = spec
        self.settings = settings
        self.model = TokenModel(spec, settings.dropout)
        self.nets = nn.ModuleDict({_NET: self.model})
        first = "published" if settings.published_padding else "loss"
        weights = {first: 1.0, "preference": settings.preference, "guided": settings.guided}
        groups = tuple(
            ParameterGroup(
                prefixes=tuple(f"{_NET}.{prefix}" for prefix in group.prefixes), scale=group.scale
            )
            for group in settings.groups
        )
        asked = {term: weight for term, weight in weights.items() if weight}
        self.players: tuple[Player, ...] = (Player(name=_NET, groups=groups, weights=asked),)

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Pad phones with 0 and tokens with the end token.

        Raises:
            DatasetError: an example is empty, too long, or of another model; the message names it.
        """
        for example in examples:
            _check(example, self.spec)
        lengths = {
            f"{name}_lengths": torch.tensor([len(each[name]) for each in examples])
            for name in ("phones", "tokens")
        }
        phones, tokens = (int(each.max()) for each in lengths.values())
        rows = len(examples)
        given = [each["text_features"] for each in examples if "text_features" in each]
        features = np.zeros(
            (rows, phones, self.spec.text_features),
            np.result_type(*(each.dtype for each in given)) if given else np.float16,
        )
        padded = {
            "phones": np.zeros((rows, phones), np.int64),
            "tokens": np.full((rows, tokens), self.spec.end, np.int64),
            # Always there: parameters without a gradient would make a batch unlike its pieces.
            "text_features": features,
        }
        for row, example in enumerate(examples):
            for name in padded.keys() & example.keys():
                padded[name][row, : len(example[name])] = example[name]
        tensors = {name: torch.from_numpy(array) for name, array in padded.items()}
        places, spreads = zip(*(_places(each, self.settings) for each in examples), strict=True)
        tensors["places"] = nn.utils.rnn.pad_sequence(list(places), batch_first=True)
        tensors["spread"] = torch.tensor(spreads)
        return Batch(tuple(each["key"] for each in examples), tensors | lengths)

    def denominators(self, batch: Batch) -> Mapping[str, float]:
        rows, tokens = len(batch.keys), float(batch["tokens_lengths"].sum())
        return {
            "loss": tokens + rows,
            "published": rows,
            "preference": rows,
            "guided": tokens * len(self.settings.guided_heads),
            "top3": tokens,
        }

    def forward(self, batch: Batch, draws: Draws) -> Mapping[str, Tensor]:
        """The losses: there is but one player."""
        heads = self.settings.guided_heads
        chosen, attention = self.predict(batch, heads)
        losses = self._of_tokens(batch, chosen)
        if self.settings.preference:
            rejected = self.rejected(batch, draws)
            losses["preference"] = self.preference(batch, chosen, rejected)
        if attention is not None:
            losses["guided"] = _strayed(batch, attention).sum()
        return losses

    def losses(self, player: str, batch: Batch, shared: Any) -> Mapping[str, Tensor]:  # noqa: ARG002
        terms: Mapping[str, Tensor] = shared
        return terms

    def evaluate(self, batch: Batch) -> Mapping[str, Tensor]:
        """Always without padding, so that no row depends on its neighbours."""
        logits, _ = self._predict(batch, _last(batch), _real_sight(batch), ())
        terms = self._of_tokens(batch, logits)
        return {name: terms[name] for name in ("loss", "top3")}

    def samples(self, examples: Sequence[Example]) -> Sequence[Sample]:
        """Of each, how the head that follows the text best looks at the phones."""
        return [
            Sample(
                name=f"attention {example['key']}",
                picture=self.attention(example),
                axes=("token", "phone"),
            )
            for example in examples
        ]

    @torch.no_grad()
    def attention(self, example: Example) -> NDArray[np.float32]:
        """How the head that follows the text best shares out its look: (P, T), columns sum to 1."""
        batch = self.collate([example]).to(self.model.head.weight.device)
        spec = self.spec
        heads = [(layer, head) for layer in range(spec.layers) for head in range(spec.heads)]
        looks = self._predict(batch, _last(batch), _real_sight(batch), heads)[1]
        assert looks is not None
        strayed = _strayed(batch, looks).sum((0, 2))
        best: NDArray[np.float32] = looks[0, strayed.argmin()].T.cpu().numpy()
        return best

    def rejected(self, batch: Batch, draws: Draws) -> Batch:
        """The same rows with a part of the tokens said twice, or left out.

        Both ends of the part are drawn from the places between a row's own tokens; padding, unlike
        in published training, does not count.
        """
        changed = []
        for row, length in enumerate(batch["tokens_lengths"].tolist()):
            tokens = batch["tokens"][row, :length]
            generator = draws.numpy(row, "rejected")
            start, stop = sorted(generator.choice(length + 1, 2, replace=False).tolist())
            twice = generator.random() < 0.5 and length + stop - start < self.spec.positions
            middle = [tokens[start:stop]] * (2 if twice else 0)
            changed.append(torch.cat([tokens[:start], *middle, tokens[stop:]]))
        padded = nn.utils.rnn.pad_sequence(changed, batch_first=True, padding_value=self.spec.end)
        lengths = torch.tensor([len(each) for each in changed], device=padded.device)
        return Batch(batch.keys, {**batch.tensors, "tokens": padded, "tokens_lengths": lengths})

    def preference(self, batch: Batch, logits: Tensor, rejected: Batch) -> Tensor:
        """Sum over rows of how little the clips are preferred to rejected ones."""
        chosen = self._row_scores(batch, logits)
        other = self._row_scores(rejected, self.predict(rejected)[0])
        return -F.logsigmoid(self.settings.preference_sharpness * (chosen - other)).sum()

    def predict(
        self, batch: Batch, heads: Sequence[tuple[int, int]] = ()
    ) -> tuple[Tensor, Tensor | None]:
        """(B, T + 1, V) logits, and (B, G, T, P) attention of heads to watch, if any."""
        if self.settings.published_padding:
            last = torch.full_like(batch["phones_lengths"], batch["phones"].shape[1] - 1)
            return self._predict(batch, last, published_sight(batch), heads)
        return self._predict(batch, _last(batch), _real_sight(batch), heads)

    def _predict(
        self, batch: Batch, last: Tensor, mask: Tensor, heads: Sequence[tuple[int, int]]
    ) -> tuple[Tensor, Tensor | None]:
        inputs = (batch["phones"], batch["text_features"], batch["tokens"], mask, last)
        if heads:
            return self.model.predict_watched(*inputs, heads)
        return self.model.predict(*inputs), None

    def _of_tokens(self, batch: Batch, logits: Tensor) -> dict[str, Tensor]:
        targets = _targets(batch, self.spec.end)
        costs = F.cross_entropy(logits.float().transpose(1, 2), targets, reduction="none")
        found = (logits.detach().topk(_BEST).indices == targets[..., None]).any(-1)
        found = found & (targets != self.spec.end)
        terms = {"loss": (costs * _counted(batch)).sum(), "top3": found.sum().to(costs.dtype)}
        return terms | ({"published": costs.sum()} if self.settings.published_padding else {})

    def _row_scores(self, batch: Batch, logits: Tensor) -> Tensor:
        """(B,) logarithms of the probabilities of whole rows."""
        targets = _targets(batch, self.spec.end)
        scores = -F.cross_entropy(logits.float().transpose(1, 2), targets, reduction="none")
        return (scores if self.settings.published_padding else scores * _counted(batch)).sum(1)


def load(nets: nn.ModuleDict, model: store.ModelFolder) -> None:
    """Take over the token model of a voice model.

    Raises:
        CheckpointError: the folder is damaged, or holds a token model of another size.
    """
    tensors = store.tensors(model, _NET)
    state = {name: torch.from_numpy(tensors[name].astype(np.float32)) for name in tensors}
    try:
        nets[_NET].load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"The token model of {model.path} does not fit this recipe: {error}"
        ) from error


def delivered(nets: nn.ModuleDict) -> dict[str, NDArray[np.float32]]:
    """The tensors of a model folder's part `token_model`."""
    state = nets[_NET].state_dict()
    return {name: value.detach().float().cpu().numpy().copy() for name, value in state.items()}


def published_sight(batch: Batch) -> Tensor:
    """The mask of published training, (B, 1, S, S).

    Phones are padded on the right, but as many are hidden on the left, and their padding is seen;
    padding of tokens is hidden, even from itself.
    """
    phones, tokens = batch["phones"].shape[1], batch["tokens"].shape[1]
    columns = torch.arange(phones + tokens, device=batch["phones"].device)
    padding = phones - batch["phones_lengths"][:, None]
    real = (columns >= padding) & (columns < phones + batch["tokens_lengths"][:, None])
    return sight(phones, tokens, columns.device) & real[:, None, None]


def _real_sight(batch: Batch) -> Tensor:
    return padded_sight(batch["phones_lengths"], batch["phones"].shape[1], batch["tokens"].shape[1])


def _last(batch: Batch) -> Tensor:
    return batch["phones_lengths"] - 1


def _targets(batch: Batch, end: int) -> Tensor:
    """(B, T + 1): tokens, then the end from there on."""
    return F.pad(batch["tokens"], (0, 1), value=end)


def _counted(batch: Batch) -> Tensor:
    """(B, T + 1): 1 for tokens and the first end, 0 for padding."""
    columns = torch.arange(batch["tokens"].shape[1] + 1, device=batch["tokens"].device)
    return (columns <= batch["tokens_lengths"][:, None]).float()


def _strayed(batch: Batch, attention: Tensor) -> Tensor:
    """How much attention (B, G, T, P) is off its place: (B, G, T) from 0 to 1, 0 in padding.

    Source: arXiv:1710.08969, section 4.1; summed over phones, so that it does not depend on P.
    """
    phones = torch.arange(attention.shape[3], device=attention.device)
    off = phones - batch["places"][..., None]
    cost = 1 - torch.exp(-off.square() / (2 * batch["spread"][:, None, None] ** 2))
    tokens = torch.arange(attention.shape[2], device=attention.device)
    inside = tokens < batch["tokens_lengths"][:, None]
    return (attention * cost[:, None]).sum(-1) * inside[:, None]


def _places(example: Example, settings: TokenModelSettings) -> tuple[Tensor, float]:
    """The phone of each token (T,), and how far from it a look may stray."""
    phones, tokens = len(example["phones"]), len(example["tokens"])
    if "places" in example:
        return torch.from_numpy(np.asarray(example["places"], np.float32)), settings.guided_phones
    diagonal = (torch.arange(tokens) + 0.5) * (phones / tokens) - 0.5
    return diagonal, settings.guided_width * phones


def _check(example: Example, spec: TokenModelSpec) -> None:
    for name, most in (("phones", spec.phones), ("tokens", spec.codes)):
        ids = np.asarray(example[name])
        if not 0 < len(ids) < spec.positions:
            raise DatasetError(
                f"{example['key']} has {len(ids)} {name}; the token model reads 1 to "
                f"{spec.positions - 1}. Cut the clip shorter, or leave it out."
            )
        if ids.min() < 0 or ids.max() >= most:
            raise DatasetError(
                f"{example['key']} has {name} {ids.min()} to {ids.max()}, but this model knows "
                f"0 to {most - 1}; the set was prepared for another family."
            )
    features = example.get("text_features")
    if features is not None and features.shape != (len(example["phones"]), spec.text_features):
        raise DatasetError(
            f"{example['key']} has text features of shape {features.shape}, but "
            f"{len(example['phones'])} phones and {spec.text_features} features were expected."
        )
