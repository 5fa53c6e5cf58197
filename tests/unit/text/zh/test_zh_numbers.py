import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.text.zh.numbers import cardinal, decimal, digits, scaled, spoken


def value(words: str) -> int:
    """A cardinal read back, by another way than it was written."""
    total = section = digit = 0
    for char in words.replace("两", "二"):
        if char in "零一二三四五六七八九":
            digit = "零一二三四五六七八九".index(char)
        elif char in "十百千":
            section += (digit or 1) * 10 ** ("十百千".index(char) + 1)
            digit = 0
        elif char == "万":
            section = (section + digit) * 10_000
            total, section, digit = total + section, 0, 0
        else:
            total, section, digit = (total + section + digit) * 10**8, 0, 0
    return total + section + digit


@given(st.integers(min_value=0, max_value=10**12 - 1))
def test_cardinals_say_their_value(number: int) -> None:
    assert value(cardinal(str(number))) == number
    assert value(spoken(str(number))) == number


def test_numbers() -> None:
    assert cardinal("10") == "十"
    assert cardinal("0105") == "一百零五"
    assert decimal("1.80") == "一点八零"
    assert decimal(".5") == "零点五"
    assert digits("2010", one="幺") == "二零幺零"
    assert len(cardinal("1" * 5000)) == 5000


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("2", "二"),
        ("12", "十二"),
        ("200", "二百"),
        ("2000", "两千"),
        ("22000", "两万两千"),
        ("320000", "三十二万"),
        ("12020000", "一千二百零二万"),
        ("200000000", "两亿"),
        ("2000.25", "两千点二五"),
    ],
)
def test_two_is_liang_before_large_units(number: str, words: str) -> None:
    assert spoken(number) == words


@pytest.mark.parametrize(
    ("number", "power", "words"),
    [("2.5", 6, "二百五十万"), ("5", 3, "五千"), ("1.2345", 3, "一千二百三十四点五")],
)
def test_a_power_of_ten_moves_the_point(number: str, power: int, words: str) -> None:
    assert scaled(number, power) == words
