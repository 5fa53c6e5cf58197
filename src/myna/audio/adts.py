"""AAC in ADTS, frame by frame: packets of FFmpeg's own encoder, by PyAV, with headers of ours.

Source of the header: ISO/IEC 13818-7, section 6.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from myna.extras import require

if TYPE_CHECKING:
    from myna.datatypes import Floats

RATES = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
)  # fmt: skip
"""In Hz, in the order in which ADTS numbers them."""

_FRAME = 1024
"""Samples in a frame."""
_MOST_FRAME_BITS = 6144
"""In a frame of one channel."""
_LEAST_BIT_RATE = 8_000
"""FFmpeg's encoder refuses much less."""


class AacWriter:
    """One stream of frames.

    Args:
        rate: one of `RATES`.
        bit_rate: in bits per second; brought into the range that `rate` allows.

    Raises:
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, rate: int, bit_rate: int) -> None:
        self._av = require("av", extra="media", feature="Writing AAC")
        self._rate = rate
        self._codec = self._av.CodecContext.create("aac", "w")
        self._codec.sample_rate = rate
        self._codec.layout = "mono"
        self._codec.format = "fltp"
        self._codec.bit_rate = min(
            max(bit_rate, _LEAST_BIT_RATE), _MOST_FRAME_BITS * rate // _FRAME
        )
        self._count = 0

    def write(self, samples: Floats) -> bytes:
        """(N,) more samples; the frames that are ready, maybe none. Clips to [-1, 1]."""
        if not len(samples):
            return b""
        frame = self._av.AudioFrame.from_ndarray(
            np.clip(samples, -1.0, 1.0)[None], format="fltp", layout="mono"
        )
        frame.sample_rate = self._rate
        frame.pts = self._count
        self._count += len(samples)
        return self._framed(self._codec.encode(frame))

    def close(self) -> bytes:
        """The last frames, filled up with silence."""
        return self._framed(self._codec.encode(None)) if self._count else b""

    def _framed(self, packets: list[Any]) -> bytes:
        return b"".join(_header(self._rate, packet.size) + bytes(packet) for packet in packets)


def _header(rate: int, size: int) -> bytes:
    """Of a packet of `size` bytes: MPEG-4, low complexity, one channel, no checksum."""
    profile, channels, fullness_unknown = 1, 1, 0x7FF
    bits = 0xFFF1
    bits = bits << 2 | profile
    bits = bits << 4 | RATES.index(rate)
    bits = bits << 4 | channels  # after a private bit
    bits = bits << 17 | size + 7  # after four bits about copies
    bits = bits << 11 | fullness_unknown
    return (bits << 2).to_bytes(7, "big")  # one block in this frame
