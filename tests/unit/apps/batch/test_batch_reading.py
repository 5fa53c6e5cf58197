"""Scripts of four kinds become entries, and all their faults are told at once."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.apps.batch import cues, entries, prose, reading
from myna.errors import DatasetError


def read(tmp_path: Path, name: str, text: str | bytes) -> reading.Read:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return reading.read(path)


def whole(tmp_path: Path, name: str, text: str | bytes) -> list[entries.Entry]:
    found, faults = read(tmp_path, name, text)
    assert not faults
    return found


LINE = {
    "text": "Good\nmorning.",
    "voice": "anna",
    "name": "first",
    "lang": "en",
    "speed": 1,
    "seed": 7,
    "gap": 0.25,
    "paragraph": True,
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_json_lines_of_any_encoding_and_line_ends(tmp_path: Path, encoding: str, ends: str) -> None:
    text = ends.join([json.dumps(LINE), "", json.dumps({"text": "早上好。"}, ensure_ascii=False)])
    first, second = whole(tmp_path, "a.jsonl", text.encode(encoding))
    assert first == entries.Entry(
        line=1,
        text="Good\nmorning.",
        voice="anna",
        id="first",
        language="en",
        gap=0.25,
        paragraph=True,
        sampling={"seed": 7},
        delivery={"speed": 1.0},
    )
    assert (second.line, second.text) == (3, "早上好。")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_says_what_json_lines_say(tmp_path: Path, delimiter: str) -> None:
    cells = [
        ["Text", "voice", "name", "lang", "speed", "seed", "gap", "paragraph"],
        ['"Good\nmorning."', "anna", "first", "en", "1", "7", "0.25", "yes"],
        ['"Yes, he said; ""no""."', "", "", "", "", "", "", ""],
    ]
    text = "\r\n".join(delimiter.join(row) for row in cells)
    first, second = whole(tmp_path, "a.csv", codecs.BOM_UTF8 + text.encode())
    (same,) = whole(tmp_path, "a.jsonl", json.dumps(LINE))
    assert first.line == 2
    assert second == entries.Entry(line=4, text='Yes, he said; "no".')
    assert {**vars_of(first), "line": 1} == vars_of(same)


def vars_of(entry: entries.Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def test_all_faults_of_json_lines_are_told_with_their_lines(tmp_path: Path) -> None:
    lines = [
        '{"txet": "Hello."}',
        '{"text": "Hello.", "speed": 9, "seed": 1.5}',
        "no json",
        '{"text": "a", "text": "b"}',
        '["text"]',
        '{"text": "ok", "id": "A"}',
        '{"text": "ok", "id": "a"}',
        '{"text": "ok", "voice": "v", "reference": "r.wav"}',
        '{"text": "ok", "start": 3}',
        '{"text": "ok", "start": 3, "end": 2}',
        '{"text": "\\u0007"}',
        '{"text": "\\ud800"}',
        '{"text": NaN}',
        '{"text": "ok", "paragraph": "perhaps"}',
        '{"text": "ok", "gap": 1e999}',
    ]
    _, faults = read(tmp_path, "a.jsonl", "\n".join(lines))
    told = [(line, what) for line, what in faults]
    for line, words in [
        (1, "did you mean text?"),
        (1, "there is no text"),
        (2, "speed is 9"),
        (2, "seed is '1.5'; it is a whole number"),
        (3, "no JSON"),
        (4, "a key is there twice"),
        (5, "no JSON object"),
        (7, "that of line 6"),
        (8, "not both"),
        (9, "start and end go together"),
        (10, "no time to speak in"),
        (11, "belongs in no text"),
        (12, "belongs in no text"),
        (13, "NaN is no number"),
        (14, "it is true or false"),
        (15, "gap is inf"),
    ]:
        assert any(at == line and words in what for at, what in told), (line, words, told)
    assert len(told) == 16
    assert [line for line, _ in told] == sorted(line for line, _ in told)


def test_faults_of_tables(tmp_path: Path) -> None:
    assert "no column `text`; " not in str(read(tmp_path, "a.csv", "text\nhi")[1])
    ((line, what),) = read(tmp_path, "a.csv", "\nvoice,speeed\nanna,1")[1]
    assert line == 2
    assert "no column `text`" in what
    assert "did you mean speed?" in what
    ((line, what),) = read(tmp_path, "b.csv", "text,id,name\na,b,c")[1]
    assert "two columns are named id" in what
    found, faults = read(tmp_path, "c.csv", 'text,id\na,1\nb\nc,2,3\nd,4\ne,"open\n')
    assert [each.text for each in found] == ["a", "d"]
    assert [line for line, _ in faults] == [3, 4, 6]


def test_text_that_is_too_long_and_too_many_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ((line, what),) = read(tmp_path, "a.txt", "one\n\n" + "a" * 20_001)
    assert line == 3
    assert "20001 characters" in what
    monkeypatch.setattr(reading, "MOST_ENTRIES", 2)
    _, ((line, what),) = read(tmp_path, "b.txt", "one\n\ntwo\n\nthree")
    assert line == 5
    assert "split the script" in what


def test_a_paragraph_of_plain_text_is_an_entry_and_brackets_switch_the_voice(
    tmp_path: Path,
) -> None:
    text = """\
