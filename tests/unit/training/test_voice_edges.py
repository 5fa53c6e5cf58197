"""Runs of a voice at their edges: little to go by, odd settings, other runs beside them."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toy
from myna.apps.cli import train as command
from myna.checkpoints import store
from myna.checkpoints.store import ModelFolder
from myna.dataset.features import features
from myna.dataset.manifest import Clip, read, write
from myna.dataset.prepare import PreparedSet
from myna.datatypes import Audio
from myna.engines.torch_engine import TorchEngine
from myna.errors import AudioError, CheckpointError, ConfigError, EngineError, TrainingError
from myna.files import locked
from myna.training import delivering, fresh, judging, learning, logs, recipes, scratch, state, voice
from myna.training.judging import Judges
from myna.training.recipes import Recipe
from myna.training.voice import train_voice

SMALL = [
    "token_model.loop.steps=2",
    "token_model.loop.evaluate_every=1",
    "decoder.loop.steps=2",
    "decoder.loop.evaluate_every=1",
    "decoder.loop.most_rows=1",
    "decoder.learning.adversarial=false",
    "decoder.learning.slice_frames=8",
]
WORDS = ("Good morning to you.", "Birds repeat what they hear.", "So does this one here.")


class Words:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, text: str) -> None:
        self.said.append(text)


def made_set(folder: Path, words: tuple[str, ...] = WORDS, seconds: float = 3.0) -> PreparedSet:
    """A prepared set of one speaker, all clips of one length."""
    (folder / "clips").mkdir(parents=True)
    clips = []
    for index, text in enumerate(words):
        audio = toy.clip(seconds, seed=index, rate=32_000)
        clip = Clip(
            id=f"{index:012x}",
            source=f"{index}.wav",
            audio=f"clips/{index:012x}.flac",
            end=audio.seconds,
            rate=audio.rate,
            speaker="anna",
            language="en",
            text=text,
        )
        audio.save(folder / clip.audio)
        clips.append(clip)
    return PreparedSet(folder=folder, clips=tuple(clips), dropped=())


@pytest.fixture
def base(toy_home: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFolder:
    """A toy model that can be trained; nobody judges or draws it."""
    monkeypatch.setattr(delivering, "open_judges", lambda: Judges(None, None))
    monkeypatch.setattr(voice, "plot", lambda _run, out: out.write_bytes(b""))
    return fresh.fresh("toy", toy_home / "models" / "base", [])


def _recipe(*more: str) -> Recipe:
    return recipes.read("voice", [*SMALL, *more])


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (WORDS[:1], ()),
        (WORDS[:1] * 2, ()),
        (WORDS, ("decoder.loop.evaluate_every=0",)),
        (WORDS, ("decoder.loop.evaluate_every=0", "token_model.loop.optimiser.rate=0.3")),
    ],
    ids=["one clip", "one sentence", "one net unevaluated", "best of one net"],
)
def test_what_nothing_can_be_measured_of_is_delivered_all_the_same(
    base: ModelFolder, tmp_path: Path, words: tuple[str, ...], more: tuple[str, ...]
) -> None:
    prepared = made_set(tmp_path / "set", words)
    recipe = _recipe("token_model.loop.steps=4", *more)
    made = train_voice(prepared, base, tmp_path / "run", recipe, Words(), name="anna")
    assert made is not None
    assert store.open_model("anna").fingerprint == made.model.fingerprint


def test_a_held_out_loss_that_is_no_number_loses(tmp_path: Path) -> None:
    tmp_path.joinpath(logs.LOG).write_text(
        '{"kind": "held_out", "step": 1, "losses": {"loss": 2.0}}\n'
        '{"kind": "held_out", "step": 2, "losses": {"loss": null}}\n'
    )
    loss = delivering._held_out_loss(tmp_path, "last")
    assert loss is not None
    assert math.isnan(loss)
    assert math.isnan(delivering._geometric_mean([1.0, loss]))
    assert math.isclose(delivering._geometric_mean([2.0, 8.0]), 4.0)


def test_a_candidate_that_cannot_speak_is_left_out(
    base: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, unable = judging.judge, {"last"}

    def failing(model: ModelFolder, *inputs: object, **options: object) -> object:
        if model.name in unable:
            raise EngineError("The token model returned values that are no numbers.")
        return judge(model, *inputs, **options)  # type: ignore[arg-type]

    def two(*_: object) -> dict[str, ModelFolder]:
        return {which: replace(base, name=which) for which in ("best", "last")}

    monkeypatch.setattr(delivering, "judge", failing)
    monkeypatch.setattr(delivering, "_candidates", two)
    prepared = made_set(tmp_path / "set")
    made = train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna")
    assert made is not None
    assert made.choice.best.name == "best"
    unable.add("best")
    with pytest.raises(TrainingError, match="What was trained cannot speak"):
        train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna")


def test_who_says_nothing_is_like_nobody() -> None:
    class Strict:
        name, likeness = "strict", None

        def vector(self, audio: Audio) -> np.ndarray:
            if audio.seconds < 1:
                raise AudioError("Too little speech.")
            return np.array([1.0, 0.0], np.float32)

    short, long = Audio(np.zeros(8000, np.float32), 16_000), toy.clip(2.0)
    known = judging.likeness(Judges(None, Strict()), [short, long])
    assert known is not None
    assert judging._likeness(Strict(), long, known) == 1.0
    assert judging._likeness(Strict(), short, known) == 0.0
    assert judging.likeness(Judges(None, Strict()), [short]) is None


def test_a_missing_reference_is_noticed_before_training(base: ModelFolder, tmp_path: Path) -> None:
    prepared = made_set(tmp_path / "set", seconds=0.9)
    with pytest.raises(TrainingError, match="None of the clips can serve"):
        train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna")
    assert not (tmp_path / "run" / "plan.json").exists()


@pytest.mark.parametrize(
    "setting",
    ["token_model.loop.pieces=0", "token_model.loop.steps=0", "decoder.loop.precision=fp8"],
)
def test_settings_are_checked_before_any_work(setting: str) -> None:
    with pytest.raises(ConfigError, match=setting.split("=")[0].rpartition(".")[2]):
        _recipe(setting)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 100_000, "1" + "0" * 400])
def test_absurd_values_are_refused_in_words(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match=r"decoder\.loop\.clip"):
        _recipe(f"decoder.loop.clip={value}")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"decoder.loop.clip = {value}")
    with pytest.raises(ConfigError, match=r"recipe\.toml"):
        recipes.read(recipe)


def test_a_seed_below_zero_is_refused(base: ModelFolder, tmp_path: Path) -> None:
    prepared = made_set(tmp_path / "set", WORDS[:1])
    with pytest.raises(ConfigError, match="seed is -1"):
        train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna", seed=-1)
    assert not (tmp_path / "run").exists()


def test_a_folder_with_other_things_is_left_alone(base: ModelFolder, tmp_path: Path) -> None:
    prepared = made_set(tmp_path / "anna", WORDS[:1])
    with pytest.raises(TrainingError, match="holds other things, clips for one"):
        train_voice(prepared, base, prepared.folder, _recipe(), Words(), name="anna")
    assert {path.name for path in prepared.folder.iterdir()} == {"clips", ".running"}


def test_two_runs_in_one_folder_are_refused(base: ModelFolder, tmp_path: Path) -> None:
    prepared = made_set(tmp_path / "set", WORDS[:1])
    with (
        locked(tmp_path / "run", TrainingError),
        pytest.raises(TrainingError, match="already going on"),
    ):
        train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna")


def test_a_name_that_was_taken_meanwhile_is_not_overwritten(
    base: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, judge = made_set(tmp_path / "set", WORDS[:1]), judging.judge
    taken = store.installed_path("anna")

    def meanwhile(*inputs: object, **options: object) -> object:
        if not taken.exists():
            toy.voice_model(taken, "toy", seed=5)
        return judge(*inputs, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(delivering, "judge", meanwhile)
    with pytest.raises(CheckpointError, match="anna is installed already"):
        train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna")
    assert store.open_model("anna").provenance == {"sources": "random"}
    made = train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="bob")
    assert made is not None


def test_other_words_make_another_run(base: ModelFolder, tmp_path: Path) -> None:
    prepared = made_set(tmp_path / "set", WORDS[:1])
    train_voice(prepared, base, tmp_path / "run", _recipe(), Words(), name="anna")
    changed = replace(prepared, clips=(replace(prepared.clips[0], text="Good evening to you."),))
    with pytest.raises(TrainingError, match="another features"):
        train_voice(changed, base, tmp_path / "run", _recipe(), Words(), name="anna")


def test_held_out_clips_fit_the_budget(base: ModelFolder, tmp_path: Path) -> None:
    prepared = made_set(tmp_path / "set")
    found = features(prepared.folder, prepared.clips, TorchEngine(base, device="cpu"))
    for each in learning.learners(base, found, _recipe("decoder.loop.budget=1"), seed=1):
        assert each.settings.budget >= max(each.examples.lengths + each.held_out.lengths)
    swapped = learning._loop(_recipe("decoder.loop.budget=1").decoder.loop, None, (5, 9), 1)
    assert swapped.budget == 9


def test_copies_that_keep_the_voice_keep_its_name(base: ModelFolder, tmp_path: Path) -> None:
    prepared = made_set(tmp_path / "set")
    clips = [replace(clip, speaker=name) for clip, name in zip(prepared.clips, "aab", strict=True)]
    found = features(prepared.folder, clips, TorchEngine(base, device="cpu"))
    recipe = recipes.read(
        "scratch",
        [
            *SMALL,
            "decoder.copies=1",
            "decoder.augmentation.gain.probability=1.0",
            "decoder.speakers.contrastive=0.1",
        ],
    )
    _, decoder = learning.learners(base, found, recipe, seed=1)
    decoder.task.collate([decoder.examples[len(decoder.examples) - 1]])
    # Whose only clip is held out is known all the same.
    decoder.task.collate([decoder.held_out[index] for index in range(len(decoder.held_out))])


def test_a_codebook_that_was_not_found_leaves_no_model(
    base: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(fresh, "centres", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fresh.fresh("toy", tmp_path / "start", [toy.clip(4.0)])
    assert not (tmp_path / "start").exists()


def test_a_run_from_scratch_keeps_its_family(base: ModelFolder, tmp_path: Path) -> None:
    fresh.fresh("toy", tmp_path / "run" / "start", [])
    prepared = made_set(tmp_path / "set", WORDS[:1])
    with pytest.raises(TrainingError, match="a run of the family toy"):
        scratch.train_model(prepared, "toyPro", tmp_path / "run", _recipe(), Words(), name="new")


@pytest.mark.parametrize("file", ["../other/x-00000001", "/etc", "state/../../x-00000001"])
def test_a_checkpoint_names_no_files_outside_of_its_run(tmp_path: Path, file: str) -> None:
    facts = {"format": 1, "step": 1, "state": file, "best": None}
    (tmp_path / "checkpoint.json").write_text(json.dumps(facts))
    with pytest.raises(TrainingError, match="is damaged"):
        state.checkpoint(tmp_path)


@pytest.mark.parametrize("line", [b"[]\n", b'{"step": 1}\n', b"\xff\n", b"3\n"])
def test_a_damaged_log_is_told(tmp_path: Path, line: bytes) -> None:
    (tmp_path / logs.LOG).write_bytes(line)
    with pytest.raises(TrainingError, match="is damaged"):
        logs.lines(tmp_path)


@pytest.mark.parametrize(
    ("speaker", "name"),
    [
        ("Anna Smith", "Anna_Smith"),
        ("../x", "x"),
        ("", "voice"),
        ("小明", "小明"),
        ("a" * 99, "a" * 64),
    ],
)
def test_names_that_speakers_give_are_fit(speaker: str, name: str) -> None:
    assert command._fit(speaker) == name
    store.installed_path(name)


def test_reasons_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    command._Console().say("left out \x1b[2Jx.wav")
    assert capsys.readouterr().err == "left out \\x1b[2Jx.wav\n"


def test_two_processes_make_one_voice(base: ModelFolder, tmp_path: Path, toy_home: Path) -> None:
    torch = pytest.importorskip("torch")
    if not torch.distributed.is_available():
        pytest.skip("this PyTorch has no processes")
    prepared = made_set(tmp_path / "set")
    write(tmp_path / "set" / "manifest.jsonl", prepared.clips)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
        "MYNA_HOME": str(toy_home),
    }
    both = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path)],
            env={**os.environ, **shared, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=120)[0].splitlines() for process in both]
    finally:
        for process in both:
            process.kill()
            process.wait()
    assert [process.returncode for process in both] == [0, 0]
    assert said[0][-1] == store.open_model("anna").fingerprint
    assert said[0][0] != "[]"
    assert said[1] == ["[]", "None"]


def main(folder: Path) -> None:
    """What each of two processes does."""
    toy.register()
    delivering.open_judges = lambda: Judges(None, None)
    prepared = PreparedSet(
        folder=folder / "set", clips=read(folder / "set" / "manifest.jsonl"), dropped=()
    )
    words = Words()
    made = train_voice(
        prepared,
        store.open_model("base"),
        folder / "run",
        _recipe(),
        words,
        name="anna",
        device="cpu",
        minutes=1e-6,
    )
    print(words.said)
    print(made and made.model.fingerprint)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
