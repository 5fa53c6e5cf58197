"""English words as they are compared: what was heard with what was to be said.

Both sides are written out by the same rules, so that a way of writing is never an error: numbers,
times, money and titles as a native reads them, no capitals, marks or accents, contractions in full,
`a hundred` and `one hundred and five` as `one hundred five`. Words written together or apart count
as the same (`mail box`, `mailbox`), and so do a possessive and its plural (`dog's`, `dogs`), which
sound alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from myna.text import en
from myna.text.traced import Traced

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'"})
_OKAY = re.compile(r"\b(?:O\.K\.|OK|ok|Ok)(?!\w)")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")

_WHOLE = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "ain't": "is not",
    "let's": "let us",
    "o'clock": "oclock",
    "alright": "all right",
}
_ENDINGS = {"n't": "not", "'re": "are", "'ll": "will", "'ve": "have", "'m": "am", "'d": "would"}
_WITH_IS = frozenset(
    ("it", "that", "he", "she", "there", "here", "what", "where", "who", "how", "when")
)
"""Words after which `'s` is `is`; after any other it is taken for a possessive."""

_SCALES = frozenset(("hundred", "thousand", "million", "billion"))
_DIGITS = "zero one two three four five six seven eight nine"
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_NUMBERS = _SCALES.union(*(line.split() for line in (_DIGITS, _TEENS, _TENS, _ORDINALS)))


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, as they are compared; none if it has none.

    Args:
        text: English, as a person or a recogniser wrote it.
    """
    plain = Traced.of(_OKAY.sub("okay", text.translate(_APOSTROPHES)))
    written = en.normalise(plain, improved=True).text.lower()
    full = [word for found in _WORD.findall(written) for word in _in_full(found)]
    return tuple(_numbers_alike(full))


def word_errors(heard: Sequence[str], meant: Sequence[str]) -> int:
    """Fewest words to change, drop or add that make one the other; two words that are one count as
    right.

    Args:
        heard, meant: of `words_of`.

    Source: Levenshtein's distance, row by row, with a step over two words for one.
    """
    rows = [list(range(len(meant) + 1))]
    for row, word in enumerate(heard, 1):
        now = [row]
        for column, other in enumerate(meant, 1):
            best = min(rows[-1][column] + 1, now[-1] + 1, rows[-1][column - 1] + (word != other))
            if column > 1 and word == meant[column - 2] + other:
                best = min(best, rows[-1][column - 2])
            if row > 1 and heard[row - 2] + word == other:
                best = min(best, rows[-2][column - 1])
            now.append(best)
        rows.append(now)
    return rows[-1][-1]


def _in_full(word: str) -> list[str]:
    if word in _WHOLE:
        return _WHOLE[word].split()
    for ending, full in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return [*_in_full(word.removesuffix(ending)), full]
    if word.endswith("'s") and word[:-2] in _WITH_IS:
        return [word[:-2], "is"]
    return [word.replace("'", "")]


def _numbers_alike(words: Sequence[str]) -> Iterator[str]:
    befores, afters = ["", *words], [*words[1:], ""]
    for before, word, after in zip(befores, words, afters, strict=False):
        if word == "and" and before in _SCALES and after in _NUMBERS:
            continue
        yield "one" if word == "a" and after in _SCALES else word
