from importlib.util import find_spec
from itertools import pairwise

import pytest

from myna.text import ko
from myna.text.frontend import Forced
from myna.text.ko import tagger
from myna.text.symbols import MARKS
from myna.text.traced import Journal, Traced

needs_tagger = pytest.mark.skipif(not find_spec("mecab"), reason="the extra ko is not installed")


@pytest.fixture
def without_tagger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger, "_mecab", lambda: None)


def _phones(text: str, *, improved: bool = False) -> str:
    normalised = ko.normalise(Traced.of(text), improved=improved)
    return "".join(ko.g2p(normalised, "v2", improved=improved).symbols)


def _sounds(hangul: str, *, closed: bool = True) -> str:
    """The phones of hangul as it sounds, with the closing mark of the published reader."""
    words = hangul.split(" ")
    spelled = ("".join(p for syllable in ko.spelled(w, "v2") for p in syllable) for w in words)
    return "空".join(spelled) + "." * closed


@pytest.mark.parametrize(
    ("written", "sounds"),
    [
        ("국물", "궁물"),
        ("옷이", "오시"),
        ("값이", "갑씨"),
        ("좋아", "조아"),
        ("축하", "추카"),
        ("같이", "가치"),
        ("신라", "실라"),
        ("십 년", "심 년"),
        ("꽃 한 송이", "꼬 탄 송이"),
        ("가져", "가저"),
        ("무늬", "무니"),
        ("꽃잎", "꼰닙"),
        ("할수록", "할쑤록"),
        ("1개", "한개"),
        ("20개", "스무개"),
        ("25년", "이시보년"),
        ("25", "이오"),
        ("12시 2시", "열두시 두시"),
        ("b", "비"),
    ],
)
def test_compatible_rules(written: str, sounds: str) -> None:
    assert _phones(written) == _sounds(sounds)


@pytest.mark.usefixtures("without_tagger")
@pytest.mark.parametrize(
    ("written", "sounds"),
    [
        ("할 것이", "할 꺼시"),
        ("먹을 수 있다", "머글 쑤 읻따"),
        ("물을 줄", "무를 줄"),
        ("오늘 것", "오늘 걷"),
        ("앉고", "안꼬"),
        ("읽기", "익끼"),
        ("읽지", "익찌"),
        ("굶기다", "굼기다"),
        ("구두를 신고", "구두를 신꼬"),
        ("신고", "신고"),
        ("3개", "세개"),
        ("3시간", "삼시간"),
        ("25명", "이시보명"),
    ],
)
def test_guesses_without_a_tagger(written: str, sounds: str) -> None:
    assert _phones(written) == _sounds(sounds)


@pytest.mark.usefixtures("without_tagger")
def test_the_journal_says_that_there_is_no_tagger() -> None:
    journal = Journal(explain=True)
    ko.g2p(Traced.of("할 것", journal), "v2")
    assert [note.rule for note in journal.applied] == ["ko.no_tagger"]


@needs_tagger
@pytest.mark.parametrize("improved", [False, True])
@pytest.mark.parametrize(
    ("written", "sounds"),
    [("만날 사람", "만날 싸람"), ("물을 감고", "무를 감꼬"), ("넓게", "널께")],
)
def test_parts_of_speech(written: str, sounds: str, improved: bool) -> None:
    assert _phones(written, improved=improved) == _sounds(sounds, closed=not improved)


@pytest.mark.parametrize(
    ("written", "sounds"),
    [
        ("오늘 날씨", "오늘 날씨"),
        ("낮 한때", "나 탄때"),
        ("한여름", "한녀름"),
        ("강남역", "강남녁"),
        ("지역", "지역"),
        ("할 일", "할 릴"),
        ("생산량", "생산냥"),
        ("맛없다", "마덥따"),
        ("늦은", "느즌"),
        ("밟아", "발바"),
        ("닫혀", "다처"),
        ("인기", "인끼"),
        ("확인기관", "화긴기관"),
        ("결정", "결쩡"),
        ("갈게요", "갈께요"),
        ("힘들게", "힘들게"),
        ("올 사람", "올 싸람"),
        ("우리의", "우리에"),
        ("회의", "회이"),
        ("의사", "의사"),
        ("16", "심뉵"),
        ("10개", "열 깨"),
        ("12개", "열뚜 개"),
        ("26살", "스물려섣 쌀"),
        ("80", "팔씹"),
    ],
)
def test_improved_rules(written: str, sounds: str) -> None:
    assert _phones(written, improved=True) == _sounds(sounds, closed=False)


def test_marks_and_spaces() -> None:
    assert _phones("네。정말？") == "ㄴㅔ.ㅈㅓㅇㅁㅏㄹ?"
    assert _phones("네, 네~") == "ㄴㅔ,空ㄴㅔ停"
    assert set(_phones("「」(漢)")) == {"停"}
    assert _phones("네\n") == "ㄴㅔ.."
    assert _phones("") == ""


def test_a_phone_stays_in_the_place_of_its_syllable() -> None:
    phones = ko.g2p(Traced.of("값이 옷이"), "v2")
    assert "".join(phones.symbols) == "ㄱㅏㅂㅆㅣ空ㅇㅗㅅㅣ."
    assert phones.spans == [
        *[(0, 1)] * 4,
        (1, 2),
        (2, 3),
        *[(3, 4)] * 3,
        (4, 5),
        (5, 5),
    ]
    assert phones.per_char is None


@pytest.mark.parametrize("improved", [False, True])
def test_places_are_in_order_and_cover_the_text(improved: bool) -> None:
    text = "1시 30분에 서울역에서 만날 사람이 없었다. 꽃잎 3.5% TV! 닭을 핥고, 싫어."
    phones = ko.g2p(ko.normalise(Traced.of(text), improved=improved), "v2", improved=improved)
    for (start, end), (next_start, next_end) in pairwise(phones.spans):
        assert start <= next_start
        assert end <= next_end
    covered = {i for start, end in phones.spans for i in range(start, end)}
    assert all(i in covered for i, char in enumerate(text) if char not in " ." + "".join(MARKS))


def test_a_forced_reading_is_taken_as_it_is() -> None:
    forced = [Forced(1, 2, ko.spelled("갑", "v2"))]
    phones = ko.g2p(Traced.of("옷값이"), "v2", forced=forced)
    assert "".join(phones.symbols) == "ㅇㅗㄷㄱㅏㅂㅇㅣ."
    assert phones.spans[3:6] == [(1, 2)] * 3


def test_a_forced_reading_of_several_characters() -> None:
    forced = [Forced(0, 2, ko.spelled("가나다", "v2"))]
    phones = ko.g2p(Traced.of("漢字"), "v2", forced=forced)
    assert "".join(phones.symbols) == "ㄱㅏㄴㅏㄷㅏ."
    assert phones.spans[:6] == [(0, 2)] * 6


def test_what_is_not_read_is_noted() -> None:
    journal = Journal()
    ko.g2p(Traced.of("네😀~", journal), "v2")
    assert [unread.text for unread in journal.unread] == ["😀", "~"]
