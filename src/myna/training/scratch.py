"""A model from drawn weights: its codebook is found, then its nets learn; or one that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from myna.audio.recordings import read
from myna.checkpoints import store
from myna.checkpoints.recognise import DECODER, DISCRIMINATOR
from myna.checkpoints.store import ModelFolder
from myna.dataset.features import recording_of
from myna.dataset.prepare import PreparedSet
from myna.datatypes import Audio
from myna.errors import TrainingError
from myna.specs import family as family_called
from myna.training.delivering import check_free
from myna.training.fresh import fresh
from myna.training.learning import Learner, learners
from myna.training.planning import Plan, Reporter, started_as
from myna.training.recipes import Recipe
from myna.training.voice import Silence, claimed, compute_features, train

_START = "start"
_CODEBOOK_SECONDS = 3600.0
"""Speech that the codebook is found from, at most."""


def train_model(
    prepared: PreparedSet,
    start: str | ModelFolder,
    out: str | Path,
    recipe: Recipe,
    reporter: Reporter,
    *,
    name: str,
    seed: int = 1234,
    device: str = "auto",
    minutes: float | None = None,
) -> ModelFolder | None:
    """Train a model, or go on where a run was left; it is installed as `name`.

    What is delivered are the last weights, with what only training needs, so that the model can
    be fine-tuned, and training can go on from it with another recipe.

    Args:
        start: name of a family, to start from drawn weights; or a model, to start from its own.
            A net that the recipe does not train stays as it is there.
        minutes: that training may take by forecast; fewer steps are taken to keep to it.

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
    family = start if isinstance(start, str) else start.family.name
    family_called(family)
    check_free(name, None)
    drawn = out / _START
    with claimed(out, device, (_START,)) as group:
        reporter = reporter if group.first else Silence()

        def begin() -> None:
            if not drawn.exists():
                reporter.progress("finding the codebook ...")
                fresh(family, drawn, _some(prepared), seed=seed)

        if isinstance(start, str):
            group.first_does(begin)
        base = store.open_model(drawn) if isinstance(start, str) else start
        if base.spec != family:
            raise TrainingError(
                f"{out} holds a run of the family {base.spec}; go on with it, or give this one a "
                f"folder of its own."
            )
        found = compute_features(prepared, base, device, reporter)
        learning = learners(base, found, recipe, seed=seed)
        facts = started_as(prepared, found, base, recipe, seed)
        plan = Plan.settle(out, facts, learning, device, minutes, reporter, group)
        for learner in plan.learners:
            if not train(learner, out, device, reporter, group):
                return None
        if not group.first:
            return None
        check_free(name, None)
        return installed(base, plan.learners, out, name, {"run": facts})


def installed(
    base: ModelFolder,
    learners: Sequence[Learner],
    out: Path,
    name: str,
    facts: Mapping[str, Any],
) -> ModelFolder:
    """Install the model that trained nets make, with what only training needs.

    Args:
        base: has the nets that were not trained.
        learners: trained in folders of their names in `out`.
        facts: of the run, for the model's provenance.

    Raises:
        CheckpointError: it cannot be written.
        TrainingError: there are no weights, or they are damaged.
    """
    parts: dict[str, Mapping[str, NDArray[Any]]] = {}
    for learner in learners:
        parts |= learner.parts(out / learner.name, "last")
    trained = {learner.name for learner in learners}
    kept = [part for part in base.parts if part not in parts]
    if DECODER in trained:
        kept = [part for part in kept if part != DISCRIMINATOR]  # of the decoder as it was
    return store.write(
        store.installed_path(name),
        kind=store.VOICE_MODEL,
        spec=base.spec,
        name=name,
        parts=parts | {part: dict(store.tensors(base, part)) for part in kept},
        provenance={
            "sources": "trained from scratch",
            "before": dict(base.provenance),
            **facts,
        },
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
