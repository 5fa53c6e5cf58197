"""Find recordings in a folder or by a list, and the words that come with them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from myna.dataset import lists, timed
from myna.dataset.lists import Line
from myna.dataset.manifest import Clip
from myna.errors import DatasetError

LOG = logging.getLogger(__name__)

ENDINGS = frozenset(
    {
        *(".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2"),
        *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc"),
        *(".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".webm", ".weba", ".mka", ".mkv"),
        *(".aac", ".amr", ".wma", ".wmv", ".avi", ".flv", ".mpg", ".mpeg", ".ts", ".spx"),
        *(".ape", ".wv", ".tta"),
    }
)
"""Of files that libsndfile or PyAV may read; whether they do is seen when they are read."""

_OF_SETS = ({"stages", "work"}, {"clips", "manifest.jsonl", "set.json"})
"""What is in folders that `myna prepare` began, and finished."""

_PLAIN = (".txt", ".lab")
_USUAL_PLACES = ("", "wavs", "clips", "audio")
"""Where well-known sets keep the recordings that a list beside these folders names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A file, as it is now, and what is said in it."""

    path: str
    size: int = -1
    """In bytes; -1 if there is no such file."""
    changed: int = 0
    """When, in nanoseconds."""
    parts: tuple[Line, ...] = ()
    """Words of parts of it, in order; empty if nobody cut it yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a source holds."""

    clips: tuple[Clip, ...]
    """One for each recording, none read yet; those with words come first."""
    recordings: Mapping[str, Recording] = field(default_factory=dict)
    """By `Clip.source`."""


def find(
    source: Path,
    *,
    speaker: str = "",
    language: str = "",
    tier: str = "",
    leave_out: Path | None = None,
) -> Found:
    """Look for recordings.

    Args:
        source: a folder, which is searched with all folders in it (hidden files and folders left
            out); or a list; or one recording.
        speaker: where nothing else says who speaks; empty takes the name of `source`.
        language: where nothing else says.
        tier: of TextGrids, see `myna.dataset.timed.read`.
        leave_out: a folder that is not searched.

    Raises:
        DatasetError: there are none; or a list, or what stands beside a recording, is not well
            formed or contradicts another.
        OSError: something cannot be read.
    """
    speaker = speaker or _speaker(source.resolve().stem)
    if source.is_dir():
        paths, words = _in_folder(source, leave_out, tier)
        base = source
    elif not source.is_file():
        raise DatasetError(f"There is no folder, list or recording {source}.")
    elif source.suffix.lower() in ENDINGS:
        paths, words, base = [source], _beside(source, tier), source.parent
    else:
        words = _of_list(source)
        paths, base = list(words), source.parent
    if not paths:
        raise DatasetError(f"{source} holds no recordings ({', '.join(sorted(ENDINGS))}).")
    known: dict[Path, list[Line]] = {}
    for path, lines in words.items():
        known.setdefault(path, []).extend(lines)
    rows = [_row(path, base, known.get(path, ()), speaker, language) for path in sorted(paths)]
    rows.sort(key=lambda row: not (row[0].text or row[1].parts))
    found = Found(tuple(clip for clip, _ in rows), {clip.source: each for clip, each in rows})
    if len(found.recordings) != len(rows):
        raise DatasetError(f"Names of recordings in {source} differ only in broken characters.")
    if all(each.size < 0 for each in found.recordings.values()):
        raise DatasetError(
            f"None of the {len(rows)} recordings that {source} names is there, for one "
            f"{rows[0][1].path}. Paths in a list are absolute, or relative to the list's folder."
        )
    return found


def readable(name: str) -> str:
    """The name of a file, or words that quote it, as text that can be written down."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _speaker(name: str) -> str:
    """A name that lists can say, made of a file's."""
    kept = "".join(c if c.isprintable() and c != "|" else " " for c in readable(name))
    return " ".join(kept.split()) or "speaker"


def _in_folder(
    folder: Path, leave_out: Path | None, tier: str
) -> tuple[list[Path], dict[Path, Sequence[Line]]]:
    files = sorted(_files(folder, leave_out))
    paths = [path for path in files if path.suffix.lower() in ENDINGS]
    words: dict[Path, Sequence[Line]] = {}
    for path in paths:
        words |= _beside(path, tier)
    there = {os.path.realpath(path): path for path in paths}
    for path in files:
        if path.suffix.lower() not in (".list", ".csv", ".tsv"):
            continue
        if not lists.is_list(path):
            LOG.warning("%s has no header of a list of recordings, and is not read.", path)
            continue
        for named, lines in _of_list(path).items():
            here = there.get(os.path.realpath(named))
            if here is None:
                LOG.warning("%s names %s, which is not in the folder; left out.", path, named)
            elif here in words and list(words[here]) != list(lines):
                raise DatasetError(
                    f"Two files say what is said in {here}, one of them {path}, line "
                    f"{lines[0].number}. Take one of them away, or name the list to use."
                )
            else:
                words[here] = lines
    return paths, words


