"""Losses on who speaks, as functions that a task may add: to learn voices, or to unlearn them.

To learn: `ge2e` and `aam_softmax` make embeddings of one speaker alike and those of several apart.
To unlearn: a classifier of speakers behind `reverse_gradient` teaches what lies before it to hide
the speaker, and `cross_covariance` keeps two representations from saying the same.

All give numerators, as `Task.losses` wants them; what to divide by stands in each docstring and
follows from the rows alone. `aam_softmax` and the classifier judge row by row, so a batch may be
cut into pieces. `ge2e` compares rows with each other and `cross_covariance` is not a sum over rows:
of a batch in pieces each piece is judged by itself, and the gradient is not that of the whole.

Letters in shapes: B rows, D width of an embedding, S speakers, C channels, T time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from myna.errors import ConfigError


def ge2e(
    embeddings: Tensor, speakers: Tensor, scale: Tensor | float, bias: Tensor | float
) -> Tensor:
    """Generalised end-to-end loss with softmax (arXiv:1710.10467, formula 6).

    Each row is compared with the mean of every speaker in the batch, with that of its own speaker
    without itself; its own is to be the nearest.

    Args:
        embeddings: (B, D), of any length but 0.
        speakers: (B,) whole numbers, any.
        scale: of the cosines, kept at 1e-3 or more; learned, 10 at first.
        bias: added; learned, -5 at first.

    Returns:
        The sum over rows whose speaker has others; its denominator is `ge2e_rows(speakers)`. Zero,
        with a gradient of zero, where there is no such row.
    """
    embeddings = F.normalize(embeddings.float(), dim=-1)
    _, own = speakers.unique(return_inverse=True)
    count = torch.bincount(own)
    member = F.one_hot(own, len(count)).to(embeddings)
    sums = member.T @ embeddings
    # Without the row itself; where nothing is left the row takes no part.
    others = sums[own] - embeddings
    similar = embeddings @ F.normalize(sums, dim=-1).T
    with_own = (embeddings * F.normalize(others, dim=-1)).sum(-1)
    similar = torch.where(member.bool(), with_own[:, None], similar)
    scale = torch.as_tensor(scale, device=embeddings.device).clamp(min=1e-3)
    losses = F.cross_entropy(scale * similar + bias, own, reduction="none")
    return losses[count[own] > 1].sum()


def ge2e_rows(speakers: Sequence[int]) -> float:
    """Rows whose speaker has another row: the denominator of `ge2e`; at least 1."""
    counts = Counter(speakers)
    return float(max(1, sum(number for number in counts.values() if number > 1)))


def aam_softmax(
    embeddings: Tensor,
    speakers: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.2,
    scale: float = 30.0,
) -> Tensor:
    """Additive angular margin loss (ArcFace, arXiv:1801.07698).

    A row's angle to its speaker's prototype counts as wider by `margin`.

    Args:
        embeddings: (B, D), of any length but 0.
        speakers: (B,) from 0 to S - 1.
        prototypes: (S, D), learned.
        margin: radians, from 0 to below pi / 2.
        scale: of the cosines.

    Returns:
        The sum over rows; its denominator is B.

    Raises:
        ConfigError: margin or scale is out of range.
    """
    if not 0 <= margin < math.pi / 2:
        raise ConfigError(f"margin is {margin}; it is from 0 to below half of pi.")
    if scale <= 0:
        raise ConfigError(f"scale is {scale}; it is above 0.")
    cosine = F.linear(
        F.normalize(embeddings.float(), dim=-1), F.normalize(prototypes.float(), dim=-1)
    )
    own = cosine.gather(1, speakers[:, None])
    # A root has no slope at 0.
    sine = (1 - own.square()).clamp(min=1e-9).sqrt()
    wider = own * math.cos(margin) - sine * math.sin(margin)
    # Beyond pi the cosine would rise again; there its tangent goes on falling.
    wider = torch.where(own > -math.cos(margin), wider, own - margin * math.sin(margin))
    logits = cosine.scatter(1, speakers[:, None], wider)
    return F.cross_entropy(scale * logits, speakers, reduction="sum")


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """`x` itself; its gradient is that of -`strength` times it (arXiv:1505.07818).

    Behind it a classifier learns to see the speaker, and what made `x` learns to hide him.
    """
    return _Reversed.apply(x, strength)


def adversary_strength(progress: float, strength: float = 1.0) -> float:
    """`strength` for `reverse_gradient` at a share of the run: from 0 at 0 towards all of it.

    Early on the classifier knows nothing, and to fool it would teach nothing.

    Source: the schedule of arXiv:1505.07818, section 5.2.2.
    """
    return strength * (2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0)


def adversary(
    content: Tensor, lengths: Tensor, speakers: Tensor, prototypes: Tensor, strength: float = 1.0
) -> Tensor:
    """How well a linear classifier tells the speaker from each frame, its gradient reversed.

    Args:
        content: (B, C, T), to be rid of the speaker.
        lengths: (B,) frames that count.
        speakers: (B,) from 0 to S - 1.
        prototypes: (S, C), the classifier; it learns to tell.
        strength: of what `content` feels.

    Returns:
        The sum of cross-entropies over the frames that count; its denominator is `lengths.sum()`.
    """
    logits = torch.einsum("bct,sc->bst", reverse_gradient(content, strength).float(), prototypes)
    losses = F.cross_entropy(
        logits, speakers[:, None].expand(-1, content.shape[-1]), reduction="none"
    )
    inside = torch.arange(content.shape[-1], device=content.device) < lengths[:, None]
    # Not by multiplication: padding may hold anything, and infinity times 0 is no number.
    return losses.where(inside, losses.new_zeros(())).sum()


def cross_covariance(first: Tensor, second: Tensor) -> Tensor:
    """Penalty on what is linear in common between two representations (XCov, arXiv:1412.6583).

    Args:
        first: (B, C), such as content, averaged over time.
        second: (B, D), such as timbre.

    Returns:
        B times half the mean square of the correlations between their channels, over the batch;
        its denominator is B. Zero where B is 1. Channels are scaled to unit variance, without a
        gradient through the scale, so that shrinking them does not help.
    """
    rows = len(first)
    sides = []
    for side in (first.float(), second.float()):
        centred = side - side.mean(0)
        deviation = centred.detach().square().mean(0).sqrt()
        sides.append(centred / deviation.clamp(min=1e-5))
    covariance = sides[0].T @ sides[1] / rows
    return 0.5 * rows * covariance.square().mean()


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength  # type: ignore[attr-defined]
        return x.view_as(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None  # type: ignore[attr-defined]
