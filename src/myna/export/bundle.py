"""Make a bundle of a model: all that it needs to speak without PyTorch, in one folder."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from myna import __version__
from myna.checkpoints import store
from myna.checkpoints.recognise import DECODER, TOKEN_MODEL
from myna.datatypes import Voice
from myna.engines import graphs
from myna.engines.bundles import FORMAT, MANIFEST, Bundle, open_bundle
from myna.errors import CheckpointError, ConfigError
from myna.export import export_family
from myna.extras import require
from myna.files import save_json, sha256

_VOICES = "voices"


def export_bundle(
    model: str | Path,
    out: str | Path,
    *,
    precision: str = graphs.FLOAT32,
    overwrite: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Write a bundle.

    The same model and the same versions of PyTorch and `onnx` give the same bytes. Voices of the
    model come along; weights that only training needs do not.

    Args:
        model: name of a voice model, or its folder.
        out: the folder; it appears whole or not at all.
        precision: one of `myna.engines.graphs.EXPORTED`.
        overwrite: replace a model that is there.
        progress: told what is made next.

    Raises:
        ConfigError: there is no such precision.
        ModelNotFoundError: there is no such model.
        CheckpointError: it is damaged, or no voice model; or something else is in the folder; or a
            weight is too large for half precision.
        MissingExtraError: PyTorch or the package `onnx` is not installed.
        OSError: the folder cannot be written.
    """
    if precision not in graphs.EXPORTED:
        raise ConfigError(f"precision is {precision!r}; it is one of {', '.join(graphs.EXPORTED)}.")
    folder, out = store.open_model(model), Path(out)
    spec = folder.family
    require("torch", extra="export", feature="Exporting")
    store.check_target(out, overwrite)
    store.verify(folder)
    with _appearing(out) as new:
        progress("weights")
        parts = {part: _weights(folder, part, precision) for part in (TOKEN_MODEL, DECODER)}
        written = store.write(
            new,
            kind=folder.kind,
            spec=folder.spec,
            parts=parts,
            provenance=folder.provenance,
            name=folder.name,
        )
        for licence in sorted(folder.path.glob("LICENSE*")):
            shutil.copyfile(licence, new / licence.name)
        _take_voices(folder, written)
        export_family(spec.name, new / graphs.FOLDER, progress=progress)
        save_json(new / MANIFEST, _facts(folder, new, precision))
    found = open_bundle(out)
    assert found is not None, "it was just written"
    return found


def _weights(folder: store.ModelFolder, part: str, precision: str) -> Mapping[str, NDArray[Any]]:
    kept = dict(store.tensors(folder, part))
    if precision != graphs.FLOAT16:
        return kept
    largest = np.finfo(np.float16).max
    for name, tensor in kept.items():
        if np.issubdtype(tensor.dtype, np.floating):
            if np.abs(tensor).max(initial=0) > largest:
                raise CheckpointError(
                    f"{name} of the {part} of {folder.name} has weights above {largest:g}, the "
                    f"most of {graphs.FLOAT16}; export it in another precision."
                )
            kept[name] = tensor.astype(np.float16)
    return kept


def _take_voices(folder: store.ModelFolder, written: store.ModelFolder) -> None:
    """Voices know the weights that understood them, which rounding may have changed."""
    if folder.voices:
        (written.path / _VOICES).mkdir()
    for path in folder.voices.values():
        target = written.path / _VOICES / path.name
        voice = Voice.load(path)
        if written.fingerprint == folder.fingerprint or voice.model != folder.fingerprint:
            shutil.copyfile(path, target)
        else:
            replace(voice, model=written.fingerprint).save(target)


def _facts(folder: store.ModelFolder, new: Path, precision: str) -> dict[str, Any]:
    from myna.export.weightless import OPSET

    paths = sorted(path for path in new.rglob("*") if path.is_file())
    return {
        "format": FORMAT,
        "precision": precision,
        "family": folder.spec,
        "model": folder.fingerprint,
        "voices": list(folder.voices),
        "opset": OPSET,
        "made_with": {
            "myna": __version__,
            **{name: version(name) for name in ("onnx", "onnxruntime", "torch")},
        },
        "files": {
            path.relative_to(new).as_posix(): {
                "sha256": sha256(path),
                "size": path.stat().st_size,
            }
            for path in paths
        },
    }


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A place beside a folder that takes its name, and its place, when the block ends well."""
    out.parent.mkdir(parents=True, exist_ok=True)
    new, old = (
        out.parent / f".{out.name}.{secrets.token_hex(4)}.{kind}" for kind in ("part", "old")
    )
    try:
        yield new
        if out.exists():
            os.replace(out, old)
        os.replace(new, out)
    except BaseException:
        if old.exists() and not out.exists():
            os.replace(old, out)
        raise
    finally:
        for left in (new, old):
            if left.is_symlink():
                left.unlink()
            with suppress(FileNotFoundError):
                shutil.rmtree(left)
