"""Marks that the rules of pronunciation need, put into a text after the syllables they are about.

They come from parts of speech; which marks there are says `myna.text.ko.sounds`.
"""

from __future__ import annotations

import re

from myna.text.ko import compounds, guesses
from myna.text.ko.guesses import LAX
from myna.text.ko.jamo import coda, onset
from myna.text.ko.tagger import Morpheme, morphemes
from myna.text.traced import Traced


def marked(text: Traced, *, improved: bool) -> Traced:
    """`text` with marks."""
    found = morphemes(text.text)
    starts = {match.start() for match in _WORD.finditer(text.text)}
    if found is None:
        text.journal.note("ko.no_tagger", text.span(), text.text, text.text)
        marks = guesses.marks(text.text)
    elif text.text.replace(" ", "") != "".join(morpheme.text for morpheme in found):
        marks = {}  # the tagger drops other spaces than the plain one; g2pk2 then gives up
    else:
        marks = _marks(text.text, found)
        starts |= _starts(text.text, found)
    if improved:
        marks = _corrected(text.text, marks)
        for index, mark in sorted(compounds.seams(text.text, starts).items()):
            place = text.span(index, index + 1)
            text.journal.note(_RULES[mark], place, text.text[index : index + 2], mark)
            marks[index] = mark
    return _inserted(text, marks)


_WORD = re.compile("(?<![가-힣])[가-힣]")
_RULES = {
    "/T": "ko.tensed",
    "/N": "ko.n_insertion",
    "/L": "ko.l_after_n",
    "/C": "ko.coda_in_compound",
}


def _marks(text: str, found: list[Morpheme]) -> dict[int, str]:
    """Mark by index of the character that it follows."""
    tags = iter([tag for m in found for tag in ("",) * (len(m.text) - 1) + (m.tag.split("+")[-1],)])
    marks = {}
    for index, char in enumerate(text):
        tag = "" if char == " " else next(tags)
        if tag == "NNBC":
            marks[index] = "/B"
        elif tag.startswith("J") and char == "의":
            marks[index] = "/J"
        elif tag.startswith("E") and coda(char) == "ㄹ":
            marks[index] = "/E"
        elif tag.startswith("V") and coda(char) in _STEM_CODAS:
            marks[index] = "/P"
    return marks


_STEM_CODAS = frozenset("ㄴㄵㅁㄻㄺㄼㄾ")


def _starts(text: str, found: list[Morpheme]) -> set[int]:
    """Where the tagger's words begin."""
    places = [index for index, char in enumerate(text) if char != " "]
    starts: set[int] = set()
    done = 0
    for morpheme in found:
        starts.add(places[done])
        done += len(morpheme.text)
    return starts


def _corrected(text: str, marks: dict[int, str]) -> dict[int, str]:
    """The marks, with what spelling and neighbours tell better than the tagger."""
    stems = {index: mark for index, mark in guesses.marks(text).items() if mark == "/P"}
    kept = {
        index: mark
        for index, mark in {**marks, **stems}.items()
        # Before other letters than these, the mark of a stem is only in the way of the rules.
        if mark in ("/E", "/J") or (mark == "/P" and onset(text[index + 1 : index + 2]) in LAX)
    }
    for match in guesses.noun_in_ui().finditer(text):
        kept.pop(match.end() - 1, None)
    for context, mark in _CONTEXTS:
        kept.update((match.end() - 1, mark) for match in context.finditer(text))
    return kept


_CONTEXTS = (
    # verbs that look like nouns: 구두를 신고, but 신고를 하다
    (re.compile("[을를] (?:신|안|감)(?=고(?: |$|[,.!?…]))"), "/P"),
    (re.compile("(?:껴안|끌어안|부둥켜안|얼싸안|떠안|휘감)(?=[고다지게던])"), "/P"),
    (
        re.compile("(?<![가-힣])(?:신|안|감)(?=고 (?:있|나|다니|가|오|왔|자|잤|계|싶|는|울|웃))"),
        "/P",
    ),
    (re.compile("[읽늙맑밝긁굵묽붉](?=[기개게고거])"), "/P"),
    # 올 사람, but 올 봄
    (re.compile("(?<![가-힣])올(?= (?:사람|때|것|거|수|줄|듯|손님|차례))"), "/E"),
)


def _inserted(text: Traced, marks: dict[int, str]) -> Traced:
    if not marks:
        return text
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, char in enumerate(text.text):
        mark = marks.get(index, "")
        pieces += (char, mark)
        starts.append(text.starts[index])
        ends.append(text.ends[index])
        starts += [text.ends[index]] * len(mark)
        ends += [text.ends[index]] * len(mark)
    return Traced("".join(pieces), starts, ends, text.journal)
