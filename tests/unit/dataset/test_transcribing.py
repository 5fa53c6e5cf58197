"""Transcribers behind one protocol, and the guard against words that nobody said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import toy
from myna.dataset import transcribing
from myna.dataset.manifest import Clip
from myna.dataset.transcribing import Belief, Transcript, doubt, open_transcriber, transcribed
from myna.datatypes import Audio
from myna.errors import ConfigError, EngineError, MissingExtraError, ModelNotFoundError

SILENCE = Audio(np.zeros(32_000, dtype=np.float32), 16_000)


@dataclass
class Fake:
    found: Transcript
    name: str = "fake"
    asked: int = 0

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        self.asked += 1
        return self.found


def clip(**facts: Any) -> Clip:
    return Clip(id="one", source="one.wav", end=4.0, **facts)


def heard(text: str, confidence: float | None = None, language: str = "en") -> Transcript:
    return Transcript(text=text, language=language, confidence=confidence)


class TestBelief:
    def test_words_confidence_and_language_are_kept(self) -> None:
        found = transcribed(clip(), toy.clip(), Fake(heard("Good morning.", 0.9)))
        assert (found.text, found.language, found.confidence) == ("Good morning.", "en", 0.9)
        assert found.text_from == "fake"
        assert found.kept

    def test_nobody_is_asked_about_silence(self) -> None:
        fake = Fake(heard("Thank you for watching."))
        found = transcribed(clip(), SILENCE, fake)
        assert found.dropped == "silence"
        assert "0.00 s of 2.00 s" in found.reason
        assert fake.asked == 0

    def test_no_words(self) -> None:
        assert transcribed(clip(), toy.clip(), Fake(heard("... !"))).dropped == "no words"

    @pytest.mark.parametrize(
        ("found", "reason"),
        [
            (heard("I think so, I think so, I think so, I think so."), "4 times in a row"),
            (heard("谢谢观看谢谢观看谢谢观看谢谢观看", language="zh"), "4 times in a row"),
            (heard("you " * 9), "9 times in a row"),
            (
                heard(" ".join(f"a{n % 7} b so so it is what it is" for n in range(40))),
                "compresses",
            ),
            (
                heard(
                    "nobody could ever say all these many words in so short a time as one breath"
                ),
                "more",
            ),
            (
                heard("今天天气很好我们一起出去玩吧因为明天就要下雨了所以现在出发", language="zh"),
                "more",
            ),
            (heard("Perhaps.", 0.2), "confidence of 0.20"),
        ],
    )
    def test_what_is_not_believed(self, found: Transcript, reason: str) -> None:
        assert reason in doubt(found, 1.8)

    @pytest.mark.parametrize(
        "found",
        [
            heard("No, no, no, I did not say so.", 0.5),
            heard("Author of the danger trail, Philip Steels, et cetera."),
            heard("你好你好，很高兴见到你。", language="zh"),
        ],
    )
    def test_what_is(self, found: Transcript) -> None:
        assert doubt(found, 3.0) == ""

    def test_dropped_clips_keep_what_was_heard(self) -> None:
        found = transcribed(clip(), toy.clip(), Fake(heard("so " * 12)))
        assert found.dropped == "unsure words"
        assert "fake heard 'so so so" in found.reason
        assert found.text.startswith("so")

    def test_limits_are_checked(self) -> None:
        with pytest.raises(ConfigError, match="least_confidence is 2"):
            Belief(least_confidence=2)


class TestOpening:
    def test_unknown(self) -> None:
        with pytest.raises(ConfigError, match="moonshine, faster-whisper, funasr"):
            open_transcriber("parrot")

    @pytest.mark.parametrize(
        "options", [{"device": "tpu"}, {"punctuation": "x"}, {"device": "cuda"}, {"model": "x"}]
    )
    def test_options_it_does_not_take(self, options: dict[str, str]) -> None:
        with pytest.raises(ConfigError):
            open_transcriber("moonshine", **options)

    @pytest.mark.parametrize("name", ["faster-whisper", "funasr"])
    def test_a_missing_package_is_named(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, name.replace("-", "_"), None)
        with pytest.raises(MissingExtraError, match=rf"myna\[{name}\]"):
            open_transcriber(name, model="x")


class TestFasterWhisper:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        class Model:
            def __init__(self, model: str, **options: Any) -> None:
                if model == "nowhere":
                    raise ValueError("Invalid model size")
                asked.update(options, model=model)

            def transcribe(self, samples: Any, **options: Any) -> Any:
                asked.update(options, samples=samples)
                segments = [
                    segment(" Good", 0.0, 3.0, -0.1, 0.0),
                    segment(" morning.", 3.0, 4.0, -0.5, 0.9),
                    segment(" Thanks for watching!", 4.0, 5.0, -1.4, 0.9),
                ]
                return iter(segments), SimpleNamespace(language="en", language_probability=0.9)

        fake_module(monkeypatch, "faster_whisper", WhisperModel=Model)
        return asked

    def test_segments_become_one_text(self, asked: dict[str, Any]) -> None:
        found = open_transcriber("faster-whisper", model="small").transcribe(toy.clip(), "")
        assert found.text == "Good morning."  # the last segment is silence
        assert found.language == "en"
        assert found.confidence == pytest.approx(np.exp((3 * -0.1 + 1 * -0.5) / 4))
        assert asked["local_files_only"] is True
        assert asked["language"] is None
        assert len(asked["samples"]) == 4.5 * 16_000

    def test_no_model(self, asked: dict[str, Any]) -> None:
        with pytest.raises(ModelNotFoundError, match=r"download_model\('nowhere'\)"):
            open_transcriber("faster-whisper", model="nowhere")
        with pytest.raises(ConfigError, match="needs `model`"):
            open_transcriber("faster-whisper")


class TestFunAsr:
    @pytest.fixture
    def answer(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        answer: dict[str, Any] = {}

        class Model:
            def __init__(self, **options: Any) -> None:
                answer.update(options)

            def generate(self, **options: Any) -> Any:
                answer.update(options)
                if answer["text"] is None:
                    raise RuntimeError("out of memory")
                return [{"key": "x", "text": answer["text"]}]

        fake_module(monkeypatch, "funasr", AutoModel=Model)
        return answer

    @pytest.mark.parametrize(
        ("raw", "text", "language"),
        [
            ("<|yue|><|NEUTRAL|><|Speech|><|withitn|>今日好好天。", "今日好好天。", "yue"),
            ("今 天 天 气 很 好 and so on", "今天天气很好 and so on", "zh"),
            ("<|nospeech|><|EMO_UNKNOWN|><|Event_UNK|><|withitn|>。", "", "zh"),
        ],
    )
    def test_tags_and_spaces_go(
        self, answer: dict[str, Any], tmp_path: Path, raw: str, text: str, language: str
    ) -> None:
        answer["text"] = raw
        found = open_transcriber("funasr", model=tmp_path).transcribe(toy.clip(), "")
        assert (found.text, found.language, found.confidence) == (text, language, None)
        assert answer["model"] == str(tmp_path)
        assert answer["language"] == "auto"
        assert "punc_model" not in answer

    def test_only_models_on_this_machine(self, answer: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(ModelNotFoundError, match="`model`"):
            open_transcriber("funasr", model="iic/SenseVoiceSmall")
        with pytest.raises(ModelNotFoundError, match="`punctuation`"):
            open_transcriber("funasr", model=tmp_path, punctuation="ct-punc")

    def test_failures_are_ours(self, answer: dict[str, Any], tmp_path: Path) -> None:
        answer["text"] = None
        with pytest.raises(EngineError, match="out of memory"):
            open_transcriber("funasr", model=tmp_path).transcribe(toy.clip(), "zh")


def test_moonshine_hears_english() -> None:
    """The speech is in the package; its first words are well known."""
    package = pytest.importorskip("moonshine_voice")
    from myna.audio.recordings import read

    speech = read(Path(package.__file__).parent / "assets" / "beckett.wav")
    transcriber = open_transcriber("moonshine")
    part = Audio(speech.samples[: 4 * speech.rate], speech.rate)
    assert "ever tried. ever failed." in transcriber.transcribe(part, "en").text.lower()
    with pytest.raises(ConfigError, match="hears English"):
        transcriber.transcribe(part, "zh")
    # It invents words in silence, which is why silence never reaches it.
    assert transcribed(clip(), SILENCE, transcriber).dropped == "silence"


def segment(text: str, start: float, end: float, sure: float, silent: float) -> Any:
    return SimpleNamespace(text=text, start=start, end=end, avg_logprob=sure, no_speech_prob=silent)


def fake_module(monkeypatch: pytest.MonkeyPatch, name: str, **names: Any) -> None:
    module = ModuleType(name)
    vars(module).update(names)
    monkeypatch.setitem(__import__("sys").modules, name, module)


def test_every_name_is_documented() -> None:
    assert set(transcribing.TRANSCRIBERS) == {"moonshine", "faster-whisper", "funasr"}
