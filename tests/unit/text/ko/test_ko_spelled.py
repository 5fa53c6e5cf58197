import pytest

from myna.errors import MarkupError
from myna.text import ko


def test_a_syllable_is_its_letters() -> None:
    assert ko.spelled("가치", "v2") == [["ㄱ", "ㅏ"], ["ㅊ", "ㅣ"]]
    assert ko.spelled("왜", "v2") == [["ㅇ", "ㅗ", "ㅐ"]]
    assert ko.spelled("녈", "v2") == [["ㄴ", "ㅣ", "ㅓ", "ㄹ"]]


def test_no_rule_is_applied() -> None:
    assert ko.spelled("국물", "v2") == [["ㄱ", "ㅜ", "ㄱ"], ["ㅁ", "ㅜ", "ㄹ"]]


def test_a_space_belongs_to_the_syllable_before() -> None:
    assert ko.spelled(" 가 나 ", "v2") == [["ㄱ", "ㅏ", "空"], ["ㄴ", "ㅏ"]]


@pytest.mark.parametrize(
    ("notation", "position"), [("가x", 1), ("ㄱ", 0), ("가나 漢", 3), ("  ", 0), ("가값", 1)]
)
def test_errors_point_at_the_character(notation: str, position: int) -> None:
    with pytest.raises(MarkupError) as caught:
        ko.spelled(notation, "v2")
    assert caught.value.position == position
