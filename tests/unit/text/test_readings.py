"""What the page on text says of readings is what the benchmark finds."""

from __future__ import annotations

import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("jieba", "pypinyin", "jpreprocess", "mecab", "ToJyutping", "wordsegment", "g2p_en")
ROW = re.compile(r"^\| (\w+)(?:, (\w+))? \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)

pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in PACKAGES), reason="not all languages are installed"
)


def test_the_page_tells_what_the_benchmark_finds() -> None:
    page = (ROOT / "docs" / "text.md").read_text("utf-8")
    told = {(name, part): tuple(map(int, rest)) for name, part, *rest in ROW.findall(page)}
    scores = runpy.run_path(str(ROOT / "benchmarks" / "readings.py"))["scores"]
    found = {}
    for path in sorted((ROOT / "benchmarks" / "readings").glob("*.jsonl")):
        parts: dict[str, list[tuple[bool, bool]]] = {}
        for category, pairs in scores(path.stem).items():
            part = re.search(r"\((\w+)\)$", category)
            parts.setdefault(part[1] if part else "", []).extend(pairs)
        for part_name, pairs in parts.items():
            right = tuple(sum(side) for side in zip(*pairs, strict=True))
            found[path.stem, part_name] = (len(pairs), *right)
    assert told == found
