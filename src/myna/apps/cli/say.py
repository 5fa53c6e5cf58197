"""`myna say`: read a text aloud, into a file or a pipe."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from myna.apps.cli import voices
from myna.apps.cli.console import Console, UsageError, shown
from myna.apps.cli.options import (
    add_cues,
    add_engine_options,
    add_reading,
    add_settings,
    decoded,
    improved,
    lexicon_text,
    load,
    settings,
)
from myna.datatypes import Delivery, Guard, Pacing, Sampling, Utterance, Voice, check_recording_path
from myna.files import replacing
from myna.synthesis.subtitles import cues, srt, vtt

if TYPE_CHECKING:
    from myna.datatypes import Audio, Speech
    from myna.synthesis.speaker import Myna

_RAW = "raw"
_FORMATS = ("wav", "flac", "ogg", _RAW)
_STREAMED = ("wav", _RAW)
_SUBTITLES = {".srt": srt, ".vtt": vtt}


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "say",
        parents=[common],
        help="read a text aloud",
        description="Read a text aloud, with a voice that comes with the model, one from `myna "
        "clone`, or one cloned on the spot.",
    )
    text = parser.add_mutually_exclusive_group()
    text.add_argument("text", nargs="?", help="what to say; '-' or nothing reads standard input")
    text.add_argument("--file", type=Path, help="say what is in this UTF-8 text file")
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--voice",
        metavar="NAME|FILE.voice",
        help="one that comes with the model, see `myna models list`, one of the library, see "
        "`myna voices`, or a file from `myna clone` (default: the first one that comes with the "
        "model)",
    )
    who.add_argument(
        "--reference",
        type=Path,
        action="append",
        metavar="CLIP",
        help="clone this recording; give several for a mean timbre, the first one leads",
    )
    parser.add_argument(
        "--reference-text", default="", metavar="TEXT", help="what is said in the first reference"
    )
    parser.add_argument(
        "--reference-language", default="auto", metavar="LANGUAGE", help="of --reference-text"
    )
    parser.add_argument(
        "--model", help="an installed model or a model folder (default: the voice's own, or tiny)"
    )
    _add_output(parser)
    add_reading(parser)
    add_settings(parser, Sampling)
    add_settings(parser, Delivery)
    add_settings(parser, Guard)
    add_settings(parser, Pacing)
    add_engine_options(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Say it.

    Raises:
        UsageError: options that do not go together.
        MynaError: as `Myna.load`, `Myna.clone` and `Myna.speak`.
        OSError: something cannot be read or written.
    """
    _check_output(given)
    sampling, delivery = settings(given, Sampling), settings(given, Delivery)
    settings(given, Guard), settings(given, Pacing)  # what is wrong with them, before the work
    voice, model = chosen(given)
    from myna.checkpoints.store import open_model

    folder = open_model(model)  # before anything that takes time, or reads the standard input
    if not (given.voice or given.reference or folder.voices):
        raise UsageError("whose voice? Give --voice FILE.voice, or --reference CLIP.")
    text = decoded(given)
    console = Console(quiet=given.quiet)
    console.progress(f"loading {model} ...")
    myna = load(model, given)
    myna.engine.get_ready()
    if given.reference:
        voice = myna.clone(
            given.reference, text=given.reference_text, language=given.reference_language
        )
    elif voice is None:
        voice = myna.voice(given.voice)
    utterance = Utterance(
        text=text,
        voice=voice,
        language=given.language,
        cut=given.cut,
        markup=given.markup,
        improved=improved(given),
        lexicon=lexicon_text(given),
        sampling=sampling,
        delivery=delivery,
    )
    (_stream if given.stream else _speak)(myna, utterance, given, console)
    return 0


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a .wav, .flac or .ogg file; '-' writes to the standard output",
    )
    group.add_argument(
        "--format", choices=_FORMATS, help="with '-o -' (default: wav); raw is 16-bit PCM, mono"
    )
    group.add_argument(
        "--stream", action="store_true", help="with '-o -': write speech while it is made"
    )
    group.add_argument(
        "--report", type=Path, metavar="FILE.json", help="write how it went: seed, timings and more"
    )
    group.add_argument(
        "--subtitles",
        type=Path,
        metavar="FILE",
        help="write what is said when: a .srt or .vtt file",
    )
    add_cues(group)
    group.add_argument("--quiet", action="store_true", help="no progress, only warnings and errors")


