"""Folders that the published programs prepared become the same examples as our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import toy
from myna import text
from myna.audio.preparation import training_pcm
from myna.checkpoints.legacy import read_tensor
from myna.dataset.feature_set import FeatureSet
from myna.dataset.old_features import SPEAKERS, TEXT_FEATURES, TEXTS, TOKENS, WAVES, old_features
from myna.errors import CheckpointError, DatasetError

torch = pytest.importorskip("torch")

SPEC = toy.FAMILY_ROWS["toyPro"]
PHONES = text.direct("Birds repeat what they hear.", language="en").symbols
CODES = [n * 7 % 60 for n in range(60)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    import soundfile

    folder = tmp_path / "exp"
    for name in (TEXT_FEATURES, WAVES, SPEAKERS):
        (folder / name).mkdir(parents=True)
    texts, tokens = [], ["item_name\tsemantic_audio"]
    generator = torch.Generator().manual_seed(1)
    for index, name in enumerate(("a.wav", "b.mp3", "c.wav")):
        with (folder / WAVES / name).open("wb") as stream:
            pcm = training_pcm(toy.clip(2.0, rate=32_000, seed=index))
            soundfile.write(stream, pcm, 32_000, format="WAV")
        vector = torch.rand(1, SPEC.decoder.speaker_vector, generator=generator)
        torch.save(vector, folder / SPEAKERS / f"{name}.pt")
        if index:
            features = torch.rand(24, len(PHONES), generator=generator).half()
            torch.save(features, folder / TEXT_FEATURES / f"{name}.pt")
        texts.append(f"{name}\t{' '.join(PHONES)}\tNone\tbirds repeat {index}.")
        tokens.append(f"{name}\t{' '.join(map(str, CODES))}")
    (folder / TEXTS).write_text("\n".join(texts) + "\n", encoding="utf-8")
    (folder / TOKENS).write_text("\n".join(tokens), encoding="utf-8")
    return folder


def opened(folder: Path) -> FeatureSet:
    return old_features(folder, folder.parent / "ours", SPEC, speaker="anna", language="en")


def test_examples(folder: Path) -> None:
    found = opened(folder)
    first, second, _ = found
    assert [row.clip.id for row in found.rows] == ["a.wav", "b.mp3", "c.wav"]
    assert found.rows[0].clip.seconds == pytest.approx(2.5)
    assert (first["text"], first["voice"], first["language"]) == ("birds repeat 0.", "anna", "en")
    np.testing.assert_array_equal(first["phones"], text.ids(PHONES, "v2"))
    np.testing.assert_array_equal(first["tokens"], CODES)
    np.testing.assert_array_equal(first["samples"], training_pcm(toy.clip(2.0, rate=32_000)))
    assert "text_features" not in first
    stored = torch.load(folder / TEXT_FEATURES / "b.mp3.pt", weights_only=True)
    np.testing.assert_array_equal(second["text_features"], stored.float().T)
    stored = torch.load(folder / SPEAKERS / "b.mp3.pt", weights_only=True)
    np.testing.assert_array_equal(second["speaker"], stored[0])


def test_a_second_run_finds_them_again(folder: Path) -> None:
    paths = [row.path for row in opened(folder).rows]
    times = [path.stat().st_mtime_ns for path in paths]
    again = opened(folder)
    assert [row.path for row in again.rows] == paths
    assert [path.stat().st_mtime_ns for path in paths] == times


def test_what_is_missing_or_damaged_is_dropped(folder: Path) -> None:
    (folder / WAVES / "a.wav").unlink()
    (folder / SPEAKERS / "b.mp3.pt").write_bytes(b"\x80nothing")
    torch.save(torch.ones(3, 4), folder / TEXT_FEATURES / "c.wav.pt")
    found = opened(folder)
    assert len(found) == 0
    reasons = [clip.reason for clip in found.dropped]
    assert "No such file" in reasons[0]
    assert "b.mp3.pt" in reasons[1]
    assert "(3, 4)" in reasons[2]


@pytest.mark.parametrize(
    ("table", "line", "reason"),
    [
        (TEXTS, "a.wav\tHH QQ\tNone\thi", "'QQ' is no phone of the family toyPro"),
        (TEXTS, "../../x\tHH\tNone\thi", "no name of a clip"),
        (TEXTS, "a.wav\tHH", "2 columns, not 4"),
        (TOKENS, "a.wav\t1 2 99999", "0 to 63"),
        (TOKENS, "a.wav\t1 two", "0 to 63"),
    ],
)
def test_damaged_tables(folder: Path, table: str, line: str, reason: str) -> None:
    with (folder / table).open("a", encoding="utf-8") as stream:
        stream.write(f"\n{line}\n")
    with pytest.raises(DatasetError, match=reason.replace("(", r"\(")):
        opened(folder)


def test_no_table(folder: Path) -> None:
    (folder / TOKENS).unlink()
    with pytest.raises(DatasetError, match="6-name2semantic"):
        opened(folder)


def test_only_tensors(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="no tensor, but a dict"):
        read_tensor(tmp_path / "x.pt")
    torch.save(torch.arange(6).reshape(2, 3), tmp_path / "y.pt")
    np.testing.assert_array_equal(read_tensor(tmp_path / "y.pt"), np.arange(6).reshape(2, 3))
