"""Writing out as the published reader does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.text import en
from myna.text.en.numbers import cardinal, ordinal, year
from myna.text.traced import Journal, Traced


def normalised(text: str) -> str:
    return en.normalise(Traced.of(text)).text


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
    found = normalised(text)
    assert expected is None or found == expected


@given(st.text())
def test_only_what_can_be_read_is_left(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z '.,?!-]*", normalised(text))


def test_every_word_knows_where_it_came_from() -> None:
    text = en.normalise(Traced.of("I paid $5 at 9:30."))
    start = text.text.index("five dollars")
    assert text.text == "I paid five dollars at nine thirty a.m."
    assert text.span(start, start + len("five dollars")) == (7, 9)
    assert text.span(text.text.index("nine"), len(text.text) - 1) == (13, 17)


def test_the_journal_has_rules_and_what_is_not_read() -> None:
    journal = Journal(explain=True)
    en.normalise(Traced.of("5km 你好 🍕", journal))
    assert [(applied.rule, applied.before, applied.after) for applied in journal.applied] == [
        ("en.unit", "5km", "5 kilometers"),
        ("en.number", "5", "five"),
    ]
    assert [unread.text for unread in journal.unread] == ["你好", "🍕"]


@pytest.mark.parametrize("text", ["ſr", "vſ", "ſt. John", "the İnc.", "5 Kg"])
def test_letters_that_only_look_alike_when_case_is_ignored(text: str) -> None:
    for improved in (False, True):
        en.normalise(Traced.of(text), improved=improved)
