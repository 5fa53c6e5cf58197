"""Words to phones."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import MissingExtraError
from myna.text import en
from myna.text.en import dictionary, lexicon, lookup, native, neural, sounding, splitting
from myna.text.en.arpabet import CONSONANTS, STRESSES, VOWELS
from myna.text.en.tokens import tokens
from myna.text.frontend import Forced
from myna.text.symbols import symbols
from myna.text.traced import Journal, Traced


def phones(text: str, *, improved: bool = False) -> str:
    return " ".join(en.g2p(Traced.of(text), "v2", improved=improved).symbols)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither word counts nor weights."""

    def missing(module: str, *, extra: str, feature: str) -> None:
        raise MissingExtraError(f"{feature} needs {module}: {extra}")

    caches = (
        splitting._counts,
        splitting.split,
        neural._network,
        neural.predicted,
        lookup.read,
        native.read,
    )
    monkeypatch.setattr(splitting, "require", missing)
    monkeypatch.setattr(neural, "_weights_path", lambda: None)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def test_tokens() -> None:
    text = Traced.of("Don't e-mail p.m., 'so'")
    found = tokens(text)
    assert [token.text for token in found] == [
        *("Don't", "e-mail", "p", ".", "m", ".", ",", "'", "so", "'"),
    ]
    assert [token.span for token in found[:3]] == [(0, 5), (6, 12), (13, 14)]


def test_readings() -> None:
    assert phones("A cat") == "EY1 K AE1 T"
    assert phones("a cat") == "AH0 K AE1 T"
    assert phones("Chris's") == "K R IH1 S AH0 Z"
    assert phones("ai") == "EY1 AY1"
    assert phones("'so'") == "- S OW1 -"
    assert dictionary.pronunciation("aaditya") is None
    assert phones("Aaditya") == "AA0 D IY1 T Y AH0"


def test_every_phone_has_the_place_of_its_word() -> None:
    text = en.normalise(Traced.of("$5 café!"))
    found = en.g2p(text, "v2")
    places = dict.fromkeys(zip(found.spans, found.symbols, strict=True))
    assert [span for span, _ in places][:3] == [(0, 2), (0, 2), (0, 2)]
    assert ((3, 7), "K") in places
    assert found.symbols[-1] == "!"
    assert found.spans[-1] == (7, 8)
    assert found.per_char is None


def test_forced_readings_are_taken_as_they_are() -> None:
    text = Traced.of("a 你好 cat")
    found = en.g2p(text, "v2", forced=[Forced(2, 4, [["N", "IY1"], ["HH", "AW1"]])])
    assert found.symbols == ["AH0", "N", "IY1", "HH", "AW1", "K", "AE1", "T"]
    assert found.spans[1:5] == [(2, 4)] * 4


def test_without_packages_words_are_put_together_or_sounded_out(nothing_installed: None) -> None:
    journal = Journal(explain=True)
    assert phones("sunflowergarden") == phones("sunflower garden")
    found = en.g2p(Traced.of("the blorf", journal), "v2")
    assert found.symbols == ["DH", "AH0", "B", "L", "AO1", "R", "F"]
    assert [(one.rule, one.span, one.after) for one in journal.applied] == [
        ("en.unknown_word", (4, 9), "B L AO1 R F")
    ]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("glimmation", "G L IH0 M EY1 SH AH0 N"),
        ("bracket", "B R AE1 K AH0 T"),
        ("fline", "F L AY1 N"),
        ("phote", "F OW1 T"),
        ("knibble", "N IH1 B AH0 L"),
        ("", ""),
    ],
)
def test_sounded_out(word: str, expected: str) -> None:
    assert " ".join(sounding.sounded(word)) == expected


@given(st.text("abcdefghijklmnopqrstuvwxyz'", max_size=80))
def test_sounding_out_gives_phones_of_english(word: str) -> None:
    known = {*CONSONANTS, *(vowel + stress for vowel in VOWELS for stress in STRESSES)}
    assert set(sounding.sounded(word)) <= known


# As a native


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A cat", "AH0 K AE1 T"),
        ("plan A.", "P L AE1 N EY1 ."),
        ("the A I", "DH AH0 EY1 AY1"),
        ("L L M's", "EH1 L EH1 L EH1 M Z"),
        ("T-shirt", "T IY1 SH ER2 T"),
        ("unfriended", "AH0 N F R EH1 N D AH0 D"),
        ("googled", "G UW1 G AH0 L D"),
        ("vlogs", "V L AA1 G Z"),
        ("well-knownness", "W EH1 L N OW1 N N AH0 S"),
        ("you'd've", "Y UW1 D AH0 V"),
        ("brb", "B IY1 AA1 R B IY1"),
        ("so 'called'", "S OW1 K AO1 L D"),
        ("JSON", "JH EY1 S AH0 N"),
        ("e-book", "IY1 B UH1 K"),
    ],
)
def test_read_as_a_native_does(text: str, expected: str) -> None:
    assert phones(text, improved=True) == expected


def test_a_guess_is_noted(nothing_installed: None) -> None:
    journal = Journal(explain=True)
    en.g2p(Traced.of("blorf", journal), "v2", improved=True)
    assert [one.rule for one in journal.applied] == ["en.unknown_word"]


@given(st.text(st.sampled_from("abcdexyzABQ'-.,?! "), max_size=60), st.booleans())
def test_any_letters_give_phones_of_the_table(text: str, improved: bool) -> None:
    found = en.g2p(Traced.of(text), "v1", improved=improved)
    assert set(found.symbols) <= set(symbols("v1"))
    assert len(found.spans) == len(found.symbols)
    assert found.spans == sorted(found.spans)


def test_the_dictionaries_are_phones_of_the_table() -> None:
    known = {*symbols("v1"), "UW"}
    entries = dictionary.words()
    assert len(entries) > 120_000
    assert not {phone for phones in entries.values() for phone in phones.split()} - known
    own = lexicon._words()
    assert not {phone for phones in own.values() for phone in phones.split()} - set(symbols("v1"))
