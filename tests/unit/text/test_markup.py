import contextlib
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.errors import ConfigError, MarkupError
from myna.text import markup, notes
from myna.text.markup import (
    SYNTAXES,
    Language,
    Marked,
    Pause,
    Prosody,
    Reading,
    Say,
    Style,
    parse,
)
from myna.text.traced import Journal

PAGE = Path(__file__).resolve().parents[3] / "docs" / "markup.md"


def inline(text: str) -> Marked:
    return parse(text, syntax="inline")


def on(text: str, marked: Marked) -> list[str]:
    """The characters of each note that has some."""
    return [text[slice(*note.span)] for note in marked.notes if not isinstance(note, Pause)]


def refused(text: str, at: str, *, syntax: str = "inline") -> str:
    """The message of the error at the last place of `at` in `text`."""
    with pytest.raises(MarkupError) as caught:
        parse(text, syntax=syntax)
    assert caught.value.position == text.rindex(at)
    assert ">>>" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "[1] [笑] [see note] [] [ ] [[ ]] ][ [x|",
        "【en】 ［pause］ [12:30] [https://example.com] [Note: he left.] [PS:他走了]",
        "[date unknown], [en route], [b]bold[/b], [x=1 2], a | b, f(x)[0], [.en]",
        "two\n[lines|of\ntext]",
        "back\\slash \\n \\",
        "a < b & c > d <speaker>",
    ],
)
@pytest.mark.parametrize("syntax", ["auto", "inline"])
def test_what_is_not_markup_is_text(text: str, syntax: str) -> None:
    marked = parse(text, syntax=syntax)
    assert marked.text.text == text
    assert marked.notes == ()
    assert [*marked.text.starts] == [*range(len(text))]
    assert [*marked.text.ends] == [*range(1, len(text) + 1)]


def test_pauses() -> None:
    marked = inline("a[pause 0.8s] b [pause]c[pause 300ms][Pause: .5 s]")
    assert marked.text.text == "a b c"
    assert marked.notes == (Pause(1, 0.8), Pause(16, 0.5), Pause(24, 0.3), Pause(37, 0.5))
    assert inline("[pause 10s]").notes == (Pause(0, 10.0),)


@pytest.mark.parametrize("value", ["0.8", "0.8x", "10.1s", "-1s", "1 h", "s", "٣s", "9" * 50 + "s"])
def test_lengths_of_no_pause(value: str) -> None:
    text = f"wait [pause {value}] then"
    assert "0 to 10 s" in refused(text, value)


@pytest.mark.parametrize(
    ("bracket", "word", "notation", "alphabet"),
    [
        ("[重庆|chong2 qing4]", "重庆", "chong2 qing4", ""),
        ("[ 重庆 | chóng qìng ]", "重庆", "chóng qìng", ""),
        ("[生|saang1]", "生", "saang1", ""),
        ("[行|pinyin:hang2]", "行", "hang2", "pinyin"),
        ("[行|Jyutping: hong4]", "行", "hong4", "jyutping"),
        ("[女|nu:3]", "女", "nu:3", ""),
        ("[read|R EH1 D]", "read", "R EH1 D", "arpabet"),
        ("[read|R EH1 X]", "read", "R EH1 X", "arpabet"),
        ("[你|NI3 HAO3]", "你", "NI3 HAO3", ""),
        ("[橋|は’し]", "橋", "は’し", "kana"),
        ("[橋|ハシꜜ]", "橋", "ハシꜜ", "kana"),
        ("[한여름|한녀름]", "한여름", "한녀름", "hangul"),
        (r"[a\]b|x1]", r"a\]b", "x1", ""),
    ],
)
def test_readings(bracket: str, word: str, notation: str, alphabet: str) -> None:
    text = f"去{bracket}了"
    marked = inline(text)
    (reading,) = marked.notes
    assert isinstance(reading, Reading)
    assert (reading.notation, reading.alphabet) == (notation, alphabet)
    assert on(text, marked) == [word]
    assert text.startswith(notation, reading.at)
    assert marked.text.text.replace(" ", "") == f"去{word}了".replace("\\", "")


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("[|a1]", "|", "Before the bar"),
        ("[ |a1]", "|", "Before the bar"),
        ("[重庆|]", "]", "After the bar"),
        ("[重庆|pinyin: ]", "]", "After the bar"),
        ("[a|b|c]", "|", "one bar"),
        ("[行|ipa:x]", "ipa", "pinyin, jyutping, arpabet, kana, hangul"),
        ("[行|123]", "123", "no reading"),
        ("[行|重]", "重", "no reading"),
        ("[重庆|chong2 [qing4]]", "[qing4", "no brackets"),
        ("[read [pause]|R EH1 D]", "[pause", "no brackets"),
        ("[spell]a[b|c1][/spell]", "[b", "[spell]"),
        ("[橋|は]し]を", "]し", "は’し"),
    ],
)
def test_no_readings(text: str, at: str, told: str) -> None:
    assert told in refused(text, at)


