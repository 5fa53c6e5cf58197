"""`myna train`: make a voice of a prepared set, train models from scratch, and watch runs."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.cli.console import Console, shown
from myna.datatypes import in_range
from myna.errors import TrainingError

if TYPE_CHECKING:
    from myna.training.delivering import Delivered
    from myna.training.recipes import Recipe

_INTERRUPTED = 130
_MOST_MINUTES = 100_000.0


class _Console(Console):
    """Escapes what might steer a terminal: reasons quote files of strangers."""

    def say(self, text: str) -> None:
        super().say(shown(text))

    def progress(self, text: str) -> None:
        super().progress(shown(text))


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command and its own commands."""
    parser = commands.add_parser("train", help="fine-tune a voice, train a model, watch runs")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    action = actions.add_parser(
        "voice",
        parents=[common],
        help="fine-tune a model on one speaker, and make a voice",
        description="Fine-tune a model on a set that `myna prepare` made of one speaker, and make "
        "a voice of it. Time and memory are forecast first. Interrupted, the same command goes on "
        "where it was.",
    )
    _add_set(action)
    action.add_argument(
        "--model", default="tiny", help="what to start from: an installed model, or a model folder"
    )
    action.add_argument("--name", help="of the voice, and of its model (default: of the speaker)")
    action.add_argument(
        "--minutes", type=float, metavar="FLOAT", help="take fewer steps, to train no longer"
    )
    action.add_argument("--licence", default="", help="terms of use that travel with the voice")
    action.add_argument(
        "--consent", default="", help="whose voice it is and how they agreed; travels with it"
    )
    _add_recipe(action, "voice")
    action.set_defaults(run=_voice)

    action = actions.add_parser(
        "model",
        parents=[common],
        help="train a model from scratch",
        description="Train the nets of a model on a prepared set of any number of speakers, from "
        "drawn weights (--family) or from those of another model (--from). The family's content "
        "encoder is installed. Interrupted, the same command goes on where it was.",
    )
    _add_set(action)
    start = action.add_mutually_exclusive_group(required=True)
    start.add_argument("--family", help="start from drawn weights, with the sizes of this family")
    start.add_argument(
        "--from", dest="model", metavar="MODEL", help="start from an installed model, or a folder"
    )
    action.add_argument("--name", required=True, help="of the model")
    action.add_argument(
        "--minutes", type=float, metavar="FLOAT", help="take fewer steps, to train no longer"
    )
    _add_recipe(action, "scratch")
    action.set_defaults(run=_model)

    action = actions.add_parser("status", parents=[common], help="how runs are doing")
    action.add_argument("folder", type=Path, help="of a run, or of the runs of a voice")
    action.set_defaults(run=_status)

    action = actions.add_parser("plot", parents=[common], help="draw the losses of a run")
    action.add_argument("folder", type=Path, help="of a run, or of the runs of a voice")
    action.add_argument(
        "-o", "--output", type=Path, metavar="FILE.png", help="(default: beside the run)"
    )
    action.set_defaults(run=_plot)


def _add_set(action: argparse.ArgumentParser) -> None:
    action.add_argument("set", type=Path, metavar="SET", help="folder that `myna prepare` made")
    action.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        help="of the run (default: named like what is made, here)",
    )


def _add_recipe(action: argparse.ArgumentParser, default: str) -> None:
    group = action.add_argument_group("training")
    group.add_argument(
        "--recipe",
        default=default,
        help=f"voice, scratch, published, tiny, tiny-judges, or a TOML file (default: {default})",
    )
    group.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the recipe, such as decoder.loop.steps=100; may be given again",
    )
    group.add_argument("--seed", type=int, default=1234, metavar="INT", help="(default: 1234)")
    group.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 ... (default: auto)")
    group.add_argument("--quiet", action="store_true", help="only the result, warnings and errors")


