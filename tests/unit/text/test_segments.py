import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.errors import ConfigError, MissingExtraError
from myna.text.segments import MODES, languages_of, segments
from myna.text.segments import published as published_module
from myna.text.traced import Journal, Traced

SENTENCES = Path(__file__).parents[3] / "benchmarks" / "readings" / "languages.jsonl"

SCRIPTS = (
    "我的东東气気你好係唔日本語のカラ々ー한국ㅋabc É'-.@/:1２²%$€km,，。、！?「」\"()…\n 😀яกα①㗎"
)
TEXTS = st.one_of(st.text(), st.text(alphabet=SCRIPTS))


def cut(text: str, mode: str, *, improved: bool = False) -> list[tuple[str, str]]:
    return [(s.language, s.text.text) for s in segments(Traced.of(text), mode, improved=improved)]


def words(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without marks and spaces."""
    kept = [(language, "".join(filter(str.isalnum, text))) for language, text in found]
    return [(language, text) for language, text in kept if text]


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("auto", "我喜欢Python，你呢？", [("zh", "我喜欢"), ("en", "Python，"), ("zh", "你呢？")]),
        ("auto", "你好。", [("zh", "你好。")]),
        ("auto", "Hello.", [("en", "Hello.")]),
        ("auto", "3.14", [("zh", "3.14")]),
        ("auto", "日语里的「あ」", [("zh", "日语里的「"), ("ja", "あ」")]),
        ("auto", "안녕하세요 漢字", [("ko", "안녕하세요 "), ("zh", "漢字")]),
        ("auto_yue", "今日 OK", [("yue", "今日 "), ("en", "OK")]),
        ("zh", "第1章 Chapter 2", [("zh", "第1章 "), ("en", "Chapter 2")]),
        ("zh", "안녕 hello 你好", [("zh", "안녕 "), ("en", "hello "), ("zh", "你好")]),
        ("ko", "Q1 완료", [("en", "Q"), ("ko", "1 완료")]),
        ("all_zh", "Chapter 2", [("en", "Chapter "), ("zh", "2")]),
        ("all_zh", "😀Hello😀", [("zh", "😀Hello😀")]),
        ("all_yue", "OK啦", [("en", "OK"), ("yue", "啦")]),
        ("en", "你好 Hello ", [("en", "你好 Hello ")]),
        ("auto", "...", [("en", " ")]),
        ("zh", "...", [("zh", "...")]),
        ("zh", "", []),
    ],
)
def test_compatible(mode: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert cut(text, mode) == expected


def test_compatible_takes_a_lone_run_of_jamo_for_english() -> None:
    assert cut("ㅋㅋㅋ 너무", "auto") == [("en", "ㅋㅋㅋ "), ("ko", "너무")]


def test_compatible_cuts_japanese_at_phrases() -> None:
    pytest.importorskip("budoux", reason="not installed: budoux")
    text = "古池や蛙飛び込む水の音。"
    found = cut(text, "auto")
    assert found[:3] == [("zh", "古池"), ("ja", "や"), ("zh", "蛙飛")]
    assert "".join(part for _, part in found) == text
    assert cut(text, "ja") == cut(text, "all_ja") == [("ja", text)]


def test_kana_among_ideographs_need_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    published_module._parsers.cache_clear()
    monkeypatch.setitem(sys.modules, "budoux", None)
    with pytest.raises(MissingExtraError, match=r"myna\[ja\]"):
        cut("水の音", "auto")
    assert cut("みず、水，water", "auto") == [("ja", "みず、"), ("zh", "水，"), ("en", "water")]
    assert cut("水の音", "ja") == [("ja", "水の音")]
    assert cut("水の音", "auto", improved=True) == [("ja", "水の音")]
    published_module._parsers.cache_clear()


@pytest.mark.parametrize(
    "row",
    [json.loads(line) for line in SENTENCES.read_text(encoding="utf-8").splitlines()],
    ids=lambda row: row["id"],
)
def test_improved_is_what_a_native_expects(row: dict[str, object]) -> None:
    found = cut(str(row["text"]), str(row["mode"]), improved=True)
    assert words(found) == words([(a, b) for a, b in row["segments"]])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Marks go with what they enclose.
        ("他说（OK）吧", [("zh", "他说"), ("en", "（OK）"), ("zh", "吧")]),
        ('他说"Hello, all"，走了', [("zh", "他说"), ("en", '"Hello, all"，'), ("zh", "走了")]),
        ("我看《のだめ》了", [("zh", "我看"), ("ja", "《のだめ》"), ("zh", "了")]),
        # Other scripts and signs go with a neighbour.
        ("สวัสดี是泰语", [("zh", "สวัสดี是泰语")]),
        ("He said สวัสดี to me", [("en", "He said สวัสดี to me")]),
        ("①Apple②香蕉", [("en", "①Apple"), ("zh", "②香蕉")]),
        # Addresses are English, and end before the mark of the sentence.
        (
            "见www.example.com/a?b=1。好",
            [("zh", "见"), ("en", "www.example.com/a?b=1。"), ("zh", "好")],
        ),
        ("写信给a.b@c.org吧", [("zh", "写信给"), ("en", "a.b@c.org"), ("zh", "吧")]),
        # Numbers go with what they count.
        ("5 apples和5个苹果", [("en", "5 apples"), ("zh", "和5个苹果")]),
        ("iPhone15号发布", [("en", "iPhone"), ("zh", "15号发布")]),
        ("尺寸：5mm，3kg", [("zh", "尺寸：5mm，3kg")]),
        ("5mm, 20℃", [("en", "5mm, 20℃")]),
        ("20, 30", [("zh", "20, 30")]),
        ("the 1st, 2nd和3rd", [("en", "the 1st, 2nd"), ("zh", "和"), ("en", "3rd")]),
        # Ideographs go with the nearest that give a language away.
        ("東京", [("zh", "東京")]),
        ("東京。大阪。京都です。", [("ja", "東京。大阪。京都です。")]),
        ("世界, 안녕", [("ko", "世界, 안녕")]),
        ("佢嚟咗。多謝。", [("yue", "佢嚟咗。多謝。")]),
        ("關係和係數", [("zh", "關係和係數")]),
        ("粤语里唔該的意思是谢谢", [("zh", "粤语里唔該的意思是谢谢")]),
        ("ㄅㄆㄇ", [("zh", "ㄅㄆㄇ")]),
    ],
)
def test_improved_auto(text: str, expected: list[tuple[str, str]]) -> None:
    assert cut(text, "auto", improved=True) == expected


def test_improved_auto_is_explained() -> None:
    text = Traced.of("駅で OK", Journal(explain=True))
    segments(text, "auto", improved=True)
    assert [(note.rule, note.span, note.after) for note in text.journal.applied] == [
        ("segments.language", (0, 3), "ja"),
        ("segments.language", (3, 5), "en"),
    ]


@pytest.mark.parametrize("improved", [False, True])
def test_unknown_mode(improved: bool) -> None:
    with pytest.raises(ConfigError, match="'klingon'"):
        segments(Traced.of("nuqneH"), "klingon", improved=improved)
    with pytest.raises(ConfigError, match="'klingon'"):
        languages_of("klingon", improved=improved)


@given(text=TEXTS, mode=st.sampled_from(list(MODES)), improved=st.booleans())
def test_nothing_is_lost_and_places_are_kept(text: str, mode: str, improved: bool) -> None:
    try:
        found = segments(Traced.of(text), mode, improved=improved)
    except MissingExtraError:
        return
    assert all(segment.text for segment in found) or mode == "en"
    assert {segment.language for segment in found} <= set(languages_of(mode, improved=improved))
    done = 0
    for segment in found:
        start, end = segment.text.span()
        assert text[done:start].isspace() or done == start
        assert segment.text.text in (text[start:end], " ")
        done = end
    assert not text[done:].strip()
    if improved:
        assert "".join(segment.text.text for segment in found).strip() == text.strip()
        assert all(a.language != b.language for a, b in pairwise(found))


@pytest.mark.parametrize("improved", [False, True])
@pytest.mark.parametrize("piece", [*SCRIPTS, "1a", "a.", "a@", "了あ", "漢가", "$1", "5km ", "1,"])
def test_a_long_text_takes_time_in_proportion(piece: str, improved: bool) -> None:
    text = piece * (10_000 // len(piece))
    begun = time.process_time()
    cut(text, "zh", improved=improved)
    assert time.process_time() - begun < 2


def test_importing_is_light() -> None:
    code = "import sys, myna.text.segments; print('budoux' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
