"""Which phone is being said at each semantic token, by laying the text on the recording.

Letters in shapes: P phones, T tokens.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from myna.audio.filterbank import fbank
from myna.audio.resample import HIGH_QUALITY, resample
from myna.errors import AudioError, TextError
from myna.specs import CONTENT_RATE, TOKENS_PER_SECOND
from myna.text.sounds import heard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from myna.datatypes import Audio, Sentence
    from myna.engines.recogniser import Recogniser

log = logging.getLogger(__name__)

_FRAMES_PER_TOKEN = 100 // TOKENS_PER_SECOND
"""Of the filter bank."""


def places(
    recogniser: Recogniser, sound: Audio, sentence: Sentence, tokens: int
) -> NDArray[np.float32] | None:
    """The phone of each token (T,), in fractions between the middles of two.

    Args:
        recogniser: of sounds.
        sound: of any rate.
        sentence: what is said in it, as it was read.
        tokens: T.

    Returns:
        None if the recogniser does not know the sounds of a language in it, or there is not enough
        speech for the text.
    """
    try:
        sounds = [
            (number, said[0])
            for number, (symbol, language) in enumerate(_phones(sentence))
            if (said := heard([symbol], language))
        ]
        bands = fbank(
            sound if sound.rate == CONTENT_RATE else resample(sound, CONTENT_RATE, HIGH_QUALITY)
        )
        spans, _ = recogniser.lay(bands, [symbol for _, symbol in sounds]) if sounds else ([], 0.0)
    except (AudioError, TextError) as error:
        log.info("Nobody knows which phone is said when: %s", error)
        return None
    if not spans:
        return None
    times = np.maximum.accumulate(np.array(spans, dtype=np.float64).ravel())
    # A phone lasts from half before its number to half after it.
    phones = np.array([number + side for number, _ in sounds for side in (-0.5, 0.5)])
    middles = (np.arange(tokens) + 0.5) * _FRAMES_PER_TOKEN
    found: NDArray[np.float32] = np.interp(middles, times, phones).astype(np.float32)
    return found


def _phones(sentence: Sentence) -> list[tuple[str, str]]:
    """Its phones in order, each with its language."""
    return [(symbol, part.language) for part in sentence.parts for symbol in part.symbols]
