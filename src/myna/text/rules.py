"""A rule of a normaliser: what it finds, and the words it puts in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from myna.text.traced import Match, Traced

__all__ = ["Match", "Rule", "applied"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Replaces whatever `pattern` finds."""

    name: str
    """Shown to who asks which rules fired."""
    pattern: re.Pattern[str]
    words: str | Callable[[Match], str]

    def __call__(self, text: Traced) -> Traced:
        return text.sub(self.pattern, self.words, self.name)


def applied(rules: Iterable[Callable[[Traced], Traced]], text: Traced) -> Traced:
    """`text` after all rules, one after the other."""
    for rule in rules:
        text = rule(text)
    return text
