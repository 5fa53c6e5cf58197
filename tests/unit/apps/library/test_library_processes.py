"""Several processes at once, and processes killed at any line: index and files agree."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from myna.apps.library import Library, index, recovery
from myna.datatypes import Voice
from myna.errors import VoiceError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows kills in another way")

COMMON = """
    import json, os, random, sys
    import numpy as np
    from myna.apps.library import Library
    from myna.datatypes import Voice
    from myna.errors import VoiceError

    def voice(name="Anna", mark=0.0):
        timbre = np.full(2000, mark, dtype=np.float32)
        return Voice(name=name, family="toy", model="m", timbre=timbre)
"""

BUSY = """
    folder, number = sys.argv[1], int(sys.argv[2])
    draw = random.Random(number)
    with Library(folder) as library:
        for turn in range(int(sys.argv[3])):
            name = f"voice {draw.randrange(4)}"
            try:
                match draw.randrange(6):
                    case 0 | 1:
                        mark = draw.randrange(1000)
                        entry = library.add(voice(mark=mark), name=name, if_taken="replace")
                    case 2:
                        library.delete(name)
                    case 3:
                        library.rename(name, f"voice {draw.randrange(4)}")
                    case 4:
                        for entry in library.list():
                            assert library.voice(entry).timbre.shape == (2000,)
                    case 5:
                        library.set("last", number)
                        library.set_preview(name, b"RIFF0000WAVE")
            except VoiceError as error:
                told = str(error)
                assert "There is no voice" in told or "already" in told, told
    print("well")
"""

KILLED = """
    from myna.apps.library import recovery

    # Some line of our own that an action runs is, in one child, the last one.
    def ended_after(lines, action):
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        left = lines

        def trace(frame, event, _):
            nonlocal left
            name = frame.f_code.co_filename
            if "/apps/library/" not in name and not name.endswith("/myna/files.py"):
                return None
            if event == "line":
                left -= 1
                if left < 0:
                    os._exit(9)
            return trace

        try:
            with Library(folder) as library:
                sys.settrace(trace)
                actions[action](library)
        except VoiceError as error:
            print(error)
            os._exit(1)
        os._exit(0)

    def tidy(library):
        recovery.STALE = 0.0
        recovery.recover(library._index, library._shelf)

    folder, step = sys.argv[1], int(sys.argv[2])
    with Library(folder) as library:
        library.add(voice())
        data = library.export("Anna")
    number = 0
    actions = {
        "add": lambda library: library.add(voice(), name=f"{number}"),
        "replace": lambda library: library.add(voice(mark=number), if_taken="replace"),
        "import": lambda library: library.import_(data, f"i{number}"),
        "delete": lambda library: library.delete("doomed"),
        "open": tidy,
        "preview": lambda library: library.set_preview("Anna", b"RIFF0000WAVE"),
    }
    ends, given = {}, step
    for action in actions:
        step = min(given, 7) if action == "delete" else given  # it is the shortest one
        lines, code, runs = step, 9, 0
        while code == 9:
            number += 1
            with Library(folder) as library:
                if action == "delete" and library.find("doomed") is None:
                    library.add(voice(), name="doomed")
            if action == "open":
                with open(f"{folder}/voice_{number:016x}-{0:08x}.voice", "wb") as stranger:
                    stranger.write(data)
            code = ended_after(lines, action)
            lines += step
            with Library(folder) as library:
                for entry in library.list():
                    assert len(library.export(entry)) == entry.size, (action, lines, entry)
                if action == "open":
                    library.delete("Anna 2")
            runs += 1
        ends[action] = [code, lines, runs]
    print(json.dumps(ends))
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    code = textwrap.dedent(COMMON) + textwrap.dedent(program)
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry has its file, and once everybody is gone there are no others."""
    with Library(folder) as library:
        for entry in library.list():
            assert library.voice(entry).timbre.shape == (2000,)
            assert len(library.export(entry)) == entry.size
        before = library.list()
    monkeypatch.setattr(recovery, "STALE", 0.0)
    with Library(folder) as library:
        assert library.list() == before
        with library._index.reading() as tables:
            known = {file for (file,) in tables.execute("SELECT file FROM voices").fetchall()}
            assert tables.execute("SELECT * FROM pending").fetchall() == []
            assert tables.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    names = {path.name for path in folder.iterdir() if not path.name.startswith(index.FILE)}
    previews = {str(Path(name).with_suffix(".wav")) for name in known}
    assert known <= names <= known | previews


def test_several_processes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = [start(BUSY, tmp_path, number, 25) for number in range(3)]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert (out, err) == ("well\n", "")
    sound(tmp_path, monkeypatch)


def test_killed_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(1)
    for turn in range(4):
        running = [start(BUSY, tmp_path, 2 * turn + number, 100_000) for number in range(2)]
        deadline = time.monotonic() + 30
        while not (tmp_path / index.FILE).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.2, 0.5))
        for process in running:
            process.kill()
            assert process.communicate()[1] == ""
            assert process.returncode == -signal.SIGKILL
        with monkeypatch.context() as patched:
            sound(tmp_path, patched)
    with Library(tmp_path) as library:
        library.add(Voice(name="new", family="", model="", timbre=np.zeros(2000, np.float32)))


def test_killed_at_many_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start(KILLED, tmp_path, 23)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    ends = json.loads(out)
    assert set(ends) == {"add", "replace", "import", "delete", "open", "preview"}
    assert all(code == 0 and runs > 5 for code, _, runs in ends.values()), ends
    assert err.count("taken in as the voice 'Anna 2'") == err.count("taken in") == ends["open"][2]
    sound(tmp_path, monkeypatch)
    with Library(tmp_path) as library, pytest.raises(VoiceError, match="already"):
        library.add(Voice(name="anna", family="", model="", timbre=np.zeros(2, np.float32)))
