"""What the folder of a language gives: text to normalised text, and that to phones."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Phones(NamedTuple):
    """The phones of one normalised text."""

    symbols: list[str]
    per_char: list[int] | None
    """Phones of each character of the normalised text, or None where the language does not say."""


class Frontend(Protocol):
    """A language. `myna.text.<language>` is a module of this shape."""

    def normalise(self, text: str) -> str:
        """Words and marks only: numbers, units and signs are written out.

        What cannot be read is dropped with a warning in the log.
        """

    def g2p(self, text: str, table: str) -> Phones:
        """The phones of a normalised text, for models that know the symbol table `table`.

        Raises:
            MissingExtraError: a package of this language is not installed.
        """
