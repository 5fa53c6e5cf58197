"""Who speaks: voices by id, by name and from recordings, and the models that understood them.

All of it blocks, and is done in threads.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from myna.apps.library import Entry, Library
from myna.apps.server import fetching, references
from myna.apps.server.asking import asking
from myna.apps.server.fetching import Fetcher
from myna.apps.server.requests import Clip, SpeechRequest
from myna.apps.server.settings import ServerSettings
from myna.audio.recordings import decode
from myna.checkpoints.store import VOICE_MODEL, ModelFolder, installed, open_model
from myna.datatypes import Audio, Reference, Voice
from myna.errors import ConfigError, ModelNotFoundError, VoiceError
from myna.synthesis import mixing

_MODEL, _VOICE = "server.model", "server.voice"
"""What clients chose, in the settings of the library, for all processes of the server."""
_MOST_CLIPS = 8
_REMEMBERED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceCard:
    """What clients are told of a voice."""

    id: str
    name: str
    languages: tuple[str, ...]
    model: str
    """Name of the model on this machine that it was made by; empty if that is not here."""
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Role:
    """Who is to speak, with which model: a voice, or recordings to make one of."""

    model: str
    voice: Voice | None = None
    references: tuple[Reference, ...] = ()
    key: str = ""
    """Identifies the recordings and what is said in them."""


class Cast:
    """Finds who is to speak; safe to use from many threads.

    Args:
        library: voices on disk.
        settings: roots and limits for recordings.
    """

    def __init__(self, library: Library, settings: ServerSettings) -> None:
        self._shelf, self._settings = library, settings
        self._sees_all = settings.shares_voices
        self._fetcher = Fetcher(settings.fetched_places, settings.most_body_bytes)
        self._lock = threading.Lock()
        self._cloned: OrderedDict[str, Voice] = OrderedDict()

    @property
    def library(self) -> Library:
        """The voices on disk, as whoever asks sees them."""
        return self._shelf.seen_by(asking(), sees_all=self._sees_all)

    def role(self, request: SpeechRequest) -> Role:
        """Who is to speak.

        Raises:
            VoiceError: there is no such voice, or nothing here that can speak with it.
            ModelNotFoundError: there is no such model.
            AudioError: a recording cannot be read, or is not among those that may be.
            ConfigError: there are too many recordings.
        """
        if request.clips and (voice := self._meant(request.clips[0])) is not None:
            return self._of(voice, request.model)
        if request.clips:
            return self.recorded(request.clips, request.model)
        if request.voice:
            return self._of(self.voice(request.voice), request.model)
        if request.model:
            return self._first(open_speaker(request.model))
        chosen = self.library.settings(_VOICE)
        if isinstance(chosen, str):
            with suppress(VoiceError):  # it was deleted since
                return self._of(self.voice(chosen), "")
        return self._first(open_speaker(self.model))

    def voice(self, name: str) -> Voice:
        """A voice by id, name or alias: one that comes with a model, else of the library, else a
        mixture of several, as `mixing.parts` reads it.

        Raises:
            VoiceError: there is none, or they do not mix.
            ConfigError: the weights of a mixture make no sense.
        """
        found = next((each for each in bundled() if _same(each[1].stem, name)), None)
        if found is not None:
            return _loaded(found[1])
        entry = self.library.find(name)
        if entry is not None:
            return self.library.voice(entry)
        recipe = mixing.parts(name)
        if len(recipe) < 2:
            raise VoiceError("There is no voice of this name.")
        return mixing.mix(
            [self.voice(part) for part, _ in recipe], [weight for _, weight in recipe]
        )

    def cards(self) -> list[VoiceCard]:
        """All voices: those that come with models first."""
        names = {folder.fingerprint: folder.name for folder in speakers()}
        cards = [
            VoiceCard(id=path.stem, name=path.stem, languages=("en",), model=folder.name)
            for folder, path in bundled()
        ]
        return cards + [card(entry, names) for entry in self.library.list()]

    @property
    def model(self) -> str:
        """Name of the model that speaks where nobody chose one."""
        chosen = self.library.settings(_MODEL)
        if isinstance(chosen, str):
            with suppress(ModelNotFoundError):  # it was removed since
                return open_speaker(chosen).name
        return self._settings.model

    def choose_model(self, named: str) -> str:
        """Let a model speak where nobody chooses one.

        Args:
            named: an installed model, or one of the files it was converted from, in whatever case
                and with whatever folder; nothing is read from there.

        Raises:
            ModelNotFoundError: there is none.
        """
        stem = _stem(named)
        for folder in speakers():
            sources = folder.provenance.get("sources")
            files = [str(each) for each in sources] if isinstance(sources, list) else []
            if any(_same(_stem(each), stem) for each in [folder.name, *files]):
                self.library.set(_MODEL, folder.name)
                return folder.name
        raise ModelNotFoundError(
            "No model of this name is installed. Published files become one with "
            "`myna models convert`; then its name, or theirs, can be given here."
        )

    def choose_voice(self, voice: str) -> None:
        """Let a voice speak where nobody chooses one.

        Raises:
            VoiceError: there is none.
        """
        self.voice(voice)
        self.library.set(_VOICE, voice)

    def known(self, role: Role, model: str) -> Voice | None:
        """What was made of these recordings before, by weights of this fingerprint."""
        with self._lock:
            found = self._cloned.get(f"{model} {role.key}")
            if found is not None:
                self._cloned.move_to_end(f"{model} {role.key}")
            return found

    def remember(self, role: Role, voice: Voice) -> None:
        """Keep what was made of recordings, for a while."""
        with self._lock:
            self._cloned[f"{voice.model} {role.key}"] = voice
            while len(self._cloned) > _REMEMBERED:
                self._cloned.popitem(last=False)

    def recorded(self, clips: Sequence[Clip], model: str = "") -> Role:
        """Whoever speaks in recordings.

        Args:
            model: name of the one that is to understand them; empty for the default.

        Raises:
            AudioError: one cannot be read, or is not among those that may be.
            ConfigError: there are too many.
            ModelNotFoundError: there is no such model.
        """
        if len(clips) > _MOST_CLIPS:
            raise ConfigError(f"A voice is made of {_MOST_CLIPS} recordings at most.")
        digest, found = hashlib.sha256(), []
        for clip in clips:
            audio = self._audio(clip)
            found.append(Reference(audio, clip.text, clip.language))
            digest.update(audio.samples.tobytes())
            digest.update(f"{audio.rate}\0{clip.text}\0{clip.language}\0".encode())
        name = open_speaker(model or self.model).name
        return Role(model=name, references=tuple(found), key=digest.hexdigest())

    def fetched(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """The same, with those of other hosts as their bytes: none is fetched again.

        Raises:
            AudioError: as `Fetcher.fetch`.
            BusyError: too much is fetched now.
        """
        return tuple(
            replace(clip, path=None, data=self._fetcher.fetch(clip.path))
            if clip.data is None and clip.path and self._fetcher.admits(clip.path)
            else clip
            for clip in clips
        )

    def _audio(self, clip: Clip) -> Audio:
        data = clip.data
        if data is None:
            data = references.contents(clip.path or "", self._settings, self._fetcher)
        return decode(data, self._settings.most_reference_seconds)

    def _meant(self, clip: Clip) -> Voice | None:
        """The voice that a path stands for where it leads to no recording: its file's name."""
        if clip.path is None or references.resolve(clip.path, self._settings.root_folders):
            return None
        if self._fetcher.admits(clip.path):
            return None
        for name in dict.fromkeys((clip.path, _stem(clip.path))):
            with suppress(VoiceError):
                return self.voice(name)
        if fetching.is_address(clip.path):
            return None  # which is told of then
        raise VoiceError(
            "The reference is neither a recording in a folder that this server reads (--roots), "
            "nor the name of a voice."
        )

    def _of(self, voice: Voice, model: str) -> Role:
        """The model on this machine that understood a voice."""
        folder = next((each for each in speakers() if each.fingerprint == voice.model), None)
        if folder is None:
            raise VoiceError(
                f"The voice {voice.name!r} was made by a model of the family {voice.family} that "
                f"is not on this machine. Clone it again."
            )
        if model and open_speaker(model).fingerprint != voice.model:
            raise VoiceError(
                f"The voice {voice.name!r} was made by another model than {model}. Leave the model "
                f"out, or clone the voice with it."
            )
        return Role(model=folder.name, voice=voice)

    def _first(self, folder: ModelFolder) -> Role:
        path = next(iter(folder.voices.values()), None)
        if path is None:
            raise VoiceError(
                f"No voice comes with the model {folder.name}. Name one, or give a recording."
            )
        return Role(model=folder.name, voice=_loaded(path))


