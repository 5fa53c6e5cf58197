"""What the programs of the recipes share: options, how they tell of steps, and how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from myna.errors import MynaError

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


def ended(main: Callable[[], int]) -> int:
    """The exit code of a program; what went wrong is told in a line."""
    try:
        return main()
    except (MynaError, OSError) as error:
        sys.stderr.write(f"myna: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
