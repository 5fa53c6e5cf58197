"""Options of the command line, made from the settings they stand for.

A field of a settings class becomes an option: its name, type, default and the words written under
it are taken from there, so that a range or a default stands in one place only.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from dataclasses import MISSING, Field, fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from myna.apps.cli.console import UsageError
from myna.datatypes import Utterance
from myna.errors import TextError
from myna.synthesis.subtitles import CUES

if TYPE_CHECKING:
    from myna.synthesis.speaker import Myna

Settings = TypeVar("Settings")

_TYPES = {"int": int, "int | None": int, "float": float, "float | None": float, "str": str}


def add_settings(parser: argparse.ArgumentParser, kind: type[Any]) -> None:
    """One option for each field of a settings class."""
    name = kind.__name__.removesuffix("Settings").lower()
    group = parser.add_argument_group(f"{name} settings")
    words = field_docs(kind)
    for each in fields(kind):
        if each.type == "bool":
            group.add_argument(
                _option(each),
                action=argparse.BooleanOptionalAction,
                default=each.default,
                help=_help(words[each.name]),
            )
            continue
        shown = each.default if isinstance(each.default, str) else f"{each.default or 0:g}"
        default = "" if each.default in (None, "") else f" (default: {shown})"
        group.add_argument(
            _option(each),
            type=_TYPES[str(each.type)],
            default=each.default,
            metavar=_TYPES[str(each.type)].__name__.upper(),
            help=_help(words[each.name]) + default,
        )


def settings(given: argparse.Namespace, kind: type[Settings]) -> Settings:
    """The settings that were given.

    Raises:
        ConfigError: one is outside its range.
    """
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: getattr(given, name) for name in names})


def default(kind: type[Any], name: str) -> Any:
    """The default of a field."""
    (value,) = (each.default for each in fields(kind) if each.name == name)
    assert value is not MISSING, name
    return value


def field_docs(kind: type[Any]) -> dict[str, str]:
    """The string written under each field of a class at the top of its module."""
    docs = {}
    for above, below in pairwise(_classes(kind.__module__)[kind.__name__].body):
        match above, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = " ".join(text.split())
    return docs


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """By name; modules are parsed once, which `inspect.getsource` does for every class."""
    body = ast.parse(inspect.getsource(sys.modules[module])).body
    return {each.name: each for each in body if isinstance(each, ast.ClassDef)}


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """The options that `Myna.load` takes."""
    from myna.engines import ENGINES

    group = parser.add_argument_group("engine")
    group.add_argument("--engine", choices=ENGINES, default="auto", help="what computes")
    group.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 ... (default: auto)")
    group.add_argument(
        "--precision",
        default="auto",
        help="float32, int8 (engine onnx), float16 or bfloat16 (torch) (default: auto)",
    )
    group.add_argument(
        "--threads", type=int, metavar="INT", help="of the engine onnx (default: all cores)"
    )


_READINGS = ("compatible", "improved")


def load(model: str | Path, given: argparse.Namespace) -> Myna:
    """A model, as the options of `add_engine_options` say.

    Raises:
        MynaError: as `Myna.load`.
    """
    from myna.synthesis.speaker import Myna

    return Myna.load(
        model,
        engine=given.engine,
        device=given.device,
        precision=given.precision,
        threads=given.threads,
        polyphones=given.polyphones,
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The options that say how text is read."""
    from myna.text.cutting import METHODS
    from myna.text.markup import SYNTAXES
    from myna.text.segments import MODES

    language, cut = default(Utterance, "language"), default(Utterance, "cut")
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--language",
        "--lang",
        default=language,
        help=f"{', '.join(MODES)}; all_ gives it the numbers too, see docs/text.md "
        f"(default: {language})",
    )
    group.add_argument(
        "--cut",
        choices=METHODS,
        default=cut,
        metavar="METHOD",
        help=f"how to cut into sentences: {', '.join(METHODS)} (default: {cut})",
    )
    group.add_argument(
        "--reading",
        choices=_READINGS,
        help="as the published voices were trained, or as a native reads (default: the voice's "
        "own; compatible for the published ones)",
    )
    group.add_argument(
        "--markup",
        choices=SYNTAXES,
        default=default(Utterance, "markup"),
        help="what in the text is markup, see docs/markup.md "
        f"(default: {default(Utterance, 'markup')})",
    )
    add_lexicon(group)


def add_lexicon(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """The options that give readings of words."""
    group.add_argument(
        "--lexicon",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="readings of words, see docs/markup.md; may be given again, then what a later file "
        "says of a word counts",
    )
    group.add_argument(
        "--polyphones",
        type=Path,
        metavar="FOLDER",
        help="a g2pW model, which reads Mandarin polyphones by their context",
    )


def add_cues(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add `--cues`: what a cue of subtitles is."""
    group.add_argument(
        "--cues",
        choices=CUES,
        default=CUES[0],
        help="what a cue of the subtitles is: a sentence, as much of one as two lines hold, or a "
        f"word (default: {CUES[0]})",
    )


def improved(given: argparse.Namespace) -> bool | None:
    """Whether to read as a native does; None if that was not said."""
    return None if given.reading is None else given.reading == "improved"


def lexicon_text(given: argparse.Namespace) -> str:
    """The lines of all lexicons that were given.

    Raises:
        TextError: there is none of that name, or it is not well formed.
        OSError: one cannot be read.
    """
    if not given.lexicon:
        return ""
    from myna.text import read_lexicon

    return "".join(read_lexicon(path).as_text() for path in given.lexicon)


def reading(given: argparse.Namespace) -> dict[str, Any]:
    """What `myna.text.read` takes of these options."""
    polyphones = None
    if given.polyphones is not None:
        from myna.engines.polyphones import open_g2pw

        polyphones = open_g2pw(given.polyphones)
    return {
        "improved": improved(given),
        "lexicon": lexicon_text(given),
        "polyphones": polyphones,
    }


def decoded(given: argparse.Namespace) -> str:
    """The text that was given, in whatever way.

    Raises:
        UsageError: none was.
        TextError: it is not in UTF-8.
        OSError: it cannot be read.
    """
    if given.file is not None:
        return _utf8(str(given.file), given.file.read_bytes())
    if given.text not in (None, "-"):
        return str(given.text)
    if sys.stdin is None or (given.text is None and sys.stdin.isatty()):
        raise UsageError("what to say? Give a text, --file FILE, or pipe one in.")
    return _utf8("The standard input", sys.stdin.buffer.read())


def _utf8(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(f"{name} is not text in UTF-8 ({error}); convert it first.") from error


def _option(each: Field[Any]) -> str:
    return f"--{each.name.replace('_', '-')}"


def _help(text: str) -> str:
    text = text.replace("%", "%%")
    return (text[0].lower() + text[1:]).removesuffix(".")
