"""What is heard and what is written are compared as words, whatever way they are written."""

from __future__ import annotations

import pytest

from myna.evaluation.words import word_errors, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It's 25 dollars.", "it is twenty-five dollars"),
        ("He can't; they won't.", "HE CANNOT, they will not"),
        ("I’m sure you’d say they’ve gone", "I am sure you would say they have gone"),
        ("one hundred and five", "105"),
        ("a hundred", "100"),
        ("a thousand and one nights", "1001 nights"),
        ("Dr. Smith isn’t OK", "Doctor Smith is not okay"),
        ("at three o'clock", "at 3 o'clock"),
        ("at 3:00 p.m.", "at three PM"),
        ("quarter past six", "quarter past 6"),
        ("the U.S. Navy", "the US navy"),
        ("rose by 3%", "rose by three percent"),
        ("in 1850", "in eighteen fifty"),
        ("the 1st of January", "the first of january"),
        ("a naïve café", "a naive cafe"),
        ("the dog's tail", "the dogs' tail"),
        ("Let's go - now!", "let us go now"),
    ],
)
def test_ways_of_writing_are_the_same(one: str, other: str) -> None:
    assert words_of(one) == words_of(other) or not word_errors(words_of(one), words_of(other))


@pytest.mark.parametrize(
    ("heard", "meant", "errors"),
    [
        ("", "not a word of it", 5),
        ("and something said", "", 3),
        ("", "", 0),
        ("the cat sat", "the cat sat", 0),
        ("the bat sat", "the cat sat", 1),
        ("the sat", "the cat sat", 1),
        ("the the cat sat", "the cat sat", 1),
        ("mailbox", "mail box", 0),
        ("per cent", "percent", 0),
        ("over the mail box there", "over the mailbox there", 0),
        ("mail fox", "mailbox", 2),
        ("salt and pepper", "salt pepper", 1),
    ],
)
def test_errors_are_counted(heard: str, meant: str, errors: int) -> None:
    assert word_errors(words_of(heard), words_of(meant)) == errors


def test_neither_side_counts_more() -> None:
    one, other = words_of("he put it in the mail box"), words_of("she put in a mailbox today")
    assert word_errors(one, other) == word_errors(other, one)


def test_and_between_words_stays() -> None:
    assert words_of("ten and five") == ("ten", "and", "five")
    assert words_of("a day") == ("a", "day")
