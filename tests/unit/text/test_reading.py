import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.errors import ConfigError, MarkupError, TextError
from myna.text import LANGUAGES, direct, ids, lexicon, prompt, read, sentences
from myna.text.segments import MODES

needs_zh = pytest.mark.skipif(
    not (find_spec("jieba") and find_spec("pypinyin")), reason="the extra zh is not installed"
)

UNSPEAKABLE = ["", " ", "\n\t", "😀🎉", "\ud800", "\x00\x07", "...", "？！"]


@pytest.mark.parametrize("text", UNSPEAKABLE)
@pytest.mark.parametrize("language", MODES)
def test_nothing_to_speak_is_an_error_that_says_what_to_do(text: str, language: str) -> None:
    with pytest.raises(TextError, match="Write"):
        read(text, language=language, improved=True)
    if text not in ("...", "？！"):  # which the published reader speaks
        with pytest.raises(TextError, match="Write"):
            read(text, language=language)


@pytest.mark.parametrize("text", UNSPEAKABLE)
def test_nothing_to_cut(text: str) -> None:
    with pytest.raises(TextError, match="Write at least one word"):
        sentences(text, language="en")


@pytest.mark.parametrize("improved", [False, True])
@pytest.mark.parametrize("language", MODES)
def test_words_of_another_script_only(language: str, improved: bool) -> None:
    sentence = read("Привет", language=language, improved=improved)
    assert sentence.silent
    assert "".join(unread.text for unread in sentence.unread) == "Привет"
    with pytest.raises(TextError, match=f"language='{language}'"):
        prompt("Привет", language, improved=improved)


def test_a_short_sentence_gets_a_point_in_front() -> None:
    sentence = read("Good", language="en")
    assert sentence.symbols == (".", "G", "UH1", "D")
    assert sentence.source == "Good"
    assert read("Hi", language="en").symbols == (",", ".", "HH", "AY1")
    assert read("Wonderful", language="en").symbols[0] == "W"


def test_prompt_is_closed() -> None:
    assert prompt("\nHello there my friend\n", "en").symbols[-1] == "."
    assert prompt("Hello there my friend!", "en").symbols[-1] == "!"


@needs_zh
def test_parts_keep_their_language_and_counts() -> None:
    chinese, english, rest = read("我喜欢Python，你呢？").parts
    assert (chinese.language, english.language) == ("zh", "en")
    assert chinese.phones_per_char == (2, 2, 2)
    assert english.phones_per_char is None
    assert rest.text == "你呢?"


@needs_zh
def test_written_pauses() -> None:
    symbols = read("停顿一下￥然后，继续。").symbols
    assert "," not in symbols
    assert symbols.count("SP2") == 2
    assert "SP3" in read("停顿一下^然后继续。").symbols


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match="'v9'"):
        read("hello", language="en", table="v9")
    with pytest.raises(ConfigError, match="'xx'"):
        read("hello", language="xx")


def test_ten_thousand_words() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 1200
    pieces = sentences(text, language="en")
    assert len(pieces) == 1200
    assert len(read(text, language="en").symbols) > 30_000


@needs_zh
@settings(deadline=None)
@given(
    text=st.text(
        st.characters() | st.sampled_from("你好一不儿3-5：.年月aA'%$￥^ 食咗かナ한글々ー😀")
    ),
    language=st.sampled_from([*MODES]),
    table=st.sampled_from(["v1", "v2"]),
    improved=st.booleans(),
)
def test_any_text_is_read_or_refused(text: str, language: str, table: str, improved: bool) -> None:
    try:
        sentence = read(text, language=language, table=table, improved=improved)
    except TextError:
        return
    assert len(sentence.symbols) == len(ids(sentence.symbols, table))
    if not sentence.symbols:
        assert sentence.silent
        return
    spans = sentence.spans
    assert len(spans) == len(sentence.symbols)
    assert list(spans) == sorted(spans)
    covered = {i for start, end in spans for i in range(start, end)}
    assert not [i for i, char in enumerate(text) if i not in covered and not char.isspace()]
    for part in sentence.parts:
        assert part.language in LANGUAGES
        if part.phones_per_char is not None:
            assert len(part.phones_per_char) == len(part.text)
            assert sum(part.phones_per_char) == len(part.symbols)


