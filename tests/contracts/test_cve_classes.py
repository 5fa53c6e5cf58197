"""Each class of weakness that was published for voice servers, tried on the whole server.

Python tells an audit hook of every file that is opened, folder that is listed, program that is
started, class that a pickle names, and connection that is made. So these tests see what a request
really touched, whatever the answer says.
"""

from __future__ import annotations

import ast
import base64
import io
import pickle
import re
import socket
import sys
import tomllib
import wave
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("fastapi", reason="the extra `server` is not installed")
pytest.importorskip("httpx", reason="requests are made with httpx")

from fastapi.testclient import TestClient

import myna
from myna.apps.server import references
from myna.apps.server.app import create
from myna.apps.server.safety.changes import CHANGING
from myna.apps.server.settings import TOKENS_VARIABLE, ServerSettings
from myna.errors import ConfigError

SOURCE = Path(myna.__file__).parent
SAID = {"text": "Hello.", "text_lang": "en", "prompt_lang": "en"}

_PROGRAMS = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.startfile",
}
_CODE = {"pickle.find_class"}
_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
_FILES = {"open", "os.listdir", "os.scandir", "os.rename", "os.remove", "os.mkdir", "os.link"}


@dataclass
class Touched:
    """What was touched while somebody looked."""

    programs: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    network: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


_looking: list[Touched] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    for touched in _looking:
        if event in _PROGRAMS:
            touched.programs.append(f"{event} {arguments!r}")
        elif event in _CODE:
            touched.code.append(f"{event} {arguments!r}")
        elif event in _NETWORK:
            touched.network.append(f"{event} {arguments[-1]!r}")
        elif event in _FILES:
            touched.files.extend(str(each) for each in arguments if isinstance(each, str | Path))


@pytest.fixture(scope="module", autouse=True)
def audited() -> None:
    """A hook cannot be removed; it is idle while nobody looks."""
    sys.addaudithook(_audit)


@contextmanager
def looking() -> Iterator[Touched]:
    touched = Touched()
    _looking.append(touched)
    try:
        yield touched
    finally:
        _looking.remove(touched)


