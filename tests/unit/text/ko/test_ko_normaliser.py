from importlib.util import find_spec

import pytest

from myna.text import ko
from myna.text.traced import Journal, Traced

needs_tagger = pytest.mark.skipif(not find_spec("mecab"), reason="the extra ko is not installed")


def _improved(text: str) -> str:
    return str(ko.normalise(Traced.of(text), improved=True))


def test_compatible_text_is_the_text_itself() -> None:
    text = Traced.of("1,234원 ％ TV 漢字 😀")
    assert ko.normalise(text) is text


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("사과 3개", "사과 세 개"),
        ("20살", "스무 살"),
        ("12시 30분", "열두 시 삼십분"),
        ("13시", "십삼시"),
        ("3시간", "세 시간"),
        ("24시간", "이십사시간"),
        ("3층", "삼층"),
        ("3개월", "삼개월"),
        ("3번 만났다", "세 번 만났다"),
        ("3번 출구", "삼번 출구"),
        ("20대 여성", "이십대 여성"),
        ("버스 20대", "버스 스무 대"),
        ("3대 영양소", "삼대 영양소"),
        ("손님 3분", "손님 세 분"),
        ("3분 동안", "삼분 동안"),
        ("제3장", "제삼장"),
        ("6월 10일", "유월 십일"),
        ("10월", "시월"),
        ("16월", "십육월"),
        ("1번째", "첫 번째"),
        ("22번째", "스물두 번째"),
        ("1만 명", "만 명"),
        ("1억 명", "일억 명"),
    ],
)
def test_counters(written: str, words: str) -> None:
    assert _improved(written) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2024-05-01", "이천이십사년 오월 일일"),
        ("2024.6.10.", "이천이십사년 유월 십일"),
        ("10:30", "열 시 삼십분"),
        ("18:00", "십팔시"),
        ("010-1234-5678", "공일공 일이삼사 오육칠팔"),
        ("1588-0000", "일오팔팔 공공공공"),
        ("3.14", "삼 점 일사"),
        ("2.0.1", "이 점 영 점 일"),
        ("1,234", "천이백삼십사"),
        ("3~5개", "세 개에서 다섯 개"),
        ("10-20분", "십에서 이십분"),
        ("6~8월", "유월에서 팔월"),
        ("서울~부산", "서울에서 부산"),
        ("$5", "오달러"),
        ("$2.50", "이달러 오십센트"),
        ("₩30,000", "삼만원"),
        ("5km", "오킬로미터"),
        ("100km/h", "시속 백킬로미터"),
        ("84m²", "팔십사제곱미터"),
        ("-5℃", "영하 오도"),
        ("3.5%", "삼 점 오퍼센트"),
        ("3/4", "사분의 삼"),
        ("3+4=7", "삼 더하기 사는 칠"),
        ("3-2=1", "삼 빼기 이는 일"),
        ("3:2", "삼 대 이"),
        ("12-3번지", "십이 다시 삼번지"),
        ("6·25", "육이오"),
        ("007", "공공칠"),
    ],
)
def test_quantities(written: str, words: str) -> None:
    assert _improved(written) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("mp3", "엠피쓰리"),
        ("Wi-Fi", "와이파이"),
        ("CEO", "씨이오"),
        ("a@b.com", "에이 골뱅이 비 점 컴"),
        ("１２３", "백이십삼"),
        ("\u1112\u1161\u11ab", "한"),
        ("㈜한국", "주식회사 한국"),
        ("ㅋㅋ 응", "크크 응"),
        ("ㄱ과 ㄲ", "기역과 쌍기역"),
        ("가(나) 다", "가, 나, 다"),
        ("「책」…", "책…"),
        ("진짜...", "진짜…"),
        ("첫째.\n둘째\n셋째", "첫째. 둘째. 셋째"),
        ("좋아~", "좋아"),
    ],
)
def test_letters_and_marks(written: str, words: str) -> None:
    assert _improved(written) == words


@needs_tagger
def test_ideographs_are_read_by_the_dictionary() -> None:
    assert _improved("大韓民國의 漢字") == "대한민국의 한자"


def test_what_cannot_be_read_is_noted() -> None:
    journal = Journal()
    assert str(ko.normalise(Traced.of("좋아😀요 ไทย", journal), improved=True)) == "좋아요 "
    assert [(unread.span, unread.text) for unread in journal.unread] == [
        ((2, 3), "😀"),
        ((5, 8), "ไทย"),
    ]


def test_words_keep_the_place_of_what_they_replace() -> None:
    text = ko.normalise(Traced.of("사과 3개 주세요"), improved=True)
    assert text.text == "사과 세 개 주세요"
    assert text.span(3, 4) == (3, 4)
    assert text.span(5, 6) == (4, 5)


def test_rules_are_named() -> None:
    journal = Journal(explain=True)
    ko.normalise(Traced.of("TV 3대, $5", journal), improved=True)
    assert [(note.rule, note.after) for note in journal.applied] == [
        ("ko.latin_word", "티비"),
        ("ko.currency", "오달러"),
        ("ko.counter", "세 대"),
    ]


def test_a_comma_at_the_end_stays() -> None:
    assert str(ko.normalise(Traced.of("알겠습니다, "), improved=True)).rstrip() == "알겠습니다,"
    assert str(ko.normalise(Traced.of("사과(빨강)"), improved=True)) == "사과, 빨강"