def _python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )


def test_importing_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = "{'numpy', 'jieba', 'pypinyin', 'torch', 'onnxruntime'}"
    code = f"import sys, myna.text.reading; print(sorted({heavy} & set(sys.modules)))"
    assert _python(code, tmp_path).stdout.strip() == "[]"


@needs_zh
def test_mandarin_leaves_no_trace(tmp_path: Path) -> None:
    done = _python("from myna.text import read; read('你好世界。', language='zh')", tmp_path)
    assert done.stdout == done.stderr == ""
    assert not list(tmp_path.iterdir())


class TestMarkup:
    def test_a_reading_is_taken_in_the_middle_of_a_sentence(self) -> None:
        text = "I [read|R EH1 D] it today."
        (piece,) = sentences(text, language="en", syntax="inline")
        sentence = read(piece, language="en")
        assert " ".join(sentence.symbols).startswith("AY1 R EH1 D IH1 T")
        assert [text[start:end] for start, end in sentence.spans[:2]] == ["I [", "read|R EH1 D]"]

    @needs_zh
    def test_mandarin_keeps_its_counts(self) -> None:
        (piece,) = sentences("我在[重庆|zhong4 qing4]住。", language="zh", syntax="inline")
        (part,) = read(piece, language="zh").parts
        assert part.text == "我在重庆住."
        assert part.symbols[4:8] == ("zh", "ong4", "q", "ing4")
        assert part.phones_per_char == (2, 2, 2, 2, 2, 1)

    @needs_zh
    def test_a_reading_too_long_for_its_characters(self) -> None:
        text = "我在[重庆|chong2 qing4 shi4]住。"
        (piece,) = sentences(text, language="zh", syntax="inline")
        with pytest.raises(MarkupError, match="3 syllables for 2 characters") as raised:
            read(piece, language="zh")
        assert text[raised.value.position :].startswith("chong2")

    def test_what_is_no_reading_is_pointed_at(self) -> None:
        text = "I [read|R XX1 D] it."
        (piece,) = sentences(text, language="en", syntax="inline")
        with pytest.raises(MarkupError, match="XX1") as raised:
            read(piece, language="en")
        assert text[raised.value.position :].startswith("XX1")

    def test_pauses_and_prosody_end_pieces(self) -> None:
        text = (
            "[pause 1s]One more. [pause 0.5s]Then [rate 0.8]slowly spoken[/rate] and on.[pause 2s]"
        )
        pieces = sentences(text, language="en", syntax="inline")
        found = [read(piece, language="en") for piece in pieces]
        assert [sentence.source.strip() for sentence in found] == [
            "One more.",
            "Then",
            "slowly spoken",
            "and on.",
        ]
        assert [sentence.pause_before for sentence in found] == [1.0, 0.0, 0.0, 0.0]
        assert [sentence.pause_after for sentence in found] == [0.5, 0.0, 0.0, 2.0]
        assert [sentence.rate for sentence in found] == [1.0, 1.0, 0.8, 1.0]

    def test_styles_go_to_the_sentences_they_touch(self) -> None:
        text = "Well now then. [emotion:happy]We won the game![/emotion] It is over now."
        found = [read(p, language="en") for p in sentences(text, language="en", syntax="inline")]
        assert [[style.value for style in sentence.styles] for sentence in found] == [
            [],
            ["happy"],
            [],
        ]

    @needs_zh
    def test_a_language_is_a_mode_for_its_stretch(self) -> None:
        (piece,) = sentences("[zh]我喜欢Python[/zh]。", language="en", syntax="inline")
        assert [part.language for part in read(piece, language="en").parts][:2] == ["zh", "en"]

    def test_said_letter_by_letter(self) -> None:
        (piece,) = sentences("It is [spell]cat[/spell].", language="en", syntax="inline")
        assert "S IY1 EY1 T IY1" in " ".join(read(piece, language="en").symbols)

    def test_a_lexicon_goes_over_the_dictionary_and_under_markup(self) -> None:
        words = lexicon("en\tcat\tK AA1 T\n", "en\tcat\tK IY1 T\n")
        assert "K IY1 T" in " ".join(read("A cat sat.", language="en", lexicon=words).symbols)
        (piece,) = sentences("A [cat|K UW1 T] sat.", language="en", syntax="inline")
        assert "K UW1 T" in " ".join(read(piece, language="en", lexicon=words).symbols)

    def test_a_possessive_sounds_by_the_reading_before_it(self) -> None:
        words = lexicon("en\tmyna\tM AY1 N AH0\n")
        for improved in (False, True):
            sentence = read("The Myna’s song.", language="en", lexicon=words, improved=improved)
            assert "M AY1 N AH0 Z S AO1 NG" in " ".join(sentence.symbols)

    def test_a_number_between_languages_keeps_to_its_sentence(self) -> None:
        text = "[en]I have[/en] 5 [en]apples[/en]. 我有两个。"
        first, _ = sentences(text, syntax="inline", improved=True)
        (part,) = read(first, improved=True).parts
        assert (part.language, part.text) == ("en", "I have five apples.")

    def test_marks_between_languages_are_no_language(self) -> None:
        (piece,) = sentences("“[en]chat[/en]”，[en]cat[/en]。", syntax="inline")
        assert [part.language for part in read(piece).parts] == ["en"]

    def test_an_alias_may_be_cut(self) -> None:
        text = (
            '<speak>We saw <lang xml:lang="en"><sub alias="A tree. A bird.">X</sub></lang></speak>'
        )
        for improved in (False, True):
            for piece in sentences(text, syntax="ssml", language="zh", improved=improved):
                sentence = read(piece, language="zh", improved=improved)
                assert {part.language for part in sentence.parts} == {"en"}
                assert all(end <= sentence.span[1] for _, end in sentence.spans)

    def test_pauses_at_one_place_have_an_end(self) -> None:
        (piece,) = sentences("[pause 10s]" * 50 + "Hello there.", language="en", syntax="inline")
        assert piece.pause_before == 10.0

    def test_many_notes_take_no_time(self) -> None:
        text = "[rate 0.9]word here[/rate] and [read|R EH1 D] on. " * 1000
        pieces = sentences(text, language="en", syntax="inline")
        assert len(pieces) == 2000
        assert max(len(piece.notes) for piece in pieces) <= 2


