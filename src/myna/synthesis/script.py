"""From the caller's text to what engines read: sentences, phone ids, text features.

Letters in shapes: P phones, F text features, C characters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from myna import text
from myna.datatypes import Sentence
from myna.engines.base import Engine, Floats
from myna.errors import TextError

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One sentence, ready for an engine."""

    sentence: Sentence
    phones: Ids
    """(P,)"""
    text_features: Floats | None
    """(P, F), or None if no part has any: zeros."""


def lines(engine: Engine, words: str, language: str, cut: str) -> list[Line]:
    """Cut a text into sentences and prepare each.

    Raises:
        TextError: there is nothing to say, or in a language the family does not speak.
    """
    pieces = text.sentences(words, language=language, cut=cut)
    table = engine.spec.symbols
    return [prepare(engine, text.read(piece, language=language, table=table)) for piece in pieces]


def prompt_line(engine: Engine, words: str, language: str) -> Line:
    """Prepare the words of a reference.

    Raises:
        TextError: as `lines`.
    """
    return prepare(engine, text.prompt(words, language=language, table=engine.spec.symbols))


def prepare(engine: Engine, sentence: Sentence) -> Line:
    """Look up ids, and read the text features of the parts that have them.

    Raises:
        TextError: a part is in a language the family does not speak.
    """
    for part in sentence.parts:
        if part.language not in engine.spec.languages:
            raise TextError(
                f"{engine.spec.name} does not speak the language {part.language!r} of "
                f"{part.text!r}; it speaks {', '.join(engine.spec.languages)}."
            )
    phones = text.ids(sentence.symbols, engine.spec.symbols)
    spoken = engine.spec.text_encoder_languages if engine.spec.text_encoder else ()
    if not any(part.language in spoken for part in sentence.parts):
        return Line(sentence, phones, None)
    width = engine.spec.token_model.text_features
    features = []
    for part in sentence.parts:
        if part.language in spoken:
            assert part.phones_per_char is not None, "only languages that count have text features"
            per_char = engine.text_features(part.text)
            features.append(np.repeat(per_char, part.phones_per_char, axis=0))
        else:
            features.append(np.zeros((len(part.symbols), width), dtype=np.float32))
    return Line(sentence, phones, np.concatenate(features))
