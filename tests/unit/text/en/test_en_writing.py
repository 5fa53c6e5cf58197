"""Writing out as a native reads."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.text import en
from myna.text.traced import Journal, Traced


def written(text: str) -> str:
    return en.normalise(Traced.of(text), improved=True).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # marks
        ("We’ll see “it”.", "We'll see it."),
        ("Hello，world。How are you？", "Hello, world. How are you?"),
        ("Wait… what—no way; yes: so", "Wait. what, no way, yes, so"),
        ("cats 🐱!", "cats!"),
        ("the cats' tails said 'hello'", "the cats tails said hello"),
        ("the end (or so) came", "the end, or so, came"),
        ("one\ntwo.\nthree", "one, two. three"),
        # ranges and telephone numbers
        ("3-5 days", "three to five days"),
        ("in 2019-2023", "in twenty nineteen to twenty twenty three"),
        ("pages 10–12", "pages ten to twelve"),
        ("call 555-1234", "call five five five, one two three four"),
        (
            "+1 (555) 123-4567",
            "plus one, five five five, one two three, four five six seven",
        ),
        ("dial 911", "dial nine one one"),
        # numbers
        (".25 or 3.14", "point two five or three point one four"),
        ("version 2.0.1", "version two point zero point one"),
        ("192.168.0.1", "one ninety two dot one sixty eight dot zero dot one"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("thirty-two of the 22nd", "thirty two of the twenty second"),
        ("3 1/2 or 3/4", "three and a half or three quarters"),
        ("5+3=8", "five plus three equals eight"),
        ("-5 degrees", "minus five degrees"),
        ("007", "zero zero seven"),
        ("the 1980s and '90s", "the nineteen eighties and nineties"),
        # dates and times
        ("on 12/25/2023", "on December twenty fifth, twenty twenty three"),
        ("2024-05-01", "May first, twenty twenty four"),
        ("Dec. 25th and May 5", "December twenty fifth and May fifth"),
        ("at 5pm", "at five P M"),
        ("10:30 a.m. today", "ten thirty A M today"),
        ("10:30-11:45", "ten thirty to eleven forty five"),
        # money
        ("$2.5 million", "two point five million dollars"),
        ("€50, ¥1, £7.14", "fifty euros, one yen, seven pounds and fourteen pence"),
        ("5 USD", "five U S dollars"),
        (
            "$1,299.99",
            "one thousand two hundred ninety nine dollars and ninety nine cents",
        ),
        ("a $5 bill", "a five dollar bill"),
        # units
        ("5mm, 1 km, 2 kg", "five millimeters, one kilometer, two kilograms"),
        ("60km/h at 20°C", "sixty kilometers per hour at twenty degrees celsius"),
        ("16GB and 15%", "sixteen gigabytes and fifteen percent"),
        ("9.8 m/s²", "nine point eight meters per second squared"),
        ("5 in a row", "five in a row"),
        # names of things
        ("Chapter IV of World War II", "Chapter four of World War two"),
        ("Henry VIII", "Henry the eighth"),
        ("John Lennon and Louis Vuitton", "John Lennon and Louis Vuitton"),
        ("The part Clara played", "The part Clara played"),
        ("Mark LC and Class C", "Mark L C and Class C"),
        ("John C and Louis XVI", "John C and Louis the sixteenth"),
        ("Room 101", "Room one oh one"),
        ("No. 5 and #1", "number five and number one"),
        ("COVID-19 and MP3", "COVID nineteen and M P three"),
        # abbreviations
        ("Dr. Brown of Main St.", "Doctor Brown of Main Street."),
        ("Mulholland Dr. is long", "Mulholland Drive is long"),
        ("near St. John's", "near Saint John's"),
        ("the U.S. army, e.g. this", "the U S army, for example this"),
        ("at 5 p.m. in D.C.", "at five P M in D C."),
        # capitals
        ("NASA and the FBI", "NASA and the F B I"),
        ("WAIT, don't GO", "WAIT, don't GO"),
        ("LLMs, a CEO's", "L L M's, a C E O's"),
        ("parseHTTPServer in snake_case", "parse H T T P Server in snake case"),
        ("McDonald's", "Mcdonald's"),
        # addresses and signs
        ("john.doe@example.com", "john dot doe at example dot com"),
        (
            "https://www.example.com/path?q=1.",
            "H T T P S colon slash slash W W W dot example dot com slash path question mark Q "
            "equals one.",
        ),
        ("/usr/local/bin", "slash U S R slash local slash bin"),
        ("report.pdf", "report dot P D F"),
        ("#SpaceWeek @nasa", "hashtag Space Week at nasa"),
        ("R&D in C++", "R and D in C plus plus"),
    ],
)
def test_written_out(text: str, expected: str) -> None:
    assert written(text) == expected


def test_a_year_is_no_count() -> None:
    assert written("in 1984") == "in nineteen eighty four"
    assert "one thousand nine hundred eighty four people" in written("There are 1984 people.")


def test_a_point_stays_where_the_sentence_ends() -> None:
    assert written("He left at 5 p.m. She stayed.") == "He left at five P M. She stayed."
    assert written("It is Apple Inc. The rest") == "It is Apple Incorporated. The rest"


def test_plain_text_is_left_alone() -> None:
    text = "the quick brown fox doesn't jump, does it?"
    assert written(text) == text


def test_rules_are_named_and_places_kept() -> None:
    journal = Journal(explain=True)
    text = en.normalise(Traced.of("It was 3-5 days.", journal), improved=True)
    assert [(one.rule, one.span, one.after) for one in journal.applied] == [
        ("en.range", (7, 10), "three to five")
    ]
    start = text.text.index("three")
    assert text.span(start, start + len("three to five")) == (7, 10)
    assert text.span(text.text.index("days"), len(text.text)) == (11, 16)


_PIECES = (
    "$ 5 1,000 . 3/4 - – km/h °C a.m. Mr. St. IV Chapter https://a.b/c a@b.co #x @y ' \" ( ) "
    "NASA LLMs iPhone C++ = x + 2024-05-01 10:30 May 5th 1980s ½ ① é 你好 🍕 … — % & £2bn No. ~ | "
    "* _ \\ / <b> &amp; -5 0 1st 10x10 v1.2 US$"
)
PIECES = _PIECES.split()


@given(st.lists(st.sampled_from([*PIECES, " ", " ", "\n"]) | st.text(max_size=3)).map("".join))
def test_any_text_becomes_words(text: str) -> None:
    found = en.normalise(Traced.of(text), improved=True)
    assert re.fullmatch(r"[A-Za-z '.,?!-]*", found.text)
    spans = en.g2p(found, "v2", improved=True).spans
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    assert [end for _, end in spans] == sorted(end for _, end in spans)
    assert all(0 <= start <= end <= len(text) for start, end in spans)


@pytest.mark.parametrize("word", ["Iris", "Vera", "Xavier", "Lennon", "Clara", "Civil", "Mix"])
def test_words_that_begin_like_roman_numbers(word: str) -> None:
    for before in ["John", "Louis", "Mark", "Part", "chapter", "Class", "Figure", "book"]:
        assert written(f"{before} {word} is") == f"{before} {word} is"


@pytest.mark.parametrize(
    "piece", ["a", "1", " ", "A.", "1,", "1-", "' ", "a/", "$1", "(a", "1/2 ", "\n", "½", "a@", "-"]
)
def test_long_input_takes_no_long_time(piece: str) -> None:
    times = []
    for length in (2_000, 8_000):
        text = piece * (length // len(piece))
        start = time.perf_counter()
        written(text)
        times.append(time.perf_counter() - start)
    assert times[1] < 12 * times[0] + 0.2
