"""From entries to tasks: everything that saying a line needs, and a key of all that it depends on.

What can be known without a model is checked here, for all lines, before any work starts: voices,
settings, markup, and whether there is anything to say.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from myna import text as reading
from myna.apps.batch import cues
from myna.apps.batch.casting import Casting, Part
from myna.apps.batch.entries import Entry, Fault, shown
from myna.apps.batch.settings import BatchSettings, Equipment
from myna.datatypes import Delivery, Guard, Sampling
from myna.errors import MynaError, TextError
from myna.text.cutting import METHODS
from myna.text.markup import SYNTAXES
from myna.text.segments import MODES

_FORMAT = 1
"""Raise it when saying a line makes something else of the same task."""
_DIGITS = 6
"""Of seconds: what a difference of two times has beyond is no time."""
_LONGEST_NAME = 100
"""Bytes of a line's id in the name of its recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A line to say."""

    number: int
    """Of the line among those of the script, from 1."""
    stem: str
    """Of its recording's name."""
    entry: Entry
    part: str
    """Digest of who says it."""
    voice: str
    """What that voice is called."""
    language: str
    cut: str
    markup: str
    improved: bool | None
    lexicon: str
    sampling: Sampling
    """With the seed of the first take."""
    delivery: Delivery
    guard: Guard
    takes: int
    format: str
    window: float | None
    """Seconds that it should not exceed, or None."""
    fastest: float
    key: str
    """Equal for lines that are to sound the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All there is to do."""

    tasks: tuple[Task, ...]
    parts: dict[str, Part]
    """Who speaks, by digest."""
    faults: tuple[Fault, ...] = ()
    """If there are any, nothing may be spoken."""
    warnings: tuple[str, ...] = ()


def plan(
    entries: Sequence[Entry], folder: Path, settings: BatchSettings, equipment: Equipment
) -> Plan:
    """What a script asks for.

    Args:
        entries: of the script, in their order.
        folder: that paths in it are relative to.
        settings: for lines that choose nothing else.
        equipment: what will compute.

    Raises:
        VoiceError: the folder of voices is none.
        ConfigError: no such language, cut or markup in the settings.
    """
    casting = Casting(settings, folder)
    entries, warnings = _with_speakers(entries, casting)
    faults: list[Fault] = []
    tasks: list[Task] = []
    parts: dict[str, Part] = {}
    timed = [each.start is not None for each in entries]
    if settings.fit and any(timed) and not all(timed):
        faults.append(
            Fault(
                entries[timed.index(False)].line,
                "it has no start and end, and others have; give all of them times, or none.",
            )
        )
    windows = _windows(entries) if settings.fit and all(timed) else [None] * len(entries)
    width = max(4, len(str(len(entries))))
    for number, (entry, window) in enumerate(zip(entries, windows, strict=True), 1):
        try:
            part = casting.part(entry)
            task = _task(number, width, entry, part, window, settings, equipment)
            _check(task)
        except (MynaError, OSError) as error:
            faults.append(Fault(entry.line, str(error)))
            continue
        parts[part.digest] = part
        tasks.append(task)
    return Plan(tasks=tuple(tasks), parts=parts, faults=tuple(faults), warnings=tuple(warnings))


def _with_speakers(entries: Sequence[Entry], casting: Casting) -> tuple[list[Entry], list[str]]:
    """Cues that start with the name of a voice get that voice."""
    found: list[Entry] = []
    strangers: dict[str, int] = {}
    for each in entries:
        said = cues.speaker(each.text) if each.start is not None else None
        if said is not None and not each.voice and casting.known(said[0]):
            each = replace(each, voice=said[0], text=said[1])
        elif said is not None:
            strangers.setdefault(said[0], each.line)
        found.append(each)
    return found, [
        f"line {line} starts with {shown(name + ':')}, which is spoken; "
        f"say who that is with --cast {shown(name + '=VOICE')}."
        for name, line in strangers.items()
    ]


def _windows(entries: Sequence[Entry]) -> Iterator[float]:
    """Seconds that each cue has: until the next one starts, or its own end if that is later."""
    for this, following in pairwise(entries):
        (start, end), (later, _) = this.cue, following.cue
        yield round(max(end, later) - start, _DIGITS)
    start, end = entries[-1].cue
    yield round(end - start, _DIGITS)


def _task(
    number: int,
    width: int,
    entry: Entry,
    part: Part,
    window: float | None,
    settings: BatchSettings,
    equipment: Equipment,
) -> Task:
    sampling = replace(settings.sampling, **entry.sampling)
    if sampling.seed is None:
        sampling = replace(sampling, seed=0)
    task = Task(
        number=number,
        stem="_".join(filter(None, (f"{number:0{width}}", _name(entry.id)))),
        entry=entry,
        part=part.digest,
        voice=part.name,
        language=entry.language or settings.language,
        cut=entry.cut or settings.cut,
        markup=entry.markup or settings.markup,
        improved=settings.improved,
        lexicon=settings.lexicon,
        sampling=sampling,
        delivery=replace(settings.delivery, **entry.delivery),
        guard=settings.guard,
        takes=settings.takes,
        format=settings.format,
        window=window,
        fastest=settings.fastest,
        key="",
    )
    return replace(task, key=_key(task, equipment))


def _key(task: Task, equipment: Equipment) -> str:
    facts = [
        *(_FORMAT, task.entry.text, task.part, task.language, task.cut, task.markup),
        *(task.improved, task.lexicon, _chosen(task.sampling), _chosen(task.delivery)),
        *(_chosen(task.guard), task.takes, task.format, task.window),
        None if task.window is None else task.fastest,
        *(equipment.engine, equipment.device, equipment.precision, str(equipment.polyphones)),
    ]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()


def _chosen(settings: Sampling | Delivery | Guard) -> dict[str, Any]:
    """Without what was left as it is: a Myna with more settings keeps what is there."""
    return {
        each.name: getattr(settings, each.name)
        for each in fields(settings)
        if getattr(settings, each.name) != each.default
    }


def _check(task: Task) -> None:
    """What shows before the text is read.

    Raises:
        TextError: no such language, cut or markup; markup is not well formed, or nothing is to say.
    """
    for name, value, known in (
        ("language", task.language, MODES),
        ("cut", task.cut, METHODS),
        ("markup", task.markup, SYNTAXES),
    ):
        if value not in known:
            raise TextError(f"{name} is {shown(value)}; it is one of {', '.join(known)}.")
    reading.sentences(
        task.entry.text,
        language=task.language,
        cut=task.cut,
        improved=bool(task.improved),
        syntax=task.markup,
    )


def _name(identity: str) -> str:
    """An id as a part of a file's name on any system: letters, digits, '.', '_' and '-'."""
    name = re.sub(r"[^\w.-]+", "_", identity).strip("._")
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore")
