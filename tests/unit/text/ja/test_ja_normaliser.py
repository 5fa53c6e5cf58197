"""Japanese text to what the analyser reads, as a native would write it out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import TextError
from myna.text import ja
from myna.text.frontend import SayAs
from myna.text.traced import Journal, Traced


def improved(text: str) -> str:
    return ja.normalise(Traced.of(text), improved=True).text


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("それは……どういうこと？！", "それは…どういうこと？！"),
        ("えっ!!!", "えっ!"),
        ("1,234円です。、、", "1,234円です。、、"),
    ],
)
def test_compatible_only_shortens_ascii_marks(text: str, normalised: str) -> None:
    assert ja.normalise(Traced.of(text)).text == normalised


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("１，２３４人", "1234人"),
        ("3.5倍", "3．5倍"),
        ("10:30に", "10時30分に"),
        ("9:00に", "9時に"),
        ("25:75", "25、75"),
        ("2024/05/01", "2024年5月1日"),
        ("2024-05-01", "2024年5月1日"),
        ("2024/13/01", "2024、13、01"),
        ("5/1(水)から", "5月1日水曜日から"),
        ("￥500", "500円"),
        ("$2.5億", "2．5億ドル"),
        ("50％", "50パーセント"),
        ("-5℃", "マイナス5度"),
        ("3〜5日", "3から5日"),
        ("3-5日", "3から5日"),
        ("月〜金", "げつからきん"),
        ("東京〜大阪", "東京から大阪"),
        ("えー〜", "えーー"),
        ("03-1234-5678", "ゼロサンの イチニー サンヨンの ゴーロク ナナハチ"),
        ("1-2-3", "1の2の3"),
        ("3-2で勝つ", "3対2で勝つ"),
        ("120km/h", "時速120キロメートル"),
        ("㎏", "キログラム"),
        ("5mm", "5ミリメートル"),
        ("1/2", "2ぶんの1"),
        ("三分の一", "三ぶんの一"),
        ("v2.0.1", "バージョン2点0点1"),
        ("5+3=8", "5たす3は8"),
        ("10-4=6", "10ひく4は6"),
        ("第Ⅲ章", "第3章"),
        ("ｶﾞｯｺｳ", "ガッコウ"),
        ("こゝろ、いすゞ", "こころ、いすず"),
        ("渡邊", "渡辺"),
        ("〇〇さん", "マルマルさん"),
        ("二〇二四年", "二〇二四年"),
        ("すごい！！！", "すごい!"),
    ],
)
def test_numbers_and_signs_are_written_out(text: str, normalised: str) -> None:
    assert improved(text) == normalised


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("駅まで十分くらい", "10分くらい"),
        ("もう十分に食べた", "十分に"),
        ("辛いカレー", "からいカレー"),
        ("辛い人生", "辛い人生"),
        ("人気のない道", "ひとけのない道"),
        ("人気のある歌手", "人気のある"),
        ("お茶と最中を食べる", "もなかを"),
        ("会議の最中に", "最中に"),
        ("舞台の上手", "かみて"),
        ("料理が上手", "上手"),
        ("これは何ですか", "なんですか"),
        ("何が好き", "何が好き"),
        ("何とぞよろしく", "なにとぞ"),
        ("試験を行った", "おこなった"),
        ("京都へ行った", "行った"),
    ],
)
def test_words_are_read_by_what_is_around_them(text: str, piece: str) -> None:
    assert piece in improved(text)


def test_what_cannot_be_read_parts_words_and_is_reported() -> None:
    journal = Journal()
    read = ja.normalise(Traced.of("猫😀犬", journal), improved=True)
    assert read.text == "猫 犬"
    assert [(unread.text, unread.span) for unread in journal.unread] == [("😀", (1, 2))]


def test_rules_are_named() -> None:
    journal = Journal(explain=True)
    ja.normalise(Traced.of("￥1,200の辛いカレー", journal), improved=True)
    assert [(a.rule, a.before, a.after) for a in journal.applied] == [
        ("ja.thousands", "1,200", "1200"),
        ("ja.currency", "¥1200", "1200円"),
        ("ja.reading.辛い", "辛い", "からい"),
    ]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("A1", "characters", "A イチ "),
        ("２０２４", "digits", "ニーゼロ ニーヨン"),
        ("1,234", "cardinal", "1234"),
        ("-3.25", "cardinal", "マイナス3点ニーゴー"),
        ("3", "ordinal", "3番目"),
        ("090-1234-5678", "telephone", "ゼロキュー ゼロの イチニー サンヨンの ゴーロク ナナハチ"),
        ("2024-05-01", "date", "2024年5月1日"),
        ("5/1", "date", "5月1日"),
    ],
)
def test_text_is_said_in_the_way_asked_for(text: str, kind: SayAs, said: str) -> None:
    written = ja.say_as(Traced.of(text), kind)
    assert written.text == said
    assert ja.normalise(written).text == said


@pytest.mark.parametrize(
    ("text", "kind"),
    [("三月", "digits"), ("abc", "cardinal"), ("2024-13-01", "date"), ("", "characters")],
)
def test_what_cannot_be_said_so_is_an_error(text: str, kind: SayAs) -> None:
    with pytest.raises(TextError):
        ja.say_as(Traced.of(text), kind)


@given(st.text(), st.booleans())
def test_any_text_can_be_normalised(text: str, better: bool) -> None:
    read = ja.normalise(Traced.of(text), improved=better)
    assert len(read.starts) == len(read.ends) == len(read.text)
    assert all(0 <= a <= b <= len(text) for a, b in zip(read.starts, read.ends, strict=True))
