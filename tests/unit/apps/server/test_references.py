"""A path of a client leads to a file inside the roots, or nowhere, whatever it is made of."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.apps.server import references
from myna.apps.server.fetching import Fetcher
from myna.apps.server.settings import ServerSettings
from myna.errors import AudioError

SOUND = b"RIFF....WAVE inside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "Root"
    (folder / "参考音频" / "Deep").mkdir(parents=True)
    for name in ("a.wav", "参考音频/Anna.wav", "参考音频/Deep/b c.WAV", "100%.wav"):
        (folder / name).write_bytes(SOUND)
    (tmp_path / "secret.wav").write_bytes(b"outside")
    (tmp_path / "Rootless").mkdir()
    (tmp_path / "Rootless" / "a.wav").write_bytes(b"outside")
    return folder


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("a.wav", "a.wav"),
        ("./a.wav", "a.wav"),
        ("././a.wav", "a.wav"),
        ("./参考音频/Anna.wav", "参考音频/Anna.wav"),
        ("参考音频//Anna.wav", "参考音频/Anna.wav"),
        ("参考音频/anna.wav", "参考音频/Anna.wav"),
        ("参考音频/DEEP/B C.wav", "参考音频/Deep/b c.WAV"),
        ("100%.wav", "100%.wav"),
    ],
)
def test_files_inside_are_found(root: Path, path: str, file: str) -> None:
    assert references.resolve(path, [root]) == (root / file).resolve()
    assert references.read(path, [root], most=100) == SOUND


def test_absolute_paths_inside_are_found_in_lower_case_too(root: Path) -> None:
    for path in (f"{root}/a.wav", f"{root}/a.wav".lower(), f"{root}/参考音频/ANNA.wav"):
        assert references.resolve(path, [root]) is not None, path


def test_a_file_in_any_root_is_found(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "Rootless"
    assert references.resolve("a.wav", [other, root]) == other / "a.wav"
    assert references.resolve("参考音频/Anna.wav", [other, root]) is not None
    assert references.resolve("a.wav", []) is None


REFUSED = [
    *("", ".", "./", "/", "//", "..", "../secret.wav", "a/../../secret.wav", "a/../a.wav"),
    *("./../Root/a.wav", "..\\secret.wav", "a.wav/..", "a.wav/x"),
    *("...", ".../secret.wav", ". ./secret.wav", ".hidden", "参考音频/.ssh", "~", "~root/a.wav"),
    *("\\\\host\\share\\a.wav", "//host/share/a.wav", "\\\\?\\C:\\a.wav", "\\\\.\\pipe\\x"),
    *("//?/UNC/host/share/a.wav", "/\\host\\a.wav", "\\/host/a.wav"),
    *("C:\\a.wav", "C:/a.wav", "c:a.wav", "a.wav:stream", "a.wav::$DATA"),
    *("http://host/a.wav", "file:///etc/passwd", "file:a.wav", "smb://host/a", "data:,x"),
    *("%2e%2e/secret.wav", "..%2fsecret.wav", "%2e%2e%5csecret.wav", "a.wav%00", "%252e%252e/x"),
    *("a.wav\0", "a.wav\0.txt", "\0", "a\n.wav", "a.wav\r\n", "\x7fa.wav", "a\u0085.wav"),
    *("..\uff0fsecret.wav", "..\u2215secret.wav", "..\u2044secret.wav", "..\uff3csecret.wav"),
    *("\uff0e\uff0e/secret.wav", "․․/secret.wav", "\ud800.wav", "a.wav\udcff"),
    *("con", "NUL.wav", "aux.wav", "COM1", "lpt9.txt", "CONIN$", "com¹", "a.wav.", "a.wav "),
    *("/etc/passwd", "/dev/zero", "/proc/self/environ", "/proc/self/cwd/../etc/passwd"),
    *("/dev/stdin", "/dev/fd/0", "missing.wav", "参考音频", "x" * 5000, "y" * 300, "字" * 100),
    "/".join(["参考音频"] * 900),
]


@pytest.mark.parametrize("path", REFUSED)
def test_whatever_leads_elsewhere_leads_nowhere(root: Path, path: str) -> None:
    assert references.resolve(path, [root]) is None
    assert references.read(path, [root], most=100) is None


def test_a_neighbour_that_begins_alike_is_outside(root: Path, tmp_path: Path) -> None:
    assert references.resolve(f"{tmp_path}/Rootless/a.wav", [root]) is None
    assert references.resolve(f"{root}less/a.wav", [root]) is None
    assert references.resolve(f"{root}/../secret.wav", [root]) is None
    assert references.resolve(f"{tmp_path}/secret.wav", [root]) is None
    assert references.resolve(str(root), [root]) is None


def test_links_are_followed_inside_only(root: Path, tmp_path: Path) -> None:
    (root / "in.wav").symlink_to(root / "a.wav")
    (root / "out.wav").symlink_to(tmp_path / "secret.wav")
    (root / "relative.wav").symlink_to("../secret.wav")
    (root / "folder").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    (root / "dangling").symlink_to(tmp_path / "missing")
    assert references.resolve("in.wav", [root]) == root / "a.wav"
    assert references.read("in.wav", [root], most=100) == SOUND
    for path in ("out.wav", "relative.wav", "folder/secret.wav", "folder/Root/a.wav", "loop"):
        assert references.resolve(path, [root]) is None, path
    # The same answer whether or not there is something where a link leads.
    assert references.resolve("dangling", [root]) is references.resolve("out.wav", [root])


def test_a_root_may_be_a_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    assert references.resolve("a.wav", [link]) == root / "a.wav"
    assert references.resolve(f"{link}/a.wav", [link]) == root / "a.wav"
    assert references.resolve(f"{root}/a.wav", [link]) == root / "a.wav"


def test_what_is_no_ordinary_file_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "pipe.wav")
    server = socket.socket(socket.AF_UNIX)
    with contextlib.closing(server):
        here = os.open(root, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/socket.wav")  # the path may be too long for a socket
        os.close(here)
        (root / "zero.wav").symlink_to("/dev/zero")
        for path in ("pipe.wav", "socket.wav", "zero.wav"):
            assert references.resolve(path, [root]) is None, path
            assert references.read(path, [root], most=100) is None, path


def test_two_files_that_differ_in_case_are_told_apart_or_refused(root: Path) -> None:
    (root / "A.wav").write_bytes(b"other")
    if (root / "a.wav").read_bytes() == b"other":
        pytest.skip("this disk does not tell case apart")
    assert references.read("A.wav", [root], most=100) == b"other"
    assert references.read("a.wav", [root], most=100) == SOUND
    (root / "B.wav").write_bytes(b"1")
    (root / "b.WAV").write_bytes(b"2")
    assert references.resolve("b.wav", [root]) is None


def test_names_are_found_in_either_normal_form(root: Path) -> None:
    (root / "caf\u00e9.wav").write_bytes(SOUND)
    assert references.resolve("cafe\u0301.wav", [root]) == root / "caf\u00e9.wav"


def test_a_large_file_is_refused(root: Path) -> None:
    assert references.read("a.wav", [root], most=len(SOUND)) == SOUND
    with pytest.raises(AudioError, match="larger"):
        references.read("a.wav", [root], most=len(SOUND) - 1)


def test_a_folder_swapped_for_a_link_meanwhile_is_not_entered(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "Anna.wav").write_bytes(b"outside")
    found = references._walk

    def swap(base: Path, parts: tuple[str, ...]) -> tuple[Path, Path] | None:
        answer = found(base, parts)
        (root / "参考音频").rename(root / "moved")
        (root / "参考音频").symlink_to(outside)
        return answer

    monkeypatch.setattr(references, "_walk", swap)
    assert references.read("参考音频/Anna.wav", [root], most=100) is None


def test_a_file_swapped_for_a_pipe_or_link_meanwhile_is_not_read(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for make in (os.mkfifo, lambda path: os.symlink(tmp_path / "secret.wav", path)):
        walked = (root, root / "a.wav")
        (root / "a.wav").unlink(missing_ok=True)
        make(root / "a.wav")
        monkeypatch.setattr(references, "_walk", lambda *_, walked=walked: walked)
        assert references.read("a.wav", [root], most=100) is None


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("C:\\Refs\\a.wav", ("a.wav",)),
        ("c:/refs/Sub/a.wav", ("Sub", "a.wav")),
        ("sub\\a.wav", ("sub", "a.wav")),
        ("D:\\Refs\\a.wav", None),
        ("C:\\Refs\\..\\a.wav", None),
        ("C:a.wav", None),
        ("\\\\host\\share\\a.wav", None),
        ("//host/share/a.wav", None),
        ("/\\host\\share", None),
        ("\\a.wav", None),
        ("C:\\Refs\\a.wav:stream", None),
        ("C:\\Refs\\NUL", None),
    ],
)
def test_paths_on_windows(path: str, parts: tuple[str, ...] | None) -> None:
    assert references._parts(path, Path("C:\\Refs"), windows=True) == parts


PIECES = st.sampled_from(
    [
        *("..", ".", "/", "//", "\\", "a.wav", "参考音频", "Anna.wav", "secret.wav", "%2e", "%2f"),
        *(
            "\0",
            "~",
            ":",
            "C:",
            "file://",
            "out",
            "folder",
            "\u2215",
            "\uff0e",
            " ",
            "Root",
            "/etc",
        ),
        *("/proc/self/root", "/dev/fd/0", "con", "\ud800", "e\u0301"),
    ]
)


@settings(max_examples=400)
@given(path=st.one_of(st.lists(PIECES, max_size=10).map("".join), st.text(max_size=60)))
def test_any_text_leads_inside_or_nowhere(
    path: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.getbasetemp() / "fuzzed"
    root = base / "Root"
    if not base.exists():
        (root / "参考音频").mkdir(parents=True)
        (root / "a.wav").write_bytes(SOUND)
        (root / "参考音频" / "Anna.wav").write_bytes(SOUND)
        (base / "secret.wav").write_bytes(b"outside")
        (root / "out").symlink_to(base / "secret.wav")
        (root / "folder").symlink_to(base)
    for given_path in (path, f"{root}/{path}", f"{root}{path}"):
        found = references.resolve(given_path, [root])
        assert found is None or root.resolve() in found.parents
        assert references.read(given_path, [root], most=1000) in (None, SOUND)


def test_recordings_come_as_base64() -> None:
    plain = base64.b64encode(SOUND * 10).decode()
    for text in (
        plain,
        plain.rstrip("="),
        plain.replace("+", "-").replace("/", "_"),
        f"data:audio/wav;base64,{plain}",
        f"DATA:audio/x-wav; codecs=1;base64,\n {plain[:20]}\r\n{plain[20:]}",
        f"data:;base64,{plain}",
    ):
        assert references.decode(text, most=1000) == SOUND * 10
    assert references.is_inline(plain)
    assert references.is_inline(f"data:audio/wav;base64,{plain}")
    assert not references.is_inline("参考音频/Anna.wav")
    assert not references.is_inline("x" * 200)
    assert not references.is_inline("/home/anna/references/" + "deep/" * 20 + "a.wav")


@pytest.mark.parametrize(
    "text",
    [
        *("", "data:", "data:,", "data:audio/wav,RIFF", "data:audio/wav;base64", "data:;base64,"),
        *("data:text/html;base64,UklGRg==", "data:audio/wav;base64,***", "UklGR", "Ukl\0GRg="),
        *("data:audio/wav;base64," + "A" * 4000, "QUFB" * 1000),
    ],
)
def test_what_is_no_recording_is_refused(text: str) -> None:
    with pytest.raises(AudioError):
        references.decode(text, most=1000)


@given(st.one_of(st.text(max_size=300), st.text("A/+=-_ \n", max_size=300)))
def test_any_text_is_decoded_or_refused(text: str) -> None:
    for given_text in (text, f"data:audio/wav;base64,{text}"):
        references.is_inline(given_text)
        with contextlib.suppress(AudioError):
            assert 0 < len(references.decode(given_text, most=100)) <= 100


def test_contents_says_the_same_of_all_that_is_not_there(root: Path, tmp_path: Path) -> None:
    given_settings = ServerSettings(roots=str(root))
    nothing = Fetcher((), 100)
    assert references.contents("a.wav", given_settings, nothing) == SOUND
    data = base64.b64encode(SOUND * 10).decode()
    assert references.contents(data, given_settings, nothing) == SOUND * 10
    said = set()
    for path in ("missing.wav", f"{tmp_path}/secret.wav", "/etc/passwd", "/etc/missing", "//h/s"):
        with pytest.raises(AudioError) as raised:
            references.contents(path, given_settings, nothing)
        said.add(str(raised.value))
    assert len(said) == 1
    assert str(tmp_path) not in said.pop()
