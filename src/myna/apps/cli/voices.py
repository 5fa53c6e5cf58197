"""`myna voices`: keep voices by name, so that every program on this machine finds them."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.cli.console import Console, UsageError, amount, shown
from myna.apps.cli.options import add_engine_options, add_lexicon, lexicon_text, load
from myna.errors import ModelNotFoundError, VoiceError

if TYPE_CHECKING:
    from myna.apps.library import Library
    from myna.apps.library.tables import IfTaken
    from myna.datatypes import Voice


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command and its own commands."""
    parser = commands.add_parser("voices", help="keep voices by name: add, list, export and more")
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    place = argparse.ArgumentParser(add_help=False, parents=[common])
    place.add_argument(
        "--library",
        type=Path,
        metavar="FOLDER",
        help="where they are kept (default: voices in the data folder)",
    )

    action = actions.add_parser("list", parents=[place], help="voices that are kept")
    action.add_argument(
        "query", nargs="?", default="", help="only those with this in their names or descriptions"
    )
    action.add_argument("--json", action="store_true", help="for programs")
    action.set_defaults(run=_list)

    action = actions.add_parser(
        "add",
        parents=[place],
        help="clone recordings and keep the voice",
        description="Clone 3 to 10 s of clear speech of one person, and keep the voice by name.",
    )
    _add_clips(action)
    _add_words(action)
    add_lexicon(action)
    add_engine_options(action)
    action.set_defaults(run=_add)

    action = actions.add_parser("show", parents=[place], help="all that is known of a voice")
    action.add_argument("voice", metavar="NAME", help="its name, another name of it, or its id")
    action.add_argument("--json", action="store_true", help="for programs")
    action.set_defaults(run=_show)

    action = actions.add_parser("rename", parents=[place], help="call a voice something else")
    action.add_argument("voice", metavar="NAME")
    action.add_argument("name", metavar="NEW")
    action.set_defaults(run=_rename)

    action = actions.add_parser("remove", parents=[place], help="delete voices")
    action.add_argument("voices", nargs="+", metavar="NAME")
    action.set_defaults(run=_remove)

    action = actions.add_parser("export", parents=[place], help="write a voice to a file")
    action.add_argument("voice", metavar="NAME")
    action.add_argument(
        "-o", "--output", required=True, metavar="FILE.voice", help="'-' for the standard output"
    )
    action.set_defaults(run=_export)

    action = actions.add_parser(
        "import",
        parents=[place],
        help="keep voice files",
        description="Keep voice files from `myna clone` or `myna voices export` as they are.",
    )
    action.add_argument("files", nargs="+", type=Path, metavar="FILE.voice")
    _add_words(action)
    action.set_defaults(run=_import)


def kept(name: str | None, model: str | Path) -> Voice | None:
    """The voice of this name in the library; None if one that comes with the model has the name,
    or nobody.

    Raises:
        VoiceError: the library, or the voice in it, is damaged.
        BusyError: others do not let go of the library.
    """
    from myna.apps.library import Library
    from myna.apps.library.index import FILE
    from myna.checkpoints.store import open_model
    from myna.files import data_folder

    if name is None or not (data_folder() / "voices" / FILE).is_file():
        return None
    try:
        bundled = open_model(model).voices
    except ModelNotFoundError:  # the voice may be one for another model, which is here
        bundled = {}
    if name in bundled:
        return None
    with Library() as library:
        entry = library.find(name)
        return None if entry is None else library.voice(entry)


def _add_clips(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "clips",
        nargs="+",
        type=Path,
        metavar="CLIP",
        help="a recording; of several, the first one leads and all are averaged in timbre",
    )
    action.add_argument(
        "--text",
        default="",
        help="what is said in the first one; without it only the timbre is taken",
    )
    action.add_argument("--language", default="auto", help="of --text (default: auto)")
    action.add_argument("--model", default="tiny", help="an installed model, or a model folder")
    action.add_argument("--licence", default="", help="terms of use that travel with the voice")
    action.add_argument(
        "--consent", default="", help="whose voice it is and how they agreed; travels with it"
    )
    action.add_argument("--quiet", action="store_true", help="only warnings and errors")


def _add_words(action: argparse.ArgumentParser) -> None:
    action.add_argument("--name", default="", help="what to call it (default: of the file)")
    action.add_argument("--description", metavar="WORDS", help="a few words about it")
    action.add_argument(
        "--alias", action="append", metavar="NAME", help="another name; may be given again"
    )
    action.add_argument(
        "--for",
        action="append",
        dest="languages",
        metavar="LANGUAGE",
        help="a language it is meant for; may be given again (default: of the recording)",
    )
    taken = action.add_mutually_exclusive_group()
    taken.add_argument("--replace", action="store_true", help="put it in the place of its namesake")
    taken.add_argument("--number", action="store_true", help="call it `NAME 2` if NAME is taken")


