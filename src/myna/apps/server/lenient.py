"""Values as clients really send them: `"5"` for 5, `ture` for true, `none` for nothing at all.

A name that nobody asks for is ignored, and a name without a value is absent. What cannot be read
as what it should be is refused in the shape that FastAPI gives such errors (422); what can be read,
but lies outside its range, is a `ConfigError` that names the range.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request

from myna.errors import ConfigError
from myna.text.notes import language_of
from myna.text.segments import MODES

TRUE = frozenset(("true", "on", "1", "yes", "y", "t", "ture"))
FALSE = frozenset(("false", "off", "0", "no", "n", "f", "flase", "none", "null", ""))

ABSENT = frozenset(("", "none", "null", "undefined"))
"""Words for nothing, in the mouths of Python, JSON and JavaScript."""

LANGUAGES: Mapping[str, str] = {mode: mode for mode in MODES} | {
    "audo": "auto",
    "自动": "auto",
    "中文": "all_zh",
    "汉语": "all_zh",
    "粤语": "all_yue",
    "英文": "en",
    "英语": "en",
    "日文": "all_ja",
    "日语": "all_ja",
    "韩文": "all_ko",
    "韩语": "all_ko",
    "中英混合": "zh",
    "粤英混合": "yue",
    "日英混合": "ja",
    "韩英混合": "ko",
    "多语种混合": "auto",
    "多语种混合(粤语)": "auto_yue",
    "multilingual": "auto",
    "chinese": "zh",
    "mandarin": "zh",
    "cantonese": "yue",
    "english": "en",
    "japanese": "ja",
    "korean": "ko",
    "cn": "zh",
    "jp": "ja",
    "kr": "ko",
}
"""Modes of `myna.text.segments` by the names clients give them. That 中文 is `all_zh`, and 中英混合
`zh`, is as in GPT-SoVITS."""

STREAMING_MODES = (
    "the value of streaming_mode must be 0, 1, 2, 3(int) or true/false(bool)"  # as GPT-SoVITS says
)

LONGEST_LIST = 16
"""Values in a list at most."""

_SHOWN = 60
"""Characters of a value that an error repeats."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Fields:
    """What a request gives, by name; every reading takes several names, and the first one given.

    Args:
        given: of each name, its values; of a repeated one the last counts, except in a list.
        where: `query`, `body` or `form`, for errors.
    """

    def __init__(self, given: Mapping[str, Sequence[object]], where: str) -> None:
        self._given, self._where = given, where

    def __contains__(self, name: object) -> bool:
        return name in self._given

    def has(self, *names: str) -> bool:
        """Whether any of these has a value."""
        return self._found(names)[1] is not None

    def text(self, *names: str, verbatim: bool = False) -> str:
        """A string without spaces at its ends, empty if absent.

        With `verbatim` as it was given: words to be said may be `none`.
        """
        name, value = self._found(names, verbatim)
        if value is None:
            return ""
        if isinstance(value, str):
            return value if verbatim else value.strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise self._refusal(name, value, "string_type", "Input should be a valid string")

    def number(self, *names: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`, None if absent.

        Raises:
            ConfigError: it is outside.
        """
        name, value = self._found(names)
        if value is None:
            return None
        number = self._number(name, value)
        if not low <= number <= high:
            raise ConfigError(f"{name} is {_shown(value)}; it goes from {low:g} to {high:g}.")
        return number

    def whole(self, *names: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`, None if absent.

        Raises:
            ConfigError: it is outside.
        """
        name, value = self._found(names)
        if value is None:
            return None
        number = self._exact(name, value)
        if not low <= number <= high:
            raise ConfigError(f"{name} is {_shown(value)}; it goes from {low} to {high}.")
        return number

    def flag(self, *names: str, default: bool = False) -> bool:
        """Yes or no."""
        name, value = self._found(names)
        if value is None:
            return default
        found = flag(value)
        if found is None:
            raise self._refusal(
                name, value, "bool_parsing", "Input should be a valid boolean, unable to interpret"
            )
        return found

    def strings(self, *names: str) -> tuple[str, ...]:
        """A list: of JSON, as JSON in a string, as a repeated name, or one string alone.

        Raises:
            ConfigError: it is longer than `LONGEST_LIST`.
        """
        name = next((name for name in names if name in self._given), names[0])
        values: list[object] = []
        for value in self._given.get(name, ()):
            listed = _listed(value)
            if any(isinstance(each, Mapping | list) for each in listed):
                raise self._refusal(name, value, "string_type", "Input should be a valid string")
            values += listed
        found = tuple(str(_clean(value)).strip() for value in values if not _absent(value))
        if len(found) > LONGEST_LIST:
            raise ConfigError(f"{name} lists {len(found)}; {LONGEST_LIST} are the most.")
        return found

    def streaming_mode(self, *names: str) -> int:
        """0 to 3, or yes and no for 1 and 0.

        Raises:
            ConfigError: anything else.
        """
        _, value = self._found(names)
        if value is None:
            return 0
        word = _word(value)
        if word in ("2", "2.0", "3", "3.0"):
            return int(word[0])
        found = flag(value)
        if found is None:
            raise ConfigError(STREAMING_MODES)
        return int(found)

    def _found(self, names: tuple[str, ...], verbatim: bool = False) -> tuple[str, object]:
        """The first of `names` that has a value, and the value; else the first, and None."""
        for name in names:
            values = self._given.get(name)
            value = values[-1] if values else None
            if value is not None and (verbatim or not _absent(value)):
                return name, _clean(value)
        return names[0], None

    def _exact(self, name: str, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            return int(value)  # seeds have more digits than a float holds
        number = self._number(name, value)
        if not number.is_integer():
            raise self._refusal(
                name, value, "int_from_float", "Input should be a valid integer, got a fraction"
            )
        return int(number)

    def _number(self, name: str, value: object) -> float:
        if not isinstance(value, int | float | str) or isinstance(value, bool):
            raise self._refusal(name, value, "float_type", "Input should be a valid number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        except ValueError as error:
            message = "Input should be a valid number, unable to parse"
            raise self._refusal(name, value, "float_parsing", message) from error
        if not math.isfinite(number):
            raise self._refusal(name, value, "finite_number", "Input should be a finite number")
        return number

    def _refusal(self, name: str, value: object, kind: str, message: str) -> RequestValidationError:
        detail = {"type": kind, "loc": (self._where, name), "msg": message, "input": _shown(value)}
        return RequestValidationError([detail])


def from_query(query: QueryParams) -> Fields:
    """Of a query string."""
    return Fields({name: query.getlist(name) for name in query}, "query")


async def from_body(request: Request, *, any_type: bool = False) -> Fields:
    """Of a JSON object; no body at all is an empty one.

    Args:
        request: not read yet.
        any_type: whatever the body says that it is, as some take it.

    Raises:
        RequestValidationError: the body is something else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if not body:
        return Fields({}, "body")
    plain = kind in ("", "application/json") or kind.endswith("+json")
    try:
        given = json.loads(body, parse_constant=_refuse_constant) if plain or any_type else None
    except (ValueError, RecursionError) as error:
        raise RequestValidationError(
            [{"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error", "input": {}}]
        ) from error
    if not isinstance(given, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        raise RequestValidationError(
            [{"type": "model_attributes_type", "loc": ("body",), "msg": message, "input": {}}]
        )
    return Fields({name: (value,) for name, value in given.items()}, "body")


def flag(value: object) -> bool | None:
    """Yes or no, as clients write them; None if it is neither."""
    if isinstance(value, bool):
        return value
    word = _word(value)
    word = word.removesuffix(".0")
    if word in TRUE:
        return True
    return False if word in FALSE else None


def language(name: str) -> str | None:
    """The mode of `myna.text.segments` that a client means, in whatever case; None if unknown."""
    plain = name.strip().lower().replace("（", "(").replace("）", ")").replace(" ", "")
    return LANGUAGES.get(plain) or language_of(plain)


def _listed(value: object) -> list[object]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return [value]  # a file may be called so
    return list(value) if isinstance(value, list) else [value]


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in ABSENT)


def _clean(value: object) -> object:
    """Halves of characters, which JSON can write and nothing else can, are marked as lost."""
    return _LONE_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _word(value: object) -> str:
    return str(value).strip().lower() if isinstance(value, str | int | float) else "\0"


def _shown(value: object) -> str:
    """As an error may repeat it."""
    if isinstance(value, list | Mapping):
        return "a list" if isinstance(value, list) else "an object"
    try:
        return str(_clean(value))[:_SHOWN]
    except ValueError:  # a whole number with too many digits to be written
        return "a number beyond all bounds"


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
