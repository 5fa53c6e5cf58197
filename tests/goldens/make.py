"""Write what the toy models compute today.

    python tests/goldens/make.py

Run it only when a change is meant to change numbers, and say why in the pull request.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import toy
from myna import Delivery, Guard, Myna, Sampling
from myna.datatypes import Reference

GOLDEN = Path(__file__).parent / "toy.npz"
LANGUAGES = {"en": toy.TEXT, "zh": "你好世界。早上春天来了，我们去看花。"}


def compute(family: str) -> dict[str, Any]:
    """Tokens, timbre, and every 31st sample of what a toy family says."""
    myna = Myna.load(family)
    voice = myna.clone(Reference(toy.clip(), toy.WORDS, "en"), cache=False)
    assert voice.prompt is not None
    found: dict[str, Any] = {"timbre": voice.timbre, "prompt": voice.prompt.tokens}
    for language, text in LANGUAGES.items():
        for speed in (1.0, 1.25):
            speech = myna.speak(
                text,
                voice,
                language=language,
                sampling=Sampling(seed=5),
                delivery=Delivery(speed=speed),
                guard=Guard(check=False),
            )
            run = f"{language}_{speed:g}"
            found[f"{run}_samples"] = speech.audio.samples[::31]
            found[f"{run}_tokens"] = np.array([s.tokens for s in speech.report.sentences])
    return {f"{family}_{point}": value for point, value in found.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["MYNA_HOME"] = home
        toy.register()
        toy.install(Path(home) / "models")
        golden = {
            key: value for family in toy.FAMILY_ROWS for key, value in compute(family).items()
        }
    np.savez_compressed(GOLDEN, **golden)


if __name__ == "__main__":
    main()
