"""`myna convert`: say what a recording says, as it says it, with another voice."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from myna.apps.cli.console import Console, UsageError, shown
from myna.apps.cli.options import add_engine_options, add_lexicon, default, lexicon_text, load
from myna.apps.cli.say import chosen, save_report, summary
from myna.datatypes import Delivery, Sampling, Utterance, check_recording_path


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "convert",
        parents=[common],
        help="say what a recording says with another voice",
        description="Say what a recording says, as it says it, with another voice. The result "
        "lasts as long as the recording.",
    )
    parser.add_argument(
        "recording", metavar="RECORDING", help="one person speaking; '-' reads standard input"
    )
    parser.add_argument(
        "--voice",
        metavar="NAME|FILE.voice",
        help="one that comes with the model, see `myna models list`, one of the library, see "
        "`myna voices`, or a file from `myna clone` (default: the first one that comes with the "
        "model)",
    )
    parser.add_argument(
        "--text",
        default="",
        help="what is said; published families need it, and tiny is understood better with it",
    )
    parser.add_argument(
        "--language",
        "--lang",
        default=default(Utterance, "language"),
        help=f"of what is said (default: {default(Utterance, 'language')})",
    )
    parser.add_argument(
        "--model", help="an installed model or a model folder (default: the voice's own, or tiny)"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a .wav, .flac or .ogg file; '-' writes WAV to the standard output",
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE.json", help="write how it went: seed, timings and more"
    )
    parser.add_argument(
        "--seed", type=int, metavar="INT", help="the same seed gives the same sound again"
    )
    parser.add_argument(
        "--noise-scale",
        type=float,
        metavar="FLOAT",
        default=default(Delivery, "noise_scale"),
        help="liveliness of the decoder, 0 to 1; tiny has none there "
        f"(default: {default(Delivery, 'noise_scale'):g})",
    )
    parser.add_argument(
        "--rate", type=int, metavar="INT", help="samples per second (default: the model's own)"
    )
    parser.add_argument("--quiet", action="store_true", help="only warnings and errors")
    add_lexicon(parser)
    add_engine_options(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Convert.

    Raises:
        UsageError: there is nowhere to write to.
        MynaError: as `Myna.load` and `Myna.convert`.
        OSError: something cannot be read or written.
    """
    _check_output(given)
    Sampling(seed=given.seed)  # what is wrong with it, before the work
    delivery = Delivery(noise_scale=given.noise_scale, rate=given.rate)
    voice, model = chosen(given)
    from myna.checkpoints.store import open_model

    open_model(model)  # before anything that takes time, or reads the standard input
    from myna.audio.recordings import read

    recording = read(sys.stdin.buffer if given.recording == "-" else Path(given.recording))
    console = Console(quiet=given.quiet)
    console.progress(f"loading {model} ...")
    myna = load(model, given)
    ready = console.seconds
    console.progress("listening ...")

    def progress(done: int, count: int) -> None:
        console.progress(f"{done} of {count} parts, {console.seconds - ready:.1f} s")

    speech = myna.convert(
        recording,
        voice or given.voice,
        text=given.text,
        language=given.language,
        lexicon=lexicon_text(given),
        seed=given.seed,
        delivery=delivery,
        progress=progress,
    )
    seconds = console.seconds - ready
    if given.output == "-":
        from myna.audio.encoders import encode

        sys.stdout.buffer.write(encode(speech.audio, "wav"))
    else:
        speech.save(given.output)
    if given.report is not None:
        save_report(given.report, speech, seconds)
    for warning in speech.report.warnings:
        print(f"myna: warning: {shown(warning)}", file=sys.stderr)
    console.say(f"{summary(speech.audio.seconds, seconds)}, seed {speech.report.seed}")
    return 0


def _check_output(given: argparse.Namespace) -> None:
    """All that can be wrong with the output, before the work."""
    if given.report is not None and not given.report.parent.is_dir():
        raise UsageError(f"--report: the folder {given.report.parent} does not exist.")
    if given.output != "-":
        check_recording_path(Path(given.output))
    elif sys.stdout is None:
        raise UsageError("the standard output is closed; give -o a file.")
    elif sys.stdout.isatty():
        raise UsageError("audio is not for terminals; pipe it on, or give -o a file.")
