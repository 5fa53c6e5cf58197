"""A decoder trained on a borrowed machine: one folder goes there, a few small files come back.

The folder holds clips, the weights of the decoder and its judges in half precision, and the recipe.
A run needs nothing else but this package, PyTorch, safetensors and soundfile. What comes back takes
the place of the weights in the folder, so that the next run goes on from them.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from myna import config
from myna.checkpoints import store
from myna.checkpoints.recognise import DECODER, DISCRIMINATOR, TOKEN_MODEL
from myna.checkpoints.store import ModelFolder, StoredFile
from myna.dataset.feature_set import FeatureSet
from myna.errors import ConfigError, TrainingError
from myna.files import replacing, sha256
from myna.training import portable, portable_weights
from myna.training.forecasts import forecast
from myna.training.learning import Learner, learners
from myna.training.loop import Progress
from myna.training.loop import run as train
from myna.training.recipes import Recipe
from myna.training.state import checkpoint

log = logging.getLogger(__name__)

CLIPS, RECIPE = "clips.safetensors", "recipe.toml"
"""In the folder, beside the weights."""

_SAVE_SECONDS = 90.0
"""Between two times that weights are written."""
_FINISH_SECONDS = 20.0
"""Kept for what comes after the last step."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run did."""

    steps: int
    total: int
    """Steps, those of runs before it included."""
    losses: Mapping[str, float]


