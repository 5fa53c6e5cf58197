"""How often hard sentences go wrong, without and with the guard that listens and tries again.

    python benchmarks/coverage.py [--model tiny] [--voices NAME ...] [--every N] [--retries N]
        [--least-score SCORE]

Says the lines of `benchmarks/texts/hard_english.txt`: once each sentence, and as often as the guard
asks for. Words are counted by moonshine, which has no part in the choice. What was found of a line
is kept in the data folder, and another run with the same settings goes on from there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from measure import prepare, save
from myna import Myna
from myna.dataset.transcribing import open_transcriber
from myna.datatypes import Guard, Sampling
from myna.evaluation.words import word_errors, words_of
from myna.files import data_folder

TEXTS = Path(__file__).parent / "texts" / "hard_english.txt"
SEED = 1
LOST = 0.5
"""Share of a line's words that are wrong where it counts as lost."""


def lines(every: int) -> Iterator[tuple[str, str]]:
    """Each n-th line, and what makes it hard."""
    kind, number = "", 0
    for line in TEXTS.read_text("utf-8").splitlines():
        if line.startswith("#"):
            kind = line.removeprefix("# ")
        elif line:
            if number % every == 0:
                yield kind, line
            number += 1


class Measuring:
    """Says lines and listens to them."""

    def __init__(self, model: str, guard: Guard) -> None:
        self.myna, self.guard = Myna.load(model), guard
        self._transcriber = open_transcriber("moonshine")

    def line(self, text: str, voice: str) -> dict[str, Any]:
        """What was found, without the guard and with it."""
        found: dict[str, Any] = {"words": len(words_of(text))}
        for name, guard in (("without", Guard(retries=0)), ("with", self.guard)):
            start = time.perf_counter()
            speech = self.myna.speak(
                text, voice, language="en", sampling=Sampling(seed=SEED), guard=guard
            )
            took = time.perf_counter() - start
            reports = speech.report.sentences
            heard = self._transcriber.transcribe(speech.audio, "en").text
            found["sentences"] = len(reports)
            found[name] = {
                "heard": heard,
                "errors": word_errors(words_of(heard), words_of(text)),
                "missing": sum(len(report.missing) for report in reports),
                "ended": all(report.ended for report in reports),
                "retries": sum(report.retries for report in reports),
                "took": took,
                "seconds": speech.audio.seconds,
            }
        return found


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Figures of some lines, without and with the guard."""
    words, sentences = (sum(row[name] for row in rows) for name in ("words", "sentences"))
    found = {}
    for name in ("without", "with"):
        sides = [row[name] for row in rows]
        lost = sum(
            side["errors"] > LOST * row["words"] for side, row in zip(sides, rows, strict=True)
        )
        total = {key: sum(side[key] for side in sides) for key in sides[0] if key != "heard"}
        found[name] = {
            "lines": len(rows),
            "words": words,
            "words_wrong": total["errors"] / words,
            "lines_lost": lost / len(rows),
            "lines_with_a_word_missing": sum(side["missing"] > 0 for side in sides) / len(rows),
            "lines_not_ended": sum(not side["ended"] for side in sides) / len(rows),
            "retries_per_sentence": total["retries"] / sentences,
            "real_time_factor": total["took"] / total["seconds"],
        }
    return found


def main() -> None:
    """Measure what is not measured yet, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny")
    parser.add_argument(
        "--voices", nargs="*", help="of those that come with the model; all of them"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each n-th line")
    parser.add_argument("--retries", type=int, default=Guard().retries)
    parser.add_argument("--least-score", type=float, help="by default the model's own")
    given = parser.parse_args()
    prepare()
    guard = Guard(retries=given.retries, least_score=given.least_score)
    measuring = Measuring(given.model, guard)
    settings = [measuring.myna.engine.fingerprint, asdict(measuring.guard)]
    kept = data_folder() / "benchmarks" / "coverage.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    known = dict[str, dict[str, Any]]()
    if kept.is_file():
        for row in map(json.loads, kept.read_text("utf-8").splitlines()):
            known[row["key"]] = row
    wanted = list(lines(given.every))
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for voice in given.voices or list(measuring.myna.voices):
        for number, (kind, text) in enumerate(wanted, 1):
            key = json.dumps([*settings, voice, text])
            if key not in known:
                found = measuring.line(text, voice)
                known[key] = {"key": key, "kind": kind, "voice": voice, "text": text, **found}
                with kept.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(known[key], ensure_ascii=False) + "\n")
            row = known[key]
            for group in ("all", f"voice {voice}", kind):
                rows[group].append(row)
            errors = [row[name]["errors"] for name in ("without", "with")]
            print(f"{voice} {number}/{len(wanted)} {errors} of {row['words']}  {text}", flush=True)
    results = {group: summary(each) for group, each in rows.items()}
    for group, sides in results.items():
        for name, figures in sides.items():
            shown = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
            print(f"{group:20s} {name:8s} {shown}")
    save("coverage", results)


if __name__ == "__main__":
    main()
