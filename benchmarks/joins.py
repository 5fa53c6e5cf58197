"""How much pitch, loudness and pace jump from one sentence of a paragraph to the next.

    python benchmarks/joins.py [--model tiny] [--voices NAME ...] [--contexts 0 1 2]
        [--recordings LIST]

Says the paragraphs of `benchmarks/texts/paragraphs.txt`, each sentence alone and going on from
those before it, and compares every two neighbours: as wholes, and the half second of voice before
the join with that behind it. Whether words suffer is heard by moonshine. For comparison,
LIST names clips of people who read on, in their order.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from measure import prepare, save
from myna import Audio, Guard, Myna, Sampling
from myna.audio.pitch import FRAMES_PER_SECOND, pitch
from myna.audio.recordings import read
from myna.dataset.transcribing import open_transcriber
from myna.evaluation.words import word_errors, words_of

TEXTS = Path(__file__).parent / "texts" / "paragraphs.txt"
SEED = 1
NEAR = 0.5
"""Seconds of voice on either side of a join."""
ONCE = Guard(check=False)


def paragraphs() -> list[str]:
    """Texts of some sentences each."""
    found = TEXTS.read_text("utf-8").split("\n", 1)[1]
    return [each.strip() for each in found.split("\n\n")]


class Clip:
    """A sentence of sound: its pitch and loudness where it has a voice."""

    def __init__(self, audio: Audio, text: str) -> None:
        hz = pitch(audio).hz
        hop = audio.rate / FRAMES_PER_SECOND
        power = np.array(
            [
                np.square(audio.samples[round(max(at - 2, 0) * hop) : round((at + 2) * hop)]).mean()
                for at in range(len(hz))
            ]
        )
        voiced = (hz > 0) & (power > 0)
        self.semitones = 12 * np.log2(hz[voiced])
        self.power = power[voiced]
        self.pace = sum(letter.isalpha() for letter in text) / audio.seconds


def jump(first: Clip, second: Clip) -> dict[str, float]:
    """From one sentence to the next: semitones, dB, and the logarithm of paces, to base 2."""
    near = round(NEAR * FRAMES_PER_SECOND)
    return {
        "pitch": float(np.median(second.semitones) - np.median(first.semitones)),
        "loudness": _decibels(second.power) - _decibels(first.power),
        "pace": math.log2(second.pace / first.pace),
        "pitch at the join": float(
            np.median(second.semitones[:near]) - np.median(first.semitones[-near:])
        ),
        "loudness at the join": _decibels(second.power[:near]) - _decibels(first.power[-near:]),
    }


def _decibels(power: np.ndarray) -> float:
    return 10 * math.log10(float(power.mean()))


def summary(jumps: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Mean, and mean size, of each kind of jump."""
    found: dict[str, Any] = {"joins": len(jumps)}
    for name in jumps[0]:
        values = np.array([each[name] for each in jumps])
        found[name] = {"mean": float(values.mean()), "size": float(np.abs(values).mean())}
    return found


def said(myna: Myna, voice: str, text: str, context: int) -> tuple[Audio, list[Clip]]:
    """A paragraph, whole and in sentences."""
    sampling = Sampling(seed=SEED, context=context)
    speech = myna.speak(text, voice, language="en", sampling=sampling, guard=ONCE)
    rate, samples = speech.audio.rate, speech.audio.samples
    clips = [
        Clip(Audio(samples[round(each.start * rate) : round(each.end * rate)], rate), each.text)
        for each in speech.timings
    ]
    return speech.audio, clips


def people(path: Path) -> Iterator[dict[str, float]]:
    """Jumps between neighbours of a list of clips, those of the same speaker."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE))
    clips = [(speaker, Clip(read(path.parent / place), text)) for place, speaker, _, text in rows]
    for (before, first), (after, second) in pairwise(clips):
        if before == after:
            yield jump(first, second)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--voices", nargs="+", help="(default: all of the model)")
    parser.add_argument("--contexts", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--recordings", type=Path, metavar="LIST")
    given = parser.parse_args()
    prepare()
    myna, transcriber = Myna.load(given.model), open_transcriber("moonshine")
    rows: dict[str, Any] = {}
    for context in given.contexts:
        jumps, errors, words = [], 0, 0
        for voice in given.voices or myna.voices:
            for text in paragraphs():
                audio, clips = said(myna, voice, text, context)
                jumps += [jump(*two) for two in pairwise(clips)]
                heard = transcriber.transcribe(audio, "en").text
                errors += word_errors(words_of(heard), words_of(text))
                words += len(words_of(text))
        rows[f"context {context}"] = summary(jumps) | {"words wrong": errors / words}
        print(f"context {context}", rows[f"context {context}"], flush=True)
    if given.recordings:
        rows["people"] = summary(list(people(given.recordings)))
        print("people", rows["people"])
    save("joins", rows)


if __name__ == "__main__":
    main()
