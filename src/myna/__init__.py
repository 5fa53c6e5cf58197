"""Clone a voice from seconds of speech and read any text with it.

    from myna import Myna

    myna = Myna.load("v2ProPlus")
    voice = myna.clone("anna.wav", text="What she says in it.", language="en")
    myna.speak("Nice to meet you.", voice).save("hello.wav")

Importing this package loads neither torch nor ONNX Runtime; the names below are imported on first
use.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Myna": "myna.synthesis.speaker",
    "Audio": "myna.datatypes",
    "Delivery": "myna.datatypes",
    "Guard": "myna.datatypes",
    "Pacing": "myna.datatypes",
    "Reference": "myna.datatypes",
    "Sampling": "myna.datatypes",
    "Speech": "myna.datatypes",
    "Utterance": "myna.datatypes",
    "Voice": "myna.datatypes",
    "MynaError": "myna.errors",
}

if TYPE_CHECKING:
    from myna.datatypes import (
        Audio,
        Delivery,
        Guard,
        Pacing,
        Reference,
        Sampling,
        Speech,
        Utterance,
        Voice,
    )
    from myna.errors import MynaError
    from myna.synthesis.speaker import Myna

__all__ = [
    "Audio",
    "Delivery",
    "Guard",
    "Myna",
    "MynaError",
    "Pacing",
    "Reference",
    "Sampling",
    "Speech",
    "Utterance",
    "Voice",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'myna' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
