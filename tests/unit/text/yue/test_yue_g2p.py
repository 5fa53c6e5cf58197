import sys
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.errors import MarkupError, MissingExtraError
from myna.text import yue
from myna.text.frontend import Forced
from myna.text.symbols import UNKNOWN, symbols
from myna.text.traced import Journal, Traced
from myna.text.yue import readings
from myna.text.yue.jyutping import divided, nearest

needs_yue = pytest.mark.skipif(not find_spec("ToJyutping"), reason="the extra yue is not installed")

_INITIALS = " b p m f d t n l g k ng gw kw w h z c s j"
_RIMES = (
    "aa aai aau aam aan aang aap aat aak ai au am an ang ap at ak e ei eu em en eng ep et ek i iu "
    "im in ing ip it ik o oi ou on ong ot ok u ui un ung ut uk oe oeng oet oek eoi eon eot yu yun "
    "yut a m ng"
)


@pytest.mark.parametrize(
    ("syllable", "phones"),
    [
        ("ngo5", ("Yng", "Yo5")),
        ("aa3", ("Yaa", "Ya3")),
        ("ai2", ("Yai", "Yi2")),
        ("aap3", ("Yaa", "Yp3")),
        ("uk1", ("Yuk", "Yk1")),
        ("ng5", ("Yng", "Yg5")),
        ("m4", ("Ym", "Ym4")),
        ("seoi2", ("Ys", "Yeoi2")),
        ("ngaa4", ("Yng", "Yaa4")),
        ("gwong2", ("Ygw", "Yong2")),
    ],
)
def test_a_syllable_is_divided_as_the_voices_were_trained(
    syllable: str, phones: tuple[str, str]
) -> None:
    assert divided(syllable) == phones


def test_the_nearest_rime_serves_where_the_table_lacks_one() -> None:
    assert UNKNOWN in divided("deu6")
    assert nearest("deu6") == divided("diu6")
    assert nearest("ang1") == divided("ngang1")
    assert nearest("hng6") == divided("ng6")


def test_every_cantonese_symbol_is_in_some_syllable_and_no_other_is() -> None:
    syllables = [
        f"{i}{r}{t}" for i in _INITIALS.split(" ") for r in _RIMES.split() for t in "123456"
    ]
    said = {phone for syllable in syllables for phone in nearest(syllable) or ()}
    assert said == {phone for phone in symbols("v2") if phone.startswith("Y") and len(phone) > 1}
    assert len(said) == 379


def test_spelled() -> None:
    assert yue.spelled("gwong2 dung1 waa2", "v2") == [
        [*divided("gwong2")],
        [*divided("dung1")],
        [*divided("waa2")],
    ]
    assert yue.spelled(" Nei5hou2\n", "v2") == yue.spelled("nei5 hou2", "v2")


@pytest.mark.parametrize(
    ("notation", "position"),
    [("", 0), ("gwong", 0), ("nei5 hou", 5), ("nei5 hou7", 5), ("nei5, hou2", 4), ("zhong1", 0)],
)
def test_what_is_no_jyutping_is_an_error_at_its_place(notation: str, position: int) -> None:
    with pytest.raises(MarkupError, match="jyutping") as caught:
        yue.spelled(notation, "v2")
    assert caught.value.position == position


def _jyutping(text: str, *, improved: bool = True) -> str:
    if improved:
        return " ".join(each or "-" for each in readings.corrected(Traced.of(text)))
    return " ".join(each or "-" for each in readings.readings(text))


