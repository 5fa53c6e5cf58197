"""`myna evaluate`: let voices speak, let judges listen, and show the table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from myna.apps.cli.console import Console, UsageError, shown
from myna.apps.cli.options import add_engine_options, add_settings, settings
from myna.datatypes import Sampling

if TYPE_CHECKING:
    from myna.evaluation.evaluating import Progress
    from myna.evaluation.sentences import Sentence
    from myna.evaluation.speakers import Speaker
    from myna.evaluation.voices import Model

_LANGUAGES = ("en", "zh")

_Read: TypeAlias = Callable[[Path], "tuple[Sentence, ...]"]
"""The recordings of a list."""


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        parents=[common],
        help="measure how well voices speak",
        description="Let voices say sentences, and let independent judges listen: words "
        "understood, likeness with the speaker, sound, speed. Recordings and other programs are "
        "rows of the same table. With --out, the same command goes on where it was interrupted. "
        "Without --seed, the seed is 0. See docs/evaluation.md.",
    )
    _add_speakers(parser)
    _add_sentences(parser)
    _add_output(parser)
    add_settings(parser, Sampling)
    add_engine_options(parser)
    parser.set_defaults(run=run)


def _add_speakers(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("who speaks; each may be given again")
    group.add_argument(
        "--voice",
        action="append",
        default=[],
        metavar="NAME|FILE.voice",
        help="one that comes with the model, or a file (default: if nobody is named, all that come "
        "with the model)",
    )
    group.add_argument(
        "--clone",
        type=Path,
        action="append",
        default=[],
        metavar="LIST",
        help="clone every speaker of a list of recordings (path|speaker|language|text)",
    )
    group.add_argument(
        "--recordings",
        type=Path,
        action="append",
        default=[],
        metavar="LIST",
        help="the recordings of a list, as they are",
    )
    group.add_argument(
        "--program",
        action="append",
        default=[],
        metavar="NAME",
        help="another synthesiser: flite or espeak-ng; with a voice of its own, flite:rms",
    )
    group.add_argument(
        "--like",
        action="append",
        default=[],
        metavar="NAME=SOURCE",
        help="recordings of the speaker of the voice NAME, to compare it with: a folder or a list",
    )
    group.add_argument(
        "--model",
        help="what clones, and whose voices have names; a voice from a file speaks with the "
        "installed model that made it, if there is one (default: tiny)",
    )
    group.add_argument(
        "--clone-seconds",
        type=float,
        default=10.0,
        metavar="FLOAT",
        help="seconds of recordings to clone a speaker from (default: 10)",
    )
    group.add_argument(
        "--clone-text",
        action="store_true",
        help="tell the model what is said in the first recording that it clones",
    )


def _add_sentences(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is said, and who judges")
    group.add_argument(
        "--language", "--lang", choices=_LANGUAGES, default="en", help="of all that is said"
    )
    group.add_argument(
        "--texts",
        type=Path,
        metavar="FILE",
        help="a sentence on each line, or a list of recordings, whose words are said (default: "
        "sentences of our own, 100 in English, 30 short ones in Mandarin)",
    )
    group.add_argument(
        "--limit", type=int, metavar="INT", help="so many sentences at most (default: all)"
    )
    group.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="JUDGE",
        help="leave out a judge and its columns: words, sounds, similarity, mos or pitch",
    )
    group.add_argument(
        "--with",
        dest="also",
        action="append",
        default=[],
        metavar="JUDGE",
        help="ask one more: second, which hears English words coarsely, or sounds, our own "
        "recogniser, in English",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="keep audio, findings, results.json and report.html",
    )
    group.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    group.add_argument("--quiet", action="store_true", help="only the table, warnings and errors")


def run(given: argparse.Namespace) -> int:
    """Evaluate.

    Raises:
        UsageError: options that do not go together.
        MynaError: as `myna.evaluation.evaluating.evaluate`.
        OSError: something cannot be read or written.
    """
    _check(given)
    sampling = settings(given, Sampling)
    sampling = replace(sampling, seed=0) if sampling.seed is None else sampling
    console = Console(quiet=given.quiet)
    from myna.evaluation import page
    from myna.evaluation.evaluating import evaluate
    from myna.evaluation.judges import open_judges
    from myna.evaluation.sentences import of_list
    from myna.evaluation.tables import lines
    from myna.files import save_json

    read = cache(partial(of_list, language=given.language))  # once, with its warnings
    sentences = _sentences(given)
    like = _like(given, read)
    speakers = _speakers(given, like, sampling, read)
    console.progress("calling the judges ...")
    judges = open_judges(given.language, without=given.without, also=given.also)

    def tell(progress: Progress) -> None:
        step = f"{progress.speaker}: {progress.doing}"
        console.progress(f"{step} {progress.done} of {progress.total}")
        if progress.done == progress.total:
            console.say(f"{step}, {progress.total} done")

    try:
        report = evaluate(
            speakers,
            sentences,
            judges,
            known=_known(given, like, read),
            folder=given.out,
            seed=sampling.seed or 0,
            on_progress=tell,
        )
    except KeyboardInterrupt:
        if given.out is not None:
            console.say("What is finished is kept; the same command goes on from there.")
        raise
    if given.json is not None:
        save_json(given.json, report.as_dict())
    written = None if given.out is None else page.write(given.out, report)
    print("\n".join(shown(line) for line in lines(report)))
    if written is not None:
        print(f"report: {shown(str(written))}")
    return 0


def _check(given: argparse.Namespace) -> None:
    if given.limit is not None and given.limit < 1:
        raise UsageError(f"--limit is {given.limit}; at least one sentence is needed.")
    if given.clone_seconds < 1:
        raise UsageError(f"--clone-seconds is {given.clone_seconds:g}; cloning needs 1 s at least.")
    if given.json is not None and not given.json.absolute().parent.is_dir():
        raise UsageError(f"--json: the folder {given.json.parent} does not exist.")
    for each in given.like:
        if not all(each.partition("=")):
            raise UsageError(f"--like takes NAME=SOURCE, not {each!r}.")


def _sentences(given: argparse.Namespace) -> tuple[Sentence, ...]:
    from myna.evaluation.sentences import first, of_file, packaged

    if given.texts is None:
        return packaged(given.language)[: given.limit]
    return first(of_file(given.texts, given.language), given.limit)


def _like(given: argparse.Namespace, read: _Read) -> dict[str, tuple[Sentence, ...]]:
    """Recordings of the speakers of voices, by the voices' names."""
    from myna.evaluation.sentences import by_speaker, of_folder

    found = {}
    for each in given.like:
        name, _, source = each.partition("=")
        if Path(source).is_dir():
            found[name] = of_folder(source)
            continue
        people = by_speaker(read(Path(source)))
        if name not in people and len(people) > 1:
            raise UsageError(
                f"--like {name}: {source} has {len(people)} speakers, and none of that name."
            )
        found[name] = people[name] if name in people else next(iter(people.values()))
    return found


