"""A published voice, from the files people own to a WAV file, through the commands people type.

Full size, synthetic weights, a real recording. What is said is noise; that every step takes what
the one before it left, and that the numbers are those of the engine, is the point.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import kit
import models
import numpy as np
import published
import pytest
import soundfile

import myna
from myna.apps.cli.main import main
from myna.specs import TOKENS_PER_SECOND

torch = pytest.importorskip("torch")
SPEECH = kit.KIT.parent / "speech" / "eval"
CLIP = SPEECH / "en" / "lj" / "LJ001-0004.flac"
pytestmark = [
    kit.needs_kit(),
    pytest.mark.slow,
    pytest.mark.skipif(not CLIP.is_file(), reason=f"there is no recording {CLIP}"),
]
FAMILY = "v2Pro"


def _half(manifest: str, prefix: str = "") -> dict[str, torch.Tensor]:
    return {
        prefix + name: torch.from_numpy(np.asarray(value)).half()
        for name, value in kit.state(manifest).items()
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Published files converted by command; the data folder in force."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYNA_HOME", str(folder / "home"))
        # "05" instead of "PK": what fine-tuning of this family writes over the first two bytes.
        decoder = {name: t for name, t in _half("s2_v2Pro").items() if not name.startswith("enc_q")}
        published.save_decoder(folder / "anna_e8_s96.pth", decoder, head="05")
        published.save_token_model(folder / "anna-e15.ckpt", _half("s1_v2", "model."))
        del decoder
        hubert = folder / "chinese-hubert-base"
        hubert.mkdir()
        torch.save(_half("hubert_base"), hubert / "pytorch_model.bin")
        torch.save(_half("eres2netv2"), folder / "eres2netv2.ckpt")
        assert main(["models", "convert", str(folder / "anna-e15.ckpt"),
                     str(folder / "anna_e8_s96.pth"), "-o", str(folder / "anna")]) == 0  # fmt: skip
        for source, name in ((hubert, "hubert-base"), (folder / "eres2netv2.ckpt", "eres2netv2")):
            out = folder / "home" / "models" / name
            assert main(["models", "convert", str(source), "-o", str(out)]) == 0
        models.encoder(folder / "home" / "models" / "roberta-large", "roberta-large")
        yield folder


@pytest.fixture(scope="module")
def voice(home: Path) -> Path:
    out = home / "anna.voice"
    text = (
        "produced the block books, which were the immediate predecessors of the true printed book,"
    )
    code = main(
        ["clone", str(CLIP), "--text", text, "--language", "en", "--model", str(home / "anna"),
         "-o", str(out), "--consent", "public domain", "--licence", "CC0"]
    )  # fmt: skip
    assert code == 0
    return out


def test_the_family_is_what_the_tensors_are(home: Path) -> None:
    card = json.loads((home / "anna" / "model.json").read_text(encoding="utf-8"))
    assert card["spec"] == FAMILY


def test_the_voice_is_understood(voice: Path) -> None:
    known = myna.Voice.load(voice)
    assert (known.family, known.licence, known.consent) == (FAMILY, "CC0", "public domain")
    assert known.timbre.shape == (1024,)
    assert known.prompt is not None
    (heard,) = known.details["references"]
    seconds = heard["end"] - heard["start"]
    # 0.6 s of silence are heard after the clip.
    assert abs(len(known.prompt.tokens) - (seconds + 0.6) * TOKENS_PER_SECOND) <= 2
    assert b"pickle" not in voice.read_bytes()[:4096]


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Nice to meet you. It is a fine day."), ("zh", "你好，今天天气很好。")],
)
def test_a_sentence_is_spoken(home: Path, voice: Path, language: str, text: str) -> None:
    out, report = home / f"{language}.wav", home / f"{language}.json"
    code = main(
        ["say", text, "--voice", str(voice), "--model", str(home / "anna"), "-o", str(out),
         "--language", language, "--seed", "7", "--longest-seconds", "2", "--report", str(report),
         "--quiet"]
    )  # fmt: skip
    assert code == 0
    samples, rate = soundfile.read(out, dtype="float32")
    sentences = json.loads(report.read_text(encoding="utf-8"))["sentences"]
    pauses = round((len(sentences) - 1) * 0.3 * rate)
    assert rate == 32_000
    assert len(samples) == sum(each["tokens"] for each in sentences) * 1280 + pauses
    assert all(11 <= each["tokens"] <= 2 * TOKENS_PER_SECOND for each in sentences)
    assert 0.001 < float(np.abs(samples).max()) <= 1.0
    again = myna.Myna.load(home / "anna").speak(
        text, voice, language=language, sampling=myna.Sampling(seed=7, longest_seconds=2)
    )
    np.testing.assert_allclose(again.audio.samples, samples, atol=1 / 32_000)