@needs_yue
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("壞咗", "waai6 zo2"),
        ("坏咗", "waai6 zo2"),
        ("几多钱", "gei2 do1 cin2"),
        ("一只猫", "jat1 zek3 maau1"),
        ("茶几", "caa4 gei1"),
        ("㗎𡃁𨋢", "gaa3 leng1 lip1"),
        ("返屋企", "faan1 uk1 kei2"),
        ("往返", "wong5 faan2"),
        ("銀行行長", "ngan4 hong4 hong4 zoeng2"),
        ("好學校", "hou2 hok6 haau6"),
        ("好近", "hou2 kan5"),
        ("最近", "zeoi3 gan6"),
        ("坐船", "co5 syun4"),
        ("座位", "zo6 wai2"),
        ("試下", "si3 haa5"),
        ("樓下", "lau4 haa6"),
        ("愛上", "oi3 soeng5"),
        ("晚上", "maan5 soeng6"),
        ("集中咗", "zaap6 zung1 zo2"),
        ("中咗獎", "zung3 zo2 zoeng2"),
        ("嗰間中心", "go2 gaan1 zung1 sam1"),
        ("時間", "si4 gaan3"),
        ("唔應", "m4 jing3"),
        ("唔應該", "m4 jing1 goi1"),
        ("三分之一", "saam1 fan6 zi1 jat1"),
        ("任先生", "jam4 sin1 saang1"),
        ("主任", "zyu2 jam6"),
        ("個女", "go3 neoi2"),
        ("個女仔", "go3 neoi5 zai2"),
    ],
)
def test_characters_are_read_by_what_is_around_them(text: str, expected: str) -> None:
    assert _jyutping(text) == expected


@needs_yue
def test_a_corrected_reading_is_noted() -> None:
    journal = Journal(explain=True)
    readings.corrected(Traced.of("好近", journal))
    assert [(*each,) for each in journal.applied] == [("yue.polyphone.近", (1, 2), "gan6", "kan5")]


def test_corrections_are_jyutping() -> None:
    said = [said for words in readings._words().values() for _, said in words]
    said += [said for contexts in readings._contexts().values() for said, _ in contexts]
    assert all(nearest(syllable) for syllables in said for syllable in syllables)


@needs_yue
def test_a_character_without_reading_is_unknown_and_noted() -> None:
    for improved in (False, True):
        journal = Journal()
        phones = yue.g2p(Traced.of("𫽋好", journal), "v2", improved=improved)
        assert phones.symbols == [UNKNOWN, UNKNOWN, "Yh", "You2"]
        assert phones.per_char == [2, 2]
        assert [each.span for each in journal.unread] == [(0, 1)]


@needs_yue
def test_a_unit_of_two_syllables_has_four_phones() -> None:
    assert yue.g2p(Traced.of("卅"), "v2", improved=True).per_char == [4]
    assert yue.g2p(Traced.of("卅"), "v2").symbols == ["Ys", UNKNOWN]


@needs_yue
def test_a_forced_reading_goes_before_the_dictionary() -> None:
    text = Traced.of("佢行得通.")
    forced = [Forced(1, 2, yue.spelled("hong4", "v2"))]
    phones = yue.g2p(text, "v2", improved=True, forced=forced)
    assert phones.symbols[2:4] == [*divided("hong4")]
    assert phones.per_char == [2, 2, 2, 2, 1]
    assert phones.spans[2:4] == [(1, 2), (1, 2)]


@needs_yue
@settings(deadline=None)
@given(
    st.text() | st.text(alphabet="0123.,:-/%$年月日個至好重中上下間返數吓㗎𠺢廿卅々～（）"),
    st.booleans(),
)
def test_any_text_gives_phones_of_the_table(source: str, improved: bool) -> None:
    text = yue.normalise(Traced.of(source), improved=improved)
    phones = yue.g2p(text, "v2", improved=improved)
    assert set(phones.symbols) <= set(symbols("v2"))
    assert phones.per_char is not None
    assert len(phones.per_char) == len(text)
    assert sum(phones.per_char) == len(phones.symbols) == len(phones.spans)
    starts, ends = [start for start, _ in phones.spans], [end for _, end in phones.spans]
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= start <= end <= len(source) for start, end in phones.spans)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ToJyutping", None)
    readings._tojyutping.cache_clear()
    with pytest.raises(MissingExtraError, match=r"myna\[yue\]"):
        yue.g2p(Traced.of("好"), "v2")
    readings._tojyutping.cache_clear()
