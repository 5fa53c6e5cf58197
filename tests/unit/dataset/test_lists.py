"""Lists of recordings and their words: every kind we read, and the one we write."""

from __future__ import annotations

from pathlib import Path

import pytest

from myna.dataset import lists, timed
from myna.dataset.lists import Line
from myna.errors import DatasetError

LONG_TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 5.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "sentences"
        xmin = 0
        xmax = 5.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1.25
            text = ""
        intervals [2]:
            xmin = 1.25
            xmax = 3.5
            text = "She said ""hi"", twice: 2 times = 4"
        intervals [3]:
            xmin = 3.5
            xmax = 5.5
            text = "two
lines"
    item [2]:
        class = "TextTier"
        name = "bells"
        xmin = 0
        xmax = 5.5
        points: size = 1
        points [1]:
            number = 2.5
            mark = "ding"
"""
SHORT_TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
5.5
<exists>
2
"IntervalTier"
"sentences"
0
5.5
3
0
1.25
""
1.25
3.5
"She said ""hi"", twice: 2 times = 4"
3.5
5.5
"two
lines"
"TextTier"
"bells"
0
5.5
1
2.5
"ding"
"""


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_old_list(tmp_path: Path) -> None:
    text = (
        "D:\\data\\a.wav|anna|ZH|你好|吗\n"
        "\n"
        "wavs/b.wav|ben|JP|こんにちは\r\n"
        "c.wav||EN|Hello.\n"
        "d.wav|d|KO|\n"
        "e.wav|e|YUE|早晨\n"
        "f.wav|f|cn|早\n"
        "g.wav|g||x"
    )
    found = lists.read(write(tmp_path, "x.list", text, "utf-8-sig"))
    assert [line.path for line in found] == [
        "D:/data/a.wav",
        "wavs/b.wav",
        "c.wav",
        "d.wav",
        "e.wav",
        "f.wav",
        "g.wav",
    ]
    assert [line.language for line in found] == ["zh", "ja", "en", "ko", "yue", "zh", ""]
    assert [line.number for line in found] == [1, 3, 4, 5, 6, 7, 8]
    assert found[0].text == "你好|吗"
    assert found[0].speaker == "anna"
    assert found[1].text == "こんにちは"


def test_old_list_written_is_read_back(tmp_path: Path) -> None:
    lines = (
        Line(path="clips/a.flac", speaker="anna", language="ja", text="a | b", number=1),
        Line(path="clips/b.flac", speaker="", language="", text="", number=2),
    )
    lists.write(tmp_path / "x.list", lines)
    assert (tmp_path / "x.list").read_bytes() == b"clips/a.flac|anna|JA|a | b\nclips/b.flac|||\n"
    assert lists.read(tmp_path / "x.list") == lines


@pytest.mark.parametrize("line", [Line(path="a|b.wav"), Line(path="a.wav", speaker="x\ny")])
def test_old_list_cannot_say_everything(tmp_path: Path, line: Line) -> None:
    with pytest.raises(DatasetError, match="cannot say"):
        lists.write(tmp_path / "x.list", [line])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "x.csv",
            'Path,Sentence,speaker_id,locale,age\na.wav,"Well, hello  ""you"".",anna,en-US,9\n',
        ),
        (
            "x.tsv",
            'client_id\tpath\tage\tsentence\tlocale\nanna\ta.wav\t9\tWell, hello "you".\ten\n',
        ),
    ],
)
def test_table(tmp_path: Path, name: str, text: str) -> None:
    (line,) = lists.read(write(tmp_path, name, text))
    expected = Line(
        path="a.wav", text='Well, hello "you".', speaker="anna", language="en", number=2
    )
    assert line == expected


def test_table_with_times(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "audio,start,end,text\na.wav,1.5,3,Hi\nb.wav,,,Ho\n")
    first, second = lists.read(path)
    assert first.times == (1.5, 3.0)
    assert first.middle == 2.25
    assert second.start is second.end is None


def test_ljspeech(tmp_path: Path) -> None:
    path = write(tmp_path, "metadata.csv", 'LJ1|In "1992, I|In "nineteen, I\nLJ2|Only one\n')
    first, second = lists.read(path)
    assert (first.path, first.text) == ("LJ1", 'In "nineteen, I')
    assert (second.path, second.text) == ("LJ2", "Only one")


@pytest.mark.parametrize("text", [LONG_TEXTGRID, SHORT_TEXTGRID], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_textgrid(tmp_path: Path, text: str, encoding: str) -> None:
    found = timed.read(write(tmp_path, "x.TextGrid", text, encoding))
    assert [(line.times, line.text) for line in found] == [
        ((1.25, 3.5), 'She said "hi", twice: 2 times = 4'),
        ((3.5, 5.5), "two lines"),
    ]


def test_textgrid_errors_name_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, "x.TextGrid", LONG_TEXTGRID.replace("xmax = 3.5", 'xmax = "x"'))
    with pytest.raises(DatasetError, match=r"x\.TextGrid, line 21: expected a number"):
        timed.read(path)