@dataclass(frozen=True)
class Place:
    """A server, and a disk with something to protect."""

    client: TestClient
    root: Path
    outside: Path
    """A recording that no request may reach."""
    home: Path

    def names_of(self, path: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Every way in which a request can name a recording by this path."""
        say = SAID | {"ref_audio_path": path}
        v1 = {"text": "Hello.", "text_language": "en", "prompt_language": "en", "prompt_text": "x"}
        clips = {"clips": [{"path": path}]}
        return [
            ("GET", "/tts", {"params": say}),
            ("POST", "/tts", {"json": say}),
            ("POST", "/tts", {"json": say | {"aux_ref_audio_paths": [path]}}),
            ("POST", "/", {"json": v1 | {"refer_wav_path": path}}),
            ("GET", "/", {"params": v1 | {"refer_wav_path": path, "inp_refs": path}}),
            ("GET", "/set_refer_audio", {"params": {"refer_audio_path": path}}),
            ("GET", "/change_refer", {"params": v1 | {"refer_wav_path": path}}),
            ("POST", "/change_refer", {"json": v1 | {"refer_wav_path": path}}),
            ("POST", "/v1/audio/speech", {"json": {"input": "Hello.", "ref_audio": path}}),
            ("POST", "/api/v1/speech", {"json": {"text": "Hello."} | clips}),
            ("POST", "/api/v1/voices", {"json": {"name": "stolen"} | clips}),
            ("POST", "/api/v1/jobs", {"json": {"text": "Hello."} | clips}),
        ]

    def models_of(self, path: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Every way in which a request can name a model."""
        return [
            ("GET", "/set_gpt_weights", {"params": {"weights_path": path}}),
            ("GET", "/set_sovits_weights", {"params": {"weights_path": path}}),
            ("POST", "/set_model", {"json": {"gpt_model_path": path, "sovits_model_path": path}}),
            ("GET", "/set_model", {"params": {"gpt_model_path": path, "sovits_model_path": path}}),
            ("POST", "/v1/audio/speech", {"json": {"input": "Hello.", "model": path}}),
            ("POST", "/api/v1/speech", {"json": {"text": "Hello.", "model": path}}),
        ]

    def voices_of(self, name: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Every way in which a request can name a voice."""
        quoted = quote(name, safe="")
        return [
            ("POST", "/tts", {"json": SAID | {"voice": name}}),
            ("POST", "/v1/audio/speech", {"json": {"input": "Hello.", "voice": name}}),
            ("POST", "/api/v1/speech", {"json": {"text": "Hello.", "voice": name}}),
            ("GET", f"/api/v1/voices/{quoted}", {}),
            ("GET", f"/api/v1/voices/{quoted}/export", {}),
            ("GET", f"/api/v1/voices/{quoted}/preview", {}),
            ("PATCH", f"/api/v1/voices/{quoted}", {"json": {"name": "renamed"}}),
            ("DELETE", f"/api/v1/voices/{quoted}", {}),
            ("DELETE", f"/v1/audio/voices/{quoted}", {}),
            ("GET", f"/api/v1/jobs/{quoted}", {}),
            ("GET", f"/api/v1/jobs/{quoted}/result", {}),
            ("DELETE", f"/api/v1/jobs/{quoted}", {}),
        ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    base = tmp_path_factory.mktemp("disk")
    root, home = base / "root", base / "home"
    root.mkdir()
    home.mkdir()
    outside = base / "private-recording.wav"
    outside.write_bytes(_noise())
    (root / "noise.wav").write_bytes(_noise())
    (root / "link.wav").symlink_to(outside)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYNA_HOME", str(home))
        patch.delenv(TOKENS_VARIABLE, raising=False)
        app = create(ServerSettings(roots=str(root), deadline=20))
        client = TestClient(
            app,
            base_url="http://127.0.0.1:9880",
            client=("127.0.0.1", 50_000),
            raise_server_exceptions=False,
        )
        with client:
            yield Place(client, root, outside, home)


def _noise() -> bytes:
    """A recording of four seconds."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(range(256)) * 500)
    return stream.getvalue()


class Bomb:
    """What a pickle can hold."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self._path), "w"))


# CVE-2025-49833 to 49836, CVE-2026-63766, CVE-2025-71429: words of a request run as a command


def test_no_source_starts_a_shell_or_a_program_for_a_request() -> None:
    """The rules of the house forbid `eval`, `os.system` and `shell=` everywhere; in what serves
    requests nothing may start a program at all. The server itself may start again, by the very
    command that started it."""
    again = "os.execv(sys.executable, [sys.executable, '-m', 'myna.apps.cli.main', *sys.argv[1:]])"
    starting = re.compile(
        r"(?:os\.(?:exec|spawn|posix_spawn|popen|system|startfile)|.*create_subprocess)"
    )
    for path in sorted((SOURCE / "apps" / "server").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & {"subprocess", "pty"}, path
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in ("subprocess", "pty"), path
            elif isinstance(node, ast.Call):
                starts = starting.match(ast.unparse(node.func)) and ast.unparse(node) != again
                assert not starts, (path, node.lineno)


@pytest.mark.parametrize(
    "words",
    ["; touch {}", "$(touch {})", "`touch {}`", "| touch {}", "' && touch {} '", '" & touch {} "'],
)
def test_words_of_a_request_are_no_commands(place: Place, words: str) -> None:
    sentinel = place.root.parent / "sentinel"
    said = words.format(sentinel)
    requests = [
        *place.names_of(f"noise.wav{said}"),
        *place.models_of(f"tiny{said}"),
        *place.voices_of(f"anna{said}"),
        ("GET", "/control", {"params": {"command": said}}),
        ("POST", "/tts", {"json": SAID | {"voice": "x", "media_type": f"mp3{said}"}}),
        ("POST", "/api/v1/speech", {"json": {"text": "x", "container": f"mp3{said}"}}),
    ]
    with looking() as touched:
        for method, path, given in requests:
            assert place.client.request(method, path, **given).status_code < 500, (method, path)
    assert not touched.programs
    assert not sentinel.exists()


# CVE-2025-49837 to 49841, #2772, CVE-2025-5173: a file that is sent or named is unpickled


def test_what_is_sent_is_not_unpickled(place: Place) -> None:
    sentinel = place.root.parent / "unpickled"
    plain = pickle.dumps(Bomb(sentinel))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:  # as torch.save writes
        file.writestr("archive/data.pkl", plain)
        file.writestr("archive/version", "3")
    for data in (plain, archive.getvalue()):
        for name in ("bomb.ckpt", "bomb.pth", "bomb.wav", "bomb.voice"):
            (place.root / name).write_bytes(data)
        text = base64.b64encode(data).decode()
        upload = ("a.wav", data, "audio/wav")
        requests: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/api/v1/voices/import", {"files": {"file": upload}}),
            (
                "POST",
                "/api/v1/voices/upload",
                {"data": {"name": "b"}, "files": {"recordings": upload}},
            ),
            (
                "POST",
                "/v1/audio/voices",
                {"data": {"name": "b"}, "files": {"audio_sample": upload}},
            ),
            ("POST", "/set_refer_audio", {"files": {"file": upload}}),
            ("POST", "/api/v1/voices", {"json": {"name": "b", "clips": [{"data": text}]}}),
            *place.names_of(f"data:audio/wav;base64,{text}"),
            *(each for name in ("bomb.wav", "bomb.pth") for each in place.names_of(name)),
            *(
                each
                for name in ("bomb.ckpt", "bomb.pth", "bomb.voice")
                for each in place.models_of(str(place.root / name))
            ),
            *place.voices_of("bomb.voice"),
        ]
        with looking() as touched:
            for method, path, given in requests:
                answer = place.client.request(method, path, **given)
                accepted = path == "/api/v1/jobs" and answer.status_code < 300
                assert accepted or 400 <= answer.status_code < 500, (path, answer.text)
        assert not touched.code
        assert not sentinel.exists()


def test_a_torch_that_unpickles_safely_is_asked_for() -> None:
    """CVE-2025-32434: before torch 2.6 even `weights_only=True` ran code."""
    project = SOURCE.parents[1] / "pyproject.toml"
    if not project.is_file():
        pytest.skip("this is no checkout")
    extras = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (torch,) = extras["torch"]
    assert torch.startswith("torch>=2.6")


# No CVE, found by reading: any web page may ask a server on this machine


PAGES = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    {"Host": "evil.example:9880"},
    {"Host": "evil.example:9880", "Origin": "http://evil.example:9880"},
]


@pytest.mark.parametrize("headers", PAGES)
def test_a_web_page_cannot_ask_anything(place: Place, headers: dict[str, str]) -> None:
    requests = [
        *[("GET", path, {"params": {"command": "exit"}}) for path in sorted(CHANGING)],
        *[("POST", path, {"json": {}}) for path in sorted(CHANGING)],
        *place.names_of("noise.wav"),
        *place.voices_of("anna"),
        ("GET", "/api/v1/voices", {}),
        ("GET", "/openapi.json", {}),
        ("GET", "/metrics", {}),
    ]
    for method, path, given in requests:
        answer = place.client.request(method, path, headers=headers, **given)
        assert answer.status_code in (403, 421), (method, path)
        assert "access-control-allow-origin" not in answer.headers


def test_a_form_of_a_web_page_cannot_upload(place: Place) -> None:
    """Forms are sent without asking beforehand; their `Origin` tells."""
    for path in ("/api/v1/voices/upload", "/api/v1/voices/import", "/v1/audio/voices"):
        answer = place.client.post(
            path,
            data={"name": "x"},
            files={"file": ("a.wav", b"x")},
            headers={"Origin": "http://evil.example"},
        )
        assert answer.status_code == 403


def test_a_program_on_this_machine_may_ask_as_it_always_did(place: Place) -> None:
    answer = place.client.get("/control", params={"command": "ping"})
    assert (answer.status_code, answer.json()) == (200, None)


# The same: all applications listen on all addresses, without a password


def test_no_server_listens_to_everybody_without_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKENS_VARIABLE, raising=False)
    assert ServerSettings().host == "127.0.0.1"
    for host in ("0.0.0.0", "::"):
        with pytest.raises(ConfigError, match="--tokens"):
            create(ServerSettings(host=host))


# The same: `ref_audio_path` tells which files there are, and clones from any


def test_an_answer_does_not_tell_whether_a_file_exists(place: Place) -> None:
    there = [
        str(place.outside),
        f"../{place.outside.name}",
        f"{place.root}/../{place.outside.name}",
        "link.wav",
        "/etc/passwd",
        "/dev/zero",
        str(SOURCE / "errors.py"),
    ]
    missing = [
        str(place.outside) + "x",
        "../missing.wav",
        f"{place.root}/../missing.wav",
        "missing.wav",
        "/etc/missing",
        "/dev/missing",
        str(SOURCE / "missing.py"),
    ]
    ways = place.names_of("")
    for kind in (place.names_of, place.models_of):
        answers: dict[tuple[str, str, int], set[tuple[int, str]]] = {}
        with looking() as touched:
            for path in (*there, *missing):
                for number, (method, route, given) in enumerate(kind(path)):
                    answer = place.client.request(method, route, **given)
                    said = answer.text if route != "/api/v1/jobs" else ""
                    known = answers.setdefault((method, route, number), set())
                    known.add((answer.status_code, said.replace(path, "PATH")))
        for way, said in answers.items():
            assert len(said) == 1, (way, said)
        assert str(place.outside) not in touched.files
        assert not [each for each in touched.files if each in there]
    assert len(ways) == 12
    for said in answers.values():
        assert str(place.root) not in str(said)
        assert str(place.home) not in str(said)


def test_a_recording_inside_is_reached(place: Place) -> None:
    """Else the tests above would pass on a server that reads nothing."""
    with looking() as touched:
        place.client.post("/tts", json=SAID | {"ref_audio_path": "NOISE.wav", "prompt_text": "x"})
    assert "noise.wav" in touched.files


# The same on Windows: `\\host\share` sends the user's credentials to another machine


@pytest.mark.parametrize(
    "path",
    [
        "\\\\evil.example\\share\\a.wav",
        "//evil.example/share/a.wav",
        "\\\\?\\UNC\\evil.example\\share\\a.wav",
        "/\\evil.example\\share",
        "\\\\.\\pipe\\x",
    ],
)
def test_paths_of_other_machines_reach_no_disk(
    place: Place, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[object] = []
    monkeypatch.setattr(references, "_walk", lambda *given: walked.append(given))
    for windows in (True, False):
        assert references._parts(path, Path("C:\\Refs"), windows=windows) is None
    with looking() as touched:
        for method, route, given in (*place.names_of(path), *place.models_of(path)):
            answer = place.client.request(method, route, **given)
            assert answer.status_code < 500, (route, answer.text)
    assert not [each for each in walked if "evil" in str(each) or "pipe" in str(each)]
    assert not [each for each in touched.files if "evil" in each or "pipe" in each]
    assert not touched.network


# CVE-2026-65701 (so-vits-svc `/wav2wav`), SWivid/F5-TTS#1293: names that are paths


TRAVERSALS = [
    "../private-recording",
    "../../private-recording.wav",
    "..\\private-recording.wav",
    "....//private-recording.wav",
    "%2e%2e%2fprivate-recording.wav",
    "%252e%252e%252fprivate-recording.wav",
    "/etc/passwd",
    "C:\\Windows\\win.ini",
    ".",
    "..",
    "~/.ssh/id_rsa",
    "a\0b",
    "con",
    "\u2025/private-recording",
]


@pytest.mark.parametrize("name", TRAVERSALS)
def test_names_are_no_paths(place: Place, name: str) -> None:
    before = _snapshot(place)
    upload = (name.replace("\0", "_"), _noise(), "audio/wav")
    requests = [
        *place.voices_of(name),
        *place.models_of(name),
        ("POST", "/api/v1/voices/import", {"data": {"name": name}, "files": {"file": upload}}),
        (
            "POST",
            "/api/v1/voices/upload",
            {"data": {"name": name, "model": name}, "files": {"recordings": upload}},
        ),
        ("POST", "/api/v1/speech", {"json": {"text": "Hello.", "lexicon": name}}),
        (
            "POST",
            "/api/v1/conversion",
            {"data": {"voice": name, "out_path": name}, "files": {"recording": upload}},
        ),
    ]
    with looking() as touched:
        for method, path, given in requests:
            answer = place.client.request(method, path, **given)
            assert answer.status_code < 500, (path, answer.text)
            assert "root:" not in answer.text
    assert not [each for each in touched.files if "private-recording" in each or "passwd" in each]
    assert _snapshot(place) == before


def _snapshot(place: Place) -> dict[str, bytes]:
    """Everything on that disk but the server's own folder."""
    return {
        str(path): b"" if path.is_dir() else path.read_bytes()
        for path in sorted(place.root.parent.rglob("*"))
        if place.home not in (path, *path.parents)
    }


# jundot/omlx PR #492 and others: the server fetches what a request names


def test_no_address_is_fetched(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        addresses = [
            f"http://{host}/a.wav",
            f"HTTP://{host}/a.wav",
            f"https://{host}/a.wav",
            f"ftp://{host}/a.wav",
            f"file://{host}/etc/passwd",
            f"rtsp://{host}/a",
            f"data:text/html,<audio src=http://{host}/a.wav>",
            f"concat:http://{host}/a.wav",
            f"//{host}/a.wav",
        ]
        lists = [
            f"#EXTM3U\n#EXTINF:1,\nhttp://{host}/a.wav\n",
            f"ffconcat version 1.0\nfile 'http://{host}/a.wav'\nfile '/etc/passwd'\n",
            f"v=0\nc=IN IP4 127.0.0.1\nm=audio {host.split(':')[1]} RTP/AVP 0\n",
            f"<MPD><BaseURL>http://{host}/</BaseURL></MPD>",
            f"<smil><audio src='http://{host}/a.wav'/></smil>",
        ]
        with looking() as touched:
            for address in addresses:
                for method, route, given in (
                    *place.names_of(address),
                    *place.models_of(address),
                    *place.voices_of(address)[:3],
                ):
                    answer = place.client.request(method, route, **given)
                    assert answer.status_code < 500, (route, answer.text)
            for text in lists:
                upload = ("a.m3u8", text.encode(), "audio/mpegurl")
                answer = place.client.post(
                    "/api/v1/voices/upload", data={"name": "l"}, files={"recordings": upload}
                )
                assert answer.status_code == 400
                data = base64.b64encode(text.encode()).decode()
                body = SAID | {"ref_audio_path": f"data:audio/mpegurl;base64,{data}"}
                assert place.client.post("/tts", json=body).status_code == 400
        assert not touched.network
        assert not [each for each in touched.files if "passwd" in each]
        with pytest.raises(TimeoutError):
            listening.accept()


# Bombs: a small request that becomes large


def test_a_small_recording_that_would_become_large_is_refused(place: Place) -> None:
    """Hours of silence pack into a few kilobytes."""
    soundfile = pytest.importorskip("soundfile")
    numpy = pytest.importorskip("numpy")
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", 8_000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(60):
            file.write(numpy.zeros(8_000 * 60, dtype=numpy.int16))
    hour = stream.getvalue()
    assert len(hour) < 1 << 20
    answer = place.client.post(
        "/api/v1/voices/upload", data={"name": "long"}, files={"recordings": ("a.flac", hour)}
    )
    assert answer.status_code == 400
    head = bytearray(_noise())
    head[4:8] = head[40:44] = b"\xfe\xff\xff\xff"
    answer = place.client.post(
        "/api/v1/voices/upload", data={"name": "long"}, files={"recordings": ("a.wav", bytes(head))}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b'{"text":' + b"9" * 100_000 + b"}",
        b'{"text": "\\ud800", "text_lang": "en"}',
        b'{"text": "x", "text_lang": "en", "seed": 1e999}',
        b"\xff\xfe",
        b"null",
        b"",
    ],
)
def test_bodies_written_to_do_harm_are_refused(place: Place, body: bytes) -> None:
    for path in ("/tts", "/", "/v1/audio/speech", "/api/v1/speech", "/api/v1/jobs", "/set_model"):
        answer = place.client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (path, answer.text)
