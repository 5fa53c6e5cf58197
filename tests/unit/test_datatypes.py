"""Values refuse what they cannot hold; files of sound and of voices are whole or not there."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save_file

from myna.datatypes import Audio, Delivery, Prompt, Sampling, Voice
from myna.errors import AudioError, ConfigError, VoiceError

SOUND = Audio(np.sin(np.arange(16_000) / 20).astype(np.float32) * 0.5, 16_000)

VOICE = Voice(
    name="Änna 你好",
    family="v2",
    model="f" * 64,
    timbre=np.linspace(-1, 1, 8, dtype=np.float32),
    prompt=Prompt(
        text="Hello.",
        language="en",
        phones=np.arange(5),
        tokens=np.arange(7),
        text_features=np.ones((5, 3), dtype=np.float32),
    ),
    licence="CC0-1.0",
    consent="Mine.",
    details={"references": [{"start": 0.5, "warnings": ["noisy"]}]},
)

RANGES = [
    (Sampling, "temperature", 1e-5, 2.0),
    (Sampling, "top_k", 1, 10_000),
    (Sampling, "top_p", 0.0, 1.0),
    (Sampling, "repetition_penalty", 0.5, 2.0),
    (Sampling, "context", 0, 8),
    (Sampling, "longest_seconds", 0.5, 60.0),
    (Sampling, "seed", 0, 2**63 - 1),
    (Delivery, "speed", 0.5, 2.0),
    (Delivery, "pause", 0.0, 10.0),
    (Delivery, "noise_scale", 0.0, 1.0),
    (Delivery, "rate", 8_000, 96_000),
]


class TestSettings:
    @pytest.mark.parametrize(("kind", "name", "low", "high"), RANGES)
    def test_range(self, kind: Any, name: str, low: float, high: float) -> None:
        for value in (low, high):
            assert getattr(kind(**{name: value}), name) == value
        # to the next number beyond; a seed beyond its range is no double any more
        step = 1 if isinstance(low, int) else 1e-6
        for value in (low - step, high + step, float("nan"), "1", True, [1]):
            with pytest.raises(ConfigError, match=name) as caught:
                kind(**{name: value})
            if value in (low - step, high + step):
                assert f"from {low:g} to {high:g}" in str(caught.value)

    def test_every_setting_has_a_range(self) -> None:
        named = {(kind, name) for kind, name, _, _ in RANGES}
        assert named == {
            (kind, each.name) for kind in (Sampling, Delivery) for each in fields(kind)
        }

    @pytest.mark.parametrize(
        ("kind", "name"), [(Sampling, "top_k"), (Sampling, "seed"), (Delivery, "rate")]
    )
    def test_counts_are_whole(self, kind: Any, name: str) -> None:
        with pytest.raises(ConfigError, match="whole number"):
            kind(**{name: 10_000.0})

    def test_greedy_is_told_how(self) -> None:
        with pytest.raises(ConfigError, match="top_k=1"):
            Sampling(temperature=0)


class TestAudio:
    def test_is_mono(self) -> None:
        with pytest.raises(AudioError, match="mono"):
            Audio(np.zeros((2, 3), dtype=np.float32), 16_000)

    @pytest.mark.parametrize("kind", ["int16", "float64"])
    def test_is_of_one_kind(self, kind: str) -> None:
        with pytest.raises(AudioError, match=f"float32 samples.*not {kind}"):
            Audio(np.zeros(3, dtype=kind), 16_000)

    @pytest.mark.parametrize(("ending", "near"), [(".wav", 1e-4), (".FLAC", 1e-4), (".ogg", 0.1)])
    def test_round_trip(self, tmp_path: Path, ending: str, near: float) -> None:
        SOUND.save(tmp_path / f"a{ending}")
        samples, rate = soundfile.read(tmp_path / f"a{ending}", dtype="float32")
        assert rate == SOUND.rate
        np.testing.assert_allclose(samples, SOUND.samples, atol=near)

    def test_clips_and_does_not_wrap(self, tmp_path: Path) -> None:
        Audio(np.array([2.0, -2.0], dtype=np.float32), 8_000).save(tmp_path / "a.wav")
        samples, _ = soundfile.read(tmp_path / "a.wav")
        np.testing.assert_allclose(samples, [1, -1], atol=1e-4)

    @pytest.mark.parametrize("name", ["a.mp3", "a", "a.wav.txt"])
    def test_another_ending_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(AudioError, match=re.escape(".wav, .flac, .ogg")):
            SOUND.save(tmp_path / name)

    def test_missing_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(AudioError, match="does not exist"):
            SOUND.save(tmp_path / "no" / "a.wav")
        assert not (tmp_path / "no").exists()

    @pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg"])
    def test_a_full_disk_is_an_os_error_and_leaves_nothing_new(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
    ) -> None:
        target = tmp_path / f"a{ending}"
        target.write_bytes(b"old")
        _fill_disk(monkeypatch)
        with pytest.raises(OSError, match="No space left"):
            SOUND.save(target)
        assert target.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [target]


class TestVoice:
    @pytest.mark.parametrize(
        "voice",
        [
            VOICE,
            replace(VOICE, prompt=None, details={}),
            replace(VOICE, prompt=replace(VOICE.prompt, text_features=None)),
        ],
    )
    def test_round_trip(self, tmp_path: Path, voice: Voice) -> None:
        voice.save(tmp_path / "a.voice")
        again = Voice.load(tmp_path / "a.voice")
        assert _plain(again) == _plain(voice)

    def test_the_same_voice_is_the_same_bytes(self, tmp_path: Path) -> None:
        VOICE.save(tmp_path / "a.voice")
        first = (tmp_path / "a.voice").read_bytes()
        VOICE.save(tmp_path / "a.voice")
        assert (tmp_path / "a.voice").read_bytes() == first

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(VoiceError, match="no voice file"):
            Voice.load(tmp_path / "a.voice")
        with pytest.raises(VoiceError, match="no voice file"):
            Voice.load(tmp_path)

    def test_missing_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(VoiceError, match="does not exist"):
            VOICE.save(tmp_path / "no" / "a.voice")

    def test_full_disk_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _fill_disk(monkeypatch)
        with pytest.raises(OSError, match="No space left"):
            VOICE.save(tmp_path / "a.voice")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("content", [b"", b"RIFF", b"{}", bytes(100), b"\x80\x04K\x01."])
    def test_other_files_are_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.voice").write_bytes(content)
        with pytest.raises(VoiceError, match=r"a\.voice is no voice file"):
            Voice.load(tmp_path / "a.voice")

    def test_facts_nested_without_end_are_refused(self, tmp_path: Path) -> None:
        facts = {"myna.voice": "[" * 100_000}
        save_file({"timbre": VOICE.timbre}, tmp_path / "a.voice", metadata=facts)
        with pytest.raises(VoiceError, match="damaged"):
            Voice.load(tmp_path / "a.voice")

    def test_cut_short_anywhere_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.voice"
        VOICE.save(path)
        whole = path.read_bytes()
        for length in range(0, len(whole), 37):
            path.write_bytes(whole[:length])
            with pytest.raises(VoiceError):
                Voice.load(path)

    @pytest.mark.parametrize(
        "header", ["[]", '"x"', "3", "null", "{", "{}", '{"format": 1}', '{"format": 1, "x": 2}']
    )
    def test_headers_of_other_shapes_are_refused(self, tmp_path: Path, header: str) -> None:
        save_file(
            {"timbre": np.zeros(3, dtype=np.float32)},
            tmp_path / "a.voice",
            metadata={"myna.voice": header},
        )
        with pytest.raises(VoiceError, match="no voice file"):
            Voice.load(tmp_path / "a.voice")

    @pytest.mark.parametrize(
        "change",
        [
            {"name": 3},
            {"family": ["v2"]},
            {"details": "none"},
            {"timbre": np.zeros((2, 4), dtype=np.float32)},
            {"timbre": np.full(8, np.nan, dtype=np.float32)},
            {"timbre": np.zeros(8)},
            {"phones": np.zeros((5, 1), dtype=np.int64)},
            {"phones": np.zeros(5, dtype=np.float32)},
            {"phones": np.arange(6)},
            {"tokens": np.array([-1])},
            {"tokens": np.zeros(3, dtype=np.int32)},
            {"text_features": np.zeros(5, dtype=np.float32)},
            {"text_features": np.full((5, 3), np.inf, dtype=np.float32)},
        ],
        ids=str,
    )
    def test_values_of_other_kinds_are_refused(
        self, tmp_path: Path, change: dict[str, Any]
    ) -> None:
        facts = {"name": "a", "family": "v2", "model": "f", "details": {}}
        prompt = VOICE.prompt
        assert prompt is not None
        tensors = {name: getattr(prompt, name) for name in ("phones", "tokens", "text_features")}
        (name,) = change
        (tensors if name in tensors else facts).update(change)
        timbre = facts.pop("timbre", VOICE.timbre)
        header = {"format": 1, **facts, "prompt": {"text": "a", "language": "en"}}
        save_file(
            {"timbre": timbre, **{f"prompt.{name}": value for name, value in tensors.items()}},
            tmp_path / "a.voice",
            metadata={"myna.voice": json.dumps(header)},
        )
        with pytest.raises(VoiceError, match="damaged"):
            Voice.load(tmp_path / "a.voice")

    def test_newer_layout_is_told(self, tmp_path: Path) -> None:
        header = {"myna.voice": json.dumps({"format": 2})}
        save_file({"timbre": VOICE.timbre}, tmp_path / "a.voice", metadata=header)
        with pytest.raises(VoiceError, match="newer Myna"):
            Voice.load(tmp_path / "a.voice")


def _plain(voice: Voice) -> dict[str, Any]:
    facts = {each.name: getattr(voice, each.name) for each in fields(voice)}
    facts["timbre"] = (voice.timbre.dtype, voice.timbre.tolist())
    if voice.prompt is not None:
        said = {each.name: getattr(voice.prompt, each.name) for each in fields(voice.prompt)}
        facts["prompt"] = {
            name: (value.dtype, value.tolist()) if isinstance(value, np.ndarray) else value
            for name, value in said.items()
        }
    return facts


def _fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the first write writes a part and fails."""

    def write(path: Path, data: bytes) -> int:
        with path.open("wb") as stream:
            stream.write(bytes(data)[:10])
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", write)