def test_textgrid_of_several_tiers(tmp_path: Path) -> None:
    tier = '"IntervalTier" "{}" 0 2 1 0 2 "{}"\n'
    head = '"ooTextFile" "TextGrid" 0 2 <exists> 2\n'
    words = head + tier.format("words", "a") + tier.format("phones", "b")
    path = write(tmp_path, "x.textgrid", words)
    with pytest.raises(DatasetError, match=r"--tier \('words', 'phones'\)"):
        timed.read(path)
    assert [line.text for line in timed.read(path, tier="phones")] == ["b"]
    named = head + tier.format("words", "a") + tier.format("Utterances", "b")
    assert [line.text for line in timed.read(write(tmp_path, "y.textgrid", named))] == ["b"]


def test_srt(tmp_path: Path) -> None:
    text = (
        "1\n00:00:01,500 --> 00:00:03,000\n<i>Hello</i>\nthere.\n\n"
        "2\n01:00:04,000 --> 01:00:05,250 X1:1\n{\\an8}Bye.\n\n3\n00:00:09,000 --> 00:00:10,000\n"
    )
    found = timed.read(write(tmp_path, "x.srt", text))
    assert [(line.times, line.text) for line in found] == [
        ((1.5, 3.0), "Hello there."),
        ((3604.0, 3605.25), "Bye."),
    ]


def test_vtt(tmp_path: Path) -> None:
    text = (
        "WEBVTT - a title\n\nNOTE\nnothing\n\nSTYLE\n::cue {}\n\n"
        "intro\n00:01.500 --> 00:03.000 align:start\n<v.loud Anna Bell>Hello <b>you</b></v>\n\n"
        "00:00:04.000 --> 00:00:05.000\nBye.\n"
    )
    found = timed.read(write(tmp_path, "x.vtt", text))
    assert [(line.times, line.speaker, line.text) for line in found] == [
        ((1.5, 3.0), "Anna Bell", "Hello you"),
        ((4.0, 5.0), "", "Bye."),
    ]


def test_plain(tmp_path: Path) -> None:
    (line,) = lists.read_plain(write(tmp_path, "x.txt", "Hello\n  there.\n"))
    assert line.text == "Hello there."


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.list", "a.wav|b|EN|ok\na.wav|b\n", r"line 2: expected path\|speaker"),
        ("x.list", "a.wav|b|klingon|ok\n", "line 1: the language 'klingon' is unknown"),
        ("x.list", "|b|EN|ok\n", "line 1: no recording is named"),
        ("x.list", "", "names no recordings"),
        ("x.csv", "who,what\na,b\n", "line 1: no header"),
        ("x.csv", "path,file\na,b\n", "line 1: no header"),
        ("x.csv", "path,text\na,b,c\n", "line 2: 3 fields, but the header has 2"),
        ("x.csv", 'path,text\na,b\na,"b\nc,d\n', "line 3: not well formed"),
        ("x.csv", 'path,text\na,"b\nc",\n', "line 2: a quoted field goes on"),
        ("x.csv", "path,start,end\na,3,2\n", "line 2: a part from 3 to 2 s is none"),
        ("x.csv", "path,start,end\na,nan,2\n", "line 2: a part from nan"),
        ("x.csv", "path,start,end\na,,2\n", "line 2: '' is no time"),
        ("x.csv", "path,start\na,1\n", "line 2: '' is no time"),
        ("metadata.csv", "a|b|c|d|e\n", r"line 1: expected id\|text"),
        ("x.srt", "1\n00:00:03,000 --> 00:00:02,000\nHi\n", "line 2: a part from 3 to 2 s"),
        ("x.srt", "1\nsoon --> later\nHi\n", "line 2: no times of a cue"),
        ("x.srt", "Hi\nthere\nyou\n", "line 1: no cue"),
        ("x.textgrid", "nothing", "ends early"),
        ("x.textgrid", '"ooTextFile" "PitchTier"', "not the text form"),
        ("x.textgrid", '"ooTextFile" "TextGrid" 0 1 <exists> 0', "which tier"),
        ("x.textgrid", '"ooTextFile" "TextGrid" 0 1e999 <exists> 0', "number without end"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path, name, text)
    read = lists.read if path.suffix in (".list", ".csv") else timed.read
    with pytest.raises(DatasetError, match=message):
        read(path)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "x.list", "a.wav|b|ZH|ok\na.wav|b|ZH|你好\n", "gbk")
    with pytest.raises(DatasetError, match=r"line 2: not in UTF-8 .*; save the file as UTF-8"):
        lists.read(path)


@pytest.mark.parametrize("name", ["ZH", "zh_CN", " Mandarin ", "cmn"])
def test_language_codes(name: str) -> None:
    assert lists.language_code(name) == "zh"


def test_what_is_a_list(tmp_path: Path) -> None:
    assert lists.is_list(write(tmp_path, "a.csv", "path,text\n"))
    assert not lists.is_list(write(tmp_path, "b.csv", "height,weight\n"))
    assert lists.is_list(write(tmp_path, "metadata.csv", "a|b\n"))
    assert not lists.is_list(write(tmp_path, "c.txt", "a|b|c|d\n"))