def _check_output(given: argparse.Namespace) -> None:
    """All that can be wrong with the output, before the work."""
    for option in ("report", "subtitles"):
        path = getattr(given, option)
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"--{option}: the folder {path.parent} does not exist.")
    if given.subtitles is not None and given.subtitles.suffix.lower() not in _SUBTITLES:
        raise UsageError(f"--subtitles writes {' or '.join(_SUBTITLES)} files.")
    if given.output == "-":
        if sys.stdout is None:
            raise UsageError("the standard output is closed; give -o a file.")
        if sys.stdout.isatty():
            raise UsageError("audio is not for terminals; pipe it on, or give -o a file.")
        if given.stream and given.format not in (None, *_STREAMED):
            raise UsageError(f"--stream writes {' or '.join(_STREAMED)}, not {given.format}.")
        if given.stream and given.report:
            raise UsageError("--stream writes no --report; leave one of them out.")
        if given.stream and given.subtitles:
            raise UsageError("--stream writes no --subtitles; leave one of them out.")
        return
    if given.stream or given.format:
        raise UsageError(
            "--stream and --format go with '-o -'; the format of a file is in its ending."
        )
    check_recording_path(Path(given.output))


def chosen(given: argparse.Namespace) -> tuple[Voice | None, str | Path]:
    """The voice, if it is in a file or in the library, and what speaks with it.

    Raises:
        VoiceError, ModelNotFoundError: there is none.
    """
    voice = (
        Voice.load(given.voice)
        if is_file(given.voice)
        else voices.kept(given.voice, given.model or "tiny")
    )
    return voice, given.model or model_of(voice)


def is_file(voice: str | None) -> bool:
    """Whether a voice was given as a file, rather than by its name or not at all."""
    return voice is not None and (voice.endswith(".voice") or Path(voice).is_file())


def model_of(voice: Voice | None) -> str | Path:
    """The model here that understood the voice, else the one named like its family."""
    if voice is None:
        return "tiny"
    from myna.checkpoints.store import installed

    same = (model.path for model in installed() if model.fingerprint == voice.model)
    return next(same, voice.family)


def _speak(myna: Myna, utterance: Utterance, given: argparse.Namespace, console: Console) -> None:
    ready = console.seconds

    def progress(done: int, count: int) -> None:
        console.progress(f"{done} of {count} sentences, {console.seconds - ready:.1f} s")

    speech = myna.speak(
        utterance.text,
        utterance.voice,
        language=utterance.language,
        cut=utterance.cut,
        sampling=utterance.sampling,
        delivery=utterance.delivery,
        markup=utterance.markup,
        improved=utterance.improved,
        lexicon=utterance.lexicon,
        guard=settings(given, Guard),
        progress=progress,
    )
    seconds = console.seconds - ready
    if given.output == "-":
        _write(sys.stdout.buffer, speech.audio, given.format or "wav")
    else:
        speech.save(given.output)
    if given.report is not None:
        save_report(given.report, speech, seconds)
    if given.subtitles is not None:
        written = _SUBTITLES[given.subtitles.suffix.lower()](cues(speech.timings, given.cues))
        with replacing(given.subtitles) as temporary:
            temporary.write_text(written, encoding="utf-8", newline="\n")
    for warning in speech.report.warnings:
        print(f"myna: warning: {shown(warning)}", file=sys.stderr)
    console.say(
        f"{len(speech.sentences)} of {len(speech.sentences)} sentences, "
        f"{summary(speech.audio.seconds, seconds)}, seed {speech.report.seed}"
    )


def _stream(myna: Myna, utterance: Utterance, given: argparse.Namespace, console: Console) -> None:
    from myna.audio.encoders import open_wav_header

    pieces = myna.stream(
        utterance.text,
        utterance.voice,
        language=utterance.language,
        cut=utterance.cut,
        sampling=utterance.sampling,
        delivery=utterance.delivery,
        markup=utterance.markup,
        improved=utterance.improved,
        lexicon=utterance.lexicon,
        pacing=settings(given, Pacing),
    )
    out, spoken, count, ready = sys.stdout.buffer, 0.0, 0, console.seconds
    for count, piece in enumerate(pieces, 1):
        if count == 1 and given.format != _RAW:
            out.write(open_wav_header(piece.rate))
        _write(out, piece, _RAW)
        out.flush()
        spoken += piece.seconds
        console.progress(f"{spoken:.1f} s of speech, {console.seconds - ready:.1f} s")
    console.say(summary(spoken, console.seconds - ready))


def _write(out: BinaryIO, audio: Audio, container: str) -> None:
    from myna.audio.encoders import encode

    out.write(encode(audio, container))


def save_report(path: Path, speech: Speech, seconds: float) -> None:
    """Write how it went, and what it took in seconds."""
    facts = {
        **speech.report.as_dict(),
        "timings": [asdict(timing) for timing in speech.timings],
        "rate": speech.audio.rate,
        "seconds": speech.audio.seconds,
        "elapsed": seconds,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")


def summary(spoken: float, seconds: float) -> str:
    """How much was said in what time."""
    return f"{spoken:.1f} s of speech in {seconds:.1f} s (real-time factor {seconds / spoken:.2f})"
