"""Batches hold every example once, within the budget, in an order that can be computed again."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")


from myna.errors import TrainingError
from myna.training.batches import ahead, check, cut, from_place, plan, share
from myna.training.task import LoopSettings
from toy_tasks import Rows

LENGTHS = st.lists(st.integers(0, 50), min_size=1, max_size=80)


@given(lengths=LENGTHS, budget=st.integers(50, 300), most_rows=st.integers(1, 9))
def test_every_example_is_in_one_batch_within_the_budget(
    lengths: list[int], budget: int, most_rows: int
) -> None:
    settings = LoopSettings(budget=budget, most_rows=most_rows)
    batches = plan(lengths, settings, epoch=3)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= most_rows
        assert len(batch) * max(lengths[row] for row in batch) <= budget
        assert [lengths[row] for row in batch] == sorted((lengths[r] for r in batch), reverse=True)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = Rows(60).lengths
    settings = LoopSettings(budget=60)
    first = plan(lengths, settings, epoch=0)
    assert plan(lengths, settings, epoch=0) == first
    assert plan(lengths, settings, epoch=1) != first
    assert plan(lengths, LoopSettings(budget=60, seed=5), epoch=0) != first


def test_little_of_a_batch_is_padding() -> None:
    lengths = Rows(500, longest=200).lengths
    batches = plan(lengths, LoopSettings(budget=1000), epoch=0)
    padded = sum(len(batch) * lengths[batch[0]] for batch in batches)
    assert sum(lengths) / padded > 0.9


def test_going_on_at_a_place_gives_what_would_have_come() -> None:
    lengths = Rows(30).lengths
    settings = LoopSettings(budget=60)
    whole = list(islice(from_place(lengths, settings, 0, 0), 40))
    for at in (1, 5, len(plan(lengths, settings, 0)), 17):
        epoch, place, _ = whole[at - 1]
        assert list(islice(from_place(lengths, settings, epoch, place + 1), 40 - at)) == whole[at:]


@given(rows=st.lists(st.integers(), max_size=20), world=st.integers(1, 5), pieces=st.integers(1, 9))
def test_shares_and_pieces_hold_every_row_once(rows: list[int], world: int, pieces: int) -> None:
    shares = [share(rows, rank, world) for rank in range(world)]
    assert sorted(row for each in shares for row in each) == sorted(rows)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    for each in shares:
        parts = cut(each, pieces) if each else []
        assert [row for part in parts for row in part] == list(each)
        assert len(parts) == min(pieces, len(each))
        assert all(parts)


def test_an_example_that_fits_no_batch_is_named() -> None:
    examples = Rows(10)
    longest = max(examples.lengths)
    name = f"row{examples.lengths.index(longest)}"
    check(examples, LoopSettings(budget=longest))
    with pytest.raises(TrainingError, match=rf"{name} has a length of {longest}, more"):
        check(examples, LoopSettings(budget=longest - 1))
    with pytest.raises(TrainingError, match="no examples"):
        check(Rows(0), LoopSettings())


def test_what_is_made_ahead_is_the_same_and_errors_come_through() -> None:
    assert list(ahead(iter(range(5)))) == [0, 1, 2, 3, 4]

    def broken() -> object:
        yield 1
        raise OSError("no such file")

    items = ahead(broken())  # type: ignore[arg-type]
    assert next(items) == 1
    with pytest.raises(OSError, match="no such file"):
        next(items)
