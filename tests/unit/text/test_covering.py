from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from myna.text.covering import covering


def test_what_no_phone_came_from_goes_to_the_one_before() -> None:
    #         01234567
    source = "“ab” 《c》"
    spans = covering([(1, 3), (1, 3), (6, 7)], source, (0, 8))
    assert spans == [(0, 6), (0, 6), (6, 8)]


def test_spaces_at_borders_belong_to_nobody() -> None:
    assert covering([(1, 2), (3, 4)], " a b ", (0, 5)) == [(1, 2), (3, 4)]


def test_what_was_put_in_stays_empty() -> None:
    assert covering([(0, 0), (0, 1), (1, 1)], "a!", (0, 2)) == [(0, 0), (0, 2), (1, 2)]


def test_nothing_but_what_was_put_in() -> None:
    assert covering([(0, 0)], "…", (0, 1)) == [(0, 1)]
    assert covering([], "…", (0, 1)) == []


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    text = draw(st.text("ab \n,", max_size=12))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=10)))
    return text, list(pairwise(cuts))


@given(texts())
def test_everything_is_covered_in_order(drawn: tuple[str, list[tuple[int, int]]]) -> None:
    text, spans = drawn
    covered = covering(spans, text, (0, len(text)))
    assert len(covered) == len(spans)
    assert [start for start, _ in covered] == sorted(start for start, _ in covered)
    assert [end for _, end in covered] == sorted(end for _, end in covered)
    inside = {i for start, end in covered for i in range(start, end)}
    assert not [i for i, char in enumerate(text) if not char.isspace() and i not in inside]
    for (start, end), (first, last) in zip(spans, covered, strict=True):
        assert start == end or (first <= start and end <= last)
