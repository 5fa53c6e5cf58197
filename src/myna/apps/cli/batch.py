"""`myna batch`: a script becomes a folder of recordings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.cli.console import Console, UsageError, shown
from myna.apps.cli.options import (
    add_cues,
    add_engine_options,
    add_reading,
    add_settings,
    improved,
    lexicon_text,
    settings,
)
from myna.datatypes import CONTAINERS, Delivery, Guard, Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from myna.apps.batch.entries import Fault
    from myna.apps.batch.producing import Product
    from myna.apps.batch.running import Crew, Progress
    from myna.apps.batch.settings import Equipment

_MOST_TOLD = 50
"""Faults or warnings that are shown."""


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "batch",
        parents=[common],
        help="read a whole script aloud, line by line",
        description="Read a script aloud: one recording for each line, and a manifest of how each "
        "came out. The same command again makes only what is missing or changed.",
    )
    parser.add_argument(
        "script",
        type=Path,
        metavar="SCRIPT",
        help="a .jsonl, .csv, .tsv, .srt or .txt file; see docs/batch.md for what may be in it",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="where to keep the recordings and the manifest",
    )
    _add_voices(parser)
    _add_output(parser)
    _add_work(parser)
    add_reading(parser)
    add_settings(parser, Sampling)
    add_settings(parser, Delivery)
    add_settings(parser, Guard)
    add_engine_options(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Read it aloud.

    Returns:
        0 if every line has its recording, else 1.

    Raises:
        UsageError: options that do not go together.
        MynaError: as `myna.apps.batch.producing`.
        OSError: something cannot be read or written.
    """
    from myna.apps.batch.producing import prepare, produce
    from myna.apps.batch.settings import BatchSettings, Equipment, Joining

    if given.jobs < 1:
        raise UsageError(f"--jobs is {given.jobs}; it is at least 1.")
    chosen = BatchSettings(
        voice=given.voice,
        voices=given.voices,
        cast=_cast(given.cast),
        model=given.model,
        language=given.language,
        cut=given.cut,
        markup=given.markup,
        improved=improved(given),
        lexicon=lexicon_text(given),
        sampling=settings(given, Sampling),
        delivery=settings(given, Delivery),
        guard=settings(given, Guard),
        format=given.format,
        takes=given.takes,
        fit=given.fit,
        fastest=given.fastest,
    )
    equipment = Equipment(
        engine=given.engine,
        device=given.device,
        precision=given.precision,
        threads=given.threads,
        polyphones=given.polyphones,
    )
    joining = Joining(
        join=given.join,
        gap=given.gap,
        paragraph_gap=given.paragraph_gap,
        length=given.length,
        cues=given.cues,
    )
    console = Console(quiet=given.quiet)
    plan = prepare(given.script, chosen, equipment)
    if plan.faults:
        _tell_faults(given.script, plan.faults)
        return 1
    _warn([f"{given.script}: {warning}" for warning in plan.warnings])
    try:
        product = produce(
            plan,
            given.output,
            _crew(given, equipment),
            joining,
            retry_failed=given.retry_failed,
            on_progress=lambda progress: console.progress(_progress(progress)),
        )
    except KeyboardInterrupt:
        console.say("What is finished is kept; the same command goes on from there.")
        raise
    console.say(f"{len(product.outcome.rows)} lines done")
    _warn(_warnings(product))
    print("\n".join(_summary(given, product)))
    return 1 if product.outcome.failed else 0


