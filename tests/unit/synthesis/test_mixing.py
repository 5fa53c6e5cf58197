"""A mixture is the mean that its weights say, of voices that one model understood."""

import numpy as np
import pytest

from myna.datatypes import Prompt, Voice
from myna.errors import ConfigError, VoiceError
from myna.synthesis.mixing import mix, parts


def _voice(name, value, *, model="m", speaker=None, **facts):
    return Voice(
        name=name,
        family="toy",
        model=model,
        timbre=np.full(4, value, np.float32),
        speaker=None if speaker is None else np.full(2, speaker, np.float32),
        prompt=Prompt(text=name, language="en", phones=np.zeros(1, int), tokens=np.zeros(1, int)),
        **facts,
    )


def test_mean_by_weight():
    found = mix([_voice("a", 0.0, speaker=1.0), _voice("b", 3.0, speaker=4.0)], [2, 1])
    np.testing.assert_allclose(found.timbre, 1.0)
    np.testing.assert_allclose(found.speaker, 2.0)
    assert found.timbre.dtype == found.speaker.dtype == np.float32
    assert found.prompt.text == "a"
    assert found.name == "a(2)+b(1)"
    assert found.details["mixed"] == [{"name": "a", "weight": 2.0}, {"name": "b", "weight": 1.0}]


def test_only_ratios_count_and_order_does_not():
    a, b = _voice("a", -1.0), _voice("b", 5.0)
    np.testing.assert_allclose(mix([a, b], [1, 3]).timbre, mix([b, a], [6, 2]).timbre)


def test_one_voice_sounds_as_ever():
    voice = _voice("a", 0.25, speaker=0.5)
    np.testing.assert_array_equal(mix([voice], [7]).timbre, voice.timbre)


def test_words_of_the_heaviest():
    voices = [_voice("a", 0, lexicon="la"), _voice("b", 0, lexicon="lb"), _voice("c", 0)]
    assert mix(voices, [1, 2, 2]).prompt.text == "b"
    assert mix(voices, [1, 2, 2]).lexicon == "lb"


def test_terms_of_all():
    voices = [_voice("a", 0, licence="CC0"), _voice("b", 0, licence="CC-BY"), _voice("c", 0)]
    assert mix([*voices, voices[0]], [1, 1, 1, 1]).licence == "CC0; CC-BY"


def test_other_models_are_refused():
    with pytest.raises(VoiceError, match="different models"):
        mix([_voice("a", 0), _voice("b", 0, model="n")], [1, 1])
    with pytest.raises(VoiceError, match="damaged"):
        mix([_voice("a", 0), _voice("b", 0, speaker=1.0)], [1, 1])


@pytest.mark.parametrize("weights", [[], [1], [1, 0], [1, -1], [1, float("nan")], [1, 1, 1]])
def test_weights_are_checked(weights):
    with pytest.raises(ConfigError):
        mix([_voice("a", 0), _voice("b", 0)], weights)


def test_how_many():
    with pytest.raises(ConfigError, match="1 to 8"):
        mix([], [])
    with pytest.raises(ConfigError, match="1 to 8"):
        mix([_voice("a", 0)] * 9, [1] * 9)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("anna", (("anna", 1.0),)),
        ("anna(2)+bert", (("anna", 2.0), ("bert", 1.0))),
        (" anna ( 0.5 ) + bert(1) ", (("anna", 0.5), ("bert", 1.0))),
        ("Anna (warm)+b", (("Anna (warm)", 1.0), ("b", 1.0))),
        ("Anna (warm)(3)", (("Anna (warm)", 3.0),)),
    ],
)
def test_recipe(recipe, expected):
    assert parts(recipe) == expected


@pytest.mark.parametrize("recipe", ["", "+", "a+", "a(0)+b", "+".join("a" * 9)])
def test_recipe_is_checked(recipe):
    with pytest.raises(ConfigError):
        parts(recipe)
