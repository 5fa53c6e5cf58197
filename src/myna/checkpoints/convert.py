"""Turn published files into a model folder.

Which file is what is seen from its tensors, so the order and the names of the files do not matter.
Everything is read and checked before anything is written.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

import myna
from myna.checkpoints import legacy, store
from myna.checkpoints.legacy import Published
from myna.checkpoints.recognise import DECODER, DISCRIMINATOR, TOKEN_MODEL, Recognised, recognise
from myna.checkpoints.store import ENCODER, VOCABULARY, VOICE_MODEL, ModelFolder
from myna.errors import CheckpointError
from myna.files import sha256
from myna.specs import ENCODERS, RobertaSpec

_CONFIG_OF_INTEREST = {
    TOKEN_MODEL: ("model", "inference"),
    DECODER: ("model", "data", "version", "name"),
}


def convert(
    files: Iterable[str | Path],
    out: str | Path,
    *,
    name: str | None = None,
    overwrite: bool = False,
    origins: Mapping[Path, Mapping[str, Any]] | None = None,
) -> ModelFolder:
    """Turn published files into a model folder.

    Args:
        files: a token model and a decoder, in any order, and perhaps the discriminator that the
            decoder was trained against; or one encoder, as its file or as its `transformers`
            folder.
        out: the folder to make; its parents are made too.
        name: what to call the model, by default the name of `out`.
        overwrite: replace a model folder that is already there.
        origins: facts on how a file came here, kept with its provenance.

    Raises:
        UnsafeCheckpointError: a file asks for code to be run; nothing was.
        UnknownCheckpointError: a file holds no model that Myna runs.
        CheckpointError: a file is damaged, the files do not belong together, or `out` is in use.
    """
    out = Path(out)
    store.check_target(out, overwrite)
    paths = [_weights_file(Path(file)) for file in files]
    found = [recognise(_read(path)) for path in paths]
    sources = [_source(item, (origins or {}).get(item.source.path, {})) for item in found]
    provenance = {
        "sources": sources,
        "converted": datetime.now(UTC).isoformat(timespec="seconds"),
        "myna": myna.__version__,
    }
    texts: dict[str, str] = {}
    if len(found) == 1 and found[0].network in ENCODERS:
        kind, spec = ENCODER, found[0].network
        parts = {"weights": found[0].tensors}
        match ENCODERS[spec]:
            case RobertaSpec(vocabulary=count):
                texts[VOCABULARY] = _vocabulary(paths[0], count)
    else:
        kind, spec = VOICE_MODEL, _family(found)
        parts = {item.network: item.tensors for item in found}
    return store.write(
        out, name=name, kind=kind, spec=spec, parts=parts, texts=texts, provenance=provenance
    )


def _weights_file(path: Path) -> Path:
    """The weights in a `transformers` folder, or the file itself."""
    if not path.is_dir():
        return path
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (path / name).is_file():
            return path / name
    raise CheckpointError(
        f"{path} is a folder without weights; "
        f"expected model.safetensors or pytorch_model.bin in it."
    )


def _read(path: Path) -> Published:
    if path.suffix != ".safetensors":
        return legacy.read(path)
    try:
        with safe_open(path, framework="numpy") as stream:
            values = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors ({error}).") from error
    return Published(
        path=path, tensors=values, section="", keys=(), config={}, info="", head="", head_md5=""
    )


def _family(found: list[Recognised]) -> str:
    """The family that a token model, a decoder and perhaps a discriminator make together."""
    by_network = {item.network: item for item in found}
    listed = "; ".join(f"{item.source.path} is {item.title}" for item in found) or "none was given"
    if len(found) != len(by_network) or by_network.keys() - {DISCRIMINATOR} != {
        TOKEN_MODEL,
        DECODER,
    }:
        raise CheckpointError(
            f"A voice model is made of one token model (S1, usually .ckpt) and one decoder (S2, "
            f"usually .pth), to be trained on also of its discriminator (s2D); an encoder of one "
            f"file; but {listed}."
        )
    token_model, decoder = by_network[TOKEN_MODEL], by_network[DECODER]
    (family,) = decoder.families
    if family not in token_model.families:
        raise CheckpointError(
            f"{token_model.source.path} is a token model of {'/'.join(token_model.families)} and "
            f"{decoder.source.path} a decoder of {family}: they number their phonemes "
            f"differently. Take both from the same family."
        )
    judges = by_network.get(DISCRIMINATOR)
    if judges is not None and family not in judges.families:
        raise CheckpointError(
            f"{judges.source.path} is a discriminator of {'/'.join(judges.families)} and "
            f"{decoder.source.path} a decoder of {family}. Take both from the same family, or "
            f"leave the discriminator out."
        )
    return family


def _source(item: Recognised, origin: Mapping[str, Any]) -> dict[str, Any]:
    source = item.source
    wanted = _CONFIG_OF_INTEREST.get(item.network, ())
    return {
        "network": item.network,
        "file": source.path.name,
        "sha256": sha256(source.path),
        "size": source.path.stat().st_size,
        "precision": sorted({str(tensor.dtype) for tensor in item.tensors.values()}),
        "info": source.info,
        "head": source.head,
        "config": {key: source.config[key] for key in wanted if key in source.config},
        **origin,
    }


def _vocabulary(weights: Path, count: int) -> str:
    """The word pieces beside the weights of a text encoder, one to a line in order of their ids."""
    plain, packed = weights.parent / VOCABULARY, weights.parent / "tokenizer.json"
    try:
        if plain.is_file():
            pieces = plain.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        elif packed.is_file():
            ids = json.loads(packed.read_text(encoding="utf-8"))["model"]["vocab"]
            pieces = sorted(ids, key=ids.__getitem__)
            if [ids[piece] for piece in pieces] != list(range(len(pieces))):
                raise ValueError("its ids have gaps")
        else:
            raise CheckpointError(
                f"{weights} needs its word pieces: put {VOCABULARY} or tokenizer.json beside it."
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"The word pieces beside {weights} are damaged ({error}).") from error
    if len(pieces) != count:
        raise CheckpointError(
            f"The vocabulary beside {weights} has {len(pieces)} word pieces; the model has {count}."
        )
    return "\n".join(pieces) + "\n"
