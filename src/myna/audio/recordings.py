"""Recordings become `Audio`, and `Audio` becomes bytes for a pipe.

Any container that libsndfile knows is read, at any rate, with any number of channels; channels are
averaged. What is read is whole, finite and of bounded length, or there is an error that says why.
Damage shows only where the format can tell: inside plain PCM it is heard as noise, and an MP3 or
W64 file that was cut short may read as a short one.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from myna.datatypes import CONTAINERS, Audio
from myna.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from myna.datatypes import Floats

LONGEST_SECONDS = 600.0
"""Longest recording that is read, unless the caller says otherwise."""

_RATES = range(4_000, 768_001)
_MOST_STREAM_BYTES = 1 << 28
_BLOCK_VALUES = 1 << 20
"""Samples of all channels that are decoded at once."""

_LEAST_OF_ESTIMATE = 0.9
"""MP3 headers estimate their length; less than this share of it means that the end is missing."""

_SHORT_DATA = re.compile(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_STREAM_SIZE = 0x7FFF_F000
"""Programs that write into a pipe do not know the length, and state one from here on."""

_OPEN_OGG = "Last page lacks an end-of-stream bit"


def read(
    source: str | Path | bytes | BinaryIO, *, longest_seconds: float = LONGEST_SECONDS
) -> Audio:
    """Read a recording.

    Args:
        source: a path, the bytes of a file, or a binary stream (a pipe will do).
        longest_seconds: refuse longer recordings; checked before and while decoding.

    Returns:
        mono, at the recording's own rate. Samples of floating-point files may exceed [-1, 1].

    Raises:
        AudioError: there is no such file, or it is a folder, empty, damaged, cut short, too long,
            in a format libsndfile does not know, or holds samples that are no numbers.
    """
    import soundfile

    with _opened(source) as (name, stream):
        try:
            with soundfile.SoundFile(stream) as sound:
                _check_header(name, sound, longest_seconds)
                samples = _decode(name, sound, longest_seconds)
                rate = int(sound.samplerate)
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"{name} cannot be read: it is damaged, or in a format Myna does not know "
                f"({error.error_string}) Convert it, for example with: ffmpeg -i INPUT output.wav"
            ) from error
    if not len(samples):
        raise AudioError(f"{name} holds no samples.")
    if not np.isfinite(samples).all():
        raise AudioError(
            f"{name} holds samples that are not numbers (NaN or infinite); export it again."
        )
    return Audio(samples, rate)


def encode(audio: Audio, container: str) -> bytes:
    """The bytes of a file: `container` is wav, flac or ogg. Samples outside [-1, 1] are clipped.

    Raises:
        AudioError: another container.
    """
    ending = f".{container.lower()}"
    if ending not in CONTAINERS:
        known = ", ".join(name[1:] for name in CONTAINERS)
        raise AudioError(f"Cannot write {container!r}; use one of {known}.")
    stream = BytesIO()
    audio.write(stream, ending)
    return stream.getvalue()


def pcm16(samples: Floats) -> NDArray[np.int16]:
    """(N,) signed 16-bit steps of 1 / 32768, rounded; what exceeds [-1, 1] is clipped, not wrapped.

    For raw PCM in a byte stream: `pcm16(samples).astype("<i2").tobytes()`.
    """
    steps = np.rint(samples.astype(np.float32) * np.float32(32768.0))
    clipped: NDArray[np.int16] = np.clip(steps, -32768, 32767).astype(np.int16)
    return clipped


@contextmanager
def _opened(source: str | Path | bytes | BinaryIO) -> Iterator[tuple[str, Any]]:
    """A name for messages, and what libsndfile opens: a seekable stream or a file descriptor."""
    if isinstance(source, bytes):
        yield "The recording", _not_empty("The recording", source)
    elif isinstance(source, str | Path):
        path = Path(source)
        if not path.exists():
            raise AudioError(f"There is no file {path}.")
        if path.is_dir():
            raise AudioError(f"{path} is a folder; name one recording in it.")
        try:
            stream = path.open("rb")
        except OSError as error:
            raise AudioError(f"{path} cannot be opened: {error.strerror}.") from error
        with stream:
            if not path.is_file():
                yield str(path), _not_empty(str(path), _all_of(str(path), stream))
            elif not os.fstat(stream.fileno()).st_size:
                raise AudioError(f"{path} is empty.")
            else:
                # A bare descriptor: the format is then told by content, not by the ending.
                yield str(path), os.dup(stream.fileno())
    else:
        yield "The recording", _not_empty("The recording", _all_of("The recording", source))


def _all_of(name: str, stream: BinaryIO) -> bytes:
    data = stream.read(_MOST_STREAM_BYTES + 1)
    if len(data) > _MOST_STREAM_BYTES:
        raise AudioError(f"{name} has more than {_MOST_STREAM_BYTES >> 20} MiB; cut it first.")
    return data


def _not_empty(name: str, data: bytes) -> BytesIO:
    if not data:
        raise AudioError(f"{name} is empty.")
    return BytesIO(data)


def _check_header(name: str, sound: Any, longest_seconds: float) -> None:
    if sound.samplerate not in _RATES:
        raise AudioError(
            f"{name} states {sound.samplerate} samples per second; "
            f"Myna reads {_RATES[0]} to {_RATES[-1]}."
        )
    known = sound.frames < np.iinfo(np.int64).max  # FLAC written into a pipe does not say
    if known and sound.frames > longest_seconds * sound.samplerate:
        raise _too_long(name, longest_seconds)
    said = sound.extra_info
    short = any(
        int(there) < int(stated) < _STREAM_SIZE for stated, there in _SHORT_DATA.findall(said)
    )
    if short or _OPEN_OGG in said:
        raise _cut_short(name)


def _decode(name: str, sound: Any, longest_seconds: float) -> Floats:
    """(N,) float32, channels averaged block by block, so that memory stays small."""
    sound.seekable = lambda: False  # else soundfile seeks after every block, and steps over damage
    block = np.empty((max(1, _BLOCK_VALUES // sound.channels), sound.channels), dtype=np.float32)
    most = longest_seconds * sound.samplerate
    pieces, count = [], 0
    while len(part := sound.read(out=block)):
        count += len(part)
        if count > most:
            raise _too_long(name, longest_seconds)
        pieces.append(part.mean(axis=1, dtype=np.float32))
    stated = sound.frames if sound.frames < np.iinfo(np.int64).max else 0
    if count < stated * (_LEAST_OF_ESTIMATE if sound.format == "MP3" else 1.0):
        raise _cut_short(name)
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)


def _too_long(name: str, longest_seconds: float) -> AudioError:
    return AudioError(
        f"{name} is longer than {longest_seconds:g} s; cut it to the part that is wanted."
    )


def _cut_short(name: str) -> AudioError:
    return AudioError(
        f"{name} is damaged or was cut short: it holds less audio than it states. Export it again."
    )
