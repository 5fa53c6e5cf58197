"""How well a content encoder hears, and what its codes carry: figures on held-out clips.

Letters in shapes: B clips, F frames of the filter bank, T tokens, N codes, R speakers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from myna.nets.content_encoder import ContentEncoder
from myna.training.content_task import ContentTask
from myna.training.evaluating import evaluating
from myna.training.task import Example

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOGETHER = 8
"""Clips heard at once."""
_SHARES = {
    "errors": "sounds_wrong",
    "errors_through": "sounds_wrong_through_codes",
    "frames_wrong": "frames_wrong",
}
_SMALLEST = 0.5
"""Added to how often a speaker uses each code, so that no code rules a speaker out."""


def figures(task: ContentTask, groups: Mapping[str, Sequence[Example]]) -> dict[str, float]:
    """By `GROUP.FIGURE`, for each group of clips: shares of what is wrong.

    `sounds_wrong` is sounds to change, drop or add over sounds of the texts. Where the encoder
    quantises also `sounds_wrong_through_codes`, and `frames_wrong` of the labelled frames, if any.
    """
    found = {}
    with evaluating(task.nets):
        for group, clips in groups.items():
            above: dict[str, float] = {}
            below: dict[str, float] = {}
            labelled = any("frames" in each for each in clips)
            for part in _parts(clips):
                batch = task.collate(part)
                for name, value in task.evaluate(batch).items():
                    above[name] = above.get(name, 0.0) + float(value)
                for name, count in task.denominators(batch).items():
                    below[name] = below.get(name, 0.0) + count
            for name, title in _SHARES.items():
                if name in above and (labelled or name != "frames_wrong"):
                    found[f"{group}.{title}"] = above[name] / below[name]
    return found


def tokens_of(encoder: ContentEncoder, clips: Sequence[Example]) -> list[NDArray[np.int64]]:
    """The codes (T,) of each clip."""
    found: dict[int, NDArray[np.int64]] = {}
    order = sorted(range(len(clips)), key=lambda place: len(clips[place]["bands"]))
    with evaluating(encoder):
        for start in range(0, len(order), _TOGETHER):
            places = order[start : start + _TOGETHER]
            rows = [torch.from_numpy(clips[place]["bands"].astype(np.float32)) for place in places]
            lengths = torch.tensor([len(row) for row in rows])
            heard = encoder(torch.nn.utils.rnn.pad_sequence(rows, True), lengths)
            assert heard.tokens is not None, "an encoder with levels quantises"
            for place, codes, length in zip(places, heard.tokens, lengths.tolist(), strict=True):
                found[place] = codes[: encoder.spec.tokens(length)].numpy()
    return [found[place] for place in range(len(clips))]


def code_use(tokens: Sequence[NDArray[np.int64]], codes: int) -> dict[str, float]:
    """`codes_used`, and their `perplexity`: as many codes, equally frequent, as are as
    uncertain."""
    counts = np.bincount(np.concatenate(tokens), minlength=codes)
    shares = counts[counts > 0] / counts.sum()
    entropy = -float((shares * np.log(shares)).sum())
    return {"codes_used": float(len(shares)), "perplexity": float(np.exp(entropy))}


def speakers_told(
    known: Mapping[str, Sequence[NDArray[np.int64]]],
    asked: Mapping[str, Sequence[NDArray[np.int64]]],
    codes: int,
) -> float:
    """Share of asked clips whose speaker is found by how often speakers use each code.

    Args:
        known: tokens of clips of at least two speakers.
        asked: tokens of other clips of some of them.
    """
    names = sorted(known)
    counts = np.stack([np.bincount(np.concatenate(known[name]), minlength=codes) for name in names])
    weighed = np.log(counts + _SMALLEST)
    weighed -= np.log(np.exp(weighed).sum(1, keepdims=True))
    right = [
        names[int((weighed @ np.bincount(clip, minlength=codes)).argmax())] == name
        for name, clips in asked.items()
        for clip in clips
    ]
    return float(np.mean(right))


def _parts(clips: Sequence[Example]) -> list[list[Example]]:
    ordered = sorted(clips, key=lambda clip: len(clip["bands"]))
    return [ordered[start : start + _TOGETHER] for start in range(0, len(ordered), _TOGETHER)]
