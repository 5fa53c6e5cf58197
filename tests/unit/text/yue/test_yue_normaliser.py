import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import TextError
from myna.text import yue
from myna.text.frontend import SayAs
from myna.text.traced import Journal, Traced
from myna.text.yue.numbers import amount, cardinal, decimal


def _improved(text: str) -> str:
    return yue.normalise(Traced.of(text), improved=True).text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0", "零"),
        ("10", "十"),
        ("105", "一百零五"),
        ("200", "二百"),
        ("2000", "兩千"),
        ("12000", "一萬二千"),
        ("20000", "兩萬"),
        ("200000000", "兩億"),
        ("1" * 17, "一" * 17),
    ],
)
def test_cardinals(number: str, words: str) -> None:
    assert cardinal(number) == words


def test_amounts_and_decimals() -> None:
    assert amount("2") == "兩"
    assert amount("22") == "二十二"
    assert decimal("1.80") == "一點八零"
    assert decimal(".5") == "零點五"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("係我100蚊！！", "系我幺零零蚊!!"),
        ("2個人，㗎……", "两个人,……"),
        ("（括號）「引號」", "括号引号"),
        ("好~壞～。", "好-坏-."),
        ("", ""),
    ],
)
def test_compatible_is_mandarin_in_simplified_characters(text: str, expected: str) -> None:
    assert yue.normalise(Traced.of(text)).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # numbers
        ("我有2個蘋果", "我有兩個蘋果"),
        ("第2次，第2-3名", "第二次,第二至三名"),
        ("百2蚊", "百二蚊"),
        ("2年級，2年", "二年級,兩年"),
        ("1,234,567人", "一百二十三萬四千五百六十七人"),
        ("3.14", "三點一四"),
        ("007", "零零七"),
        ("２０２４年", "二零二四年"),
        ("100+個", "一百幾個"),
        ("-0.5", "負零點五"),
        ("1/3，2½", "三分之一,二又二分之一"),
        ("15%，-3.5%", "百分之十五,負百分之三點五"),
        ("v2.0.1", "二點零點一"),
        ("75折", "七五折"),
        # ranges
        ("3-5日", "三至五日"),
        ("2~3個", "兩至三個"),
        ("2019-2023年", "二零一九至二零二三年"),
        ("5%-10%", "百分之五至百分之十"),
        ("5-10%", "百分之五至百分之十"),
        ("-5~5度", "零下五至五度"),
        # dates and times
        ("2024年5月2日", "二零二四年五月二日"),
        ("2023-08-15", "二零二三年八月十五日"),
        ("15/8/2023", "二零二三年八月十五日"),
        ("97年出世，10年前", "九七年出世,十年前"),
        ("1997回歸", "一九九七回歸"),
        ("3月5-8日", "三月五至八日"),
        ("1-2月，1月-3月", "一至二月,一月至三月"),
        ("05/2024，1/5/24", "二零二四年五月,二四年五月一日"),
        ("10:30", "十點半"),
        ("2:05", "兩點零五分"),
        ("9:00-18:30", "九點至十八點半"),
        ("3pm", "下晝三點"),
        # telephones
        ("9123 4567", "九一二三,四五六七"),
        ("電話：23456789", "電話,二三四五六七八九"),
        ("打999", "打九九九"),
        ("打100個電話", "打一百個電話"),
        ("12345678人", "一千二百三十四萬五千六百七十八人"),
        ("1203室", "一二零三室"),
        # money
        ("$50", "五十蚊"),
        ("$38.5", "三十八個半"),
        ("$0.5", "五毫"),
        ("$1.99", "一點九九蚊"),
        ("$2萬", "兩萬蚊"),
        ("$100-$200", "一百至二百蚊"),
        ("HK$1,234", "一千二百三十四港元"),
        ("€30", "三十歐元"),
        ("¥50", "人民幣五十元"),
        ("去東京使咗¥500", "去東京使咗五百日圓"),
        ("$5/個", "五蚊一個"),
        # units and signs
        ("10km，5kg，5mm", "十公里,五公斤,五毫米"),
        ("30㎡，2L", "三十平方米,兩公升"),
        ("80km/h", "八十公里每小時"),
        ("25℃，-5°C", "二十五度,零下五度"),
        ("120/80", "一百二十,八十"),
        ("5²，10^3", "五嘅平方,十嘅三次方"),
        ("+5%，±2度", "加百分之五,正負兩度"),
        ("1+1=2，5-3=2", "一加一等於二,五減三等於二"),
        ("5>3", "五大過三"),
        ("贏咗3-1", "贏咗三比一"),
        ("男/女", "男,女"),
        # marks, and characters as they are
        ("係咩？？！！", "係咩?"),
        ("好……嘢⋯⋯", "好…嘢…"),
        ("㗎𠺢𡃁𨋢", "㗎𠺢𡃁𨋢"),
        ("人々", "人人"),
    ],
)
def test_improved(text: str, expected: str) -> None:
    assert _improved(text) == expected


def test_what_is_dropped_is_noted() -> None:
    journal = Journal()
    yue.normalise(Traced.of("好😀한國", journal), improved=True)
    assert [unread.text for unread in journal.unread] == ["😀한"]
    assert journal.unread[0].span == (1, 3)


def test_the_rules_that_fire_are_named() -> None:
    journal = Journal(explain=True)
    yue.normalise(Traced.of("3-5日，$20", journal), improved=True)
    assert [(rule.rule, rule.span) for rule in journal.applied] == [
        ("yue.range", (0, 2)),
        ("yue.currency", (5, 8)),
        ("yue.number", (2, 3)),
        ("yue.number", (0, 1)),
    ]


def test_words_come_from_their_numbers() -> None:
    text = yue.normalise(Traced.of("我有12個"), improved=True)
    assert text.text == "我有十二個"
    assert [*zip(text.starts, text.ends, strict=True)] == [(0, 1), (1, 2), (2, 4), (2, 4), (4, 5)]


@given(st.text(alphabet="0123456789.,:-/~%$¥年月日號個至點十²½+= xkmh好１：，（）第約") | st.text())
def test_any_text_is_left_without_digits(text: str) -> None:
    assert not re.search("[0-9A-Za-z]", _improved(text))
    assert re.fullmatch("[\u4e00-\u9fa5!?…,.-]*", yue.normalise(Traced.of(text)).text)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("characters", "A12好", "A一二好"),
        ("digits", "2024", "二零二四"),
        ("cardinal", "-1,200.5", "負一千二百點五"),
        ("ordinal", "2", "第二"),
        ("telephone", "+852 9123-4567", "八五二，九一二三，四五六七"),
        ("telephone", "(852)91234567", "八五二，九一二三四五六七"),
        ("date", "2024-05-02", "二零二四年五月二日"),
        ("date", "2/5/2024", "二零二四年五月二日"),
        ("date", "20240502", "二零二四年五月二日"),
        ("date", "5月2號", "五月二日"),
    ],
)
def test_say_as(kind: SayAs, text: str, expected: str) -> None:
    said = yue.say_as(Traced.of(text), kind)
    assert said.text == expected
    if kind != "characters":
        words = expected.replace("，", ",")
        assert yue.normalise(said, improved=True).text == words


@pytest.mark.parametrize("kind", ["digits", "cardinal", "ordinal", "telephone", "date"])
def test_what_cannot_be_said_so_is_an_error(kind: SayAs) -> None:
    with pytest.raises(TextError, match=f"as {kind} in Cantonese"):
        yue.say_as(Traced.of("好"), kind)
