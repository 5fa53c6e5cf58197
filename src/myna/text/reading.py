"""Text to phonemes, whatever its languages: what the rest of Myna asks of this room.

Every text runs through one pipeline: markup is taken off, the text is cut into pieces, a piece into
stretches of one language, and each of these is normalised and turned into phones. All the way each
character knows its place in the caller's text.
"""

from __future__ import annotations

import importlib
import logging
import re
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice, pairwise
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

from myna.datatypes import Phonemes, Sentence, Span, Style, Unread, Written
from myna.errors import MarkupError, TextError
from myna.text import cutting, markup
from myna.text.covering import covering
from myna.text.frontend import Forced, Frontend, Phones
from myna.text.notes import ALPHABETS, LONGEST_PAUSE, shown
from myna.text.segments import Segment, segments
from myna.text.symbols import MARKS, UNKNOWN, index_of, languages
from myna.text.traced import Journal, Traced, joined

if TYPE_CHECKING:
    from pathlib import Path

    from myna.text.lexicons import Lexicon
    from myna.text.zh.polyphones import Polyphones

logger = logging.getLogger(__name__)


class _Languages(Mapping[str, Frontend]):
    """Languages by code; each is imported when it is first asked for."""

    _codes = ("zh", "en", "ja", "ko", "yue")

    def __getitem__(self, code: str) -> Frontend:
        if code not in self._codes:
            raise KeyError(code)
        frontend: Any = importlib.import_module(f"myna.text.{code}")
        return frontend  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)


LANGUAGES: Mapping[str, Frontend] = _Languages()

