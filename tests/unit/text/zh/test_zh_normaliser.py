import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.text.traced import Journal, Traced
from myna.text.zh.normaliser import normalise


def compatible(text: str) -> str:
    return normalise(Traced.of(text)).text


def improved(text: str) -> str:
    return normalise(Traced.of(text), improved=True).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("２０２４年5月1日", "二零二四年五月一日"),
        ("9:05到21:30", "九点零五分到二十一点半"),
        ("-5℃，80%", "零下五度,百分之八十"),
        ("2个，22个，3+个", "两个,二十二个,三多个"),
        ("13812345678", "幺三八幺二三四五六七八"),
        ("3-5天", "三减五天"),
        ("𠮷a\ud800\x00好", "好"),
        ("", ""),
    ],
)
def test_compatible(text: str, expected: str) -> None:
    assert compatible(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # ranges
        ("3-5天", "三到五天"),
        ("2019-2023年", "二零一九到二零二三年"),
        ("10:30-11:45", "十点半到十一点四十五分"),
        ("100~200元", "一百到二百元"),
        ("-5~5度", "零下五到五度"),
        ("2~3kg，3kg-5kg", "两到三千克,三千克到五千克"),
        ("5月3-5日，周一-周五", "五月三到五日,周一到周五"),
        ("第2-3页", "第二到三页"),
        ("3–5年经验，98-99年", "三到五年经验,九八到九九年"),
        ("早9点-晚6点，100-50", "早九点到晚六点,一百减五十"),
        ("第1、2章", "第一,二章"),
        ("3、4个，2、3天", "三四个,两三天"),
        # telephone numbers
        ("13812345678", "幺三八幺二三四五六七八"),
        ("010-62345678", "零幺零,六二三四五六七八"),
        ("(010)62345678转801", "零幺零,六二三四五六七八,转八零幺"),
        ("拨打110或者119，打12345", "拨打幺幺零或者幺幺九,打幺二三四五"),
        ("打了120个电话，110米栏", "打了一百二十个电话,一百一十米栏"),
        # quantities
        ("12345678人", "一千二百三十四万五千六百七十八人"),
        ("3.1415926", "三点一四一五九二六"),
        ("1,234,567和1，234，567", "一百二十三万四千五百六十七和一百二十三万四千五百六十七"),
        ("50，100元", "五十,一百元"),
        ("100、1000、2500", "一百,一千,两千五百"),
        ("2000，20000", "两千,两万"),
        # codes
        ("302房间，3-202房间", "三零二房间,三杠二零二房间"),
        ("编号007，密码123456", "编号零零七,密码幺二三四五六"),
        ("订单100个", "订单一百个"),
        ("京A12345", "京幺二三四五"),
        ("歼-20，COVID-19", "歼二十,十九"),
        ("192.168.1.1，v2.0.1，3.10.12", "一九二点一六八点一点一,二点零点一,三点十点十二"),
        # two
        ("2个，2点，2:30，2楼，2月2号", "两个,两点,两点半,二楼,二月二号"),
        ("第2名，2年级，2两，2倍", "第二名,二年级,二两,两倍"),
        # money
        ("¥50、￥50、$50、€20", "五十元,五十元,五十美元,二十欧元"),
        ("US$2.5、$2.5M、¥1.2亿", "二点五美元,二百五十万美元,一点二亿元"),
        ("￥128.00，¥50元，12.50元", "一百二十八元,五十元,十二点五元"),
        ("100元/人", "一百元每人"),
        # dates
        ("2024-05-01，2024/5/1", "二零二四年五月一日,二零二四年五月一日"),
        ("5/1", "一分之五"),
        ("80年代，90后，00后", "八十年代,九零后,零零后"),
        ("10年前，86年上学，100年", "十年前,八六年上学,一百年"),
        ("2000年前，2000年，5000年历史", "两千年前,二零零零年,五千年历史"),
        # percentages and measures
        ("5%~10%，5-10%，100%", "百分之五到百分之十,百分之五到十,百分之百"),
        ("3‰，-3%", "千分之三,负百分之三"),
        ("5mm，3cm，5 kg，60km/h", "五毫米,三厘米,五千克,六十千米每小时"),
        ("20m²，30㎡，5m/s，25℃", "二十平方米,三十平方米,五米每秒,二十五摄氏度"),
        ("500mL，2L，1.5kW，16GB", "五百毫升,两升,一点五千瓦,十六吉字节"),
        # signs
        ("比分是3-2，3:2，16:9", "比分是三比二,三比二,十六比九"),
        ("5>3，≥1，≤2，≠0，≈3，±5", "五大于三,大于等于一,小于等于二,不等于零,约等于三,正负五"),
        ("6÷2=3，10 - 3 = 7", "六除以二等于三,十减三等于七"),
        ("-1+(-2)=-3", "负一加负二等于负三"),
        ("1/2，½，3 1/2", "二分之一,二分之一,三又二分之一"),
        ("No.1，Ⅲ，①", "第一,三,一"),
        ("和/或，他/她", "和或,他或她"),
        ("约翰·史密斯（作家）来了", "约翰史密斯,作家,来了"),
        ("啊——这", "啊,这"),
        # characters
        ("二〇二四年", "二零二四年"),
        ("乾淨，乾隆，餘額，什麼", "干净,乾隆,余额,什么"),
        ("我們看著，一部著作", "我们看着,一部著作"),
        ("由鲁迅著", "由鲁迅著"),
    ],
)
def test_improved(text: str, expected: str) -> None:
    assert improved(text) == expected


