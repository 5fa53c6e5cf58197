"""What libsndfile does not know: the sound of m4a, mp4, webm, wma and other media files, by PyAV.

FFmpeg's readers follow references to other files and addresses when a playlist tells them to. Here
none can: a file's first bytes choose its reader from a short list without playlists, the reader is
given an open file instead of a name, and it may open nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from myna.errors import AudioError
from myna.extras import require

HEAD_BYTES = 400
"""Of a file, from its start, that `reader_of` needs."""

_READERS = (
    (rb"....(ftyp|moov|mdat|wide|free|skip|pnot)", "mov"),
    (rb"\x1aE\xdf\xa3", "matroska"),
    (rb"0&\xb2u\x8ef\xcf\x11", "asf"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "aac"),
    (rb"FLV\x01", "flv"),
    (rb"RIFF....AVI ", "avi"),
    (rb"#!AMR", "amr"),
    (rb"wvpk", "wv"),
    (rb"MAC ", "ape"),
    (rb"TTA1", "tta"),
    (rb"OggS.{24,100}Speex   ", "ogg"),
    (rb"\x00\x00\x01\xba", "mpeg"),
    (rb"G.{187}G.{187}G", "mpegts"),
)
"""First bytes, and FFmpeg's name of what reads them."""

_STATES_ITS_LENGTH = ("mov", "matroska", "asf")
"""Other readers estimate it."""
_SHORT_SECONDS = 0.5
"""By which stated lengths differ from the sound of whole files."""


@dataclass(frozen=True, slots=True)
class Media:
    """An open media file."""

    stated_seconds: float | None
    """Length of its sound as it says itself."""
    blocks: Iterator[tuple[int, np.ndarray]]
    """Rate in Hz, and (n, channels) samples: floats, full scale at 1."""


def reader_of(head: bytes) -> str | None:
    """FFmpeg's reader for a file that starts with `head`; None for what is left to libsndfile."""
    found = (name for magic, name in _READERS if re.match(magic, head, re.DOTALL))
    return next(found, None)


@contextmanager
def opened(name: str, stream: BinaryIO, reader: str) -> Iterator[Media]:
    """Open a media file whose `reader` is known.

    Raises:
        MissingExtraError: PyAV is not installed.
        AudioError: here, or while blocks are read: it is damaged, or has no sound.
    """
    av = require("av", extra="media", feature="Reading m4a, mp4, webm and the like")
    try:
        with av.open(
            stream,
            format=reader,
            options={"protocol_whitelist": "none", "format_whitelist": reader},
            metadata_errors="replace",
        ) as container:
            track = container.streams.best("audio")
            if track is None:
                raise AudioError(f"{name} has no sound; name a file with speech in it.")
            yield Media(_stated(container, track, reader), _blocks(container, track, name))
    except av.error.FFmpegError as error:
        raise AudioError(
            f"{name} cannot be read: it is damaged or was cut short ({error.strerror}). "
            f"Export it again."
        ) from error


def is_cut_short(stated_seconds: float | None, seconds: float) -> bool:
    """Whether what was decoded falls short of what was stated."""
    return stated_seconds is not None and seconds < stated_seconds - _SHORT_SECONDS


def _stated(container: Any, track: Any, reader: str) -> float | None:
    if reader not in _STATES_ITS_LENGTH:
        return None
    if track.duration:
        return float(track.duration * track.time_base)
    if container.duration and len(container.streams) == 1:  # else it may be that of a picture
        return float(container.duration) / 1e6
    return None


def _blocks(container: Any, track: Any, name: str) -> Iterator[tuple[int, np.ndarray]]:
    for packet in container.demux(track):
        if packet.is_corrupt:
            raise AudioError(f"{name} is damaged or was cut short; export it again.")
        for frame in packet.decode():
            values = frame.to_ndarray()
            if not frame.format.is_planar:
                values = values.reshape(-1, frame.layout.nb_channels).T
            yield frame.sample_rate, _scaled(values).T


def _scaled(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return values
    bits = 8 * values.dtype.itemsize
    middle = 1 << (bits - 1) if values.dtype.kind == "u" else 0
    return (values.astype(np.float64) - middle) / (1 << (bits - 1))
