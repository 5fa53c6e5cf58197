"""Clips of other people are found among a speaker's own, whatever encoder listens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import toy
from myna.dataset.manifest import Clip
from myna.dataset.speaker_encoders import Likeness, mel_bands, open_speaker_encoder, speech_of
from myna.dataset.speakers import Purity, check_speakers
from myna.datatypes import Audio
from myna.errors import AudioError, ConfigError, MissingExtraError

LIKENESS = Likeness(clip=0.75, halves=0.65, half=0.70, means=0.80)
RATE = 100


@dataclass
class Fake:
    """Hears the people whose numbers are the samples: each is an axis, with a little noise."""

    likeness: Likeness | None = LIKENESS
    name: str = "fake"

    def vector(self, audio: Audio) -> np.ndarray:
        people = np.floor(audio.samples).astype(int)
        if (people < 0).all():
            raise AudioError("It holds 0.00 s of speech.")
        counts = np.bincount(people, minlength=6).astype(np.float32)
        random = np.random.default_rng(int(1e6 * (audio.samples % 1).sum()))
        vector = counts / np.linalg.norm(counts) + random.normal(size=6) * 0.1
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def clips(*people: str, speaker: str = "anna") -> list[Clip]:
    """One for each text, such as `0` for one by the first person, or `01` for one by two."""
    return [
        Clip(id=f"{speaker}{index} {text}", source="a.wav", end=4.0, speaker=speaker)
        for index, text in enumerate(people)
    ]


def load(clip: Clip) -> Audio:
    people = clip.id.split()[1].replace("x", "-")
    parts = [int(people)] if people.startswith("-") else [int(each) for each in people]
    samples = np.repeat(parts, 400 // len(parts)).astype(np.float32)
    noise = sum(clip.id.encode()) % 97 / 97_000
    return Audio(samples + np.float32(noise), RATE)


def checked(made: Sequence[Clip], purity: Purity | None = None, **fake: Any) -> list[str]:
    return [clip.dropped for clip in check_speakers(made, load, Fake(**fake), purity)]


def test_one_person() -> None:
    made = clips(*"00000000")
    found = check_speakers(made, load, Fake())
    assert [clip.id for clip in found] == [clip.id for clip in made]
    assert all(clip.kept and not clip.warnings for clip in found)
    assert min(clip.quality["speaker_likeness"] for clip in found) > 0.85


@pytest.mark.parametrize("likeness", [LIKENESS, None])
def test_somebody_else_among_them(likeness: Likeness | None) -> None:
    made = [*clips(*"0000000100"), *clips(*"1111", speaker="bob")]
    found = check_speakers(made, load, Fake(likeness))
    assert [clip.id for clip in found if clip.dropped] == ["anna7 1"]
    assert found[7].dropped == "another speaker"
    assert "sounds like 'bob'" in found[7].reason
    assert "below 0." in found[7].reason


@pytest.mark.parametrize("likeness", [LIKENESS, None])
def test_two_people_under_one_name(likeness: Likeness | None) -> None:
    made = clips(*"000100110000")
    assert checked(made, likeness=likeness).count("another speaker") == 3
    found = check_speakers(made, load, Fake(likeness))
    assert "9 clips of one and 3 of the other" in found[3].reason
    assert "9 clips of one and 3 of the other" in found[0].warnings[0]


def test_the_second_may_get_a_name() -> None:
    found = check_speakers(clips(*"0001001100001"), load, Fake(), Purity(others="name"))
    assert all(clip.kept for clip in found)
    assert [clip.speaker for clip in found].count("anna-2") == 4
    assert "called anna-2 now" in found[3].warnings[0]


def test_two_people_in_one_clip() -> None:
    found = check_speakers(clips("0", "0", "0", "0", "01", "0", "0"), load, Fake())
    assert [clip.dropped for clip in found] == ["", "", "", "", "two speakers", "", ""]
    assert "one half with the speaker's other clips 0." in found[4].reason


def test_too_few_to_tell() -> None:
    found = check_speakers(clips(*"010"), load, Fake())
    assert all(clip.kept for clip in found)
    assert "too few to tell" in found[0].warnings[0]


def test_speechless_and_dropped_clips_are_left_alone() -> None:
    made = clips("0", "0", "0", "0", "x1", "1")
    made[5] = made[5].drop("noise", "It is noise.")
    seen: list[tuple[int, int]] = []
    found = check_speakers(made, load, Fake(), on_progress=lambda *at: seen.append(at))
    assert "Nobody knows who speaks" in found[4].warnings[0]
    assert found[4].kept
    assert found[5] == made[5]
    assert seen[-1] == (5, 5)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="drop, name"):
        Purity(others="shout")
    with pytest.raises(ConfigError, match="fewest is 1"):
        Purity(fewest=1)


class TestEncoders:
    def test_names(self) -> None:
        with pytest.raises(ConfigError, match="resemblyzer, family"):
            open_speaker_encoder("ears")
        with pytest.raises(ConfigError, match="only for families"):
            open_speaker_encoder("family")

    def test_a_missing_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("torch")
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match="Resemblyzer"):
            open_speaker_encoder("resemblyzer")

    def test_the_encoder_of_a_family(self, toy_home: Any) -> None:
        pytest.importorskip("torch")
        from myna.checkpoints.store import open_model
        from myna.engines import load_engine

        engine = load_engine(open_model("toyPro"), device="cpu")
        encoder = open_speaker_encoder("family", engine=engine)
        vector = encoder.vector(toy.clip())
        assert encoder.name == "toy-eres2net"
        assert vector.shape == (engine.spec.decoder.speaker_vector,)
        assert np.linalg.norm(vector) == pytest.approx(1)
        plain = load_engine(open_model("toy"), device="cpu")
        with pytest.raises(ConfigError, match="use resemblyzer"):
            open_speaker_encoder("family", engine=plain)

    def test_the_network_of_resemblyzer(self) -> None:
        pytest.importorskip("torch")
        try:
            encoder = open_speaker_encoder("resemblyzer")
        except MissingExtraError:
            pytest.skip("Resemblyzer is not installed")
        sound = toy.clip(3.0)
        vector = encoder.vector(sound)
        assert vector.shape == (256,)
        assert vector.min() >= 0
        assert np.linalg.norm(vector) == pytest.approx(1)
        quiet, quieter = (
            encoder.vector(Audio(sound.samples * np.float32(gain), sound.rate))
            for gain in (0.04, 0.02)
        )
        assert quiet @ quieter > 0.999  # both are brought to one level
        with pytest.raises(AudioError, match=r"at least 0\.5 s"):
            encoder.vector(Audio(np.zeros(16_000, dtype=np.float32), 16_000))

    def test_pauses_are_left_out(self) -> None:
        sound = toy.clip(3.0, rate=22_050)
        quiet = np.zeros(22_050, dtype=np.float32)
        longer = Audio(np.concatenate([sound.samples, quiet, sound.samples]), 22_050)
        assert speech_of(longer).rate == 16_000
        assert speech_of(longer).seconds == pytest.approx(2 * speech_of(sound).seconds, abs=0.1)

    def test_bands_tell_tones_by_height(self) -> None:
        time = np.arange(16_000) / 16_000
        peaks = [
            int(mel_bands(np.sin(2 * np.pi * hertz * time))[50].argmax())
            for hertz in (100, 500, 1000, 4000, 7800)
        ]
        assert peaks == sorted(peaks)
        assert (peaks[0], peaks[-1]) == (0, 39)
        # 1 kHz lies at 15 on a scale that goes to 45.245, which 41 steps divide
        assert peaks[2] == round(15 / (45.245 / 41)) - 1