def test_a_bracket_round_a_reading_is_text() -> None:
    marked = inline("[see [橋|はし]を]")
    assert marked.text.text == "[see 橋を]"
    assert [*map(type, marked.notes)] == [Reading]


def test_sayings_and_languages() -> None:
    text = "[spell]NASA[/spell] [digits] 2024 [/digits], [EN]chat[/EN] [yue]我[ja]行[/ja][/yue]"
    marked = inline(text)
    assert marked.text.text == "NASA  2024 , chat 我行"
    assert [getattr(n, "kind", getattr(n, "language", "")) for n in marked.notes] == [
        *("characters", "digits", "en", "yue", "ja")
    ]
    assert on(text, marked) == ["NASA", "2024", "chat", "我[ja]行", "行"]
    assert isinstance(marked.notes[0], Say)
    assert isinstance(marked.notes[2], Language)


def test_a_tag_on_nothing_is_no_note() -> None:
    assert inline("a[digits] [/digits][en][/en]b[whisper]").notes == ()


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("a [en]b", "[en]", "[/en]"),
        ("a [en]b[ja]c[/ja]", "[en]", "[/en]"),
        ("a [/en]b", "[/en]", "No [en] is open"),
        ("[en]a[ja]b[/en][/ja]", "[/en]", "[ja] must be closed"),
        ("[spell]a[digits]1[/digits][/spell]", "[digits]", "[spell]"),
        ("[en:x]a[/en]", "x]", "no value"),
        ("[en]a[/en x]", "x]", "no value"),
        ("a[/pause]", "[/pause", "no closing tag"),
        ("[pause=1s]", "=", "colon"),
        ("[emotoin:happy]", "emotoin", "emotion"),
        ("[a-b:c]", "a-b", "pause"),
        ("[en]" * 17, "[en]", "inside each other"),
    ],
)
def test_tags_that_do_not_fit(text: str, at: str, told: str) -> None:
    assert told in refused(text, at)


def test_styles_hold_until_another() -> None:
    text = (
        "[emotion:happy]a [whisper]b[emotion: sad ] c[/whisper] [style:news]d[/emotion][/style] e"
    )
    marked = inline(text)
    assert marked.text.text == "a b c d e"
    styles = [(n.name, n.value) for n in marked.notes if isinstance(n, Style)]
    assert styles == [
        ("emotion", "happy"),
        ("style", "whisper"),
        ("emotion", "sad"),
        ("style", "news"),
    ]
    assert on(text, marked) == [
        "a [whisper]b",
        "b[emotion: sad ] c",
        "c[/whisper] [style:news]d",
        "d",
    ]


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("[emotion:foo]", "foo", "happy"),
        ("[style]", "]", "whisper"),
        ("[style guide]", "guide", r"\["),
        ("a[/emotion]", "[/emotion]", "still open"),
        ("[whisper]a[/shout]", "[/shout]", "still open"),
    ],
)
def test_no_styles(text: str, at: str, told: str) -> None:
    assert told in refused(text, at)