def _library(given: argparse.Namespace) -> Library:
    from myna.apps.library import Library

    return Library(given.library)


def _words(given: argparse.Namespace) -> dict[str, Any]:
    if_taken: IfTaken = "replace" if given.replace else "number" if given.number else "refuse"
    return {
        "description": given.description,
        "aliases": given.alias,
        "languages": given.languages,
        "if_taken": if_taken,
    }


def _list(given: argparse.Namespace) -> int:
    with _library(given) as library:
        entries = library.list(given.query)
        count = library.count()
    if given.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return 0
    for entry in entries:
        facts = (entry.name, entry.family, ",".join(entry.languages), amount(entry.size))
        name, family, languages, size = map(shown, facts)
        about = shown(entry.description.partition("\n")[0])
        about = f"[{entry.owner}] {about}" if entry.owner else about
        print(f"{name:<24} {family:<12} {languages:<8} {size:>10}  {about}".rstrip())
    if not count:
        print("No voice is kept. Make one with `myna voices add`.")
    elif not entries:
        print(f"None of {count} voices has that in its names or description.")
    return 0


def _add(given: argparse.Namespace) -> int:
    wanted = given.name or given.clips[0].stem
    from myna.apps.library import names
    from myna.checkpoints.store import open_model

    with _library(given) as library:
        found = library.find(names.checked(wanted))
        if found is not None and not (given.replace or given.number):  # before the work
            raise VoiceError(
                f"A voice called {found.name!r} is kept already. Give another --name, --replace or "
                f"--number."
            )
        open_model(given.model)
        console = Console(quiet=given.quiet)
        console.progress(f"loading {given.model} ...")
        myna = load(given.model, given)
        console.progress("listening ...")
        voice = myna.clone(
            given.clips,
            text=given.text,
            language=given.language,
            name=wanted,
            licence=given.licence,
            consent=given.consent,
            lexicon=lexicon_text(given),
        )
        entry = library.add(voice, name=wanted, **_words(given))
    for clip, heard in zip(given.clips, voice.details["references"], strict=True):
        for warning in heard["warnings"]:
            print(f"myna: warning: {clip}: {warning}", file=sys.stderr)
    console.say(f"{shown(entry.name)}: kept as {entry.id}, for {entry.family}")
    return 0


def _show(given: argparse.Namespace) -> int:
    with _library(given) as library:
        entry = library.get(given.voice)
    facts = asdict(entry)
    if given.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return 0
    facts |= {"size": amount(entry.size)}
    for name, value in facts.items():
        words = ", ".join(value) if isinstance(value, tuple) else str(value)
        if words:
            print(f"{name}: {shown(words)}")
    return 0


def _rename(given: argparse.Namespace) -> int:
    with _library(given) as library:
        before = library.get(given.voice)
        after = library.rename(before, given.name)
    print(f"{shown(before.name)} is now called {shown(after.name)}.")
    return 0


def _remove(given: argparse.Namespace) -> int:
    with _library(given) as library:
        for entry in [library.get(each) for each in given.voices]:  # none, if one is not there
            library.delete(entry)
            print(f"{shown(entry.name)} is removed.")
    return 0


def _export(given: argparse.Namespace) -> int:
    from myna.datatypes import check_voice_path
    from myna.files import replacing

    if given.output == "-":
        if sys.stdout is None or sys.stdout.isatty():
            raise UsageError("a voice is not for terminals; pipe it on, or give -o a file.")
    else:
        check_voice_path(Path(given.output))
    with _library(given) as library:
        data = library.export(given.voice)
    if given.output == "-":
        sys.stdout.buffer.write(data)
        return 0
    with replacing(given.output) as temporary:
        temporary.write_bytes(data)
    return 0


def _import(given: argparse.Namespace) -> int:
    if len(given.files) > 1 and (given.name or given.alias):
        raise UsageError("--name and --alias are for one file; import the others one by one.")
    failed = []
    with _library(given) as library:
        for file in given.files:
            try:
                entry = library.import_(_content(file), given.name, **_words(given))
            except VoiceError as error:
                failed.append(f"{file}: {error}")
            else:
                print(f"{file}: kept as {shown(entry.name)}, for {shown(entry.family)}")
    if failed:
        raise VoiceError(" ".join(failed))
    return 0


def _content(file: Path) -> bytes:
    from myna.apps.library.library import LARGEST

    with file.open("rb") as stream:
        return stream.read(LARGEST + 1)
