import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import ConfigError
from myna.text import cutting
from myna.text.cutting import LONGEST, METHODS, SENTENCE_MARKS
from myna.text.traced import Traced


def chunks(text: str, *, language: str, cut: str = "cut5") -> list[str]:
    return [piece.text for piece in cutting.chunks(Traced.of(text), language=language, cut=cut)]


def sentences(text: str, *, language: str, cut: str = "cut5") -> list[str]:
    pieces = cutting.sentences(Traced.of(text), language=language, cut=cut)
    for piece in pieces:
        start, end = piece.span()
        assert 0 <= start <= end <= len(text)
    return [piece.text for piece in pieces]


def test_a_point_inside_a_number_does_not_cut() -> None:
    pieces = METHODS["cut5"](Traced.of("It is 3.14. Yes."))
    assert [piece.text for piece in pieces] == ["It is 3.14.", " Yes."]


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


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("It costs $1,299.99, they said.", ["It costs $1,299.99,", " they said."]),
        ("花了1,299.99元，真的不算贵。", ["花了1,299.99元，", "真的不算贵。"]),
        ("Meet Dr. Smith at 10:30 sharp.", ["Meet Dr. Smith at 10:30 sharp."]),
        (
            "See https://example.com/a?b=c,d. Then go.",
            ["See https://example.com/a?b=c,d.", " Then go."],
        ),
        (
            "On Jan. 6th we met at approx. 2 p.m. today.",
            ["On Jan. 6th we met at approx. 2 p.m. today."],
        ),
        (
            "J. K. Rowling met the U.S. Senate at 5 p.m. EST.",
            ["J. K. Rowling met the U.S. Senate at 5 p.m. EST."],
        ),
        ("He lives in the U.S. They left.", ["He lives in the U.S.", " They left."]),
        ("The U.S. army left. Nobody came.", ["The U.S. army left.", " Nobody came."]),
    ],
)
def test_marks_inside_words_do_not_cut(text: str, pieces: list[str]) -> None:
    found = cutting.sentences(Traced.of(text), language="en", improved=True)
    assert [piece.text for piece in found] == pieces
    assert len(cutting.sentences(Traced.of(text), language="en")) >= len(pieces)