def test_prosody() -> None:
    text = "[rate 1.2]a [pitch +2]b[/pitch][/rate] [rate:80%]c[/rate] [pitch -1.5st]d[/pitch]"
    marked = inline(text)
    assert marked.text.text == "a b c d"
    assert [(n.rate, n.pitch) for n in marked.notes if isinstance(n, Prosody)] == [
        (1.2, 0.0),
        (1.0, 2.0),
        (0.8, 0.0),
        (1.0, -1.5),
    ]
    assert on(text, marked) == ["a [pitch +2]b", "b", "c", "d"]


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("[rate 3]a[/rate]", "3]", "0.5 to 2"),
        ("[rate]a[/rate]", "]a", "0.5 to 2"),
        ("[pitch +13]a[/pitch]", "+13", "-12 to 12"),
        ("[pitch 10%]a[/pitch]", "10%", "sign"),
        ("[pitch 200Hz]a[/pitch]", "200Hz", "semitones"),
        ("[rate 1.5]a[rate 1.6]b[/rate][/rate]", "1.6", "0.5 to 2"),
        ("[pitch 8]a[pitch 8]b[/pitch][/pitch]", "8]b", "-12 to 12"),
    ],
)
def test_no_prosody(text: str, at: str, told: str) -> None:
    assert told in refused(text, at)


@pytest.mark.parametrize(
    ("value", "factor"),
    [("1.2", 1.2), ("120%", 1.2), ("+20%", 1.2), ("-20%", 0.8), ("slow", 0.75), ("0.4", None)],
)
def test_rates(value: str, factor: float | None) -> None:
    assert notes.rate(value) == pytest.approx(factor) if factor else notes.rate(value) is None


@pytest.mark.parametrize(
    ("value", "semitones"),
    [("+2", 2), ("-2st", -2), ("1.5 st", 1.5), ("+100%", 12), ("-50%", -12), ("x-low", -4)],
)
def test_pitches(value: str, semitones: float) -> None:
    assert notes.pitch(value) == pytest.approx(semitones)


@pytest.mark.parametrize("value", ["-100%", "+0st2", "", "+", "１", "1e3"])
def test_no_pitches(value: str) -> None:
    assert notes.pitch(value) is None


def test_a_backslash_makes_text_of_a_bracket() -> None:
    text = r"\[en] \[pause\] a\[0] C:\x"
    marked = inline(text)
    assert marked.text.text == r"[en] [pause] a[0] C:\x"
    assert all(text[a:b] == c for c, a, b in characters(marked))


def test_a_message_shows_the_place() -> None:
    message = refused("你" * 50 + "[emotion:foo]" + "好" * 50, "foo")
    assert "你[emotion:>>>foo]好" in message
    assert "\\[" in message
    assert len(message) < 400


def test_plain_text_has_no_markup() -> None:
    text = "[pause 9] <speak>[/en]"
    assert parse(text, syntax="plain").text.text == text
    assert parse(text, syntax="plain").notes == ()


def test_ssml_is_known_by_its_beginning() -> None:
    assert parse(" \n<speak>a</speak>").text.text == "a"
    assert parse("<speak>[pause]</speak>").text.text == "[pause]"
    assert parse("<speak>a</speak>", syntax="inline").text.text == "<speak>a</speak>"
    assert parse("<speaking>").text.text == "<speaking>"


def test_there_is_no_such_syntax() -> None:
    with pytest.raises(ConfigError, match="auto, plain, inline, ssml"):
        parse("a", syntax="xml")


@pytest.mark.parametrize("text", ["a", "[pause]a", "<speak>a</speak>"])
def test_the_journal_goes_along(text: str) -> None:
    journal = Journal(explain=True)
    assert parse(text, journal=journal).text.journal is journal


def characters(marked: Marked) -> list[tuple[str, int, int]]:
    return [*zip(marked.text.text, marked.text.starts, marked.text.ends, strict=True)]