def _speakers(
    given: argparse.Namespace,
    like: Mapping[str, Sequence[Sentence]],
    sampling: Sampling,
    read: _Read,
) -> list[Speaker]:
    from myna.evaluation.programs import Program
    from myna.evaluation.sentences import by_speaker, first, worded
    from myna.evaluation.speakers import Recorded
    from myna.evaluation.voices import cloned, from_file

    found: list[Speaker] = []
    for path in given.recordings:
        everyone = by_speaker(read(path))
        people = by_speaker(first(worded(read(path), path), given.limit))
        found += [Recorded(name or path.stem, own, everyone[name]) for name, own in people.items()]
    found += [Program(name, given.language) for name in given.program]
    models = _Models(given)
    voices = _voices(given, models)
    for name in like:
        if name not in {path.stem for path, _ in voices}:
            raise UsageError(f"--like {name}: there is no --voice of that name.")
    for path, model in voices:
        found.append(from_file(path, model, sampling, tuple(like.get(path.stem, ()))))
    for path in given.clone:
        recorded = worded(read(path), path) if given.clone_text else read(path)
        found += [
            cloned(
                name or path.stem,
                recordings,
                models.named(given.model or "tiny"),
                sampling,
                seconds=given.clone_seconds,
                worded=given.clone_text,
            )
            for name, recordings in by_speaker(recorded).items()
        ]
    return found


def _voices(given: argparse.Namespace, models: _Models) -> list[tuple[Path, Model]]:
    """Files of voices with their models; all that come with the model if nobody was named."""
    asked = given.model or "tiny"
    if not (given.voice or given.clone or given.recordings or given.program):
        model = models.named(asked)
        if not model.voices:
            raise UsageError(
                f"who is to speak? No voice comes with {asked}; give --voice, --clone, "
                f"--recordings or --program."
            )
        return [(path, model) for path in model.voices.values()]
    found = []
    for name in given.voice:
        path = Path(name)
        if path.suffix == ".voice" or path.is_file():
            found.append((path, models.of(path)))
            continue
        model = models.named(asked)
        if name not in model.voices:
            with_it = ", ".join(model.voices) or "none"
            raise UsageError(
                f"--voice {name}: of the voices that come with {asked} ({with_it}) none is called "
                f"so; others are files that end in .voice."
            )
        found.append((model.voices[name], model))
    return found


def _known(
    given: argparse.Namespace, like: Mapping[str, Sequence[Sentence]], read: _Read
) -> dict[str, Sequence[Sentence]]:
    """Recordings by person, of all lists that were given."""
    from myna.evaluation.sentences import by_speaker

    known: dict[str, Sequence[Sentence]] = dict(like)
    for path in dict.fromkeys([*given.recordings, *given.clone]):
        known |= by_speaker(read(path))
    return known


class _Models:
    """Models by name, each of them loaded once."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._models: dict[str, Model] = {}

    def named(self, name: str) -> Model:
        """The model of a name, or in a folder."""
        from myna.evaluation.voices import Model

        if name not in self._models:
            given = self._given
            self._models[name] = Model(
                name,
                engine=given.engine,
                device=given.device,
                precision=given.precision,
                threads=given.threads,
            )
        return self._models[name]

    def of(self, voice: Path) -> Model:
        """The installed model that understood a voice, else the one that was named."""
        from myna.checkpoints.store import installed
        from myna.datatypes import Voice

        wanted = Voice.load(voice)
        same = (str(each.path) for each in installed() if each.fingerprint == wanted.model)
        return self.named(next(same, None) or self._given.model or wanted.family)
