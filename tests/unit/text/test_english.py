import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.text import en
from myna.text.en import dictionary
from myna.text.en.homographs import reading
from myna.text.en.numbers import cardinal, ordinal, year
from myna.text.en.tokens import tokens
from myna.text.symbols import symbols


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0", "zero"),
        ("007", "seven"),
        ("21", "twenty-one"),
        ("101", "one hundred one"),
        ("3001", "three thousand one"),
        ("3200", "three thousand, two hundred"),
        ("1234567", "one million, two hundred thirty-four thousand, five hundred sixty-seven"),
        ("1000000", "one million"),
    ],
)
def test_cardinal(number: str, words: str) -> None:
    assert cardinal(number) == words


def test_other_numbers() -> None:
    assert ordinal("103") == "one hundred and third"
    assert ordinal("20") == "twentieth"
    assert ordinal("42") == "forty-second"
    assert year(1905) == "nineteen oh five"
    assert year(2009) == "two thousand nine"
    assert year(2100) == "twenty-one hundred"
    assert cardinal("9" * 40) == " ".join(["nine"] * 40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$3.50 and £1", "three dollars and fifty cents and one pound"),
        ("at 13:30", "at one thirty p.m."),
        ("1/2 of 15%", "one half of fifteen percent"),
        ("ChatGPT", "Chat G P T"),
        ("café", "cafe"),
        ("What?! Wait...", "What? Wait."),
        ("\ud800\x00hi你", "hi"),
        ("9" * 6000 + "km", None),
    ],
)
def test_normalise(text: str, expected: str | None) -> None:
    found = en.normalise(text)
    assert expected is None or found == expected


@given(st.text())
def test_only_what_can_be_read_is_left(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z '.,?!-]*", en.normalise(text))


def test_tokens() -> None:
    assert tokens("Don't e-mail p.m., 'so'") == [
        *("Don't", "e-mail", "p", ".", "m", ".", ",", "'", "so", "'"),
    ]


def _phones(text: str) -> str:
    return " ".join(en.g2p(text, "v2").symbols)


def test_readings() -> None:
    assert _phones("A cat") == "EY1 K AE1 T"
    assert _phones("a cat") == "AH0 K AE1 T"
    assert _phones("Chris's") == "K R IH1 S AH0 Z"
    assert _phones("ai") == "EY1 AY1"
    assert dictionary.pronunciation("aaditya") is None
    assert _phones("Aaditya") == "AA0 D IY1 T Y AH0"


def test_homographs() -> None:
    words = ["please", "record", "a", "new", "record"]
    assert reading(words, 1) == ["R", "IH0", "K", "AO1", "R", "D"]
    assert reading(words, 4) == ["R", "EH1", "K", "ER0", "D"]
    assert reading(["i", "read"], 1) == ["R", "IY1", "D"]
    assert reading(["cat"], 0) is None


def test_a_word_in_no_dictionary_is_put_together_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "myna.text"):
        assert _phones("sunflowergarden") == _phones("sunflower garden")
        assert _phones("qwrt") == _phones("q w r t")
    assert "'sunflowergarden'; read as 'sunflower garden'" in caplog.text
    assert "'qwrt'; read as 'q w r t'" in caplog.text


def test_hyphens_join_known_words_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "myna.text"):
        assert _phones("thirty-two") == _phones("thirty two")
    assert not caplog.records


@given(st.text(st.sampled_from("abcdexyzABQ'-.,?! "), max_size=60))
def test_any_letters_give_phones_of_the_table(text: str) -> None:
    phones = en.g2p(text, "v1")
    assert phones.per_char is None
    assert set(phones.symbols) <= set(symbols("v1"))


def test_the_dictionary_is_phones_of_the_table() -> None:
    known = {*symbols("v1"), "UW"}
    entries = dictionary.words()
    assert len(entries) > 120_000
    assert not {phone for phones in entries.values() for phone in phones.split()} - known
