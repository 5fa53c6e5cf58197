import pytest

from myna.errors import TextError
from myna.text import ko
from myna.text.frontend import SayAs
from myna.text.traced import Traced


@pytest.mark.parametrize(
    ("kind", "written", "words"),
    [
        ("characters", "KBS", "케이 비 에스"),
        ("characters", "A4", "에이 사"),
        ("digits", "2024", "이영이사"),
        ("cardinal", "1,234", "천이백삼십사"),
        ("cardinal", "-3.5", "마이너스 삼 점 오"),
        ("ordinal", "1", "첫 번째"),
        ("ordinal", "23번째", "스물세 번째"),
        ("telephone", "02-345-6789", "공이 삼사오 육칠팔구"),
        ("date", "2024-06-10", "이천이십사년 유월 십일"),
        ("date", "10/3", "시월 삼일"),
        ("date", "2024년 5월 1일", "이천이십사년 오월 일일"),
    ],
)
def test_words(kind: SayAs, written: str, words: str) -> None:
    said = ko.say_as(Traced.of(written), kind)
    assert said.text == words
    assert said.span() == (0, len(written))
    assert ko.normalise(said, improved=True).text == words


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("date", "2024-13-01"),
        ("date", "어제"),
        ("cardinal", "많이"),
        ("digits", "가"),
        ("ordinal", ""),
        ("telephone", "없음"),
        ("characters", "😀"),
    ],
)
def test_what_cannot_be_said(kind: SayAs, written: str) -> None:
    with pytest.raises(TextError, match=kind):
        ko.say_as(Traced.of(written), kind)
