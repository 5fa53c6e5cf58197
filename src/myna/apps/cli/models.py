"""`myna models`: what is installed, what can be got, and turning files into models."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.cli.console import Console, UsageError, amount, shown
from myna.errors import CheckpointError

if TYPE_CHECKING:
    from myna.checkpoints.store import ModelFolder


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command and its own commands."""
    from myna.checkpoints.catalogue import ENTRIES, MIRRORS

    parser = commands.add_parser("models", help="list, get, check, convert and remove models")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    action = actions.add_parser("list", parents=[common], help="installed models, and public ones")
    action.add_argument("--json", action="store_true", help="for programs")
    action.set_defaults(run=_list)

    action = actions.add_parser("show", parents=[common], help="where a model comes from")
    action.add_argument("model", help="an installed model, or a model folder")
    action.set_defaults(run=_show)

    action = actions.add_parser("verify", parents=[common], help="check every byte of models")
    action.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    action.set_defaults(run=_verify)

    action = actions.add_parser(
        "get",
        parents=[common],
        help="download a public model",
        description="Download a public model and the encoders it needs. A download that was "
        "interrupted goes on where it stopped.",
    )
    action.add_argument("name", choices=ENTRIES, metavar="NAME", help=", ".join(ENTRIES))
    action.add_argument("--mirror", choices=MIRRORS, default=next(iter(MIRRORS)))
    action.add_argument("--only", action="store_true", help="without the encoders it needs")
    action.add_argument("--quiet", action="store_true", help="no progress")
    action.set_defaults(run=_get)

    action = actions.add_parser("remove", parents=[common], help="delete an installed model")
    action.add_argument("name", metavar="NAME")
    action.set_defaults(run=_remove)

    action = actions.add_parser(
        "convert",
        parents=[common],
        help="make a model of published or fine-tuned files",
        description="Make a model of a token model and a decoder in any order, or of one encoder. "
        "Nothing in the files is executed.",
    )
    action.add_argument("files", nargs="+", type=Path, metavar="FILE")
    action.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="where to put it (default: installed)"
    )
    action.add_argument("--name", help="of the model (default: of the folder)")
    action.add_argument("--overwrite", action="store_true", help="replace the model there")
    action.set_defaults(run=_convert)


def _list(given: argparse.Namespace) -> int:
    from myna.checkpoints import catalogue, store

    here = store.installed()
    names = {model.path.name for model in here}
    rows = [_row(model) for model in here]
    public = [_public_row(name) for name in catalogue.ENTRIES if name not in names]
    if given.json:
        print(json.dumps({"installed": rows, "public": public}, indent=2, ensure_ascii=False))
        return 0
    for title, packaged in (("With Myna come:", True), ("Installed:", False)):
        found = [row for row in rows if row["packaged"] is packaged]
        if found:
            print(title)
        for row in found:
            place = "" if packaged else row["path"]
            voices = f"voices: {', '.join(row['voices'])}" if row["voices"] else ""
            print(
                f"  {row['name']:<16} {row['spec']:<14} {amount(row['size']):>10}  "
                f"{'  '.join(filter(None, (place, voices)))}".rstrip()
            )
    if not rows:
        print("Nothing is installed.")
    if public:
        print("To get with `myna models get NAME`, with the encoders it needs:")
    for row in public:
        size = "unknown" if row["size"] is None else amount(row["size"])
        needs = f"  needs {', '.join(row['needs'])}" if row["needs"] else ""
        print(f"  {row['name']:<16} {size:>10}{needs}")
    return 0


def _show(given: argparse.Namespace) -> int:
    from myna.checkpoints.store import open_model

    model = open_model(given.model)
    print(f"{model.name}: {model.kind}, {model.spec}")
    print(f"path: {model.path}")
    print(f"fingerprint: {model.fingerprint}")
    for name, stored in model.files.items():
        print(f"file: {name}, {amount(stored.size)}, SHA-256 {stored.sha256}")
    provenance = json.dumps(dict(model.provenance), indent=2, ensure_ascii=False)
    print("provenance:", "\n".join(map(shown, provenance.split("\n"))))
    return 0


def _verify(given: argparse.Namespace) -> int:
    from myna.checkpoints import store

    all_of_them = given.names in ([], ["all"])
    models = store.installed() if all_of_them else [store.open_model(name) for name in given.names]
    damaged = []
    for model in models:
        try:
            store.verify(model)
            print(f"{model.name}: sound")
        except CheckpointError as error:
            print(f"{model.name}: damaged")
            damaged.append(str(error))
    if damaged:
        raise CheckpointError(" ".join(damaged))
    return 0


def _get(given: argparse.Namespace) -> int:
    from myna.checkpoints import catalogue, download

    console = Console(quiet=given.quiet)
    for name in (given.name,) if given.only else catalogue.needed(given.name):
        state = _state(name)
        if state == "installed":
            console.say(f"{name} is installed already.")
            continue
        model = download.get(
            name,
            mirror=given.mirror,
            overwrite=state == "damaged",
            progress=_Transfer(console).progress,
        )
        console.say(f"{name}: {amount(_size(model))} in {model.path}")
    return 0


def _remove(given: argparse.Namespace) -> int:
    from myna.checkpoints.store import remove

    remove(given.name)
    print(f"{given.name} is removed.")
    return 0


def _convert(given: argparse.Namespace) -> int:
    if given.output is None and given.name is None:
        raise UsageError("where to? Give -o FOLDER, or --name NAME to install it.")
    from myna.checkpoints import convert, store

    out = given.output or store.installed_path(given.name)
    model = convert.convert(given.files, out, name=given.name, overwrite=given.overwrite)
    print(f"{model.name}: {model.kind} {model.spec}, {amount(_size(model))} in {model.path}")
    return 0


class _Transfer:
    """Progress of a download, in words."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._file = ""
        self._started = 0.0
        self._first = 0

    def progress(self, file: str, done: int, total: int | None) -> None:
        """Told after every block; a file may go on where an earlier try stopped."""
        now = time.monotonic()
        if file != self._file:
            self._file, self._started, self._first = file, now, done
        rate = (done - self._first) / max(now - self._started, 1e-3)
        share = f" of {amount(total)}" if total else ""
        left = f", {(total - done) / rate:.0f} s left" if total and rate else ""
        self._console.progress(f"{file}: {amount(done)}{share}, {amount(rate)}/s{left}")
        if done == total:
            self._console.say(f"{file}: {amount(done)}")


def _state(name: str) -> str:
    from myna.checkpoints import store
    from myna.errors import ModelNotFoundError

    try:
        store.open_model(store.installed_path(name))
    except ModelNotFoundError:
        return "missing"
    except CheckpointError:
        return "damaged"
    return "installed"


def _row(model: ModelFolder) -> dict[str, Any]:
    return {
        "name": model.path.name,  # what other commands know it by
        "kind": model.kind,
        "spec": model.spec,
        "size": _size(model),
        "path": str(model.path),
        "packaged": model.packaged,
        "voices": list(model.voices),
        "fingerprint": model.fingerprint,
    }


def _public_row(name: str) -> dict[str, Any]:
    from myna.checkpoints import catalogue

    sizes = [file.size for file in catalogue.ENTRIES[name]]
    known = [size for size in sizes if size is not None]
    return {
        "name": name,
        "size": sum(known) if len(known) == len(sizes) else None,
        "needs": list(catalogue.needed(name)[1:]),
    }


def _size(model: ModelFolder) -> int:
    return sum(stored.size for stored in model.files.values())
