"""The commands: exit codes, what goes where, and that nothing heavy loads before it is needed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save_file

import myna
import toy
from myna.apps.cli.main import main
from myna.checkpoints import catalogue, store
from myna.checkpoints.catalogue import PublicFile

TESTS = Path(__file__).resolve().parents[1]
MYNA = (
    f"import sys; sys.path.insert(0, {str(TESTS)!r}); import toy; toy.register(); "
    "from myna.apps.cli.main import main; sys.exit(main())"
)
"""The program with the toys."""

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
needs_signals = pytest.mark.skipif(os.name != "posix", reason="Windows interrupts in another way")


@pytest.fixture
def place(toy_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a recording."""
    folder = tmp_path / "work"
    folder.mkdir()
    toy.clip().save(folder / "clip.wav")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


def program(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[bytes]:
    settings = {"stdin": subprocess.DEVNULL, "timeout": 120, "capture_output": True, **settings}
    return subprocess.run([sys.executable, "-c", MYNA, *arguments], check=False, **settings)


class TestStart:
    def test_help_and_version_load_nothing_heavy(self) -> None:
        code = (
            "import sys\nfrom myna.apps.cli.main import main\n"
            "try: main(sys.argv[1:])\nexcept SystemExit as end: assert not end.code\n"
            "heavy = {'numpy', 'torch', 'soundfile', 'safetensors', 'jieba', 'pypinyin'}\n"
            "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
        )
        for arguments in (["--help"], ["--version"], ["say", "--help"], ["models", "--help"]):
            run = subprocess.run(
                [sys.executable, "-c", code, *arguments], capture_output=True, check=False
            )
            assert run.returncode == 0, run.stderr.decode()

    def test_only_the_command_that_was_named_is_imported(self) -> None:
        code = (
            "import sys\nfrom myna.apps.cli.main import COMMANDS, main\n"
            "try: main(['text', '--help'])\nexcept SystemExit: pass\n"
            "print([each for each in COMMANDS if f'myna.apps.cli.{each}' in sys.modules])"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert run.stdout.decode().splitlines()[-1] == "['text']", run.stderr.decode()

    @pytest.mark.parametrize(
        "command",
        [
            *([], ["say"], ["clone"], ["convert"], ["doctor"], ["models"], ["prepare"], ["train"]),
            *(["serve"], ["batch"], ["voices"]),
            *(["voices", each] for each in ("list", "add", "show", "rename", "remove")),
            *(["train", each] for each in ("voice", "model", "status", "plot")),
            *(["models", each] for each in ("list", "show", "verify", "get", "remove", "convert")),
        ],
    )
    def test_every_command_has_help(
        self, command: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            main([*command, "--help"])
        assert ended.value.code == 0
        assert f"usage: {' '.join(['myna', *command])}" in capsys.readouterr().out

    def test_exit_codes_are_documented(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["--help"])
        told = " ".join(capsys.readouterr().out.split())
        for code in ("0 done", "2 the command", "3 weights", "4 a download", "74 ", "130 "):
            assert code in told

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["--version"])
        assert (ended.value.code, capsys.readouterr().out) == (0, f"myna {myna.__version__}\n")

    @pytest.mark.parametrize(
        "arguments", [[], ["sing"], ["say", "hi"], ["say", "--file", "a", "b"], ["models", "get"]]
    )
    def test_usage(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert capsys.readouterr().out == ""


class TestErrors:
    def test_missing_weights_are_told_in_one_line(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, told in (("v2Pro", "myna models get v2Pro"), ("nope", "myna models get NAME")):
            assert main(["say", "hi", "-o", "x.wav", "--model", name]) == 3
            said = capsys.readouterr()
            assert said.out == ""
            assert said.err.count("\n") == 1
            assert told in said.err
        assert not (place / "x.wav").exists()

    def test_a_fresh_machine_without_the_model_that_is_asked_for(self, tmp_path: Path) -> None:
        words = ["say", "hi", "--model", "v2", "-o", "x.wav"]
        run = subprocess.run(
            [sys.executable, "-m", "myna.apps.cli.main", *words],
            cwd=tmp_path,
            env={**os.environ, "MYNA_HOME": str(tmp_path / "home")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert run.returncode == 3
        assert run.stderr.startswith(b"myna: ")
        assert run.stderr.count(b"\n") == 1
        assert b"myna models get" in run.stderr
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("arguments", "code", "reason"),
        [
            (["--speed", "9"], 1, "speed is 9.0; it goes from 0.5 to 2"),
            (["--top-k", "0"], 1, "top_k is 0; it goes from 1 to 10000"),
            (["-o", "x.mp3"], 1, ".wav, .flac, .ogg"),
            (["-o", "no/x.wav"], 1, "does not exist"),
            (["--report", "no/x.json"], 2, "does not exist"),
            (["--stream"], 2, "'-o -'"),
            (["--format", "flac"], 2, "ending"),
            (["-o", "-", "--stream", "--format", "ogg"], 2, "wav or raw"),
            (["-o", "-", "--stream", "--report", "x.json"], 2, "--report"),
            (["--voice", "no.voice"], 1, "no voice file"),
            (["--voice", "clip.wav"], 1, "is no voice file"),
            (["--model", "toy"], 2, "whose voice?"),
            (["--model", "toy", "--reference", "no.wav"], 1, "no file no.wav"),
            (["--model", "toy", "--reference", "clip.wav", "--device", "x"], 1, "device is 'x'"),
            (["--model", "toy", "--reference", "clip.wav", "--language", "xx"], 1, "xx"),
        ],
    )
    def test_code_and_reason(
        self,
        place: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        code: int,
        reason: str,
    ) -> None:
        assert main(["say", "Hello there.", "-o", "x.wav", *arguments]) == code
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("myna: ")
        assert reason in said.err
        assert [path.name for path in place.iterdir()] == ["clip.wav"]

    def test_names_of_strangers_do_not_steer_the_terminal(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        loaded = b"\x80\x04\x8c\x05\x1b[31m\x8c\x05\xc2\x9b2J\x07\x93."
        with zipfile.ZipFile("voice.pth", "w") as archive:
            archive.writestr("archive/data.pkl", loaded)
        assert main(["models", "convert", "voice.pth", "-o", "anna"]) == 1
        told = capsys.readouterr().err
        assert "asks for \\x1b[31m.\\x9b2J\\x07" in told
        assert told.removesuffix("\n").isprintable()

    def test_debug_shows_where(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["say", "hi", "-o", "x.wav", "--model", "nope"]
        main(arguments)
        assert "Traceback" not in capsys.readouterr().err
        assert main([*arguments, "--debug"]) == 3
        assert "Traceback" in capsys.readouterr().err

    def test_missing_text_file(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        given = ["--reference", "clip.wav", "--model", "toy", "-o", "x.wav"]
        assert main(["say", "--file", "no.txt", *given]) == 74
        assert capsys.readouterr().err == (
            "myna: cannot read or write no.txt: No such file or directory.\n"
        )
        (place / "latin1.txt").write_bytes("café".encode("latin1"))
        assert main(["say", "--file", "latin1.txt", *given]) == 1
        assert "not text in UTF-8" in capsys.readouterr().err


class TestPipes:
    @pytest.fixture
    def say(self, place: Path) -> list[str]:
        assert main(["clone", "clip.wav", "--model", "toy", "-o", "a.voice", "--quiet"]) == 0
        return ["say", "--voice", "a.voice", "-o", "-", "--seed", "1"]

    def test_nothing_but_audio(self, say: list[str]) -> None:
        run = program(*say, toy.TEXT)
        assert run.returncode == 0
        assert run.stdout[:4] == b"RIFF"
        assert len(run.stdout) == int.from_bytes(run.stdout[4:8], "little") + 8
        assert b"3 of 3 sentences" in run.stderr
        assert b"real-time factor" in run.stderr

    def test_whoever_reads_may_leave(self, say: list[str]) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", MYNA, *say, "--stream", "--quiet", toy.TEXT * 4],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as run:
            assert run.stdout is not None
            assert run.stderr is not None
            run.stdout.read(4)
            run.stdout.close()
            told = run.stderr.read()
        assert (run.returncode, told) == (74, b"")

    @needs_full
    def test_full_disk(self, say: list[str]) -> None:
        with Path("/dev/full").open("wb") as full:
            run = program(*say, toy.TEXT, stdout=full, stderr=subprocess.PIPE, capture_output=False)
            listed = program(
                "models", "list", stdout=full, stderr=subprocess.PIPE, capture_output=False
            )
        for each in (run, listed):
            assert each.returncode == 74
            assert each.stderr == b"myna: cannot read or write: No space left on device.\n"

    @needs_signals
    def test_interrupted(self, say: list[str], place: Path) -> None:
        say[say.index("-")] = "x.wav"
        # who starts the tests in the background has interrupts ignored, and this is inherited
        heeding = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {MYNA}"
        with subprocess.Popen(
            [sys.executable, "-c", heeding, *say],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as run:
            assert run.stdin is not None
            assert run.stderr is not None
            try:
                # more than a pipe holds: once it is written, the text is being read
                run.stdin.write(b"Hello there. " * 20_000)
                time.sleep(0.5)  # and waits for more: Python misses what comes just before
                run.send_signal(signal.SIGINT)
                run.wait(30)
            finally:
                run.kill()
            told = run.stderr.read()
        assert run.returncode == 130
        assert told == b"\nmyna: interrupted.\n"
        assert not (place / "x.wav").exists()


class TestModels:
    def test_list_for_programs(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "list", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        installed = {row["name"]: row for row in found["installed"]}
        assert set(installed) == {*toy.FAMILY_ROWS, *toy.ENCODER_ROWS}
        assert installed["toy"]["fingerprint"] == store.open_model("toy").fingerprint
        public = {row["name"]: row for row in found["public"]}
        assert public["v2Pro"]["needs"] == ["hubert-base", "roberta-large", "eres2netv2"]
        assert public["v2Pro"]["size"] == 155_284_856 + 162_303_657
        assert public["v1"]["size"] is None

    def test_list_for_people(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "list"]) == 0
        told = capsys.readouterr().out
        assert "toyPro" in told
        assert "188.8 MB" in told
        assert "unknown" in told

    def test_show(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "show", "toy"]) == 0
        told = capsys.readouterr().out
        model = store.open_model("toy")
        for expected in (model.fingerprint, str(model.path), "decoder.safetensors", '"random"'):
            assert expected in told

    def test_verify(self, place: Path, toy_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "verify"]) == 0
        assert capsys.readouterr().out.count(": sound\n") == 5
        own_copy(toy_home, "toy")
        damage(toy_home / "models" / "toy" / "decoder.safetensors")
        assert main(["models", "verify", "toyPro", "toy"]) == 1
        said = capsys.readouterr()
        assert said.out == "toyPro: sound\ntoy: damaged\n"
        assert "decoder.safetensors" in said.err
        assert main(["models", "verify", "all"]) == 1
        assert main(["models", "verify", "nope"]) == 3

    def test_remove(self, place: Path, toy_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        own_copy(toy_home, "toy")
        assert main(["models", "remove", "toy"]) == 0
        assert not (toy_home / "models" / "toy").exists()
        assert main(["models", "remove", "toy"]) == 3
        assert main(["models", "remove", "../home"]) == 3
        assert (toy_home / "models" / "toyPro").is_dir()

    def test_convert_needs_a_place_and_known_files(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        save_file({"a": toy.clip().samples}, place / "a.safetensors")
        assert main(["models", "convert", "a.safetensors"]) == 2
        assert "-o FOLDER" in capsys.readouterr().err
        assert main(["models", "convert", "a.safetensors", "-o", "out"]) == 1
        assert main(["models", "convert", "clip.wav", "-o", "out"]) == 1
        assert not (place / "out").exists()


class TestGet:
    @pytest.fixture
    def mirror(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """A place that offers the family `v1`, whose files are no models."""
        folder = tmp_path / "mirror"
        folder.mkdir()
        files = []
        for name in ("a.ckpt", "b.pth"):
            (folder / name).write_bytes(name.encode() * 1000)
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            files.append(PublicFile(path=name, sha256=digest, size=(folder / name).stat().st_size))
        handler = partial(_Quiet, directory=str(folder))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_address[1]}"
            monkeypatch.setattr(catalogue, "MIRRORS", {"huggingface": address})
            monkeypatch.setattr(catalogue, "ENTRIES", {"v1": tuple(files)})
            yield folder
            server.shutdown()

    def test_what_is_no_model_is_not_installed(
        self, mirror: Path, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["models", "get", "v1", "--only"]) == 1
        told = capsys.readouterr().err
        assert "a.ckpt: 6.0 kB\nb.pth: 5.0 kB\n" in told  # both arrived
        assert told.splitlines()[-1].startswith("myna: ")

    def test_what_cannot_be_had(
        self, mirror: Path, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (mirror / "a.ckpt").unlink()
        assert main(["models", "get", "v1"]) == 4
        assert "404" in capsys.readouterr().err

    def test_what_is_here_is_not_got_again(
        self,
        mirror: Path,
        place: Path,
        toy_home: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(catalogue, "needed", lambda name: (name, "toy-hubert"))
        (toy_home / "models" / "v1").symlink_to(toy_home / "models" / "toy")
        assert main(["models", "get", "v1"]) == 0
        assert capsys.readouterr().err == (
            "v1 is installed already.\ntoy-hubert is installed already.\n"
        )


class TestDoctor:
    def test_can_speak(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["can_speak"] is True
        assert found["models"] == {
            "toy": {"family": "toy", "missing": []},
            "toyPro": {"family": "toyPro", "missing": []},
        }
        for name in ("myna", "python", "platform", "cores", "memory", "packages", "disk_free"):
            assert found[name]
        assert main(["doctor"]) == 0
        assert "can speak: yes" in capsys.readouterr().out

    def test_tells_what_is_missing(
        self, place: Path, toy_home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (toy_home / "models" / "toy-eres2net").unlink()
        assert main(["doctor"]) == 0  # a voice that was cloned before still speaks
        assert "- toyPro cannot clone: myna models get toy-eres2net\n" in capsys.readouterr().out
        for name in toy.FAMILY_ROWS:
            (toy_home / "models" / name).unlink()
        assert main(["doctor"]) == 1
        assert "myna models get v2ProPlus" in capsys.readouterr().out


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def own_copy(home: Path, name: str) -> None:
    """Put a model of the test's own in the place of the shared one."""
    (home / "models" / name).unlink()
    toy.voice_model(home / "models" / name, name, seed=0)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
