"""`myna clone`: understand a speaker from recordings, and keep the voice in a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from myna.apps.cli.console import Console, UsageError
from myna.apps.cli.options import add_engine_options, add_lexicon, lexicon_text, load
from myna.datatypes import check_voice_path

if TYPE_CHECKING:
    from myna.datatypes import Audio, Voice


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "clone",
        parents=[common],
        help="make a voice of recordings",
        description="Make a voice of 3 to 10 s of clear speech of one person.",
    )
    parser.add_argument(
        "clips",
        nargs="+",
        metavar="CLIP",
        help="a recording, '-' for one from standard input; of several, the first one leads and "
        "all are averaged in timbre",
    )
    parser.add_argument(
        "--text",
        default="",
        help="what is said in the first one; without it only the timbre is taken",
    )
    parser.add_argument("--language", default="auto", help="of --text (default: auto)")
    parser.add_argument("--model", default="tiny", help="an installed model, or a model folder")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE.voice", help="where to keep it"
    )
    parser.add_argument("--name", help="of the voice (default: of the file)")
    parser.add_argument("--licence", default="", help="terms of use that travel with the voice")
    parser.add_argument(
        "--consent", default="", help="whose voice it is and how they agreed; travels with it"
    )
    add_lexicon(parser)
    parser.add_argument(
        "--no-cache", action="store_true", help="neither keep nor use what was cloned before"
    )
    parser.add_argument("--quiet", action="store_true", help="only warnings and errors")
    add_engine_options(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Clone.

    Raises:
        UsageError: standard input is named twice.
        MynaError: as `Myna.load` and `Myna.clone`.
        OSError: something cannot be read or written.
    """
    check_voice_path(given.output)
    if given.clips.count("-") > 1:
        raise UsageError("'-' is one recording; standard input holds no second one.")
    from myna.checkpoints.store import open_model

    open_model(given.model)  # before anything that takes time, or reads the standard input
    console = Console(quiet=given.quiet)
    console.progress(f"loading {given.model} ...")
    myna = load(given.model, given)
    console.progress("listening ...")
    voice = myna.clone(
        [_clip(clip) for clip in given.clips],
        text=given.text,
        language=given.language,
        name=given.name or given.output.stem,
        licence=given.licence,
        consent=given.consent,
        lexicon=lexicon_text(given),
        cache=not given.no_cache,
    )
    voice.save(given.output)
    _tell(voice, given, console)
    return 0


def _clip(name: str) -> Path | Audio:
    if name != "-":
        return Path(name)
    from myna.audio.recordings import read

    return read(sys.stdin.buffer)


def _tell(voice: Voice, given: argparse.Namespace, console: Console) -> None:
    for clip, heard in zip(given.clips, voice.details["references"], strict=True):
        start, end = heard["start"], heard["end"]
        console.say(f"{clip}: used {end - start:.1f} s, from {start:.1f} to {end:.1f} s")
        for warning in heard["warnings"]:
            print(f"myna: warning: {clip}: {warning}", file=sys.stderr)
    if voice.prompt is None:
        console.say("Only the timbre was taken; with --text the manner of speaking is, too.")
    console.say(f"{given.output}: the voice {voice.name}, for {voice.family}")
