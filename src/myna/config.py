"""Recipe files: TOML read strictly into frozen dataclasses, and written back.

A key that no field has, a value of another type or a field without a value is an error that names
the file, the key and what was expected; what a dataclass checks itself in `__post_init__` is told
with the key's place. Fields may be `bool`, `int`, `float`, `str`, tuples, `Mapping[str, X]`, other
dataclasses, and `X | None`, for which the file says `"none"` or nothing.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from myna.errors import ConfigError

T = TypeVar("T")

NONE = "none"
"""How a file says None."""


def read(source: Path | str, kind: type[T], *, overrides: Sequence[str] = ()) -> T:
    """Read a recipe file.

    Args:
        source: path of a TOML file.
        kind: dataclass that the file holds; what it leaves out keeps the field's default.
        overrides: settings that win over the file's, such as `loop.steps=100`; values are written
            as in TOML, and text needs no quotes.

    Raises:
        ConfigError: there is no such file, it is no TOML, or a setting is unknown or unfit.
    """
    path = Path(source)
    if not path.is_file():
        raise ConfigError(f"There is no recipe file {path}.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8 ({error.reason}).") from error
    return parse(text, kind, name=str(path), overrides=overrides)


def parse(
    text: str, kind: type[T], *, name: str = "the recipe", overrides: Sequence[str] = ()
) -> T:
    """`read`, of TOML that is at hand; errors call it `name`."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # as for numbers of thousands of digits
        raise ConfigError(f"{name} is no TOML: {error}.") from error
    origins: dict[str, str] = {}
    for override in overrides:
        _override(table, override)
        origins[override.partition("=")[0].strip()] = f"setting {override!r}"
    return typing.cast(T, _Reader(name, origins).table(table, kind, ""))


def as_toml(value: Any) -> str:
    """A dataclass as TOML that `read` turns into an equal one; every field is written."""
    lines: list[str] = []
    _write(_plain(value), "", lines)
    return "\n".join(lines).lstrip("\n") + "\n"


@dataclass(frozen=True, slots=True)
class _Given:
    """A value from the command line, whose type is not known yet."""

    text: str

    def value(self) -> Any:
        try:
            table = tomllib.loads(f"value = {self.text}")
        except (ValueError, RecursionError):
            return self.text
        return table["value"] if len(table) == 1 else self.text


def _override(table: dict[str, Any], override: str) -> None:
    place, equals, text = override.partition("=")
    names = [name.strip() for name in place.split(".")]
    if not equals or not all(names):
        raise ConfigError(f"{override!r} is no setting; write it like loop.steps=100.")
    for depth, name in enumerate(names[:-1], 1):
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigError(
                f"{override!r} cannot be set: {'.'.join(names[:depth])} is no table of settings."
            )
    table[names[-1]] = _Given(text.strip())


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns values of TOML into values of declared types."""

    name: str
    origins: Mapping[str, str]
    """Where settings come from if not from the file, by key path."""

    def wrong(self, path: str, what: str) -> ConfigError:
        origin = self.origins.get(path, self.name)
        return ConfigError(f"{origin}: {path + ': ' if path else ''}{what}")

    def table(self, value: Any, kind: type[Any], path: str) -> Any:
        if not isinstance(value, Mapping):
            raise self.wrong(path, f"expected a table of settings, found {_shown(value)}.")
        hints = typing.get_type_hints(kind)
        known = {field.name: field for field in fields(kind) if field.init}
        for key in value:
            if key not in known:
                raise self.wrong(_join(path, key), f"there is no such setting{_hint(key, known)}")
        given = {key: self.value(part, hints[key], _join(path, key)) for key, part in value.items()}
        for key, field in known.items():
            if key not in given and _required(field):
                raise self.wrong(_join(path, key), "this setting has no default; give it a value.")
        try:
            return kind(**given)
        except ConfigError as error:
            raise self.wrong(path, str(error)) from error

    def value(self, value: Any, kind: Any, path: str) -> Any:
        if isinstance(value, _Given):
            value = value.text if kind is str and value.text[:1] not in "\"'" else value.value()
        origin = typing.get_origin(kind)
        arguments = typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            (some,) = (each for each in arguments if each is not types.NoneType)
            return None if value == NONE else self.value(value, some, path)
        if is_dataclass(kind):
            return self.table(value, typing.cast(type[Any], kind), path)
        if origin is tuple:
            return self.items(value, arguments, path)
        if origin in (dict, Mapping):
            if not isinstance(value, Mapping):
                raise self.wrong(path, f"expected a table, found {_shown(value)}.")
            return {
                key: self.value(part, arguments[1], _join(path, key)) for key, part in value.items()
            }
        return self.scalar(value, kind, path)

    def items(self, value: Any, kinds: tuple[Any, ...], path: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise self.wrong(path, f"expected a list, found {_shown(value)}.")
        if kinds[-1] is Ellipsis:
            kinds = kinds[:1] * len(value)
        if len(value) != len(kinds):
            raise self.wrong(path, f"expected {len(kinds)} values, found {len(value)}.")
        pairs = zip(value, kinds, strict=True)
        return tuple(self.value(part, kind, f"{path}[{i}]") for i, (part, kind) in enumerate(pairs))

    def scalar(self, value: Any, kind: Any, path: str) -> Any:
        if kind is float and type(value) is int:
            try:
                value = float(value)
            except OverflowError:
                raise self.wrong(path, "expected a number, found one too large.") from None
        if type(value) is not kind:
            raise self.wrong(path, f"expected {_KINDS[kind]}, found {_shown(value)}.")
        if kind is float and math.isnan(value):
            raise self.wrong(path, "expected a number, found nan.")
        return value


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _hint(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}."


def _shown(value: Any) -> str:
    return "a table" if isinstance(value, Mapping) else repr(value)


def _plain(value: Any) -> Any:
    """Of the values that TOML knows; tables are dicts."""
    if is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.init
        }
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return NONE if value is None else value


def _write(table: Mapping[str, Any], path: str, lines: list[str]) -> None:
    lines += [f"{_key(k)} = {_inline(v)}" for k, v in table.items() if not isinstance(v, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            place = _join(path, _key(key))
            lines += ["", f"[{place}]"]
            _write(value, place, lines)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _inline(key)


def _inline(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(_inline(part) for part in value) + "]"
        case str():
            # JSON writes strings as TOML does, but for this one character.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")
