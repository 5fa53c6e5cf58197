"""From recordings of a speaker to a voice.

The first reference is heard twice: as content, for the prompt that the token model goes on from,
and as sound, for the timbre. Further references add to the timbre alone, which is averaged.

Source of the steps and figures: the published synthesis pipeline, in which content is heard with a
tail of silence, and the sound is limited before its spectrogram is taken.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from myna import files
from myna.audio.filterbank import fbank
from myna.audio.reference import PreparedReference, prepare_reference
from myna.audio.resample import HANN_SINC, HIGH_QUALITY, resample
from myna.audio.spectrogram import spectrogram
from myna.datatypes import Audio, Prompt, Reference, Voice
from myna.engines.base import Ears, Floats
from myna.errors import TextError, UnusableReferenceError, VoiceError
from myna.specs import CONTENT_RATE
from myna.synthesis.script import prompt_line

if TYPE_CHECKING:
    from myna.text import Polyphones

_TAIL = 9600
"""Silent samples after the content, at `CONTENT_RATE`: the published count."""

_CACHE_FORMAT = 2
"""Raise it when cloning computes something else, so that cached voices are made again."""

_CACHED_VOICES = 200

_MOST_CHARACTERS = 500
"""Of the words of a reference: far more than anybody says in ten seconds."""

log = logging.getLogger(__name__)


def clone(
    engine: Ears,
    references: Sequence[Reference],
    *,
    name: str,
    licence: str = "",
    consent: str = "",
    lexicon: str = "",
    polyphones: Polyphones | None = None,
    cache: bool = True,
) -> Voice:
    """Understand a speaker.

    Args:
        references: the first one leads: its words, if known, become the prompt.
        lexicon: readings of words that the voice keeps.
        polyphones: a model that reads Mandarin polyphones; voices made with one are not cached.
        cache: keep the voice on this machine by the content of its references, and take it from
            there the next time.

    Raises:
        UnusableReferenceError: a recording is silent, clipped, too short, or without speech.
        TextError: the words of the first reference cannot be read, or are too many.
    """
    if not references:
        raise UnusableReferenceError("Cloning needs at least one recording.")
    if len(references[0].text) > _MOST_CHARACTERS:
        raise TextError(
            f"The words of the reference have {len(references[0].text)} characters; a reference of "
            f"10 s has far fewer than {_MOST_CHARACTERS}. Give only what is said in it."
        )
    cache = cache and polyphones is None  # nothing tells one such model from another
    stored = _cache_path(engine, references, lexicon)
    if cache and stored.is_file():
        try:
            heard = Voice.load(stored)
            with suppress(OSError):  # it is only for `_prune`, and the folder may be read-only
                os.utime(stored)
            return replace(heard, name=name, licence=licence, consent=consent)
        except VoiceError:
            log.warning("The cached voice %s is damaged; cloning again.", stored)
    voice = _hear(engine, references, lexicon, polyphones)
    if cache:
        try:
            stored.parent.mkdir(parents=True, exist_ok=True)
            voice.save(stored)
            _prune(stored.parent)
        except OSError as error:  # the voice is made; only the next time takes as long again
            log.warning("The voice could not be kept in %s (%s).", stored.parent, error)
    return replace(voice, name=name, licence=licence, consent=consent)


def _hear(
    engine: Ears, references: Sequence[Reference], lexicon: str, polyphones: Polyphones | None
) -> Voice:
    lead = references[0]
    prepared = [
        prepare_reference(reference.audio, whole=bool(index == 0 and reference.text.strip()))
        for index, reference in enumerate(references)
    ]
    sounds = [_limited(resample(each.audio, engine.spec.rate, HANN_SINC)) for each in prepared]
    filterbanks = None
    if engine.spec.speaker_encoder is not None:
        filterbanks = [fbank(resample(sound, CONTENT_RATE, HANN_SINC)) for sound in sounds]
    timbre = engine.timbre(
        [spectrogram(sound, engine.spec.decoder.spectrogram) for sound in sounds], filterbanks
    )
    speaker: Floats | None = None
    if engine.spec.speaker_aware:
        assert filterbanks is not None, "who speaks is told by the speaker encoder"
        speaker = np.mean([engine.speaker(each) for each in filterbanks], axis=0)
    prompt = None
    if lead.text.strip() and engine.spec.prompted:
        line = prompt_line(engine, lead.text, lead.language, lexicon=lexicon, polyphones=polyphones)
        content = resample(prepared[0].audio, CONTENT_RATE, HIGH_QUALITY).samples
        prompt = Prompt(
            text=lead.text.strip(),
            language=lead.language,
            phones=line.phones,
            tokens=engine.tokens(np.concatenate([content, np.zeros(_TAIL, dtype=np.float32)])),
            text_features=line.text_features,
        )
    return Voice(
        name="",
        family=engine.spec.name,
        model=engine.fingerprint,
        timbre=timbre,
        speaker=speaker,
        prompt=prompt,
        lexicon=lexicon,
        details={"references": [_details(each) for each in prepared]},
    )


def _limited(sound: Audio) -> Audio:
    peak = float(np.abs(sound.samples).max())
    if peak <= 1:
        return sound
    limited: Floats = sound.samples / np.float32(min(2.0, peak))
    return Audio(limited, sound.rate)


def _details(prepared: PreparedReference) -> dict[str, object]:
    return {
        "start": round(prepared.start, 3),
        "end": round(prepared.end, 3),
        "warnings": list(prepared.warnings),
        "quality": {name: round(value, 4) for name, value in asdict(prepared.quality).items()},
    }


def _cache_path(engine: Ears, references: Sequence[Reference], lexicon: str) -> Path:
    digest = hashlib.sha256()
    for reference in references:
        samples = reference.audio.samples
        facts = [len(samples), reference.audio.rate, reference.text, reference.language]
        digest.update(json.dumps(facts).encode())
        digest.update(samples.tobytes())
    digest.update(json.dumps(lexicon).encode())
    digest.update(f"{engine.ears()} {_CACHE_FORMAT}".encode())
    return files.data_folder() / "cache" / "voices" / f"{digest.hexdigest()}.voice"


def _prune(folder: Path) -> None:
    """Keep the voices used last."""
    voices = sorted(folder.glob("*.voice"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in voices[_CACHED_VOICES:]:
        old.unlink(missing_ok=True)