def test_a_rare_ideograph_sounds_the_same() -> None:
    pypinyin = pytest.importorskip("pypinyin", reason="the extra zh is not installed")
    replaced = improved("䶮")
    assert len(replaced) == 1
    assert pypinyin.lazy_pinyin(replaced) == ["yan"]


@pytest.mark.parametrize("mode", [False, True])
def test_what_cannot_be_read_is_reported(mode: bool) -> None:
    journal = Journal()
    normalise(Traced.of("好kana😀吧", journal), improved=mode)
    assert [(unread.text, unread.span) for unread in journal.unread] == [("kana😀", (1, 6))]


def test_an_address_is_reported_whole() -> None:
    journal = Journal()
    text = Traced.of("请看https://a.cn/3-5吧", journal)
    assert normalise(text, improved=True).text == "请看吧"
    assert [unread.text for unread in journal.unread] == ["https://a.cn/3-5"]


def test_rules_are_explained() -> None:
    journal = Journal(explain=True)
    normalise(Traced.of("需要3-5天", journal), improved=True)
    assert journal.applied[0] == ("zh.range", (2, 5), "3-5", "3到5")


def test_every_character_knows_its_place() -> None:
    text = normalise(Traced.of("他花了¥50，在3-5天内。"), improved=True)
    assert text.text == "他花了五十元,在三到五天内."
    places = dict(zip(text.text, zip(text.starts, text.ends, strict=True), strict=True))
    assert places["他"] == (0, 1)
    assert places["十"] == (3, 6)
    assert places["三"] == (8, 9)
    assert places["到"] == (9, 10)
    assert places["天"] == (11, 12)


SIGNS = "0123456789.,:;-~/%¥$€+=×÷<>()（） ，。：年月日号点度元第万kgmA℃①½²一二两个#@^_"


@given(st.one_of(st.text(), st.text(SIGNS)), st.booleans())
def test_only_what_can_be_read_is_left(text: str, mode: bool) -> None:
    done = normalise(Traced.of(text), improved=mode)
    assert re.fullmatch("[\u4e00-\u9fa5!?…,.-]*", done.text)
    assert list(done.starts) == sorted(done.starts)
    assert list(done.ends) == sorted(done.ends)


@pytest.mark.parametrize("unit", ["1", "a", "-", "1-", "1.", "1,", "1:", "一点", "(1", "a@", "1%-"])
def test_time_grows_with_the_text(unit: str) -> None:
    def seconds(count: int) -> float:
        start = time.perf_counter()
        normalise(Traced.of(unit * count), improved=True)
        return time.perf_counter() - start

    assert seconds(8000) < 30 * max(seconds(1000), 1e-3)


def test_a_leading_zero_counts_for_nothing_before_a_quantifier() -> None:
    assert str(normalise(Traced.of("02个"))) == "两个"
