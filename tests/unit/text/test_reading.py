import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.errors import ConfigError, TextError
from myna.text import LANGUAGES, ids, prompt, read, sentences

needs_zh = pytest.mark.skipif(
    not (find_spec("jieba") and find_spec("pypinyin")), reason="the extra zh is not installed"
)

UNSPEAKABLE = ["", " ", "\n\t", "😀🎉", "...", "？！", "_", "\ud800", "\x00\x07"]


@pytest.mark.parametrize("text", UNSPEAKABLE)
@pytest.mark.parametrize("language", ["auto", "zh", "en", "all_zh"])
def test_nothing_to_speak_is_an_error_that_says_what_to_do(text: str, language: str) -> None:
    with pytest.raises(TextError, match="Write"):
        read(text, language=language)


@pytest.mark.parametrize("text", UNSPEAKABLE[:-3])
def test_nothing_to_cut(text: str) -> None:
    with pytest.raises(TextError, match="Write at least one word"):
        sentences(text, language="en")


def test_words_of_another_script_only() -> None:
    with pytest.raises(TextError, match="language='en'"):
        read("Привет", language="en")


def test_a_short_sentence_gets_a_point_in_front() -> None:
    sentence = read("Good", language="en")
    assert sentence.symbols == (".", "G", "UH1", "D")
    assert sentence.source == "Good"
    assert read("Hi", language="en").symbols == (",", ".", "HH", "AY1")
    assert read("Wonderful", language="en").symbols[0] == "W"


def test_prompt_is_closed() -> None:
    assert prompt("\nHello there my friend\n", "en").symbols[-1] == "."
    assert prompt("Hello there my friend!", "en").symbols[-1] == "!"


@needs_zh
def test_parts_keep_their_language_and_counts() -> None:
    chinese, english, rest = read("我喜欢Python，你呢？").parts
    assert (chinese.language, english.language) == ("zh", "en")
    assert chinese.phones_per_char == (2, 2, 2)
    assert english.phones_per_char is None
    assert rest.text == "你呢?"


@needs_zh
def test_written_pauses() -> None:
    symbols = read("停顿一下￥然后，继续。").symbols
    assert "," not in symbols
    assert symbols.count("SP2") == 2
    assert "SP3" in read("停顿一下^然后继续。").symbols


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match="'v9'"):
        read("hello", language="en", table="v9")
    with pytest.raises(ConfigError, match="'xx'"):
        read("hello", language="xx")


def test_ten_thousand_words() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 1200
    pieces = sentences(text, language="en")
    assert len(pieces) == 1200
    assert len(read(text, language="en").symbols) > 30_000


@needs_zh
@settings(deadline=None)
@given(
    text=st.text(st.characters() | st.sampled_from("你好一不儿3-5：.年月aA'%$￥^ ")),
    language=st.sampled_from(["auto", "zh", "en", "all_zh"]),
    table=st.sampled_from(["v1", "v2"]),
)
def test_any_text_is_read_or_refused(text: str, language: str, table: str) -> None:
    try:
        sentence = read(text, language=language, table=table)
    except TextError:
        return
    assert len(sentence.symbols) == len(ids(sentence.symbols, table)) > 0
    for part in sentence.parts:
        assert part.language in LANGUAGES
        if part.phones_per_char is not None:
            assert len(part.phones_per_char) == len(part.text)
            assert sum(part.phones_per_char) == len(part.symbols)


def _python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )


def test_importing_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = "{'numpy', 'jieba', 'pypinyin', 'torch', 'onnxruntime'}"
    code = f"import sys, myna.text.reading; print(sorted({heavy} & set(sys.modules)))"
    assert _python(code, tmp_path).stdout.strip() == "[]"


@needs_zh
def test_mandarin_leaves_no_trace(tmp_path: Path) -> None:
    done = _python("from myna.text import read; read('你好世界。', language='zh')", tmp_path)
    assert done.stdout == done.stderr == ""
    assert not list(tmp_path.iterdir())
