"""`myna text`: show how a text is read, without any model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.cli.console import UsageError, shown
from myna.apps.cli.options import add_reading, decoded, default, reading
from myna.datatypes import Phonemes, Sentence, Utterance
from myna.errors import ConfigError, MynaError, TextError

if TYPE_CHECKING:
    from myna.text import Lexicon, Polyphones

_LONGEST_ROW = 1 << 20
"""Characters in the text of one row of `--jsonl`."""
_LONGEST_LINE = 4 * _LONGEST_ROW
"""Bytes in one row."""


def add_to(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command."""
    from myna.text.symbols import TABLES

    parser = commands.add_parser(
        "text",
        parents=[common],
        help="show how a text is read",
        description="Show how a text is read: its sentences, languages, normalised words, phones, "
        "and where each came from. Needs no model.",
    )
    text = parser.add_mutually_exclusive_group()
    text.add_argument("text", nargs="?", help="what to read; '-' or nothing reads standard input")
    text.add_argument("--file", type=Path, help="read what is in this UTF-8 text file")
    text.add_argument(
        "--jsonl",
        action="store_true",
        help="read rows {id, text, lang, version} from the standard input and answer each with "
        "{id, norm_text, phones, ids, word2ph, segments}, or with an error; see docs/text.md. Of "
        "the other options only --lexicon and --polyphones hold for rows",
    )
    add_reading(parser)
    parser.add_argument(
        "--table",
        choices=TABLES,
        default="v2",
        help="the phones that the model knows (default: v2, which serves v2 to v4)",
    )
    parser.add_argument("--json", action="store_true", help="all of it, as one JSON object")
    parser.add_argument("--explain", action="store_true", help="say which rules fired")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Show it.

    Raises:
        UsageError: options that do not go together.
        MynaError: as `myna.text.sentences` and `myna.text.read`.
        OSError: something cannot be read or written.
    """
    chosen = reading(given)
    if given.jsonl:
        return _answer_rows(chosen["lexicon"], chosen["polyphones"])
    from myna.text import lexicon, read, sentences

    words = decoded(given)
    improved = bool(chosen["improved"])
    pieces = sentences(
        words, language=given.language, cut=given.cut, improved=improved, syntax=given.markup
    )
    found = [
        read(
            piece,
            language=given.language,
            table=given.table,
            improved=improved,
            lexicon=lexicon(chosen["lexicon"]),
            polyphones=chosen["polyphones"],
            explain=given.explain,
        )
        for piece in pieces
    ]
    if given.json:
        facts = {
            "text": words,
            "language": given.language,
            "table": given.table,
            "reading": "improved" if improved else "compatible",
            "sentences": [_sentence(sentence, given.table) for sentence in found],
        }
        print(json.dumps(facts, ensure_ascii=False, indent=2))
    else:
        for sentence in found:
            print("\n".join(_told(sentence)))
    return 0


def _sentence(sentence: Sentence, table: str) -> dict[str, Any]:
    return {
        "text": sentence.source,
        "span": sentence.span,
        "pause_before": sentence.pause_before,
        "pause_after": sentence.pause_after,
        "rate": sentence.rate,
        "pitch": sentence.pitch,
        "styles": [style._asdict() for style in sentence.styles],
        "segments": [_segment(part, table) for part in sentence.parts],
        "unread": [unread._asdict() for unread in sentence.unread],
        "applied": [applied._asdict() for applied in sentence.applied],
    }


def _segment(part: Phonemes, table: str) -> dict[str, Any]:
    from myna.text import ids

    return {
        "lang": part.language,
        "text": part.source,
        "norm_text": part.text,
        "phones": part.symbols,
        "ids": ids(part.symbols, table).tolist(),
        "word2ph": part.phones_per_char,
        "spans": part.spans,
    }


def _told(sentence: Sentence) -> Iterator[str]:
    yield shown(sentence.source.strip())
    for part in sentence.parts:
        yield f"  {part.language:<3}  {shown(part.text)}"
        yield f"       {' '.join(part.symbols)}"
    for unread in sentence.unread:
        yield f"  not spoken, at {unread.span[0]}: {shown(unread.text)}"
    for rule, span, before, after in sentence.applied:
        yield f"  {rule}, at {span[0]}: {shown(before)} -> {shown(after)}"
    if sentence.pause_after:
        yield f"  pause of {sentence.pause_after:g} s"


def _answer_rows(lexicon: str, polyphones: Polyphones | None) -> int:
    """One answer for each row of the standard input, as it comes."""
    from myna.text import lexicon as merged

    words = merged(lexicon)
    for number, line in enumerate(_lines(), 1):
        if not line.strip():
            continue
        answer: dict[str, Any] = {"id": None}
        try:
            row = _row(line, number)
            answer["id"] = row.get("id")
            answer |= _answer(row, number, words, polyphones)
        except MynaError as error:
            answer["error"] = str(error)
        print(_encoded(answer), flush=True)
    return 0


def _encoded(answer: dict[str, Any]) -> str:
    """As JSON, with escapes where what is written to cannot hold the characters themselves."""
    line = json.dumps(answer, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(answer)
    return line


def _lines() -> Iterator[bytes]:
    """Of each line so much that it can be told to be too long."""
    if sys.stdin is None:
        raise UsageError("the standard input is closed; give --jsonl its rows there.")
    while line := sys.stdin.buffer.readline(_LONGEST_LINE + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = sys.stdin.buffer.readline(_LONGEST_LINE)
        yield line


def _row(line: bytes, number: int) -> dict[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise TextError(f"Row {number} is longer than {_LONGEST_LINE} bytes.")
    try:
        row = json.loads(line.decode("utf-8-sig"), parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise TextError(f"Row {number} is not JSON in UTF-8 ({error}).") from error
    if not isinstance(row, dict):
        raise TextError(f"Row {number} is no JSON object.")
    return row


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _answer(
    row: dict[str, Any], number: int, lexicon: Lexicon | None, polyphones: Polyphones | None
) -> dict[str, Any]:
    """A bare language reads the whole text in it, as transcripts are read; a mode cuts it first."""
    from myna.text import LANGUAGES, chunks, direct, ids, read
    from myna.text.segments import MODES

    text = row.get("text")
    if not isinstance(text, str):
        raise TextError(f"Row {number} has no text: a row is an object with a string 'text'.")
    if len(text) > _LONGEST_ROW:
        raise TextError(f"The text of row {number} is longer than {_LONGEST_ROW} characters.")
    mode = _string(row, "mode", "compatible")
    language = _string(row, "lang", default(Utterance, "language"))
    if mode in MODES:  # as the recordings of the published reader have it
        language, mode, whole = mode, _string(row, "reading", "compatible"), False
    else:
        whole = language in LANGUAGES
    if mode not in ("compatible", "improved"):
        raise ConfigError(f"There is no mode {mode!r}; there are compatible and improved.")
    table = _table(_string(row, "version", "v2"))
    improved = mode == "improved"
    answer: dict[str, Any] = {}
    if "cut" in row:
        answer["chunks"] = chunks(text, language=language, cut=_string(row, "cut", ""))
    parts: tuple[Phonemes, ...]
    if whole:
        prosody = row.get("prosody")
        parts = (
            direct(
                text,
                language=language,
                table=table,
                improved=improved,
                lexicon=lexicon,
                prosody=prosody if isinstance(prosody, bool) else None,
                polyphones=polyphones,
            ),
        )
    else:
        parts = read(
            text,
            language=language,
            table=table,
            improved=improved,
            lexicon=lexicon,
            polyphones=polyphones,
        ).parts
    symbols = [symbol for part in parts for symbol in part.symbols]
    counts = [part.phones_per_char for part in parts]
    answer["norm_text"] = "".join(part.text for part in parts)
    answer["phones"] = symbols
    answer["ids"] = ids(symbols, table).tolist()
    answer["word2ph"] = None if None in counts else [n for count in counts for n in count or ()]
    answer["segments"] = [_segment(part, table) for part in parts]
    return answer


def _string(row: dict[str, Any], name: str, otherwise: str) -> str:
    value = row.get(name, otherwise)
    if not isinstance(value, str):
        raise TextError(f"The {name} of a row is a string, not {value!r}.")
    return value


def _table(version: str) -> str:
    """The symbol table of a version; those after v2 share its own."""
    from myna.specs import FAMILIES
    from myna.text.symbols import TABLES

    if version in TABLES:
        return version
    if version in FAMILIES:
        return FAMILIES[version].symbols
    raise ConfigError(f"There is no version {version!r}; there are {', '.join(FAMILIES)}.")
