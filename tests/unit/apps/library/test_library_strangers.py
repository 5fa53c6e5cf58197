"""Names and voice files of strangers: whatever they hold, they are kept or refused, no more."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from myna.apps.library import Library, index, names
from myna.datatypes import Prompt, Voice
from myna.errors import VoiceError

ANY = st.text(st.characters(exclude_categories=()))  # half characters, too
MEAN = st.sampled_from(
    [
        *("..", ".", "../../etc/passwd", "/etc/passwd", "C:\\Windows", "\\\\host\\share", "~"),
        *("CON", "con.voice", "NUL", "aux.txt", "COM1", "LPT9", "a\0b", "a/b", "a:b", "a|b?*"),
        *("'; DROP TABLE voices; --", "%00", "%2e%2e%2f", "a" * 100, "é" * 5000, "\ufdfa" * 100),
        *("\u202egpj.exe", "\ud800", "\ufeff", "ß", "SS", "ı", "İ", "ﬁ", "Å", "\u1e9e"),
        *("index.sqlite3", "voice_0123456789abcdef", "VOICE_0123456789ABCDEF", "-", "--", " "),
    ]
)
NAMES = ANY | MEAN
EXAMPLES = settings(max_examples=40)
"""Each of them waits for the disk several times."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside") / "voices"


@pytest.fixture(scope="module")
def shelf(folder: Path) -> Iterator[Library]:
    with Library(folder) as made:
        yield made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("made") / "a.voice"
    ids = np.arange(6, dtype=np.int64)
    Voice(
        name="Anna",
        family="toy",
        model="m",
        timbre=np.ones(4, dtype=np.float32),
        speaker=np.ones(3, dtype=np.float32),
        prompt=Prompt(text="Hello.", language="en", phones=ids, tokens=ids),
        details={"a": [1, None]},
    ).save(path)
    return path.read_bytes()


def whole(folder: Path, shelf: Library) -> None:
    """Nothing is where it should not be, and everything that is there can be used."""
    assert sorted(os.listdir(folder.parent)) == ["voices"]
    voices = [name for name in os.listdir(folder) if not name.startswith(index.FILE)]
    assert len(voices) == shelf.count()
    for entry in shelf.list():
        json.dumps(entry.name).encode()
        assert isinstance(shelf.voice(entry), Voice)


class TestNames:
    @EXAMPLES
    @given(NAMES)
    @example("a" * 100)
    @example("Ⅷ ﷺ")
    def test_a_name_is_kept_or_refused(self, shelf: Library, folder: Path, name: str) -> None:
        voice = Voice(name="x", family="f", model="m", timbre=np.ones(2, dtype=np.float32))
        try:
            entry = shelf.add(voice, name=name or " ")
        except VoiceError as error:
            harmless(error, folder)
        else:
            for same in (name, entry.name, entry.name.upper().lower(), entry.name.casefold()):
                if names.key(same) == names.key(name):
                    assert shelf.get(same) == entry
            assert entry.name.isprintable() or not name.isprintable() or name != entry.name
            assert len(entry.name) <= names.LONGEST
            assert shelf.voice(name).name == entry.name
            assert entry in shelf.list(entry.name)
            assert all(
                entry.id in file for file in os.listdir(folder) if not file.startswith(index.FILE)
            )
            whole(folder, shelf)
            shelf.delete(name)
        assert shelf.list() == ()

    @EXAMPLES
    @given(NAMES, NAMES, st.lists(NAMES, max_size=3))
    def test_the_same_as_a_table(
        self, shelf: Library, first: str, second: str, aliases: list[str]
    ) -> None:
        """Renaming and aliases refuse exactly what has been taken."""
        voice = Voice(name="x", family="f", model="m", timbre=np.ones(2, dtype=np.float32))
        one, other = shelf.add(voice, name="one"), shelf.add(voice, name="other")
        taken = {"one": one.id, "other": other.id}
        for entry, name in ((one, first), (other, second)):
            try:
                fit = names.key(names.checked(name))
            except VoiceError:
                fit = None
            owner = taken.get(fit or "")
            if fit is None or owner not in (None, entry.id):
                with pytest.raises(VoiceError):
                    shelf.rename(entry, name)
            else:
                shelf.rename(entry, name)
                taken = {key: each for key, each in taken.items() if each != entry.id}
                taken[fit] = entry.id
        try:
            keys = [names.key(names.checked(alias)) for alias in aliases]
            fit_all = all(taken.get(key) in (None, one.id) for key in keys)
        except VoiceError:
            fit_all = False
        if fit_all:
            shelf.describe(one, aliases=aliases)
            taken |= dict.fromkeys(keys, one.id)
        else:
            with pytest.raises(VoiceError):
                shelf.describe(one, aliases=aliases)
        for key, owner in taken.items():
            assert shelf.get(key).id == owner
        shelf.delete(one)
        shelf.delete(other)

    @EXAMPLES
    @given(NAMES)
    def test_any_question_has_an_answer(self, shelf: Library, text: str) -> None:
        assert shelf.find(text) is None
        assert shelf.list(text) == ()
        with pytest.raises(VoiceError) as caught:
            shelf.get(text)
        str(caught.value).encode()

    @EXAMPLES
    @given(NAMES)
    def test_the_same_name_has_the_same_key(self, name: str) -> None:
        assert names.key(names.key(name)) == names.key(name)
        assert names.tamed(names.tamed(name)) == names.tamed(name)
        names.key(name.swapcase())

    @EXAMPLES
    @given(NAMES, NAMES)
    def test_settings_take_any_text(self, shelf: Library, key: str, value: str) -> None:
        try:
            shelf.set(key, value)
        except ValueError:
            assert not key.isprintable()
        else:
            assert shelf.settings(key) == value
            shelf.set(key, None)


