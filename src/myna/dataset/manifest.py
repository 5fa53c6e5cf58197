"""Clips, and manifests of them: JSON lines, one clip each.

A clip starts as a whole recording and is cut, cleaned and transcribed by the stages of
`myna.dataset.stages`; a clip that a stage drops stays in the manifest, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from myna.errors import DatasetError
from myna.files import replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A recording, or a part of one, and what is known of it."""

    id: str
    """Stable and its own: from the content of the source and the place in it."""
    source: str
    """The recording it comes from, as the user named it, relative to the folder given."""
    audio: str = ""
    """File of its samples, relative to the set's folder; empty while that is the source itself."""
    start: float = 0.0
    """Where it starts and ends in the source, in seconds."""
    end: float = 0.0
    rate: int = 0
    """Samples per second of `audio`."""
    speaker: str = ""
    language: str = ""
    """A language code, or empty if nobody knows."""
    text: str = ""
    """What is said, or empty if nobody knows."""
    text_from: str = ""
    """Where `text` comes from: a list file, or the transcriber's name."""
    confidence: float | None = None
    """Of the transcriber, 0 to 1."""
    quality: Mapping[str, float] = field(default_factory=dict)
    """Measured facts by name, see `myna.audio.quality`."""
    done: tuple[str, ...] = ()
    """What was done to it, in words."""
    warnings: tuple[str, ...] = ()
    dropped: str = ""
    """Why it is not used, as one word such as `clipping`; empty if it is."""
    reason: str = ""
    """The same in a sentence, with figures."""

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def kept(self) -> bool:
        return not self.dropped

    def drop(self, word: str, reason: str) -> Clip:
        """The same clip, not used."""
        return replace(self, dropped=word, reason=reason)

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Clip:
        """Read a line of `as_json`.

        Raises:
            DatasetError: it is none.
        """
        try:
            values: dict[str, Any] = json.loads(line)
            if unknown := set(values) - {each.name for each in fields(cls)}:
                raise ValueError(f"unknown {', '.join(sorted(unknown))}")
            for name in ("done", "warnings"):
                values[name] = tuple(values.get(name, ()))
            return cls(**values)
        except (TypeError, ValueError, RecursionError) as error:
            raise DatasetError(f"This is no line of a manifest ({error}): {line[:80]}") from error


def write(path: str | Path, clips: Iterable[Clip]) -> None:
    """Write a manifest, whole or not at all."""
    with replacing(path) as temporary:
        lines = "".join(clip.as_json() + "\n" for clip in clips)
        temporary.write_text(lines, encoding="utf-8", newline="\n")


def read(path: str | Path) -> tuple[Clip, ...]:
    """Read a manifest.

    Raises:
        DatasetError: there is none, or it is damaged; the message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"There is no manifest {path}; make one with `myna prepare`.")
    clips = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            clips.append(Clip.from_json(line))
        except DatasetError as error:
            raise DatasetError(f"{path}, line {number}: {error}") from error
    return tuple(clips)
