"""Phones, accents and places of Japanese sentences."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.text import ja
from myna.text.frontend import Forced, Phones
from myna.text.traced import Journal, Traced

pytest.importorskip("jpreprocess", reason="the extra ja is not installed")


def phones(text: str, table: str = "v2", *, improved: bool = False) -> str:
    read = ja.normalise(Traced.of(text), improved=improved)
    return " ".join(ja.g2p(read, table, improved=improved).symbols)


def test_accents_are_marked_where_the_pitch_moves() -> None:
    assert phones("箸と橋。") == "h a ] sh i t o # h a [ sh i ."


def test_voices_of_v1_have_whispered_vowels_and_no_marks() -> None:
    assert phones("好きです。", "v1") == "s U k i d e s U ."
    assert ja.g2p(Traced.of("好き"), "v1", prosody=True).symbols == ["s", "u", "[", "k", "i"]


def test_what_is_no_letter_is_a_phone_of_its_own() -> None:
    assert phones("「はい」、50%！") == "「 h a ] i 」 , g o ] j u u % !"


def test_two_ideographs_nobody_knows_are_one_pause() -> None:
    assert phones("髙橋") == ""
    assert phones("髙橋", "v1") == "UNK"


def test_a_long_vowel_needs_one_before_it() -> None:
    assert phones("ー") == ""
    assert phones("あー") == "a ] a"


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("円周率は3.14です", "s a [ N t e N # i [ ch i y o ] N"),
        ("090-1234-5678", "n o # i [ ch i ] n i i # s a ] N y o N n o # g o ] o # r o [ k u #"),
        ("高い山、辛いカレー", "y a [ m a , k a [ r a ] i # k a [ r e e"),
        ("「猫」と「犬」", "n e ] k o # t o # i [ n u"),
    ],
)
def test_improved_reads_as_a_native_does(text: str, piece: str) -> None:
    assert piece in phones(text, improved=True)


def test_each_mora_knows_its_characters() -> None:
    read = Traced.of("駅で食べる。")
    found = ja.g2p(read, "v2")
    places: dict[tuple[int, int], str] = {}
    for symbol, span in zip(found.symbols, found.spans, strict=True):
        places[span] = places.get(span, "") + symbol
    assert places == {
        (0, 1): "e]ki",
        (1, 2): "de#",
        (2, 3): "ta[",
        (3, 4): "be]",
        (4, 5): "ru",
        (5, 6): ".",
    }


def test_a_number_has_one_place() -> None:
    found = ja.g2p(Traced.of("本を120冊"), "v2")
    assert sorted(set(found.spans)) == [(0, 1), (1, 2), (2, 5), (5, 6)]


def test_a_forced_reading_is_taken_as_it_is() -> None:
    text = Traced.of("この橋が")
    found = ja.g2p(text, "v2", forced=[Forced(2, 3, ja.spelled("は]し", "v2"))])
    assert " ".join(found.symbols) == "k o [ n o h a ] sh i g a"
    assert found.spans[5:10] == [(2, 3)] * 5
    plain = ja.g2p(text, "v2", prosody=False, forced=[Forced(2, 3, ja.spelled("は]し", "v2"))])
    assert " ".join(plain.symbols) == "k o n o h a sh i g a"


def test_what_is_not_spoken_is_reported() -> None:
    journal = Journal()
    ja.g2p(Traced.of("♪歌、髙橋・邊", journal), "v2")
    assert [unread.text for unread in journal.unread] == ["♪", "髙橋", "邊"]


JAPANESE = st.text(
    alphabet="あいうかがっんーぁアイヶヵ々髙邊人一十百〇0１2.,-〜~/:%￥$「」、。！ \nabＡｱｶﾞ😀",
    max_size=30,
)


@given(st.one_of(st.text(max_size=30), JAPANESE), st.sampled_from(["v1", "v2"]), st.booleans())
@settings(deadline=None)
def test_any_text_is_read_and_places_go_forward(text: str, table: str, improved: bool) -> None:
    read = ja.normalise(Traced.of(text), improved=improved)
    found: Phones = ja.g2p(read, table, improved=improved)
    assert len(found.symbols) == len(found.spans)
    assert all(found.symbols)
    before = (0, 0)
    for start, end in found.spans:
        assert before[0] <= start <= end <= len(text)
        assert before[1] <= end
        before = (start, end)
