import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import MarkupError, TextError
from myna.text.lexicons import Entry, Lexicon
from myna.text.markup import parse
from myna.text.traced import Traced

LINES = """\
# what the house says
en\tmyna\tM AY1 N AH0
en\tNew York\tN UW1 Y AO1 R K
EN \t Polish\tP OW1 L IH0 SH

zh\t重庆\tchong2 qing4\r
zh\t重庆大学\tchong2 qing4 da4 xue2
zh\tT恤\tti4 xu4
yue\t\t生\tsaang1
ja\t橋\tは’し
ko\t한여름\t한녀름
"""


def words(lexicon: Lexicon, text: str, language: str) -> list[str]:
    return [text[slice(*reading.span)] for reading in lexicon.find(Traced.of(text), language)]


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"\xef\xbb\xbf" + LINES.encode())
    lexicon = Lexicon.read(path)
    assert lexicon.entries[:3] == (
        Entry("en", "myna", "M AY1 N AH0"),
        Entry("en", "New York", "N UW1 Y AO1 R K"),
        Entry("en", "Polish", "P OW1 L IH0 SH"),
    )
    assert len(lexicon.entries) == 9
    assert Lexicon.read(str(path)) == lexicon
    assert hash(Lexicon.read(path)) == hash(lexicon)


def test_as_text_is_read_as_the_same() -> None:
    lexicon = Lexicon.parse(LINES)
    assert Lexicon.parse(lexicon.as_text()) == lexicon
    assert Lexicon.parse("") == Lexicon()
    assert not Lexicon()


def test_the_later_line_counts() -> None:
    assert Lexicon.parse("en\ta\tAH0\nen\ta\tEY1\n").entries == (Entry("en", "a", "EY1"),)
    both = Lexicon.parse("en\ta\tAH0\nzh\t行\txing2") | Lexicon.parse(
        "zh\t行\thang2\nja\t行\tぎょう"
    )
    assert [entry.reading for entry in both.entries] == ["AH0", "hang2", "ぎょう"]


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("A Myna, mynas; MYNA's", "en", ["Myna", "MYNA"]),
        ("polish the Polish", "en", ["Polish"]),
        ("in new york, New York", "en", ["New York"]),
        ("re-myna myna2 _myna_ myna’d myna'", "en", ["myna", "myna", "myna"]),
        ("他在重庆大学，不在重庆。", "zh", ["重庆大学", "重庆"]),
        ("一件T恤和XT恤", "zh", ["T恤"]),
        ("重庆", "yue", []),
        ("橋の橋", "ja", ["橋", "橋"]),
        ("한여름밤", "ko", ["한여름"]),
        ("", "en", []),
    ],
)
def test_find(text: str, language: str, found: list[str]) -> None:
    assert words(Lexicon.parse(LINES), text, language) == found


def test_edges_that_are_no_letters() -> None:
    lexicon = Lexicon.parse("en\tC++\tS IY1\nen\t.net\tN EH1 T\nen\tdon't\tD OW1 N T")
    assert words(lexicon, "C++11 ASP.NET don’t DON'T", "en") == ["C++", ".NET", "don’t", "DON'T"]


def test_readings_have_place_and_alphabet() -> None:
    lexicon = Lexicon.parse(LINES)
    (reading,) = lexicon.find(Traced.of("去重庆"), "zh")
    assert (reading.span, reading.notation, reading.alphabet) == ((1, 3), "chong2 qing4", "pinyin")
    assert reading.at == 1
    (reading,) = lexicon.find(Traced.of("去重庆")[1:], "zh")
    assert reading.span == (1, 3)