It was a
bright day.

[voice:Anna]
Hello. [voice:bob] Hi,
Anna.

早上
好。

[voice:] Back \\[voice:anna] again.
"""
    found = whole(tmp_path, "a.txt", text)
    assert [(each.line, each.voice, each.paragraph, each.text) for each in found] == [
        (1, "", True, "It was a bright day."),
        (5, "Anna", True, "Hello."),
        (5, "bob", False, "Hi, Anna."),
        (8, "bob", True, "早上好。"),
        (11, "", True, "Back \\[voice:anna] again."),
    ]


def test_without_empty_lines_each_line_is_a_paragraph() -> None:
    found, _ = prose.read("\n\nOne.\nTwo.\n\n")
    assert [(each.line, each.text, each.paragraph) for each in found] == [
        (3, "One.", True),
        (4, "Two.", True),
    ]


SRT = """\
1
00:00:05,000 --> 00:00:06,500 X1:1 Y1:2
<i>Later</i> {\\an8}on.

2
00:00:01,000 --> 00:00:02,500
[voice:anna] First
of all 2 < 3.

3
0:07.5 --> 00:00:08,000
<font color="red"> </font>

00:01:00.250 --> 00:01:01,000
- No number.
- None.
"""


def test_subtitles(tmp_path: Path) -> None:
    found = whole(tmp_path, "a.srt", SRT)
    assert [(each.line, each.voice, each.text, each.cue) for each in found] == [
        (5, "anna", "First of all 2 < 3.", (1.0, 2.5)),
        (1, "", "Later on.", (5.0, 6.5)),
        (14, "", "No number. None.", (60.25, 61.0)),
    ]


def test_faults_of_subtitles(tmp_path: Path) -> None:
    text = """\
1
00:00:01,000 -> 00:00:02,000
Wrong arrow.

2
00:00:03 --> 00:00:04
No thousandths.

3
00:00:05,000 --> 00:00:05,000
No time.

4
00:00:06,000 --> 00:00:07,000
One. [voice:bob] Two.
"""
    _, faults = read(tmp_path, "a.srt", text)
    assert [line for line, _ in faults] == [1, 6, 9, 13]


def test_names_in_front_of_subtitles() -> None:
    assert cues.speaker("Anna: Hello.") == ("Anna", "Hello.")
    assert cues.speaker("李雷：你好。") == ("李雷", "你好。")
    for text in ("Hello.", "10: Go.", "http://x", "Anna:", "[door] Anna: hi"):
        assert cues.speaker(text) is None, text


def test_what_is_no_script(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"\.jsonl, \.csv"):
        read(tmp_path, "a.docx", b"PK")
    with pytest.raises(DatasetError, match="nothing to say"):
        read(tmp_path, "a.txt", " \n")
    with pytest.raises(DatasetError, match="line 2: not in UTF-8"):
        read(tmp_path, "b.txt", b"a\n\xff")
    with pytest.raises(DatasetError, match="no file"):
        reading.read(tmp_path / "none.txt")


@given(st.text(), st.sampled_from([".jsonl", ".csv", ".srt", ".txt"]))
def test_anything_is_entries_or_faults(text: str, ending: str) -> None:
    found, faults = reading.READERS[ending](text)
    for each in found:
        assert each.line >= 1
        each.text.encode()
    for fault in faults:
        assert 1 <= fault.line <= text.count("\n") + 1
        assert fault.what
