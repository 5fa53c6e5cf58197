"""What the folder of a language gives: text to normalised text, and that to phones.

Every language reads in two ways. *Compatible* is how the published voices were trained, mistakes
included; *improved* is how a native reads, in the same symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from myna.text.traced import Span, Traced

SayAs = Literal["characters", "digits", "cardinal", "ordinal", "telephone", "date"]
"""Ways to read what is not a word, as in SSML's `say-as`."""


class Forced(NamedTuple):
    """A reading the caller gave for some characters of a normalised text."""

    start: int
    end: int
    phones: Sequence[Sequence[str]]
    """As `Frontend.spelled` returned them."""


class Phones(NamedTuple):
    """The phones of one normalised text."""

    symbols: list[str]
    spans: list[Span]
    """Of each phone, where in the caller's text it came from; never before that of an earlier one.
    """
    per_char: list[int] | None
    """Phones of each character of the normalised text, or None where the language does not say."""


class Frontend(Protocol):
    """A language. `myna.text.<language>` is a module of this shape.

    What cannot be read is dropped and noted in the text's journal, and so is every rule that
    changed something.
    """

    def normalise(self, text: Traced, *, improved: bool = False) -> Traced:
        """Words and marks only: numbers, units and signs are written out."""

    def g2p(
        self,
        text: Traced,
        table: str,
        *,
        improved: bool = False,
        forced: Sequence[Forced] = (),
    ) -> Phones:
        """The phones of a normalised text, for models that know the symbol table `table`.

        Args:
            text: from `normalise`.
            table: `v1` or `v2`.
            improved: read as a native does.
            forced: readings that are taken as they are, in order, none overlapping another.

        Raises:
            MissingExtraError: a package of this language is not installed.
        """

    def spelled(self, notation: str, table: str) -> list[list[str]]:
        """Phones of a reading written by hand, syllable by syllable.

        `notation` is pinyin with tones (zh), jyutping (yue), ARPAbet with stress (en), kana with
        accents (ja) or hangul as it sounds (ko). Where a language counts phones per character (zh
        and yue), there is one item for each character that is read.

        Raises:
            MarkupError: something in `notation` is no reading; it has the place in `notation`.
        """

    def say_as(self, text: Traced, kind: SayAs) -> Traced:
        """`text` written out in words that `normalise` leaves alone.

        Raises:
            TextError: `text` cannot be said in this way.
        """
