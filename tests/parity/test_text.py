"""Text to phonemes against the recorded results of the published reader: every row, every field.

Recorded rows in which the published reader raised, or in which its result depends on the order of a
set, are left out; how many rows were compared, and how many are identical, is told after the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import kit
import pytest

from myna.datatypes import Phonemes, Sentence
from myna.text import direct, ids, read
from myna.text.cutting import METHODS, chunks, collapse
from myna.text.symbols import symbols
from myna.text.traced import Traced

pytestmark = kit.needs_kit()

Row = dict[str, Any]

PACKAGES = {
    "zh": ("jieba", "pypinyin"),
    "en": ("wordsegment", "g2p_en"),
    "ja": ("jpreprocess", "budoux"),
    "ko": ("mecab",),
    "yue": ("ToJyutping", "jieba", "pypinyin"),
}


def needs(*languages: str) -> pytest.MarkDecorator:
    missing = [
        package
        for language in languages
        for package in PACKAGES[language]
        if find_spec(package) is None
    ]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def rows(name: str) -> list[Row]:
    text = (kit.KIT / "text" / f"{name}.jsonl").read_text(encoding="utf-8")
    found = [json.loads(line) for line in text.split("\n") if line]
    return [row for row in found if not row.get("unstable")]


def compare(name: str, found: list[Row], same: Callable[[Row], bool]) -> None:
    wrong = [(row["id"], row.get("mode", "")) for row in found if not same(row)]
    kit.identical[name] = (len(found), len(found) - len(wrong))
    assert not wrong


@pytest.mark.parametrize("table", ["v1", "v2"])
def test_symbols(table: str) -> None:
    recorded = json.loads((kit.KIT / "text" / f"symbols_{table}.json").read_text("utf-8"))
    assert list(symbols(table)) == recorded
    assert json.loads((kit.KIT / "symbols.json").read_text("utf-8"))[table] == recorded


def test_cutting() -> None:
    def same(row: Row) -> bool:
        text = Traced.of(row["text"])
        right = collapse(text).text == row["collapsed"]
        for name, recorded in row["cuts"].items():
            cut = "\n".join(piece.text for piece in METHODS[name](text))
            right &= recorded in ({"error": "IndexError"}, cut)
        for name, recorded in row["chunks"].items():
            pieces = chunks(Traced.of(row["collapsed"]), language=row["lang"], cut=name)
            expected = [] if recorded == {"error": "ValueError"} else recorded
            right &= [piece.text for piece in pieces] == expected
        return right

    compare("cut", rows("cut"), same)


def _same(part: Phonemes, row: Row) -> bool:
    counts = None if part.phones_per_char is None else list(part.phones_per_char)
    return (
        part.text == row["norm_text"]
        and list(part.symbols) == row["phones"]
        and counts == row["word2ph"]
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs(language))
        for name, language in (
            ("zh_v1_pypinyin", "zh"),
            ("zh_v2_pypinyin", "zh"),
            ("en_v1", "en"),
            ("en_v2", "en"),
            ("ja_v1", "ja"),
            ("ja_v1_no_prosody", "ja"),
            ("ja_v2", "ja"),
            ("ko_v2", "ko"),
            ("yue_v2", "yue"),
        )
    ],
)
def test_one_language(name: str) -> None:
    # What is published now gives v1 voices marks of accent, which they were not trained with.
    prosody = True if name == "ja_v1" else None

    def same(row: Row) -> bool:
        part = direct(row["text"], language=row["lang"], table=row["version"], prosody=prosody)
        return _same(part, row) and ids(part.symbols, row["version"]).tolist() == row["ids"]

    compare(name, rows(name), same)


class Given:
    """Readings that were recorded for each clause."""

    def __init__(self, clauses: list[list[str]]) -> None:
        self.clauses = iter(clauses)

    def readings(self, clause: str) -> list[str]:
        return next(self.clauses)


@needs("zh")
def test_mandarin_behind_a_polyphone_model() -> None:
    def same(row: Row) -> bool:
        given = Given(row["injected_pinyin"])
        part = direct(row["text"], language="zh", table="v2", polyphones=given)
        return _same(part, row) and ids(part.symbols, "v2").tolist() == row["ids"]

    compare("zh_v2_given_pinyin", rows("zh_v2_given_pinyin"), same)


def _read(row: Row) -> Sentence:
    return read(row["text"], language=row["mode"], table=row["version"])


@needs(*PACKAGES)
@pytest.mark.parametrize("name", ["pipeline_mono", "pipeline_mixed"])
def test_whole_path(name: str) -> None:
    def same(row: Row) -> bool:
        sentence = _read(row)
        recorded = row["segments"]
        # For marks alone the recording has a language of its own, read as English.
        languages = ["en" if p["lang"] == "punctuation" else p["lang"] for p in recorded]
        return (
            ids(sentence.symbols, row["version"]).tolist() == row["ids"]
            and [part.language for part in sentence.parts] == languages
            and all(map(_same, sentence.parts, recorded))
            and "".join(part.text for part in sentence.parts) == row["norm_text"]
        )

    compare(name, rows(name), same)


@needs(*PACKAGES)
@pytest.mark.parametrize("improved", [False, True])
@pytest.mark.parametrize("name", ["pipeline_mono", "pipeline_mixed"])
def test_places_of_phones_cover_the_text(name: str, improved: bool) -> None:
    for row in rows(name):
        text = row["text"]
        if improved and not any(char.isalnum() for char in text):
            continue
        sentence = read(text, language=row["mode"], table=row["version"], improved=improved)
        spans = sentence.spans
        assert len(spans) == len(sentence.symbols)
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        assert list(spans) == sorted(spans), text
        assert sorted(end for _, end in spans) == [end for _, end in spans], text
        covered = {i for start, end in spans for i in range(start, end)}
        assert not [char for i, char in enumerate(text) if i not in covered and not char.isspace()]