def _voice(given: argparse.Namespace) -> int:
    """Fine-tune.

    Raises:
        MynaError: as `myna.training.voice.train_voice`.
        OSError: something cannot be read or written.
    """
    if given.minutes is not None:
        in_range("--minutes", given.minutes, 0.01, _MOST_MINUTES)
    from myna.checkpoints.store import open_model

    base = open_model(given.model)  # before anything that takes time
    recipe = _recipe(given)
    console = _Console(quiet=given.quiet)
    from myna.dataset.prepare import open_set
    from myna.training.processes import is_first
    from myna.training.voice import train_voice

    prepared = open_set(given.set)
    name = given.name or _fit(next(iter(prepared.speakers), "") or given.set.resolve().name)
    out = given.output or Path(name)
    made = train_voice(
        prepared,
        base,
        out,
        recipe,
        console,
        name=name,
        seed=given.seed,
        device=given.device,
        minutes=given.minutes,
        licence=given.licence,
        consent=given.consent,
    )
    if made is None:
        return _INTERRUPTED if is_first() else 0
    _tell(made, out)
    return 0


def _model(given: argparse.Namespace) -> int:
    """Train from scratch.

    Raises:
        MynaError: as `myna.training.scratch.train_model`.
        OSError: something cannot be read or written.
    """
    recipe = _recipe(given)
    from myna.dataset.prepare import open_set
    from myna.training.processes import is_first
    from myna.training.scratch import train_model

    made = train_model(
        open_set(given.set),
        given.family,
        given.output or Path(given.name),
        recipe,
        _Console(quiet=given.quiet),
        name=given.name,
        seed=given.seed,
        device=given.device,
        minutes=given.minutes,
    )
    if made is None:
        return _INTERRUPTED if is_first() else 0
    print(f"The model {made.name} is installed in {made.path}.")
    return 0


def _fit(speaker: str) -> str:
    """A name for files and models."""
    return re.sub(r"[^\w.-]+", "_", speaker).strip("._-")[:64] or "voice"


def _recipe(given: argparse.Namespace) -> Recipe:
    from myna.training import recipes

    return recipes.read(given.recipe, given.overrides)


def _tell(made: Delivered, out: Path) -> None:
    print(f"{'':<8} {'sounds misheard':>16} {'similarity':>11}")
    for which, judged in made.measured.items():
        error, alike = judged.recognition_error, judged.similarity
        chosen = "  chosen" if which == made.choice.best.name else ""
        print(
            f"{which:<8} {'-' if error is None else f'{error:.1%}':>16} "
            f"{'-' if alike is None else f'{alike:.3f}':>11}{chosen}"
        )
    if made.remembered is not None and made.remembered.verdict != "no":
        print(f"Partly learnt by heart: {' '.join(made.remembered.reasons)} More speech helps.")
    print(f"Listen: {out / 'listen'}")
    print(f"The voice {shown(made.model.name)}: {made.voice}")


def _runs(folder: Path) -> list[Path]:
    """The runs in a folder, or the folder itself if it is one.

    Raises:
        TrainingError: there are none.
    """
    from myna.training.status import is_run

    found = [each for each in (folder, folder / "token_model", folder / "decoder") if is_run(each)]
    if not found:
        raise TrainingError(f"There is no run in {folder}; `myna train` makes them.")
    return found


def _status(given: argparse.Namespace) -> int:
    from myna.training.status import status

    for folder in _runs(given.folder):
        now = status(folder)
        state = "running" if now.running else f"ended: {now.stopped_by or 'killed'}"
        left = ""
        if now.running and now.seconds_left is not None:
            left = f", about {now.seconds_left / 60:.1f} min left"
        print(f"{now.task}: step {now.step} of {now.steps}, {state}{left}; saved at {now.saved}")
        if now.best_step is not None:
            print(f"  best held-out loss {now.best_loss:.4g} at step {now.best_step}")
        for title, losses in (("last step", now.losses), ("held out", now.held_out)):
            known = [f"{name} {value:.4g}" for name, value in losses.items() if value is not None]
            if known:
                print(f"  {title}: {', '.join(known)}")
    return 0


def _plot(given: argparse.Namespace) -> int:
    from myna.training.plots import plot

    runs = _runs(given.folder)
    if given.output is not None and len(runs) > 1:
        raise TrainingError("There are several runs here; name one of them, or leave out -o.")
    for folder in runs:
        out = given.output or folder / "losses.png"
        plot(folder, out)
        print(out)
    return 0
