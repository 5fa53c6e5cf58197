"""Splitting a run of letters into words."""

import random

import pytest

wordsegment = pytest.importorskip("wordsegment", reason="not installed: wordsegment")

from myna.text.en import dictionary, splitting  # noqa: E402


def test_words_are_found() -> None:
    assert splitting.split("thisisatest") == ("this", "is", "a", "test")
    assert splitting.split("john.doe") == ("johndoe",)
    assert splitting.split("-") == ()


def test_it_splits_as_the_package_does() -> None:
    segmenter = wordsegment.Segmenter()
    segmenter.load()
    rng = random.Random(3)
    words = sorted(dictionary.words())
    inputs = ["".join(rng.choices(words, k=rng.randint(1, 3))) for _ in range(50)]
    inputs += ["".join(rng.choices("etaoinshrdlu", k=rng.randint(1, 30))) for _ in range(50)]
    inputs += ["".join(rng.choices(words, k=60)), "a" * 300]
    for letters in inputs:
        assert list(splitting.split(letters) or ()) == segmenter.segment(letters)
