"""Recordings become a set: clips with words that training can use, and why the rest is left out.

A set is a folder: `clips/` with one mono FLAC file each, `manifest.jsonl` with every clip, dropped
ones included, `train.list` in the old format, `set.json` with settings and figures, `report.html`.
`stages/` and `work/` hold what a later run goes on from.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from myna import __version__
from myna.dataset import lists, manifest
from myna.dataset.finding import find
from myna.dataset.manifest import Clip
from myna.dataset.running import STAGES, WORK, OnProgress, Runner
from myna.dataset.settings import PrepareSettings
from myna.errors import ConfigError, DatasetError
from myna.files import locked, replacing

MANIFEST, LIST, FACTS, REPORT, CLIPS = (
    "manifest.jsonl",
    "train.list",
    "set.json",
    "report.html",
    "clips",
)
"""What a set's folder holds."""

FORMAT = 1
"""Version of the layout of sets."""

_OURS = re.compile(r"[0-9a-f]{12}(?:-\d{7,}-\d{7,})?\.flac")
_CONTENT = re.compile(r"[0-9a-f]{20}")
"""What names of files in `work/` start with: of the audio they are, or were made of."""
_MOST_JOBS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSet:
    """A set on disk."""

    folder: Path
    clips: tuple[Clip, ...]
    """Those to use, in order; `folder / clip.audio` is the file of each."""
    dropped: tuple[Clip, ...]
    """Those not to use; `Clip.reason` says why."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What `set.json` says."""

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks, by name."""
        return tuple(sorted({clip.speaker for clip in self.clips}))

    @property
    def language(self) -> str:
        """The code of the language most is said in; empty if there are no clips."""
        seconds: Counter[str] = Counter()
        for clip in self.clips:
            seconds[clip.language] += round(clip.seconds * 1000)
        return seconds.most_common(1)[0][0] if seconds else ""

    @property
    def seconds(self) -> float:
        """Of all clips to use."""
        return sum(clip.seconds for clip in self.clips)

    @property
    def seconds_given(self) -> float:
        """Of all recordings that could be read."""
        return float(self.facts["seconds"]["given"])

    def dropped_by_word(self) -> dict[str, tuple[int, float]]:
        """How many clips were dropped, and how many seconds, by `Clip.dropped`; most first."""
        found: dict[str, tuple[int, float]] = {}
        for clip in self.dropped:
            count, seconds = found.get(clip.dropped, (0, 0.0))
            found[clip.dropped] = (count + 1, seconds + clip.seconds)
        return dict(sorted(found.items(), key=lambda item: (-item[1][0], item[0])))


def prepare(
    source: str | Path,
    out: str | Path,
    settings: PrepareSettings | None = None,
    *,
    jobs: int = 1,
    clean: bool = False,
    on_progress: OnProgress | None = None,
) -> PreparedSet:
    """Make a set of recordings, or go on where an earlier run with the same folder was ended.

    Args:
        source: a folder of recordings, a list of them (see `myna.dataset.lists`), or one recording.
        out: folder of the set: a new one, an empty one, or one made by this function.
        settings: what to do with them.
        jobs: processes; the result does not depend on it. More than one need a main module that
            may be imported again, as everything that starts processes does.
        clean: remove at the end what only a later run would use, to free disk space.
        on_progress: told of every finished clip of every step.

    Raises:
        DatasetError: there are no recordings, no clip is left to use, a list is not well formed,
            or `out` holds something else, or another run writes to it.
        MynaError: something that was asked for is not installed.
        OSError: something cannot be read or written. What is finished is kept.
    """
    source, out, settings = Path(source), Path(out), settings or PrepareSettings()
    if not 1 <= jobs <= _MOST_JOBS:
        raise ConfigError(f"jobs is {jobs}; it goes from 1 to {_MOST_JOBS}.")
    _claim(out)
    with locked(out, DatasetError):
        made = _made(source, out, settings, jobs, clean, on_progress)
    if not made.clips:
        words = ", ".join(f"{count} {word}" for word, (count, _) in made.dropped_by_word().items())
        raise DatasetError(
            f"No clip of {source} can be used: {words}. {out / REPORT} has the reason for each."
        )
    return made


def _made(
    source: Path,
    out: Path,
    settings: PrepareSettings,
    jobs: int,
    clean: bool,
    on_progress: OnProgress | None,
) -> PreparedSet:
    """The set, which may have no clips to use."""
    from myna.dataset.report import write_report
    from myna.dataset.stages import stages

    found = find(
        source,
        speaker=settings.speaker,
        language=settings.language,
        tier=settings.tier,
        leave_out=out,
    )
    clips = found.clips
    known = any(clip.text or found.recordings[clip.source].parts for clip in clips)
    if settings.transcriber == "none" and not known:
        raise DatasetError(
            f"Nobody says what is said in {source}. Put a text, subtitles or a TextGrid beside "
            f"each recording, give a list, or have it written down with --transcriber."
        )
    given = 0.0
    with Runner(out, jobs=jobs, on_progress=on_progress) as runner:
        for step in stages(settings, found.recordings):
            clips = runner.run(step, clips)
            given = given or sum(clip.seconds for clip in clips)
    clips = _delivered(out, clips)
    facts = {
        "format": FORMAT,
        "myna": __version__,
        "licence": settings.licence,
        "settings": asdict(settings),
        "recordings": len(found.recordings),
        "seconds": {
            "given": round(given, 3),
            "kept": round(sum(clip.seconds for clip in clips if clip.kept), 3),
            "dropped": round(sum(clip.seconds for clip in clips if not clip.kept), 3),
        },
        "steps": [asdict(account) for account in runner.accounts],
    }
    _write(out, clips, facts)
    write_report(out, clips, facts)
    _tidy(out, runner.files, clean)
    return open_set(out)


def open_set(folder: str | Path) -> PreparedSet:
    """Open a set that `prepare` made.

    Raises:
        DatasetError: there is none, or it is damaged.
    """
    folder = Path(folder)
    clips = manifest.read(folder / MANIFEST)
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        version = facts["format"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{folder} is no complete set ({FACTS}: {error}); finish it with `myna prepare`."
        ) from error
    if version != FORMAT:
        raise DatasetError(
            f"{folder} was made by another version of Myna (format {version}, not {FORMAT}). "
            f"Prepare the recordings again."
        )
    kept = tuple(clip for clip in clips if clip.kept)
    for clip in kept:
        if not re.fullmatch(rf"{CLIPS}/{_OURS.pattern}", clip.audio):
            raise DatasetError(f"{folder / MANIFEST}: {clip.audio!r} is no clip of the set.")
        if not (folder / clip.audio).is_file():
            raise DatasetError(f"{folder / clip.audio} is missing; run `myna prepare` again.")
    return PreparedSet(
        folder=folder,
        clips=kept,
        dropped=tuple(clip for clip in clips if not clip.kept),
        facts=facts,
    )


def _claim(out: Path) -> None:
    """Make the folder, or see that it is ours."""
    if out.exists() and not out.is_dir():
        raise DatasetError(f"{out} is no folder; name one for the set.")
    out.mkdir(parents=True, exist_ok=True)
    names = {each.name for each in out.iterdir() if not each.name.startswith(".")}
    if names and STAGES not in names and FACTS not in names:
        raise DatasetError(
            f"{out} holds other things, {sorted(names)[0]} for one; name a new folder for the set."
        )


def _delivered(out: Path, clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """The clips as the manifest has them: those to use in `clips/`, under their own names."""
    names = [clip.id for clip in clips]
    assert len(set(names)) == len(names), "two clips have one name"
    (out / CLIPS).mkdir(exist_ok=True)
    done = []
    for clip in clips:
        name = f"{CLIPS}/{clip.id}.flac"
        if not clip.kept:
            done.append(replace(clip, audio=""))
            continue
        if not _same(out / clip.audio, out / name):
            with replacing(out / name) as temporary:
                shutil.copyfile(out / clip.audio, temporary)
        done.append(replace(clip, audio=name))
    _remove_others(out / CLIPS, {Path(clip.audio).name for clip in done})
    return tuple(done)


def _same(one: Path, other: Path) -> bool:
    return (
        other.is_file()
        and one.stat().st_size == other.stat().st_size
        and one.read_bytes() == other.read_bytes()
    )


def _remove_others(folder: Path, names: Iterable[str]) -> None:
    kept = set(names)
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in kept:
            path.unlink()


def _write(out: Path, clips: Sequence[Clip], facts: Mapping[str, Any]) -> None:
    manifest.write(out / MANIFEST, clips)
    lists.write(
        out / LIST,
        (
            lists.Line(
                path=clip.audio, speaker=clip.speaker, language=clip.language, text=clip.text
            )
            for clip in clips
            if clip.kept
        ),
    )
    with replacing(out / FACTS) as temporary:
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")


def _tidy(out: Path, files: set[str], clean: bool) -> None:
    """Remove audio of earlier settings; or all that only a later run would use."""
    if clean:
        shutil.rmtree(out / STAGES)
        shutil.rmtree(out / WORK, ignore_errors=True)
        return
    stems = {Path(name).stem for name in files}
    for folder, _, names in os.walk(out / WORK):
        for name in names:
            content = _CONTENT.match(name)
            if content is None or content[0] not in stems:
                Path(folder, name).unlink()