def _files(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    """All ordinary files below, hidden ones left out; each folder once, however often linked.

    A folder that cannot be searched is left out with a warning, and so is a set, whose clips were
    made of recordings that are here already, as a rule.
    """

    def unsearched(error: OSError) -> None:
        if error.filename == os.fspath(folder):
            raise error
        LOG.warning("%s cannot be searched (%s); left out.", error.filename, error.strerror)

    seen = {_identity(leave_out)} if leave_out is not None and leave_out.is_dir() else set()
    for at, folders, names in os.walk(folder, onerror=unsearched, followlinks=True):
        identity = _identity(Path(at))
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        if any(marks <= {*folders, *names} for marks in _OF_SETS):
            LOG.warning(
                "%s is a set that `myna prepare` made; left out. Its train.list can be given to "
                "prepare its clips again.",
                at,
            )
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(at, name) for name in names if not name.startswith("."))
        # Path's own way to ask raises on names that are too long
        yield from (path for path in paths if os.path.isfile(path))


def _identity(folder: Path) -> tuple[int, int]:
    facts = folder.stat()
    return facts.st_dev, facts.st_ino


def _beside(path: Path, tier: str) -> dict[Path, Sequence[Line]]:
    """Words in a file of the same name with another ending; nothing if there is none."""
    found: list[Path] = []
    for ending in (".TextGrid", ".textgrid", ".srt", ".vtt", *_PLAIN):
        other = path.with_suffix(ending)
        if os.path.isfile(other) and not any(other.samefile(each) for each in found):
            found.append(other)
    if not found:
        return {}
    if len(found) > 1:
        raise DatasetError(
            f"Two files say what is said in {path}: {found[0].name} and {found[1].name}. "
            f"Take one of them away."
        )
    plain = found[0].suffix.lower() in _PLAIN
    lines = lists.read_plain(found[0]) if plain else timed.read(found[0], tier=tier)
    return {path: [replace(line, origin=readable(found[0].name)) for line in lines]}


def _of_list(path: Path) -> dict[Path, Sequence[Line]]:
    """Lines of a list by the file they name, checked against each other."""
    by_file: dict[Path, list[Line]] = {}
    for line in lists.read(path):
        lines = by_file.setdefault(_place(path.parent, line.path), [])
        same = next(
            (each for each in lines if (each.start, each.end) == (line.start, line.end)), None
        )
        if same is not None and same.text != line.text:
            raise DatasetError(
                f"{path}: lines {same.number} and {line.number} say different things of "
                f"{line.path}."
            )
        if same is None:
            lines.append(replace(line, origin=readable(path.name)))
    for lines in by_file.values():
        wholes = [line for line in lines if line.start is None]
        if wholes and len(lines) > 1:
            raise DatasetError(
                f"{path}, line {wholes[0].number}: {wholes[0].path} is named as a whole and in "
                f"parts."
            )
        lines.sort(key=lambda line: (line.start or 0.0, line.end or 0.0))
    return {path: tuple(lines) for path, lines in by_file.items()}


def _place(folder: Path, name: str) -> Path:
    """Where the recording is that a list in `folder` calls `name`; there may be none."""
    for place in _USUAL_PLACES:
        for ending in ("", ".wav", ".flac"):
            path = folder / place / (name + ending)
            if os.path.isfile(path):
                return path
    return folder / name


def _row(
    path: Path, base: Path, lines: Sequence[Line], speaker: str, language: str
) -> tuple[Clip, Recording]:
    """A clip that stands for the file, and what is known of the file."""
    relative = path.relative_to(base) if path.is_relative_to(base) else path
    source = readable(relative.as_posix())
    first = next(iter(lines), Line(path=""))
    parts = tuple(line for line in lines if line.start is not None)
    clip = Clip(
        id=source,
        source=source,
        speaker=first.speaker or speaker,
        language=first.language or language,
        text="" if parts else first.text,
        text_from=first.origin if first.text and not parts else "",
    )
    recording = Recording(path=os.fspath(path.absolute()), parts=_complete(parts, clip))
    if not os.path.isfile(path):
        return clip, recording
    facts = path.stat()
    return clip, replace(recording, size=facts.st_size, changed=facts.st_mtime_ns)


def _complete(parts: Sequence[Line], clip: Clip) -> tuple[Line, ...]:
    """Parts that say who speaks and in which language."""
    return tuple(
        replace(part, speaker=part.speaker or clip.speaker, language=part.language or clip.language)
        for part in parts
    )
