r"""Markup in brackets, for people: `[pause 0.8s]`, `[重庆|chong2 qing4]`, `[en]chat[/en]`.

A bracket is markup if there is a bar in it, if what it holds is one of the names below, or if it
looks like a mistyped one. Any other bracket is text, and so is one after a backslash: `\[`.
Brackets belong together on one line only. Each character is looked at a fixed number of times,
however many brackets there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from myna.errors import MarkupError
from myna.text import notes
from myna.text.marking import Marking, Opened
from myna.text.notes import (
    ALPHABETS,
    EMOTIONS,
    LANGUAGES,
    SAYINGS,
    STYLES,
    Language,
    Marked,
    Note,
    Pause,
    Prosody,
    Reading,
    Say,
    Style,
    shown,
)
from myna.text.traced import Journal, Span

DEFAULT_PAUSE = 0.5
DEEPEST = 16
"""Tags inside each other."""

_BARE_STYLES = ("whisper", "shout")
_PAIRED = (*LANGUAGES, *SAYINGS, "rate", "pitch")
"""Names that need a closing tag."""
_WITH_VALUE = ("pause", "rate", "pitch", "emotion", "style")
_NAMES = ("pause", *_PAIRED, "emotion", "style", *_BARE_STYLES)


def parse(text: str, journal: Journal | None = None) -> Marked:
    """As `myna.text.markup.parse`."""
    return _Parser(text, journal).parse()


_TOKEN = re.compile(r"\\[\[\]]|[\[\]|\n]")
_ESCAPE = re.compile(r"\\(?=[\[\]])")
_NAME = re.compile(r"[A-Za-z][A-Za-z-]*")
_ONE_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
_ALPHABET = re.compile(r"(?![ln]u:)([A-Za-z][A-Za-z-]*):\s*", re.IGNORECASE)
"""In front of a notation. `lu:` and `nu:` are how some write the pinyin of 绿 and 女."""
_BEYOND_KANA = re.compile("[\u3041-\u30ff]+\\]")


@dataclass(slots=True)
class _Bracket:
    """What was seen of a bracket before it closes."""

    start: int
    bar: int | None = None
    second_bar: int | None = None
    nested: int | None = None
    """The first bracket inside."""


@dataclass(frozen=True, slots=True)
class _Tag:
    """A tag that waits for its closing one."""

    name: str
    start: int
    opened: Opened
    make: Callable[[Span], Note]
    rate: float = 1.0
    pitch: float = 0.0


@dataclass(slots=True)
class _Parser:
    source: str
    marking: Marking
    done: int
    """All before it is read, or was markup."""
    tags: list[_Tag]
    styles: dict[str, tuple[Opened, str]]
    """What holds of `emotion` and `style`, and since when."""

    def __init__(self, source: str, journal: Journal | None) -> None:
        self.source = source
        self.marking = Marking(source, journal)
        self.done = 0
        self.tags = []
        self.styles = {}

    def parse(self) -> Marked:
        around: list[_Bracket] = []
        for token in _TOKEN.finditer(self.source):
            place = token.start()
            match token[0]:
                case "[":
                    if around and around[-1].nested is None:
                        around[-1].nested = place
                    around.append(_Bracket(place))
                case "|" if around:
                    if around[-1].bar is None:
                        around[-1].bar = place
                    elif around[-1].second_bar is None:
                        around[-1].second_bar = place
                case "]" if around:
                    bracket = around.pop()
                    if bracket.bar is not None:
                        self._reading(bracket, bracket.bar, place, alone=not around)
                    elif bracket.nested is None:
                        self._bracket(bracket.start, place)
                case "\n":
                    around.clear()
        if self.tags:
            tag = self.tags[-1]
            raise self._fault(tag.start, f"[{tag.name}] needs a [/{tag.name}] after it.")
        self._read_to(len(self.source))
        for name in [*self.styles]:
            self._end_style(name)
        return self.marking.marked()

    def _reading(self, bracket: _Bracket, bar: int, end: int, *, alone: bool) -> None:
        """`[text|notation]`."""
        start = bracket.start
        if bracket.nested is not None:
            raise self._fault(bracket.nested, "A reading has no brackets in it.")
        if bracket.second_bar is not None:
            raise self._fault(
                bracket.second_bar, "A reading has one bar, as in [重庆|chong2 qing4]."
            )
        for tag in self.tags:
            if tag.name in SAYINGS:
                raise self._fault(start, f"Inside [{tag.name}] there can be no reading.")
        if not self.source[start + 1 : bar].strip():
            raise self._fault(bar, "Before the bar there must be the text that is read.")
        notation = self.source[bar + 1 : end]
        at = bar + 1 + len(notation) - len(notation.lstrip())
        alphabet: str | None = None
        if prefix := _ALPHABET.match(notation.lstrip()):
            alphabet = prefix[1].lower()
            if alphabet not in ALPHABETS.values():
                raise self._fault(at, f"{_no_alphabet(prefix[1])} Or leave it out.")
            at += prefix.end()
        notation = self.source[at:end].strip()
        if not notation:
            raise self._fault(end, f"After the bar there must be a reading, in {_or(ALPHABETS)}.")
        if alphabet is None:
            alphabet = notes.alphabet(notation)
        if alphabet is None:
            raise self._fault(at, f"{shown(notation)} is no reading in {_or(ALPHABETS)}.")
        if alphabet == "kana" and alone and (rest := _BEYOND_KANA.match(self.source, end + 1)):
            raise self._fault(
                end, f"Where the pitch falls write ’ instead of ]: {notation}’{rest[0]}"
            )
        self._read_to(start)
        opened = self.marking.open()
        self.done = start + 1
        self._read_to(bar)
        self.done = end + 1
        self.marking.close(opened, lambda span: Reading(span, notation, alphabet, at))

    def _bracket(self, start: int, end: int) -> None:
        """A bracket without bar or brackets in it, which may be markup."""
        content = self.source[start + 1 : end]
        closing = content.lstrip().startswith("/")
        head = content.lstrip().removeprefix("/").lstrip()
        found = _NAME.match(head)
        if found is None:
            return
        name, after = found[0].lower(), head[found.end() :]
        value = after.strip()
        at = end - len(after.lstrip())
        if closing:
            if name in _NAMES:
                self._closing(name, value, at, start, end)
            return
        separated = value[:1] in (":", "=")
        if after and not (separated or after[0].isspace()):
            return
        if separated:
            sign, value = value[0], value[1:].strip()
            at = end - len(after.lstrip()[1:].lstrip())
            if name not in _NAMES:
                if _ONE_WORD.fullmatch(value):
                    raise self._fault(
                        start + 1 + len(content) - len(content.lstrip()),
                        f"There is no markup {found[0][:40]!r}; there are {', '.join(_NAMES)}.",
                    )
                return
            if sign == "=":
                place = end - len(after.lstrip())
                raise self._fault(place, f"After {name!r} comes a space or a colon, not '='.")
            if name not in _WITH_VALUE:
                raise self._fault(at, f"[{name}] has no value.")
        if name in _WITH_VALUE:
            self._with_value(name, value, min(at, end), start, end)
        elif name in _NAMES and not value:
            self._markup(start, end)
            if name in _BARE_STYLES:
                self._begin_style("style", name)
            else:
                self._begin(name, start, _make(name))

    def _with_value(self, name: str, value: str, at: int, start: int, end: int) -> None:
        given = value.lower()
        match name:
            case "emotion" | "style":
                known = EMOTIONS if name == "emotion" else STYLES
                if given not in known:
                    raise self._no(name, value, at, f"one of {', '.join(known)}")
                self._markup(start, end)
                self._begin_style(name, given)
            case "pause":
                length = notes.seconds(given) if given else DEFAULT_PAUSE
                if length is None:
                    raise self._no(name, value, at, notes.PAUSE_FORM)
                self._markup(start, end)
                self.marking.add(Pause(start, length))
            case _:
                number = notes.rate(given) if name == "rate" else notes.pitch(given)
                form = notes.RATE_FORM if name == "rate" else notes.PITCH_FORM
                if number is None:
                    raise self._no(name, value, at, form)
                rate, pitch = (number, 0.0) if name == "rate" else (1.0, number)
                if not notes.bearable([*self.tags, Prosody((0, 0), rate, pitch)]):
                    raise self._fault(at, notes.beyond(name))
                self._markup(start, end)
                make = partial(Prosody, rate=rate, pitch=pitch)
                self._begin(name, start, make, rate=rate, pitch=pitch)

    def _begin(
        self,
        name: str,
        start: int,
        make: Callable[[Span], Note],
        *,
        rate: float = 1.0,
        pitch: float = 0.0,
    ) -> None:
        """A tag that needs a closing one."""
        if len(self.tags) == DEEPEST:
            raise self._fault(start, f"More than {DEEPEST} tags stand inside each other.")
        if name in SAYINGS:
            for tag in self.tags:
                if tag.name in SAYINGS:
                    raise self._fault(start, f"Close [{tag.name}] before [{name}].")
        self.tags.append(_Tag(name, start, self.marking.open(), make, rate, pitch))

    def _closing(self, name: str, value: str, at: int, start: int, end: int) -> None:
        if value:
            raise self._fault(at, f"[/{name}] has no value.")
        if name in ("emotion", "style", *_BARE_STYLES):
            kind = "style" if name in _BARE_STYLES else name
            if kind not in self.styles or (name in _BARE_STYLES and self.styles[kind][1] != name):
                raise self._fault(start, f"There is no [{name}] before it that is still open.")
            self._markup(start, end)
            self._end_style(kind)
        elif not any(tag.name == name for tag in self.tags):
            what = "[pause] has no closing tag." if name == "pause" else f"No [{name}] is open."
            raise self._fault(start, what)
        elif self.tags[-1].name != name:
            raise self._fault(start, f"[{self.tags[-1].name}] must be closed before [{name}].")
        else:
            self._markup(start, end)
            tag = self.tags.pop()
            self.marking.close(tag.opened, tag.make)

    def _begin_style(self, name: str, value: str) -> None:
        self._end_style(name)
        self.styles[name] = self.marking.open(), value

    def _end_style(self, name: str) -> None:
        if name in self.styles:
            opened, value = self.styles.pop(name)
            self.marking.close(opened, lambda span: Style(span, name, value))

    def _markup(self, start: int, end: int) -> None:
        """All before this bracket is read, the bracket itself is not."""
        self._read_to(start)
        self.done = end + 1

    def _read_to(self, end: int) -> None:
        """What is not done is read, but for the backslashes before brackets."""
        for escape in _ESCAPE.finditer(self.source, self.done, end):
            self.marking.take(self.done, escape.start())
            self.done = escape.end()
        self.marking.take(self.done, end)
        self.done = end

    def _no(self, name: str, value: str, at: int, form: str) -> MarkupError:
        what = f"[{name}] has no value" if not value else f"{shown(value)} is no {name}"
        return self._fault(at, f"{what}. Write {form}.")

    def _fault(self, position: int, message: str) -> MarkupError:
        return notes.fault(self.source, position, message, _HINT)


_HINT = r"A bracket that is no markup is written \[."


def _make(name: str) -> Callable[[Span], Note]:
    """The note of a tag that has no value."""
    if name in SAYINGS:
        return partial(Say, kind=SAYINGS[name])
    return partial(Language, language=name)


def _no_alphabet(name: str) -> str:
    return f"There is no alphabet {name[:40]!r}; there are {', '.join(ALPHABETS.values())}."


def _or(alphabets: Mapping[str, str]) -> str:
    *others, last = alphabets.values()
    return f"{', '.join(others)} or {last}"
