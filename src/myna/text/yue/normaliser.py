"""Cantonese text to ideographs and the six marks that are phones.

Compatible, it goes through the clauses and rules of Mandarin, and comes out in simplified
characters. Improved, it goes through the rules of `quantities`, and characters stay as they are.
"""

from __future__ import annotations

import re

from myna.text.symbols import MARKS
from myna.text.traced import Traced, joined
from myna.text.yue.quantities import written_out
from myna.text.zh.normaliser import clauses_normalised


def normalise(text: Traced, *, improved: bool = False) -> Traced:
    """Write out numbers, units, dates and signs; keep ideographs and `! ? … , . -`.

    What else there is, is dropped and noted in the journal; compatible, so are the ideographs
    outside U+4E00 to U+9FA5, though Cantonese often uses some of them.
    """
    if not improved:
        return _with_plain_marks(joined(clauses_normalised(text), text)).kept(_is_read)
    marked = _with_plain_marks(written_out(text)).translate(_MORE_MARKS)
    return marked.kept(_is_ideograph_or_mark).sub(_RUN_OF_MARKS, lambda match: match[0][0])


def _with_plain_marks(text: Traced) -> Traced:
    return text.sub(_DOTS, "…").translate(_PLAIN_MARKS)


_DOTS = re.compile(r"\.\.\.")
_PLAIN_MARKS = dict(zip(map(ord, "：；，·、。\n$！？—～~"), ",,,,,...!?---", strict=True))
_MORE_MARKS = dict(zip(map(ord, ":;﹐﹑﹔﹕﹒．﹗﹖⋯‥–―・"), ",,,,,,..!?……--,", strict=True))
_RUN_OF_MARKS = re.compile(r"[!?…,.\-]{2,}")


def _is_read(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fa5" or char in MARKS


def _is_ideograph_or_mark(char: str) -> bool:
    return (
        "\u4e00" <= char <= "\u9fff"
        or char in MARKS
        or "\u3400" <= char <= "\u4dbf"
        or "\U00020000" <= char <= "\U0003fffd"
        or "\uf900" <= char <= "\ufaff"
        or char == "〇"
    )
