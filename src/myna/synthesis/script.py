"""From the caller's text to what engines read: sentences, phone ids, text features.

Letters in shapes: P phones, F text features, C characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from myna import text
from myna.datatypes import Sentence, Unread, Utterance
from myna.engines.base import Ears, Floats
from myna.errors import TextError, VoiceError
from myna.text.sounds import spoken as sounds_of

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One sentence, ready for an engine."""

    engine: Ears
    sentence: Sentence
    phones: Ids
    """(P,)"""
    sounds: Ids | None = None
    """(P,) what each phone sounds like, for a model whose tokens are spelled."""

    _features: list[Floats | None] = field(default_factory=list, init=False, repr=False)

    @property
    def text_features(self) -> Floats | None:
        """(P, F), or None if no part has any: zeros. The engine is asked here, the first time."""
        # No `cached_property`: in Python 3.11 all of a class wait for each other.
        if not self._features:
            self._features.append(self._read())
        return self._features[0]

    def _read(self) -> Floats | None:
        spec = self.engine.spec
        spoken = spec.text_encoder_languages if spec.text_encoder else ()
        parts = [part for part in self.sentence.parts if part.symbols]
        if not any(part.language in spoken for part in parts):
            return None
        features = []
        for part in parts:
            if part.language in spoken:
                assert part.phones_per_char is not None, "only languages that count have features"
                per_char = self.engine.text_features(part.text)
                features.append(np.repeat(per_char, part.phones_per_char, axis=0))
            else:
                width = spec.token_model.text_features
                features.append(np.zeros((len(part.symbols), width), dtype=np.float32))
        return np.concatenate(features)


def lines(
    engine: Ears, utterance: Utterance, polyphones: text.Polyphones | None = None
) -> list[Line]:
    """Cut a text into sentences and prepare each, in whatever thread.

    Args:
        engine: decides how text is read where the utterance does not; computes nothing here.
        utterance: its lexicon goes over that of its voice.
        polyphones: a model that reads Mandarin polyphones.

    Returns:
        One for each sentence that has something to say; what has not is left out, and its pauses
        and what could not be read go to the one before it.

    Raises:
        TextError: there is nothing to say, or in a language the family does not speak.
        VoiceError: the lexicon in the voice is damaged.
    """
    improved = engine.spec.improved_reading if utterance.improved is None else utterance.improved
    pieces = text.sentences(
        utterance.text,
        language=utterance.language,
        cut=utterance.cut,
        improved=improved,
        syntax=utterance.markup,
    )
    lexicon = _lexicon(utterance)
    sentences = [
        text.read(
            piece,
            language=utterance.language,
            table=engine.spec.symbols,
            improved=improved,
            lexicon=lexicon,
            polyphones=polyphones,
        )
        for piece in pieces
    ]
    return [prepare(engine, sentence) for sentence in _spoken(sentences, utterance.language)]


def _spoken(sentences: Sequence[Sentence], language: str) -> list[Sentence]:
    """Those with something to say; what is left out leaves its pauses, and what was not read."""
    spoken: list[Sentence] = []
    silence = 0.0
    unread: tuple[Unread, ...] = ()
    for sentence in sentences:
        if sentence.silent:
            pause = sentence.pause_before + (sentence.pause_after or 0.0)
            if spoken:
                last = spoken[-1]
                after = last.pause_after if not pause else (last.pause_after or 0.0) + pause
                spoken[-1] = replace(
                    last, pause_after=after, unread=(*last.unread, *sentence.unread)
                )
            else:
                silence += pause
                unread += sentence.unread
            continue
        if not spoken:
            sentence = replace(
                sentence,
                pause_before=sentence.pause_before + silence,
                unread=(*unread, *sentence.unread),
            )
        spoken.append(sentence)
    if not spoken:
        raise TextError(
            f"Nothing in {sentences[0].source!r} can be read with language={language!r}. "
            f"Choose another language."
        )
    return spoken


def _lexicon(utterance: Utterance) -> text.Lexicon | None:
    """That of the voice, and over it that of the request."""
    try:
        text.lexicon(utterance.voice.lexicon)
    except TextError as error:
        raise VoiceError(
            f"The lexicon in the voice {utterance.voice.name!r} is damaged: {error}"
        ) from error
    return text.lexicon(utterance.voice.lexicon, utterance.lexicon)


def prompt_line(
    engine: Ears,
    words: str,
    language: str,
    *,
    lexicon: str = "",
    polyphones: text.Polyphones | None = None,
) -> Line:
    """Prepare the words of a reference, as the family reads by default.

    Raises:
        TextError: as `lines`.
    """
    sentence = text.prompt(
        words,
        language,
        engine.spec.symbols,
        improved=engine.spec.improved_reading,
        lexicon=text.lexicon(lexicon),
        polyphones=polyphones,
    )
    return prepare(engine, sentence)


def prepare(engine: Ears, sentence: Sentence) -> Line:
    """Look up ids.

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
    sounds = None
    if engine.spec.token_model.spelling is not None:
        sounds = np.array(sounds_of(sentence), dtype=np.int64)
    return Line(engine, sentence, phones, sounds)
