"""Model folders: weights by our names in safetensors files, and what they are in `model.json`.

A folder appears whole or not at all. Tensors keep the precision they were published in. Installed
models lie in `models` in the data folder and are known by name; so are those that come in the
package, unless one of the same name is installed. A folder may hold voices of its own beside the
weights, in `voices`.
"""

import hashlib
import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from myna.checkpoints import catalogue
from myna.checkpoints.recognise import DECODER, DISCRIMINATOR, TOKEN_MODEL
from myna.errors import CheckpointError, ModelNotFoundError
from myna.files import data_folder, sha256
from myna.specs import ENCODERS, FAMILIES, FamilySpec

log = logging.getLogger(__name__)

FORMAT = 1
"""Version of the layout of model folders."""
VOICE_MODEL = "voice-model"
ENCODER = "encoder"
VOCABULARY = "vocab.txt"
"""One word piece to a line, its id the line's number, lines ended by `\\n` alone."""

PACKAGED = Path(__file__).parent / "data"
"""Models that come with Myna. They are only ever read."""

_CARD = "model.json"
_VOICES = "voices"
_PARTS = {VOICE_MODEL: (TOKEN_MODEL, DECODER), ENCODER: ("weights",)}
_OPTIONAL_PARTS = {VOICE_MODEL: (DISCRIMINATOR,), ENCODER: ()}
"""What only training needs; other weights there make no other voice."""
_NAME = re.compile(r"\w[\w.-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file of a model folder."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model on this machine."""

    path: Path
    name: str
    kind: str
    """`voice-model` or `encoder`."""
    spec: str
    """Name of the family, or of the encoder."""
    files: Mapping[str, StoredFile]
    provenance: Mapping[str, Any]
    """Where the weights came from, as JSON values: `sources`, `converted`, `myna`; `voices`, the
    names of its own voices in their order."""

    @property
    def family(self) -> FamilySpec:
        """The family of a voice model.

        Raises:
            CheckpointError: this is an encoder.
        """
        if self.kind != VOICE_MODEL:
            raise CheckpointError(f"{self.name} is the encoder {self.spec}, not a voice model.")
        return FAMILIES[self.spec]

    @property
    def parts(self) -> tuple[str, ...]:
        """`token_model`, `decoder` and perhaps `discriminator` of a voice model, `weights` of an
        encoder."""
        optional = _OPTIONAL_PARTS[self.kind]
        return (
            *_PARTS[self.kind],
            *(part for part in optional if f"{part}.safetensors" in self.files),
        )

    @property
    def fingerprint(self) -> str:
        """Identifies the weights that speak, whatever the folder is called: 64 hex digits."""
        digest = hashlib.sha256()
        for part in _PARTS[self.kind]:
            digest.update(f"{part} {self.files[f'{part}.safetensors'].sha256}\n".encode())
        return digest.hexdigest()

    @property
    def packaged(self) -> bool:
        """Whether it comes with Myna, rather than with its user."""
        return self.path.parent == PACKAGED

    @property
    def voices(self) -> Mapping[str, Path]:
        """Files of the voices that come with it, by name: first those that its provenance names in
        `voices`, then others in the order of their names."""
        found = {path.stem: path for path in sorted((self.path / _VOICES).glob("*.voice"))}
        named = self.provenance.get("voices")
        # The card may be anybody's, and this is a fact that nothing else has checked.
        first = (
            [str(name) for name in named if str(name) in found] if isinstance(named, list) else []
        )
        return {name: found[name] for name in dict.fromkeys([*first, *found])}

    @property
    def vocabulary(self) -> Path | None:
        """The word pieces of a text encoder."""
        return self.path / VOCABULARY if VOCABULARY in self.files else None

    def file(self, part: str) -> Path:
        """The safetensors file of a part."""
        assert part in self.parts, part
        return self.path / f"{part}.safetensors"


class _TensorFile(Mapping[str, NDArray[Any]]):
    """Tensors of one safetensors file, read when asked for."""

    def __init__(self, path: Path) -> None:
        self._file = safe_open(path, framework="numpy")
        self._names: dict[str, None] = dict.fromkeys(self._file.keys())  # type: ignore[no-untyped-call]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        tensor: NDArray[Any] = self._file.get_tensor(name)  # type: ignore[no-untyped-call]
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def tensors(folder: ModelFolder, part: str) -> Mapping[str, NDArray[Any]]:
    """The tensors of a part by our names, each read from the mapped file when it is asked for.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        return _TensorFile(folder.file(part))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder.file(part)} is damaged ({error}).") from error


