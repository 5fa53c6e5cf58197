"""Reading and writing: every container whole, every damage named."""

from __future__ import annotations

import os
import threading
import tracemalloc
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.audio import recordings
from myna.audio.recordings import decode, encode, pcm16, read
from myna.datatypes import Audio
from myna.errors import AudioError

FORMATS = [
    ("WAV", "PCM_16", 1e-4),
    ("WAV", "FLOAT", 1e-7),
    ("WAV", "PCM_U8", 1e-2),
    ("FLAC", "PCM_24", 1e-6),
    ("AIFF", "PCM_16", 1e-4),
    ("OGG", "VORBIS", 0.05),
    ("OGG", "OPUS", 0.1),
    ("MP3", "MPEG_LAYER_III", 0.05),
]


def wave(seconds: float = 1.0, rate: int = 16_000) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * 300 * time)).astype(np.float32)


def file_bytes(
    samples: np.ndarray, rate: int = 16_000, container: str = "WAV", coding: str = "PCM_16"
) -> bytes:
    stream = BytesIO()
    soundfile.write(stream, samples, rate, format=container, subtype=coding)
    return stream.getvalue()


@pytest.mark.parametrize(("container", "coding", "limit"), FORMATS)
def test_reads_what_was_written(tmp_path: Path, container: str, coding: str, limit: float) -> None:
    data = file_bytes(wave(), container=container, coding=coding)
    path = tmp_path / "no ending, and a blank"
    path.write_bytes(data)
    for source in (path, str(path), data, BytesIO(data)):
        audio = read(source)
        assert audio.rate == 16_000
        assert audio.samples.dtype == np.float32
        assert len(audio.samples) == 16_000
        inner = slice(1000, -1000)  # Opus needs a while to start
        np.testing.assert_allclose(audio.samples[inner], wave()[inner], atol=limit)


@pytest.mark.parametrize("ending", [".raw", ".mp3", ".xyz"])
def test_the_content_tells_the_format_not_the_ending(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"take{ending}"
    path.write_bytes(file_bytes(wave()))
    assert len(read(path).samples) == 16_000


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged(channels: int) -> None:
    parts = np.stack([wave() * (index + 1) / channels for index in range(channels)], axis=1)
    audio = read(file_bytes(parts, rate=44_100, coding="FLOAT"))
    np.testing.assert_allclose(audio.samples, parts.mean(axis=1), atol=1e-6)


def test_reads_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    data = file_bytes(wave(3.0))

    def feed() -> None:
        with os.fdopen(writing, "wb") as stream:
            stream.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reading, "rb") as stream:
        assert read(stream).seconds == 3.0
    thread.join()


def test_reads_wav_and_flac_of_programs_that_did_not_know_the_length() -> None:
    wav = bytearray(file_bytes(wave()))
    at = wav.index(b"data") + 4
    wav[at : at + 4] = wav[4:8] = b"\xff\xff\xff\xff"
    assert len(read(bytes(wav)).samples) == 16_000
    flac = bytearray(file_bytes(wave(), container="FLAC"))
    flac[21] &= 0xF0  # the number of samples: 36 bits of the first block
    flac[22:26] = bytes(4)
    assert len(read(bytes(flac)).samples) == 16_000
    with pytest.raises(AudioError, match=r"longer than 0\.5 s"):
        read(bytes(flac), longest_seconds=0.5)


@pytest.mark.parametrize(
    ("container", "coding"), [(name, coding) for name, coding, _ in FORMATS if coding != "PCM_U8"]
)
def test_half_a_file_is_an_error(container: str, coding: str) -> None:
    noise = np.random.default_rng(0).normal(size=64_000) * 0.1
    data = file_bytes(noise, container=container, coding=coding)
    with pytest.raises(AudioError, match=r"cut short|damaged"):
        read(data[: len(data) // 2])


@pytest.mark.parametrize(("container", "coding"), [("FLAC", "PCM_16"), ("OGG", "VORBIS")])
def test_damage_in_the_middle_is_an_error(container: str, coding: str) -> None:
    noise = np.random.default_rng(0).normal(size=64_000) * 0.1
    data = bytearray(file_bytes(noise, container=container, coding=coding))
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    with pytest.raises(AudioError, match=r"cut short|damaged"):
        read(bytes(data))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "is empty"),
        (BytesIO(b""), "is empty"),
        (b"RIFF", "cannot be read"),
        (b"just some text, no sound " * 50, "ffmpeg"),
        ("/no/such/file.wav", "There is no file"),
        (file_bytes(np.zeros(0)), "no samples"),
        (file_bytes(wave(), rate=1000), "1000 samples per second"),
        (file_bytes(np.array([0.0, np.nan, 0.0]), coding="FLOAT"), "not numbers"),
        (file_bytes(np.array([0.0, np.inf, 0.0]), coding="FLOAT"), "not numbers"),
    ],
    # Some hold the time at which they were made.
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_useless_sources_are_named(source: bytes | str, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        read(source)


def test_useless_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="is a folder"):
        read(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match=r"empty\.wav is empty"):
        read(tmp_path / "empty.wav")