def speakers() -> list[ModelFolder]:
    """Models on this machine that can speak."""
    return [folder for folder in installed() if folder.kind == VOICE_MODEL]


def open_speaker(name: str) -> ModelFolder:
    """A model on this machine, by its name only.

    Raises:
        ModelNotFoundError: there is none of this name that can speak.
    """
    found = next((folder for folder in speakers() if folder.name == name), None)
    if found is None:
        raise ModelNotFoundError(f"There is no model {name!r} on this machine.")
    return open_model(found.name)


def bundled() -> list[tuple[ModelFolder, Path]]:
    """Voices that come with models, those in the package first."""
    folders = sorted(speakers(), key=lambda folder: not folder.packaged)
    return [(folder, path) for folder in folders for path in folder.voices.values()]


def card(entry: Entry, names: dict[str, str]) -> VoiceCard:
    """What clients are told of a voice of the library.

    Args:
        names: of models, by their fingerprints.
    """
    return VoiceCard(
        id=entry.id,
        name=entry.name,
        languages=entry.languages,
        model=names.get(entry.model, ""),
        description=entry.description,
    )


def _stem(path: str) -> str:
    """The name of a file, however its path is written."""
    return PurePosixPath(path.replace("\\", "/")).stem


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _loaded(path: Path) -> Voice:
    try:
        return Voice.load(path)
    except (VoiceError, OSError) as error:
        raise VoiceError(f"The voice {path.stem} is damaged.") from error
