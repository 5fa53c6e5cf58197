"""What training reads of a clip, computed once and kept in the set by what it was computed from.

Everything is made as the published models' fine-tuning data was: the clip at the family's rate,
then its stored waveform, and from the same samples what the content encoder hears; the speaker
vector is taken of the stored waveform. Where a clip, its words or a model changes, its features are
computed again; what is on disk already is taken from there, so a run that was interrupted goes on.

Letters in shapes: P phones, F text features, T tokens, N samples, V speaker channels.

Source of order, scales and limits: the data preparation and data loaders of GPT-SoVITS (MIT).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myna import files, text
from myna.audio.filterbank import fbank
from myna.audio.pitch import FRAMES_PER_SECOND, pitch
from myna.audio.preparation import training_content_input, training_pcm
from myna.audio.quality import measure
from myna.audio.recordings import read as read_recording
from myna.audio.resample import HANN_SINC, HIGH_QUALITY, resample
from myna.dataset.feature_set import FeatureLimits, FeatureRow, FeatureSet, is_whole, row_of, save
from myna.dataset.spelling import spelled
from myna.datatypes import Audio, Sentence
from myna.errors import AudioError, DatasetError, EngineError, TextError
from myna.specs import CONTENT_RATE, SourceFilterSpec
from myna.synthesis.script import Line, prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.dataset.manifest import Clip
    from myna.engines.base import Engine
    from myna.engines.recogniser import Recogniser

__all__ = ["FeatureLimits", "FeatureRow", "FeatureSet", "features", "pitch_of", "recording_of"]

FOLDER = "features"
"""In the prepared set."""

_FORMAT = 1
"""Raise it when something else is computed, so that old files are not taken for it."""

_PCM_SCALE = 32768.0

log = logging.getLogger(__name__)


def features(
    folder: str | Path,
    clips: Sequence[Clip],
    engine: Engine,
    *,
    improved: bool | None = None,
    limits: FeatureLimits | None = None,
    polyphones: text.Polyphones | None = None,
    recogniser: Recogniser | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FeatureSet:
    """Compute what training reads of clips, or take it from the set's folder.

    Args:
        folder: of the prepared set, which the clips' files are relative to.
        clips: those that are dropped already are left out.
        engine: of the model to be trained; its encoders are asked.
        improved: read transcripts as a native does, words of other languages in their own; else,
            as published data was, the whole transcript as one language. None asks the family.
        limits: clips outside are dropped.
        polyphones: a model that reads Mandarin polyphones.
        recogniser: lays texts on recordings where the family spells its tokens; by default the
            one in the package.
        on_progress: told how many clips of how many are done.

    Returns:
        What could be used, in the order of `clips`; the rest stands in `dropped`.

    Raises:
        DatasetError: a clip has no file of its own in the set, or one outside of it.
        ModelNotFoundError: an encoder of the family is not installed.
        MissingExtraError: a package of a language is not installed.
        OSError: the set's folder cannot be written.
    """
    folder = Path(folder)
    limits = limits or FeatureLimits()
    if improved is None:
        improved = engine.spec.improved_reading
    maker = _Maker(folder, engine, improved, limits, polyphones, recogniser)
    used = [clip for clip in clips if clip.kept]
    rows, dropped = [], []
    if on_progress:
        on_progress(0, len(used))
    for count, clip in enumerate(used, 1):
        found = maker.row(clip)
        if isinstance(found, FeatureRow):
            rows.append(found)
        else:
            dropped.append(found)
        if on_progress:
            on_progress(count, len(used))
    if dropped:
        log.warning("%d of %d clips cannot be trained on.", len(dropped), len(used))
    return FeatureSet(
        rows=tuple(rows),
        rate=engine.spec.rate,
        dropped=tuple(dropped),
        speaker_aware=engine.spec.speaker_aware,
    )


@dataclass(frozen=True)
class _Maker:
    folder: Path
    engine: Engine
    improved: bool
    limits: FeatureLimits
    polyphones: text.Polyphones | None
    recogniser: Recogniser | None

    def row(self, clip: Clip) -> FeatureRow | Clip:
        """The features of one clip, from disk if they are there; or the clip, dropped."""
        try:
            source = recording_of(self.folder, clip)
            path = self._path(clip, source)
            if not is_whole(path):
                path.parent.mkdir(exist_ok=True)
                save(path, self._compute(clip, source))
            row = row_of(clip, path)
        except _UnfitError as unfit:
            return clip.drop(unfit.word, str(unfit))
        if reason := self.limits.refuse(row, self.engine.spec.rate):
            return clip.drop(*reason)
        return row

    def _path(self, clip: Clip, source: Path) -> Path:
        """Of the features of a clip."""
        try:
            sound = files.sha256(source)
        except OSError as error:
            raise _UnfitError(
                "unreadable", f"{clip.audio} cannot be read: {error.strerror}."
            ) from error
        facts = [
            _FORMAT,
            sound,
            clip.text,
            clip.language,
            self._ears,
            self.improved,
            self.polyphones is not None,
        ]
        name = hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()[:40]
        return self.folder / FOLDER / f"{name}.safetensors"

    @cached_property
    def _ears(self) -> str:
        """Identifies the weights that features depend on."""
        engine, ears = self.engine, self.engine.ears()
        if engine.spec.token_model.spelling is None:
            return ears
        # A voice model's own weights are never asked, so that what was trained from one set of
        # features can go on with it.
        others = ears.removeprefix(engine.fingerprint)
        return f"{engine.spec.name} {self._aligner.fingerprint}{others}"

    @cached_property
    def _aligner(self) -> Recogniser:
        if self.recogniser is not None:
            return self.recogniser
        # Only what spells needs PyTorch here.
        from myna.engines.recogniser import Recogniser

        return Recogniser.load()

    def _compute(self, clip: Clip, source: Path) -> dict[str, NDArray[Any]]:
        """Words first: they cost least, and most of what is dropped is dropped for them."""
        engine, spec = self.engine, self.engine.spec
        if not clip.text.strip():
            raise _UnfitError("no text", "Nobody knows what is said in it.")
        try:
            line = self._line(clip)
        except TextError as error:
            raise _UnfitError("unreadable text", str(error)) from error
        if not len(line.phones):
            raise _UnfitError(
                "unreadable text", f"Nothing in {clip.text[:80]!r} can be read aloud."
            )
        try:
            sound = resample(read_recording(source), spec.rate, HIGH_QUALITY)
            if reason := self.limits.refuse_length(sound.seconds):
                raise _UnfitError(*reason)
            samples = training_pcm(sound)
            stored = Audio(samples.astype(np.float32) / np.float32(_PCM_SCALE), spec.rate)
            arrays: dict[str, NDArray[Any]] = {"phones": line.phones, "samples": samples}
            if spec.token_model.spelling is None:
                arrays["tokens"] = engine.tokens(training_content_input(sound).samples)
            else:
                assert line.sounds is not None, "lines of families that spell have sounds"
                arrays["tokens"], arrays["places"] = spelled(
                    self._aligner, stored, line.sounds.tolist(), spec.token_model.spelling
                )
            if spec.speaker_encoder is not None:
                arrays["speaker"] = engine.speaker(fbank(resample(stored, CONTENT_RATE, HANN_SINC)))
            if isinstance(spec.decoder.generator, SourceFilterSpec):
                arrays["pitch"] = pitch_of(sound, len(samples), spec.decoder.generator)
            if spec.decoder.band_limited:
                arrays["band"] = np.array([measure(sound).bandwidth_hz], dtype=np.float32)
        except (AudioError, EngineError) as error:
            raise _UnfitError("unusable audio", str(error)) from error
        if line.text_features is not None:
            arrays["text_features"] = line.text_features
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise _UnfitError("no numbers", f"Its {name} are no numbers; is the model damaged?")
        return arrays

    def _line(self, clip: Clip) -> Line:
        if self.improved:
            sentence = text.read(
                clip.text,
                language=clip.language or "auto",
                table=self.engine.spec.symbols,
                improved=True,
                polyphones=self.polyphones,
            )
        else:
            phonemes = text.direct(
                clip.text,
                language=clip.language,
                table=self.engine.spec.symbols,
                polyphones=self.polyphones,
            )
            sentence = Sentence(source=clip.text, parts=(phonemes,))
        return prepare(self.engine, sentence)


def pitch_of(sound: Audio, samples: int, spec: SourceFilterSpec) -> NDArray[np.float32]:
    """(F,) Hz at each frame of filters in so many samples of the family's rate; 0 is no voice."""
    times = (np.arange(samples // spec.filter_hop) + 0.5) * spec.filter_hop / spec.rate
    found = pitch(resample(sound, CONTENT_RATE, HANN_SINC)).hz
    frames = np.rint(times * FRAMES_PER_SECOND).astype(np.int64).clip(max=len(found) - 1)
    hertz: NDArray[np.float32] = found[frames].astype(np.float32)
    return hertz


class _UnfitError(Exception):
    """A clip that has no features: a word and a sentence."""

    def __init__(self, word: str, sentence: str) -> None:
        super().__init__(sentence)
        self.word = word


def recording_of(folder: Path, clip: Clip) -> Path:
    """The file of a clip's samples.

    Raises:
        DatasetError: the clip has none of its own yet, or the manifest names one outside the set.
    """
    if not clip.audio:
        raise DatasetError(
            f"The clip {clip.id} of {clip.source} has no recording of its own in {folder}; "
            f"finish the set with `myna prepare`."
        )
    path = folder / clip.audio
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(
            f"The manifest in {folder} names the file {clip.audio!r} outside of the set; "
            f"make the set again with `myna prepare`."
        )
    return path
