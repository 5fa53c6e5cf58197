"""What the programs that learn from corpora share: their options, and how they tell of steps."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

_EVERY = 20
"""Steps between two that are told."""


def options(module: str, description: str) -> argparse.ArgumentParser:
    """Those of a program that learns from a folder of corpora; each adds its recipe."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--speech", type=Path, required=True, help="folder of lists and recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    return parser


def seldom(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Tell one in twenty steps, and all else."""

    def told(text: str) -> None:
        step = text.removeprefix("step ").partition(" ")[0]
        if not text.startswith("step ") or int(step) % _EVERY == 0:
            tell(text)

    return told
