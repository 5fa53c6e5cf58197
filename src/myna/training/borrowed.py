"""Train a decoder on a borrowed machine, in four commands.

    python -m myna.training.borrowed pack SET --from MODEL -o FOLDER
    python -m myna.training.borrowed run FOLDER --minutes 9 --out RESULT --work PLACE
    python -m myna.training.borrowed take RESULT FOLDER
    python -m myna.training.borrowed install FOLDER --from MODEL --name NEW

`pack` makes the folder here. `run`, there, trains for the minutes given, all that it does included,
and while it trains it keeps writing whole weights to RESULT. `take` puts these into the folder, for
the next `run`; `install` makes a model of them.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from myna.checkpoints import store
from myna.training import portable, recipes
from myna.training.borrowing import install, pack, run, take
from myna.training.programs import ended

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    given.action(given)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m myna.training.borrowed",
        description="Train a decoder on a borrowed machine.",
    )
    actions = parser.add_subparsers(required=True)
    cores = os.cpu_count() or 1

    action = actions.add_parser("pack", help="make the folder that goes there")
    action.add_argument("set", type=Path, help="a prepared set")
    action.add_argument("--from", dest="model", required=True, help="the model to go on from")
    action.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    action.add_argument("--recipe", default="tiny-judges")
    action.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    action.add_argument("--speakers", default="", help="those to take, by commas (default: all)")
    action.add_argument("--most-mib", type=float, default=40.0, help="of the folder (default: 40)")
    action.add_argument("--codec", choices=portable.CODECS, default="opus")
    action.add_argument("--jobs", type=int, default=1)
    action.set_defaults(action=_pack)

    action = actions.add_parser("run", help="train there")
    action.add_argument("folder", type=Path)
    action.add_argument("--minutes", type=float, required=True)
    action.add_argument("--out", type=Path, required=True, metavar="RESULT")
    action.add_argument("--work", type=Path, required=True, metavar="PLACE")
    action.add_argument("--device", default="auto")
    action.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    action.add_argument("--jobs", type=int, default=cores)
    action.set_defaults(action=_run)

    action = actions.add_parser("take", help="put what came back into the folder")
    action.add_argument("result", type=Path)
    action.add_argument("folder", type=Path)
    action.set_defaults(action=lambda given: log.info("%d steps", take(given.result, given.folder)))

    action = actions.add_parser("install", help="make a model of what came back")
    action.add_argument("folder", type=Path)
    action.add_argument("--from", dest="model", required=True, help="whose token model it has")
    action.add_argument("--name", required=True)
    action.set_defaults(action=_install)
    return parser


def _pack(given: argparse.Namespace) -> None:
    from myna.dataset.features import features
    from myna.dataset.prepare import open_set
    from myna.engines.torch_engine import TorchEngine

    base = store.open_model(given.model)
    recipe = recipes.read(given.recipe, given.overrides)
    prepared = open_set(given.set)
    found = features(prepared.folder, prepared.clips, TorchEngine(base, device="cpu"))
    size = pack(
        found,
        base,
        recipe,
        given.output,
        speakers=tuple(name for name in given.speakers.split(",") if name),
        most_bytes=int(given.most_mib * 2**20),
        codec=given.codec,
        jobs=given.jobs,
        on_progress=_told,
    )
    log.info("%.1f MiB in %s", size / 2**20, given.output)


def _told(done: int, total: int) -> None:
    if done % 200 == 0 or done == total:
        log.info("%d of %d clips", done, total)


def _run(given: argparse.Namespace) -> None:
    run(
        given.folder,
        given.out,
        given.work,
        minutes=given.minutes,
        device=given.device,
        overrides=given.overrides,
        jobs=given.jobs,
    )


def _install(given: argparse.Namespace) -> None:
    made = install(given.folder, store.open_model(given.model), given.name)
    log.info("The model %s: %s", made.name, made.path)


if __name__ == "__main__":
    raise SystemExit(ended(main))
