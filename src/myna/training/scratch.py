"""A model from drawn weights: its codebook is found, then both nets learn."""

from __future__ import annotations

from pathlib import Path

from myna.audio.recordings import read
from myna.checkpoints import store
from myna.checkpoints.store import ModelFolder
from myna.dataset.features import recording_of
from myna.dataset.prepare import PreparedSet
from myna.datatypes import Audio
from myna.errors import TrainingError
from myna.specs import family as family_called
from myna.training.delivering import check_free
from myna.training.fresh import fresh
from myna.training.learning import learners
from myna.training.planning import Plan, Reporter, started_as
from myna.training.recipes import Recipe
from myna.training.voice import Silence, claimed, compute_features, train

_START = "start"
_CODEBOOK_SECONDS = 3600.0
"""Speech that the codebook is found from, at most."""


def train_model(
    prepared: PreparedSet,
    family: str,
    out: str | Path,
    recipe: Recipe,
    reporter: Reporter,
    *,
    name: str,
    seed: int = 1234,
    device: str = "auto",
) -> ModelFolder | None:
    """Train a model from scratch, or go on where a run was left; it is installed as `name`.

    What is delivered are the last weights, with what only training needs, so that the model can
    be fine-tuned.

    Returns:
        None if Ctrl-C stopped the run; start it again to go on. Of several processes
        (`myna.training.processes`) only the first delivers, and the others return None.

    Raises:
        ConfigError: there is no such family.
        CheckpointError: the name is unfit, or taken.
        TrainingError: `out` holds another run or other things, or training failed.
        ModelNotFoundError: the family's content encoder is not installed.
    """
    out = Path(out)
    family_called(family)
    check_free(name, None)
    start = out / _START
    with claimed(out, device, (_START,)) as group:
        reporter = reporter if group.first else Silence()

        def begin() -> None:
            if not start.exists():
                reporter.progress("finding the codebook ...")
                fresh(family, start, _some(prepared), seed=seed)

        group.first_does(begin)
        base = store.open_model(start)
        if base.spec != family:
            raise TrainingError(
                f"{out} holds a run of the family {base.spec}; go on with it, or give this one a "
                f"folder of its own."
            )
        found = compute_features(prepared, base, device, reporter)
        learning = learners(base, found, recipe, seed=seed)
        facts = started_as(prepared, found, base, recipe, seed)
        plan = Plan.settle(out, facts, learning, device, None, reporter, group)
        for learner in plan.learners:
            if not train(learner, out, device, reporter, group):
                return None
        if not group.first:
            return None
        check_free(name, None)
        return store.write(
            store.installed_path(name),
            kind=store.VOICE_MODEL,
            spec=family,
            name=name,
            parts={
                learner.name: learner.learnt(out / learner.name, "last", keep_training=True)
                for learner in plan.learners
            },
            provenance={"sources": "trained from scratch", "run": facts},
        )


def _some(prepared: PreparedSet) -> list[Audio]:
    """Recordings of clips, from all over the set."""
    clips = sorted(prepared.clips, key=lambda clip: clip.id)  # ids are as good as random
    found, seconds = [], 0.0
    for clip in clips:
        found.append(read(recording_of(prepared.folder, clip)))
        seconds += clip.seconds
        if seconds >= _CODEBOOK_SECONDS:
            break
    return found
