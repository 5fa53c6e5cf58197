from importlib.util import find_spec

import pytest

from myna.text import zh
from myna.text.traced import Traced
from myna.text.zh.tones import unchanging

pytestmark = pytest.mark.skipif(
    not (find_spec("jieba") and find_spec("pypinyin")), reason="the extra zh is not installed"
)


def tones(text: str, *, improved: bool) -> str:
    phones = zh.g2p(Traced.of(text), "v2", improved=improved).symbols
    return "".join(final[-1] for final in phones[1::2])


@pytest.mark.parametrize("improved", [False, True])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好", "23"),
        ("不是", "24"),
        ("一个", "25"),
        ("第一", "41"),
        ("我们的", "355"),
        ("纸老虎", "323"),
        ("听一听", "151"),
        ("看不懂", "453"),
        ("好不好", "353"),
        ("妈妈", "15"),
        ("桌子", "15"),
        ("觉得", "25"),
    ],
)
def test_both_modes(text: str, expected: str, improved: bool) -> None:
    assert tones(text, improved=improved) == expected


@pytest.mark.parametrize(
    ("text", "compatible", "improved"),
    [
        ("草地", "35", "34"),
        ("目的地", "445", "444"),
        ("获得", "45", "42"),
        ("余额", "25", "22"),
        ("水滴", "35", "31"),
        ("男子", "25", "23"),
        ("酒吧", "35", "31"),
        ("高高兴兴", "1545", "1144"),
        ("绝不能", "252", "242"),
        ("从不去", "244", "224"),
        ("统一战线", "3244", "3144"),
        ("一月", "24", "14"),
        ("十一月", "224", "214"),
        ("五月一日", "3424", "3414"),
        ("二零一零年", "42422", "42122"),
        ("一点八", "431", "131"),
        ("一万", "14", "24"),
        ("一千一百", "1143", "4143"),
        ("第一百", "413", "443"),
        ("一号楼", "242", "142"),
    ],
)
def test_improved(text: str, compatible: str, improved: str) -> None:
    assert tones(text, improved=False) == compatible
    assert tones(text, improved=True) == improved


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("二零一零年", {2}),
        ("一个一月", {2}),
        ("三点一四", {2}),
        ("下午一点半", set()),
        ("一点半，一点五", {4}),
        ("一百一十一个", {2, 4}),
        ("第一，第一百", {1}),
        ("每周一次，周一上午", {6}),
        ("三分之一的人", {3}),
        ("一加一", {0, 2}),
        ("一到五，一到家", {0}),
        ("最初一段时间", set()),
    ],
)
def test_where_yi_stays(text: str, places: set[int]) -> None:
    assert unchanging(Traced.of(text)) == places


def test_erhua_is_not_for_v1() -> None:
    text = Traced.of("哪儿")
    assert zh.g2p(text, "v2").symbols == ["n", "a3", "EE", "er3"]
    assert zh.g2p(text, "v1").symbols == ["n", "a3", "EE", "er2"]