class TestFiles:
    @EXAMPLES
    @given(st.binary(max_size=200))
    def test_random_bytes(self, shelf: Library, folder: Path, content: bytes) -> None:
        refused(shelf, folder, content)

    @EXAMPLES
    @given(st.data())
    def test_mutated_files(
        self, shelf: Library, folder: Path, data: bytes, draws: st.DataObject
    ) -> None:
        changed = bytearray(data)
        for _ in range(draws.draw(st.integers(1, 4))):
            at = draws.draw(st.integers(0, len(changed)))
            match draws.draw(st.integers(0, 3)):
                case 0:
                    changed[at : at + 1] = bytes([draws.draw(st.integers(0, 255))])
                case 1:
                    del changed[at : at + draws.draw(st.integers(1, 40))]
                case 2:
                    changed[at:at] = draws.draw(st.binary(max_size=20))
                case 3:
                    del changed[at:]
        refused(shelf, folder, bytes(changed))

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | NAMES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY, inner, max_size=3),
        max_leaves=5,
    )

    @example({"\ud800": 1})
    @example({"x" * 10_000: 1})
    @EXAMPLES
    @given(
        st.dictionaries(
            st.sampled_from(
                ["format", "name", "family", "model", "licence", "consent", "details", "prompt"]
            )
            | ANY,
            json_values,
        )
    )
    def test_other_facts(
        self, shelf: Library, folder: Path, data: bytes, changes: dict[str, object]
    ) -> None:
        (size,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + size])
        facts = json.loads(header["__metadata__"]["myna.voice"]) | changes
        header["__metadata__"]["myna.voice"] = json.dumps(facts)
        written = json.dumps(header).encode()
        refused(shelf, folder, struct.pack("<Q", len(written)) + written + data[8 + size :])


def harmless(error: VoiceError, folder: Path) -> None:
    """Can be sent to anybody."""
    str(error).encode()
    assert str(folder.parent) not in str(error)
    assert not re.search("voice_[0-9a-f]{16}-", str(error))
    assert len(str(error)) < 500


def refused(shelf: Library, folder: Path, content: bytes) -> None:
    """Refused, or kept as it is and of use."""
    try:
        entry = shelf.import_(content)
    except VoiceError as error:
        harmless(error, folder)
    else:
        assert shelf.export(entry) == content
        whole(folder, shelf)
        shelf.delete(entry)
    whole(folder, shelf)
    assert shelf.count() == 0
