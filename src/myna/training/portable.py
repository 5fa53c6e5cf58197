"""Features of clips in one small file, to train on a machine that nothing else can be brought to.

Samples are coded by Opus, or without loss by FLAC; all else is small. What comes out of the file
on the other side is a set of features as `myna.dataset.features` makes it.

Letters in shapes: N samples, F frames of filters, P phones, T tokens, V speaker channels.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from myna.dataset.feature_set import FeatureRow, FeatureSet, is_whole, load, row_of
from myna.dataset.feature_set import save as save_features
from myna.dataset.manifest import Clip
from myna.datatypes import in_range
from myna.errors import ConfigError, DatasetError
from myna.files import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

log = logging.getLogger(__name__)

CODECS = ("opus", "flac")
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)

_FACTS = "portable"
_FORMAT = 1
_SOUND = "sound"
"""Name of the coded samples in the file."""
_STORED: Mapping[str, str] = {
    "phones": "int16",
    "tokens": "int16",
    "pitch": "float16",
    "band": "float32",
    "speaker": "float16",
}
"""Arrays of a clip, and how they are kept; those that a family does not have are left out."""
_LEAST_BITS, _MOST_BITS = 6_000, 256_000
"""Per second, that libsndfile's levels of compression stand for."""
_OVERHEAD_BITS = 3_000
"""Per second, that pages and headers of short files add."""


def write(
    features: FeatureSet,
    path: Path,
    *,
    codec: str = "opus",
    bits: int = 24_000,
    jobs: int = 1,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Write features of clips as one file; returns its bytes.

    Args:
        codec: one of `CODECS`.
        bits: per second, of Opus; about.
        jobs: threads that code.
        on_progress: told how many clips of how many are coded.

    Raises:
        ConfigError: Opus does not know the rate of the family, or `bits` is out of range.
        DatasetError: features are damaged, or there are none; or they have text features, which
            would be too large.
    """
    if codec not in CODECS or (codec == "opus" and features.rate not in OPUS_RATES):
        raise ConfigError(
            f"Samples of {features.rate} Hz cannot be coded as {codec!r}; use flac, or opus for "
            f"rates of {', '.join(map(str, OPUS_RATES))} Hz."
        )
    in_range("bits", bits, _LEAST_BITS, _MOST_BITS)
    if not len(features):
        raise DatasetError("There are no clips to write.")
    kept: dict[str, list[NDArray[Any]]] = {}

    def packed(row: FeatureRow) -> dict[str, NDArray[Any]]:
        arrays = load(row.path)
        if "text_features" in arrays:
            raise DatasetError("These clips have text features, which are too large to carry.")
        small = {
            name: arrays[name].astype(kind) for name, kind in _STORED.items() if name in arrays
        }
        sound = _coded(arrays["samples"], features.rate, codec, bits)
        return {**small, _SOUND: np.frombuffer(sound, np.uint8)}

    with ThreadPoolExecutor(jobs) as threads:
        for done, arrays in enumerate(threads.map(packed, features.rows), 1):
            for name, values in arrays.items():
                kept.setdefault(name, []).append(values)
            on_progress(done, len(features))
    tensors = {name: np.concatenate(rows) for name, rows in kept.items()}
    for name, rows in kept.items():
        tensors[f"{name}.lengths"] = np.array([len(row) for row in rows], np.int32)
    facts = {
        "format": _FORMAT,
        "rate": features.rate,
        "speaker_aware": features.speaker_aware,
        "clips": [json.loads(row.clip.as_json()) for row in features.rows],
    }
    with replacing(path) as temporary:
        metadata = {_FACTS: json.dumps(facts, ensure_ascii=False)}
        temporary.write_bytes(save(tensors, metadata=metadata))
    return path.stat().st_size


def read(path: Path, folder: Path, *, jobs: int = 1) -> FeatureSet:
    """The features in a file that `write` wrote, unpacked to a folder; those there stay.

    Args:
        jobs: threads that decode.

    Raises:
        DatasetError: the file is damaged, or of another version.
    """
    try:
        with safe_open(path, framework="np") as file:
            facts = json.loads((file.metadata() or {})[_FACTS])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if facts["format"] != _FORMAT:
            raise ValueError(f"it has format {facts['format']}, not {_FORMAT}")
        clips = [Clip.from_json(json.dumps(each)) for each in facts["clips"]]
        parts = {
            name: _split(values, tensors[f"{name}.lengths"])
            for name, values in tensors.items()
            if not name.endswith(".lengths")
        }
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} holds no features ({error}); pack them again.") from error
    folder.mkdir(parents=True, exist_ok=True)

    def unpacked(place: int) -> FeatureRow:
        clip = replace(clips[place], audio="")
        own = folder / f"{place:06d}.safetensors"
        if not is_whole(own):
            arrays = {name: rows[place] for name, rows in parts.items()}
            save_features(own, _restored(arrays, facts["rate"]))
        return row_of(clip, own)

    with ThreadPoolExecutor(jobs) as threads:
        rows = tuple(threads.map(unpacked, range(len(clips))))
    return FeatureSet(rows=rows, rate=facts["rate"], speaker_aware=facts["speaker_aware"])


def bits_for(seconds: float, room: int) -> int:
    """Bits per second that code so much speech into so many bytes.

    Raises:
        ConfigError: there would be too few for speech.
    """
    bits = int(8 * room / seconds) - _OVERHEAD_BITS
    if bits < 2 * _LEAST_BITS:
        raise ConfigError(
            f"{seconds / 3600:.1f} hours do not fit into {room / 2**20:.0f} MiB; take fewer "
            f"speakers, or give more room."
        )
    return min(bits, 64_000)


def _coded(samples: NDArray[np.int16], rate: int, codec: str, bits: int) -> bytes:
    import soundfile

    stream = BytesIO()
    if codec == "flac":
        soundfile.write(stream, samples, rate, format="FLAC", subtype="PCM_16")
        return stream.getvalue()
    level = 1.0 - (bits - _LEAST_BITS) / (_MOST_BITS - _LEAST_BITS)
    with soundfile.SoundFile(
        stream, "w", rate, 1, format="OGG", subtype="OPUS", compression_level=level
    ) as file:
        file.write(samples)
    return stream.getvalue()


def _restored(arrays: Arrays, rate: int) -> dict[str, NDArray[Any]]:
    import soundfile

    try:
        samples, found = soundfile.read(BytesIO(arrays[_SOUND].tobytes()), dtype="int16")
    except soundfile.SoundFileError as error:
        raise DatasetError(
            f"A clip cannot be decoded ({error}); pack the features again."
        ) from error
    if found != rate or samples.ndim != 1:
        raise DatasetError(f"A clip has {found} Hz instead of {rate}; pack the features again.")
    wide = {
        name: values.astype(np.int64 if values.dtype == np.int16 else np.float32)
        for name, values in arrays.items()
        if name != _SOUND
    }
    return {**wide, "samples": samples}


def _split(values: NDArray[Any], lengths: NDArray[np.int32]) -> Sequence[NDArray[Any]]:
    ends = list(accumulate(lengths.tolist()))
    if not ends or ends[-1] != len(values):
        raise ValueError("lengths do not add up")
    return [values[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
