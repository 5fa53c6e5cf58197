"""What is finished stays on disk, sentence by sentence, so that the same command goes on.

Of a sentence there are its audio and a file of facts, in `sentences/SPEAKER`. Facts are taken up
again if what would be said is the same, and what a judge found if that would be judged the same.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from myna.audio.recordings import pcm16, read
from myna.datatypes import Audio
from myna.errors import AudioError
from myna.evaluation.judges import Finding
from myna.files import save_json

log = logging.getLogger(__name__)

SENTENCES = "sentences"
_FULL = np.float32(1 / 32768)


class Record:
    """Of one sentence by one speaker; in memory only, if there is no folder.

    Args:
        folder: of the report.
        speaker: a name for files, of `file_name`.
        number: of the sentence, from 1.
        key: of what is to be said.
    """

    def __init__(self, folder: Path | None, speaker: str, number: int, key: str) -> None:
        self._folder, self._key = folder, key
        self._name = f"{SENTENCES}/{speaker}/{number:04}"
        self.spoken: dict[str, Any] = {}
        """What `results.Judged` says of how it was spoken; empty until it was."""
        self._judged: dict[str, dict[str, Any]] = {}
        self._audio: Audio | None = None
        if folder is not None:
            self._load(folder)

    @property
    def audio_name(self) -> str:
        """Relative to the folder; empty if nothing is kept."""
        there = self._folder is not None and self.spoken.get("spoken", 0.0) > 0
        return f"{self._name}.wav" if there else ""

    def speak(self, audio: Audio | None, facts: dict[str, Any]) -> None:
        """Take note of what was said; None if nothing was."""
        self.spoken, self._judged = facts, {}
        # As a file keeps it, so that what is judged is the same now and later.
        steps = None if audio is None else pcm16(audio.samples).astype(np.float32) * _FULL
        self._audio = None if audio is None or steps is None else Audio(steps, audio.rate)
        if self._folder is not None and self._audio is not None:
            path = self._folder / f"{self._name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._audio.save(path)

    def audio(self) -> Audio | None:
        """What was said, as it is kept; None if nothing was."""
        if self._audio is None and self.audio_name and self._folder is not None:
            self._audio = read(self._folder / self.audio_name)
        return self._audio

    def found(self, judge: str, key: str) -> Finding | None:
        """What a judge found, if it would find the same now."""
        kept = self._judged.get(judge)
        if kept is None or kept["key"] != key:
            return None
        return Finding(kept["measures"], kept["heard"], kept["note"])

    def find(self, judge: str, key: str, finding: Finding) -> None:
        """Take note of what a judge found."""
        self._judged[judge] = {"key": key, **asdict(finding)}

    def keep(self) -> None:
        """Write it down, unless nothing was said: then it is tried again the next time."""
        if self._folder is None or self.spoken.get("failed"):
            return
        path = self._folder / f"{self._name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_json(path, {"key": self._key, "spoken": self.spoken, "judged": self._judged})

    def forget_audio(self) -> None:
        """Free its memory, if it is on disk."""
        if self._folder is not None:
            self._audio = None

    def _load(self, folder: Path) -> None:
        path = folder / f"{self._name}.json"
        if not path.is_file():
            return
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["key"] != self._key:
                return
            spoken, judged = facts["spoken"], facts["judged"]
            if not isinstance(spoken, dict) or not isinstance(judged, dict):
                raise TypeError("not as it was written")
            self.spoken, self._judged = spoken, judged
            self.audio()
        except (ValueError, KeyError, TypeError, AudioError) as error:
            log.warning("%s is damaged (%s); this sentence is said again.", path, error)
            self.spoken, self._judged, self._audio = {}, {}, None
        self.forget_audio()


def file_name(name: str) -> str:
    """A name for files, made of any name."""
    plain = unicodedata.normalize("NFKD", name)
    return re.sub(r"[^\w.-]+", "-", plain).strip("-.").lower() or "unnamed"
