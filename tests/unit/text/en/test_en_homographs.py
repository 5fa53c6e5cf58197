"""Words with two readings."""

import pytest

from myna.text import en
from myna.text.en import homographs, readings
from myna.text.en.roles import role
from myna.text.symbols import symbols
from myna.text.traced import Journal, Traced


def test_the_published_choice_is_by_part_of_speech() -> None:
    written = ["Please", "record", "a", "new", "record"]
    words = [word.lower() for word in written]
    assert homographs.reading(written, words, 1) == ["R", "IH0", "K", "AO1", "R", "D"]
    assert homographs.reading(written, words, 4) == ["R", "EH1", "K", "ER0", "D"]
    assert homographs.reading(["I", "read"], ["i", "read"], 1) == ["R", "IY1", "D"]
    assert homographs.reading(["cat"], ["cat"], 0) is None
    assert homographs.reading(["Use", "it"], ["use", "it"], 0) == ["Y", "UW1", "S"]


@pytest.mark.parametrize(
    ("sentence", "word", "expected"),
    [
        ("they record it", "record", "verb"),
        ("the record fell", "record", "noun"),
        ("she often uses it", "uses", "verb"),
        ("its many uses are known", "uses", "noun"),
        ("did he use it", "use", "verb"),
        ("it is close", "close", "adjective"),
        ("students object to it", "object", "verb"),
        ("have you read it", "read", "participle"),
        ("he read it", "read", "past"),
        ("let me present it", "present", "verb"),
    ],
)
def test_role(sentence: str, word: str, expected: str) -> None:
    words = sentence.split()
    assert role(words, words.index(word)) == expected


@pytest.mark.parametrize(
    ("sentence", "word", "expected"),
    [
        ("A cold wind swept the plain.", "wind", "W IH1 N D"),
        ("Rivers wind through the hills.", "wind", "W AY1 N D"),
        ("This could lead to problems.", "lead", "L IY1 D"),
        ("The paint contained lead and mercury.", "lead", "L EH1 D"),
        ("They live in a flat.", "live", "L IH1 V"),
        ("It was shown live on screen.", "live", "L AY1 V"),
        ("Cats have nine lives.", "lives", "L AY1 V Z"),
        ("My aunt lives in Rome.", "lives", "L IH1 V Z"),
        ("A tear ran down his face.", "tear", "T IH1 R"),
        ("Tear up the letter.", "Tear", "T EH1 R"),
        ("He tuned his bass guitar.", "bass", "B EY1 S"),
        ("They fried the bass they caught.", "bass", "B AE1 S"),
        ("I read it last week.", "read", "R EH1 D"),
        ("We read every evening.", "read", "R IY1 D"),
        ("She bought Polish sausage.", "Polish", "P OW1 L IH0 SH"),
        ("Polish your shoes.", "Polish", "P AA1 L IH0 SH"),
        ("The changes were minute.", "minute", "M AY0 N UW1 T"),
        ("It lasts a minute.", "minute", "M AH1 N AH0 T"),
        ("He dove into the lake.", "dove", "D OW1 V"),
        ("The rebel fled.", "rebel", "R EH1 B AH0 L"),
        ("A strange object fell.", "object", "AA1 B JH EH0 K T"),
    ],
)
def test_a_native_chooses_by_context(sentence: str, word: str, expected: str) -> None:
    found = en.g2p(Traced.of(sentence), "v2", improved=True)
    start = sentence.index(word)
    said = [p for p, span in zip(found.symbols, found.spans, strict=True) if span[0] == start]
    assert " ".join(said) == expected


def test_a_choice_is_noted() -> None:
    journal = Journal(explain=True)
    en.g2p(Traced.of("to wind it", journal), "v2", improved=True)
    assert [(one.rule, one.before, one.after) for one in journal.applied] == [
        ("en.homograph.wind", "W IH1 N D", "W AY1 N D")
    ]


def test_every_word_has_a_last_row_without_conditions() -> None:
    known = set(symbols("v1"))
    for word, rows in readings._table().items():
        assert not rows[-1].holds or word == "bowed", word
        assert {phone for row in rows for phone in row.phones} <= known, word
