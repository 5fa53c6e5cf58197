"""`myna export`: a folder with all that a model needs to speak without PyTorch."""

from __future__ import annotations

import argparse
from pathlib import Path

from myna.apps.cli.console import Console, amount


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    from myna.engines.graphs import EXPORTED, FLOAT32

    parser = commands.add_parser(
        "export",
        parents=[common],
        help="make a folder that speaks without PyTorch",
        description="Make a folder of a model's weights, its voices and its graphs for ONNX "
        "Runtime. It is a model folder like any other, and speaks where only Myna's base is "
        "installed. The encoders that cloning uses are not in it.",
    )
    parser.add_argument("model", help="an installed model, or a model folder")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FOLDER", help="where to put it"
    )
    parser.add_argument(
        "--precision",
        choices=EXPORTED,
        default=FLOAT32,
        help="float32: weights as they are; float16: in half precision, for the smallest folder; "
        "int8: as they are, and the token model computes in whole numbers of eight bits, about "
        f"three times as fast (default: {FLOAT32})",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the model there")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Export.

    Raises:
        MynaError: it could not be done.
        OSError: the folder cannot be written.
    """
    from myna.export.bundle import export_bundle

    console = Console(quiet=given.quiet)
    bundle = export_bundle(
        given.model,
        given.output,
        precision=given.precision,
        overwrite=given.overwrite,
        progress=lambda name: console.progress(f"{name} ..."),
    )
    size = amount(sum(stored.size for stored in bundle.files.values()))
    console.say(f"{len(bundle.files)} files, {size}, {bundle.precision}")
    print(bundle.path)
    return 0
