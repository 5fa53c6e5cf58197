"""Bundles: model folders that hold their graphs, and say in what precision they speak.

A bundle is a model folder like any other, with `graphs` beside the weights, see
`myna.engines.graphs`, and `bundle.json`, which lists every other file in it. `myna export` makes
them. Encoders that only cloning or Mandarin need are models of their own, and not in it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myna.checkpoints.store import StoredFile
from myna.engines import graphs
from myna.errors import CheckpointError, ConfigError
from myna.files import sha256

FORMAT = 1
"""Version of the layout."""
MANIFEST = "bundle.json"

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle on this machine."""

    path: Path
    precision: str
    """One of `myna.engines.graphs.EXPORTED`."""
    files: Mapping[str, StoredFile]
    """All but the manifest, by their paths in the folder, with `/`."""

    @property
    def computes(self) -> str:
        """One of `myna.engines.graphs.PRECISIONS`."""
        return graphs.INT8 if self.precision == graphs.INT8 else graphs.FLOAT32

    def verify(self) -> None:
        """Check every byte against the hashes taken when the bundle was made.

        Raises:
            CheckpointError: files have changed; the message names them.
        """
        changed = [
            name for name, stored in self.files.items() if sha256(self.path / name) != stored.sha256
        ]
        if changed:
            raise CheckpointError(
                f"The bundle {self.path} is damaged: {', '.join(changed)}. Export the model again."
            )


def open_bundle(folder: Path) -> Bundle | None:
    """What a model folder says of itself as a bundle; None if it is none.

    Raises:
        CheckpointError: the manifest is damaged or made by a newer Myna, or a file that it lists is
            missing or cut short.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise CheckpointError(f"{path} was made by another Myna; export the model again.")
        files = {str(name): _stored(name, stored) for name, stored in facts["files"].items()}
        if facts["precision"] not in graphs.EXPORTED:
            raise ValueError(f"no precision is called {facts['precision']!r}")
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is damaged ({type(error).__name__}: {error}). Export the model again."
        ) from error
    for name, stored in files.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != stored.size:
            raise CheckpointError(f"{file} is missing or cut short. Export the model again.")
    return Bundle(path=folder, precision=facts["precision"], files=files)


def chosen(folder: Path, precision: str, usual: str) -> str:
    """In what to compute with a model folder, one of `myna.engines.graphs.PRECISIONS`.

    Args:
        folder: of the model.
        precision: "auto" for what a bundle says of itself, and `usual` for any other folder.
        usual: of the family, see `FamilySpec.precision`.

    Raises:
        ConfigError: there is no such precision.
        CheckpointError: as `open_bundle`.
    """
    if precision not in ("auto", *graphs.PRECISIONS):
        raise ConfigError(
            f"precision is {precision!r}; on ONNX Runtime it is one of auto, "
            f"{', '.join(graphs.PRECISIONS)}."
        )
    bundle = open_bundle(folder)
    if precision == "auto":
        return usual if bundle is None else bundle.computes
    return precision


def _stored(name: str, facts: Mapping[str, Any]) -> StoredFile:
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        raise ValueError(f"{name!r} is no file of the folder")
    stored = StoredFile(**facts)
    if not _HASH.fullmatch(stored.sha256):
        raise ValueError(f"the hash of {name} is none")
    return stored
