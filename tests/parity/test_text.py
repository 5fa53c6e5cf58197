"""Text to phonemes against the recorded results of the published reader.

Every row is compared. English rows in which the recording fell back on its neural reader, or chose
between two readings of a word by its tagger, are held to the normalised text alone: neither is here
yet.
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from typing import Any

import kit
import pytest

from myna.text import LANGUAGES, ids, read
from myna.text.cutting import METHODS, chunks, collapse
from myna.text.segments import MODES
from myna.text.symbols import symbols

pytestmark = kit.needs_kit()
needs_zh = pytest.mark.skipif(
    not (find_spec("jieba") and find_spec("pypinyin")), reason="the extra zh is not installed"
)

Row = dict[str, Any]


def rows(name: str) -> list[Row]:
    text = (kit.KIT / "text" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


@pytest.mark.parametrize("table", ["v1", "v2"])
def test_symbols(table: str) -> None:
    recorded = json.loads((kit.KIT / "text" / f"symbols_{table}.json").read_text("utf-8"))
    assert list(symbols(table)) == recorded
    assert json.loads((kit.KIT / "symbols.json").read_text("utf-8"))[table] == recorded


def test_cutting() -> None:
    wrong = []
    for row in rows("cut"):
        assert collapse(row["text"]) == row["collapsed"]
        for name, recorded in row["cuts"].items():
            if recorded not in ({"error": "IndexError"}, METHODS[name](row["text"])):
                wrong.append((row["id"], name))
        for name, recorded in row["chunks"].items():
            expected = [] if recorded == {"error": "ValueError"} else recorded
            if chunks(row["collapsed"], language=row["lang"], cut=name) != expected:
                wrong.append((row["id"], name))
    assert not wrong


def _with_pauses(text: str, table: str) -> tuple[str, list[str], list[int] | None]:
    """A whole text as Mandarin, with ￥ and ^ as pauses."""
    pause = next((mark for mark in "￥^" if mark in text), "")
    zh = LANGUAGES["zh"]
    normalised = zh.normalise(text.replace(pause, ",") if pause else text)
    phones, per_char = zh.g2p(normalised, table)
    if pause:
        phones = [{"￥": "SP2", "^": "SP3"}[pause] if p == "," else p for p in phones]
    return normalised, phones, per_char


@needs_zh
@pytest.mark.parametrize("name", ["zh_v2_pypinyin", "zh_v1_pypinyin"])
def test_mandarin(name: str) -> None:
    wrong = []
    for row in rows(name):
        normalised, phones, per_char = _with_pauses(row["text"], row["version"])
        found = (normalised, phones, per_char, ids(phones, row["version"]).tolist())
        if found != (row["norm_text"], row["phones"], row["word2ph"], row["ids"]):
            wrong.append(row["id"])
    assert not wrong


@pytest.mark.parametrize("name", ["en_v1", "en_v2"])
def test_english(name: str) -> None:
    english = LANGUAGES["en"]
    wrong = []
    for row in rows(name):
        normalised = english.normalise(row["text"])
        phones, _ = english.g2p(normalised, row["version"])
        phones = phones if len(phones) >= 4 else [",", *phones]
        same_phones = phones == row["phones"] and ids(phones, row["version"]).tolist() == row["ids"]
        judged = row["oov"] or row["homographs"]
        if normalised != row["norm_text"] or not (same_phones or judged):
            wrong.append(row["id"])
    assert not wrong


def _readable(row: Row) -> bool:
    """Rows in our languages that hold a word; for the others the recording speaks a mark."""
    languages = {part["lang"] for part in row["segments"]}
    return (
        row["mode"] in MODES
        and languages <= set(LANGUAGES)
        and re.search(r"\w", row["text"]) is not None
    )


@needs_zh
@pytest.mark.parametrize("name", ["pipeline_mono", "pipeline_mixed"])
def test_whole_path(name: str) -> None:
    judged = {row["text"] for row in rows("en_v2") if not row["oov"] and not row["homographs"]}
    compared, wrong = 0, []
    for row in filter(_readable, rows(name)):
        compared += 1
        recorded = [part for part in row["segments"] if part["phones"]]
        parts = read(row["text"], language=row["mode"], table=row["version"]).parts
        same = [(part.language, part.text) for part in parts] == [
            (part["lang"], part["norm_text"]) for part in recorded
        ]
        for ours, theirs in zip(parts, recorded, strict=False):
            if ours.language == "zh":
                same &= list(ours.symbols) == theirs["phones"]
                same &= list(ours.phones_per_char or ()) == theirs["word2ph"]
            elif row["text"] in judged:
                same &= list(ours.symbols) == theirs["phones"]
        if not same:
            wrong.append((row["id"], row["mode"]))
    assert not wrong
    assert compared > 100
