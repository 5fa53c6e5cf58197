"""What a line of a script says, whatever kind of file it stands in."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from myna.datatypes import Delivery, Sampling
from myna.errors import ConfigError

MOST_CHARACTERS = 20_000
"""Of one text."""
MOST_ENTRIES = 100_000
"""Of one script."""
LONGEST_GAP = 60.0
"""Seconds."""
LATEST = 100 * 3600.0
"""Seconds: no cue is later."""


class Fault(NamedTuple):
    """What is wrong with a script, and in which line of the file."""

    line: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing to say. What is None or empty here is chosen for the whole run."""

    line: int
    """Where it starts in its file, from 1."""
    text: str
    id: str = ""
    """The name of its recording, besides its number."""
    voice: str = ""
    reference: str = ""
    """A recording to clone, in place of a voice."""
    reference_text: str = ""
    reference_language: str = ""
    model: str = ""
    language: str = ""
    cut: str = ""
    markup: str = ""
    start: float | None = None
    """Of a cue: seconds at which it starts and ends. None, both, if it has no time."""
    end: float | None = None
    gap: float | None = None
    """Seconds of silence behind it where all are joined."""
    paragraph: bool = False
    """Whether a paragraph starts with it."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Sampling`."""
    delivery: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Delivery`."""

    @property
    def cue(self) -> tuple[float, float]:
        """Start and end, of one that has them."""
        assert self.start is not None
        assert self.end is not None
        return self.start, self.end


_KINDS: dict[str, type] = {"int": int, "int | None": int, "float": float, "float | None": float}
_SAMPLING = {each.name: _KINDS[str(each.type)] for each in fields(Sampling)}
_DELIVERY = {each.name: _KINDS[str(each.type)] for each in fields(Delivery) if each.name != "rate"}
_WORDS = (
    *("text", "id", "voice", "reference", "reference_text", "reference_language"),
    *("model", "language", "cut", "markup"),
)
_OWN: dict[str, type] = {
    **dict.fromkeys(_WORDS, str),
    **dict.fromkeys(("start", "end", "gap"), float),
    "paragraph": bool,
}
KEYS: Mapping[str, type[Any]] = {**_OWN, **_SAMPLING, **_DELIVERY}
"""What a line may say, and of which kind its value is."""
ALIASES: Mapping[str, str] = {"name": "id", "lang": "language"}
"""Other names of keys."""

_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_LIMITS = {"start": LATEST, "end": LATEST, "gap": LONGEST_GAP}
_CHOICES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_BAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_MOST_SHORT = 500
"""Characters of a value that is no text to say."""


def known(name: str) -> str | None:
    """The key of that name; None if there is none."""
    name = ALIASES.get(name, name)
    return name if name in KEYS else None


def unknown(name: str) -> str:
    """The words for a key that there is not."""
    near = difflib.get_close_matches(name.casefold(), [*KEYS, *ALIASES], n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KEYS)}."
    return f"there is no key {shown(name)}; {hint}"


def entry(line: int, given: Mapping[str, Any]) -> tuple[Entry | None, list[Fault]]:
    """An entry of values by key, checked as far as one can without a model.

    Args:
        line: where it starts in its file.
        given: values by their key in `KEYS`; text stands for numbers, too, as in tables.

    Returns:
        the entry, or None and all that is wrong.
    """
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    for key, value in given.items():
        try:
            values[key] = _value(key, value)
        except ConfigError as error:
            faults.append(Fault(line, str(error)))
    sampling = {key: values.pop(key) for key in list(values) if key in _SAMPLING}
    delivery = {key: values.pop(key) for key in list(values) if key in _DELIVERY}
    checks: list[tuple[Callable[..., object], dict[str, Any]]] = [
        (Sampling, sampling),
        (Delivery, delivery),
        (_check_whole, dict(values)),
    ]
    for check, arguments in checks:
        try:
            check(**arguments)
        except ConfigError as error:
            faults.append(Fault(line, str(error)))
    if "text" not in given:
        faults.append(Fault(line, "there is no text; give it one."))
    if faults:
        return None, faults
    return Entry(line=line, **values, sampling=sampling, delivery=delivery), []


def shown(text: str) -> str:
    """A stranger's words in a message."""
    return repr(text if len(text) <= 60 else text[:60] + "...")


def _value(key: str, value: Any) -> Any:
    kind = KEYS[key]
    if isinstance(value, str) and kind is not str:
        value = _of_text(value.strip(), kind)
    if kind is float and type(value) is int and abs(value) < 1 << 53:
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{key} is {value}; it is a number.")
    if type(value) is not kind:
        raise ConfigError(f"{key} is {shown(str(value))}; it is {_NAMES[kind]}.")
    if isinstance(value, str):
        return _text(key, value)
    if key in _LIMITS and not 0 <= value <= _LIMITS[key]:
        raise ConfigError(f"{key} is {value:g}; it goes from 0 to {_LIMITS[key]:g} seconds.")
    return value


def _of_text(text: str, kind: type) -> Any:
    """The text itself if it is nothing of the kind."""
    if kind is bool:
        return _CHOICES.get(text.casefold(), text)
    try:
        return kind(text)
    except ValueError:
        return text


def _text(key: str, value: str) -> str:
    most = MOST_CHARACTERS if key == "text" else _MOST_SHORT
    if len(value) > most:
        raise ConfigError(
            f"{key} has {len(value)} characters; {most} at most. Cut it into several lines."
        )
    if found := _BAD.search(value):
        raise ConfigError(f"the character {found[0]!r} in {key} belongs in no text; remove it.")
    return value if key == "text" else value.strip()


def _check_whole(**values: Any) -> None:
    """What keys say of each other."""
    if values.get("voice") and values.get("reference"):
        raise ConfigError("give a voice or a reference to clone, not both.")
    if values.get("reference_text") and not values.get("reference"):
        raise ConfigError("reference_text says what is said in a reference; there is none.")
    start, end = values.get("start"), values.get("end")
    if (start is None) != (end is None):
        raise ConfigError("start and end go together; one is missing.")
    if start is not None and end is not None and start >= end:
        raise ConfigError(f"it goes from {start:g} to {end:g} s, which is no time to speak in.")
