"""Downloads against a server that breaks off, lies, forgets and redirects."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.server
import json
import random
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import published

from myna.checkpoints import catalogue, download, names, shapes, store
from myna.checkpoints.catalogue import PublicFile
from myna.checkpoints.download import Fetched, fetch, get
from myna.errors import CheckpointError, ConfigError, DownloadError
from myna.specs import ENCODERS, FAMILIES

CONTENT = random.Random(0).randbytes(3_000_000)
OTHER = random.Random(1).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """One file, served as badly as a test asks for."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.etag: str | None = '"one"'
        self.break_after: list[int] = []
        """Bytes after which each of the first replies breaks off."""
        self.claims: int | str | None = None
        """Content-Length, if not the true one."""
        self.ranges = True
        self.statuses: list[int] = []
        """Answered to the first requests instead of the file."""
        self.location: str | None = None
        self.headers: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.requests: list[dict[str, str]] = []
        self.wrong_start = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.reply(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def reply(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.requests.append({"path": request.path, **dict(request.headers)})
        request.close_connection = True
        if self.statuses:
            request.send_response(self.statuses.pop(0))
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if self.location is not None and request.path == "/moved":
            request.send_response(302)
            request.send_header("Location", self.location)
            for name, value in self.headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        content = self.files.get(request.path, self.content) if self.files else self.content
        start = self._start(request, content)
        if start is None:
            return
        body = content[max(0, start - self.wrong_start) :]
        length = len(body) if self.claims is None else self.claims
        request.send_header("Content-Length", str(length))
        if self.etag is not None:
            request.send_header("ETag", self.etag)
        request.end_headers()
        stop = self.break_after.pop(0) if self.break_after else len(body)
        with contextlib.suppress(ConnectionError):  # the other side may have seen enough
            request.wfile.write(body[:stop])

    def _start(self, request: http.server.BaseHTTPRequestHandler, content: bytes) -> int | None:
        asked = request.headers.get("Range")
        fresh = request.headers.get("If-Range") in (None, self.etag) or self.wrong_start
        if not asked or not self.ranges or not fresh:
            request.send_response(200)
            return 0
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            request.send_response(416)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return None
        request.send_response(206)
        stated = start - self.wrong_start
        request.send_header("Content-Range", f"bytes {stated}-{len(content) - 1}/{len(content)}")
        return start


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = Server()
    yield running
    running.close()


def take(server: Server, target: Path, path: str = "/voice.pth", **options: Any) -> Fetched:
    options = {"pause": 0.0, "tries": 2, "timeout": 5.0} | options
    return fetch(server.url + path, target, **options)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "voice.pth"


def left(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()}


def test_a_file_arrives_whole_and_checked(server: Server, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    found = take(
        server, target, sha256=SHA256, size=len(CONTENT), progress=lambda *now: told.append(now)
    )
    assert target.read_bytes() == CONTENT
    assert found == Fetched(
        path=target, size=len(CONTENT), sha256=SHA256, checked="the SHA-256 known to Myna"
    )
    assert left(target) == {"voice.pth"}
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert server.requests[0]["User-Agent"].startswith("myna/")


def test_a_broken_connection_is_resumed_where_it_ended(server: Server, target: Path) -> None:
    server.break_after = [1_000_000, 500_000]
    take(server, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT
    assert [request.get("Range") for request in server.requests] == [
        None,
        "bytes=1000000-",
        "bytes=1500000-",
    ]
    assert server.requests[1]["If-Range"] == '"one"'


def test_a_later_call_goes_on_from_what_was_kept(server: Server, target: Path) -> None:
    server.break_after = [1_000_000, 0, 0]
    with pytest.raises(DownloadError, match=r"after 1000000 of 3000000 bytes.*try again") as error:
        take(server, target)
    assert str(target.with_name("voice.pth.part")) in str(error.value)
    assert left(target) == {"voice.pth.part", "voice.pth.part.json"}
    server.requests.clear()
    take(server, target, sha256=SHA256)
    assert server.requests[0]["Range"] == "bytes=1000000-"
    assert left(target) == {"voice.pth"}


def test_a_file_that_arrived_just_before_the_end_is_only_checked(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(download._Job, "finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            take(server, target)
    server.requests.clear()
    take(server, target, sha256=SHA256)
    assert server.requests == []
    assert target.read_bytes() == CONTENT


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_leaves_a_part_to_go_on_from(server: Server, target: Path) -> None:
    def stop(done: int, _: int | None) -> None:
        if done >= 2 << 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(server, target, progress=stop)
    assert target.with_name("voice.pth.part").read_bytes() == CONTENT[: 2 << 20]
    take(server, target, sha256=SHA256)
    assert server.requests[-1]["Range"] == f"bytes={2 << 20}-"


@pytest.mark.parametrize("etag", ['"two"', None, 'W/"weak"'])
def test_a_file_that_changed_in_between_starts_over(
    server: Server, target: Path, etag: str | None
) -> None:
    server.break_after = [1_000_000, 0, 0]
    with pytest.raises(DownloadError):
        take(server, target)
    server.content, server.etag = OTHER, etag
    take(server, target)
    assert target.read_bytes() == OTHER


def test_a_server_that_resumes_regardless_of_the_version_is_seen_through(
    server: Server, target: Path
) -> None:
    server.break_after = [1_000_000, 0, 0]
    with pytest.raises(DownloadError):
        take(server, target)
    server.content = OTHER
    server.etag = '"two"'
    server.wrong_start = 0
    original = server._start

    def careless(request: Any, content: bytes) -> int | None:
        if request.headers.get("If-Range"):
            request.headers.replace_header("If-Range", '"two"')
        return original(request, content)

    server._start = careless  # type: ignore[method-assign]
    take(server, target)
    assert target.read_bytes() == OTHER


def test_a_server_without_versions_or_ranges_starts_over(server: Server, target: Path) -> None:
    server.etag = None
    server.break_after = [1_000_000]
    take(server, target, sha256=SHA256, tries=3)
    assert "Range" not in server.requests[1]
    target.unlink()
    server.etag, server.ranges, server.break_after = '"one"', False, [1_000_000]
    take(server, target, sha256=SHA256, tries=3)
    assert server.requests[-1]["Range"] == "bytes=1000000-"
    assert target.read_bytes() == CONTENT


def test_a_server_that_resumes_at_the_wrong_place(server: Server, target: Path) -> None:
    server.break_after, server.wrong_start = [1_000_000], 10
    take(server, target, sha256=SHA256, tries=3)
    assert target.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, target: Path) -> None:
    target.with_name("voice.pth.part").write_bytes(CONTENT + b"more")
    note = {"version": '"one"', "total": 9_999_999, "stated": None}
    target.with_name("voice.pth.part.json").write_text(json.dumps(note))
    take(server, target, sha256=SHA256, tries=3)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("note", ["{", "[]", '{"version": 7}'])
def test_a_damaged_note_costs_only_the_part(server: Server, target: Path, note: str) -> None:
    target.with_name("voice.pth.part").write_bytes(b"anything")
    target.with_name("voice.pth.part.json").write_text(note)
    take(server, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_a_length_that_is_promised_but_not_kept(server: Server, target: Path) -> None:
    server.claims = len(CONTENT) + 100
    with pytest.raises(DownloadError, match=r"of 3000100 bytes"):
        take(server, target, tries=3)
    assert not target.exists()


def test_a_length_that_is_too_short(server: Server, target: Path) -> None:
    server.claims = 1_000_000
    with pytest.raises(DownloadError, match="has 1000000 bytes, expected 3000000"):
        take(server, target, size=len(CONTENT))
    with pytest.raises(DownloadError, match="another file"):
        take(server, target, sha256=SHA256)
    assert left(target) == set()


def test_a_length_no_file_has_is_taken_for_none(server: Server, target: Path) -> None:
    server.claims = "9" * 5000  # more digits than Python makes a number of
    assert take(server, target).size == len(CONTENT)


def test_wrong_bytes_are_deleted(server: Server, target: Path) -> None:
    server.content = OTHER
    with pytest.raises(DownloadError, match=rf"another file.*expected {SHA256}"):
        take(server, target, sha256=SHA256)
    assert left(target) == set()


def test_no_proxy_page_passes_for_a_file(server: Server, target: Path) -> None:
    server.content = b"<html>please log in</html>"
    with pytest.raises(DownloadError, match="has 26 bytes, expected 3000000"):
        take(server, target, size=len(CONTENT))


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_passing_troubles_are_waited_out(server: Server, target: Path, status: int) -> None:
    server.statuses = [status]
    take(server, target, sha256=SHA256)
    server.statuses = [status] * 2
    with pytest.raises(DownloadError, match=f"answers {status}"):
        take(server, target)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_lasting_troubles_are_not(server: Server, target: Path, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(DownloadError, match=rf"{status}.*another mirror"):
        take(server, target)
    assert len(server.requests) == 1


def test_a_server_that_is_not_there(server: Server, target: Path) -> None:
    server.close()
    with pytest.raises(DownloadError, match="Connection refused"):
        take(server, target)
    server._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), None)  # type: ignore[arg-type]
    server._thread = threading.Thread(target=server._http.serve_forever, args=(0.01,))
    server._thread.start()


def test_a_server_that_falls_silent(target: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/voice.pth"
        with pytest.raises(DownloadError, match="timed out"):
            fetch(url, target, tries=2, timeout=0.05, pause=0.0)


PLACES = [
    "file:///etc/passwd",
    "ftp://127.0.0.1/voice.pth",
    "http://example.com/voice.pth",
    "https://[/voice.pth",
]


@pytest.mark.parametrize("place", [*PLACES, "/etc/passwd", "data:text/plain,x"])
def test_only_https_is_fetched(target: Path, place: str) -> None:
    with pytest.raises(DownloadError, match="not an https address"):
        fetch(place, target)


@pytest.mark.parametrize("place", PLACES)
def test_no_redirect_leads_anywhere_else(server: Server, target: Path, place: str) -> None:
    server.location = place
    with pytest.raises(DownloadError, match="not an https address"):
        take(server, target, "/moved")
    assert left(target) == set()


def test_from_https_no_redirect_leads_to_this_machine() -> None:
    redirects = download._Redirects(local=False)
    with pytest.raises(DownloadError, match="not an https address"):
        redirects.redirect_request(None, None, 302, "", {}, "http://127.0.0.1:22/")  # type: ignore[arg-type]


@pytest.mark.parametrize("quoted", [f'"{SHA256}"', SHA256])
def test_the_checksum_of_the_redirect_counts(server: Server, target: Path, quoted: str) -> None:
    server.location, server.headers = "/voice.pth", {"X-Linked-ETag": quoted}
    assert take(server, target, "/moved").checked == "the SHA-256 stated by the server"
    server.content = OTHER
    with pytest.raises(DownloadError, match=rf"expected {SHA256}"):
        take(server, target, "/moved")


def test_other_etags_are_no_checksums(server: Server, target: Path) -> None:
    server.location, server.headers = "/voice.pth", {"X-Linked-ETag": '"' + "a" * 40 + '"'}
    assert take(server, target, "/moved").checked == "its length only"


def test_a_full_disk_is_named(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(download._Job, "_copy", full)
        with pytest.raises(DownloadError, match="disk is full"):
            take(server, target)
    usage = shutil.disk_usage(target.parent)._replace(free=1 << 20)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"has 1 MiB left, voice\.pth needs 3 MiB"):
        take(server, target)


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"Cannot write .*none"):
        take(server, tmp_path / "none" / "voice.pth")


# --- public models -------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    shutil.rmtree(tmp_path)


def speaker_file(path: Path) -> bytes:
    torch.save(published.state(shapes.encoder(ENCODERS["eres2netv2"]), names.ERES2NETV2), path)
    content = path.read_bytes()
    path.unlink()
    return content


def enter(monkeypatch: pytest.MonkeyPatch, name: str, *files: PublicFile) -> None:
    monkeypatch.setitem(catalogue.ENTRIES, name, files)  # type: ignore[arg-type]


def test_a_public_model_is_got_converted_and_tidied_up(
    server: Server, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = speaker_file(tmp_path / "speaker.ckpt")
    server.files = {"/copy/sv/epoch%3D4.ckpt": content}
    head = hashlib.md5(content[:8192]).hexdigest()
    enter(monkeypatch, "eres2netv2", PublicFile(path="sv/epoch=4.ckpt", head_md5=head))
    told: list[tuple[str, int, int | None]] = []
    server.break_after = [5_000_000]
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    model = get(
        "eres2netv2", base_url=f"{server.url}/copy/", progress=lambda *now: told.append(now)
    )
    assert model.path == home / "models" / "eres2netv2"
    assert model.spec == "eres2netv2"
    (source,) = model.provenance["sources"]
    assert source["url"] == f"{server.url}/copy/sv/epoch%3D4.ckpt"
    assert source["checked"] == (
        "its length only, and the MD5 of its first 8192 bytes known to Myna"
    )
    assert source["sha256"] == hashlib.sha256(content).hexdigest()
    assert told[-1] == ("epoch=4.ckpt", len(content), len(content))
    assert not (home / "downloads" / "eres2netv2").exists()
    store.verify(model)
    with pytest.raises(CheckpointError, match="already a model"):
        get("eres2netv2", base_url=server.url)


def test_what_is_there_already_is_not_fetched_again(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = PublicFile(path="a/one.ckpt", sha256=SHA256, size=len(CONTENT))
    second = PublicFile(path="a/two.pth", sha256=hashlib.sha256(OTHER).hexdigest())
    enter(monkeypatch, "v2", first, second)
    with pytest.raises(DownloadError, match=r"two\.pth arrived, but it is another file"):
        get("v2", base_url=server.url)
    server.requests.clear()
    with pytest.raises(DownloadError):
        get("v2", base_url=server.url)
    assert [request["path"] for request in server.requests] == ["/a/two.pth"]
    assert not (home / "models").exists()


def test_the_head_of_a_file_is_checked_where_nothing_better_is_known(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, "v1", PublicFile(path="s2G488k.pth", head_md5="0" * 32))
    with pytest.raises(DownloadError, match="MD5 of its first 8192 bytes"):
        get("v1", base_url=server.url)
    assert list((home / "downloads" / "v1").iterdir()) == []


def test_unknown_models_and_mirrors(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"no public model 'v9'.*v2ProPlus"):
        get("v9")
    with pytest.raises(ConfigError, match=r"no mirror 'moon'.*modelscope"):
        get("v2", mirror="moon")


def test_the_catalogue_is_sound() -> None:
    published = {name for name, family in FAMILIES.items() if family.published}
    assert published <= set(catalogue.ENTRIES)
    for name, entry in catalogue.ENTRIES.items():
        assert name in FAMILIES or name in ENCODERS
        assert len({file.name for file in entry}) == len(entry)
        for file in entry:
            assert file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32
            assert file.head_md5 is None or len(bytes.fromhex(file.head_md5)) == 16
    for family in map(FAMILIES.__getitem__, sorted(published)):
        needed = catalogue.needed(family.name)
        assert needed[0] == family.name
        assert ("eres2netv2" in needed) == (family.decoder.speaker_vector is not None)
    assert catalogue.needed("hubert-base") == ("hubert-base",)
    url = catalogue.files("v1")[0].url(catalogue.base("huggingface"))
    assert url == (
        "https://huggingface.co/lj1995/GPT-SoVITS/resolve/main/"
        "s1bert25hz-2kh-longer-epoch%3D68e-step%3D50232.ckpt"
    )