_FEWEST_PHONES = 6
_FEWEST_ENGLISH_PHONES = 4
_SILENT = frozenset({*MARKS, UNKNOWN, "_", "空", "停"})
"""Phones that are no sound."""
_PAUSES = {"￥": "SP2", "^": "SP3"}
"""Written into Mandarin for a pause of its own."""
_OF_ALPHABET = {alphabet: language for language, alphabet in ALPHABETS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some of a text, to be read and spoken in one go, with what the caller noted on it."""

    text: Traced
    source: str
    """The caller's whole text."""
    span: Span
    """Its part of the caller's text; those of all pieces together are the whole text."""
    notes: tuple[markup.Note, ...] = ()
    pause_before: float = 0.0
    """Seconds; this and the next three as in `Sentence`."""
    pause_after: float | None = None
    rate: float = 1.0
    pitch: float = 0.0
    beside: Traced | None = None
    """The last piece before it that has letters, or else the first: it tells the language of bare
    numbers."""


def sentences(
    text: str,
    *,
    language: str = "auto",
    cut: str = "cut5",
    improved: bool = False,
    syntax: str = "plain",
) -> list[Piece]:
    """The pieces of a text that are read and spoken one at a time.

    A pause that the caller wants, and a change of prosody, end a piece too. Pauses at one place
    add up to at most the longest one.

    Args:
        text: of any length.
        language: a mode of `myna.text.segments`.
        cut: a method of `myna.text.cutting`.
        improved: marks inside numbers, addresses and abbreviations do not cut.
        syntax: of the text's markup: `plain` for none, `inline`, `ssml`, or `auto` for what is
            there; see `myna.text.markup`.

    Raises:
        TextError: there is nothing to speak in the text.
        MarkupError: the markup is not well formed.
        ConfigError: there is no method or syntax of that name.
    """
    marked = markup.parse(text, syntax=syntax)
    found: list[Piece] = []
    silence = 0.0
    for stretch in _stretches(marked):
        pieces = cutting.sentences(stretch.text, language=language, cut=cut, improved=improved)
        for index, piece in enumerate(pieces):
            found.append(
                replace(
                    stretch,
                    text=piece,
                    source=text,
                    pause_before=0.0 if index else silence,
                    pause_after=stretch.pause_after if index == len(pieces) - 1 else None,
                )
            )
        if pieces:
            silence = 0.0
        elif found and stretch.pause_after:
            longer = (found[-1].pause_after or 0.0) + stretch.pause_after
            found[-1] = replace(found[-1], pause_after=min(longer, LONGEST_PAUSE))
        else:
            silence = min(silence + (stretch.pause_after or 0.0), LONGEST_PAUSE)
    if not found:
        raise TextError(_nothing_in(text))
    borders = [0, *(piece.text.span()[0] for piece in found[1:]), len(text)]
    placed = [
        # What stands for one stretch of the caller's text may be cut; then all its pieces have it.
        replace(piece, span=(start, max(end, piece.text.span()[1])))
        for piece, (start, end) in zip(found, pairwise(borders), strict=True)
    ]
    return list(_shared_out(placed, marked.notes))


def read(
    text: str | Piece,
    *,
    language: str = "auto",
    table: str = "v2",
    improved: bool = False,
    lexicon: Lexicon | None = None,
    polyphones: Polyphones | None = None,
    explain: bool = False,
) -> Sentence:
    """The phonemes of one sentence, in the languages it is in.

    A sentence of very few phones gets a point in front: the models swallow short ones. Where the
    published reader finds nothing but marks, these are the phones; see `Sentence.silent`.

    Args:
        text: a piece from `sentences`, or anything short enough to be spoken in one go.
        language: a mode of `myna.text.segments`.
        table: the symbol table of the model, `v1` or `v2`.
        improved: read as a native does, not as the published voices were trained.
        lexicon: readings of words, by language.
        polyphones: a model of Mandarin polyphones; without one the dictionary decides.
        explain: fill `Sentence.applied`.

    Raises:
        TextError: there is nothing to speak in the text.
        MarkupError: a reading in the markup is none of its language.
        MissingExtraError: a package of one of its languages is not installed.
        ConfigError: there is no such mode or table.
    """
    if isinstance(text, str):
        text = Piece(text=Traced.of(text), source=text, span=(0, len(text)))
    reader = _Reader(
        language,
        table,
        improved,
        lexicon,
        polyphones,
        text.notes,
        text.source,
        Journal(explain=explain),
        text.beside,
    )
    sentence = reader.sentence(text)
    if sentence.unread:
        lost = " ".join(repr(unread.text) for unread in sentence.unread)
        logger.warning("Not spoken, because no rule can read it: %s.", lost)
    return sentence


def prompt(
    text: str,
    language: str = "auto",
    table: str = "v2",
    *,
    improved: bool = False,
    lexicon: Lexicon | None = None,
    polyphones: Polyphones | None = None,
) -> Sentence:
    """The phonemes of what is said in a reference: `read`, with a closing mark.

    Raises:
        As `read`.
    """
    if not re.search(r"\w", text):
        raise TextError(_nothing_in(text))
    closed = cutting.closed(Traced.of(text).strip("\n"), language)
    sentence = read(
        Piece(text=closed, source=text, span=(0, len(text))),
        language=language,
        table=table,
        improved=improved,
        lexicon=lexicon,
        polyphones=polyphones,
    )
    if sentence.silent:
        raise TextError(
            f"Nothing in {shown(text)} can be read with language={language!r}. "
            f"Write it in words of that language, or choose another."
        )
    return sentence


def direct(
    text: str,
    *,
    language: str,
    table: str = "v2",
    improved: bool = False,
    lexicon: Lexicon | None = None,
    prosody: bool | None = None,
    polyphones: Polyphones | None = None,
) -> Phonemes:
    """A whole text as one language, which is how transcripts of training data are read.

    Letters of other languages are lost, and a short text gets no point in front; a text without
    words may have no phones.

    Args:
        text: the transcript, without markup.
        language: zh, en, ja, ko or yue.
        table: the symbol table of the model, `v1` or `v2`.
        improved, lexicon, polyphones: as for `read`.
        prosody: whether Japanese has marks of its accent; None leaves that to the table.

    Raises:
        TextError: the table has no such language.
        MissingExtraError: a package of the language is not installed.
    """
    reader = _Reader(language, table, improved, lexicon, polyphones, (), text, Journal())
    part = reader.part(Segment(language, Traced.of(text, reader.journal)), prosody=prosody)
    return _covered([part], Piece(text=Traced.of(text), source=text, span=(0, len(text))))[0]


def chunks(text: str, *, language: str, cut: str = "cut5") -> list[str]:
    """The pieces the published pipeline makes of a text; see `myna.text.cutting.chunks`."""
    return [piece.text for piece in cutting.chunks(Traced.of(text), language=language, cut=cut)]


@lru_cache(maxsize=64)
def lexicon(*sources: str) -> Lexicon | None:
    """One lexicon of the lines of several, the last of which goes first; None if all are empty.

    Raises:
        TextError: a line is not well formed, or its reading is none of its language.
    """
    from myna.text.lexicons import Lexicon

    merged = Lexicon()
    for source in filter(None, sources):
        merged |= Lexicon.parse(source, spelled=_spelled)
    return merged or None


def read_lexicon(path: str | Path) -> Lexicon:
    """The lexicon in a file, checked.

    Raises:
        TextError: as `Lexicon.read`, or a reading is none of its language.
        OSError: it cannot be read.
    """
    from myna.text.lexicons import Lexicon

    return Lexicon.read(path, _spelled)


def _spelled(language: str, notation: str) -> Sequence[Sequence[str]]:
    return LANGUAGES[language].spelled(notation, "v2")


def _stretches(marked: markup.Marked) -> Iterator[Piece]:
    """The text between pauses and changes of prosody."""
    starts = marked.text.starts
    pauses: dict[int, float] = {}
    opened: dict[int, list[markup.Prosody]] = defaultdict(list)
    closed: dict[int, list[markup.Prosody]] = defaultdict(list)
    for note in marked.notes:
        if isinstance(note, markup.Pause):
            at = bisect_left(starts, note.at)
            pauses[at] = min(pauses.get(at, 0.0) + note.seconds, LONGEST_PAUSE)
        elif isinstance(note, markup.Prosody):
            opened[bisect_left(starts, note.span[0])].append(note)
            closed[bisect_left(starts, note.span[1])].append(note)
    if 0 in pauses:
        yield Piece(text=marked.text[:0], source="", span=(0, 0), pause_after=pauses[0])
    around: list[markup.Prosody] = []
    for start, end in pairwise(sorted({0, len(marked.text), *pauses, *opened, *closed})):
        around = [note for note in around if note not in closed[start]] + opened[start]
        text = marked.text[start:end]
        goes_on = end < len(marked.text) and text.text.rstrip()[-1:] not in cutting.SENTENCE_MARKS
        yield Piece(
            text=text,
            source="",
            span=(0, 0),
            pause_after=pauses.get(end, 0.0 if goes_on else None),
            rate=prod(note.rate for note in around),
            pitch=sum(note.pitch for note in around),
        )


def _shared_out(pieces: Sequence[Piece], notes: Sequence[markup.Note]) -> Iterator[Piece]:
    """The pieces, each with the notes on it."""
    left = deque(
        sorted(
            (note for note in notes if not isinstance(note, markup.Pause)),
            key=lambda note: note.span[0],
        )
    )
    around: list[Any] = []
    beside = next((piece.text for piece in pieces if _has_letters(piece.text.text)), None)
    for piece in pieces:
        start, end = piece.text.span()  # of its own characters: an alias shares one place
        while left and left[0].span[0] < end:
            around.append(left.popleft())
        around = [note for note in around if note.span[1] > start]
        yield replace(piece, notes=tuple(around), beside=beside)
        if _has_letters(piece.text.text):
            beside = piece.text


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one sentence."""

    mode: str
    table: str
    improved: bool
    lexicon: Lexicon | None
    polyphones: Polyphones | None
    notes: tuple[markup.Note, ...]
    source: str
    """The caller's whole text, for messages."""
    journal: Journal
    beside: Traced | None = None

    def sentence(self, piece: Piece) -> Sentence:
        text = Traced(piece.text.text, piece.text.starts, piece.text.ends, self.journal)
        words = _written(text)
        has_words = re.search(r"\w", text.text) is not None
        if not has_words and (self.improved or cutting.SENTENCE_MARKS.isdisjoint(text.text)):
            raise TextError(_nothing_in(words))
        line = text.sub(_SPACES, " ")
        parts = self._parts(line)
        if sum(len(part.symbols) for part in parts) < _FEWEST_PHONES:
            if self.improved:
                parts = _after_a_point(parts)
            else:  # where the point becomes part of a number, it did for the published voices
                self.journal.clear()
                parts = self._parts("." + line)
        silent = all(_SILENT.issuperset(part.symbols) for part in parts)
        return Sentence(
            source=words,
            parts=_covered(parts, piece),
            span=piece.span,
            pause_before=piece.pause_before,
            pause_after=piece.pause_after,
            rate=piece.rate,
            pitch=piece.pitch,
            styles=tuple(
                Style(note.span, note.name, note.value)
                for note in self.notes
                if isinstance(note, markup.Style) and _overlap(note.span, piece.span)
            ),
            unread=_merged(self.journal.unread, piece.source),
            applied=tuple(self.journal.applied),
            silent=silent,
            words=_words(text),
        )

    def part(self, segment: Segment, *, prosody: bool | None = None) -> Phonemes:
        """The phones of a stretch of one language."""
        language, text = segment
        if language not in languages(self.table):
            raise TextError(
                f"Models with the symbols {self.table} do not speak the language {language!r} of "
                f"{shown(_written(text))}; they speak {', '.join(languages(self.table))}."
            )
        source = _written(text)
        pause = None
        if language == "zh" and not self.improved:
            pause = next((mark for mark in _PAUSES if mark in text.text), None)
        if pause:
            text = text.replace(pause, ",")
        normalised, forced = self._normalised(text, language)
        symbols, spans, per_char = self._g2p(language, prosody)(
            normalised, self.table, improved=self.improved, forced=forced
        )
        if pause:  # commas of the sentence's own become pauses too: so the voices were trained
            symbols = [_PAUSES[pause] if symbol == "," else symbol for symbol in symbols]
        if language == "en" and not self.improved and len(symbols) < _FEWEST_ENGLISH_PHONES:
            symbols = [",", *symbols]
            spans = [(text.span()[0],) * 2, *spans]
        known = index_of(self.table)
        return Phonemes(
            symbols=tuple(symbol if symbol in known else UNKNOWN for symbol in symbols),
            language=language,
            text=normalised.text,
            phones_per_char=None if per_char is None else tuple(per_char),
            spans=tuple(spans),
            source=source,
        )

    def _parts(self, text: Traced) -> list[Phonemes]:
        """One for each stretch of one language; it may have no phones."""
        return [self.part(segment) for segment in self._segments(text)]

    def _segments(self, text: Traced) -> list[Segment]:
        """Stretches of one language; what the caller says of languages goes first."""
        spoken = [note for note in self.notes if isinstance(note, markup.Language)]
        read = [note for note in self.notes if isinstance(note, markup.Reading)]
        settled: list[Segment] = []
        waiting = text[:0]
        stretches = list(_by_note(text, spoken))
        for i, (note, stretch) in enumerate(stretches):
            stretch = joined([waiting, stretch])
            waiting = text[:0]
            if re.search(r"\w", stretch.text) is None and len(stretches) > 1:
                # Marks between stretches the caller gave languages go with one of them.
                if settled:
                    settled[-1] = Segment(settled[-1].language, joined([settled[-1].text, stretch]))
                    continue
                if i + 1 < len(stretches):
                    waiting = stretch
                    continue
            mode = self.mode if note is None else note.language
            for segment in self._by_language(stretch, mode):
                for reading, words in _by_note(segment.text, read):
                    language = segment.language
                    if reading is not None:
                        language = self._alphabet_language(reading, language)
                    if settled and settled[-1].language == language and (spoken or read):
                        settled[-1] = Segment(language, joined([settled[-1].text, words]))
                    else:
                        settled.append(Segment(language, words))
        return settled

    def _by_language(self, text: Traced, mode: str) -> list[Segment]:
        bare = text.strip()  # spaces at the ends are lost
        if self.improved and self.beside is not None and bare and not _has_letters(bare.text):
            found = _last(segments(joined([self.beside, bare]), mode, improved=True), len(bare))
        else:
            found = segments(text, mode, improved=self.improved)
        if "yue" in languages(self.table) or "yue" in mode:
            return found
        return [  # `auto` heard Cantonese, which these models can only read as Mandarin
            Segment("zh", segment.text) if segment.language == "yue" else segment
            for segment in found
        ]

    def _alphabet_language(self, reading: markup.Reading, around: str) -> str:
        """The language whose notation a reading is in; pinyin and jyutping may look alike."""
        if reading.alphabet:
            return _OF_ALPHABET[reading.alphabet]
        return "yue" if around == "yue" or "yue" in self.mode else "zh"

    def _normalised(self, text: Traced, language: str) -> tuple[Traced, list[Forced]]:
        """Normalised text, and the readings that are settled in it."""
        frontend = LANGUAGES[language]
        said = [note for note in self.notes if isinstance(note, markup.Say)]
        if said:
            text = joined(
                [
                    frontend.say_as(stretch, note.kind) if note else stretch
                    for note, stretch in _by_note(text, said)
                ],
                text,
            )
        readings = [note for note in self.notes if isinstance(note, markup.Reading)]
        if self.lexicon is not None:
            taken = [note.span for note in readings] + [note.span for note in said]
            readings += [
                reading
                for reading in self.lexicon.find(text, language)
                if not any(_overlap(reading.span, span) for span in taken)
            ]
        if not readings:
            return frontend.normalise(text, improved=self.improved), []
        if language == "en":
            readings = [_with_possessive(reading, text) for reading in readings]
        done: list[Traced] = []
        forced: list[Forced] = []
        length = 0
        for reading, stretch in _by_note(text, readings):
            if reading is None:
                words = frontend.normalise(stretch, improved=self.improved)
                done.append(_spaced(words, stretch) if language == "en" else words)
            else:
                done.append(self._forced(reading, stretch, language, forced, length))
            length += len(done[-1])
        return joined(done, text), forced

    def _forced(
        self,
        reading: markup.Reading,
        text: Traced,
        language: str,
        forced: list[Forced],
        start: int,
    ) -> Traced:
        """The characters that are read so; the reading goes to `forced`."""
        frontend = LANGUAGES[language]
        try:
            phones = frontend.spelled(reading.notation, self.table)
        except MarkupError as error:
            inside = 0 if reading.at == reading.span[0] else error.position
            raise markup.fault(self.source, reading.at + inside, str(error)) from error
        if language in _COUNTING:
            text = frontend.normalise(text, improved=self.improved)
            if len(text) != len(phones):
                raise markup.fault(
                    self.source,
                    reading.at,
                    f"{shown(reading.notation)} has {len(phones)} syllables for "
                    f"{len(text)} characters; each needs one.",
                )
        if language == "en" and _POSSESSIVE.search(text.text):
            from myna.text.en.lookup import with_s

            phones = [list(with_s(tuple(phone for word in phones for phone in word)))]
        self.journal.note("reading", text.span(), text.text, reading.notation)
        forced.append(Forced(start, start + len(text), phones))
        return text

    def _g2p(self, language: str, prosody: bool | None) -> Callable[..., Phones]:
        g2p: Callable[..., Phones] = LANGUAGES[language].g2p
        if language == "ja" and prosody is not None:
            return partial(g2p, prosody=prosody)
        if language == "zh" and self.polyphones is not None:
            return partial(g2p, polyphones=self.polyphones)
        return g2p


def _has_letters(text: str) -> bool:
    return any(char.isalpha() for char in text)


def _last(found: list[Segment], count: int) -> list[Segment]:
    """The segments of the last `count` characters."""
    kept: list[Segment] = []
    for segment in reversed(found):
        part = segment.text[max(0, len(segment.text) - count) :]
        if part:
            kept.append(Segment(segment.language, part))
        count -= len(part)
    return kept[::-1]


def _written(text: Traced) -> str:
    """Without what was put in."""
    places = zip(text.text, text.starts, text.ends, strict=True)
    return "".join(char for char, start, end in places if start < end)


def _words(text: Traced) -> tuple[Written, ...]:
    """What lies between spaces; what has no letter or digit goes with what is before it."""
    places: list[tuple[int, int]] = []
    has_words = False
    for match in re.finditer(r"\S+", text.text):
        said = _written(text[match.start() : match.end()])
        if not said:
            continue
        is_word = re.search(r"\w", said) is not None
        if places and not (is_word and has_words):
            places[-1] = places[-1][0], match.end()
        else:
            places.append(match.span())
        has_words = has_words or is_word
    return tuple(
        Written(text.span(start, end), " ".join(_written(text[start:end]).split()))
        for start, end in places
    )


_SPACES = re.compile(" {2,}")
_POSSESSIVE = re.compile("['’]s$")


def _with_possessive(reading: markup.Reading, text: Traced) -> markup.Reading:
    """With the `'s` that follows it in English, which sounds by what is before it."""
    at = bisect_left(text.starts, reading.span[1])
    if re.match("['’]s(?![A-Za-z])", text.text[at : at + 3]):
        return replace(reading, span=(reading.span[0], text.ends[at + 1]))
    return reading


def _spaced(words: Traced, written: Traced) -> Traced:
    """Normalised words, apart from what is beside them if they were written so."""
    if written.text[:1] == " " and words.text[:1] not in ("", " "):
        words = " " + words
    if written.text[-1:] == " " and words.text[-1:] not in ("", " "):
        words = words + " "
    return words


_COUNTING = ("zh", "yue")
"""Languages with phones for each character."""

_Note = TypeVar("_Note", markup.Language, markup.Reading, markup.Say)


def _by_note(text: Traced, notes: Sequence[_Note]) -> Iterator[tuple[_Note | None, Traced]]:
    """Stretches of `text` with the last given note on each, in order; none is empty."""
    notes = [note for note in notes if _overlap(note.span, text.span())]
    if not notes:
        if text:
            yield None, text
        return
    owners: list[_Note | None] = [None] * len(text)
    for note in notes:
        first = bisect_left(text.starts, note.span[0])
        for i in range(first, bisect_left(text.starts, note.span[1])):
            if text.starts[i] < text.ends[i] <= note.span[1]:
                owners[i] = note
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or owners[i] is not owners[start]:
            yield owners[start], text[start:i]
            start = i


def _after_a_point(parts: list[Phonemes]) -> list[Phonemes]:
    """With a full stop in front, which is no part of a number that comes first."""
    if not parts:
        return parts
    first, *rest = parts
    counts = first.phones_per_char
    place = first.spans[0][0] if first.spans else 0
    pointed = replace(
        first,
        symbols=(".", *first.symbols),
        text=f".{first.text}",
        phones_per_char=None if counts is None else (1, *counts),
        spans=((place, place), *first.spans),
    )
    return [pointed, *rest]


def _merged(unread: Iterable[Unread], source: str) -> tuple[Unread, ...]:
    """Neighbours become one, in the caller's characters."""
    spans: list[Span] = []
    for start, end in sorted({each.span for each in unread}):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return tuple(Unread(span, source[slice(*span)]) for span in spans)


def _covered(parts: Sequence[Phonemes], piece: Piece) -> tuple[Phonemes, ...]:
    """The parts, with spans that cover the whole piece."""
    spans = [span for part in parts for span in part.spans]
    left = iter(covering(spans, piece.source, piece.span))
    return tuple(replace(part, spans=tuple(islice(left, len(part.symbols)))) for part in parts)


def _overlap(span: Span, other: Span) -> bool:
    return span[0] < other[1] and other[0] < span[1]


def _nothing_in(text: str) -> str:
    what = f"{shown(text)} has no words" if text.strip() else "The text is empty"
    return f"{what}: there is nothing to read aloud. Write at least one word."
