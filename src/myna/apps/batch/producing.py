"""From a script to recordings: read it, plan it, say it, join it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from myna.apps.batch import joining, reading
from myna.apps.batch.manifest import MADE, Row
from myna.apps.batch.planning import Plan, plan
from myna.apps.batch.running import Crew, Outcome, Progress, run
from myna.apps.batch.settings import BatchSettings, Equipment, Joining
from myna.errors import AudioError
from myna.synthesis.subtitles import cues


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What came of a script."""

    outcome: Outcome
    files: tuple[Path, ...]
    """Those of all lines together; none if a line failed."""
    warnings: tuple[str, ...]


def prepare(script: Path, settings: BatchSettings, equipment: Equipment) -> Plan:
    """Read a script and find who speaks; nothing is said yet.

    Returns:
        a plan, with all that is wrong with the script.

    Raises:
        DatasetError: there is no such script, or it is none.
        VoiceError: the folder of voices is none.
        OSError: it cannot be read.
    """
    entries, faults = reading.read(script)
    found = plan(entries, script.parent, settings, equipment)
    return replace(found, faults=tuple(sorted([*faults, *found.faults])))


def produce(
    plan: Plan,
    folder: Path,
    crew: Crew,
    joining_: Joining | None = None,
    *,
    retry_failed: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Product:
    """Say what is not said yet, and join it if no line failed.

    Args:
        plan: without faults.
        folder: of the recordings and the manifest.
        crew: who says the lines, see `myna.apps.batch.running`.
        joining_: what to make of all recordings together.

    Raises:
        MynaError, OSError: as `myna.apps.batch.running.run`.
        AudioError: a recording cannot be joined; or the length asked for ends before the last cue.
    """
    wanted = joining_ or Joining()
    files: list[Path] = []
    warnings: list[str] = []
    timed = all(task.window is not None for task in plan.tasks)
    if timed and wanted.length is not None:
        last = max(task.entry.cue[1] for task in plan.tasks)
        if wanted.length < last:
            raise AudioError(
                f"The last cue ends at {last:g} s, after a length of {wanted.length:g} s. Ask for "
                f"a longer track."
            )

    def finishing(rows: tuple[Row, ...]) -> Sequence[Row]:
        if any(row.status != MADE for row in rows):
            return ()
        placed: Sequence[Row] = ()
        if timed:
            name = wanted.track or f"track.{plan.tasks[0].format}"
            placed, timings, seconds = joining.track(
                folder, rows, folder / name, seconds=wanted.length
            )
            said = cues(timings, wanted.cues)
            files.extend([folder / name, *joining.save_subtitles(said, folder / name)])
            warnings.extend(_late(placed, seconds, wanted))
        if wanted.join is not None:
            gaps = joining.gaps(plan.tasks, between=wanted.gap, paragraphs=wanted.paragraph_gap)
            said = cues(joining.join(folder, rows, wanted.join, gaps=gaps), wanted.cues)
            files.extend([wanted.join, *joining.save_subtitles(said, wanted.join)])
        return placed

    outcome = run(
        plan,
        folder,
        crew,
        retry_failed=retry_failed,
        on_progress=on_progress,
        finishing=finishing,
    )
    return Product(outcome=outcome, files=tuple(files), warnings=tuple(warnings))


def _late(rows: Sequence[Row], seconds: float, wanted: Joining) -> list[str]:
    """What does not keep its time."""
    found = [
        f"line {row.line} lasts {row.seconds:.2f} s at speed {row.speed:.2f}, {row.cue.over:.2f} s "
        f"too long for its {row.cue.window:.2f} s."
        for row in rows
        if row.cue is not None and row.cue.over > 0
    ]
    found += [
        f"line {row.line} starts {row.cue.drift:.2f} s late."
        for row in rows
        if row.cue is not None and row.cue.drift
    ]
    end = max(row.cue.end for row in rows if row.cue is not None)
    asked = end if wanted.length is None else wanted.length
    if seconds > asked:
        found.append(f"the track lasts {seconds:.2f} s, longer than the {asked:.2f} s asked for.")
    return found
