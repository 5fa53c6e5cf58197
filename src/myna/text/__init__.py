"""Characters to phonemes; one folder per language.

`sentences` cuts a text, `read` gives the phonemes of one sentence, `prompt` those of what is said
in a reference, `direct` those of a transcript, and `ids` their numbers for a model. The names below
are imported on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "LANGUAGES": "myna.text.reading",
    "Lexicon": "myna.text.lexicons",
    "Piece": "myna.text.reading",
    "Polyphones": "myna.text.zh.polyphones",
    "chunks": "myna.text.reading",
    "direct": "myna.text.reading",
    "ids": "myna.text.symbols",
    "lexicon": "myna.text.reading",
    "prompt": "myna.text.reading",
    "read": "myna.text.reading",
    "read_lexicon": "myna.text.reading",
    "sentences": "myna.text.reading",
}

if TYPE_CHECKING:
    from myna.text.lexicons import Lexicon
    from myna.text.reading import (
        LANGUAGES,
        Piece,
        chunks,
        direct,
        lexicon,
        prompt,
        read,
        read_lexicon,
        sentences,
    )
    from myna.text.symbols import ids
    from myna.text.zh.polyphones import Polyphones

__all__ = [
    "LANGUAGES",
    "Lexicon",
    "Piece",
    "Polyphones",
    "chunks",
    "direct",
    "ids",
    "lexicon",
    "prompt",
    "read",
    "read_lexicon",
    "sentences",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'myna.text' has no attribute {name!r}")
