"""Other synthesisers, by their command lines: what a figure of ours is held against."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from myna.audio.recordings import read
from myna.errors import ConfigError, EngineError
from myna.evaluation.speakers import PROGRAM, Spoken, identity

if TYPE_CHECKING:
    from myna.evaluation.sentences import Sentence

PROGRAMS = {
    "flite": {"en": "slt"},
    "espeak-ng": {"en": "en-us", "zh": "cmn"},
}
"""Other synthesisers, and the voice of each for a language unless another is asked for."""

_PROGRAM_SECONDS = 60.0
"""After which a program that has not finished a sentence is stopped."""


class Program:
    """Another synthesiser, by its command line; its time includes the start of the program.

    Args:
        wanted: one of `PROGRAMS`, or with a voice of its own, `flite:rms`.
        language: of the sentences.

    Raises:
        ConfigError: there is no such program, it is not installed, or has no voice for the
            language.
    """

    kind = PROGRAM
    like: tuple[Sentence, ...] = ()
    own: tuple[Sentence, ...] = ()

    def __init__(self, wanted: str, language: str) -> None:
        program, _, voice = wanted.partition(":")
        if program not in PROGRAMS:
            raise ConfigError(f"There is no program {program!r}; there are {', '.join(PROGRAMS)}.")
        voice = voice or PROGRAMS[program].get(language, "")
        if not voice:
            raise ConfigError(f"{program} has no voice for {language!r}; leave it out.")
        path = shutil.which(program)
        if path is None:
            raise ConfigError(
                f"The program {program} is not installed. Install it, for example with "
                f"`apt-get install {program}`, or leave it out."
            )
        self.name = f"{program} {voice}"
        self._program, self._path, self._voice = program, path, voice
        self._version = _run([path, "--version"]).stdout.decode("utf-8", "replace").strip()

    def key(self, sentence: Sentence) -> str:
        return identity(self._program, self._voice, self._version, sentence.text)

    def prepare(self, sentence: Sentence) -> None:
        """Nothing is needed."""

    def say(self, sentence: Sentence) -> Spoken:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            text, sound = folder / "text.txt", folder / "sound.wav"
            text.write_text(sentence.text + "\n", encoding="utf-8")
            if self._program == "flite":
                command = ["-voice", self._voice, "-f", str(text), "-o", str(sound)]
            else:
                command = ["-b", "1", "-v", self._voice, "-f", str(text), "-w", str(sound)]
            before = time.perf_counter()
            ended = _run([self._path, *command])
            seconds = time.perf_counter() - before
            if ended.returncode or not sound.is_file():
                said = ended.stderr.decode("utf-8", "replace").strip()[-200:]
                raise EngineError(f"{self._program} failed ({ended.returncode}). {said}".strip())
            return Spoken(read(sound), seconds)


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - no shell, and the text is in a file
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PROGRAM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"{command[0]} was stopped after {_PROGRAM_SECONDS:g} s without an end."
        ) from error
    except OSError as error:
        raise EngineError(f"{command[0]} cannot be started ({error}).") from error
