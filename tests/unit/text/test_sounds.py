"""What of a reading can be heard."""

from __future__ import annotations

import pytest

from myna.errors import TextError
from myna.text import read
from myna.text.sounds import LANGUAGES, SOUNDS, heard, heard_in, ids, language_of
from myna.text.symbols import symbols


def test_no_two_languages_share_a_sound():
    assert len(set(SOUNDS)) == len(SOUNDS)
    assert {language_of(sound) for sound in SOUNDS[1:]} == set(LANGUAGES)
    assert language_of(SOUNDS[0]) == ""


def test_english_has_no_stress_and_marks_are_silent():
    assert heard(["HH", "AH0", "L", "OW1", ",", "-", "IH", "."], "en") == [
        "HH",
        "AH",
        "L",
        "OW",
        "IH",
    ]


def test_mandarin_has_tones_and_no_empty_initials():
    assert heard(["AA", "ai4", "EE", "er2", "h", "ua1", "…"], "zh") == ["ai4", "er2", "h", "ua1"]


def test_every_sound_is_a_phone_of_the_models():
    table = set(symbols("v2"))
    for sound in SOUNDS[1:]:
        assert sound in table or f"{sound}0" in table, sound


def test_a_sentence_in_two_languages():
    sounds = heard_in(read("我很happy。", language="zh"))
    assert [language_of(sound) for sound in sounds] == ["zh"] * 4 + ["en"] * 4
    assert [SOUNDS[place] for place in ids(sounds)] == sounds


def test_other_languages_and_sounds_are_refused():
    with pytest.raises(TextError, match="those of en, zh are"):
        heard(["a"], "ja")
    with pytest.raises(TextError, match="no sound"):
        ids(["AH0"])
