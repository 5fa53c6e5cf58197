"""Print the table of differences after the run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import kit


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if kit.differences:
        terminalreporter.section("golden: largest relative difference")
        for name, value in sorted(kit.differences.items()):
            terminalreporter.write_line(f"{name:24s} {value:.1e}")
    if kit.identical:
        terminalreporter.section("text: rows, identical")
        for name, (rows, identical) in sorted(kit.identical.items()):
            terminalreporter.write_line(f"{name:24s} {rows:5d} {identical:5d}")
