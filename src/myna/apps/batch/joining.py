"""All recordings of a script as one: line after line with pauses between, or each at its time.

What is written may last hours, so nothing here holds more than a line of it.

Letters in shapes: N samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from myna.apps.batch.manifest import Row
from myna.audio.recordings import read
from myna.audio.resample import HIGH_QUALITY, resample
from myna.datatypes import CONTAINERS, Timing, check_recording_path
from myna.errors import AudioError
from myna.files import replacing
from myna.synthesis import subtitles

if TYPE_CHECKING:
    from myna.apps.batch.planning import Task
    from myna.datatypes import Floats

_BLOCK = 1 << 16
_NO_TIME = 1e-6
"""Seconds by which equal times may differ once they were added up."""
_MOST_WAV = 0xFFFF_FFFF - 1024
"""Bytes: a WAV file states its length in 32 bits."""

Piece = tuple[float, str]
"""Where a recording starts, in seconds, and its file's name."""


def join(
    folder: Path,
    rows: Sequence[Row],
    out: Path,
    *,
    gaps: Sequence[float],
) -> list[Timing]:
    """Write all lines as one recording.

    Args:
        folder: that the recordings are in.
        rows: of lines that were made, in their order.
        out: a file that ends in one of `CONTAINERS`.
        gaps: seconds of silence behind each line but the last.

    Returns:
        when each sentence is said in it.

    Raises:
        AudioError: a recording cannot be read, or all of it is too long for a WAV.
        OSError: it cannot be written.
    """
    rate = max(row.rate for row in rows)
    timings: list[Timing] = []
    pieces: list[Piece] = []
    at = 0.0
    for row, gap in zip(rows, [*gaps, 0.0], strict=True):
        pieces.append((at, row.file))
        timings += [timing.later(at) for timing in row.timings]
        at += row.seconds + gap
    _save(folder, pieces, rate, at, out)
    return timings


def gaps(tasks: Sequence[Task], *, between: float, paragraphs: float) -> list[float]:
    """Seconds of silence behind each line but the last.

    Args:
        between: behind a line.
        paragraphs: behind one after which a paragraph starts.
    """
    return [
        this.entry.gap
        if this.entry.gap is not None
        else (paragraphs if later.entry.paragraph else between)
        for this, later in pairwise(tasks)
    ]


def track(
    folder: Path, rows: Sequence[Row], out: Path, *, seconds: float | None = None
) -> tuple[list[Row], list[Timing], float]:
    """Write all lines as one recording in which each starts when its cue does.

    One that comes when the line before it still lasts, against the script, starts as soon as that
    ends. Lines that the script itself lays over each other sound together.

    Args:
        rows: of lines that were made, in the order of their cues.
        seconds: that it lasts; by default until the last cue ends.

    Returns:
        the rows with the places of their lines, when each sentence is said, and how long it is.
        That is `seconds`, to the sample, unless speech lasts longer.

    Raises:
        AudioError, OSError: as `join`.
    """
    rate = max(row.rate for row in rows)
    placed: list[Row] = []
    timings: list[Timing] = []
    starts: list[float] = []
    ends: list[float] = []
    late: list[tuple[float, float]] = []
    for row in rows:
        assert row.cue is not None, "a track is made of cues"
        # What the script lays over each other does not wait.
        waited = [end for until, end in late if until <= row.cue.start]
        start = max([row.cue.start, *waited])
        placed.append(replace(row, cue=replace(row.cue, placed=start, drift=start - row.cue.start)))
        timings += [timing.later(start) for timing in row.timings]
        until = row.cue.start + row.cue.window
        if start + row.seconds > until:
            late.append((until - _NO_TIME, start + row.seconds))
        starts.append(start)
        ends.append(start + row.seconds)
    asked = max(row.cue.end for row in rows if row.cue is not None) if seconds is None else seconds
    length = max([asked, *ends])
    pieces = [(start, row.file) for start, row in zip(starts, rows, strict=True)]
    _save(folder, pieces, rate, length, out)
    return placed, timings, length


def save_subtitles(timings: Iterable[Timing], out: Path) -> list[Path]:
    """Write SRT and VTT files beside a recording, named like it."""
    cues = list(timings)
    made = []
    for ending, text in ((".srt", subtitles.srt(cues)), (".vtt", subtitles.vtt(cues))):
        path = out.with_suffix(ending)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        made.append(path)
    return made


def _save(folder: Path, pieces: Sequence[Piece], rate: int, seconds: float, out: Path) -> None:
    import soundfile

    check_recording_path(out)
    ending = out.suffix.lower()
    samples = _sample(seconds, rate)
    if ending == ".wav" and 2 * samples > _MOST_WAV:
        raise AudioError(
            f"{out.name} would last {seconds / 3600:.1f} hours, longer than a WAV file can; "
            f"choose a name that ends in .flac."
        )
    container, subtype = CONTAINERS[ending]
    with (
        replacing(out) as temporary,
        temporary.open("wb+") as stream,
        soundfile.SoundFile(
            stream, "w", rate, channels=1, format=container, subtype=subtype
        ) as sound,
    ):
        for block in _mixed(folder, pieces, rate, samples):
            for start in range(0, len(block), _BLOCK):
                sound.write(block[start : start + _BLOCK])


def _mixed(folder: Path, pieces: Sequence[Piece], rate: int, samples: int) -> Iterator[Floats]:
    """The recording in blocks, `samples` in all: each piece where it starts, silence between."""
    done = 0
    open_end = np.zeros(0, dtype=np.float32)
    for start, name in sorted(pieces):
        place = _sample(start, rate)
        while done < place:
            block = np.zeros(min(place - done, _BLOCK), dtype=np.float32)
            count = min(len(block), len(open_end))
            block[:count] = open_end[:count]
            open_end = open_end[count:]
            done += len(block)
            yield block
        audio = read(folder / name, longest_seconds=math.inf)
        if audio.rate != rate:
            audio = resample(audio, rate, HIGH_QUALITY)
        longer = np.zeros(max(len(open_end), len(audio.samples)), dtype=np.float32)
        longer[: len(open_end)] = open_end
        longer[: len(audio.samples)] += audio.samples
        open_end = longer
    open_end = open_end[: samples - done]
    yield open_end
    done += len(open_end)
    while done < samples:
        block = np.zeros(min(samples - done, _BLOCK), dtype=np.float32)
        done += len(block)
        yield block


def _sample(seconds: float, rate: int) -> int:
    return round(seconds * rate)