def write(
    out: str | Path,
    *,
    kind: str,
    spec: str,
    parts: Mapping[str, Mapping[str, NDArray[Any]]],
    provenance: Mapping[str, Any],
    name: str | None = None,
    texts: Mapping[str, str] | None = None,
) -> ModelFolder:
    """Make a model folder of tensors by our names; a model folder already there is replaced.

    Raises:
        CheckpointError: the name is unfit, or the disk is full.
    """
    out = Path(out)
    name = _checked_name(name or out.name)
    required, optional = set(_PARTS[kind]), set(_OPTIONAL_PARTS[kind])
    assert required <= set(parts) <= required | optional, "a model is written whole"
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.parent / f".{out.name}.{secrets.token_hex(4)}.part"
    try:
        temporary.mkdir()
        for part, values in parts.items():
            save_file(dict(values), temporary / f"{part}.safetensors")
        for file, text in (texts or {}).items():
            (temporary / file).write_text(text, encoding="utf-8", newline="\n")
        files = {
            path.name: {"sha256": sha256(path), "size": path.stat().st_size}
            for path in sorted(temporary.iterdir())
        }
        card = {"format": FORMAT, "name": name, "kind": kind, "spec": spec, "files": files}
        card["provenance"] = dict(provenance)
        text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
        (temporary / _CARD).write_text(text + "\n", encoding="utf-8", newline="\n")
        _finish(temporary)
        _replace(temporary, out)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"Could not write the model folder {out}: {error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return open_model(out)


def open_model(model: str | Path) -> ModelFolder:
    """A model by the name it is installed or packaged under, or by its folder.

    Raises:
        ModelNotFoundError: there is none; the message says how to get it.
        CheckpointError: the folder is damaged, or was made by a newer Myna.
    """
    path = Path(model)
    if isinstance(model, str) and _NAME.fullmatch(model):
        named = [place / model for place in (_models(), PACKAGED)]
        path = next((place for place in [*named, path] if (place / _CARD).is_file()), named[0])
    if not (path / _CARD).is_file():
        raise ModelNotFoundError(_not_found(model))
    try:
        return _read_card(path, json.loads((path / _CARD).read_text(encoding="utf-8")))
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path / _CARD} is damaged ({type(error).__name__}: {error}). "
            f"Convert or download the model again."
        ) from error


def ears(folder: ModelFolder) -> str:
    """Identifies all weights that cloning with a voice model uses: its own, and those of the
    family's encoders that are on this machine."""
    spec, found = folder.family, [folder.fingerprint]
    for name in (spec.content_encoder, spec.speaker_encoder, spec.text_encoder):
        if name is not None:
            with suppress(ModelNotFoundError):  # cloning says so if it needs that one
                found.append(open_model(name).fingerprint)
    return " ".join(found)


def verify(folder: ModelFolder) -> None:
    """Check every byte of a model against the hashes taken when it was written.

    Raises:
        CheckpointError: a file is missing or changed; the message names all such files.
    """
    changed = [
        file
        for file, stored in folder.files.items()
        if not (folder.path / file).is_file() or sha256(folder.path / file) != stored.sha256
    ]
    if changed:
        raise CheckpointError(
            f"The model {folder.name} in {folder.path} is damaged: {', '.join(changed)}. "
            f"Convert or download it again."
        )


def installed() -> tuple[ModelFolder, ...]:
    """All models in the data folder and in the package, by name; a damaged one is left out with a
    warning."""
    cards = [*PACKAGED.glob(f"*/{_CARD}"), *_models().glob(f"*/{_CARD}")]
    paths = {card.parent.name: card.parent for card in cards}  # of two, the one that was installed
    folders: list[ModelFolder] = []
    for name, path in sorted(paths.items()):
        if name.startswith("."):
            continue
        try:
            folders.append(open_model(path))
        except CheckpointError as error:
            log.warning("%s", error)
    return tuple(folders)


