"""Tables of the differences, for the end of the run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import kit

import tables


def pytest_sessionfinish(session: pytest.Session) -> None:
    tables.add(
        session.config,
        [
            ("golden: largest relative difference", f"{name:24s} {value:.1e}")
            for name, value in kit.differences.items()
        ]
        + [
            ("text: rows, identical", f"{name:24s} {rows:5d} {identical:5d}")
            for name, (rows, identical) in kit.identical.items()
        ],
    )
