"""Hangul as it sounds, to phones: no rule of pronunciation is applied."""

from __future__ import annotations

from myna.errors import MarkupError
from myna.text.ko import jamo
from myna.text.traced import Traced

_SPACE = "空"
_CLUSTERS = frozenset("ㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ")


def spelled(notation: str, table: str) -> list[list[str]]:  # noqa: ARG001 (one table has Korean)
    """The letters of each syllable; a space belongs to the syllable before it.

    Raises:
        MarkupError: a character of `notation` is no syllable of hangul, or ends in two letters; or
            there is none.
    """
    syllables: list[list[str]] = []
    for position, char in enumerate(notation):
        if jamo.coda(char) in _CLUSTERS:
            raise MarkupError(
                f"{char!a} in {notation!a} ends in two letters, of which only one sounds. Write "
                f"the reading as it sounds, such as '갑' for 값.",
                position,
            )
        if jamo.is_syllable(char):
            syllables.append(list(jamo.phones(jamo.decomposed(Traced.of(char))).text))
        elif char == " ":
            if syllables:
                syllables[-1].append(_SPACE)
        else:
            raise MarkupError(
                f"{char!a} in {notation!a} is no syllable of hangul. Write the reading as it "
                f"sounds, such as '가치' for 같이.",
                position,
            )
    if not syllables:
        raise MarkupError("A reading in hangul has at least one syllable.", 0)
    if syllables[-1][-1] == _SPACE:
        syllables[-1] = [phone for phone in syllables[-1] if phone != _SPACE]
    return syllables
