"""Weights of our content encoder, from one stage of its training to the next and to users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

import myna
from myna.checkpoints import store
from myna.checkpoints.store import ModelFolder
from myna.engines import recogniser
from myna.errors import CheckpointError
from myna.nets.content_encoder import ContentEncoder
from myna.specs import ContentEncoderSpec

RECOGNISER = "recogniser.safetensors"
"""In the folder of a run."""

_NET = "encoder."
_QUANTISER = "quantiser."


def begin(encoder: ContentEncoder, path: Path) -> None:
    """Give an encoder the weights of a recogniser; a quantiser that it has not stays as drawn.

    Raises:
        CheckpointError: the file is damaged, or of an encoder of another size.
    """
    try:
        found = {name: tensor.float() for name, tensor in load_file(path).items()}
        missing, strange = encoder.load_state_dict(found, strict=False)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit this content encoder ({error}).") from error
    if strange or not all(name.startswith(_QUANTISER) for name in missing):
        raise CheckpointError(
            f"{path} is of another content encoder: it lacks {missing[:3]}, and has {strange[:3]}."
        )


def packed(
    trained: Mapping[str, Tensor],
    spec: ContentEncoderSpec,
    out: Path,
    name: str,
    sources: Sequence[str],
    found: Mapping[str, float],
) -> ModelFolder | None:
    """Write trained weights in half precision: as a recogniser, and as a model folder if they
    quantise.

    Args:
        trained: of a `ContentTask`; what only training needs is left out.
        out: gets `recogniser.safetensors` and the folder `name`.
        sources: names of the corpora.
        found: figures that go into the folder's provenance.
    """
    own = {
        key.removeprefix(_NET): tensor for key, tensor in trained.items() if key.startswith(_NET)
    }
    recogniser.pack(own, spec, out / RECOGNISER)
    if not spec.levels:
        return None
    return store.write(
        out / name,
        kind=store.ENCODER,
        spec=name,
        name=name,
        parts={"weights": {key: tensor.half().numpy() for key, tensor in own.items()}},
        provenance={
            "sources": list(sources),
            "held_out": dict(found),
            "myna": myna.__version__,
        },
    )
