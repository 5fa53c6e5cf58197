"""`myna text`: what it shows, and the rows it answers."""

from __future__ import annotations

import io
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from myna.apps.cli.main import main
from myna.text import LANGUAGES, direct, ids

needs_zh = pytest.mark.skipif(
    not (find_spec("jieba") and find_spec("pypinyin")), reason="the extra zh is not installed"
)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["text", *arguments]) == 0
    return capsys.readouterr().out


def answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *lines: object
) -> list[dict[str, Any]]:
    raw = b"\n".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    )
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    return [json.loads(line) for line in shown(capsys, "--jsonl").splitlines()]


def test_a_person_sees_words_and_phones(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "Hello there. How are you?", "--language", "en")
    assert "HH AH0 L OW1" in out
    assert "How are you?" in out


def test_json_has_places_in_the_callers_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = "[en]Good evening[/en] my friend. [pause 0.8s] It costs $5."
    found = json.loads(shown(capsys, text, "--lang", "en", "--json"))
    first, second = found["sentences"]
    assert first["pause_after"] == 0.8
    (segment,) = first["segments"]
    assert len(segment["phones"]) == len(segment["ids"]) == len(segment["spans"])
    places = [text[start:end] for start, end in segment["spans"]]
    assert places[0] == "[en]Good"
    assert second["segments"][0]["norm_text"] == " It costs five dollars."
    spans = [tuple(span) for s in found["sentences"] for p in s["segments"] for span in p["spans"]]
    covered = {i for start, end in spans for i in range(start, end)}
    assert {i for i, char in enumerate(text) if not char.isspace()} <= covered


def test_explain_names_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert "en." in shown(capsys, "It costs $5.", "--lang", "en", "--explain")
    assert "en." not in shown(capsys, "It costs $5.", "--lang", "en")


def test_markup_errors_point_at_the_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["text", "Wait [pause 99x] here."]) == 1
    assert "pause" in capsys.readouterr().err


def test_markup_can_be_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "Wait [pause 99x] here.", "--lang", "en", "--markup", "plain")
    assert "P AO1 Z" in out


def test_a_lexicon_is_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lexicon = tmp_path / "words.tsv"
    lexicon.write_text("en\tmyna\tM AY1 N AA0\n", "utf-8")
    out = shown(capsys, "The myna sings.", "--lang", "en", "--lexicon", str(lexicon))
    assert "M AY1 N AA0" in out


@needs_zh
def test_rows_are_answered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = answers(
        capsys,
        monkeypatch,
        {"id": "a", "text": "你好，世界。", "lang": "zh", "version": "v1"},
        {"id": "b", "text": "Hello there.", "lang": "en", "version": "v2Pro"},
        {"id": "c", "text": "我们用Python。", "lang": "all_zh", "version": "v2"},
        {"id": "d", "text": "我们用Python。", "mode": "all_zh", "version": "v2"},
        {"id": "e", "text": "It is 5 km. And more.", "lang": "en", "mode": "improved"},
        {"id": "f", "text": "Hello there. General.", "lang": "en", "cut": "cut5"},
    )
    assert [answer["id"] for answer in found] == [*"abcdef"]
    part = direct("你好，世界。", language="zh", table="v1")
    assert found[0]["phones"] == list(part.symbols)
    assert found[0]["ids"] == ids(part.symbols, "v1").tolist()
    assert found[0]["word2ph"] == [2, 2, 1, 2, 2, 1]
    assert found[1]["word2ph"] is None
    assert [segment["lang"] for segment in found[2]["segments"]] == ["zh", "en"]
    assert found[3]["ids"] == found[2]["ids"]
    assert "kilometer" in found[4]["norm_text"]
    assert found[5]["chunks"] == ["Hello there.", " General."]


def test_a_bad_row_does_not_stop_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = answers(
        capsys,
        monkeypatch,
        b"{not json",
        b'"only a string"',
        b"\xff\xfe",
        {"id": 1, "lang": "en"},
        {"id": 2, "text": "Hello.", "lang": "klingon"},
        {"id": 3, "text": "Hello.", "lang": "en", "version": "v9"},
        {"id": 4, "text": "Hello.", "lang": "en", "mode": "odd"},
        {"id": 5, "text": "Hello.", "lang": "en", "cut": "cut9"},
        {"id": 6, "text": "Hello.", "lang": ["en"]},
        {"id": 7, "text": "Hello.", "lang": "ko", "version": "v1"},
        {"id": 8, "text": "[" * 100_000, "lang": "en"},
        {"id": 9, "text": "Hello.", "lang": "en"},
    )
    assert len(found) == 12
    assert all("error" in answer for answer in found[:10])
    assert [answer["id"] for answer in found[3:]] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert found[11]["phones"] == ["HH", "AH0", "L", "OW1", "."]


def test_rows_that_cannot_be_written_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = answers(
        capsys,
        monkeypatch,
        b'{"id": 1, "text": "\\ud800 hello", "lang": "en"}',
        b'{"id": "\\udfff", "text": "hello", "lang": "en"}',
        b'{"id": NaN, "text": "hello", "lang": "en"}',
        b'{"text": "' + b"a" * 9_000_000 + b'"}',
        {"id": 2, "text": "hello", "lang": "en"},
    )
    assert [answer["id"] for answer in found] == [1, "\udfff", None, None, 2]
    assert ["error" in answer for answer in found] == [False, False, True, True, False]


def test_every_language_is_offered() -> None:
    assert list(LANGUAGES) == ["zh", "en", "ja", "ko", "yue"]
