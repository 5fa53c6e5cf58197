import logging
import random
import re
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import MissingExtraError
from myna.text import zh
from myna.text.symbols import MARKS, symbols
from myna.text.zh import readings
from myna.text.zh.numbers import cardinal, decimal, digits

needs_zh = pytest.mark.skipif(
    not (find_spec("jieba") and find_spec("pypinyin")), reason="the extra zh is not installed"
)


def _value(words: str) -> int:
    """A cardinal read back, by another way than it was written."""
    total = section = digit = 0
    for char in words:
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
    assert _value(cardinal(str(number))) == number


def test_numbers() -> None:
    assert cardinal("10") == "十"
    assert cardinal("0105") == "一百零五"
    assert decimal("1.80") == "一点八零"
    assert decimal(".5") == "零点五"
    assert digits("2010", one="幺") == "二零幺零"
    assert len(cardinal("1" * 5000)) == 5000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("２０２４年5月1日", "二零二四年五月一日"),
        ("9:05到21:30", "九点零五分到二十一点半"),
        ("-5℃，80%", "零下五度,百分之八十"),
        ("2个，22个，3+个", "两个,二十二个,三多个"),
        ("13812345678", "幺三八幺二三四五六七八"),
        ("𠮷a\ud800\x00好", "好"),
        ("", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert zh.normalise(text) == expected


def test_a_dropped_letter_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "myna.text"):
        zh.normalise("好kana")
    assert "'akn'" in caplog.text


@given(st.text())
def test_only_what_can_be_read_is_left(text: str) -> None:
    assert re.fullmatch("[\u4e00-\u9fa5!?…,.-]*", zh.normalise(text))


@needs_zh
@pytest.mark.parametrize(
    ("text", "tones"),
    [
        ("你好", "23"),
        ("不是", "24"),
        ("一个", "25"),
        ("第一", "41"),
        ("我们的", "355"),
        ("纸老虎", "323"),
        ("听一听", "151"),
    ],
)
def test_sandhi(text: str, tones: str) -> None:
    finals = zh.g2p(text, "v2").symbols[1::2]
    assert "".join(final[-1] for final in finals) == tones


@needs_zh
def test_erhua_is_not_for_v1() -> None:
    assert zh.g2p("哪儿", "v2").symbols == ["n", "a3", "EE", "er3"]
    assert zh.g2p("哪儿", "v1").symbols == ["n", "a3", "EE", "er2"]


@needs_zh
def test_an_ideograph_without_reading_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "myna.text"):
        phones = zh.g2p("兙好", "v2")
    assert phones.symbols == ["UNK", "UNK", "h", "ao3"]
    assert phones.per_char == [2, 2]
    assert "no reading" in caplog.text


@needs_zh
def test_any_ideographs_give_phones_of_the_table() -> None:
    draw = random.Random(7)
    ideographs = [chr(code) for code in range(0x4E00, 0x9FA6)]
    for _ in range(300):
        text = "".join(draw.choices([*ideographs, *MARKS, *"一不儿上个的"], k=draw.randint(1, 12)))
        phones = zh.g2p(text, "v2")
        assert phones.per_char is not None
        assert len(phones.per_char) == len(text)
        assert sum(phones.per_char) == len(phones.symbols)
        assert set(phones.symbols) <= set(symbols("v2"))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pypinyin", None)
    readings._pypinyin.cache_clear()
    with pytest.raises(MissingExtraError, match=r"myna\[zh\]"):
        readings.syllables("兙兡兣")
    readings._pypinyin.cache_clear()
