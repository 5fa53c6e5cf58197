"""Plain text: each paragraph is an entry, and `[voice:NAME]` says who speaks from there on.

Paragraphs are parted by empty lines; in a text that has none, each line is one. Inside a paragraph
lines are joined, since they were broken to fit a page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from myna.apps.batch.entries import Entry, Fault, entry

SWITCH = re.compile(r"(?<!\\)\[voice:([^\[\]|\n]*)\]", re.IGNORECASE)
"""Who speaks from here on; no name for whoever speaks by default."""


def read(text: str) -> tuple[list[Entry], list[Fault]]:
    """Entries of a plain text, and all that is wrong with it."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    voice = ""
    for first, lines in _paragraphs(text):
        starts = True
        for number, words, who in _stretches(first, lines, voice):
            voice = who
            if not words:
                continue
            given = {"text": words, "voice": voice, "paragraph": starts}
            made, wrong = entry(number, given)
            faults += wrong
            if made is not None:
                entries.append(made)
            starts = False
    return entries, faults


def _paragraphs(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line, and the lines, of each."""
    lines = text.split("\n")
    filled = [bool(line.strip()) for line in lines]
    inner = "".join("x" if each else " " for each in filled).strip()
    alone = " " not in inner
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if block and (alone or not line.strip()):
            yield number - len(block), block
            block = []
        if line.strip():
            block.append(line)


def _stretches(first: int, lines: list[str], voice: str) -> Iterator[tuple[int, str, str]]:
    """Line, words and voice of each part of a paragraph that one voice says.

    The last one may have no words, and then only says who speaks in the next paragraph.
    """
    number, words = first, ""
    for at, line in enumerate(lines, first):
        done = 0
        for switch in SWITCH.finditer(line):
            number = number if words else at
            words = _joined(words, line[done : switch.start()].strip())
            yield number, words, voice
            number, words, voice, done = at, "", switch[1].strip(), switch.end()
        number = number if words else at
        words = _joined(words, line[done:].strip())
    yield number, words, voice


def _joined(before: str, after: str) -> str:
    """As one line: with a blank between, but for scripts that have none."""
    if not before or not after:
        return before or after
    wide = unicodedata.east_asian_width(before[-1]) in "WF" and (
        unicodedata.east_asian_width(after[0]) in "WF"
    )
    return before + ("" if wide else " ") + after
