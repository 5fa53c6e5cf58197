"""Pack the sources of naist-jdic into `src/myna/text/ja/data`.

    python tools/japanese_dictionary.py open_jtalk-1.11/mecab-naist-jdic

The argument is the folder of that name in the sources of Open JTalk 1.11 (in Debian:
`apt-get source open-jtalk`). What is packed builds the same dictionary, bit for bit, as the
sources; rules that the analyser skips with a warning are left out, and a slip is corrected as it
would correct it.
"""

from __future__ import annotations

import lzma
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from myna.text.ja.dictionary import as_pronounced, based, mora_count
from myna.text.ja.moras import katakana

DATA = Path(__file__).parents[1] / "src/myna/text/ja/data"
TABLES = ("naist-jdic.csv", "unidic-csj.csv")
SKIPPED_RULE = re.compile(r"-?\d+|特殊助動詞%F2@0|動詞F4@0|形容詞%F2@-1動詞%F2@0")
SLIPS = {"五段・カ往促音便": "五段・カ行促音便"}


def main() -> None:
    """Pack, or complain on standard error."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    DATA.mkdir(exist_ok=True)
    for name in ("char.def", "unk.def"):
        shutil.copyfile(source / name, DATA / name)
    shutil.copyfile(source / "COPYING", DATA / "LICENSE-NAIST-JDIC.txt")
    write("connections.xz", connections(source / "matrix.def"))
    lines = [line for name in TABLES for line in (source / name).read_text("utf-8").splitlines()]
    write("words.xz", words(lines).encode())


def write(name: str, raw: bytes) -> None:
    """Compressed for text of short lines: no alignment, more context."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "pb": 0}]
    (DATA / name).write_bytes(lzma.compress(raw, filters=filters))


def connections(path: Path) -> bytes:
    """Costs of neighbours, as all low bytes and then all high bytes."""
    cells = np.loadtxt(path, dtype=np.int32, skiprows=1)
    size = int(cells[:, 0].max()) + 1
    assert (cells[:, 0] * size + cells[:, 1] == np.arange(size * size)).all()
    costs = cells[:, 2].astype("<i2")
    assert (costs == cells[:, 2]).all()
    return costs.view(np.uint8).reshape(-1, 2).T.tobytes()


def words(lines: list[str]) -> str:
    """The classes of words, then one column after another."""
    classes: dict[str, int] = {}
    rows = list(packed(lines, classes))
    columns = [list(classes), *(list(column) for column in zip(*rows, strict=True))]
    return "\f".join("".join(f"{cell}\n" for cell in column) for column in columns)


def packed(lines: list[str], classes: dict[str, int]) -> Iterator[tuple[str, ...]]:
    """Each word as what is not told by the one before, by its class, or by its own reading."""
    surface = read = ""
    for line in lines:
        before, read_before = surface, read
        surface, left, right, cost, *grammar, base, read, pron, accent, chain = line.split(",")
        grammar = [SLIPS.get(value, value) for value in grammar]
        kind = f"{left},{right} {','.join(grammar)}"
        kept = shared(before, surface)
        stem = shared(surface, base)
        cut = "" if base == surface else f"{len(surface) - stem}{base[stem:]}"
        assert based(surface, cut) == base
        kept_read = shared(read_before, read)
        known = read == katakana(surface)
        place, _, moras = accent.partition("/")
        yield (
            str(kept),
            surface[kept:],
            str(classes.setdefault(kind, len(classes))),
            cost,
            cut,
            "" if known else str(kept_read),
            "" if known else read[kept_read:],
            "" if pron == read else "=" if pron == as_pronounced(read) else pron,
            place if moras == str(mora_count(pron)) and place.isdigit() else accent,
            "/".join(rule for rule in chain.split("/") if not SKIPPED_RULE.fullmatch(rule)) or "*",
        )


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


if __name__ == "__main__":
    main()
