"""A voice belongs to whoever made it: others do not see it, whatever they ask."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from myna.apps.library import Entry, Library, index
from myna.datatypes import Voice
from myna.errors import ConfigError, VoiceError

WAV = b"RIFF\x04\0\0\0WAVE"


def voice(name: str = "Anna", mark: float = 0.5) -> Voice:
    timbre = np.full(8, mark, dtype=np.float32)
    return Voice(name=name, family="toy", model="ab" * 32, timbre=timbre)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "voices") as made:
        yield made


@pytest.fixture
def ann(shelf: Library) -> Library:
    return shelf.seen_by("ann")


@pytest.fixture
def bob(shelf: Library) -> Library:
    return shelf.seen_by("bob")


def names(seen: Library) -> list[str]:
    return [entry.name for entry in seen.list()]


def test_what_is_ones_own_and_what_is_everybodys(
    shelf: Library, ann: Library, bob: Library
) -> None:
    shelf.add(voice("Common"))
    entry = ann.add(voice(), aliases=["Bell"], description="a bell")
    assert (entry.owner, shelf.get("Common").owner) == ("ann", "")
    assert (names(ann), ann.count()) == (["Anna", "Common"], 2)
    assert (names(bob), bob.count()) == (["Common"], 1)
    assert (names(shelf), shelf.count()) == (["Anna", "Common"], 2)
    assert [seen.list("bell") for seen in (ann, bob, shelf)] == [(entry,), (), (entry,)]
    assert ann.voice("common").name == bob.voice("common").name == "Common"
    nobody = shelf.seen_by("")
    assert names(nobody) == ["Common"]
    all_of_ann = shelf.seen_by("ann", sees_all=True)
    assert names(all_of_ann) == names(shelf)


def uses(seen: Library) -> list[Callable[[Entry | str], object]]:
    return [
        *(seen.get, seen.voice, seen.export, seen.preview, seen.delete),
        lambda which: seen.rename(which, "Mine"),
        lambda which: seen.describe(which, "mine"),
        lambda which: seen.set_preview(which, WAV),
    ]


def test_others_do_not_see_it_by_any_name(shelf: Library, ann: Library, bob: Library) -> None:
    entry = ann.add(voice(), aliases=["Bell"])
    for which in ("anna", "BELL", entry.id, entry):
        for use in uses(bob):
            with pytest.raises(VoiceError, match="There is no voice"):
                use(which)
        if isinstance(which, str):
            assert bob.find(which) is None
    for name in ("anna", "nobody"):  # in the same words
        with pytest.raises(VoiceError, match=rf"^There is no voice '{name}' in the library\.$"):
            bob.get(name)
    assert ann.get("bell") == entry
    shelf.delete(entry)
    assert ann.find(entry.id) is None


def test_a_name_tells_nothing_of_others(shelf: Library, ann: Library, bob: Library) -> None:
    first = ann.add(voice(mark=0.25), aliases=["Bell"])
    second = bob.add(voice(mark=0.5), aliases=["bell"])
    third = bob.add(voice(mark=0.75), if_taken="number")
    assert (second.name, third.name) == ("Anna", "Anna 2")
    assert [float(seen.voice("anna").timbre[0]) for seen in (ann, bob)] == [0.25, 0.5]
    assert (ann.get("Bell"), bob.get("Bell")) == (first, second)
    replaced = bob.add(voice(mark=0.9), if_taken="replace")
    assert replaced.id == second.id
    assert float(ann.voice("anna").timbre[0]) == 0.25
    with pytest.raises(VoiceError, match="Several voices are called"):
        shelf.get("anna")
    with pytest.raises(VoiceError, match="Several voices are called"):
        shelf.add(voice(), if_taken="replace")
    assert shelf.get(first.id) == first
    assert shelf.add(voice(), if_taken="number").name == "Anna 3"
    assert bob.rename(third, "Cy").name == "Cy"
    assert ann.rename(first, "Cy").name == "Cy"


def test_ones_own_goes_before_everybodys(shelf: Library, ann: Library, bob: Library) -> None:
    common = shelf.add(voice(mark=0.1))
    with pytest.raises(VoiceError, match="already"):
        ann.add(voice())
    own = ann.add(voice("Bo", mark=0.2))
    shelf.describe(common, aliases=["Cy"])
    bob.rename(common, "Bo")  # which he cannot know of
    assert (ann.get("bo").id, bob.get("bo").id) == (own.id, common.id)
    assert shelf.get("bo").id == common.id  # everybody's


def test_what_is_replaced_from_outside_stays_its_owners(shelf: Library, ann: Library) -> None:
    entry = ann.add(voice(mark=0.1))
    again = shelf.add(voice(mark=0.2), if_taken="replace")
    assert (again.id, again.owner) == (entry.id, "ann")
    assert float(ann.voice("anna").timbre[0]) == pytest.approx(0.2)


def test_the_number_of_voices_is_each_owners(tmp_path: Path) -> None:
    with Library(tmp_path, most=2) as shelf:
        ann, bob = shelf.seen_by("ann"), shelf.seen_by("bob")
        shelf.add(voice("Common"))
        for name in ("A", "B"):
            ann.add(voice(name))
        with pytest.raises(VoiceError, match="your part of it holds 2 voices"):
            ann.add(voice("C"))
        bob.add(voice("C"))
        with pytest.raises(VoiceError, match="full: it holds 2 voices"):
            shelf.seen_by("cy", sees_all=True).add(voice("D"))


def test_settings_are_ones_own_and_else_everybodys(
    shelf: Library, ann: Library, bob: Library
) -> None:
    shelf.set("voice", "slt")
    ann.set("voice", "bdl")
    assert [seen.settings("voice") for seen in (shelf, ann, bob)] == ["slt", "bdl", "slt"]
    shelf.seen_by("bob", sees_all=True).set("voice", "kathleen")
    assert [seen.settings("voice") for seen in (shelf, ann, bob)] == ["kathleen", "bdl", "kathleen"]
    ann.set("voice", None)
    assert ann.settings("voice") == "kathleen"


@pytest.mark.parametrize("name", ["../ann", "a/b", "ä", "a b", ".a", "a" * 65, "a\n"])
def test_an_owner_has_a_name_that_fits_a_file(shelf: Library, name: str) -> None:
    with pytest.raises(ConfigError, match="owner"):
        shelf.seen_by(name)


def test_a_lost_index_gives_nothing_away(shelf: Library, tmp_path: Path) -> None:
    owners = ("ann", "b.o-b_2.voice", "")
    for owner in owners:
        seen = shelf.seen_by(owner)
        seen.set_preview(seen.add(voice(f"of {owner}")), WAV)
    shelf.close()
    for path in (tmp_path / "voices").glob(index.FILE + "*"):
        path.unlink()
    with Library(tmp_path / "voices") as again:
        assert {entry.owner: entry.name for entry in again.list()} == {
            owner: f"of {owner}".strip() for owner in owners
        }
        assert names(again.seen_by("ann")) == ["of", "of ann"]
        assert again.preview("of ann") == WAV


def test_a_library_of_before_is_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written by the tables of version 1, of which this is a copy of what it wrote."""
    voices = ["voice_" + each * 16 for each in "ab"]
    with sqlite3.connect(tmp_path / index.FILE) as old:
        for statement in index.MIGRATIONS[0]:
            old.execute(statement)
        for number, (each, name) in enumerate(zip(voices, ("Anna", "Bo"), strict=True)):
            file = f"{each}-0123456{number}.voice"
            voice(name).save(tmp_path / file)
            old.execute(
                "INSERT INTO voices VALUES (?, ?, 'Warm', 'warm', 'ab', 'toy', '[\"en\"]', "
                "'2026-01-01T00:00:00+00:00', 'mine', 'CC0', 9)",
                (each, file),
            )
            old.execute("INSERT INTO names VALUES (?, ?, 0, ?)", (name.casefold(), each, name))
        old.execute("INSERT INTO names VALUES ('bell', ?, 1, 'Bell')", (voices[0],))
        old.execute("INSERT INTO settings VALUES ('voice', '\"Anna\"')")
        old.execute("PRAGMA user_version = 1")
    old.close()
    with Library(tmp_path) as shelf:
        anna, bo = shelf.list()
        assert anna == Entry(
            id=voices[0],
            name="Anna",
            description="Warm",
            model="ab",
            family="toy",
            languages=("en",),
            created="2026-01-01T00:00:00+00:00",
            consent="mine",
            licence="CC0",
            size=9,
            aliases=("Bell",),
            owner="",
        )
        assert shelf.settings("voice") == "Anna"
        for seen in (shelf, shelf.seen_by("ann"), shelf.seen_by("")):
            assert (seen.get("BELL"), seen.get("bo")) == (anna, bo)
            assert seen.list("warm") == (anna, bo)
            assert seen.voice("Bo").name == "Bo"
        assert shelf.seen_by("ann").add(voice("Cy")).owner == "ann"
        shelf.delete("Anna")
        assert shelf.find("bell") is None
        with shelf._index.reading() as tables:
            assert tables.execute("PRAGMA foreign_key_check").fetchall() == []
            assert tables.execute("PRAGMA user_version").fetchone() == (len(index.MIGRATIONS),)
