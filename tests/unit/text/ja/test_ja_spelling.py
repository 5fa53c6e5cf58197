"""Readings written in kana."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import MarkupError
from myna.text import ja
from myna.text.symbols import index_of


def spelled(notation: str, table: str = "v2") -> str:
    return " ".join(phone for mora in ja.spelled(notation, table) for phone in mora)


@pytest.mark.parametrize(
    ("notation", "phones"),
    [
        ("はし", "h a [ sh i"),
        ("は]し", "h a ] sh i"),
        ("は’し", "h a ] sh i"),
        ("はし]", "h a [ sh i ]"),
        ("ココ'ロ", "k o [ k o ] r o"),
        ("と[もだち", "t o [ m o d a ch i"),
        ("がっこう", "g a [ cl k o o"),
        ("せんせ]え", "s e [ N s e ] e"),
        ("せんせい", "s e [ N s e e"),
        ("コーヒー", "k o [ o h i i"),
        ("きょ]う", "ky o ] o"),
        ("おも・う", "o [ m o u"),
        ("あ]さ ご]はん", "a ] s a # g o ] h a N"),
        ("クヮ", "k u [ w a"),
        ("を", "o"),
    ],
)
def test_kana_and_marks_of_pitch(notation: str, phones: str) -> None:
    assert spelled(notation) == phones


def test_voices_of_v1_get_no_marks() -> None:
    assert spelled("は]し あめ", "v1") == "h a sh i a m e"


@pytest.mark.parametrize(
    ("notation", "position"),
    [("はs", 1), ("橋", 0), ("", 0), ("]は", 0), ("ー", 0), ("あ。", 1), ("あ]]", 2)],
)
def test_anything_else_is_an_error_with_its_place(notation: str, position: int) -> None:
    with pytest.raises(MarkupError) as caught:
        ja.spelled(notation, "v2")
    assert caught.value.position == position


@given(st.text(alphabet="あいうえおかきくしすっゃゅょぁぃんーはアカャヴッ][’ ・", max_size=12))
def test_phones_are_of_the_table(notation: str) -> None:
    try:
        said = ja.spelled(notation, "v2")
    except MarkupError:
        return
    assert {phone for mora in said for phone in mora} - {"#"} <= index_of("v2").keys()
