"""Characters to phonemes; one folder per language.

`sentences` cuts a text, `read` gives the phonemes of one sentence, `prompt` those of what is said
in a reference, and `ids` their numbers for a model. The names below are imported on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "LANGUAGES": "myna.text.reading",
    "ids": "myna.text.symbols",
    "prompt": "myna.text.reading",
    "read": "myna.text.reading",
    "sentences": "myna.text.reading",
}

if TYPE_CHECKING:
    from myna.text.reading import LANGUAGES, prompt, read, sentences
    from myna.text.symbols import ids

__all__ = ["LANGUAGES", "ids", "prompt", "read", "sentences"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'myna.text' has no attribute {name!r}")
