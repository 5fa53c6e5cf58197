"""A model as it ships: both nets in half precision, without judges, and voices that it has.

    python -m myna.training.shipping MODEL -o FOLDER
    python -m myna.training.shipping --token-model ONE --decoder OTHER -o FOLDER \\
        --voices TABLE.toml --set SET

The second puts the nets of two models together that learned at the same time, and makes voices of
speakers of a prepared set. What only training needs of the decoder stays, so that people can
fine-tune it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import myna
from myna import Myna, config
from myna.checkpoints import store
from myna.checkpoints.recognise import DECODER, TOKEN_MODEL
from myna.checkpoints.store import ModelFolder
from myna.dataset.features import recording_of
from myna.dataset.prepare import PreparedSet, open_set
from myna.errors import CheckpointError, DatasetError
from myna.training.programs import ended

_CLIPS = 24
"""That a voice is made of, from all over the set, at most ..."""
_CLIP_SECONDS = (3.2, 9.5)
"""... and of this length."""


def ship(
    token_model: ModelFolder,
    decoder: ModelFolder,
    out: Path,
    name: str,
    voices: Sequence[str] = (),
) -> ModelFolder:
    """Write a model folder of the token model of one model and the decoder of another.

    Args:
        token_model: may be the same as `decoder`.
        out: a model folder there is replaced.
        voices: names of those that it will have, the one that speaks by default first.

    Raises:
        CheckpointError: they are of two families, or the folder cannot be written.
    """
    if token_model.spec != decoder.spec:
        raise CheckpointError(
            f"{token_model.name} is of the family {token_model.spec}, {decoder.name} of "
            f"{decoder.spec}; one model is of one family."
        )
    store.check_target(out, overwrite=True)
    sources = {TOKEN_MODEL: token_model, DECODER: decoder}
    return store.write(
        out,
        kind=store.VOICE_MODEL,
        spec=decoder.spec,
        name=name,
        parts={
            part: {
                key: value.astype(np.float16) for key, value in store.tensors(model, part).items()
            }
            for part, model in sources.items()
        },
        provenance={
            "sources": {part: dict(model.provenance) for part, model in sources.items()},
            "myna": myna.__version__,
            "voices": list(voices),
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledVoice:
    """A voice that comes with a model."""

    name: str
    """Its file is called so, and so do people."""
    speaker: str
    """In the set."""
    licence: str
    """Terms of use that travel with the voice."""
    consent: str
    """Whose voice it is and how they agreed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledVoices:
    """The table of them."""

    voice: tuple[BundledVoice, ...]
    """The one that speaks by default first."""


def add_voices(model: ModelFolder, voices: Sequence[BundledVoice], prepared: PreparedSet) -> None:
    """Clone voices from clips of a set, and put them into the model's folder.

    Raises:
        DatasetError: the set has too few clips of a speaker.
        MynaError: as cloning.
    """
    myna = Myna.load(model.path)
    folder = model.path / "voices"
    folder.mkdir(exist_ok=True)
    shortest, longest = _CLIP_SECONDS
    for voice in voices:
        clips = [
            clip
            for clip in prepared.clips
            if clip.speaker == voice.speaker and shortest <= clip.seconds <= longest
        ]
        if not clips:
            raise DatasetError(
                f"{prepared.folder} has no clip of {voice.speaker} of {shortest:g} to "
                f"{longest:g} s to make the voice {voice.name} of."
            )
        chosen = clips[:: max(1, len(clips) // _CLIPS)][:_CLIPS]
        made = myna.clone(
            [recording_of(prepared.folder, clip) for clip in chosen],
            name=voice.name,
            licence=voice.licence,
            consent=voice.consent,
            cache=False,
        )
        made.save(folder / f"{voice.name}.voice")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m myna.training.shipping", description="Write a model as it ships."
    )
    parser.add_argument("model", nargs="?", help="an installed model, or a folder")
    parser.add_argument("--token-model", metavar="MODEL", help="whose token model to take")
    parser.add_argument("--decoder", metavar="MODEL", help="whose decoder to take")
    parser.add_argument("--name", help="of the model (default: of the folder)")
    parser.add_argument(
        "--voices",
        type=Path,
        metavar="TABLE.toml",
        help="name, speaker, licence and consent of each [[voice]] that it will have; the first "
        "one speaks by default",
    )
    parser.add_argument("--set", metavar="SET", help="prepared; the voices' speakers are in it")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    given = parser.parse_args(arguments)
    names = [given.token_model or given.model, given.decoder or given.model]
    if None in names:
        parser.error("name a model, or one for each net")
    if (given.voices is None) != (given.set is None):
        parser.error("--voices and --set go together")
    voices: tuple[BundledVoice, ...] = ()
    prepared = None
    if given.voices is not None:
        voices, prepared = config.read(given.voices, BundledVoices).voice, open_set(given.set)
    models = [store.open_model(name) for name in names]
    name = given.name or given.output.name
    made = ship(models[0], models[1], given.output, name, [voice.name for voice in voices])
    if prepared is not None:
        add_voices(made, voices, prepared)
    return 0


if __name__ == "__main__":
    raise SystemExit(ended(main))
