from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import ConfigError, TextError
from myna.text.segments import MODES, segments


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("auto", "我喜欢Python，你呢？", [("zh", "我喜欢"), ("en", "Python，"), ("zh", "你呢？")]),
        ("auto", "你好。", [("zh", "你好。")]),
        ("auto", "Hello.", [("en", "Hello.")]),
        ("auto", "3.14", [("zh", "3.14")]),
        ("zh", "第1章 Chapter 2", [("zh", "第1章 "), ("en", "Chapter 2")]),
        ("all_zh", "Chapter 2", [("en", "Chapter "), ("zh", "2")]),
        ("all_zh", "Hello 😀 world", [("en", "Hello "), ("zh", "😀 "), ("en", "world")]),
        ("en", "你好 Hello", [("en", "你好 Hello")]),
        ("zh", "", []),
    ],
)
def test_segments(mode: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert [tuple(segment) for segment in segments(text, mode)] == expected


@pytest.mark.parametrize(
    ("text", "language"), [("これはペン", "Japanese"), ("안녕하세요 hello", "Korean")]
)
def test_other_scripts_are_refused_by_name(text: str, language: str) -> None:
    with pytest.raises(TextError, match=f"{language} text is not supported yet"):
        segments(text, "auto")


@pytest.mark.parametrize(
    ("mode", "language"),
    [("ja", "Japanese"), ("all_ko", "Korean"), ("yue", "Cantonese"), ("auto_yue", "Cantonese")],
)
def test_other_languages_are_refused_by_name(mode: str, language: str) -> None:
    with pytest.raises(TextError, match=f"{language} text is not supported yet"):
        segments("你好", mode)


def test_unknown_mode() -> None:
    with pytest.raises(ConfigError, match="'klingon'"):
        segments("nuqneH", "klingon")


@given(text=st.text(), mode=st.sampled_from(MODES))
def test_nothing_is_lost_and_neighbours_differ(text: str, mode: str) -> None:
    try:
        found = segments(text, mode)
    except TextError:
        return
    assert "".join(part.text for part in found).strip() == text.strip()
    languages = [part.language for part in found]
    assert set(languages) <= {"zh", "en"}
    assert all(a != b for a, b in pairwise(languages))
