"""Settle the language of ideographs, kana and hangul.

A run of ideographs is what it, or kana in it, gives away (see `evidence`). What gives nothing away
goes with the nearest run that does, of its clause, its sentence, or the text, and is Mandarin if
there is none. In a run of Mandarin, kana are Japanese, and so are the ideographs they inflect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from myna.text.segments.evidence import Evidence, evidence
from myna.text.segments.tokens import CLAUSE, HAN, HANGUL, KANA, SENTENCE, Token


def settle_words(text: str, tokens: list[Token], chinese: str = "") -> None:
    """Give these tokens their languages.

    Args:
        text: what the tokens are of.
        tokens: all of them, in order.
        chinese: the language of all Chinese; empty tells Mandarin from Cantonese.
    """
    runs = _runs(text, tokens)
    for run in runs:
        if not run.language:
            run.language = _alone(run)
    _settle_by_neighbours(runs)
    if chinese:
        for run in runs:
            run.language = chinese if run.language == "zh" else run.language
    else:
        _settle_cantonese([run for run in runs if run.language == "zh"])
    for run in runs:
        for token in run.tokens:
            token.language = run.language


@dataclass(slots=True)
class _Run:
    """Ideographs and kana without a break, or hangul."""

    tokens: list[Token]
    clause: int
    sentence: int
    language: str = ""
    beside_hangul: bool = False
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def kana(self) -> list[Token]:
        return [token for token in self.tokens if token.kind == KANA]


def _runs(text: str, tokens: list[Token]) -> list[_Run]:
    runs: list[_Run] = []
    clause = sentence = 0
    before = ""
    for token in tokens:
        sentence += token.kind == SENTENCE
        clause += token.kind in (SENTENCE, CLAUSE)
        if token.kind == HANGUL:
            if before in (HAN, KANA):
                runs[-1].beside_hangul = True
            runs.append(_Run([token], clause, sentence, language="ko"))
        elif token.kind in (HAN, KANA):
            if before in (HAN, KANA):
                runs[-1].tokens.append(token)
            else:
                runs.append(_Run([token], clause, sentence, beside_hangul=before == HANGUL))
        before = token.kind
    return [part for run in runs for part in _parted(run, text)]


def _parted(run: _Run, text: str) -> Iterator[_Run]:
    """A run in which Chinese and kana touch becomes several."""
    if run.language == "ko":
        yield run
        return
    run.evidence = evidence(text[run.tokens[0].start : run.tokens[-1].end])
    if not (run.evidence.chinese and 0 < len(run.kana) < len(run.tokens)):
        yield run
        return
    # The Japanese "of" is liked in names of Chinese shops; it inflects nothing.
    only_no = all(text[token.start : token.end] == "の" for token in run.kana)
    for i, token in enumerate(run.tokens):
        part = _Run([token], run.clause, run.sentence)
        part.evidence = evidence(text[token.start : token.end])
        if token.kind == KANA:
            part.language = "ja"
        elif part.evidence.chinese or only_no:
            part.language = "zh"
        else:
            # Every other token is of kana; what follows a word inflects it.
            beside = run.tokens[i + 1] if i + 1 < len(run.tokens) else run.tokens[i - 1]
            inflected = "ぁ" <= text[beside.start] <= "ゟ"
            part.language = "ja" if inflected or part.evidence.japanese else "zh"
        yield part


_SEVERAL = 2


def _alone(run: _Run) -> str:
    """The language that a run gives away, or none."""
    found = run.evidence
    if run.kana or found.japanese > found.chinese:
        return "ja"
    if found.chinese:
        return "zh"
    return "ko" if run.beside_hangul else ""


def _settle_by_neighbours(runs: list[_Run]) -> None:
    """Settle what is open; several weak signs in a clause make it Chinese."""
    signs = Counter[int]()
    for run in runs:
        if not run.language:
            signs[run.clause] += run.evidence.weak + run.evidence.traditional
    for run in runs:
        if not run.language and signs[run.clause] >= _SEVERAL:
            run.language = "zh"
    for run, near in zip(runs, _nearest(runs, lambda run: bool(run.language)), strict=True):
        if not run.language:
            run.language = near.language if near else "zh"


def _settle_cantonese(chinese: list[_Run]) -> None:
    """Chinese is Cantonese where it says so, and near there if it is in the same characters."""
    for run in chinese:
        if 0 < run.evidence.cantonese >= run.evidence.mandarin:
            run.language = "yue"
    if all(run.language == "zh" for run in chinese):
        return
    clear = {id(run) for run in chinese if run.language == "yue" or run.evidence.mandarin}
    near = _nearest(chinese, lambda run: id(run) in clear)
    for run, other in zip(chinese, near, strict=True):
        if id(run) not in clear and other is not None and other.language == "yue":
            alike = not run.evidence.simplified or other.evidence.simplified
            run.language = "yue" if alike else "zh"


def _nearest(runs: list[_Run], known: Callable[[_Run], bool]) -> list[_Run | None]:
    """For each run, the nearest other one that is known."""
    before = _latest(runs, known)
    after = _latest(runs[::-1], known)[::-1]
    return [
        min((one for one in pair if one), key=lambda one: _distance(run, one), default=None)
        for run, *pair in zip(runs, before, after, strict=True)
    ]


def _latest(runs: list[_Run], known: Callable[[_Run], bool]) -> list[_Run | None]:
    found: list[_Run | None] = []
    latest = None
    for run in runs:
        found.append(latest)
        if known(run):
            latest = run
    return found


def _distance(run: _Run, other: _Run) -> tuple[bool, bool, int]:
    gap = max(
        run.tokens[0].start - other.tokens[-1].end, other.tokens[0].start - run.tokens[-1].end
    )
    return other.sentence != run.sentence, other.clause != run.clause, gap
