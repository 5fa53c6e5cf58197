import time
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.errors import MarkupError
from myna.text.markup import Language, Marked, Pause, Prosody, Reading, Say, parse


def ssml(text: str) -> Marked:
    return parse(text, syntax="ssml")


def refused(text: str, at: str) -> str:
    """The message of the error at the last place of `at` in `text`."""
    with pytest.raises(MarkupError) as caught:
        ssml(text)
    assert caught.value.position == text.rindex(at)
    return str(caught.value)


def test_words_keep_their_places() -> None:
    text = "<speak>你 &amp; me&#x4e00;&#65; <![CDATA[<b> &amp;]]></speak>"
    marked = ssml(text)
    assert marked.text.text == "你 & me一A <b> &amp;"
    places = [text[a:b] for a, b in zip(marked.text.starts, marked.text.ends, strict=True)]
    assert places == [*("你", " ", "&amp;", " ", "m", "e", "&#x4e00;", "&#65;", " "), *"<b> &amp;"]


def test_white_space_is_one_space() -> None:
    text = "<speak>\r\n a \t\n b<break/> c\u00a0 \u3000d </speak>"
    marked = ssml(text)
    assert marked.text.text == "a b c\u00a0 \u3000d"
    assert [*marked.text.starts] == sorted(marked.text.starts)


def test_paragraphs_and_sentences_are_lines() -> None:
    text = "<speak>\n<p> <s>One.</s> <s> Two. </s></p><p>Three</p> four </speak>"
    assert ssml(text).text.text == "One.\nTwo.\nThree\nfour"


def test_pauses() -> None:
    text = (
        '<speak>a<break time="0.8s"/>b<break time=" +300ms "/><break/>c<break strength="none"/>'
        '<break strength="x-strong" time="1s"/></speak>'
    )
    marked = ssml(text)
    assert marked.text.text == "abc"
    assert [note.seconds for note in marked.notes if isinstance(note, Pause)] == [
        *(0.8, 0.3, 0.5, 0.0, 1.0)
    ]
    assert [text[note.at :][:6] for note in marked.notes if isinstance(note, Pause)] == [
        "<break"
    ] * 5


def test_a_pause_lies_between_what_is_beside_it() -> None:
    text = "<speak><p>a </p> <break/> <p>b</p></speak>"
    marked = ssml(text)
    (pause,) = marked.notes
    assert isinstance(pause, Pause)
    assert marked.text.text == "a\nb"
    assert [start < pause.at for start in marked.text.starts] == [True, False, False]


def test_readings() -> None:
    text = (
        '<speak>去<phoneme alphabet="pinyin" ph="chong2 qing4">重庆</phoneme>, '
        "<phoneme ph=' R EH1 D' alphabet='x-arpabet'>read</phoneme> "
        '<phoneme ph="は’し">橋</phoneme></speak>'
    )
    marked = ssml(text)
    assert marked.text.text == "去重庆, read 橋"
    readings = [note for note in marked.notes if isinstance(note, Reading)]
    assert [(r.notation, r.alphabet) for r in readings] == [
        ("chong2 qing4", "pinyin"),
        ("R EH1 D", "arpabet"),
        ("は’し", "kana"),
    ]
    assert [text[slice(*r.span)] for r in readings] == ["重庆", "read", "橋"]
    assert all(text.startswith(r.notation, r.at) for r in readings)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("spell-out", "characters"), ("number", "cardinal"), ("date", "date"), ("digits", "digits")],
)
def test_sayings(name: str, kind: str) -> None:
    text = f'<speak>a <say-as interpret-as="{name}" format="x"> 12 </say-as> b</speak>'
    marked = ssml(text)
    start = text.index("12")
    assert marked.notes == (Say((start, start + 2), kind),)
    assert marked.text.text == "a 12 b"


@pytest.mark.parametrize(
    ("code", "language"),
    [
        *(("zh-CN", "zh"), ("zh", "zh"), ("cmn-Hans-CN", "zh"), ("zh-TW", "zh"), ("zh_cn", "zh")),
        *(("yue", "yue"), ("zh-HK", "yue"), ("zh-Hant-HK", "yue"), ("en-US", "en")),
        *(("ja-JP", "ja"), ("ko-KR", "ko")),
    ],
)
def test_languages(code: str, language: str) -> None:
    text = f'<speak>x <lang xml:lang="{code}">y</lang></speak>'
    start = text.index("y<")
    assert ssml(text).notes == (Language((start, start + 1), language),)


