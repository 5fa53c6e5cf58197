import numpy as np
import pytest

from myna.errors import ConfigError
from myna.text.symbols import MARKS, TABLES, ids, symbols


@pytest.mark.parametrize(("table", "size"), [("v1", 322), ("v2", 732)])
def test_size(table: str, size: int) -> None:
    assert len(symbols(table)) == len(set(symbols(table))) == size


def test_v2_continues_v1() -> None:
    assert symbols("v2")[:322] == symbols("v1")


def test_ids_are_places_and_unknown_phones_are_unk() -> None:
    found = ids(["a1", "nonsense", "ㄱ"], "v2")
    assert found.dtype == np.int64
    assert found.tolist() == [symbols("v2").index("a1"), 86, symbols("v2").index("ㄱ")]
    assert ids(["ㄱ"], "v1").tolist() == [86]
    assert ids([], "v2").shape == (0,)


@pytest.mark.parametrize("table", TABLES)
def test_marks_are_phones(table: str) -> None:
    assert set(MARKS) < set(symbols(table))


def test_unknown_table() -> None:
    with pytest.raises(ConfigError, match=r"'v9'.*v1, v2"):
        ids(["a1"], "v9")
