"""A subset of SSML 1.1, for programs: `<speak>...<break time="300ms"/>...</speak>`.

Read with expat, which says of everything at which byte it is; so errors and characters have their
exact places, also behind `&amp;`. What could make a small text large or reach beyond it is refused:
document types, and with them entities of one's own, and processing instructions.

Source: Speech Synthesis Markup Language 1.1, W3C recommendation of 7 September 2010.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from xml.parsers import expat

from myna.errors import MarkupError
from myna.text import notes
from myna.text.frontend import SayAs
from myna.text.marking import Marking, Opened
from myna.text.notes import (
    ALPHABETS,
    LANGUAGES,
    Language,
    Marked,
    Note,
    Pause,
    Prosody,
    Reading,
    Say,
    shown,
)
from myna.text.traced import Journal, Span

LONGEST = 1_000_000
"""Characters."""
DEEPEST = 32
"""Elements inside each other."""

_BEGINNING = re.compile(r"[\s\ufeff]*(?:<\?xml\s[^<>]*>\s*)?<(?:!DOCTYPE\s+)?speak[\s/>]")


def looks_like(text: str) -> bool:
    """Whether a text begins as SSML does."""
    return _BEGINNING.match(text) is not None


def parse(text: str, journal: Journal | None = None) -> Marked:
    """As `myna.text.markup.parse`, for a text that is SSML.

    White space is one space, and lost at the ends of paragraphs and sentences, which a newline
    separates. The words of `sub` have the place of what they stand for.
    """
    return _Document(text, journal).parse()


_SAYINGS: Mapping[str, SayAs] = {
    "characters": "characters",
    "spell-out": "characters",
    "digits": "digits",
    "cardinal": "cardinal",
    "number": "cardinal",
    "ordinal": "ordinal",
    "telephone": "telephone",
    "date": "date",
}
_ALPHABETS: Mapping[str, str] = {
    **{alphabet: alphabet for alphabet in ALPHABETS.values()},
    "x-arpabet": "arpabet",
}
_STRENGTHS: Mapping[str, float] = {
    "none": 0.0,
    "x-weak": 0.1,
    "weak": 0.25,
    "medium": 0.5,
    "strong": 0.8,
    "x-strong": 1.2,
}

_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "speak": ("version", "onlangfailure"),
    "p": (),
    "s": (),
    "break": ("time", "strength"),
    "phoneme": ("alphabet", "ph", "type"),
    "say-as": ("interpret-as", "format", "detail"),
    "lang": ("onlangfailure",),
    "sub": ("alias",),
    "prosody": ("rate", "pitch"),
    "emphasis": ("level",),
    "mark": ("name",),
}
"""Elements and what we know of each, besides attributes with a prefix: those are `xml:lang`, which
some look at, and others of no concern to us."""

_EMPTY = ("break", "mark")
_WORDS_ONLY = ("phoneme", "say-as", "sub")

_RUN = re.compile(r"[ \t\r\n]+|[^ \t\r\n]+")
_SPACE = " \t\r\n"
_OPENING = re.compile(r"(?:&|</?)\Z")
"""Expat may stop one character later than a reader would."""
_TAG_NAME = re.compile(r"</?[^\s/>]*")
_ATTRIBUTE = re.compile(r"""([^\s=<>/"']+)\s*=\s*("[^"]*"|'[^']*')""")


@dataclass(slots=True)
class _Element:
    """One that is open."""

    name: str
    place: int
    opened: Opened
    make: Callable[[Span], Note] | None = None
    rate: float = 1.0
    pitch: float = 0.0
    alias: str = ""
    words: Span | None = None
    """Where the words in it are, if it has some."""
    gap: Span | None = None
    """White space after them, for `sub`."""


class _Document:
    def __init__(self, source: str, journal: Journal | None) -> None:
        self._source = source
        self._marking = Marking(source, journal)
        self._elements: list[_Element] = []
        self._gap: Span | None = None
        """White space that becomes a space if a word follows."""
        self._new_line = False
        """Whether a paragraph or sentence has begun or ended since the last word."""
        self._verbatim = False
        """Inside CDATA, where an ampersand is just that."""
        self._char = len(source) - len(source.lstrip().removeprefix("\ufeff").lstrip())
        self._byte = 0
        self._data = b""

    def parse(self) -> Marked:
        if len(self._source) > LONGEST:
            raise self._fault(LONGEST, f"SSML may have {LONGEST:,} characters, this has more.")
        try:
            self._data = self._source[self._char :].encode()
        except UnicodeEncodeError as error:
            raise self._fault(self._char + error.start, "This is no character.") from error
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.ordered_attributes = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartCdataSectionHandler = partial(setattr, self, "_verbatim", True)
        parser.EndCdataSectionHandler = partial(setattr, self, "_verbatim", False)
        parser.StartDoctypeDeclHandler = partial(self._refuse, "<!DOCTYPE")
        parser.ProcessingInstructionHandler = partial(self._refuse, "<?")
        try:
            parser.Parse(self._data, True)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            place = self._place(parser.ErrorByteIndex)
            if opening := _OPENING.search(self._source, max(0, place - 2), place):
                place = opening.start()
            raise self._fault(
                place,
                f"This is not well-formed XML: {what}. "
                "In SSML write &amp; for & and &lt; for <, and close every element.",
            ) from error
        return self._marking.marked()

    def _begin(self, name: str, listed: Sequence[str]) -> None:
        place = self._here()
        given = dict(zip(listed[::2], listed[1::2], strict=True))
        if not self._elements and name != "speak":
            raise self._fault(place, f"SSML begins with <speak>, not with <{name[:40]}>.")
        if self._elements and (name not in _ATTRIBUTES or name == "speak"):
            raise self._fault(
                place,
                f"<{name[:40]}> is not in our subset of SSML; it has "
                f"{', '.join(known for known in _ATTRIBUTES if known != 'speak')}.",
            )
        if len(self._elements) == DEEPEST:
            raise self._fault(place, f"More than {DEEPEST} elements stand inside each other.")
        if self._elements and self._elements[-1].name in (*_EMPTY, *_WORDS_ONLY):
            what = "words" if self._elements[-1].name in _WORDS_ONLY else "nothing"
            raise self._fault(place, f"<{self._elements[-1].name}> has {what} in it, no elements.")
        for attribute in given:
            if attribute not in (*_ATTRIBUTES[name], "xmlns") and ":" not in attribute:
                known = ", ".join(_ATTRIBUTES[name]) or "xml:lang"
                raise self._fault(
                    self._attribute(place, attribute)[0],
                    f"<{name}> has no {attribute[:40]!r} that we know; it has {known}.",
                )
        element = _Element(name, place, self._marking.open())
        match name:
            case "speak" | "p" | "s":
                self._new_line = True
                if "xml:lang" in given:
                    self._language(element, given["xml:lang"])
            case "lang":
                self._language(element, self._needed(element, given, "xml:lang"))
            case "break":
                self._break(place, given)
            case "phoneme":
                self._phoneme(element, given)
            case "say-as":
                kind = self._needed(element, given, "interpret-as")
                if kind not in _SAYINGS:
                    raise self._no(place, "interpret-as", kind, _one_of(_SAYINGS))
                element.make = partial(Say, kind=_SAYINGS[kind])
            case "sub":
                element.alias = self._needed(element, given, "alias")
            case "prosody":
                self._prosody(element, given)
        self._elements.append(element)

    def _end(self, name: str) -> None:
        element = self._elements.pop()
        if name in _WORDS_ONLY and element.words is None:
            raise self._fault(element.place, f"<{name}> has no words in it.")
        if name == "sub":
            assert element.words is not None
            self._space_before(element.words[0])
            self._marking.put(" ".join(re.split(f"[{_SPACE}]+", element.alias)), element.words)
            self._gap = element.gap
        if element.make is not None:
            self._marking.close(element.opened, element.make)
        self._new_line |= name in ("p", "s")

    def _text(self, data: str) -> None:
        """Some characters: written out, or one of them as an entity."""
        place = self._here()
        if not self._verbatim and self._source[place] == "&":
            self._words(data, (place, self._source.index(";", place) + 1))
        elif data == "\n":
            self._words(data, (place, place + 1))  # a carriage return, perhaps
        else:
            for run in _RUN.finditer(data):
                self._words(run[0], (place + run.start(), place + run.end()))

    def _words(self, text: str, span: Span) -> None:
        """A run of white space, or of what is none."""
        element = self._elements[-1]
        if text[0] in _SPACE:
            if element.name == "sub" and element.words:
                element.gap = element.gap or span
            else:
                self._gap = self._gap or span
            return
        if element.name in _EMPTY:
            raise self._fault(span[0], f"<{element.name}> has nothing in it.")
        element.words = element.words or span
        element.words, element.gap = (element.words[0], span[1]), None
        if element.name == "sub":
            return
        self._space_before(span[0])
        if span[1] - span[0] == len(text):
            self._marking.take(*span)
        else:
            self._marking.put(text, span)

    def _space_before(self, place: int) -> None:
        """What separates the next word from the last one."""
        if len(self._marking) and self._new_line:
            self._marking.put("\n", (place, place))
        elif len(self._marking) and self._gap:
            self._marking.put(" ", self._gap)
        self._gap, self._new_line = None, False

    def _language(self, element: _Element, code: str) -> None:
        language = notes.language_of(code)
        if language is None:
            form = f"one of {', '.join(LANGUAGES)}, such as zh-CN, zh-HK, en-US, ja-JP or ko-KR"
            raise self._no(element.place, "xml:lang", code, form)
        element.make = partial(Language, language=language)

    def _break(self, place: int, given: Mapping[str, str]) -> None:
        strength = given.get("strength", "medium")
        if strength not in _STRENGTHS:
            raise self._no(place, "strength", strength, _one_of(_STRENGTHS))
        length: float | None = _STRENGTHS[strength]
        if "time" in given:
            length = notes.seconds(given["time"].strip())
        if length is None:
            raise self._no(place, "time", given["time"], notes.PAUSE_FORM)
        self._marking.add(Pause(place, length))

    def _phoneme(self, element: _Element, given: Mapping[str, str]) -> None:
        place = element.place
        ph = self._needed(element, given, "ph")
        notation = ph.strip()
        if "alphabet" in given and given["alphabet"] not in _ALPHABETS:
            raise self._no(place, "alphabet", given["alphabet"], _one_of(_ALPHABETS))
        alphabet = _ALPHABETS.get(given.get("alphabet", ""))
        if alphabet is None:
            alphabet = notes.alphabet(notation)
        if alphabet is None:
            raise self._no(place, "ph", ph, f"a reading in {_one_of(_ALPHABETS)}")
        at = self._attribute(place, "ph")[1] + len(ph) - len(ph.lstrip())
        element.make = partial(Reading, notation=notation, alphabet=alphabet, at=at)

    def _prosody(self, element: _Element, given: Mapping[str, str]) -> None:
        for name, value in given.items():
            if ":" in name:
                continue
            number = notes.rate(value.strip()) if name == "rate" else notes.pitch(value.strip())
            form = notes.RATE_FORM if name == "rate" else notes.PITCH_FORM
            if number is None:
                raise self._no(element.place, name, value, form)
            setattr(element, name, number)
            if not notes.bearable([*self._elements, element]):
                at = self._attribute(element.place, name)[1]
                raise self._fault(at, notes.beyond(name))
        if (element.rate, element.pitch) != (1.0, 0.0):
            element.make = partial(Prosody, rate=element.rate, pitch=element.pitch)

    def _needed(self, element: _Element, given: Mapping[str, str], name: str) -> str:
        """The value of an attribute that must be there and say something."""
        if name not in given:
            raise self._fault(element.place, f"<{element.name}> needs the attribute {name}.")
        if not given[name].strip():
            at = self._attribute(element.place, name)[1]
            raise self._fault(at, f"The attribute {name} of <{element.name}> is empty.")
        return given[name].strip(_SPACE) if name != "ph" else given[name]

    def _refuse(self, what: str, *_: object) -> None:
        place = self._source.rfind(what, 0, self._here() + len(what))
        raise self._fault(place, f"{what} is not in our subset of SSML; leave it out.")

    def _here(self) -> int:
        """The place of what the parser is at; it never goes back."""
        byte = self._parser.CurrentByteIndex
        self._char += len(self._data[self._byte : byte].decode())
        self._byte = byte
        return self._char

    def _place(self, byte: int) -> int:
        """The character that has this byte."""
        before = self._data[:byte].decode(errors="ignore")
        return len(self._source) - len(self._data.decode()) + len(before)

    def _attribute(self, place: int, name: str) -> Span:
        """Where the name of an attribute of the tag at `place` begins, and where its value."""
        tag = _TAG_NAME.match(self._source, place)
        assert tag is not None
        for match in _ATTRIBUTE.finditer(self._source, tag.end()):
            if match[1] == name:
                return match.start(1), match.start(2) + 1
        raise AssertionError(f"{name} was there")

    def _no(self, place: int, name: str, value: str, form: str) -> MarkupError:
        at = self._attribute(place, name)[1]
        return self._fault(at, f"{shown(value)} is no value of {name}. Write {form}.")

    def _fault(self, position: int, message: str) -> MarkupError:
        return notes.fault(self._source, position, message)


def _one_of(names: Mapping[str, object]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"
