"""Spelled tokens of a clip, by laying its text on the recording.

Letters in shapes: T tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from myna.audio.alignment import LEAST_SCORE
from myna.audio.filterbank import fbank
from myna.audio.resample import HIGH_QUALITY, resample
from myna.audio.spelling import melody, spell
from myna.errors import AudioError
from myna.specs import CONTENT_RATE
from myna.text.sounds import SOUNDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from myna.datatypes import Audio
    from myna.engines.recogniser import Recogniser
    from myna.specs import SpellingSpec


def spelled(
    recogniser: Recogniser, sound: Audio, sounds: Sequence[int], spec: SpellingSpec
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """What is said, and which phone each token belongs to.

    Args:
        recogniser: of sounds.
        sound: of any rate.
        sounds: of each phone, 0 for none; at least one sounds.
        spec: of the tokens.

    Returns:
        Tokens (T,), and their phones (T,) in fractions: between two phones where nothing sounds.

    Raises:
        AudioError: the recording does not say this text, or hardly anything.
    """
    spoken = [number for number, each in enumerate(sounds) if each]
    said = [sounds[number] for number in spoken]
    heard = sound if sound.rate == CONTENT_RATE else resample(sound, CONTENT_RATE, HIGH_QUALITY)
    bands = fbank(heard)
    spans, score = recogniser.lay(bands, [SOUNDS[each] for each in said])
    if score < LEAST_SCORE:
        raise AudioError("Its text is not what is heard, so nobody knows which phone is said when.")
    tokens, numbers = spell(said, spans, melody(heard), bands, spec)
    # Where nothing sounds there may be a mark, or several: between the two phones around them.
    around = [-1, *spoken, len(sounds)]
    return tokens, np.interp(numbers, np.arange(-1, len(said) + 1), around).astype(np.float32)
