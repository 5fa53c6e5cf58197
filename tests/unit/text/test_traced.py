import re

from hypothesis import given
from hypothesis import strategies as st

from myna.text.traced import Applied, Journal, Traced, Unread, joined


def places(text: Traced) -> list[tuple[int, int]]:
    return list(zip(text.starts, text.ends, strict=True))


def test_a_replacement_takes_the_place_of_what_it_replaces() -> None:
    text = Traced.of("走3-5天").sub(re.compile("([0-9])-([0-9])"), "三到五")
    assert text.text == "走三到五天"
    assert places(text) == [(0, 1), (1, 4), (1, 4), (1, 4), (4, 5)]


def test_what_stays_keeps_its_own_place() -> None:
    text = Traced.of("it is 3-5 days").sub(re.compile("[0-9]-[0-9] days"), "3 to 5 days")
    assert text.text == "it is 3 to 5 days"
    assert text.span(6, 7) == (6, 7)
    assert text.span(8, 10) == (7, 8)
    assert text.span(11, 12) == (8, 9)
    assert text.span(13, 17) == (10, 14)


def test_places_survive_a_chain() -> None:
    text = Traced.of("a《12》b").translate({ord("《"): "", ord("》"): ""})
    text = text.sub(re.compile("12"), "twelve")[1:7]
    assert text.text == "twelve"
    assert set(places(text)) == {(2, 4)}


def test_what_is_put_in_has_no_length() -> None:
    text = "." + Traced.of("ab")[1:] + "!"
    assert places(text) == [(1, 1), (1, 2), (2, 2)]
    assert text.span(0, 1) == (1, 1)
    assert text.span() == (1, 2)


def test_what_is_put_into_a_replacement_has_its_place() -> None:
    text = Traced.of("a12b").sub(re.compile("12"), "twelve")
    assert places(text[:4] + "-" + text[4:])[4] == (3, 3)
    text = text.sub(re.compile("(?=lve)"), "-")
    assert text.text == "atwe-lveb"
    assert places(text)[4] == (1, 3)


def test_the_journal_says_what_happened() -> None:
    journal = Journal(explain=True)
    text = Traced.of("5€ 😀 ok", journal)
    text = text.sub(re.compile("([0-9])€"), r"\1 euros", rule="en.currency")
    text = text.kept(lambda char: char.isalnum() or char == " ")
    assert text.text == "5 euros  ok"
    assert journal.applied == [Applied("en.currency", (0, 2), "5€", "5 euros")]
    assert journal.unread == [Unread((3, 4), "😀")]


def test_nobody_asked_for_an_explanation() -> None:
    text = Traced.of("ab").sub(re.compile("a"), "b", rule="some.rule")
    assert text.journal.applied == []


def test_marks_and_spaces_go_unnoted() -> None:
    text = Traced.of("“a” \u200d").kept(str.isalpha)
    assert text.text == "a"
    assert text.journal.unread == []


PATTERNS = [r"[ab]+", r"(a)(b)?", r"b|^", r"\s", r"(?<=a)", r"$"]


@given(
    st.text("abc ,"),
    st.sampled_from(PATTERNS),
    st.sampled_from(["", "x", r"\g<0>", r"a\g<0>b", "long words"]),
)
def test_sub_is_that_of_strings(text: str, pattern: str, replacement: str) -> None:
    compiled = re.compile(pattern)
    found = Traced.of(text).sub(compiled, replacement)
    assert found.text == compiled.sub(replacement, text)
    _check(found, text)


@given(st.text("abc ,"), st.sampled_from(PATTERNS))
def test_split_gives_what_lies_between(text: str, pattern: str) -> None:
    compiled = re.compile(pattern)
    parts = Traced.of(text).split(compiled)
    matches = [match[0] for match in compiled.finditer(text)]
    assert len(parts) == len(matches) + 1
    rejoined = "".join(part.text + match for part, match in zip(parts, [*matches, ""], strict=True))
    assert rejoined == text
    _check(joined(parts), text)


@given(st.text("ab,"), st.text(",b"))
def test_strip_and_translate_are_those_of_strings(text: str, chars: str) -> None:
    table = {ord("a"): "", ord("b"): "xy"}
    assert Traced.of(text).strip(chars).text == text.strip(chars)
    assert Traced.of(text).translate(table).text == text.translate(table)
    _check(Traced.of(text).translate(table), text)


def _check(found: Traced, text: str) -> None:
    assert len(found.starts) == len(found.ends) == len(found.text)
    assert list(found.starts) == sorted(found.starts)
    assert list(found.ends) == sorted(found.ends)
    assert all(0 <= a <= b <= len(text) for a, b in places(found))