def test_part_of_what_was_put_in_is_left_alone() -> None:
    lexicon = Lexicon.parse(LINES)
    part = parse('<speak><sub alias="重庆市">渝</sub>重庆</speak>')
    assert [reading.span for reading in lexicon.find(part.text, "zh")] == [
        part.text.span(3, 5),
    ]
    whole = parse('<speak><sub alias="重庆">渝</sub></speak>')
    assert [reading.span for reading in lexicon.find(whole.text, "zh")] == [whole.text.span()]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("en myna M AY1", "tabs"),
        ("en\tmyna", "tabs"),
        ("en\tmyna\tM AY1\tN AH0", "tabs"),
        ("\tmyna\tM AY1", "tabs"),
        ("de\tauto\tx", "zh, en, ja, ko, yue"),
        (f"en\t{'a' * 65}\tAH0", "64"),
        (f"en\ta\t{'AH0 ' * 200}", "512"),
    ],
)
def test_a_line_that_is_none(line: str, told: str) -> None:
    with pytest.raises(TextError, match=told) as caught:
        Lexicon.parse(f"# first\n\n{line}\n", "words.txt")
    assert str(caught.value).startswith("words.txt, line 3: ")


def _spelled(language: str, notation: str) -> list[list[str]]:
    if language == "zh" and "!" in notation:
        raise MarkupError("There is no such syllable.", notation.index("!"))
    return [[syllable] for syllable in notation.split()]


def test_readings_are_checked() -> None:
    assert Lexicon.parse(LINES, spelled=_spelled) == Lexicon.parse(LINES)
    with pytest.raises(TextError, match=r"line 1: 'ch!' is no reading of '重'\. There"):
        Lexicon.parse("zh\t重\tch!", spelled=_spelled)
    with pytest.raises(TextError, match="1 syllables for the 2 characters"):
        Lexicon.parse("zh\t重庆\tchong2", spelled=_spelled)
    assert Lexicon.parse("zh\tT恤\tti4", spelled=_spelled)
    assert Lexicon.parse("ja\t東京\tとーきょー", spelled=_spelled)


def test_files_that_are_no_lexicon(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    with pytest.raises(TextError, match=r"no lexicon .*words\.txt"):
        Lexicon.read(path)
    path.write_bytes("zh\t行\thang2".encode("utf-16"))
    with pytest.raises(TextError, match=r"words\.txt is not text in UTF-8"):
        Lexicon.read(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(TextError, match="1 MB"):
        Lexicon.read(path)
    with pytest.raises(TextError, match="1 MB"):
        Lexicon.parse("#" * 1_000_001)
    with pytest.raises(TextError, match="20,000"):
        Lexicon.parse("".join(f"en\tw{i}\tAH0\n" for i in range(20_001)))


@given(st.text() | st.text("en\tzha\n# 重'", max_size=30))
def test_any_text_is_a_lexicon_or_refused(text: str) -> None:
    try:
        lexicon = Lexicon.parse(text)
    except TextError:
        return
    assert Lexicon.parse(lexicon.as_text()) == lexicon


WORDS = st.text("abA你é' ’İ", min_size=1, max_size=4).filter(lambda word: word.strip() == word)


@given(st.dictionaries(WORDS, st.just("x"), max_size=6), st.text("abA你é' ’.İ"))
def test_what_is_found_is_there(entries: dict[str, str], text: str) -> None:
    lexicon = Lexicon(tuple(Entry("en", word, reading) for word, reading in entries.items()))
    end = 0
    for reading in lexicon.find(Traced.of(text), "en"):
        assert end <= reading.span[0] < reading.span[1]
        end = reading.span[1]
        found = text[slice(*reading.span)].replace("’", "'")
        plain = {word.replace("’", "'") for word in entries}
        assert found in plain or found.lower() in plain


def test_time_grows_with_the_length_only() -> None:
    many = "".join(f"zh\t{'一' * n}{chr(0x4E00 + i)}\tx\n" for n in range(60) for i in range(300))
    lexicon = Lexicon.parse(many)
    lexicon.find(Traced.of("一"), "zh")
    began = time.thread_time()
    lexicon.find(Traced.of("一" * 10_000 + "丁" * 10_000 + "x" * 10_000), "zh")
    assert time.thread_time() - began < 2
