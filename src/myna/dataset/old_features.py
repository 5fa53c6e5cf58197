"""Folders of training data that the published programs prepared, read as a `FeatureSet`.

Such a folder holds `2-name2text.txt` (phones), `3-bert/` (text features, Mandarin only),
`5-wav32k/` (waveforms), `6-name2semantic.tsv` (tokens) and, for families with a speaker vector,
`7-sv_cn/`. Each clip becomes one file of features as our own sets have them, so training knows one
format only. Nothing in the old files is executed. Content features (`4-cnhubert/`) are not read:
what training needs of them is the tokens.

Source of the layout: the data preparation of GPT-SoVITS (MIT).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myna import files
from myna.audio.recordings import read as read_recording
from myna.checkpoints.legacy import read_tensor
from myna.dataset.feature_set import FeatureLimits, FeatureRow, FeatureSet, is_whole, row_of, save
from myna.dataset.manifest import Clip
from myna.errors import AudioError, CheckpointError, DatasetError
from myna.text import ids
from myna.text.symbols import index_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.specs import FamilySpec

TEXTS, TOKENS = "2-name2text.txt", "6-name2semantic.tsv"
TEXT_FEATURES, WAVES, SPEAKERS = "3-bert", "5-wav32k", "7-sv_cn"

_TOKENS_HEADER = "item_name"
_PCM_SCALE = 32768.0
_FORMAT = 1
"""Raise it when something else is read."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Line:
    """What the tables say of one clip."""

    name: str
    phones: tuple[str, ...]
    text: str
    tokens: tuple[int, ...]


def old_features(
    folder: str | Path,
    out: str | Path,
    spec: FamilySpec,
    *,
    speaker: str = "",
    language: str = "",
    limits: FeatureLimits | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FeatureSet:
    """Read a folder that was prepared for a family.

    Args:
        folder: holds the tables above; it is not changed.
        out: folder for our files, which a later run finds again.
        spec: of the family to be trained.
        speaker: whose voice it is, and `language` a code: the folder says neither.
        limits: clips outside are dropped.
        on_progress: told how many clips of how many are done.

    Raises:
        DatasetError: a table is missing or damaged, or made for a family with other phones or
            tokens.
        OSError: `out` cannot be written.
    """
    folder, out, limits = Path(folder), Path(out), limits or FeatureLimits()
    out.mkdir(parents=True, exist_ok=True)
    lines = list(_lines(folder, spec))
    rows, dropped = [], []
    if on_progress:
        on_progress(0, len(lines))
    for count, line in enumerate(lines, 1):
        clip = Clip(
            id=line.name,
            source=f"{WAVES}/{line.name}",
            rate=spec.rate,
            speaker=speaker,
            language=language,
            text=line.text,
            text_from=TEXTS,
        )
        try:
            row = _row(clip, folder, out, line, spec)
        except (AudioError, CheckpointError, OSError) as error:
            dropped.append(clip.drop("unreadable", str(error)))
        else:
            if reason := limits.refuse(row, spec.rate):
                dropped.append(row.clip.drop(*reason))
            else:
                rows.append(row)
        if on_progress:
            on_progress(count, len(lines))
    if dropped:
        log.warning("%d of %d clips cannot be trained on.", len(dropped), len(lines))
    return FeatureSet(rows=tuple(rows), rate=spec.rate, dropped=tuple(dropped))


def _lines(folder: Path, spec: FamilySpec) -> Iterator[_Line]:
    """What is in both tables, in the order of the first."""
    tokens: dict[str, str] = {}
    for number, columns in _table(folder / TOKENS, 2):
        if (number, columns[0]) != (1, _TOKENS_HEADER):
            tokens[columns[0]] = columns[1]
    known = index_of(spec.symbols)
    for number, (name, phones, _, words) in _table(folder / TEXTS, 4):
        where = f"{folder / TEXTS}, line {number}"
        if Path(name).name != name or name in ("", ".", ".."):
            raise DatasetError(f"{where}: {name[:80]!r} is no name of a clip.")
        if name not in tokens:
            log.warning("%s: %s has no tokens in %s and is left out.", where, name, TOKENS)
            continue
        symbols = tuple(phones.split())
        if strange := next((symbol for symbol in symbols if symbol not in known), None):
            raise DatasetError(
                f"{where}: {strange[:20]!r} is no phone of the family {spec.name}. Was the folder "
                f"prepared for another one?"
            )
        try:
            codes = tuple(int(token) for token in tokens[name].split())
        except ValueError:
            codes = (-1,)
        if not all(0 <= code < spec.decoder.codes for code in codes):
            raise DatasetError(
                f"{folder / TOKENS}: {name} has tokens that are no numbers from 0 to "
                f"{spec.decoder.codes - 1}. Prepare the folder again."
            )
        yield _Line(name, symbols, words, codes)


def _table(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table and their numbers; empty ones are skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error}). Prepare the folder again.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        values = line.rstrip("\r").split("\t")
        if len(values) != columns:
            raise DatasetError(f"{path}, line {number} has {len(values)} columns, not {columns}.")
        yield number, values


def _row(clip: Clip, folder: Path, out: Path, line: _Line, spec: FamilySpec) -> FeatureRow:
    sources = _sources(folder, line.name, spec)
    facts = [_FORMAT, spec.symbols, line.phones, line.tokens, [*map(files.sha256, sources)]]
    digest = hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()
    path = out / f"{digest[:40]}.safetensors"
    if not is_whole(path):
        save(path, _arrays(line, spec, sources))
    row = row_of(clip, path)
    return replace(row, clip=replace(clip, end=row.samples / spec.rate))


def _sources(folder: Path, name: str, spec: FamilySpec) -> list[Path]:
    """The wave, and the tensors that there are."""
    sources = [folder / WAVES / name]
    if spec.text_encoder is not None and (folder / TEXT_FEATURES / f"{name}.pt").is_file():
        sources.append(folder / TEXT_FEATURES / f"{name}.pt")
    if spec.speaker_encoder is not None:
        sources.append(folder / SPEAKERS / f"{name}.pt")
    return sources


def _arrays(line: _Line, spec: FamilySpec, sources: list[Path]) -> dict[str, NDArray[Any]]:
    wave, *tensors = sources
    sound = read_recording(wave)
    if sound.rate != spec.rate:
        raise AudioError(f"{wave} has {sound.rate} samples per second, not {spec.rate}.")
    arrays: dict[str, NDArray[Any]] = {
        "phones": ids(line.phones, spec.symbols),
        "tokens": np.array(line.tokens, dtype=np.int64),
        "samples": np.clip(np.rint(sound.samples * _PCM_SCALE), -32768, 32767).astype(np.int16),
    }
    for path in tensors:
        found = read_tensor(path).astype(np.float32)
        name: str
        shape: tuple[int, int | None]
        if path.parent.name == TEXT_FEATURES:
            name, shape = "text_features", (spec.token_model.text_features, len(line.phones))
        else:
            name, shape = "speaker", (1, spec.decoder.speaker_vector)
        if found.shape != shape or not np.isfinite(found).all():
            raise CheckpointError(
                f"{path} holds {found.shape} values, or some that are no numbers; "
                f"{shape} are needed. Prepare it again."
            )
        arrays[name] = found.T if name == "text_features" else found[0]
    return arrays
