"""What a job has made so far: its parts on disk, and the result they are joined into.

Every file appears whole or not at all, and the facts of a part come after its sound, so whoever
goes on with a job finds what is finished.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from myna.audio import loudness, recordings
from myna.audio.encoders import StreamEncoder
from myna.datatypes import Audio, Speech, Timing
from myna.files import replacing, save_json

FACTS = "result.json"
"""Seconds, rate, timings and report of a result."""


def made(folder: Path, index: int) -> float | None:
    """Seconds of a part; None if it is not finished."""
    facts = _files(folder, index)[1]
    with suppress(FileNotFoundError):
        return float(json.loads(facts.read_text(encoding="utf-8"))["seconds"])
    return None


def keep(folder: Path, index: int, speech: Speech, pause: float) -> float:
    """Write a part, with the pause that comes before it unless it is the first; its seconds."""
    sound, facts = _files(folder, index)
    speech.audio.save(sound)
    save_json(
        facts,  # last: it says that the part is finished
        {
            "seconds": speech.audio.seconds,
            "rate": speech.audio.rate,
            "pause": pause,
            "timings": [asdict(timing) for timing in speech.timings],
            "report": speech.report.as_dict(),
        },
    )
    return speech.audio.seconds


def join(folder: Path, count: int, container: str) -> float:
    """Write the result, whole or not at all, with little in memory; its seconds."""
    facts = [
        json.loads(_files(folder, index)[1].read_text(encoding="utf-8")) for index in range(count)
    ]
    rate = facts[0]["rate"]
    starts, seconds = [], 0.0
    for index, fact in enumerate(facts):
        seconds += _silence(facts, index) / rate
        starts.append(seconds)
        seconds += fact["seconds"]
    pieces = _pieces(folder, facts)
    with replacing(folder / f"result.{container}") as temporary:
        _write(temporary, pieces, container, rate)
    timings = [
        asdict(Timing.of(timing).later(start))
        for start, fact in zip(starts, facts, strict=True)
        for timing in fact["timings"]
    ]
    save_json(
        folder / FACTS,
        {
            "seconds": seconds,
            "rate": rate,
            "timings": timings,
            "report": _report([fact["report"] for fact in facts]),
        },
    )
    for index in range(count):
        _files(folder, index)[0].unlink(missing_ok=True)
    return seconds


def _files(folder: Path, index: int) -> tuple[Path, Path]:
    return folder / f"part-{index:05}.flac", folder / f"part-{index:05}.json"


def _silence(facts: Sequence[dict[str, Any]], index: int) -> int:
    """Samples between a part and the one before."""
    return round(facts[index]["pause"] * facts[index]["rate"]) if index else 0


def _pieces(folder: Path, facts: Sequence[dict[str, Any]]) -> Iterator[Audio]:
    """The sound, all of it near the loudness of the first part."""
    target: float | None = None
    for index, fact in enumerate(facts):
        sound = recordings.read(_files(folder, index)[0])
        if target is None:
            level = loudness.loudness(sound.samples, sound.rate)
            target = level if np.isfinite(level) else None
        (gain,) = loudness.match([sound.samples], sound.rate, target=target)
        silence = np.zeros(_silence(facts, index), np.float32)
        yield Audio(np.concatenate([silence, sound.samples * np.float32(gain)]), fact["rate"])


def _write(path: Path, pieces: Iterator[Audio], container: str, rate: int) -> None:
    if container in ("wav", "flac"):  # their headers state a length
        import soundfile

        with soundfile.SoundFile(
            path, "w", rate, channels=1, format=container.upper(), subtype="PCM_16"
        ) as file:
            for piece in pieces:
                file.write(piece.samples)
        return
    encoder = StreamEncoder(container, rate)
    with path.open("wb") as stream:
        for piece in pieces:
            stream.write(encoder.add(piece.samples))
        stream.write(encoder.end())


def _report(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        **reports[0],
        "sentences": [sentence for report in reports for sentence in report["sentences"]],
        "warnings": list(dict.fromkeys(w for report in reports for w in report["warnings"])),
    }