def test_whole_texts_and_paragraphs_may_have_a_language() -> None:
    text = '<speak xml:lang="en-US"><p>a</p><p xml:lang="ja">b</p></speak>'
    notes = ssml(text).notes
    assert [note.language for note in notes if isinstance(note, Language)] == ["en", "ja"]
    assert [text[slice(*note.span)] for note in notes if isinstance(note, Language)] == [
        'a</p><p xml:lang="ja">b',
        "b",
    ]


def test_substitutes_have_the_place_of_what_they_stand_for() -> None:
    text = '<speak>the <sub alias="World  Health"> W &amp; H </sub>says</speak>'
    marked = ssml(text)
    assert marked.text.text == "the World Health says"
    start = marked.text.text.index("World")
    places = {marked.text.span(i, i + 1) for i in range(start, start + 12)}
    assert [text[slice(*place)] for place in places] == ["W &amp; H"]


def test_prosody() -> None:
    text = (
        '<speak><prosody rate="fast" pitch="+2st">a<prosody rate="80%">b</prosody></prosody>'
        '<prosody rate="default">c</prosody><prosody pitch="high">d</prosody></speak>'
    )
    notes = ssml(text).notes
    assert [(n.rate, n.pitch) for n in notes if isinstance(n, Prosody)] == [
        (1.25, 2.0),
        (0.8, 0.0),
        (1.0, 2.0),
    ]


def test_what_is_of_no_concern() -> None:
    text = (
        '\ufeff <?xml version="1.0" encoding="gb2312"?>\n<speak version="1.1" '
        'xmlns="http://www.w3.org/2001/10/synthesis" xmlns:x="y" x:y="z"><!-- no -->'
        '<mark name="m"/><emphasis level="strong">你好</emphasis></speak> <!-- end -->'
    )
    marked = parse(text)
    assert marked.text.text == "你好"
    assert marked.notes == ()
    assert marked.text.span() == (text.index("你"), text.index("你") + 2)


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("<speak>你<b>x</b></speak>", "<b>", "subset"),
        ("<speak><voice name='x'>a</voice></speak>", "<voice", "subset"),
        ("<speak><speak/></speak>", "<speak/", "subset"),
        ("<speak><m:x/></speak>", "<m:x", "subset"),
        ("<p>a</p>", "<p>", "<speak>"),
        ("hello", "hello", "not well-formed"),
        ("<speak>你 & me</speak>", "& me", "&amp;"),
        ("<speak>1 < 2</speak>", "< 2", "&lt;"),
        ("<speak>你<p>a</s></speak>", "</s>", "mismatched"),
        ("<speak>你&eacute;</speak>", "&eacute;", "entity"),
        ("<speak>a</speak>b", "b", "junk"),
        ("<!DOCTYPE speak [<!ENTITY a 'b'>]><speak>&a;</speak>", "<!DOCTYPE", "leave it out"),
        ("<speak>你<?x y?></speak>", "<?x", "leave it out"),
        ("<speak>你\ud800</speak>", "\ud800", "no character"),
        ("<speak>你\x00</speak>", "\x00", "not well-formed"),
        ("<speak>" + "<p>" * 40 + "</p>" * 40 + "</speak>", "<p>" * 9 + "</p>", "each other"),
        ("<speak>你<break time='3x'/></speak>", "3x", "0.8s"),
        ("<speak>你<break time='11s'/></speak>", "11s", "0 to 10 s"),
        ("<speak><break strength='big'/></speak>", "big", "x-strong"),
        ("<speak><break length='1s'/></speak>", "length", "time, strength"),
        ("<speak><break>a</break></speak>", "a<", "nothing in it"),
        ("<speak><phoneme>a</phoneme></speak>", "<phoneme", "ph"),
        ("<speak><phoneme ph=' '>a</phoneme></speak>", " '", "empty"),
        ("<speak><phoneme ph='a1'/></speak>", "<phoneme", "no words"),
        ("<speak><phoneme alphabet='ipa' ph='a1'>a</phoneme></speak>", "ipa", "jyutping"),
        ("<speak><phoneme ph='12'>a</phoneme></speak>", "12", "reading"),
        ("<speak><phoneme ph='a1'><s>a</s></phoneme></speak>", "<s>", "no elements"),
        ("<speak><say-as interpret-as='x'>a</say-as></speak>", "x'", "telephone"),
        ("<speak><say-as>a</say-as></speak>", "<say-as", "interpret-as"),
        ("<speak><lang xml:lang='de-DE'>a</lang></speak>", "de-DE", "zh-CN"),
        ("<speak xml:lang='fr'>a</speak>", "fr", "ko"),
        ("<speak><lang>a</lang></speak>", "<lang", "xml:lang"),
        ("<speak><sub>a</sub></speak>", "<sub", "alias"),
        ("<speak><sub alias='a'> </sub></speak>", "<sub", "no words"),
        ("<speak><prosody volume='loud'>a</prosody></speak>", "volume", "rate, pitch"),
        ("<speak><prosody rate='9'>a</prosody></speak>", "9'", "0.5 to 2"),
        ("<speak><prosody pitch='200Hz'>a</prosody></speak>", "200Hz", "semitones"),
        (
            "<speak><prosody rate='2'><prosody rate='1.5'>a</prosody></prosody></speak>",
            "1.5",
            "around it",
        ),
    ],
)
def test_what_is_refused(text: str, at: str, told: str) -> None:
    assert told in refused(text, at)


