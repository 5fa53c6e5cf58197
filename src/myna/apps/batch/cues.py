"""SRT subtitles: each cue is an entry with its times; a prefix says whose it is.

A cue that starts with `[voice:NAME]` is said by that voice. `Name:` in front is taken for a speaker
later, where there is a voice of that name; here it stays in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from myna.apps.batch.entries import Entry, Fault, entry, shown
from myna.apps.batch.prose import SWITCH

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}(?:\s.*)?")
_TAG = re.compile(r"</?(?:[ibus]|font|c|ruby|rt|v)(?:[ .=][^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
_SPEAKER = re.compile(r"([^\W\d_][^:\uff1a\[\]<>]{0,39}?)\s*[:\uff1a](?!//)\s*(?=\S)")
_DASH = re.compile(r"^[-\u2013\u2014]\s*(?=\S)")


def read(text: str) -> tuple[list[Entry], list[Fault]]:
    """Entries of subtitles in the order of their times, and all that is wrong with them.

    Cues without words are left out.
    """
    entries: list[Entry] = []
    faults: list[Fault] = []
    for number, lines in _blocks(text):
        at = next((i for i, line in enumerate(lines[:2]) if "-->" in line), None)
        if at is None:
            faults.append(Fault(number, f"expected a cue with its times, found {shown(lines[0])}."))
            continue
        times = _TIMES.fullmatch(lines[at])
        if times is None:
            faults.append(
                Fault(
                    number + at,
                    f"these are no times of a cue: {shown(lines[at])}. Write them like "
                    f"00:00:01,000 --> 00:00:02,500.",
                )
            )
            continue
        spoken = [_TAG.sub("", line).strip() for line in lines[at + 1 :]]
        words = " ".join(_DASH.sub("", line) for line in spoken if line)
        switches = list(SWITCH.finditer(words))
        voice = switches[0][1].strip() if switches else ""
        words = SWITCH.sub("", words, count=1).strip()
        if len(switches) > 1 or (switches and switches[0].start()):
            faults.append(
                Fault(number, "a cue has one voice, named at its start; make two cues of it.")
            )
            continue
        if not words:
            continue
        start, end = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:])
        made, wrong = entry(number, {"text": words, "voice": voice, "start": start, "end": end})
        faults += wrong
        if made is not None:
            entries.append(made)
    return sorted(entries, key=lambda each: each.cue), faults


def speaker(text: str) -> tuple[str, str] | None:
    """A name with a colon in front of a text, and the rest; None if there is none."""
    found = _SPEAKER.match(text)
    return None if found is None else (found[1].strip(), text[found.end() :])


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line, and the lines, of each block between empty lines."""
    block: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + float(f"0.{fraction}")
