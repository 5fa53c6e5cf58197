"""Options of the command line, made from the settings they stand for.

A field of a settings class becomes an option: its name, type, default and the words written under
it are taken from there, so that a range or a default stands in one place only.
"""

import argparse
import ast
import inspect
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

Settings = TypeVar("Settings")

_TYPES = {"int": int, "int | None": int, "float": float}


def add_settings(parser: argparse.ArgumentParser, kind: type[Any]) -> None:
    """One option for each field of a settings class."""
    group = parser.add_argument_group(f"{kind.__name__.lower()} settings")
    words = field_docs(kind)
    for each in fields(kind):
        default = "" if each.default is None else f" (default: {each.default:g})"
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
    """The string written under each field of a class."""
    (definition,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(definition, ast.ClassDef)
    docs = {}
    for above, below in zip(definition.body, definition.body[1:], strict=False):
        match above, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = " ".join(text.split())
    return docs


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """The options that `Myna.load` takes."""
    from myna.engines import ENGINES

    group = parser.add_argument_group("engine")
    group.add_argument("--engine", choices=ENGINES, default="auto", help="what computes")
    group.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 ... (default: auto)")
    group.add_argument(
        "--precision", default="auto", help="float32, float16 or bfloat16 (default: auto)"
    )


def _option(each: Field[Any]) -> str:
    return f"--{each.name.replace('_', '-')}"


def _help(text: str) -> str:
    text = text.replace("%", "%%")
    return (text[0].lower() + text[1:]).removesuffix(".")
