"""Held-out clips: the same every time, some of every speaker, no sentence in both parts."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from myna.dataset.manifest import Clip
from myna.errors import ConfigError
from myna.training.splits import (
    Split,
    SplitSettings,
    overlap,
    sentence_key,
    sentence_number,
    split,
)


def clip(number: int, text: str = "", speaker: str = "anna", seconds: float = 4.0) -> Clip:
    return Clip(id=f"c{number}", source="a.wav", end=seconds, speaker=speaker, text=text)


def sentences(count: int, speaker: str = "anna", first: int = 0) -> list[Clip]:
    return [clip(n, f"Sentence {n}.", speaker) for n in range(first, first + count)]


def names(clips: tuple[Clip, ...]) -> list[str]:
    return [one.id for one in clips]


@pytest.mark.parametrize("count", [*range(2, 41), 100, 333, 1000])
def test_at_least_one_and_about_five_to_ten_per_cent(count):
    parts = split(sentences(count))
    held = len(parts.held_out)
    assert held >= 1
    assert held == 1 or 0.05 * count <= held <= 0.1 * count
    assert sorted(names(parts.train) + names(parts.held_out)) == sorted(
        names(tuple(sentences(count)))
    )
    assert not overlap(parts)


def test_the_order_of_clips_changes_nothing():
    clips = sentences(80) + sentences(40, "ben", 100)
    shuffled = clips.copy()
    random.Random(1).shuffle(shuffled)
    assert set(names(split(clips).held_out)) == set(names(split(shuffled).held_out))
    other = split(clips, SplitSettings(seed=1))
    assert set(names(split(clips).held_out)) != set(names(other.held_out))


def test_new_clips_move_few_old_ones():
    before = set(names(split(sentences(200)).held_out))
    after = set(names(split(sentences(210)).held_out))
    assert len(before - after) <= 3


def test_every_speaker_gives_a_share():
    clips = sentences(300) + sentences(100, "ben", 1000) + sentences(30, "cleo", 2000)
    held = split(clips).held_out
    assert len(held) == 30
    count = {who: sum(one.speaker == who for one in held) for who in ("anna", "ben", "cleo")}
    assert abs(count["anna"] - 21) <= 1
    assert abs(count["ben"] - 7) <= 1
    assert abs(count["cleo"] - 2) <= 1


def test_many_small_speakers_give_some_together_and_none_its_last_clip():
    clips = [clip(2 * s + n, f"{s} {n}", f"s{s}") for s in range(50) for n in range(2)]
    clips += [clip(1000 + s, f"only {s}", f"only{s}") for s in range(50)]
    parts = split(clips)
    assert 5 <= len(parts.held_out) <= 15
    assert {one.speaker for one in parts.held_out} <= {one.speaker for one in parts.train}


def test_speakers_of_one_clip_each_still_give_one():
    assert len(split([clip(n, f"{n}", f"s{n}") for n in range(40)]).held_out) == 1


def test_the_same_sentence_is_never_in_both_parts():
    clips = [
        clip(100 * s + n, f"Sentence {n}." if s else f"SENTENCE, {n}!", f"s{s}")
        for s in range(3)
        for n in range(50)
    ]
    parts = split(clips)
    assert not overlap(parts)
    assert len(parts.held_out) in {9, 12}
    assert len({sentence_key(one) for one in parts.held_out}) * 3 == len(parts.held_out)


def test_a_sentence_said_by_all_more_often_than_the_share_is_left():
    clips = [clip(n, "Always this.") for n in range(20)] + sentences(20, first=20)
    held = split(clips).held_out
    assert len(held) == 3
    assert all(one.text != "Always this." for one in held)


def test_writing_does_not_make_another_sentence():
    same = ["Hello, World 2!", "hello world ２", "HELLO — world (2)"]
    assert len({sentence_key(clip(n, text)) for n, text in enumerate(same)}) == 1
    assert sentence_key(clip(1, "你好。")) == sentence_key(clip(2, "你好"))
    assert sentence_key(clip(1, "你好")) != sentence_key(clip(2, "再见"))
    assert sentence_key(clip(1)) != sentence_key(clip(2))
    assert sentence_key(clip(1, "...")) != sentence_key(clip(2, "..."))


class TestFewClips:
    def test_the_shortest_of_two_seconds_goes(self):
        seconds = [8.0, 1.2, 5.0, 2.5, 6.0]
        clips = [clip(n, f"{n}", seconds=length) for n, length in enumerate(seconds)]
        assert names(split(clips).held_out) == ["c3"]

    def test_of_one_sentence_nothing_can_be_held_out(self):
        assert split([clip(1, "One.")]) == Split(train=(clip(1, "One."),), held_out=())
        assert not split([clip(1, "One."), clip(2, "one")]).held_out
        assert split([]) == Split(train=(), held_out=())


def test_dropped_clips_are_in_neither_part():
    clips = sentences(30)
    clips[3] = clips[3].drop("clipping", "It clips.")
    parts = split(clips)
    assert "c3" not in names(parts.train + parts.held_out)
    assert len(parts.train + parts.held_out) == 29


def test_not_more_than_asked_for():
    assert len(split(sentences(400), SplitSettings(most=5)).held_out) == 5


def test_a_foreign_split_is_looked_through():
    one, two = clip(1, "Good day."), clip(2, "good day")
    assert overlap(Split(train=(one,), held_out=(two,))) == ("text goodday",)
    assert not overlap(Split(train=(one,), held_out=(replace(two, text="Good night."),)))


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 0.2}, {"most": 0}])
def test_settings_are_checked(wrong):
    with pytest.raises(ConfigError):
        SplitSettings(**wrong)


class TestByNumber:
    """Sentences are held out by their own number, whatever else is in the set."""

    SETTINGS = SplitSettings(every=3, most=5)

    def test_the_same_ones_in_every_set(self):
        clips = sentences(60)
        whole = split(clips, self.SETTINGS)
        held = {n for n in range(60) if sentence_number(f"Sentence {n}.") % 3 == 0}
        trained = {int(name[1:]) for name in names(whole.train)}
        assert trained == set(range(60)) - held
        assert {int(name[1:]) for name in names(whole.held_out)} <= held
        part = split(clips[:20], self.SETTINGS)
        assert {int(name[1:]) for name in names(part.train)} == trained & set(range(20))

    def test_some_of_them_all_over_the_set_are_judged_by(self):
        held_out = names(split(sentences(200), self.SETTINGS).held_out)
        assert 3 <= len(held_out) <= 5
        assert int(held_out[-1][1:]) > 100
        many = split(sentences(200), replace(self.SETTINGS, most=200))
        assert len(many.train) + len(many.held_out) == 200

    def test_case_and_last_marks_do_not_count(self):
        assert sentence_number("He went home.") == sentence_number("he went HOME?! ")
        assert sentence_number("He went home.") != sentence_number("He went homes.")
        assert sentence_number("A fox.") == 695447633

    def test_every_other_setting(self):
        with pytest.raises(ConfigError, match="every is 1"):
            SplitSettings(every=1)
