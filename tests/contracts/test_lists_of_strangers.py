"""Lists written to do harm: they end in an error of ours, soon, and touch no other file."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.dataset import lists, timed
from myna.dataset.finding import find
from myna.errors import DatasetError

READERS = {".list": lists.read, ".csv": lists.read, ".tsv": lists.read} | timed.READERS

PIECES = st.lists(
    st.sampled_from(
        [
            *("|", "\n", "\r\n", '"', '""', ",", "\t", " ", "path", "text", "a.wav", "EN", "\x00"),
            *(
                "ooTextFile",
                '"TextGrid"',
                "<exists>",
                '"IntervalTier"',
                "1e400",
                "-1",
                "0",
                "99999999",
            ),
            *(
                "00:00:01,000 --> 00:00:02,000",
                "-->",
                "WEBVTT",
                "<v a>",
                "<",
                "{\\",
                "\u2028",
                "..\\",
            ),
        ]
    ),
    max_size=40,
).map("".join)


@pytest.mark.parametrize("ending", READERS)
@settings(max_examples=60)
@given(data=st.one_of(st.binary(max_size=200), PIECES.map(str.encode)))
def test_any_bytes_are_read_or_refused(ending: str, data: bytes, tmp_path_factory: object) -> None:
    folder = tmp_path_factory.mktemp("list")  # type: ignore[attr-defined]
    path = folder / f"x{ending}"
    path.write_bytes(data)
    with contextlib.suppress(DatasetError):
        for line in READERS[ending](path):
            assert "\n" not in line.text + line.speaker + line.path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.list", "a.wav|b|EN|" + "x" * 30_000),
        ("x.csv", "path,text\na.wav," + "x" * 30_000),
        ("x.csv", "path,text\na.wav," + '"' + "x" * 300_000),
        ("x.list", "a.wav|b|EN|bell \x07"),
        ("x.list", "a\x00.wav|b|EN|hello"),
        ("x.list", "\\\\evil\\share\\a.wav|b|EN|hello"),
        ("x.list", "//evil/share/a.wav|b|EN|hello"),
        ("x.textgrid", '"ooTextFile" "TextGrid" 0 1 <exists> 999999999999\n'),
        ("x.textgrid", '"ooTextFile" "TextGrid" 0 1 <exists> 1 "IntervalTier" "a" 0 1 99999999999'),
        ("x.textgrid", '"ooTextFile" "TextGrid" 0 1 <exists> 1 "a" "a" 0 1 1'),
        ("x.srt", "1\n00:00:01,000 --> 00:00:02,000\n" + "<v " * 100_000),
        ("x.vtt", "00:01.000 --> 00:02.000\n<v" + " " * 300_000 + "x" * 30_000),
    ],
)
def test_they_are_refused_soon(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    started = time.thread_time()
    with pytest.raises(DatasetError):
        READERS[path.suffix](path)
    assert time.thread_time() - started < 2.0


def test_large_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.list"
    with path.open("wb") as stream:
        stream.truncate(lists.MOST_BYTES + 1)
    with pytest.raises(DatasetError, match="64 MiB"):
        lists.read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    os.mkfifo(tmp_path / "pipe.list")
    with pytest.raises(DatasetError, match="no file"):
        lists.read(tmp_path / "pipe.list")
    path = tmp_path / "x.list"
    long = "a/" * 4000 + "x" * 4000
    path.write_text(f"pipe.wav|a|EN|x\n/dev/zero|a|EN|x\n{long}|a|EN|x\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="None of the 3 recordings"):
        find(path)