def check(text: str, marked: Marked) -> None:
    """What holds of any text with markup."""
    assert [*marked.text.starts] == sorted(marked.text.starts)
    assert [*marked.text.ends] == sorted(marked.text.ends)
    edges = {a for a, b in zip(marked.text.starts, marked.text.ends, strict=True) if a < b}
    ends = {b for a, b in zip(marked.text.starts, marked.text.ends, strict=True) if a < b}
    for note in marked.notes:
        if isinstance(note, Pause):
            assert 0 <= note.at < len(text)
            assert 0 <= note.seconds <= 10
        else:
            assert note.span[0] in edges
            assert note.span[1] in ends
            assert note.span[0] < note.span[1]
        if isinstance(note, Reading):
            assert note.notation
            assert 0 <= note.at < len(text)


def taken_or_refused(text: str, syntax: str) -> Marked | None:
    """None if it is refused, at a place that there is and in words that can be shown."""
    fault = None
    try:
        return parse(text, syntax=syntax)
    except MarkupError as error:
        fault = error
    assert 0 <= fault.position <= len(text)
    assert str(fault).encode()
    return None


PIECES = st.sampled_from(
    [
        *("[", "]", "|", "\\", "/", ":", " ", "\n", "a", "é", "重", "は", "한", "1", "\ud800"),
        *("[pause]", "[pause 0.8s]", "[en]", "[/en]", "[ja]", "[/ja]", "[whisper]", "[/whisper]"),
        *("[emotion:sad]", "[/emotion]", "[style:news]", "[rate 1.2]", "[/rate]", "[spell]"),
        *("[/spell]", "[重|chong2]", "[pitch +2]", "[/pitch]", "[x:y]", "[1]", "pinyin:", "="),
    ]
)
TEXTS = st.text() | st.lists(PIECES).map("".join)


@given(TEXTS, st.sampled_from(SYNTAXES))
@settings(deadline=None)
def test_any_text_is_taken_or_refused_at_a_place(text: str, syntax: str) -> None:
    marked = taken_or_refused(text, syntax)
    if marked is None:
        assert syntax != "plain"
        return
    check(text, marked)
    if syntax == "plain":
        assert marked.text.text == text
    if syntax in ("plain", "inline"):
        assert all(b == a + 1 and text[a] == c for c, a, b in characters(marked))


@given(st.text().filter(lambda text: "[" not in text and "]" not in text))
def test_text_without_brackets_survives_untouched(text: str) -> None:
    marked = inline(text)
    assert marked.text.text == text
    assert marked.notes == ()


@given(st.lists(st.sampled_from(["[", "]", "\\", "a", " ", "[en]", "[pause]", "|", "重|x1"])))
def test_a_backslash_before_each_bracket_makes_text_of_any_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    marked = inline(re.sub(r"(?=[\[\]])", r"\\", text))
    assert marked.text.text == text
    assert marked.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[|" * 50_000,
        "[" * 50_000 + "]" * 50_000,
        "[en " * 30_000 + " " * 50_000,
        "[pause]" * 15_000,
        "[whisper] " * 10_000,
        "[a" + " " * 100_000 + "]",
        "[emotion" + ": " * 50_000 + "]",
        "[重|" + "か" * 100_000,
        "[重|か]" + "か" * 100_000,
        "\\[" * 50_000,
    ],
)
def test_time_grows_with_the_length_only(text: str) -> None:
    began = time.thread_time()  # of this alone, whatever else the machine does
    with contextlib.suppress(MarkupError):
        inline(text)
    assert time.thread_time() - began < 2


EXAMPLE = re.compile(r"^```(inline|xml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_are_understood() -> None:
    examples = EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    assert len(examples) == PAGE.read_text(encoding="utf-8").count("```inline") + 1
    for kind, example in examples:
        if kind == "inline":
            for line in example.splitlines():
                marked = parse(line)
                assert marked.notes or "\\[" in line, line
        else:
            assert parse(example).text


def test_the_page_names_all_there_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in (*notes.SAYINGS, *notes.LANGUAGES, *notes.EMOTIONS, *notes.STYLES):
        assert f"`{name}`" in page or f"`[{name}]`" in page, name
    for name in notes.ALPHABETS.values():
        assert f"`{name}`" in page, name


def test_the_names_of_notes_are_those_of_this_module() -> None:
    assert {*markup.__all__} >= {cls.__name__ for cls in notes.Note.__args__}
