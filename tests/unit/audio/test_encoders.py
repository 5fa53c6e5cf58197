"""Every container, whole and in pieces, against readers that are not ours."""

from __future__ import annotations

import sys
from io import BytesIO

import numpy as np
import pytest
import soundfile

from myna.audio.encoders import CONTAINERS, StreamEncoder, encode, open_wav_header
from myna.audio.recordings import pcm16, read
from myna.datatypes import Audio
from myna.errors import AudioError, ConfigError, MissingExtraError

PCM = ("wav", "raw", "flac")
BIT_RATES = ("opus", "mp3", "aac")
LEAD = {"mp3": 0.30, "aac": 0.30}
"""Most seconds that a decoder may add: silent frames at either end."""


def chord(rate: int, seconds: float = 1.5) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    sound = 0.3 * np.sin(2 * np.pi * 500 * time) + 0.15 * np.sin(2 * np.pi * 1_750 * time)
    return sound.astype(np.float32)


def needs(container: str) -> str:
    if container == "aac":
        pytest.importorskip("av", reason="AAC needs PyAV")
    return container


def streamed(container: str, samples: np.ndarray, rate: int, piece: int = 0) -> list[bytes]:
    encoder = StreamEncoder(container, rate)
    piece = piece or rate // 4
    parts = [encoder.add(samples[at : at + piece]) for at in range(0, len(samples), piece)]
    return [*parts, encoder.end()]


def decoded(container: str, data: bytes, rate: int) -> Audio:
    if container == "raw":
        return Audio(np.frombuffer(data, "<i2").astype(np.float32) / 32768, rate)
    return read(data)


def spectrum(samples: np.ndarray, rate: int, frequency: float) -> float:
    """Amplitude of one frequency over the middle second."""
    middle = samples[len(samples) // 2 - rate // 2 :][:rate].astype(np.float64)
    turns = np.exp(-2j * np.pi * frequency * np.arange(len(middle)) / rate)
    return float(2 * np.abs((middle * np.hanning(len(middle)) * 2 * turns).mean()))


def is_chord(audio: Audio, seconds: float, extra: float) -> None:
    assert seconds - 1e-3 <= audio.seconds <= seconds + extra + 1e-3
    assert spectrum(audio.samples, audio.rate, 500) == pytest.approx(0.30, rel=0.08)
    assert spectrum(audio.samples, audio.rate, 1_750) == pytest.approx(0.15, rel=0.08)
    assert spectrum(audio.samples, audio.rate, 1_100) < 0.003


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 32_000, 48_000])
@pytest.mark.parametrize("container", CONTAINERS)
def test_whole_and_streamed_sound_like_what_was_given(container: str, rate: int) -> None:
    samples = chord(rate)
    whole = decoded(needs(container), encode(Audio(samples, rate), container), rate)
    pieces = decoded(container, b"".join(streamed(container, samples, rate)), rate)
    assert whole.rate == pieces.rate == CONTAINERS[container].rate(rate)
    is_chord(whole, 1.5, LEAD["aac"] if container == "aac" else 0.0)
    is_chord(pieces, 1.5, LEAD.get(container, 0.0))
    if container != "mp3":  # there the silent frame comes before
        inner = slice(rate // 5, -rate // 5)  # Vorbis starts by what it is given first
        np.testing.assert_allclose(
            pieces.samples[inner], whole.samples[inner], atol=0 if container in PCM else 2e-3
        )


@pytest.mark.parametrize("container", ["wav", "raw", "flac"])
def test_lossless_means_the_same_integers(container: str) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 10_000).astype(np.float32)
    for data in (
        encode(Audio(samples, 24_000), container),
        b"".join(streamed(container, samples, 24_000, 777)),
    ):
        found = decoded(container, data, 24_000).samples * 32768
        np.testing.assert_array_equal(found, pcm16(samples))


@pytest.mark.parametrize("container", CONTAINERS)
def test_clips_and_does_not_wrap(container: str) -> None:
    loud = 4.0 * chord(24_000)
    data = encode(Audio(loud, 24_000), needs(container))
    found = decoded(container, data, 24_000).samples
    lead = 1024 if container == "aac" else 0
    middle = slice(2_000, 30_000)
    expected = np.clip(loud, -1, 1)[middle]
    assert np.corrcoef(found[2_000 + lead : 30_000 + lead], expected)[0, 1] > 0.98


@pytest.mark.parametrize(
    ("container", "late"),
    [("wav", 1), ("raw", 1), ("flac", 1), ("opus", 1), ("mp3", 1), ("aac", 1), ("ogg", 6)],
)
def test_sound_comes_with_the_first_pieces(container: str, late: int) -> None:
    """What came so far is played by FFmpeg, which knows nothing of the rest."""
    av = pytest.importorskip("av")
    rng = np.random.default_rng(1)
    samples = chord(24_000, 3.0) + 0.02 * rng.standard_normal(72_000).astype(np.float32)
    sofar = b"".join(streamed(container, samples, 24_000)[:late])
    names = {"raw": "s16le", "opus": "ogg"}
    options = {"sample_rate": "24000"} if container == "raw" else {}
    with av.open(BytesIO(sofar), format=names.get(container, container), options=options) as opened:
        heard = sum(frame.samples / frame.sample_rate for frame in opened.decode(audio=0))
    assert heard > 0.1


