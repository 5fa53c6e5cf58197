"""Steps by themselves: denoising, judging, wording, voices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.audio.quality import QualityLimits, measure
from myna.audio.recordings import encode
from myna.dataset.manifest import Clip
from myna.dataset.running import Place, Runner, Step
from myna.dataset.speaker_encoders import Likeness
from myna.dataset.steps import voices, wording
from myna.dataset.steps.denoising import DENOISED, Denoise
from myna.dataset.steps.measuring import Judge, Measure
from myna.dataset.transcribing import Transcript
from myna.datatypes import Audio
from myna.errors import AudioError

LIMITS = QualityLimits(too_narrow_hz=1000.0)
"""Toy clips end at 4 kHz."""


def placed(folder: Path, audio: Audio, **facts: object) -> Clip:
    name = Place(folder, "test").keep(encode(audio, "flac"))
    clip = Clip(id=name, source=f"{name}.wav", audio=name, rate=audio.rate, end=audio.seconds)
    return replace(clip, **facts)  # type: ignore[arg-type]


def run(folder: Path, step: Step, *clips: Clip) -> tuple[Clip, ...]:
    with Runner(folder) as runner:
        return runner.run(step, clips)


def noisy(decibels: float) -> Audio:
    speech = toy.clip(4.0)
    noise = np.random.default_rng(0).normal(size=len(speech.samples))
    level = np.sqrt(np.mean(speech.samples[4000:-4000] ** 2)) * 10 ** (-decibels / 20)
    return Audio((speech.samples + noise * level).astype(np.float32), speech.rate)


@pytest.mark.parametrize(
    ("when", "decibels", "denoised"),
    [("auto", 12, True), ("auto", 40, False), ("never", 12, False), ("always", 40, True)],
)
def test_noise_is_taken_away_when_asked(
    tmp_path: Path, when: str, decibels: float, denoised: bool
) -> None:
    (clip,) = run(tmp_path, Measure(limits=LIMITS), placed(tmp_path, noisy(decibels)))
    (made,) = run(tmp_path, Denoise(when=when, noisy=20.0), clip)
    assert (made.audio != clip.audio) == denoised
    assert any("noise taken away" in each for each in made.done) == denoised
    (judged,) = run(tmp_path, Judge(limits=LIMITS), made)
    assert judged.kept
    assert judged.quality["snr_db"] == pytest.approx(decibels, abs=4.0)
    if denoised:
        assert judged.quality[DENOISED] > judged.quality["snr_db"] + 3
    assert any("louder than its noise" in each for each in judged.warnings) == (decibels < 20)


def test_what_was_too_noisy_is_dropped_though_denoised(tmp_path: Path) -> None:
    (clip,) = run(tmp_path, Measure(limits=LIMITS), placed(tmp_path, noisy(4)))
    (clip,) = run(tmp_path, Denoise(when="always", noisy=20.0), clip)
    (clip,) = run(tmp_path, Judge(limits=LIMITS), clip)
    assert clip.dropped == "noise"


def test_a_clip_of_its_own_may_be_clipped(tmp_path: Path) -> None:
    good = toy.clip(4.0)
    bad = Audio(np.clip(good.samples * 5, -0.5, 0.5), good.rate)
    quality = measure(good).as_dict()
    kept, dropped = run(
        tmp_path,
        Judge(limits=LIMITS),
        placed(tmp_path, good, quality=quality),
        placed(tmp_path, bad, quality=quality),
    )
    assert kept.kept
    assert dropped.dropped == "clipping"


class Parrot:
    name = "moonshine"

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        return Transcript(text="Good morning to you, dear people.", language="en", confidence=0.9)


def test_words_given_heard_and_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_opened", lambda *_: Parrot())
    heard = {"transcriber": "moonshine", "model": "", "device": "auto"}
    texts = ("", "Good morning to you, dear people!", "Nobody expects these other words here.")
    clips = [
        placed(tmp_path, toy.clip(3.0, seed=index), text=text, text_from="x.list" * bool(text))
        for index, text in enumerate(texts)
    ]
    clips = list(run(tmp_path, wording.Transcribe(**heard), *clips))
    assert [clip.text_from for clip in clips] == ["moonshine", "x.list", "x.list"]
    assert clips[0].text == texts[1].replace("!", ".")
    found, given, wrong = run(tmp_path, wording.CheckWords(**heard), *clips)
    assert found.kept
    assert "word_error" not in found.quality
    assert given.kept
    assert given.quality["word_error"] == 0.0
    assert wrong.dropped == "wrong text"


class Ears:
    """Hears the speaker in the first sample."""

    name = "ears"
    likeness = Likeness(clip=0.5, halves=0.5, half=0.5, means=0.5)

    def __init__(self) -> None:
        self.heard = 0

    def vector(self, audio: Audio) -> np.ndarray:
        self.heard += 1
        if audio.samples[0] > 0.9:
            raise AudioError("There is no speech.")
        vector = np.zeros(3, np.float32)
        vector[0 if audio.samples[0] < 0.5 else 1] = 1.0
        return vector


def marked(values: Sequence[float]) -> list[Audio]:
    quiet = np.random.default_rng(0).normal(size=(len(values), 16_000)) * 0.01
    quiet[:, 0] = values
    return [Audio(row.astype(np.float32), 16_000) for row in quiet]


def test_other_speakers_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears()
    monkeypatch.setattr(voices, "_opened", lambda _: ears)
    audios = marked([0.1, 0.1, 0.1, 0.8, 0.1, 0.1, 0.95])
    clips = [placed(tmp_path, audio, speaker="anna") for audio in audios]
    clips = list(run(tmp_path, voices.Listen(encoder="ears"), *clips))
    assert [bool(clip.warnings) for clip in clips] == [False] * 6 + [True]
    ears.heard = 0
    found = run(tmp_path, voices.Voices(encoder="ears"), *clips)
    assert ears.heard == 1  # what nobody could hear; the others are on disk
    assert [clip.dropped for clip in found] == ["", "", "", "another speaker", "", "", ""]


def test_nobody_listens_if_nobody_is_asked(tmp_path: Path) -> None:
    clip = placed(tmp_path, toy.clip(1.0), text="Hello.")
    for step in (voices.Listen(encoder="none"), voices.Voices(encoder="none")):
        assert run(tmp_path, step, clip) == (clip,)
    assert voices.available("none") == "none"
