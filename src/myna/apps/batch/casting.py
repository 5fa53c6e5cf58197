"""Who says a line: a name in a script becomes a voice, or a recording to clone, and its model.

A name is looked for among the run's cast, the folder of voices, the library and the voices of the
model, in this order. What ends like a file is one, relative to the script.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.batch.entries import Entry, shown
from myna.apps.batch.settings import BatchSettings
from myna.apps.library import Library
from myna.audio.recordings import read
from myna.checkpoints.store import ModelFolder, installed, open_model
from myna.datatypes import Reference, Voice
from myna.errors import MynaError, VoiceError
from myna.files import data_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOICE = ".voice"
CLIPS = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf"),
    *(".m4a", ".mp4", ".aac", ".webm", ".mka", ".wma"),
)
"""Endings of recordings that are looked for in a folder of voices."""

_DEFAULT_MODEL = "tiny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Somebody who speaks: what is known of the voice, and the model that says it."""

    name: str
    """As the voice calls itself, or the recording's."""
    heard: Voice | Reference
    """A voice, or a recording that is cloned where the line is said."""
    model: str
    """What `Myna.load` takes."""
    fingerprint: str
    """Of the model."""
    digest: str
    """Of all the above that changes what is heard."""


class Casting:
    """Finds who says what; each voice is read once.

    Args:
        settings: of the run.
        folder: that paths in the script are relative to.
    """

    def __init__(self, settings: BatchSettings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._parts: dict[tuple[str, ...], Part | MynaError] = {}
        self._models: dict[str, ModelFolder] = {}
        self._cast = {name.casefold(): voice for name, voice in settings.cast.items()}
        self._files = {} if settings.voices is None else _files(settings.voices)
        self._installed: tuple[ModelFolder, ...] | None = None
        # Not made by looking: whoever has no library needs none.
        self._library = Library() if (data_folder() / "voices").is_dir() else None

    def part(self, entry: Entry) -> Part:
        """Who says a line.

        Raises:
            VoiceError: there is no such voice, it is damaged, or not of the line's model.
            AudioError: the recording cannot be read.
            ModelNotFoundError: the model is not here.
        """
        key = (entry.voice, entry.reference, entry.reference_text, entry.reference_language)
        found = self._of((*key, entry.model), lambda: self._found(entry))
        if isinstance(found, MynaError):
            raise found
        return found

    def known(self, name: str) -> bool:
        """Whether there is a voice of this name; paths are no names."""
        return (
            name.casefold() in self._cast
            or _find(self._files, name) is not None
            or _find(self._model(self._settings.model or _DEFAULT_MODEL).voices, name) is not None
            or (self._library is not None and self._library.find(name) is not None)
        )

    def _of(self, key: tuple[str, ...], find: Callable[[], Part]) -> Part | MynaError:
        """What was found before, be it an error."""
        if key not in self._parts:
            try:
                self._parts[key] = find()
            except MynaError as error:
                self._parts[key] = error
        return self._parts[key]

    def _found(self, entry: Entry) -> Part:
        model = entry.model or self._settings.model
        if entry.reference:
            return self._clip(
                self._folder / entry.reference,
                model,
                entry.reference_text,
                entry.reference_language or "auto",
            )
        name = entry.voice or self._settings.voice
        name = self._cast.get(name.casefold(), name)
        if not name:
            return self._first(model or _DEFAULT_MODEL)
        path = Path(name)
        if path.suffix.lower() == VOICE or path.suffix.lower() in CLIPS:
            return self._file(self._folder / path, model)
        file = _find(self._files, name)
        if file is not None:
            return self._file(file, model)
        if (voice := self._in_library(name)) is not None:
            return self._voice(voice, model)
        owner = self._model(model or _DEFAULT_MODEL)
        file = _find(owner.voices, name)
        if file is None:
            raise VoiceError(self._no_voice(name, owner))
        return self._voice(Voice.load(file), model, owner)

    def _first(self, model: str) -> Part:
        owner = self._model(model)
        for file in owner.voices.values():
            return self._voice(Voice.load(file), model, owner)
        raise VoiceError(f"No voice comes with the model {model}; name one.")

    def _file(self, path: Path, model: str) -> Part:
        if path.suffix.lower() == VOICE:
            return self._voice(Voice.load(path), model)
        words = path.with_suffix(".txt")
        text = words.read_text(encoding="utf-8-sig").strip() if words.is_file() else ""
        return self._clip(path, model, text, "auto")

    def _voice(self, voice: Voice, model: str, owner: ModelFolder | None = None) -> Part:
        owner = owner or self._owner(voice, model)
        if voice.model != owner.fingerprint:
            raise VoiceError(
                f"The voice {shown(voice.name)} was made by other weights (family {voice.family}) "
                f"than those of {owner.name}; leave the model out, or clone again."
            )
        return _part(voice.name, voice, owner, _of_voice(voice))

    def _clip(self, path: Path, model: str, text: str, language: str) -> Part:
        audio = read(path)
        digest = hashlib.blake2b(audio.samples.tobytes(), digest_size=16)
        digest.update(repr((audio.rate, text, language)).encode())
        return _part(
            path.stem,
            Reference(audio, text, language),
            self._model(model or _DEFAULT_MODEL),
            digest.hexdigest(),
        )

    def _owner(self, voice: Voice, model: str) -> ModelFolder:
        """The model asked for; else the one here that understood the voice; else its family's."""
        if model:
            return self._model(model)
        if self._installed is None:
            self._installed = installed()
        same = (each for each in self._installed if each.kind == "voice-model")
        found = next((each for each in same if each.fingerprint == voice.model), None)
        return found or self._model(voice.family)

    def _model(self, name: str) -> ModelFolder:
        if name not in self._models:
            self._models[name] = open_model(name)
        return self._models[name]

    def _in_library(self, name: str) -> Voice | None:
        found = None if self._library is None else self._library.find(name)
        return None if self._library is None or found is None else self._library.voice(found)

    def _no_voice(self, name: str, owner: ModelFolder) -> str:
        there = [*self._settings.cast, *self._files, *owner.voices]
        near = difflib.get_close_matches(name.casefold(), {each.casefold() for each in there}, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(there) or 'none'}."
        return (
            f"there is no voice {shown(name)}; {hint} Others are files that end in {VOICE}, or "
            f"recordings."
        )


def _part(name: str, heard: Voice | Reference, owner: ModelFolder, digest: str) -> Part:
    known = owner.packaged or owner.path.name == owner.name
    return Part(
        name=name,
        heard=heard,
        model=owner.name if known else str(owner.path.resolve()),
        fingerprint=owner.fingerprint,
        digest=f"{digest}:{owner.fingerprint[:32]}",
    )


def _of_voice(voice: Voice) -> str:
    """Of what is heard of a voice, and not of its name or licence."""
    digest = hashlib.blake2b(digest_size=16)
    arrays: list[NDArray[Any] | None] = [voice.timbre, voice.speaker]
    if voice.prompt is not None:
        arrays += [voice.prompt.phones, voice.prompt.tokens, voice.prompt.text_features]
        digest.update(voice.prompt.text.encode())
    for array in arrays:
        digest.update(b"-" if array is None else array.tobytes())
    digest.update(voice.lexicon.encode())
    return digest.hexdigest()


def _files(folder: Path) -> dict[str, Path]:
    """Voices and recordings in a folder, by name; a voice goes before a recording of its name."""
    if not folder.is_dir():
        raise VoiceError(f"There is no folder of voices {folder}.")
    found = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in CLIPS}
    voices = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == VOICE}
    return {**found, **voices}


def _find(files: Mapping[str, Path], name: str) -> Path | None:
    """The file of that name, in whatever case if that is clear."""
    if name in files:
        return files[name]
    same = [path for each, path in files.items() if each.casefold() == name.casefold()]
    return same[0] if len(same) == 1 else None
