"""How many readings each mode gets right, against what a native expects.

    python benchmarks/readings.py [--wrong] [LANGUAGE ...]

The sentences are in `benchmarks/readings/*.jsonl`, each with the reading of the piece in question.
It counts as right where its phones stand in those of the sentence in one run; marks, and the signs
of accent and pause, do not count.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

from myna.errors import TextError
from myna.text import LANGUAGES, read
from myna.text.segments import segments
from myna.text.traced import Traced

SETS = Path(__file__).with_name("readings")
MODES = {"zh": "zh", "en": "en", "ja": "ja", "ko": "ko", "yue": "yue"}
UNCOUNTED = {*"!?…,.-[]_空停", "UNK", "SP2", "SP3"}


def phones_of(row: dict[str, Any], language: str) -> list[str]:
    """The expected phones."""
    if "words" in row:
        return _counted(read(row["words"], language="en", improved=True).symbols)
    spelled = LANGUAGES[language].spelled(row["expected"], "v2")
    return _counted(phone for syllable in spelled for phone in syllable)


def is_right(row: dict[str, Any], language: str, *, improved: bool) -> bool:
    """Whether the sentence is read as expected."""
    try:
        sentence = read(row["text"], language=MODES[language], improved=improved)
    except TextError:
        return False
    expected, found = phones_of(row, language), _counted(sentence.symbols)
    return any(
        found[start : start + len(expected)] == expected
        for start in range(len(found) - len(expected) + 1)
    )


def is_cut_right(row: dict[str, Any], *, improved: bool) -> bool:
    """Whether each stretch has the language expected; spaces and marks at borders do not count."""
    found = segments(Traced.of(row["text"]), row["mode"], improved=improved)
    return _words([(part.language, part.text.text) for part in found]) == _words(row["segments"])


def _words(parts: Any) -> list[tuple[str, str]]:
    kept = [(language, "".join(filter(str.isalnum, text))) for language, text in parts]
    merged: list[tuple[str, str]] = []
    for language, text in kept:
        if merged and merged[-1][0] == language:
            merged[-1] = (language, merged[-1][1] + text)
        elif text:
            merged.append((language, text))
    return merged


def _counted(symbols: Any) -> list[str]:
    return [symbol for symbol in symbols if symbol not in UNCOUNTED]


def rows_of(name: str) -> list[dict[str, Any]]:
    """The sentences of a set."""
    lines = (SETS / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def scores(name: str) -> dict[str, list[tuple[bool, bool]]]:
    """For each category of a set: right in compatible mode, right in improved mode."""
    language = name.split("_")[0]
    found: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for row in rows_of(name):
        if name == "languages":
            category, right = "languages", [is_cut_right(row, improved=i) for i in (False, True)]
        else:
            category = row["category"] + (f" ({row['set']})" if "set" in row else "")
            right = [is_right(row, language, improved=i) for i in (False, True)]
        found[category].append((right[0], right[1]))
    return found


def wrong(name: str) -> list[dict[str, Any]]:
    """The sentences that the improved mode gets wrong."""
    language = name.split("_")[0]
    if name == "languages":
        return [row for row in rows_of(name) if not is_cut_right(row, improved=True)]
    return [row for row in rows_of(name) if not is_right(row, language, improved=True)]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--wrong", action="store_true", help="list what improved mode gets wrong")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    names = given.sets or sorted(path.stem for path in SETS.glob("*.jsonl"))
    print(f"{'set':14} {'category':28} {'rows':>5} {'compatible':>10} {'improved':>8}")
    for name in names:
        found = scores(name)
        everything = [pair for pairs in found.values() for pair in pairs]
        for category, pairs in [*sorted(found.items()), ("all", everything)]:
            before, after = (sum(side) for side in zip(*pairs, strict=True))
            print(f"{name:14} {category:28} {len(pairs):5} {before:10} {after:8}")
        if given.wrong:
            for row in wrong(name):
                print("   wrong:", json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