def _add_voices(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("voices")
    group.add_argument(
        "--voice",
        default="",
        metavar="NAME|FILE",
        help="of lines that name none: a name, a voice file, or a recording to clone (default: the "
        "first voice that comes with the model)",
    )
    group.add_argument(
        "--voices",
        type=Path,
        metavar="FOLDER",
        help="voice files and recordings to clone, called by their names without the ending; what "
        "is said in a recording stands in a .txt file of its name",
    )
    group.add_argument(
        "--cast",
        action="append",
        default=[],
        metavar="WHO=VOICE",
        help="who that is, whom the script calls so; may be given again",
    )
    group.add_argument(
        "--model",
        default="",
        help="an installed model or a model folder (default: the voice's own; tiny for recordings)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    from myna.apps.batch.settings import BatchSettings, Joining

    group = parser.add_argument_group("output")
    group.add_argument(
        "--format",
        choices=[ending[1:] for ending in CONTAINERS],
        default="wav",
        help="of the recordings (default: wav)",
    )
    group.add_argument(
        "--takes",
        type=int,
        default=1,
        metavar="INT",
        help="say each line so many times, keep the best, and the others beside it (default: 1)",
    )
    group.add_argument(
        "--join",
        type=Path,
        metavar="FILE",
        help="also all lines in one .wav, .flac or .ogg file, with subtitles beside it",
    )
    for name, words in (
        ("gap", "seconds of silence between its lines"),
        ("paragraph-gap", "seconds of silence between its paragraphs"),
    ):
        default = getattr(Joining(), name.replace("-", "_"))
        group.add_argument(
            f"--{name}",
            type=float,
            default=default,
            metavar="FLOAT",
            help=f"{words} (default: {default:g})",
        )
    add_cues(group)
    group.add_argument(
        "--fit",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep the times of a script that has them: one track in which each line starts at its "
        "time, said faster if it has to be",
    )
    group.add_argument(
        "--fastest",
        type=float,
        default=BatchSettings().fastest,
        metavar="FLOAT",
        help=f"speed up to which that is done, 1 to 2 (default: {BatchSettings().fastest:g})",
    )
    group.add_argument(
        "--length",
        type=float,
        metavar="FLOAT",
        help="seconds that the track lasts (default: until the last cue ends)",
    )
    group.add_argument("--quiet", action="store_true", help="only the result, warnings and errors")


def _add_work(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("work")
    group.add_argument(
        "--retry-failed",
        action="store_true",
        help="say lines again that failed before, with other seeds",
    )
    group.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="INT",
        help="processes, each with a model of its own in memory (default: 1)",
    )
    group.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="say the lines on a Ray cluster, with --jobs actors: a new one here, or that at an "
        "address",
    )


def _cast(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in given:
        who, equals, voice = each.partition("=")
        if not equals or not who.strip() or not voice.strip():
            raise UsageError(f"--cast {each} is not understood; write it like ANNA=kathleen.")
        found[who.strip()] = voice.strip()
    return found


def _crew(given: argparse.Namespace, equipment: Equipment) -> Crew:
    from myna.apps.batch.running import elsewhere, here

    if given.ray is not None:
        from myna.apps.batch.on_ray import on_ray

        return on_ray(equipment, given.jobs, address=given.ray or None)
    return here(equipment) if given.jobs == 1 else elsewhere(equipment, given.jobs)


def _tell_faults(script: Path, faults: Sequence[Fault]) -> None:
    for line, what in faults[:_MOST_TOLD]:
        print(f"myna: {shown(f'{script}, line {line}: {what}')}", file=sys.stderr)
    if len(faults) > _MOST_TOLD:
        print(f"myna: and {len(faults) - _MOST_TOLD} more.", file=sys.stderr)
    count = f"{len(faults)} fault" + "s" * (len(faults) != 1)
    print(f"myna: {count} in {shown(str(script))}; nothing was spoken.", file=sys.stderr)


def _warnings(product: Product) -> list[str]:
    found = [
        f"line {row.line}: {warning}" for row in product.outcome.rows for warning in row.warnings
    ]
    found += product.warnings
    if stray := product.outcome.stray:
        found.append(
            f"{len(stray)} files of earlier runs are of no line any more, such as {stray[0]}."
        )
    return found


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings[:_MOST_TOLD]:
        print(f"myna: warning: {shown(warning)}", file=sys.stderr)
    if len(warnings) > _MOST_TOLD:
        print(f"myna: warning: and {len(warnings) - _MOST_TOLD} more.", file=sys.stderr)


def _progress(progress: Progress) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    left = "" if progress.left is None else f", {_time(progress.left)} left"
    return (
        f"{progress.done} of {progress.total} lines{failed}, {progress.seconds:.0f} s of speech"
        f"{left}"
    )


def _summary(given: argparse.Namespace, product: Product) -> list[str]:
    outcome = product.outcome
    failed = outcome.failed
    seconds = sum(row.seconds for row in outcome.rows)
    lines = [
        _row("made", outcome.made),
        _row("kept", outcome.kept),
        _row("failed", len(failed)),
        f"speech: {_time(seconds)} in {shown(str(given.output))}, made in {_time(outcome.elapsed)}",
    ]
    lines += [f"line {row.line} failed: {shown(row.error)}" for row in failed[:_MOST_TOLD]]
    if failed:
        again = "--retry-failed says those that failed again, with other seeds."
        joined = " Nothing was joined." if given.join or outcome.rows[0].cue else ""
        lines.append(again + joined)
    return lines + [shown(str(path)) for path in product.files]


def _row(name: str, lines: int) -> str:
    return f"{name:<8}{lines:>8} line" + "s" * (lines != 1)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