def test_an_end_too_soon() -> None:
    with pytest.raises(MarkupError, match="well-formed") as caught:
        ssml("<speak>你好")
    assert caught.value.position == len("<speak>你好")


def test_too_long() -> None:
    with pytest.raises(MarkupError, match="1,000,000"):
        ssml("<speak>" + "a" * 1_000_000 + "</speak>")


@pytest.mark.parametrize(
    "inside",
    ["a &amp; " * 10_000, "<p>你</p>" * 10_000, "<break/>\n" * 10_000, " " * 100_000, "]" * 90_000],
)
def test_time_grows_with_the_length_only(inside: str) -> None:
    began = time.thread_time()
    ssml(f"<speak>{inside}</speak>")
    assert time.thread_time() - began < 2


LEAVES = st.text("a你 \n&<é😀", min_size=1).map(
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;")
) | st.sampled_from(["<break time='1s'/>", "<mark name='x'/>", "<![CDATA[a&b]]>", "&#20320;"])
AROUND = st.sampled_from(
    [
        ("<p>", "</p>"),
        ("<s xml:lang='ja'>", "</s>"),
        ("<lang xml:lang='en'>", "</lang>"),
        ("<prosody rate='1.01'>", "</prosody>"),
        ("<emphasis>", "</emphasis>"),
    ]
)
CONTENTS = st.recursive(
    LEAVES,
    lambda inner: st.tuples(AROUND, st.lists(inner).map("".join)).map(
        lambda both: both[0][0] + both[1] + both[0][1]
    ),
    max_leaves=12,
)


@given(st.lists(CONTENTS).map("".join))
@settings(deadline=None, max_examples=50)
def test_the_words_are_those_of_another_reader(inside: str) -> None:
    text = f"<speak>{inside}</speak>"
    marked = ssml(text)
    words = "".join("".join(ElementTree.fromstring(text).itertext()).split())
    assert "".join(marked.text.text.split()) == words
    assert [*marked.text.starts] == sorted(marked.text.starts)
    for char, start, end in zip(
        marked.text.text, marked.text.starts, marked.text.ends, strict=True
    ):
        source = text[start:end]
        assert source == char or source.startswith("&") or char in " \n"
    for note in marked.notes:
        if not isinstance(note, Pause):
            assert note.span[0] in marked.text.starts
            assert note.span[1] in marked.text.ends


BITS = st.sampled_from(
    [
        *(
            "<speak>",
            "</speak>",
            "<p>",
            "</p>",
            "<break",
            "/>",
            ">",
            " time='1s'",
            "<sub alias='b'>",
        ),
        *("</sub>", "<phoneme ph='a1'>", "</phoneme>", "&amp;", "&", ";", "<!--", "-->", "]]>"),
        *("<![CDATA[", "<!DOCTYPE a>", "<?x?>", "你", "a", "é", " ", "\r\n", "\ud800", "\x00", "'"),
    ]
)


@given(st.lists(BITS).map("".join), st.booleans())
@settings(deadline=None)
def test_any_text_is_taken_or_refused_at_a_place(text: str, whole: bool) -> None:
    text = f"<speak>{text}</speak>" if whole else text
    fault = None
    try:
        marked = ssml(text)
    except MarkupError as error:
        fault = error
    if fault is not None:
        assert 0 <= fault.position <= len(text)
        assert str(fault).encode()
        return
    places = zip(marked.text.starts, marked.text.ends, strict=True)
    assert all(0 <= start <= end <= len(text) for start, end in places)
