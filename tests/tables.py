"""Rows to print after the run, also those of tests that ran in workers."""

from __future__ import annotations

import pytest

ROWS = pytest.StashKey[list[tuple[str, str]]]()
"""In the run's configuration: title of a table, and a row of it."""


def add(config: pytest.Config, rows: list[tuple[str, str]]) -> None:
    """Give rows to whoever prints them: this process, or the one that started this worker."""
    config.stash.setdefault(ROWS, []).extend(rows)
    if hasattr(config, "workeroutput"):
        config.workeroutput["rows"] = config.stash[ROWS]


def added(config: pytest.Config) -> dict[str, list[str]]:
    """All rows by title, sorted."""
    tables: dict[str, list[str]] = {}
    for title, row in sorted(config.stash.get(ROWS, [])):
        tables.setdefault(title, []).append(row)
    return tables
