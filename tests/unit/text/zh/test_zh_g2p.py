"""Phones of normalised Mandarin: places, forced readings, pinyin by hand, and jieba's tables."""

from __future__ import annotations

import random
import time
from importlib.util import find_spec
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.errors import MarkupError, MissingExtraError, TextError
from myna.text.frontend import Forced
from myna.text.symbols import MARKS, symbols
from myna.text.traced import Journal, Traced
from myna.text.zh import readings, tagger
from myna.text.zh.g2p import g2p, spelled
from myna.text.zh.hidden import HiddenMarkovModel
from myna.text.zh.readings import Syllable
from myna.text.zh.spelling import written

needs_zh = pytest.mark.skipif(
    not (find_spec("jieba") and find_spec("pypinyin")), reason="the extra zh is not installed"
)


def said(text: str, table: str = "v2", **how: object) -> str:
    """The reading of `text`, a syllable as its two phones put together."""
    phones = g2p(Traced.of(text), table, **how)  # type: ignore[arg-type]
    assert phones.per_char is not None
    rest = iter(phones.symbols)
    return " ".join("".join(islice(rest, count)) for count in phones.per_char)


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
def test_sandhi_inside_words(text: str, tones: str) -> None:
    finals = g2p(Traced.of(text), "v2").symbols[1::2]
    assert "".join(final[-1] for final in finals) == tones


@needs_zh
def test_erhua_is_not_for_v1() -> None:
    assert said("哪儿") == "na3 EEer3"
    assert said("哪儿", "v1") == "na3 EEer2"


@needs_zh
def test_phones_know_their_places() -> None:
    text = Traced("三到五天,好", [0, 1, 2, 3, 4, 9], [1, 2, 3, 4, 9, 10])
    phones = g2p(text, "v2")
    assert phones.per_char == [2, 2, 2, 2, 1, 2]
    assert phones.spans[-3:] == [(4, 9), (9, 10), (9, 10)]


@needs_zh
def test_an_ideograph_without_reading_is_unknown() -> None:
    journal = Journal()
    phones = g2p(Traced.of("兙好", journal), "v2")
    assert phones.symbols == ["UNK", "UNK", "h", "ao3"]
    assert [(unread.span, unread.text) for unread in journal.unread] == [((0, 1), "兙")]


# Forced readings


@needs_zh
def test_a_forced_reading_is_taken_as_it_is() -> None:
    assert said("行长", forced=[Forced(0, 2, spelled("xing2 chang2", "v2"))]) == "xing2 chang2"
    assert said("我走", forced=[Forced(1, 2, spelled("de5", "v2"))]) == "wo3 de5"


@needs_zh
def test_its_neighbours_go_by_its_tone() -> None:
    assert said("不好") == "bu4 hao3"
    assert said("不好", forced=[Forced(1, 2, spelled("hao4", "v2"))]) == "bu2 hao4"
    assert said("你好", forced=[Forced(1, 2, spelled("hao4", "v2"))]) == "ni3 hao4"
    assert said("你好", forced=[Forced(0, 1, spelled("ni3", "v2"))]) == "ni3 hao3"


@needs_zh
def test_a_forced_reading_is_of_as_many_characters() -> None:
    with pytest.raises(TextError, match="3 syllables"):
        said("你好", forced=[Forced(0, 2, spelled("ni3 hao3 ma5", "v2"))])


@pytest.mark.parametrize(
    ("notation", "phones"),
    [
        ("zhong4", ["zh", "ong4"]),
        ("zhòng", ["zh", "ong4"]),
        ("NV3", ["n", "v3"]),
        ("nü3", ["n", "v3"]),
        ("nu:3", ["n", "v3"]),
        ("nǚ", ["n", "v3"]),
        ("nu\u0308\u030c", ["n", "v3"]),
        ("lue4", ["l", "ve4"]),
        ("yu2", ["y", "v2"]),
        ("qü4", ["q", "v4"]),
        ("er2", ["EE", "er2"]),
        ("de0", ["d", "e5"]),
        ("shi4", ["sh", "ir4"]),
    ],
)
def test_pinyin_by_hand(notation: str, phones: list[str]) -> None:
    assert spelled(notation, "v2") == [phones]


def test_several_syllables() -> None:
    expected = [["x", "i1"], ["AA", "an1"]]
    assert spelled("xi1 an1", "v2") == expected
    assert spelled("xi1'an1", "v2") == spelled("xi1an1", "v2") == expected
    assert spelled("zhuō zi", "v2") == [["zh", "uo1"], ["z", "i05"]]
    assert spelled("nar3", "v2") == [["n", "a3"], ["EE", "er3"]]
    assert spelled("na3 r5", "v2") == [["n", "a3"], ["EE", "er3"]]
    assert spelled("nar3", "v1") == [["n", "a3"], ["EE", "er2"]]
    assert spelled("", "v2") == []


@pytest.mark.parametrize(
    ("notation", "position"),
    [("zhong", 0), ("ni3 hoa3", 4), ("ni3 hao6", 4), ("ni3 好", 4), ("r5", 0), ("ni3  3", 5)],
)
def test_no_pinyin(notation: str, position: int) -> None:
    with pytest.raises(MarkupError, match="pinyin") as raised:
        spelled(notation, "v2")
    assert raised.value.position == position


