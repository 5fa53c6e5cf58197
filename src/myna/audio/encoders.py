"""`Audio` becomes the bytes of a file, at once or while it is made.

How long sound waits in each, in pieces of 20 ms at 24 kHz: `wav` and `raw` not at all; `mp3` and
`opus` 80 ms; `aac` 130 ms; `flac` 170 ms, one block of 4096 samples; `ogg` 700 ms or longer, a page
of 4 KiB. Prefer `opus` where sound has to come soon.

All but `aac` come from libsndfile; `aac` takes the extra `media`. Ogg Opus, MP3 and AAC exist at
few sample rates; other audio is resampled to the next higher one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from myna.audio.adts import AacWriter
from myna.audio.recordings import pcm16
from myna.audio.resample import HIGH_QUALITY, Resampling, resample
from myna.datatypes import Audio
from myna.errors import AudioError, ConfigError

if TYPE_CHECKING:
    from myna.datatypes import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A kind of file that we write. All are mono."""

    name: str
    """Also the usual ending of such files, without the dot."""
    media_type: str
    """For HTTP."""
    rates: tuple[int, ...] = ()
    """In Hz, ascending; empty if any will do."""
    bit_rate: int | None = None
    """In bits per second, by default; None for what is lossless or has no such setting. Low sample
    rates allow less, see `encode`."""

    def rate(self, given: int) -> int:
        """In Hz, of a file with audio of rate `given`: the same, or else the next higher one."""
        if not self.rates or given in self.rates:
            return given
        return next((rate for rate in self.rates if rate > given), self.rates[-1])


_MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)

CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {
        container.name: container
        for container in (
            Container(name="wav", media_type="audio/wav"),
            Container(name="raw", media_type="audio/raw"),
            Container(name="flac", media_type="audio/flac"),
            Container(name="ogg", media_type="audio/ogg"),
            Container(
                name="opus",
                media_type="audio/ogg; codecs=opus",
                rates=_OPUS_RATES,
                bit_rate=64_000,
            ),
            Container(name="mp3", media_type="audio/mpeg", rates=_MPEG_RATES, bit_rate=128_000),
            Container(name="aac", media_type="audio/aac", rates=_MPEG_RATES, bit_rate=192_000),
        )
    }
)
"""By name. `wav` and `raw` are signed 16-bit PCM, little-endian, `raw` without any header; `ogg` is
Vorbis, `opus` is Opus in Ogg, `aac` is AAC-LC in ADTS."""

