"""A voice between voices: the weighted mean of how several sound.

Only voices that the same weights understood can be mixed, because other weights mean other things
by the same numbers. What cannot be averaged, the words and the manner of a reference, comes from
the voice of most weight.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from myna.datatypes import Voice, in_range
from myna.errors import ConfigError, VoiceError

if TYPE_CHECKING:
    from myna.datatypes import Floats

MOST = 8
"""Voices in a mixture."""

_WEIGHTED = re.compile(r"(?P<name>.*\S)\s*\(\s*(?P<weight>\d{1,4}(?:\.\d{1,6})?)\s*\)")


def mix(voices: Sequence[Voice], weights: Sequence[float]) -> Voice:
    """The mean of `voices`, each as much as its weight says.

    Timbre and speaker vector are averaged. Prompt and lexicon are those of the voice of most
    weight, the first of several; licences and consents are those of all.

    Args:
        voices: 1 to 8 of them, of one model.
        weights: one per voice, above 0 and up to 1000; only their ratios count.

    Raises:
        VoiceError: they were made by different models, or one is not like the others.
        ConfigError: no voices or too many, another number of weights, or a weight out of range.
    """
    if not 1 <= len(voices) <= MOST or len(weights) != len(voices):
        raise ConfigError(
            f"{len(voices)} voices and {len(weights)} weights were given to mix; it takes 1 to "
            f"{MOST} voices, and a weight for each."
        )
    for weight in weights:
        in_range("The weight of a voice", weight, 1e-6, 1000.0)
    lead = voices[max(range(len(voices)), key=lambda index: weights[index])]
    for voice in voices:
        if voice.model != lead.model:
            raise VoiceError(
                f"The voices {lead.name!r} ({lead.family}) and {voice.name!r} ({voice.family}) "
                f"were made by different models and cannot be mixed. Clone both with one of them."
            )
        if voice.timbre.shape != lead.timbre.shape or _shape(voice) != _shape(lead):
            raise VoiceError(
                f"The voices {lead.name!r} and {voice.name!r} do not hold the same values: one of "
                f"their files is damaged. Clone again."
            )
    speakers = [voice.speaker for voice in voices if voice.speaker is not None]
    return Voice(
        name="+".join(f"{v.name}({w:g})" for v, w in zip(voices, weights, strict=True)),
        family=lead.family,
        model=lead.model,
        timbre=_mean([voice.timbre for voice in voices], weights),
        speaker=_mean(speakers, weights) if speakers else None,
        prompt=lead.prompt,
        licence=_joined([voice.licence for voice in voices]),
        consent=_joined([voice.consent for voice in voices]),
        lexicon=lead.lexicon,
        details={
            "mixed": [
                {"name": voice.name, "weight": float(weight)}
                for voice, weight in zip(voices, weights, strict=True)
            ]
        },
    )


def parts(recipe: str) -> tuple[tuple[str, float], ...]:
    """Names and weights in `anna(2)+bert`, where a voice without a weight has 1.

    A name alone is a mixture of one. Whether there are such voices is not asked.

    Raises:
        ConfigError: a name is missing, a weight is 0, or there are more than 8.
    """
    found = []
    for part in recipe.split("+"):
        weighted = _WEIGHTED.fullmatch(part.strip())
        name = weighted["name"] if weighted else part.strip()
        weight = float(weighted["weight"]) if weighted else 1.0
        if not name or weight == 0:
            raise ConfigError(
                "This is no mixture of voices; write names and weights above 0, such as "
                "anna(2)+bert."
            )
        found.append((name, weight))
    if len(found) > MOST:
        raise ConfigError(f"A mixture has at most {MOST} voices, not {len(found)}.")
    return tuple(found)


def _shape(voice: Voice) -> tuple[int, ...] | None:
    return None if voice.speaker is None else voice.speaker.shape


def _mean(vectors: Sequence[Floats], weights: Sequence[float]) -> Floats:
    mean: Floats = np.average(np.stack(vectors), axis=0, weights=weights).astype(np.float32)
    return mean


def _joined(terms: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, terms)))
