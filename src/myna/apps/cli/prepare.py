"""`myna prepare`: a folder of recordings becomes a set of clips with words."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.cli.console import Console, shown
from myna.apps.cli.options import add_settings, settings
from myna.dataset.settings import PrepareSettings

if TYPE_CHECKING:
    from myna.dataset.prepare import PreparedSet
    from myna.dataset.running import Progress


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "prepare",
        parents=[common],
        help="make a set for training of recordings",
        description="Measure, clean, cut and transcribe recordings, and say why some is left out. "
        "Interrupted, the same command goes on where it was.",
    )
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="a folder of recordings, which is searched with all folders in it; a list of them "
        "(path|speaker|language|text, CSV, TSV, LJSpeech); or one recording. A TextGrid, SRT, VTT "
        "or TXT of the same name beside a recording says what is said in it",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FOLDER", help="where to keep the set"
    )
    parser.add_argument(
        "--jobs", type=int, metavar="INT", help="processes (default: one for each core)"
    )
    parser.add_argument(
        "--clean",
        action="store_true",
        help="remove at the end what only a later run with other settings would use",
    )
    parser.add_argument("--quiet", action="store_true", help="only the result, warnings and errors")
    add_settings(parser, PrepareSettings)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prepare.

    Raises:
        MynaError: as `myna.dataset.prepare.prepare`.
        OSError: something cannot be read or written.
    """
    chosen = settings(given, PrepareSettings)
    console = Console(quiet=given.quiet)
    from myna.dataset.prepare import prepare

    def tell(progress: Progress) -> None:
        left = progress.seconds_left
        rest = "" if left is None else f", {_time(left)} left"
        console.progress(f"{progress.step}: {progress.done} of {progress.total}{rest}")
        if progress.done == progress.total:
            console.say(f"{progress.step}: {progress.total} done")

    try:
        made = prepare(
            given.source,
            given.output,
            chosen,
            jobs=_cores() if given.jobs is None else given.jobs,
            clean=given.clean,
            on_progress=tell,
        )
    except KeyboardInterrupt:
        console.say("What is finished is kept; the same command goes on from there.")
        raise
    print("\n".join(_table(made)))
    return 0


def _table(made: PreparedSet) -> list[str]:
    """The result, one line for each figure."""
    from myna.dataset.prepare import REPORT

    lines = [
        _row("given", None, made.seconds_given),
        _row("kept", len(made.clips), made.seconds),
        *(_row(f"dropped: {w}", *figures) for w, figures in made.dropped_by_word().items()),
    ]
    pauses = made.seconds_given - made.seconds - sum(clip.seconds for clip in made.dropped)
    if pauses > 0.05:
        lines.append(_row("pauses between clips", None, pauses))
    return [*lines, f"report: {shown(str(made.folder / REPORT))}"]


def _row(name: str, clips: int | None, seconds: float) -> str:
    count = "" if clips is None else f"{clips} clip" + "s" * (clips != 1)
    return f"{name:<24}{count:>12}{seconds / 60:>10.1f} min"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _cores() -> int:
    """Those that this process may use, 8 at most: each takes memory."""
    if hasattr(os, "sched_getaffinity"):
        return min(8, len(os.sched_getaffinity(0)))
    return min(8, os.cpu_count() or 1)
