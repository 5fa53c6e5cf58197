from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import MarkupError, TextError
from myna.text import ko
from myna.text.frontend import SayAs
from myna.text.ko import tagger
from myna.text.symbols import symbols
from myna.text.traced import Traced

_KOREAN = st.text(
    alphabet="가각값넓한의을할 것수시개1234567890,.~-:/%$+=km역일육열십여이히ㅋㅏ\n漢A'"
)
_TEXTS = st.text(max_size=40) | _KOREAN


def _check(text: str, improved: bool) -> None:
    normalised = ko.normalise(Traced.of(text), improved=improved)
    phones = ko.g2p(normalised, "v2", improved=improved)
    assert set(phones.symbols) <= set(symbols("v2"))
    assert len(phones.spans) == len(phones.symbols)
    for (start, end), (next_start, next_end) in pairwise([(0, 0), *phones.spans]):
        assert start <= next_start <= next_end <= len(text)
        assert end <= next_end


@given(_TEXTS, st.booleans())
def test_any_text_is_read(text: str, improved: bool) -> None:
    _check(text, improved)


@given(_TEXTS, st.booleans())
def test_any_text_is_read_without_a_tagger(text: str, improved: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tagger, "_mecab", lambda: None)
        _check(text, improved)


@given(_TEXTS)
def test_any_notation_is_read_or_refused(notation: str) -> None:
    try:
        syllables = ko.spelled(notation, "v2")
    except MarkupError:
        return
    assert {phone for syllable in syllables for phone in syllable} <= set(symbols("v2"))


@given(
    _TEXTS, st.sampled_from(("characters", "digits", "cardinal", "ordinal", "telephone", "date"))
)
def test_any_text_is_said_or_refused(text: str, kind: SayAs) -> None:
    try:
        said = ko.say_as(Traced.of(text), kind)
    except TextError:
        return
    assert ko.normalise(said, improved=True).text == said.text


@pytest.mark.parametrize(
    "piece", ["1+", "1-", "1,", ", ", "할 것 ", "1시", "a.", "부산역", "\n", "漢"]
)
def test_long_texts_are_read(piece: str) -> None:
    _check(piece * (2000 // len(piece)), improved=True)