def remove(name: str) -> None:
    """Delete an installed model.

    Raises:
        ModelNotFoundError: no model of this name is installed.
        CheckpointError: it comes with Myna.
    """
    path = _models() / name
    if not _NAME.fullmatch(name) or not (path / _CARD).is_file():
        if _NAME.fullmatch(name) and (PACKAGED / name / _CARD).is_file():
            raise CheckpointError(f"The model {name} comes with Myna, and stays as long as it.")
        raise ModelNotFoundError(_not_found(name))
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path)


def installed_path(name: str) -> Path:
    """Where a model of this name is or would be installed.

    Raises:
        CheckpointError: this is no fit name.
    """
    return _models() / _checked_name(name)


def _models() -> Path:
    return data_folder() / "models"


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise CheckpointError(
            f"{name!r} is no fit name for a model; use letters, digits, '.', '_' and '-'."
        )
    return name


def _not_found(model: str | Path) -> str:
    here = ", ".join(folder.path.name for folder in installed()) or "none"
    if str(model) in catalogue.ENTRIES:
        return (
            f"The model {model} is not on this machine. Get it with `myna models get {model}`. "
            f"Installed in {_models()}: {here}."
        )
    return (
        f"There is no model {str(model)!r}, neither a model folder nor installed in {_models()} "
        f"(there: {here}). Public models to get with `myna models get NAME` are "
        f"{', '.join(catalogue.ENTRIES)}; your own files become a model with "
        f"`myna models convert`."
    )


def _read_card(path: Path, card: Any) -> ModelFolder:
    if card["format"] != FORMAT:
        raise CheckpointError(f"{path} was made by a newer Myna; update to use it.")
    kind, spec = card["kind"], card["spec"]
    known: Iterable[str] = FAMILIES if kind == VOICE_MODEL else ENCODERS
    if kind not in _PARTS or spec not in known:
        raise CheckpointError(
            f"{path} is a {kind} of {spec!r}, which this version does not know; update to use it."
        )
    parts = [f"{part}.safetensors" for part in _PARTS[kind]]
    optional = [f"{part}.safetensors" for part in _OPTIONAL_PARTS[kind]]
    files = {name: StoredFile(**stored) for name, stored in card["files"].items()}
    if not set(parts) <= set(files) <= {*parts, *optional, VOCABULARY}:
        raise CheckpointError(f"{path} does not hold what a {kind} consists of: {parts}.")
    for name, stored in files.items():
        file = path / name
        if not file.is_file() or file.stat().st_size != stored.size:
            raise CheckpointError(
                f"{file} is missing or cut short. Convert or download the model again."
            )
        if not _HASH.fullmatch(stored.sha256):
            raise ValueError(f"the hash of {name} is none")
    return ModelFolder(
        path=path,
        name=_checked_name(card["name"]),
        kind=kind,
        spec=spec,
        files=files,
        provenance=card["provenance"],
    )


def check_target(out: Path, overwrite: bool) -> None:
    """Check that a model may be written to a folder.

    Raises:
        CheckpointError: something else is there, or a model that must not be replaced.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / _CARD).is_file():
        raise CheckpointError(f"{out} exists and is no model folder; choose another place.")
    if not overwrite:
        raise CheckpointError(f"{out} is already a model; remove it first, or ask to overwrite it.")


def _finish(folder: Path) -> None:
    # Safetensors makes files that only their owner can read; others get what the card got.
    mode = (folder / _CARD).stat().st_mode
    for path in folder.iterdir():
        path.chmod(mode)
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())


def _replace(new: Path, out: Path) -> None:
    old = out.parent / f".{out.name}.{secrets.token_hex(4)}.old"
    if out.exists():
        os.replace(out, old)
    os.replace(new, out)
    if old.is_symlink():
        old.unlink()
    shutil.rmtree(old, ignore_errors=True)