_CODINGS = {
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
"""libsndfile's names of container and coding."""

_OPUS_BIT_RATES = (6_000, 256_000)
_MP3_BIT_RATES = ((32_000, 32_000, 320_000), (16_000, 8_000, 160_000), (0, 8_000, 64_000))
"""From which sample rate on, the least, and the most. Source: tables of MPEG-1 and MPEG-2 audio
(ISO/IEC 11172-3, 13818-3), and what LAME does for MPEG-2.5."""

_SET_PAGE_LATENCY = 0x1302
"""libsndfile's SFC_SET_OGG_PAGE_LATENCY_MS."""
_PAGE_LATENCY_MS = 50.0
"""A page costs 28 bytes and more; at 50 ms that is 4.5 kbit/s."""

_OPEN_SIZE = 0x7FFF_F000
"""Stated where the length is not known; readers go on to the end of what comes."""

_BLOCK = 1 << 16
"""Samples given to libsndfile at once: its Vorbis encoder overflows the stack on minutes."""


def encode(audio: Audio, container: str, *, bit_rate: int | None = None) -> bytes:
    """A whole file, with its length in its header where the container has a place for it.

    Samples outside [-1, 1] are clipped. AAC starts with 1024 samples of silence; ADTS cannot say
    that they are to be left out. MP3 is 0.4 dB softer: LAME does that against clipping. Of no
    samples at all, `flac`, `mp3` and `aac` make no bytes.

    Args:
        container: one of `CONTAINERS`.
        bit_rate: in bits per second, for `opus`, `mp3` and `aac`; None for the default. What the
            sample rate does not allow is brought into its range: AAC has at most 6 bits per sample,
            MP3 64 kbit/s below 16 kHz and 160 below 32.

    Raises:
        AudioError: another container.
        ConfigError: a bit rate that is not positive, or for a container that has none.
        MissingExtraError: `aac`, and PyAV is not installed.
    """
    kind = _kind(container)
    if kind.name == "aac":
        stream = StreamEncoder(container, audio.rate, bit_rate=bit_rate)
        return stream.add(audio.samples) + stream.end()
    bits = _bit_rate(kind, bit_rate)
    if kind.name not in _CODINGS:
        sound = _pcm(audio.samples)
        return sound if kind.name == "raw" else _wav_header(audio.rate, len(sound)) + sound
    audio = resample(audio, kind.rate(audio.rate), HIGH_QUALITY)
    target = BytesIO()
    with _sound_file(target, kind, audio.rate, bits) as file:
        _write(file, audio.samples)
    return target.getvalue()


def open_wav_header(rate: int) -> bytes:
    """The start of a WAV whose length is not known yet, as other programs write it into pipes.

    44 bytes; mono, 16-bit PCM follows (`raw`), for as long as it takes.
    """
    return _wav_header(rate, _OPEN_SIZE)


class StreamEncoder:
    """One file, in pieces: all that `add` and `end` return, in order, is a file of `container`.

    Ordinary decoders play it while it comes. It differs from a whole file in that its header states
    no length; an MP3 starts with a silent frame where that would stand.

    Raises:
        AudioError, ConfigError, MissingExtraError: as `encode`.
    """

    def __init__(self, container: str, rate: int, *, bit_rate: int | None = None) -> None:
        kind = _kind(container)
        self.media_type = kind.media_type
        self.rate = kind.rate(rate)
        """In Hz, of what is written."""
        self._resampling = Resampling(rate, self.rate, HIGH_QUALITY)
        self._writer = _writer(kind, self.rate, _bit_rate(kind, bit_rate))
        self._ended = False

    def add(self, samples: Floats) -> bytes:
        """(N,) more samples, at the rate that was given. The bytes that are ready, maybe none."""
        assert not self._ended, "add after end"
        return self._writer.write(self._resampling.add(samples, last=False))

    def end(self) -> bytes:
        """The rest of the file."""
        assert not self._ended, "end after end"
        self._ended = True
        rest = self._resampling.add(np.zeros(0, dtype=np.float32), last=True)
        return self._writer.write(rest) + self._writer.close()


def _kind(container: str) -> Container:
    kind = CONTAINERS.get(container)
    if kind is None:
        raise AudioError(f"Cannot write {container!r}; use one of {', '.join(CONTAINERS)}.")
    return kind


def _bit_rate(kind: Container, wanted: int | None) -> int | None:
    if wanted is None:
        return kind.bit_rate
    if kind.bit_rate is None:
        raise ConfigError(f"{kind.name} has no bit rate to choose; leave bit_rate out.")
    if wanted < 1:
        raise ConfigError(f"bit_rate is {wanted}; it is positive, in bits per second.")
    return wanted


class _Writer(Protocol):
    def write(self, samples: Floats) -> bytes: ...

    def close(self) -> bytes: ...


def _writer(kind: Container, rate: int, bit_rate: int | None) -> _Writer:
    match kind.name:
        case "wav":
            return _PcmWriter(open_wav_header(rate))
        case "raw":
            return _PcmWriter(b"")
        case "aac":
            assert bit_rate is not None
            return AacWriter(rate, bit_rate)
    return _SoundFileWriter(kind, rate, bit_rate)


class _PcmWriter:
    def __init__(self, header: bytes) -> None:
        self._header = header

    def write(self, samples: Floats) -> bytes:
        header, self._header = self._header, b""
        return header + _pcm(samples)

    def close(self) -> bytes:
        return self.write(np.zeros(0, dtype=np.float32))


class _SoundFileWriter:
    def __init__(self, kind: Container, rate: int, bit_rate: int | None) -> None:
        self._sink = _Sink()
        self._file = _sound_file(self._sink, kind, rate, bit_rate)
        if kind.name == "opus":
            _set_page_latency(self._file, _PAGE_LATENCY_MS)

    def write(self, samples: Floats) -> bytes:
        _write(self._file, samples)
        return self._sink.take()

    def close(self) -> bytes:
        self._file.close()
        return self._sink.take()


class _Sink:
    """A file for libsndfile, of which what was taken is gone.

    At the end libsndfile goes back and fills lengths into the header; that is too late, and lost.
    """

    def __init__(self) -> None:
        self._kept = bytearray()
        self._taken = 0
        self._at = 0

    def take(self) -> bytes:
        """All that was written since."""
        taken = bytes(self._kept)
        self._taken += len(taken)
        self._kept.clear()
        return taken

    def write(self, data: Any) -> int:
        new = bytes(data)
        lost = max(0, self._taken - self._at)
        start = self._at + lost - self._taken
        self._kept[start : start + len(new[lost:])] = new[lost:]
        self._at += len(new)
        return len(new)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._taken + len(self._kept))[whence]
        return self._at

    def tell(self) -> int:
        return self._at


def _pcm(samples: Floats) -> bytes:
    return pcm16(samples).astype("<i2").tobytes()


def _wav_header(rate: int, size: int) -> bytes:
    size = min(size, _OPEN_SIZE)  # longer ones do not fit; a reader goes on to the end
    described = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    riff = b"RIFF" + struct.pack("<I", size + 36) + b"WAVE"
    return riff + b"fmt " + struct.pack("<I", 16) + described + b"data" + struct.pack("<I", size)


def _sound_file(target: Any, kind: Container, rate: int, bit_rate: int | None) -> Any:
    import soundfile

    container, coding = _CODINGS[kind.name]
    return soundfile.SoundFile(
        target,
        "w",
        rate,
        channels=1,
        format=container,
        subtype=coding,
        compression_level=_compression_level(kind, rate, bit_rate),
        bitrate_mode="CONSTANT" if kind.name == "mp3" else None,
    )


def _compression_level(kind: Container, rate: int, bit_rate: int | None) -> float | None:
    """libsndfile's scale, on which 0 is the most bits that the coding has, and 1 the least."""
    if bit_rate is None:
        return None
    if kind.name == "opus":
        least, most = _OPUS_BIT_RATES
    else:
        least, most = next((low, high) for start, low, high in _MP3_BIT_RATES if rate >= start)
    level = (most - bit_rate) / (most - least)
    return min(max(level, 0.0), 0.99)  # it fails on 1 for MP3


def _set_page_latency(file: Any, milliseconds: float) -> None:
    """How much sound one Ogg page may hold; soundfile has no public name for this command."""
    import soundfile

    value = soundfile._ffi.new("double*", milliseconds)
    soundfile._snd.sf_command(file._file, _SET_PAGE_LATENCY, value, 8)


def _write(file: Any, samples: Floats) -> None:
    for start in range(0, len(samples), _BLOCK):
        file.write(np.clip(samples[start : start + _BLOCK], -1.0, 1.0))
