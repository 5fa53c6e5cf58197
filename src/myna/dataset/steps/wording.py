"""Words for clips that came without any, and a check of all words against what is heard."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from myna.dataset.checking import check_sounds, check_text, check_words
from myna.dataset.manifest import Clip
from myna.dataset.running import Place, Step
from myna.dataset.steps.work_audio import load
from myna.dataset.transcribing import open_transcriber, transcribed
from myna.files import sha256

if TYPE_CHECKING:
    from myna.dataset.checking import Hearing
    from myna.dataset.transcribing import Transcriber

log = logging.getLogger(__name__)

NONE = "none"
"""The transcriber of those who want none."""


@dataclass(frozen=True, kw_only=True)
class _Listening(Step):
    """A step that may ask a transcriber."""

    transcriber: str
    """See `myna.dataset.transcribing`, or `NONE`."""
    model: str
    device: str

    @property
    def listens(self) -> bool:
        """Whether there is a transcriber."""
        return self.transcriber != NONE

    def opened(self) -> Transcriber:
        """The transcriber, made once in each process."""
        return _opened(self.transcriber, self.model, self.device)


@dataclass(frozen=True, kw_only=True)
class Transcribe(_Listening):
    """Clips without words are given some, or dropped."""

    name: ClassVar[str] = "transcribe"
    fault: ClassVar[str] = "no words"

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The clip with words."""
        (clip,) = clips
        if clip.text:
            return clips
        if not self.listens:
            return (
                clip.drop(
                    self.fault,
                    "Nobody says what is said in it. Give its words, or choose a transcriber.",
                ),
            )
        return (transcribed(clip, load(place.folder, clip.audio), self.opened()),)


@dataclass(frozen=True, kw_only=True)
class CheckWords(_Listening):
    """Words that cannot be what is said are dropped; a transcriber is asked if there is one."""

    name: ClassVar[str] = "words"
    fault: ClassVar[str] = "words"

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The clip, with its language."""
        clip = check_text(clips[0])
        if clip.kept and self.listens and clip.text_from != self.transcriber:
            clip = check_words(clip, load(place.folder, clip.audio), self.opened())
        return (clip,)


@dataclass(frozen=True, kw_only=True)
class CheckSounds(Step):
    """Words that are not what our own recogniser hears are dropped."""

    name: ClassVar[str] = "sounds"
    version: ClassVar[int] = 2
    fault: ClassVar[str] = "words"
    recogniser: str
    """Of its weights, so that other ones check again; empty if it is not to be asked."""

    def run(self, clips: tuple[Clip, ...], place: Place) -> Sequence[Clip]:
        """The clip; one in a language that it does not hear passes."""
        (clip,) = clips
        if not self.recogniser:
            return clips
        return (check_sounds(clip, load(place.folder, clip.audio), _recogniser()),)


def recogniser() -> str:
    """Identifies the recogniser of this machine; empty, with a warning, without one."""
    if importlib.util.find_spec("torch") is None:
        log.warning(
            "Words are not held against the sounds that are heard, which needs torch: "
            "pip install 'myna[prepare]'"
        )
        return ""
    from myna.engines.recogniser import PACKAGED

    return sha256(PACKAGED)


@lru_cache(maxsize=1)
def _recogniser() -> Hearing:
    from myna.engines.recogniser import Recogniser

    return Recogniser.load()


@lru_cache(maxsize=1)
def _opened(name: str, model: str, device: str) -> Transcriber:
    return open_transcriber(name, model=model, device=device)
