import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import ConfigError
from myna.text.cutting import LONGEST, METHODS, SENTENCE_MARKS, chunks, sentences


def test_a_point_inside_a_number_does_not_cut() -> None:
    assert METHODS["cut5"]("It is 3.14. Yes.") == "It is 3.14.\n Yes."


def test_short_pieces_are_joined() -> None:
    assert chunks("一，二，三，四，五，六。", language="zh") == ["一，二，三，", "四，五，六。"]


def test_a_closing_mark_is_added_in_the_language() -> None:
    assert chunks("Hello there", language="en") == ["Hello there."]
    assert chunks("今天天气很好", language="zh") == ["今天天气很好。"]


@pytest.mark.parametrize("text", ["", "\n\n", " ", "...", "。！？", "😀"])
@pytest.mark.parametrize("cut", METHODS)
def test_nothing_to_speak(text: str, cut: str) -> None:
    assert chunks(text, language="zh", cut=cut) == []


def test_long_text_without_marks_is_cut_anywhere() -> None:
    pieces = sentences("好" * 2000, language="zh")
    assert max(map(len, pieces)) <= LONGEST
    assert "".join(pieces) == "好" * 2000


def test_unknown_method() -> None:
    with pytest.raises(ConfigError, match="'cut9'"):
        chunks("a", language="en", cut="cut9")


@given(text=st.text(), language=st.sampled_from(["zh", "en"]), cut=st.sampled_from([*METHODS]))
def test_pieces_can_be_spoken(text: str, language: str, cut: str) -> None:
    for piece in sentences(text, language=language, cut=cut):
        assert 0 < len(piece) <= LONGEST
        assert any(char.isalnum() or char == "_" for char in piece)


@given(text=st.text(st.sampled_from("abc ,.!?，。"), max_size=200))
def test_cutting_loses_no_letter(text: str) -> None:
    letters = [char for char in text if char.isalpha()]
    pieces = sentences(text, language="en")
    assert [char for char in "".join(pieces) if char.isalpha()] == letters
    assert all(piece[-1] in SENTENCE_MARKS for piece in pieces)
