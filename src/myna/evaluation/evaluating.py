"""Let speakers say sentences, and judges listen: the table, and how it comes about.

Speakers come one after another, each with all its sentences before any judge listens, so that
nothing else of ours runs while the clock does.
"""

from __future__ import annotations

import logging
import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import myna
from myna.dataset.transcribing import heard_seconds
from myna.errors import AudioError, ConfigError, DatasetError, EngineError, TextError
from myna.evaluation.judges import Finding, Judge, Similarity
from myna.evaluation.keeping import Record, file_name
from myna.evaluation.results import Judged, Report, Row, row_of
from myna.evaluation.sentences import Sentence
from myna.evaluation.speakers import CLONE, RECORDINGS, Speaker, identity
from myna.files import locked

log = logging.getLogger(__name__)

_OF_THE_SENTENCE = (TextError, AudioError, EngineError)
"""Errors that count as a sentence not said; any other one ends the run."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a speaker is."""

    speaker: str
    doing: str
    """`speaking` or `judging`."""
    done: int
    total: int


def evaluate(
    speakers: Sequence[Speaker],
    sentences: Sequence[Sentence],
    judges: Sequence[Judge],
    *,
    known: Mapping[str, Sequence[Sentence]] | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Let speakers say sentences, and say how well they did.

    A sentence that cannot be said, or is said in silence, counts as not understood at all; its row
    says how many there are, and each says why.

    Args:
        speakers: in the order of the table.
        sentences: for those that have none of their own; of one language.
        judges: of `open_judges`.
        known: recordings by person, which say how alike different people are.
        folder: where audio and findings are kept; a run that was ended goes on from there. None
            keeps nothing.
        seed: of the draws that say how sure a figure is.

    Raises:
        ConfigError: there are no sentences or no speakers, or two of the same name.
        DatasetError: another run is at work in the folder.
        MynaError: a model or a judge is missing, or damaged.
        OSError: the folder cannot be written.
    """
    _check(speakers, sentences)
    folder = None if folder is None else Path(folder)
    tell = on_progress or (lambda _: None)
    with ExitStack() as stack:
        if folder is not None:
            stack.enter_context(locked(folder, DatasetError))
        rows = [
            _row(speaker, speaker.own or sentences, judges, folder, seed, tell)
            for speaker in speakers
        ]
    similarity = next((judge for judge in judges if isinstance(judge, Similarity)), None)
    languages = {each.language for row in rows for each in row.judged}
    report = Report(
        language=", ".join(sorted(languages)),
        rows=tuple(rows),
        pooled=tuple(_pooled(rows, seed)),
        likeness=similarity.likeness(known) if similarity and known else None,
        judges={judge.name: judge.who for judge in judges},
        facts=_facts(seed),
    )
    _warn_of_load(report)
    return report


def _row(
    speaker: Speaker,
    sentences: Sequence[Sentence],
    judges: Sequence[Judge],
    folder: Path | None,
    seed: int,
    tell: Callable[[Progress], None],
) -> Row:
    name = _file_name(speaker)
    records = [
        Record(folder, name, number, speaker.key(sentence))
        for number, sentence in enumerate(sentences, 1)
    ]
    _speak(speaker, sentences, records, tell)
    judged = []
    for number, (sentence, record) in enumerate(zip(sentences, records, strict=True)):
        tell(Progress(speaker.name, "judging", number, len(sentences)))
        judged.append(_judge(speaker, sentence, record, judges))
    tell(Progress(speaker.name, "judging", len(sentences), len(sentences)))
    return row_of(speaker.name, speaker.kind, judged, seed=seed)


def _speak(
    speaker: Speaker,
    sentences: Sequence[Sentence],
    records: Sequence[Record],
    tell: Callable[[Progress], None],
) -> None:
    left = [each for each in zip(sentences, records, strict=True) if not each[1].spoken]
    if not left:
        return
    done = len(sentences) - len(left)
    tell(Progress(speaker.name, "speaking", done, len(sentences)))
    try:
        speaker.prepare(left[0][0])
    except _OF_THE_SENTENCE as error:
        log.warning("%s cannot speak: %s", speaker.name, error)
        for _, record in left:
            record.speak(None, {"trouble": str(error), "failed": True})
        return
    for number, (sentence, record) in enumerate(left, done + 1):
        _say(speaker, sentence, record)
        record.keep()
        record.forget_audio()
        tell(Progress(speaker.name, "speaking", number, len(sentences)))


def _say(speaker: Speaker, sentence: Sentence, record: Record) -> None:
    try:
        spoken = speaker.say(sentence)
    except _OF_THE_SENTENCE as error:
        log.warning("%s could not say %r: %s", speaker.name, sentence.text, error)
        record.speak(None, {"trouble": str(error), "failed": True})
        return
    broken = not np.isfinite(spoken.audio.samples).all()
    audio = None if broken or not len(spoken.audio.samples) else spoken.audio
    trouble = "" if audio is not None and heard_seconds(audio) else "It is silent."
    facts = {
        "spoken": 0.0 if audio is None else audio.seconds,
        "took": spoken.seconds,
        "first_sound": spoken.first_sound,
        "load": _load(),
        "trouble": "It holds samples that are no numbers." if broken else trouble,
        "note": spoken.note,
    }
    record.speak(audio, facts)


def _judge(speaker: Speaker, sentence: Sentence, record: Record, judges: Sequence[Judge]) -> Judged:
    findings, new = [], False
    for judge in judges:
        key = identity(judge.who, judge.key(sentence, speaker))
        finding = record.found(judge.name, key)
        if finding is None:
            finding, new = _listen(judge, speaker, sentence, record), True
            record.find(judge.name, key, finding)
        findings.append(finding)
    if new:
        record.keep()
    facts = {name: value for name, value in record.spoken.items() if name != "failed"}
    notes = [facts.pop("note", ""), *(finding.note for finding in findings)]
    judged = Judged(
        text=sentence.text,
        language=sentence.language,
        audio=record.audio_name,
        note=" ".join(note for note in notes if note),
        heard=next((each.heard for each in findings if each.heard is not None), None),
        measures={k: v for finding in findings for k, v in finding.measures.items()},
        **facts,
    )
    record.forget_audio()
    return judged


def _listen(judge: Judge, speaker: Speaker, sentence: Sentence, record: Record) -> Finding:
    audio = None if record.spoken["trouble"] else record.audio()
    return judge.listen(audio, sentence, speaker)


def _pooled(rows: Sequence[Row], seed: int) -> list[Row]:
    """All people on recordings together, and all clones."""
    together = {RECORDINGS: "all recordings", CLONE: "all clones"}
    found = []
    for kind, name in together.items():
        some = [row for row in rows if row.kind == kind]
        if len(some) > 1:
            judged = [each for row in some for each in row.judged]
            found.append(row_of(name, kind, judged, seed=seed))
    return found


def _check(speakers: Sequence[Speaker], sentences: Sequence[Sentence]) -> None:
    if not speakers:
        raise ConfigError("Nobody is to speak: name a voice, recordings, or a program.")
    if not sentences and not all(speaker.own for speaker in speakers):
        raise ConfigError("There are no sentences to say.")
    names = Counter(_file_name(speaker) for speaker in speakers)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ConfigError(
            f"Two speakers have the name {', '.join(twice)}; give voices files of other names."
        )


def _file_name(speaker: Speaker) -> str:
    return file_name(f"{speaker.kind} {speaker.name}")


def _facts(seed: int) -> dict[str, Any]:
    return {
        "myna": myna.__version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": _cores(),
        "seed": seed,
    }


def _warn_of_load(report: Report) -> None:
    busy = [row for row in report.rows if row.load is not None and row.load > _cores()]
    if busy:
        most = max(row.load or 0.0 for row in busy)
        log.warning(
            "The machine had other work (load up to %.1f on %d cores): times of %d rows are longer "
            "than they would be.",
            most,
            _cores(),
            len(busy),
        )


def _load() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
