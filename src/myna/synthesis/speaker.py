"""`Myna`: load a model, clone a voice, speak with it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from myna.audio.recordings import read
from myna.checkpoints.store import open_model
from myna.datatypes import (
    Audio,
    Delivery,
    Guard,
    Pacing,
    Reference,
    Sampling,
    Speech,
    Utterance,
    Voice,
)
from myna.engines import load_engine
from myna.engines.base import Engine
from myna.engines.hearing import Hearing
from myna.engines.polyphones import open_g2pw
from myna.errors import ConfigError, VoiceError
from myna.synthesis import cloning
from myna.synthesis.growing import scripts
from myna.synthesis.performance import Rendered, Script
from myna.synthesis.streaming import stream
from myna.synthesis.takes import said

if TYPE_CHECKING:
    from myna.text import Polyphones

Progress = Callable[[int, int], None]
"""Called with sentences finished and sentences in all."""


class Myna:
    """A model, ready to clone and to speak.

    It knows no files of weights and no networks: those are the engine's. Calls share nothing but
    the engine, so one `Myna` may serve many requests, one at a time.

    Args:
        polyphones: reads Mandarin polyphones.
        voices: files of voices that may be called by name; the first one speaks if none is named.
    """

    def __init__(
        self,
        engine: Engine,
        polyphones: Polyphones | None = None,
        voices: Mapping[str, Path] | None = None,
    ) -> None:
        self.engine = engine
        self.polyphones = polyphones
        self.voices = dict(voices or {})

    @classmethod
    def load(
        cls,
        model: str | Path = "tiny",
        *,
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        polyphones: str | Path | None = None,
    ) -> Myna:
        """Open a model.

        Args:
            model: the name of a model that comes with Myna ("tiny") or is installed ("v2ProPlus"),
                or a model folder.
            engine: "onnx", "torch", or "auto" for the one that suits the family and the device.
            device: "auto", "cpu", "cuda", "cuda:1" ...
            precision: "auto", "float32"; on the engine onnx "int8"; on torch "float16" and
                "bfloat16".
            threads: that a computation may use, on the engine onnx; None for all cores of this
                process.
            polyphones: folder of a g2pW model, which reads Mandarin polyphones by their context;
                without one a dictionary decides.

        Raises:
            ModelNotFoundError: no such model here; the message says how to get it.
            CheckpointError: the folder is damaged.
            MissingExtraError: the engine's package is not installed.
            ConfigError: no such engine, device, precision or number of threads.
        """
        folder = open_model(model)
        reader = None if polyphones is None else open_g2pw(polyphones)
        found = load_engine(folder, engine, device=device, precision=precision, threads=threads)
        return cls(found, reader, folder.voices)

    def clone(
        self,
        reference: str | Path | Audio | Reference | Sequence[str | Path | Audio | Reference],
        *,
        text: str = "",
        language: str = "auto",
        name: str = "",
        licence: str = "",
        consent: str = "",
        lexicon: str = "",
        cache: bool = True,
    ) -> Voice:
        """Understand a speaker from one recording or several.

        Args:
            reference: 3 to 10 s of clear speech; of several, the first one leads and all of them
                are averaged in timbre.
            text: what is said in the first one. Without it only the timbre is taken, and the
                manner of speaking is the model's own.
            language: of `text`.
            name: of the voice; by default the name of the file.
            licence: terms of use that travel with the voice.
            consent: whose voice it is and how they agreed, which travels with the voice.
            lexicon: readings of words that travel with the voice, in lines as
                `myna.text.lexicons` reads them.
            cache: keep the result on this machine, by the content of the recordings.

        Raises:
            ConfigError: `text` was given beside a `Reference`, which has words of its own.
            AudioError: a recording cannot be read.
            UnusableReferenceError: a recording is silent, clipped, too short, or without speech.
            TextError: `text` cannot be read.
            ModelNotFoundError: an encoder that cloning needs is not here.
        """
        if isinstance(reference, str | Path | Audio | Reference):
            given: list[str | Path | Audio | Reference] = [reference]
        else:
            given = list(reference)
        references = [
            _reference(item, text if index == 0 else "", language)
            for index, item in enumerate(given)
        ]
        if not name and given and isinstance(given[0], str | Path):
            name = Path(given[0]).stem
        return cloning.clone(
            self.engine,
            references,
            name=name,
            licence=licence,
            consent=consent,
            lexicon=lexicon,
            polyphones=self.polyphones,
            cache=cache,
        )

    def speak(
        self,
        text: str,
        voice: Voice | str | Path | None = None,
        *,
        language: str = "auto",
        cut: str = "cut5",
        sampling: Sampling | None = None,
        delivery: Delivery | None = None,
        markup: str = "auto",
        improved: bool | None = None,
        lexicon: str = "",
        guard: Guard | None = None,
        progress: Progress | None = None,
    ) -> Speech:
        """Say a text of any length.

        Sentences are decoded together where the engine can; the result is the same as alone.
        The arguments are the fields of `Utterance`; a voice may also be the name of one that comes
        with the model, or a file. By default it is the first one that comes with the model.
        Our recogniser listens to each sentence, and one that it does not hear well is said again,
        as `guard` allows.

        Raises:
            TextError: there is nothing to say, or in a language the model does not speak.
            VoiceError: there is no such voice, or it was made by another model.
            EngineError: the model could not finish.
        """
        self.engine.get_ready()
        utterance = _utterance(
            text, self.voice(voice), language, cut, sampling, delivery, markup, improved, lexicon
        )
        script = Script(self.engine, utterance, self.polyphones)
        rendered: dict[int, Rendered] = {}
        for index, piece in said(
            self.engine, script, utterance.voice, guard or Guard(), lambda: self.hearing
        ):
            rendered[index] = piece
            if progress is not None:
                progress(len(rendered), len(script.lines))
        return script.assemble([rendered[index] for index in range(len(script.lines))])

    def stream(
        self,
        text: str | Iterable[str],
        voice: Voice | str | Path | None = None,
        *,
        language: str = "auto",
        cut: str = "cut5",
        sampling: Sampling | None = None,
        delivery: Delivery | None = None,
        markup: str = "auto",
        improved: bool | None = None,
        lexicon: str = "",
        pacing: Pacing | None = None,
    ) -> Generator[Audio, None, None]:
        """Say a text piece by piece, as it is made; the first piece comes before the first sentence
        is known to its end.

        Nobody listens before you do: no sentence is said again. With a seed, the pieces together
        are what `speak` returns without retries: up to rounding with a family that looks ahead only
        so far (`tiny`); with others in whole sentences (`Pacing.sentences`), and nearly so without,
        see docs/speed.md. Closing the iterator stops all work on it.

        Args:
            text: a whole one; or pieces that are written while it is spoken, broken anywhere. Each
                sentence is said as soon as the next one begins. Pieces have no markup.
            pacing: how long pieces are.

        Others, and errors, as `speak`; of a whole text they are raised before the first piece where
        they can be.
        """
        whole = text if isinstance(text, str) else ""
        plan = pacing or Pacing()
        self.engine.get_ready()
        utterance = _utterance(
            whole, self.voice(voice), language, cut, sampling, delivery, markup, improved, lexicon
        )
        if isinstance(text, str):
            return stream(self.engine, [Script(self.engine, utterance, self.polyphones)], plan)
        return stream(self.engine, scripts(self.engine, utterance, text, self.polyphones), plan)

    def convert(
        self,
        recording: str | Path | Audio,
        voice: Voice | str | Path | None = None,
        *,
        text: str = "",
        language: str = "auto",
        lexicon: str = "",
        seed: int | None = None,
        delivery: Delivery | None = None,
        progress: Progress | None = None,
    ) -> Speech:
        """Say what a recording says, as it says it, with another voice.

        The result lasts as long as the recording, to the sample, and each sound is where it was, to
        about 40 ms.

        Args:
            recording: one person speaking, up to 300 s, and up to 60 s with the published families.
            voice: as of `speak`.
            text: what is said in it. The published families need it; `tiny` hears the sounds by
                itself, and is understood better with the text.
            language: of what is said; English with `tiny`.
            lexicon: readings of words in `text`.
            seed: of what chance there is in the decoder; None draws one.
            delivery: its rate and noise; its speed is 1, and the pauses are those of the recording.
            progress: called with parts finished and parts in all.

        Raises:
            AudioError: the recording cannot be read, is silent, too short or too long, holds no
                speech or that of another language, or does not say `text`.
            TextError: `text` is missing where it is needed, or cannot be read.
            VoiceError: there is no such voice, or it was made by another model.
            ConfigError: the speed is not 1, or there is no such language.
            EngineError: the model could not finish.
        """
        from myna.synthesis import converting  # which speaking does without

        return converting.convert(
            self.engine,
            recording if isinstance(recording, Audio) else read(recording),
            self.voice(voice),
            lambda: self.hearing,
            text=text,
            language=language,
            lexicon=lexicon,
            seed=seed,
            delivery=delivery,
            polyphones=self.polyphones,
            progress=progress,
        )

    @cached_property
    def hearing(self) -> Hearing:
        """Our recogniser, made ready when it is first asked for."""
        return Hearing.load()

    def voice(self, voice: Voice | str | Path | None = None) -> Voice:
        """A voice by its name in `voices`, or from a file; by default the first of `voices`.

        Raises:
            VoiceError: there is none, or the file is damaged.
        """
        if isinstance(voice, Voice):
            return voice
        if voice is None:
            if not self.voices:
                raise VoiceError("No voice comes with this model. Clone one, or give a voice file.")
            voice = next(iter(self.voices.values()))
        path = Path(self.voices.get(str(voice), voice))
        if self.voices and path.suffix != ".voice" and not path.is_file():
            raise VoiceError(
                f"There is no voice {str(voice)!r}. With this model come {', '.join(self.voices)}; "
                f"others are files that end in .voice."
            )
        return Voice.load(path)


def _reference(item: str | Path | Audio | Reference, text: str, language: str) -> Reference:
    if isinstance(item, Reference):
        if text:
            raise ConfigError("A Reference carries its own text; do not give `text` beside it.")
        return item
    audio = item if isinstance(item, Audio) else read(item)
    return Reference(audio, text, language)


def _utterance(
    text: str,
    voice: Voice,
    language: str,
    cut: str,
    sampling: Sampling | None,
    delivery: Delivery | None,
    markup: str,
    improved: bool | None,
    lexicon: str,
) -> Utterance:
    return Utterance(
        text=text,
        voice=voice,
        language=language,
        cut=cut,
        sampling=sampling or Sampling(),
        delivery=delivery or Delivery(),
        markup=markup,
        improved=improved,
        lexicon=lexicon,
    )