def pack(
    features: FeatureSet,
    base: ModelFolder,
    recipe: Recipe,
    out: Path,
    *,
    speakers: Sequence[str] = (),
    most_bytes: int = 40 << 20,
    codec: str = "opus",
    jobs: int = 1,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Make the folder that goes to the other machine; returns its bytes.

    Args:
        base: whose decoder goes on, and its judges if it has some.
        recipe: it trains the decoder alone.
        speakers: those to take; all by default.
        most_bytes: of the folder, about; with Opus the bits per second follow from it.

    Raises:
        ConfigError: the recipe trains something else, or so much speech does not fit.
        DatasetError: there are no such speakers, or features are damaged.
    """
    if recipe.learn != (DECODER,):
        raise ConfigError(f'learn is {list(recipe.learn)}; here it must be ["{DECODER}"].')
    if speakers:
        chosen = [n for n, row in enumerate(features.rows) if row.clip.speaker in speakers]
        features = features.take(chosen)
        present = {row.clip.speaker for row in features.rows}
        recipe = replace(
            recipe, repeats={name: n for name, n in recipe.repeats.items() if name in present}
        )
    out.mkdir(parents=True, exist_ok=True)
    names = [part for part in (DECODER, DISCRIMINATOR) if part in base.parts]
    parts = {name: dict(store.tensors(base, name)) for name in names}
    size = portable_weights.write(out, parts, {"family": base.spec, "steps": 0})
    with replacing(out / RECIPE) as temporary:
        temporary.write_text(config.as_toml(recipe), encoding="utf-8", newline="\n")
    bits = portable.bits_for(features.seconds, most_bytes - size) if codec == "opus" else 24_000
    return size + portable.write(
        features, out / CLIPS, codec=codec, bits=bits, jobs=jobs, on_progress=on_progress
    )


def run(
    folder: Path,
    out: Path,
    work: Path,
    *,
    minutes: float,
    device: str = "auto",
    overrides: Sequence[str] = (),
    jobs: int = 1,
    tell: Callable[[str], None] = log.info,
) -> Ran:
    """Train for so many minutes from the weights in the folder, and write weights to `out`.

    Args:
        folder: that `pack` made; it is only read.
        out: gets weights, see `myna.training.portable_weights`, and `log.jsonl`.
        work: for clips and checkpoints; a later run on the same machine finds clips there.
        minutes: for everything; how many steps fit is found by trying a few.

    Raises:
        TrainingError: the folder is damaged, or training failed; what was written stays.
        DatasetError: its clips are damaged.
    """
    started = time.monotonic()
    ends = started + 60 * minutes
    recipe = config.read(folder / RECIPE, Recipe, overrides=overrides)
    facts = portable_weights.facts_of(folder)
    before = int(facts["steps"])
    found = portable.read(folder / CLIPS, work / "features", jobs=jobs)
    tell(f"{len(found)} clips, {found.seconds / 3600:.2f} h, after {_since(started)}")
    base = _base(folder, facts, work)
    # Another order of clips than in the runs before.
    (learner,) = learners(base, found, recipe, seed=1234 + before)
    expected = forecast(
        learner.task, learner.examples, learner.held_out, learner.settings, device=device
    )
    if not expected.memory.fits:
        raise TrainingError(f"The decoder does not fit: {expected.memory}")
    left = ends - time.monotonic() - _FINISH_SECONDS
    each = max(expected.seconds / expected.settings.steps, expected.seconds_per_step)
    steps = max(1, min(expected.settings.steps, int(left / each)))
    settings = replace(
        expected.settings,
        steps=steps,
        save_every=max(1, min(steps, round(_SAVE_SECONDS / expected.seconds_per_step))),
        evaluate_every=max(1, steps // 3),
    )
    tell(f"{steps} steps of {expected.seconds_per_step:.3f} s, after {_since(started)}")
    place = work / f"run-{before}-{time.time_ns()}"
    out.mkdir(parents=True, exist_ok=True)
    saved = 0

    def progress(at: Progress) -> None:
        nonlocal saved
        if at.step % 50 == 0 or at.step == 1:
            losses = ", ".join(f"{name} {value:.3g}" for name, value in at.losses.items())
            tell(f"step {at.step} of {at.steps}, after {_since(started)}: {losses}")
        counting = checkpoint(place)
        if counting is not None and counting.step > saved:
            saved = counting.step
            _export(learner, place, out, base.spec, before + saved, at.losses)

    last: dict[str, float] = {}

    def keeping(at: Progress) -> None:
        last.clear()
        last.update(at.losses)
        progress(at)

    outcome = train(
        learner.task,
        learner.examples,
        learner.held_out,
        settings,
        place,
        device=device,
        on_progress=keeping,
        should_stop=lambda: time.monotonic() > ends - _FINISH_SECONDS / 2,
    )
    _export(learner, place, out, base.spec, before + outcome.steps, last)
    tell(f"{outcome.steps} steps done, {before + outcome.steps} in all, after {_since(started)}")
    return Ran(outcome.steps, before + outcome.steps, dict(last))


def take(result: Path, folder: Path) -> int:
    """Put the weights that a run wrote into the folder that it was given; returns steps in all.

    Raises:
        TrainingError: the weights did not come back whole, or are of another family.
    """
    facts = portable_weights.facts_of(result)
    if facts["family"] != portable_weights.facts_of(folder)["family"]:
        raise TrainingError(f"{result} holds weights of another family than {folder}.")
    for name in facts["files"]:
        shutil.copyfile(result / name, folder / name)
    shutil.copyfile(result / portable_weights.FACTS, folder / portable_weights.FACTS)
    for old in set(folder.glob(portable_weights.FILES)) - {
        folder / name for name in facts["files"]
    }:
        old.unlink()
    return int(facts["steps"])


def install(folder: Path, base: ModelFolder, name: str) -> ModelFolder:
    """Install the model of the weights in a folder or result, its token model that of `base`.

    Raises:
        TrainingError: the weights are damaged, or of another family.
        CheckpointError: the name is unfit, or the model cannot be written.
    """
    facts = portable_weights.facts_of(folder)
    if facts["family"] != base.spec:
        raise TrainingError(f"{folder} holds weights of {facts['family']}, not of {base.spec}.")
    parts = {
        part: {key: value.astype(np.float32) for key, value in tensors.items()}
        for part, tensors in portable_weights.read(folder, facts).items()
    }
    return store.write(
        store.installed_path(name),
        kind=store.VOICE_MODEL,
        spec=base.spec,
        name=name,
        parts={TOKEN_MODEL: dict(store.tensors(base, TOKEN_MODEL)), **parts},
        provenance={
            "sources": "trained from scratch",
            "before": dict(base.provenance),
            "judged_steps": facts["steps"],
        },
    )


def _export(
    learner: Learner,
    place: Path,
    out: Path,
    family: str,
    steps: int,
    losses: Mapping[str, float],
) -> None:
    portable_weights.write(
        out,
        learner.parts(place, "last"),
        {"family": family, "steps": steps, "losses": {k: float(v) for k, v in losses.items()}},
    )
    shutil.copyfile(place / "log.jsonl", out / "log.jsonl")


def _base(folder: Path, facts: Mapping[str, Any], work: Path) -> ModelFolder:
    """The weights as a model to learn from; without a token model, it cannot speak."""
    place = work / "base"
    place.mkdir(parents=True, exist_ok=True)
    files = {}
    for part, tensors in portable_weights.read(folder, facts).items():
        path = place / f"{part}.safetensors"
        with replacing(path) as temporary:
            temporary.write_bytes(save(tensors))
        files[path.name] = StoredFile(sha256=sha256(path), size=path.stat().st_size)
    return ModelFolder(
        path=place,
        name="borrowed",
        kind=store.VOICE_MODEL,
        spec=facts["family"],
        files=files,
        provenance={},
    )


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"
