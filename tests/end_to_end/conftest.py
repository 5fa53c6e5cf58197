"""Lets these tests use the kit of the parity tests and the file writers of the contract tests."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / room) for room in ("parity", "contracts")]
