"""Recordings become `Audio`, and `Audio` becomes bytes for a pipe.

Any container that libsndfile knows is read, and with the extra `media` those of `myna.audio.media`,
at any rate, with any number of channels; channels are averaged. What is read is whole, finite and
of bounded length, or there is an error that says why. Damage shows only where the format can tell:
inside plain PCM it is heard as noise, and an MP3, W64, AAC or WebM file that was cut short may read
as a short one.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from myna.audio import media
from myna.datatypes import CONTAINERS, Audio
from myna.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from myna.datatypes import Floats

LONGEST_SECONDS = 600.0
"""Longest recording that is read, unless the caller says otherwise."""

_RATES = range(4_000, 768_001)
_UPLOADED_RATES = range(4_000, 192_001)
_MOST_UPLOADED_CHANNELS = 8
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
        source: a path, the bytes of a file, or a binary stream (a pipe will do). Streams and bytes
            may have 256 MiB; files any size.
        longest_seconds: refuse longer recordings; checked before and while decoding. An hour at
            48 kHz takes 0.7 GB of memory.

    Returns:
        mono, at the recording's own rate. Samples of floating-point files may exceed [-1, 1].

    Raises:
        AudioError: there is no such file, or it is a folder, empty, damaged, cut short, too long,
            without sound, in a format that nobody here knows, or holds samples that are no numbers.
        MissingExtraError: it is m4a, mp4, webm or the like, and PyAV is not installed.
    """
    return _read(source, _Bounds(longest_seconds))