def test_a_small_file_that_unpacks_to_hours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = file_bytes(np.zeros(16_000 * 700), container="FLAC")
    assert len(bomb) < 300_000

    def decode(*_: object) -> None:
        raise AssertionError("the header alone should decide")

    with monkeypatch.context() as patch:
        patch.setattr(recordings, "_decode", decode)
        with pytest.raises(AudioError, match="longer than 600 s"):
            read(bomb)
    lying = bytearray(bomb)
    lying[21] |= 0x0F
    lying[22:26] = b"\xff" * 4
    with pytest.raises(AudioError, match="longer than 600 s"):
        read(bytes(lying))


def test_an_endless_stream_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "_MOST_STREAM_BYTES", 1 << 20)
    with Path("/dev/zero").open("rb") as stream, pytest.raises(AudioError, match="more than 1 MiB"):
        read(stream)
    with pytest.raises(AudioError, match="more than 1 MiB"):
        read("/dev/zero")


@pytest.mark.parametrize(("container", "limit"), [("wav", 1e-4), ("flac", 1e-4), ("OGG", 0.05)])
def test_encodes_for_pipes(container: str, limit: float) -> None:
    audio = read(encode(Audio(wave(), 16_000), container))
    np.testing.assert_allclose(audio.samples, wave(), atol=limit)


def test_encodes_ten_minutes_of_ogg() -> None:
    """libsndfile overflows the stack if given all of it at once."""
    audio = Audio(np.zeros(8000 * 600, dtype=np.float32), 8000)
    assert read(encode(audio, "ogg")).seconds == 600.0


def test_encoding_clips_and_knows_its_containers() -> None:
    loud = Audio(wave() * 4, 16_000)
    assert read(encode(loud, "wav")).samples.max() == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(AudioError, match="wav, flac, ogg"):
        encode(loud, "mp3")


def test_pcm_never_wraps() -> None:
    samples = np.array([-2.0, -1.0, 0.0, 0.5, 1.0 - 2**-15, 1.0, 1e9], dtype=np.float32)
    assert pcm16(samples).tolist() == [-32768, -32768, 0, 16384, 32767, 32767, 32767]


def test_decodes_what_was_sent() -> None:
    for container, coding, limit in FORMATS:
        audio = decode(file_bytes(wave(), container=container, coding=coding), 1.0)
        inner = slice(1000, -1000)
        np.testing.assert_allclose(audio.samples[inner], wave()[inner], atol=limit)


def _silence(container: str, coding: str, tenths: int, rate: int, channels: int = 1) -> bytes:
    stream = BytesIO()
    with soundfile.SoundFile(stream, "w", rate, channels, coding, format=container) as file:
        for _ in range(tenths):
            file.write(np.zeros((rate // 10, channels), dtype=np.float32))
    return stream.getvalue()


def _with(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def _without_length(flac: bytes) -> bytes:
    """As written into a pipe: its header states no length."""
    return _with(flac, 21, bytes([flac[21] & 0xF0, 0, 0, 0, 0]))


BOMBS = {
    "minutes of FLAC": (lambda: _silence("FLAC", "PCM_16", 1_200, 8_000), "longer than 10 s"),
    "FLAC that hides its length": (
        lambda: _without_length(_silence("FLAC", "PCM_16", 1_200, 8_000)),
        "longer than 10 s",
    ),
    "half a minute of Opus": (lambda: _silence("OGG", "OPUS", 300, 8_000), "longer than 10 s"),
    "255 channels of Vorbis": (
        lambda: _silence("OGG", "VORBIS", 1, 48_000, channels=255),
        "255 channels",
    ),
    "1024 channels of WAV": (lambda: _silence("WAV", "PCM_16", 10, 4_000, 1024), "1024 channels"),
    "65535 channels": (lambda: _with(file_bytes(wave()), 22, b"\xff\xff"), "cannot be read"),
    "2 GHz": (lambda: _with(file_bytes(wave()), 24, b"\xff\xff\xff\x7f"), "samples per second"),
    "655350 Hz": (lambda: _silence("FLAC", "PCM_16", 50, 655_350), "4000 to 192000"),
    "sound that is not there": (
        lambda: _with(file_bytes(wave()), 40, (10**9).to_bytes(4, "little")),
        "cut short|longer than",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_refuses_bombs_at_little_cost(name: str) -> None:
    make, message = BOMBS[name]
    data = make()
    tracemalloc.start()
    try:
        with pytest.raises(AudioError, match=message):
            decode(data, 10.0)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_header_that_claims_all_there_could_be_costs_nothing() -> None:
    open_end = _with(file_bytes(wave()), 40, (2**31 - 1).to_bytes(4, "little"))
    tracemalloc.start()
    try:
        assert decode(open_end, 10.0).seconds == 1.0
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
