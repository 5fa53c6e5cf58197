"""A model as it ships: both nets in half precision, without judges.

    python -m myna.training.shipping MODEL -o FOLDER
    python -m myna.training.shipping --token-model ONE --decoder OTHER -o FOLDER

The second puts the nets of two models together that learned at the same time. What only training
needs of the decoder stays, so that people can fine-tune it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import myna
from myna.checkpoints import store
from myna.checkpoints.recognise import DECODER, TOKEN_MODEL
from myna.checkpoints.store import ModelFolder
from myna.errors import CheckpointError


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
        "--voice",
        action="append",
        default=[],
        metavar="NAME",
        help="of a voice that it will have; the first one speaks by default",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    given = parser.parse_args(arguments)
    names = [given.token_model or given.model, given.decoder or given.model]
    if None in names:
        parser.error("name a model, or one for each net")
    models = [store.open_model(name) for name in names]
    ship(models[0], models[1], given.output, given.name or given.output.name, given.voice)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