def decode(data: bytes, most_seconds: float) -> Audio:
    """Read a recording that a stranger sent, at a cost that is bounded whatever it holds.

    As `read`, and besides it has at most 192 kHz and 8 channels: a few kilobytes of Vorbis can
    state a minute of 255 silent channels, and each of them would be decoded. So a minute takes at
    most 46 MB of memory, twice that for a moment. How many bytes there may be is the caller's to
    say, who has them.

    Raises:
        AudioError, MissingExtraError: as `read`.
    """
    return _read(data, _Bounds(most_seconds, _UPLOADED_RATES, _MOST_UPLOADED_CHANNELS))


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


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What is read at most."""

    seconds: float
    rates: range = _RATES
    channels: int | None = None


class _Sound:
    """What was decoded so far: mono, finite, and not too long."""

    def __init__(self, name: str, bounds: _Bounds) -> None:
        self.name = name
        self.rate = 0
        self.count = 0
        self._bounds = bounds
        self._pieces: list[Floats] = []

    def starts(self, rate: int, channels: int, stated_seconds: float | None) -> None:
        """Check what a header says."""
        rates = self._bounds.rates
        if rate not in rates:
            raise AudioError(
                f"{self.name} states {rate} samples per second; "
                f"Myna reads {rates[0]} to {rates[-1]}."
            )
        self._check_channels(channels)
        if stated_seconds is not None and stated_seconds > self._bounds.seconds:
            raise self._too_long()
        self.rate = rate

    def add(self, block: NDArray[np.floating[Any]]) -> None:
        """Add (n, channels) samples; channels are averaged here, so that memory stays small."""
        self._check_channels(block.shape[1])
        self.count += len(block)
        if self.count > self._bounds.seconds * self.rate:
            raise self._too_long()
        piece = block.mean(axis=1, dtype=np.float32)
        if not np.isfinite(piece).all():
            raise AudioError(
                f"{self.name} holds samples that are not numbers (NaN or infinite); "
                f"export it again."
            )
        self._pieces.append(piece)

    def whole(self) -> Audio:
        """All of it, once."""
        if not self.count:
            raise AudioError(f"{self.name} holds no samples.")
        samples, at = np.empty(self.count, dtype=np.float32), 0
        self._pieces.reverse()
        while self._pieces:  # each is freed once copied, so that memory holds the whole once
            piece = self._pieces.pop()
            samples[at : at + len(piece)] = piece
            at += len(piece)
        return Audio(samples, self.rate)

    def cut_short(self) -> AudioError:
        return AudioError(
            f"{self.name} is damaged or was cut short: it holds less audio than it states. "
            f"Export it again."
        )

    def _check_channels(self, channels: int) -> None:
        most = self._bounds.channels
        if most is not None and channels > most:
            raise AudioError(
                f"{self.name} has {channels} channels; send one with at most {most}, or mono."
            )

    def _too_long(self) -> AudioError:
        return AudioError(
            f"{self.name} is longer than {self._bounds.seconds:g} s; "
            f"cut it to the part that is wanted."
        )


def _read(source: str | Path | bytes | BinaryIO, bounds: _Bounds) -> Audio:
    with _opened(source) as (name, stream):
        reader = media.reader_of(stream.read(media.HEAD_BYTES))
        stream.seek(0)
        sound = _Sound(name, bounds)
        if reader:
            _read_media(sound, stream, reader)
        else:
            _read_sound_file(sound, stream)
        return sound.whole()


def _read_media(sound: _Sound, stream: BinaryIO, reader: str) -> None:
    with media.opened(sound.name, stream, reader) as opened:
        for rate, block in opened.blocks:
            if not sound.rate:  # headers of some AAC state half of it
                sound.starts(rate, block.shape[1], opened.stated_seconds)
            if rate != sound.rate:
                raise AudioError(f"{sound.name} changes its sample rate; export it again.")
            sound.add(block)
        if sound.count and media.is_cut_short(opened.stated_seconds, sound.count / sound.rate):
            raise sound.cut_short()


def _read_sound_file(sound: _Sound, stream: BinaryIO) -> None:
    import soundfile

    # A bare descriptor, where there is one: libsndfile reads it without asking Python.
    source = stream if isinstance(stream, BytesIO) else os.dup(stream.fileno())
    try:
        with soundfile.SoundFile(source) as file:
            _check_header(sound, file)
            _decode(sound, file)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{sound.name} cannot be read: it is damaged, or in a format Myna does not know "
            f"({error.error_string}) Convert it, for example with: ffmpeg -i INPUT output.wav"
        ) from error


def _check_header(sound: _Sound, file: Any) -> None:
    frames = _stated_frames(file)
    seconds = frames / file.samplerate if frames else None
    sound.starts(file.samplerate, file.channels, seconds)
    said = file.extra_info
    short = any(
        int(there) < int(stated) < _STREAM_SIZE for stated, there in _SHORT_DATA.findall(said)
    )
    if short or _OPEN_OGG in said:
        raise sound.cut_short()


def _decode(sound: _Sound, file: Any) -> None:
    file.seekable = lambda: False  # else soundfile seeks after every block, and steps over damage
    block = np.empty((max(1, _BLOCK_VALUES // file.channels), file.channels), dtype=np.float32)
    while len(part := file.read(out=block)):
        sound.add(part)
    if sound.count < _stated_frames(file) * (_LEAST_OF_ESTIMATE if file.format == "MP3" else 1.0):
        raise sound.cut_short()


def _stated_frames(file: Any) -> int:
    """0 where nobody knows: FLAC written into a pipe does not say."""
    return int(file.frames) if file.frames < np.iinfo(np.int64).max else 0


@contextmanager
def _opened(source: str | Path | bytes | BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """A name for messages, and a seekable stream at its start: a file without buffer, or memory."""
    if isinstance(source, bytes):
        yield "The recording", _not_empty("The recording", source)
    elif isinstance(source, str | Path):
        path = Path(source)
        if not path.exists():
            raise AudioError(f"There is no file {path}.")
        if path.is_dir():
            raise AudioError(f"{path} is a folder; name one recording in it.")
        whole = path.is_file()  # no pipe, no device
        try:
            stream = path.open("rb", buffering=0 if whole else -1)
        except OSError as error:
            raise AudioError(f"{path} cannot be opened: {error.strerror}.") from error
        with stream:
            if not whole:
                yield str(path), _not_empty(str(path), _all_of(str(path), stream))
            elif not os.fstat(stream.fileno()).st_size:
                raise AudioError(f"{path} is empty.")
            else:
                yield str(path), stream
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
