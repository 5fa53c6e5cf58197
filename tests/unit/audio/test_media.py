"""Media files by PyAV: their sound and nothing else, whole or refused."""

from __future__ import annotations

import sys
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from myna.audio import media
from myna.audio.recordings import read
from myna.errors import AudioError, MissingExtraError

av = pytest.importorskip("av", reason="PyAV is not installed")

RATE = 48_000
FORMATS = [
    ("ipod", "aac", "mov"),
    ("mp4", "alac", "mov"),
    ("mov", "pcm_s16le", "mov"),
    ("webm", "libopus", "matroska"),
    ("matroska", "aac", "matroska"),
    ("asf", "wmav2", "asf"),
    ("adts", "aac", "aac"),
    ("flv", "aac", "flv"),
    ("avi", "pcm_s16le", "avi"),
    ("mpegts", "aac", "mpegts"),
    ("tta", "tta", "tta"),
    ("wv", "wavpack", "wv"),
]


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * 300 * time)).astype(np.float32)


def encoded(
    container: str,
    codec: str,
    *channels: np.ndarray,
    rate: int = RATE,
    options: dict[str, str] | None = None,
    picture: bool = False,
) -> bytes:
    layout = "mono" if len(channels) == 1 else "stereo"
    with TemporaryDirectory() as folder:
        path = Path(folder, "sound")  # FFmpeg reopens it to move the index
        _encode(path, container, codec, channels, layout, rate, options or {}, picture)
        return path.read_bytes()


def _encode(
    path: Path,
    container: str,
    codec: str,
    channels: tuple[np.ndarray, ...],
    layout: str,
    rate: int,
    options: dict[str, str],
    picture: bool,
) -> None:
    with av.open(str(path), "w", format=container, options=options) as out:
        track = out.add_stream(codec, rate=rate, layout=layout)
        track.bit_rate = 128_000
        if picture:
            video = out.add_stream("mpeg4", rate=5)
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
            for _ in range(20):
                out.mux(video.encode(av.VideoFrame(32, 32, "yuv420p")))
            out.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(np.stack(channels), format="fltp", layout=layout)
        frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(track.codec_context.format, layout, rate)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(track.encode(part))
        out.mux(track.encode(None))


M4A = encoded("ipod", "aac", tone(2.0))
M4A_INDEX_FIRST = encoded("ipod", "aac", tone(2.0), options={"movflags": "faststart"})


@pytest.mark.parametrize(("container", "codec", "reader"), FORMATS)
def test_reads_what_was_encoded(tmp_path: Path, container: str, codec: str, reader: str) -> None:
    data = encoded(container, codec, tone(2.0), tone(2.0) * 0.5)
    assert media.reader_of(data[: media.HEAD_BYTES]) == reader
    path = tmp_path / "no ending"
    path.write_bytes(data)
    for source in (path, data, BytesIO(data)):
        audio = read(source)
        assert audio.rate == RATE
        assert audio.samples.dtype == np.float32
        assert audio.seconds == pytest.approx(2.0, abs=0.06)
        inner = audio.samples[RATE // 2 : RATE * 3 // 2]
        assert np.abs(inner).max() == pytest.approx(0.375, abs=0.03)
        spectrum = np.abs(np.fft.rfft(inner))
        assert np.argmax(spectrum) == 300  # hertz: the part lasts a second


def test_m4a_is_aligned_to_the_sample() -> None:
    audio = read(M4A)
    inner = slice(RATE // 4, RATE)
    np.testing.assert_allclose(audio.samples[inner], tone(2.0)[inner], atol=0.02)


def test_unsigned_samples_have_their_middle_at_zero() -> None:
    audio = read(encoded("avi", "pcm_u8", tone(1.0)))
    np.testing.assert_allclose(audio.samples, tone(1.0), atol=0.02)


def test_pictures_are_passed_over() -> None:
    assert read(encoded("mp4", "aac", tone(1.0), picture=True)).seconds == pytest.approx(1, abs=0.1)


def test_a_film_without_sound_is_named() -> None:
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as out:
        video = out.add_stream("mpeg4", rate=5)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        out.mux(video.encode(av.VideoFrame(32, 32, "yuv420p")))
        out.mux(video.encode(None))
    with pytest.raises(AudioError, match="has no sound"):
        read(stream.getvalue())


@pytest.mark.parametrize("data", [M4A, M4A_INDEX_FIRST], ids=["index last", "index first"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_part_of_a_file_is_an_error(data: bytes, share: float) -> None:
    with pytest.raises(AudioError, match=r"cut short|damaged|no sound"):
        read(data[: round(len(data) * share)])


def test_damage_in_the_middle_is_an_error() -> None:
    data = bytearray(M4A)
    middle = data.index(b"mdat") + 4000
    data[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)
    with pytest.raises(AudioError, match=r"cut short|damaged"):
        read(bytes(data))


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_is_an_error_or_audio(seed: int) -> None:
    generator = np.random.default_rng(seed)
    data = bytearray(M4A_INDEX_FIRST)
    for at in generator.integers(0, len(data), 20):
        data[at] = generator.integers(256)
    with suppress(AudioError):
        assert np.isfinite(read(bytes(data)).samples).all()


@pytest.mark.parametrize("container", ["ipod", "adts"])
def test_long_files_are_refused(container: str) -> None:
    data = encoded(container, "aac", tone(4.0, 8000), rate=8000)
    assert read(data, longest_seconds=4.3).seconds == pytest.approx(4.0, abs=0.3)
    with pytest.raises(AudioError, match=r"longer than 3\.5 s"):
        read(data, longest_seconds=3.5)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{0}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {0}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>{0}</BaseURL>',
    ],
)
@pytest.mark.parametrize("ending", [".m3u8", ".m4a", ".mp4"])
def test_playlists_open_nothing(tmp_path: Path, playlist: str, ending: str) -> None:
    secret = tmp_path / "secret.m4a"
    secret.write_bytes(M4A)
    path = tmp_path / f"list{ending}"
    path.write_text(playlist.format(secret))
    with pytest.raises(AudioError, match="cannot be read"):
        read(path)


def test_a_film_that_names_another_file_does_not_open_it(tmp_path: Path) -> None:
    """A `mov` may keep its samples elsewhere, and name the place."""
    secret = tmp_path / "s.mov"
    secret.write_bytes(encoded("mov", "pcm_s16le", tone(1.0)))
    data = secret.read_bytes()
    own = b"\x00\x00\x00\x0curl \x00\x00\x00\x01"
    assert data.count(own) >= 1
    path = str(secret).encode() + b"\x00"
    other = (12 + len(path)).to_bytes(4, "big") + b"url \x00\x00\x00\x00" + path
    named = tmp_path / "list.mov"
    grown = len(other) - len(own)
    named.write_bytes(_grown(data.replace(own, other), grown))
    before = read(secret).samples
    with suppress(AudioError):
        assert not np.array_equal(read(named).samples, before)


def _grown(data: bytes, by: int) -> bytes:
    """`data` with the sizes of the boxes around `dref` raised, and its samples gone."""
    changed = bytearray(data)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.index(box) - 4
        size = int.from_bytes(data[at : at + 4], "big")
        changed[at : at + 4] = (size + by).to_bytes(4, "big")
    start = data.index(b"mdat") + 4
    changed[start : start + 1000] = bytes(1000)
    return bytes(changed)


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"myna\[media\]"):
        read(M4A)
    with pytest.raises(AudioError, match="cannot be read"):
        read(b"no sound at all " * 50)
