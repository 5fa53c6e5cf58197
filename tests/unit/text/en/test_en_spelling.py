"""Readings in ARPAbet."""

import pytest

from myna.errors import MarkupError
from myna.text import en


def test_words_are_kept_apart() -> None:
    assert en.spelled("R EH1 D", "v2") == [["R", "EH1", "D"]]
    assert en.spelled(" r eh1 d/b uh1 k ", "v1") == [["R", "EH1", "D"], ["B", "UH1", "K"]]


@pytest.mark.parametrize(
    ("notation", "position", "message"),
    [
        ("R EH D", 2, "'EH' needs one digit"),
        ("R ER D", 2, "'ER' needs one digit"),
        ("R EH3 D", 2, "'EH3' needs one digit"),
        ("R EH1 D1", 6, "'D1' is a consonant"),
        ("R EH1 / foo", 8, "'foo' is no phone"),
        ("nǐ", 0, "'nǐ' is no phone"),
        (" / ", 0, "empty"),
    ],
)
def test_errors_point_at_the_phone(notation: str, position: int, message: str) -> None:
    with pytest.raises(MarkupError, match=message) as caught:
        en.spelled(notation, "v2")
    assert caught.value.position == position