@pytest.mark.parametrize(
    ("text", "language", "first"),
    [("5", "en", ". F"), ("3天", "zh", ". s"), ("8点", "zh", ". b"), ("5蚊", "yue", ". Yng")],
)
def test_a_point_in_front_is_no_part_of_a_number(text: str, language: str, first: str) -> None:
    pytest.importorskip("jieba")
    pytest.importorskip("ToJyutping")
    assert " ".join(read(text, language=language, improved=True).symbols).startswith(first)


def test_bare_numbers_go_with_what_is_beside_them() -> None:
    found = [
        read(piece, improved=True)
        for piece in sentences(
            "They met in the spring. 2024, 10:30. Then it rained.", improved=True
        )
    ]
    assert {part.language for sentence in found for part in sentence.parts} == {"en"}


def test_a_transcript_is_one_language() -> None:
    part = direct("Hello.", language="en")
    assert (part.language, part.text, part.source) == ("en", "Hello.", "Hello.")
    assert part.spans == ((0, 5),) * 4 + ((5, 6),)


def test_a_table_knows_its_languages() -> None:
    with pytest.raises(TextError, match="zh, en, ja"):
        direct("안녕하세요", language="ko", table="v1")


def test_what_is_not_spoken_is_told() -> None:
    sentence = read("Good morning 😀 everybody.", language="en")
    ((span, text),) = sentence.unread
    assert (span, text) == ((13, 14), "😀")


def test_rules_are_told_if_asked() -> None:
    assert read("It costs $5.", language="en").applied == ()
    applied = read("It costs $5.", language="en", explain=True).applied
    assert [(rule.before, rule.span) for rule in applied if "$" in rule.before] == [("$5", (9, 11))]
