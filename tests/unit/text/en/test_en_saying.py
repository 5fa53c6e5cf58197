"""What is not a word, said in the way the caller wants."""

import pytest

from myna.errors import TextError
from myna.text import en
from myna.text.frontend import SayAs
from myna.text.traced import Traced


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("characters", "B4-x", "B four dash X"),
        ("characters", "NASA", "N A S A"),
        ("characters", "é", "E"),
        ("digits", "12-304", "one two three zero four"),
        ("cardinal", "1,234", "one thousand two hundred thirty four"),
        ("cardinal", "-5.5 points", "minus five point five points"),
        ("ordinal", "3", "third"),
        ("ordinal", "21st", "twenty first"),
        ("telephone", "(555) 123-4567", "five five five, one two three, four five six seven"),
        ("telephone", "call 911 now", "call nine one one now"),
        ("date", "2024-05-01", "May first, twenty twenty four"),
        ("date", "12/25/2023", "December twenty fifth, twenty twenty three"),
        ("date", "1999", "nineteen ninety nine"),
    ],
)
@pytest.mark.parametrize("improved", [False, True])
def test_said(kind: SayAs, text: str, expected: str, improved: bool) -> None:
    said = en.say_as(Traced.of(text), kind)
    assert said.text == expected
    assert en.normalise(said, improved=improved).text == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("digits", "abc"),
        ("cardinal", ""),
        ("date", "soon"),
        ("characters", "你好"),
        ("ordinal", "x"),
    ],
)
def test_what_cannot_be_said(kind: SayAs, text: str) -> None:
    with pytest.raises(TextError, match="cannot be said"):
        en.say_as(Traced.of(text), kind)
