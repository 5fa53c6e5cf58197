from hypothesis import given
from hypothesis import strategies as st

from myna.text.ko.numbers import cardinal, decimal, digits, native

_ONES = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9}
_TENS = {
    "열": 10,
    "스물": 20,
    "서른": 30,
    "마흔": 40,
    "쉰": 50,
    "예순": 60,
    "일흔": 70,
    "여든": 80,
    "아흔": 90,
}


def _value(words: str) -> int:
    """A number of Chinese origin read back, by another way than it was written."""
    total = section = digit = 0
    for char in words:
        if char in "영일이삼사오육칠팔구":
            digit = "영일이삼사오육칠팔구".index(char)
        elif char in "십백천":
            section += (digit or 1) * 10 ** ("십백천".index(char) + 1)
            digit = 0
        else:
            power = 10 ** (4 * ("만억조".index(char) + 1))
            total, section, digit = total + (section + digit or 1) * power, 0, 0
    return total + section + digit


@given(st.integers(min_value=0, max_value=10**16 - 1))
def test_cardinals_say_their_value(number: int) -> None:
    assert _value(cardinal(str(number))) == number


@given(st.integers(min_value=1, max_value=99))
def test_native_numbers_say_their_value(number: int) -> None:
    words = native(str(number)).replace("스무", "스물")
    tens = next((word for word in _TENS if words.startswith(word)), "")
    assert _TENS.get(tens, 0) + _ONES.get(words.removeprefix(tens), 0) == number


def test_cardinals() -> None:
    assert cardinal("0") == "영"
    assert cardinal("10") == "십"
    assert cardinal("0105") == "백오"
    assert cardinal("10000") == "만"
    assert cardinal("110000") == "십일만"
    assert cardinal("100000000") == "일억"
    assert cardinal("1234567") == "백이십삼만사천오백육십칠"
    assert len(cardinal("1" * 5000)) == 5000


def test_native_numbers() -> None:
    assert native("20") == "스무"
    assert native("21") == "스물한"
    assert native("120") == "백스무"
    assert native("100") == "백"


def test_digits_and_decimals() -> None:
    assert digits("2024") == "이영이사"
    assert digits("010", zero="공") == "공일공"
    assert decimal("3.14") == "삼 점 일사"
    assert decimal("12") == "십이"