@given(st.text() | st.text("abeghinorzuü:v12345 ' \u0301\u0308", max_size=12))
def test_any_notation_is_read_or_refused(notation: str) -> None:
    position, found = 0, []
    try:
        found = spelled(notation, "v2")
    except MarkupError as error:
        position = error.position
    assert 0 <= position <= max(0, len(notation) - 1)
    assert {phone for pair in found for phone in pair} <= set(symbols("v2"))


@pytest.mark.parametrize(
    "syllable", ["wei4", "gui4", "ying2", "yuan2", "lve4", "zi5", "er2", "yi1"]
)
@needs_zh
def test_syllables_are_written_as_they_are_read(syllable: str) -> None:
    assert written(readings.syllable(syllable)) == syllable


def test_a_mark_is_written_as_it_is() -> None:
    assert written(Syllable(",", ",")) == ","


# Any text

_IDEOGRAPHS = [chr(code) for code in range(0x4E00, 0x9FA6)]


@needs_zh
@pytest.mark.parametrize("improved", [False, True])
def test_any_ideographs_give_phones_of_the_table(improved: bool) -> None:
    draw = random.Random(7)
    common = "一不儿上个的得地了着过还只行长重数背教和为中难倒将应调传弹分干好会都空转种大夫"
    for round_ in range(400):
        pool = common if round_ % 2 else [*_IDEOGRAPHS, *MARKS, *"一不儿上个的"]
        text = "".join(draw.choices(pool, k=draw.randint(1, 12)))
        phones = g2p(Traced.of(text), "v2", improved=improved)
        assert phones.per_char is not None
        assert len(phones.per_char) == len(text)
        assert sum(phones.per_char) == len(phones.symbols) == len(phones.spans)
        assert set(phones.symbols) <= set(symbols("v2"))
        assert phones.spans == sorted(phones.spans)


@needs_zh
@settings(deadline=None)
@given(st.text(), st.booleans())
def test_any_text_gives_phones_of_the_table(text: str, improved: bool) -> None:
    phones = g2p(Traced.of(text), "v1", improved=improved)
    assert phones.per_char is not None
    assert len(phones.per_char) == len(text)
    assert sum(phones.per_char) == len(phones.symbols) == len(phones.spans)
    assert set(phones.symbols) <= set(symbols("v1"))


@needs_zh
@pytest.mark.parametrize(
    "piece", ["一", "不", "得", "行", "数", "中国", "龘", "了得", "\ud800", "a", "一一得"]
)
def test_a_long_text_takes_a_time_in_proportion(piece: str) -> None:
    def seconds(length: int) -> float:
        """Of this process alone, at best, so that other work on the machine does not count."""
        found = []
        for _ in range(3):
            text = Traced.of(piece * (length // len(piece)))
            start = time.process_time()
            g2p(text, "v2", improved=True)
            found.append(time.process_time() - start)
        return min(found)

    seconds(100)
    assert seconds(4000) < 0.05 + 20 * max(seconds(1000), 0.02)


# jieba


@needs_zh
def test_tags_are_those_of_jieba() -> None:
    """A second way: jieba's own tagger, with its own dictionary and search."""
    import jieba.posseg

    words, _ = tagger._jieba()
    own = jieba.posseg.POSTokenizer(words)
    draw = random.Random(3)
    texts = [
        "他来到了网易杭研大厦",
        "犇羴鱻龘这些字",
        "习惯了和解晓东一起",
        "小明硕士毕业于中国科学院",
    ]
    texts += ["".join(draw.choices(_IDEOGRAPHS, k=6)) for _ in range(20)]
    for text in texts:
        assert [tuple(token) for token in tagger.tokens(text)] == [
            (pair.word, pair.flag) for pair in own.cut(text)
        ]


@needs_zh
def test_the_dictionary_is_that_of_jieba() -> None:
    import jieba

    words, _ = tagger._jieba()
    own = jieba.Tokenizer()
    assert own.gen_pfdict(own.get_dict_file()) == (words.FREQ, words.total)


@needs_zh
def test_likeliest_states_are_those_of_jieba() -> None:
    from jieba import posseg
    from jieba.posseg.viterbi import viterbi

    model = HiddenMarkovModel(posseg)
    seen = sorted(posseg.char_state_tab_P)
    draw = random.Random(5)
    for round_ in range(60):
        pool = seen if round_ % 6 else _IDEOGRAPHS
        text = "".join(draw.choices(pool, k=draw.randint(1, 5)))
        _, states = viterbi(
            text, posseg.char_state_tab_P, posseg.start_P, posseg.trans_P, posseg.emit_P
        )
        assert model.states(text) == states
    assert model.states("") == []


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pypinyin", None)
    readings._pypinyin.cache_clear()
    with pytest.raises(MissingExtraError, match=r"myna\[zh\]"):
        readings.syllables("兙兡兣")
    readings._pypinyin.cache_clear()
