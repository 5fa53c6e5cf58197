import random
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.text import zh
from myna.text.symbols import MARKS, symbols
from myna.text.traced import Traced

pytestmark = pytest.mark.skipif(
    not (find_spec("jieba") and find_spec("pypinyin")), reason="the extra zh is not installed"
)


def _counts_add_up(text: Traced, improved: bool) -> None:
    for table in ("v1", "v2"):
        phones = zh.g2p(text, table, improved=improved)
        assert phones.per_char is not None
        assert len(phones.per_char) == len(text)
        assert sum(phones.per_char) == len(phones.symbols) == len(phones.spans)
        assert set(phones.symbols) <= set(symbols(table))
        starts, ends = [a for a, _ in phones.spans], [b for _, b in phones.spans]
        assert starts == sorted(starts)
        assert ends == sorted(ends)


@pytest.mark.parametrize("improved", [False, True])
def test_any_ideographs_give_phones_of_the_table(improved: bool) -> None:
    draw = random.Random(7)
    ideographs = [chr(code) for code in range(0x4E00, 0x9FA6)]
    for _ in range(200):
        often = "一不儿上个的子地得点零百万第月"
        text = "".join(draw.choices([*ideographs, *MARKS, *often * 300], k=draw.randint(1, 12)))
        _counts_add_up(Traced.of(text), improved)


@given(
    st.one_of(st.text(), st.text("0123456789.,:-~/%¥$=+×年月日第点个一不二的儿，。kmg㐂")),
    st.booleans(),
)
def test_any_text(text: str, improved: bool) -> None:
    _counts_add_up(zh.normalise(Traced.of(text), improved=improved), improved)
