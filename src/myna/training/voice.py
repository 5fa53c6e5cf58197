"""From a prepared set to a voice of one speaker, in one go: what `myna train voice` does.

Features, both nets, a choice among what training gave, a model and a voice file. Every stage is
taken up where it was left, so a run that was stopped goes on when it is started again:

    plan.json           what the run is: its clips, the base model, the forecast
    recipe.toml         the recipe, every value written out
    token_model/        the run of the token model, see `myna.training.loop`
    decoder/            that of the decoder
    candidates/         models that were measured
    listen/             a few sentences that were not trained on: recorded, before, after
    report.json         what was measured
    NAME.voice          the voice; its model is installed under the same name
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from myna.checkpoints.store import ModelFolder
from myna.dataset.features import FeatureSet, features
from myna.dataset.prepare import PreparedSet
from myna.datatypes import in_range
from myna.engines.torch_engine import TorchEngine
from myna.errors import ConfigError, MissingExtraError, TrainingError
from myna.files import locked
from myna.training.delivering import Delivered, check_free, check_reference, deliver
from myna.training.learning import Learner, learners
from myna.training.loop import Progress, run
from myna.training.planning import (
    PLAN,
    Plan,
    Reporter,
    duration,
    known_run,
    run_digest,
    started_as,
    words,
)
from myna.training.plots import plot
from myna.training.processes import Group, joined
from myna.training.recipes import NETS, Recipe

_HIGHEST_SEED = 2**63 - 1


class Silence:
    """Of several processes one reports."""

    def say(self, text: str) -> None:
        pass

    def progress(self, text: str) -> None:
        pass


def train_voice(
    prepared: PreparedSet,
    base: ModelFolder,
    out: str | Path,
    recipe: Recipe,
    reporter: Reporter,
    *,
    name: str,
    seed: int = 1234,
    device: str = "auto",
    minutes: float | None = None,
    licence: str = "",
    consent: str = "",
) -> Delivered | None:
    """Fine-tune a model on one speaker, and make a voice of it; or go on where a run was left.

    Args:
        prepared: clips of one speaker.
        base: what to start from; it keeps what only training needs.
        out: the run's folder.
        name: of the voice and of its model, which is installed under it.
        minutes: that training may take by forecast; fewer steps are taken to keep to it.

    Returns:
        None if Ctrl-C stopped the run; start it again to go on. Of several processes
        (`myna.training.processes`) only the first delivers, and the others return None.

    Raises:
        TrainingError: there is too little to train on, `out` holds another run or other things,
            one is going on there now, or training failed.
        ConfigError: a setting is out of range.
        CheckpointError: the name is unfit, or taken by another model.
        MynaError: as features, cloning and speaking.
    """
    out = Path(out)
    _check(prepared, name, out, seed)
    if recipe.learn != NETS:
        raise ConfigError(f"learn is {list(recipe.learn)}; a voice learns {list(NETS)}.")
    with claimed(out, device) as group:
        reporter = reporter if group.first else Silence()
        found = compute_features(prepared, base, device, reporter)
        learning = learners(base, found, recipe, seed=seed)
        check_reference(learning[0], found, prepared.folder)
        facts = started_as(prepared, found, base, recipe, seed)
        plan = Plan.settle(out, facts, learning, device, minutes, reporter, group)
        for learner in plan.learners:
            if not train(learner, out, device, reporter, group):
                return None
        if not group.first:
            return None
        return deliver(
            plan.learners,
            found,
            prepared.folder,
            base,
            out,
            reporter.progress,
            name=name,
            run=run_digest(facts),
            licence=licence,
            consent=consent,
            seed=seed,
            device=device,
        )


@contextmanager
def claimed(out: Path, device: str, others: Collection[str] = ()) -> Iterator[Group]:
    """The processes of a run, and its folder, to which no other run writes within the block.

    Args:
        others: what the folder may hold before there is a plan.

    Raises:
        TrainingError: another run goes on there, or it holds other things.
    """
    with joined(device) as group, ExitStack() as held:

        def claim() -> None:
            held.enter_context(locked(out, TrainingError))
            found = {each.name for each in out.iterdir() if not each.name.startswith(".")}
            if PLAN not in found and (strange := sorted(found - set(others))):
                raise TrainingError(
                    f"{out} holds other things, {strange[0]} for one; name a new folder for the "
                    f"run (`-o`)."
                )

        group.first_does(claim)
        yield group


def _check(prepared: PreparedSet, name: str, out: Path, seed: int) -> None:
    in_range("seed", seed, 0, _HIGHEST_SEED)
    if len(prepared.speakers) != 1:
        raise TrainingError(
            f"{prepared.folder} holds clips of {len(prepared.speakers)} speakers "
            f"({', '.join(prepared.speakers[:5])}); a voice is of one. Prepare a set of one "
            f"speaker, with `myna prepare --speaker NAME`."
        )
    check_free(name, known_run(out))


def compute_features(
    prepared: PreparedSet, base: ModelFolder, device: str, reporter: Reporter
) -> FeatureSet:
    """Features of a set as the base model hears it; says what had to be left out.

    Raises:
        TrainingError: nothing is left.
    """
    engine = TorchEngine(base, device=device)

    def progress(done: int, total: int) -> None:
        reporter.progress(f"features: {done} of {total} clips")

    found = features(
        prepared.folder,
        prepared.clips,
        engine,
        improved=base.family.improved_reading,
        on_progress=progress,
    )
    for clip in found.dropped:
        reporter.say(f"left out {clip.source} from {clip.start:.1f} s: {clip.reason}")
    if not len(found):
        raise TrainingError(f"No clip of {prepared.folder} can be trained on; see above why.")
    seconds = sum(row.clip.seconds for row in found.rows)
    reporter.say(f"{len(found)} clips, {duration(seconds)} of speech")
    return found


def train(learner: Learner, out: Path, device: str, reporter: Reporter, group: Group) -> bool:
    """Train one net in its folder of the run; False if Ctrl-C stopped it."""
    title = words(learner.name)

    def progress(at: Progress) -> None:
        left = "" if at.seconds_left is None else f", {duration(at.seconds_left)} left"
        losses = ", ".join(f"{name} {value:.3g}" for name, value in at.losses.items())
        reporter.progress(f"{title}: step {at.step} of {at.steps}{left}; {losses}")

    folder = out / learner.name
    outcome = run(
        learner.task,
        learner.examples,
        learner.held_out,
        learner.settings,
        folder,
        device=device,
        tensorboard=learner.tensorboard,
        on_progress=progress,
    )
    if outcome.stopped_by in ("interrupt", "stop"):
        reporter.say(f"Stopped, with everything saved in {out}; start it again to go on.")
        return False
    with suppress(MissingExtraError):
        if group.first:
            plot(folder, out / f"{learner.name}.png")
    best = ""
    if outcome.best_loss is not None:
        best = f"; held-out loss {outcome.best_loss:.4g} at step {outcome.best_step}"
    why = ", no better for a while" if outcome.stopped_by == "patience" else ""
    reporter.say(f"{title}: {outcome.steps} steps in {duration(outcome.seconds)}{why}{best}")
    return True
