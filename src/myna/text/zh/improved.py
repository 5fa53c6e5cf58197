"""How a native reads numbers, units and signs: rules that come before the compatible ones.

What these rules leave, such as `3个` or `α`, the compatible ones read well.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from myna.text.rules import applied
from myna.text.traced import Traced
from myna.text.zh import characters, codes, dates, measures, signs

_WORDS_ONLY = re.compile("[\u4e00-\u9fa5，。！？、；：“”…\\s]*")
_NUMBER_RULES: tuple[Callable[[Traced], Traced], ...] = (
    *characters.RULES,
    *measures.FIRST,
    *signs.FIRST,
    *measures.SCORES,
    *dates.RULES,
    *codes.RULES,
    *measures.RULES,
    *signs.LAST,
)
_POINT = re.compile("(?<=[0-9])．(?=[0-9])")


def written_out(text: Traced) -> Traced:
    """`text`, simplified, with all that is no word written out as a native reads it."""
    if _WORDS_ONLY.fullmatch(text.text):
        return text
    text = text.translate(characters.plain(), "zh.character").sub(_POINT, ".")
    return applied(_NUMBER_RULES, text)