@pytest.mark.parametrize("container", CONTAINERS)
def test_bytes_do_not_pile_up(container: str) -> None:
    parts = streamed(needs(container), chord(24_000, 6.0), 24_000)
    assert len(parts[-1]) < 0.2 * len(b"".join(parts))


@pytest.mark.parametrize("container", CONTAINERS)
def test_any_size_of_piece(container: str) -> None:
    samples = chord(24_000, 0.5)
    sizes = [1, 0, 3, 1_000, 5, 7_000, 100_000]
    encoder, at, data = StreamEncoder(needs(container), 24_000), 0, b""
    for size in sizes:
        data += encoder.add(samples[at : at + size])
        at += size
    found = decoded(container, data + encoder.end(), 24_000)
    assert found.seconds == pytest.approx(0.5, abs=LEAD.get(container, 0.001))


@pytest.mark.parametrize("container", CONTAINERS)
def test_nothing_makes_no_sound(container: str) -> None:
    nothing = np.zeros(0, dtype=np.float32)
    encoder = StreamEncoder(needs(container), 24_000)
    data = encoder.add(nothing) + encoder.end()
    whole = encode(Audio(nothing, 24_000), container)
    assert max(len(data), len(whole)) < 4_000
    assert bool(data) == bool(whole) == (container in ("wav", "ogg", "opus"))


@pytest.mark.parametrize("container", CONTAINERS)
def test_one_sample(container: str) -> None:
    one = np.full(1, 0.5, dtype=np.float32)
    data = b"".join(streamed(needs(container), one, 24_000))
    assert decoded(container, data, 24_000).seconds < 0.2


def test_minutes_of_vorbis() -> None:
    """libsndfile overflows the stack on all of it at once."""
    audio = Audio(np.zeros(8_000 * 150, dtype=np.float32), 8_000)
    assert read(encode(audio, "ogg")).seconds == 150.0
    assert read(b"".join(streamed("ogg", audio.samples, 8_000, 8_000 * 150))).seconds == 150.0


def test_a_wav_states_its_length_if_it_is_known() -> None:
    audio = Audio(chord(16_000), 16_000)
    assert int.from_bytes(encode(audio, "wav")[40:44], "little") == 2 * len(audio.samples)
    file = BytesIO()
    audio.write(file, ".wav")
    assert encode(audio, "wav")[:44] == file.getvalue()[:44]


def test_an_open_wav_is_read_to_its_end() -> None:
    data = open_wav_header(16_000) + encode(Audio(chord(16_000), 16_000), "raw")
    assert len(open_wav_header(16_000)) == 44
    assert int.from_bytes(data[24:28], "little") == 16_000
    sound, rate = soundfile.read(BytesIO(data), dtype="float32")
    assert (len(sound), rate) == (24_000, 16_000)


@pytest.mark.parametrize("container", BIT_RATES)
@pytest.mark.parametrize("bit_rate", [32_000, 96_000])
def test_bit_rates(container: str, bit_rate: int) -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.1, 48_000 * 3).astype(np.float32)
    for rate in (24_000, 48_000):
        data = encode(Audio(noise[: 3 * rate], rate), needs(container), bit_rate=bit_rate)
        # FFmpeg's AAC encoder misses low rates on noise.
        assert len(data) * 8 / 3 == pytest.approx(bit_rate, rel=0.35)


@pytest.mark.parametrize("container", BIT_RATES)
def test_bit_rates_are_brought_into_the_range_of_the_sample_rate(container: str) -> None:
    for rate in (8_000, 24_000, 48_000):
        for bit_rate in (1, 10_000_000):
            data = encode(Audio(chord(rate), rate), needs(container), bit_rate=bit_rate)
            assert decoded(container, data, rate).seconds >= 1.5


def test_wrong_settings_are_named() -> None:
    audio = Audio(chord(8_000, 0.1), 8_000)
    with pytest.raises(AudioError, match="wav, raw, flac, ogg, opus, mp3, aac"):
        encode(audio, "wma")
    with pytest.raises(AudioError, match="WAV"):
        StreamEncoder("WAV", 8_000)
    for container in ("wav", "raw", "flac", "ogg"):
        with pytest.raises(ConfigError, match="no bit rate"):
            encode(audio, container, bit_rate=64_000)
    with pytest.raises(ConfigError, match="positive"):
        StreamEncoder("mp3", 8_000, bit_rate=0)


def test_without_pyav_only_aac_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    audio = Audio(chord(16_000, 0.3), 16_000)
    with pytest.raises(MissingExtraError, match=r"myna\[media\]"):
        encode(audio, "aac")
    with pytest.raises(MissingExtraError, match=r"myna\[media\]"):
        StreamEncoder("aac", 16_000)
    for container in CONTAINERS:
        if container != "aac":
            assert encode(audio, container)


def test_media_types() -> None:
    assert {name: kind.media_type for name, kind in CONTAINERS.items()} == {
        "wav": "audio/wav",
        "raw": "audio/raw",
        "flac": "audio/flac",
        "ogg": "audio/ogg",
        "opus": "audio/ogg; codecs=opus",
        "mp3": "audio/mpeg",
        "aac": "audio/aac",
    }
    assert CONTAINERS["opus"].rate(22_050) == 24_000
    assert CONTAINERS["opus"].rate(32_000) == 48_000
    assert CONTAINERS["opus"].rate(96_000) == 48_000
    assert CONTAINERS["wav"].rate(12_345) == 12_345
