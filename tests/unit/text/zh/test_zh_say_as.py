import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import TextError
from myna.text.frontend import SayAs
from myna.text.traced import Traced
from myna.text.zh.normaliser import normalise
from myna.text.zh.say_as import say_as


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("3-202", "characters", "三杠二零二"),
        ("你好", "characters", "你好"),
        ("2010", "digits", "二零一零"),
        ("12,345.6", "cardinal", "一万两千三百四十五点六"),
        ("-200", "cardinal", "负二百"),
        (".5", "cardinal", "零点五"),
        ("2", "ordinal", "第二"),
        ("110", "telephone", "幺幺零"),
        ("010-62345678", "telephone", "零幺零，六二三四五六七八"),
        ("2024-05-01", "date", "二零二四年五月一日"),
        ("20240501", "date", "二零二四年五月一日"),
        ("5/1", "date", "五月一日"),
        ("2024年5月", "date", "二零二四年五月"),
    ],
)
def test_words(text: str, kind: SayAs, expected: str) -> None:
    said = say_as(Traced.of(text), kind)
    assert said.text == expected
    assert said.span() == (0, len(text))
    for improved in (False, True):
        assert normalise(said, improved=improved).text == expected.replace("，", ",")


KINDS = ["characters", "digits", "cardinal", "ordinal", "telephone", "date"]


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("text", ["", "你好", "1a", "2024-13-01-5"])
def test_what_cannot_be_said_so(kind: SayAs, text: str) -> None:
    if (kind, text) in {("digits", "2024-13-01-5"), ("telephone", "2024-13-01-5")}:
        return
    with pytest.raises(TextError, match="cannot be said"):
        say_as(Traced.of(text), kind)


@given(st.one_of(st.text(), st.text("0123456789-/., 年月日第转+()")), st.sampled_from(KINDS))
def test_any_text(text: str, kind: SayAs) -> None:
    try:
        said = say_as(Traced.of(text), kind)
    except TextError:
        return
    normalise(said)
