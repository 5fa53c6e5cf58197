"""What is kept is found again, under every name, by every process, and as it was."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myna.apps.library import Entry, Library, index, library, recovery
from myna.datatypes import Prompt, Voice
from myna.errors import BusyError, ConfigError, MynaError, VoiceError
from myna.files import data_folder

WAV = b"RIFF\x04\0\0\0WAVE"


def voice(name: str = "Anna", *, mark: float = 0.5, language: str = "en") -> Voice:
    return Voice(
        name=name,
        family="toy",
        model="ab" * 32,
        timbre=np.full(8, mark, dtype=np.float32),
        prompt=Prompt(
            text="Hello.",
            language=language,
            phones=np.arange(5, dtype=np.int64),
            tokens=np.arange(7, dtype=np.int64),
        ),
        licence="CC0",
        consent="mine",
        details={"seconds": 3.0},
    )


@pytest.fixture
def shelf(tmp_path: Path) -> Any:
    with Library(tmp_path / "voices") as made:
        yield made


def files(shelf: Library, tmp_path: Path) -> list[str]:
    """Of voices and previews, complete or not."""
    listed = sorted(path.name for path in (tmp_path / "voices").iterdir())
    return [name for name in listed if not name.startswith(index.FILE)]


def mark(found: Voice) -> float:
    return float(found.timbre[0])


class TestKeeping:
    def test_what_is_kept_comes_back(self, shelf: Library) -> None:
        entry = shelf.add(
            voice("inner"),
            name="  Anna\tBell ",
            description=" warm ",
            languages=["EN", "pt-BR", "en"],
            aliases=["Bell", "BELL"],
        )
        assert entry == Entry(
            id=entry.id,
            name="Anna Bell",
            description="warm",
            model="ab" * 32,
            family="toy",
            languages=("en", "pt-br"),
            created=entry.created,
            consent="mine",
            licence="CC0",
            size=len(shelf.export(entry)),
            aliases=("BELL",),
            owner="",
        )
        assert abs(time.time() - _seconds(entry.created)) < 60
        assert entry.created.endswith("+00:00")
        for which in (entry.id, entry.id.upper(), "anna bell", "ANNA  BELL", "bell"):
            assert shelf.get(which) == shelf.find(which) == entry
        found = shelf.voice(entry)
        assert (found.name, mark(found), found.details) == ("Anna Bell", 0.5, {"seconds": 3.0})
        assert found.prompt is not None
        assert found.prompt.tokens.tolist() == list(range(7))

    def test_names_and_languages_have_defaults(self, shelf: Library) -> None:
        entry = shelf.add(voice("Bo", language="zh"))
        assert (entry.name, entry.languages, entry.description) == ("Bo", ("zh",), "")
        assert shelf.add(voice("Ny", language="auto !")).languages == ()
        assert shelf.add(replace(voice("No"), prompt=None)).languages == ()

    def test_two_composed_and_in_other_cases_are_one(self, shelf: Library) -> None:
        entry = shelf.add(voice("Zoe\u0308 Strau\u00df"))
        assert entry.name == "Zo\u00eb Strau\u00df"
        assert shelf.get("ZO\u00cb STRAUSS") == entry
        with pytest.raises(VoiceError, match="in the library already"):
            shelf.add(voice("zo\u00eb strauss"))

    def test_another_process_sees_it(self, shelf: Library, tmp_path: Path) -> None:
        entry = shelf.add(voice())
        with Library(tmp_path / "voices") as other:
            assert other.list() == (entry,)
            assert mark(other.voice("anna")) == 0.5
            other.delete("anna")
        assert shelf.list() == ()

    def test_the_default_folder(self) -> None:
        with Library() as made:
            made.add(voice("of the default folder"))
        assert (data_folder() / "voices" / index.FILE).is_file()

    def test_who_is_not_there(self, shelf: Library) -> None:
        for which in ("nobody", "", "\ud800", "\0", "a" * 10_000_000, "voice_0123456789abcdef"):
            assert shelf.find(which) is None
            with pytest.raises(VoiceError, match="There is no voice"):
                shelf.get(which)
        for path in ("../anna", "/etc/passwd", "C:\\anna", "\\\\host\\anna"):
            with pytest.raises(VoiceError) as caught:
                shelf.voice(path)
            assert path not in str(caught.value)


class TestTakenNames:
    def test_are_refused_before_anything_is_written(
        self, shelf: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shelf.add(voice(), aliases=["Ann"])
        monkeypatch.setattr(Voice, "save", None)
        for name, aliases in (("ANNA", ()), ("ann", ()), ("Bo", ["anna"]), ("Bo", ["Ann"])):
            with pytest.raises(VoiceError, match="in the library already"):
                shelf.add(voice(), name=name, aliases=aliases)
        assert shelf.count() == 1

    def test_are_replaced(self, shelf: Library, tmp_path: Path) -> None:
        old = shelf.add(voice(), description="old", languages=["de"], aliases=["Ann"])
        shelf.set_preview(old, WAV)
        assert mark(shelf.voice(old)) == 0.5
        new = shelf.add(voice(mark=0.25, language="ja"), name="ANNA", if_taken="replace")
        assert (new.id, new.name, new.aliases) == (old.id, "ANNA", ("Ann",))
        assert (new.description, new.languages) == ("old", ("ja",))
        assert mark(shelf.voice(old)) == 0.25
        assert shelf.preview(old) is None
        assert len(files(shelf, tmp_path)) == 1
        last = shelf.add(
            voice(), if_taken="replace", description="", languages=[], aliases=["Ann", "A"]
        )
        assert (last.description, last.languages, last.aliases) == ("", (), ("Ann", "A"))

    def test_an_alias_is_not_replaced(self, shelf: Library) -> None:
        shelf.add(voice(), aliases=["Ann"])
        with pytest.raises(VoiceError, match="'Ann' is another name of the voice 'Anna'"):
            shelf.add(voice(), name="Ann", if_taken="replace")

    def test_are_numbered(self, shelf: Library) -> None:
        names = [shelf.add(voice(), if_taken="number").name for _ in range(3)]
        assert names == ["Anna", "Anna 2", "Anna 3"]
        long = [shelf.add(voice("x" * 100), if_taken="number").name for _ in range(2)]
        assert long == ["x" * 100, "x" * 98 + " 2"]

    def test_other_wishes_are_errors(self, shelf: Library) -> None:
        with pytest.raises(ConfigError, match="if_taken is 'keep'"):
            shelf.add(voice(), if_taken="keep")  # type: ignore[arg-type]

    def test_taken_while_it_was_written(
        self, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save = Voice.save

        def slowly(self: Voice, path: Path) -> None:
            monkeypatch.undo()
            shelf.add(voice(mark=0.75))
            save(self, path)

        monkeypatch.setattr(Voice, "save", slowly)
        with pytest.raises(VoiceError, match="already"):
            shelf.add(voice())
        assert mark(shelf.voice("Anna")) == 0.75
        assert len(files(shelf, tmp_path)) == 1


class TestListing:
    def test_is_sorted_searched_and_paged(self, shelf: Library) -> None:
        for name, said, aliases in (
            ("bo", "a deep voice", []),
            ("Anna", "warm", ["Größe"]),
            ("Élan", "", []),
            ("100% _", "", []),
        ):
            shelf.add(voice(name), description=said, aliases=aliases)

        def found(*args: Any) -> list[str]:
            return [entry.name for entry in shelf.list(*args)]

        assert found() == ["100% _", "Anna", "bo", "Élan"]
        assert found("DEEP") == ["bo"]
        assert found("GRÖSSE") == ["Anna"]
        assert found("n") == ["Anna", "Élan"]
        assert found("%") == found("_") == ["100% _"]
        assert found("\ud800") == found("\0") == found("' OR 1 --") == []
        assert found("", 2) == ["100% _", "Anna"]
        assert found("", 2, 3) == ["Élan"]
        assert found("", 0) == []
        for wrong in ((-1, 0), (1, -1), (1 << 70, 0), (1, float("nan"))):
            with pytest.raises(ConfigError):
                shelf.list("", *wrong)  # type: ignore[arg-type]


class TestChanging:
    def test_rename(self, shelf: Library) -> None:
        old = shelf.add(voice(), aliases=["Ann", "A"])
        shelf.add(voice("Bo"))
        new = shelf.rename("ann", "Ann")
        assert new == replace(old, name="Ann", aliases=("A",))
        assert shelf.rename(new, "ANN").name == "ANN"
        assert shelf.find("Anna") is None
        with pytest.raises(VoiceError, match="already"):
            shelf.rename(new, "bo")
        assert shelf.get("a").name == "ANN"
        with pytest.raises(VoiceError, match="no voice"):
            shelf.rename("Anna", "x")

    def test_describe(self, shelf: Library) -> None:
        old = shelf.add(voice(), aliases=["Ann"])
        shelf.add(voice("Bo"))
        assert shelf.describe(old, "warm") == replace(old, description="warm")
        changed = shelf.describe("Anna", languages=["de"], aliases=["A"])
        assert changed == replace(old, description="warm", languages=("de",), aliases=("A",))
        assert shelf.list("warm") == (changed,)
        with pytest.raises(VoiceError, match="already"):
            shelf.describe(old, "cold", aliases=["bo"])
        assert shelf.get("A") == changed

    def test_unfit_words(self, shelf: Library) -> None:
        for wrong in (
            {"description": "x" * 2001},
            {"description": "a\0"},
            {"description": "\ud800"},
            {"languages": ["english please"]},
            {"languages": [""]},
            {"languages": [f"a{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(33)]},
            {"aliases": [str(i) for i in range(33)]},
            {"aliases": [""]},
            {"aliases": ["voice_0123456789ABCDEF"]},
        ):
            with pytest.raises(VoiceError):
                shelf.add(voice(), **wrong)  # type: ignore[arg-type]
        for name in ("", " ", "\u200d", "\u0301", "a\0", "a\x1b[1m", "\u202eanna", "x" * 101):
            with pytest.raises(VoiceError):
                shelf.add(voice(), name=name or " ")
        for strange in (replace(voice(), licence="x" * 20_001), replace(voice(), consent="\udcff")):
            with pytest.raises(VoiceError):
                shelf.add(strange)
        assert shelf.list() == ()

    def test_delete(self, shelf: Library, tmp_path: Path) -> None:
        entry = shelf.add(voice(), aliases=["Ann"])
        shelf.set_preview("Ann", WAV)
        shelf.voice(entry)
        shelf.delete("ANN")
        assert files(shelf, tmp_path) == []
        for use in (shelf.voice, shelf.export, shelf.preview, shelf.delete):
            with pytest.raises(VoiceError, match="There is no voice 'Anna'"):
                use(entry)
        assert shelf.add(voice()).id != entry.id

    def test_no_more_than_allowed(self, tmp_path: Path) -> None:
        with Library(tmp_path, most=1) as shelf:
            shelf.add(voice())
            for take_in in (
                lambda: shelf.add(voice("Bo")),
                lambda: shelf.import_(shelf.export("Anna"), "Bo"),
                lambda: shelf.import_(shelf.export("Anna")),
            ):
                with pytest.raises(VoiceError, match="holds 1 voices"):
                    take_in()
            shelf.add(voice(), if_taken="replace")


class TestFiles:
    def test_export_and_import_keep_every_byte(self, shelf: Library) -> None:
        first = shelf.add(voice(), description="mine only")
        data = shelf.export("anna")
        shelf.rename(first, "Bo")
        second = shelf.import_(data)
        assert (second.name, second.description, second.consent) == ("Anna", "", "mine")
        assert shelf.export(second) == data
        with pytest.raises(VoiceError, match="already"):
            shelf.import_(data)
        third = shelf.import_(data, "Cy", languages=["de"], aliases=["C"])
        assert shelf.get("c") == third
        assert third.languages == ("de",)

    def test_an_unfit_name_inside_is_tamed(self, shelf: Library, tmp_path: Path) -> None:
        for inside, name in (
            ("../../a\0\x1b\u202eb", "../../ab"),
            ("", "Voice"),
            ("\ud800", "Voice 2"),
            ("voice_0123456789abcdef", "Voice 3"),
            ("x" * 5000, "x" * 100),
        ):
            voice(inside).save(tmp_path / "a.voice")
            data = (tmp_path / "a.voice").read_bytes()
            assert shelf.import_(data, if_taken="number").name == name

    def test_what_is_no_voice(
        self, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(library, "LARGEST", 5000)
        for data in (b"", b"{}", b"\x02\0\0\0\0\0\0\0{}", bytes(5000), bytes(5001)):
            with pytest.raises(VoiceError) as caught:
                shelf.import_(data, "x")
            assert str(tmp_path) not in str(caught.value)
            assert "voice_" not in str(caught.value)
        assert files(shelf, tmp_path) == []
        assert shelf.list() == ()

    def test_damage_is_told_without_a_path(self, shelf: Library, tmp_path: Path) -> None:
        entry = shelf.add(voice())
        (name,) = files(shelf, tmp_path)
        path = tmp_path / "voices" / name
        path.write_bytes(path.read_bytes()[:-3])
        messages = []
        for damage in (lambda: None, lambda: path.write_bytes(b"newer"), path.unlink, path.mkdir):
            damage()
            with pytest.raises(VoiceError) as caught:
                shelf.voice(entry)
            messages.append(str(caught.value))
        assert "'Anna' is no voice file, or it is damaged" in messages[0]
        assert "lost its file" in messages[2]
        assert not any("/" in message or name in message for message in messages)
        path.rmdir()
        with pytest.raises(VoiceError, match="lost its file"):
            shelf.export(entry)
        shelf.add(voice(), if_taken="replace")
        assert mark(shelf.voice(entry)) == 0.5

    def test_an_index_cannot_name_files_elsewhere(self, shelf: Library, tmp_path: Path) -> None:
        entry = shelf.add(voice())
        victim = tmp_path / "victim.voice"
        voice().save(victim)
        with sqlite3.connect(tmp_path / "voices" / index.FILE) as stranger:
            stranger.execute("UPDATE voices SET file = '../victim.voice'")
            stranger.execute("INSERT INTO pending VALUES ('../victim.voice', 0)")
        stranger.close()
        for use in (shelf.voice, shelf.export):
            with pytest.raises(VoiceError, match="not its own"):
                use(entry)
        Library(tmp_path / "voices").close()
        assert victim.is_file()


class TestMemory:
    def test_a_voice_is_read_once(
        self, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = shelf.add(voice())
        first = shelf.voice(entry)
        assert shelf.voice("anna") is first
        (name,) = files(shelf, tmp_path)
        voice(mark=0.25).save(tmp_path / "voices" / name)
        os.utime(tmp_path / "voices" / name, ns=(1, 1))
        assert mark(shelf.voice(entry)) == 0.25

    def test_the_last_ones_are_kept(self, tmp_path: Path) -> None:
        with Library(tmp_path, keep=2) as shelf:
            a, b, c = (shelf.add(voice(name)) for name in "abc")
            first, second = shelf.voice(a), shelf.voice(b)
            assert shelf.voice(a) is first
            shelf.voice(c)
            assert shelf.voice(a) is first
            assert shelf.voice(b) is not second


class TestPreviewsAndSettings:
    def test_preview(self, shelf: Library, tmp_path: Path) -> None:
        entry = shelf.add(voice())
        assert shelf.preview(entry) is None
        shelf.set_preview("anna", WAV + b"more")
        shelf.set_preview(entry.id, WAV)
        assert shelf.preview("anna") == WAV
        for wrong in (b"", b"ID3", bytes(100)):
            with pytest.raises(VoiceError, match="WAV"):
                shelf.set_preview(entry, wrong)
        with pytest.raises(VoiceError, match="no voice"):
            shelf.set_preview("bo", WAV)

    def test_a_preview_does_not_outlive_its_voice(
        self, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = shelf.add(voice())
        keep = shelf._shelf.set_preview

        def late(file: str, data: bytes) -> None:
            shelf.delete(entry)
            keep(file, data)

        monkeypatch.setattr(shelf._shelf, "set_preview", late)
        shelf.set_preview(entry, WAV)
        assert files(shelf, tmp_path) == []

    def test_settings_are_shared(self, shelf: Library, tmp_path: Path) -> None:
        with Library(tmp_path / "voices") as other:
            for value in ({"path": "C:\\ü\ud800", "n": [1, 2.5, None, True]}, "x", 0, False, []):
                shelf.set("default reference\0\n", value)
                assert other.settings("default reference\0\n") == value
            other.set("default reference\0\n", None)
        assert shelf.settings("default reference\0\n") is None
        assert shelf.settings("default voice", "slt") == "slt"
        with pytest.raises(VoiceError, match="65536"):
            shelf.set("a", "x" * 70_000)
        with pytest.raises(ValueError, match="JSON"):
            shelf.set("a", float("nan"))
        assert shelf.settings("a") is None


class TestIndex:
    def test_a_later_version_keeps_what_is_there(
        self, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = shelf.add(voice())
        later = ("ALTER TABLE voices ADD COLUMN stars INTEGER NOT NULL DEFAULT 3",)
        monkeypatch.setattr(index, "MIGRATIONS", (*index.MIGRATIONS, later))
        for _ in range(2):
            with Library(tmp_path / "voices") as newer:
                assert newer.list() == (entry,)
                with newer._index.reading() as tables:
                    assert tables.execute("SELECT stars FROM voices").fetchall() == [(3,)]
        monkeypatch.undo()
        with pytest.raises(VoiceError, match="newer Myna"):
            Library(tmp_path / "voices")

    def test_a_failed_migration_changes_nothing(
        self, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = shelf.add(voice())
        later = ("ALTER TABLE voices ADD COLUMN stars", "nonsense")
        monkeypatch.setattr(index, "MIGRATIONS", (*index.MIGRATIONS, later))
        with pytest.raises(sqlite3.OperationalError):
            Library(tmp_path / "voices")
        monkeypatch.undo()
        with Library(tmp_path / "voices") as again:
            assert again.list() == (entry,)

    def test_it_is_written_ahead(self, shelf: Library) -> None:
        with shelf._index.reading() as tables:
            assert tables.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    @pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + bytes(5000)])
    def test_damage_is_told(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / index.FILE).write_bytes(content)
        with pytest.raises(VoiceError, match="is damaged") as caught:
            Library(tmp_path)
        assert str(tmp_path) not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_places_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(VoiceError, match="cannot be made"):
            Library(tmp_path / "file")
        (tmp_path / index.FILE).mkdir()
        with pytest.raises(VoiceError, match="cannot be opened"):
            Library(tmp_path)

    def test_who_waits_too_long_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index, "PATIENCE", 0.05)
        with Library(tmp_path) as shelf, Library(tmp_path) as other:
            entry = shelf.add(voice())
            with other._index.writing():
                with pytest.raises(BusyError, match="Try again"):
                    shelf.rename(entry, "Bo")
                assert shelf.get("Anna") == entry
            shelf.rename(entry, "Bo")


class TestRecovery:
    def test_a_lost_index_is_made_again(self, shelf: Library, tmp_path: Path) -> None:
        first, second = shelf.add(voice()), shelf.add(voice(mark=0.25), if_taken="number")
        shelf.close()
        for path in (tmp_path / "voices").glob(index.FILE + "*"):
            path.unlink()
        (tmp_path / "voices" / ("voice_" + "0" * 16 + "-" + "0" * 8 + ".voice")).write_text("no")
        (tmp_path / "voices" / "mine.voice").write_text("mine")
        with Library(tmp_path / "voices") as again:
            assert {entry.id for entry in again.list()} == {first.id, second.id}
            assert {entry.name for entry in again.list()} == {"Anna", "Anna 2"}
            assert {mark(again.voice(entry)) for entry in again.list()} == {0.5, 0.25}
        assert len(files(shelf, tmp_path)) == 4

    def test_a_copy_of_a_file_gets_its_own_id(self, shelf: Library, tmp_path: Path) -> None:
        entry = shelf.add(voice())
        (name,) = files(shelf, tmp_path)
        folder = tmp_path / "voices"
        shutil.copy(folder / name, folder / f"{entry.id}-00000000.voice")
        with Library(folder) as again:
            one, two = again.list()
            assert (one, two.name) == (entry, "Anna 2")
            assert two.id != one.id

    def test_leftovers_go_after_an_hour(self, shelf: Library, tmp_path: Path) -> None:
        entry = shelf.add(voice())
        shelf.set_preview(entry, WAV)
        kept = files(shelf, tmp_path)
        stem = f"voice_{'1' * 16}-{'2' * 8}"
        folder = tmp_path / "voices"
        (folder / f".{stem}.voice.01234567.part").write_text("half")
        (folder / f"{stem}.wav").write_text("nobody's")
        voice().save(folder / f"{stem}.voice")
        with shelf._index.writing() as tables:
            tables.execute("INSERT INTO pending VALUES (?, ?)", (f"{stem}.voice", time.time()))
        Library(folder).close()
        assert len(files(shelf, tmp_path)) == len(kept) + 3
        with shelf._index.writing() as tables:
            tables.execute("UPDATE pending SET since = since - 3601")
        for path in folder.glob(f"*{stem}*"):
            os.utime(path, (1, 1))
        for path in folder.glob(f"{entry.id}*"):
            os.utime(path, (1, 1))
        Library(folder).close()
        assert files(shelf, tmp_path) == kept
        assert shelf.list() == (entry,)

    def test_whoever_took_an_hour_is_told(
        self, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save = shelf._shelf.save

        def slowly(file: str, given: Voice) -> int:
            size = save(file, given)
            monkeypatch.setattr(recovery, "STALE", 0.0)
            Library(tmp_path / "voices").close()
            return size

        monkeypatch.setattr(shelf._shelf, "save", slowly)
        with pytest.raises(VoiceError, match="hour"):
            shelf.add(voice())
        assert files(shelf, tmp_path) == []


@pytest.mark.parametrize("if_taken", ["number", "replace"])
def test_interrupted_just_after_it_was_kept(
    shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, if_taken: Any
) -> None:
    shelf.add(voice())
    enter = shelf._enter

    def interrupted(*args: Any) -> Entry:
        enter(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(shelf, "_enter", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shelf.add(voice(mark=0.25), if_taken=if_taken)
    assert mark(shelf.voice(shelf.list()[-1])) == 0.25
    assert len(files(shelf, tmp_path)) == shelf.count()


def test_many_threads(shelf: Library) -> None:
    entries = [shelf.add(voice(f"v{i}", mark=i)) for i in range(4)]
    wrong: list[object] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                entry = entries[(number + turn) % 4]
                if mark(shelf.voice(entry)) != entries.index(entry):
                    wrong.append("another voice")
                shelf.add(voice(), name="mine", if_taken="number", aliases=[f"{number} {turn}"])
                shelf.delete(f"{number} {turn}")
        except MynaError as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert shelf.list() == tuple(entries)


class TestFullDisk:
    def full(self, *_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    def test_of_a_file(
        self, shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = shelf.add(voice())
        data, kept = shelf.export(entry), files(shelf, tmp_path)
        for patched in ("write_bytes", "open"):
            with monkeypatch.context() as patch:
                patch.setattr(Path, patched, self.full)
                for use in (
                    lambda: shelf.add(voice("Bo")),
                    lambda: shelf.add(voice(mark=1.0), if_taken="replace"),
                    lambda: shelf.import_(data, "Bo"),
                    lambda: shelf.set_preview(entry, WAV),
                ):
                    with pytest.raises(VoiceError, match="The disk is full") as caught:
                        use()
                    assert "secret" not in str(caught.value)
        assert files(shelf, tmp_path) == kept
        assert shelf.list() == (entry,)
        assert mark(shelf.voice(entry)) == 0.5
        with shelf._index.reading() as tables:
            assert tables.execute("SELECT * FROM pending").fetchall() == []
        shelf.add(voice("Bo"))

    def test_of_the_index(self, shelf: Library, tmp_path: Path) -> None:
        """SQLite is told that no page may be added; after some voices it needs one."""
        entry = shelf.add(voice())
        with shelf._index.reading() as tables:
            (pages,) = tables.execute("PRAGMA page_count").fetchone()
            tables.execute(f"PRAGMA max_page_count = {pages}")

        def fill() -> None:
            for number in range(1000):
                shelf.add(voice(), name=f"{number}", description="x" * 2000)

        with pytest.raises(VoiceError, match="The disk is full"):
            fill()
        assert shelf.count() == len(files(shelf, tmp_path)) < 1000
        shelf.delete(entry)
        with shelf._index.reading() as tables:
            tables.execute("PRAGMA max_page_count = 1000000")
        shelf.add(voice())


def _seconds(written: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(written).timestamp()


def test_entries_are_plain_values(shelf: Library) -> None:
    from dataclasses import asdict

    entry = shelf.add(voice())
    assert json.loads(json.dumps(asdict(entry)))["id"] == entry.id
    assert hash(entry) == hash(shelf.get("Anna"))
