"""A recording is fetched from listed hosts, from the address that was judged, and within bounds."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from myna.apps.server import casting, fetching, references
from myna.apps.server.fetching import Fetcher, Place, is_public, places
from myna.apps.server.requests import Clip
from myna.apps.server.settings import ServerSettings
from myna.errors import AudioError, BusyError, ConfigError

SOUND = b"RIFF....WAVE" + bytes(range(256)) * 40
MOST = 20_000
PUBLIC = "93.184.216.34"

Answer = Callable[[socket.socket], None]


def plain(head: str, body: bytes = b"") -> Answer:
    def answer(client: socket.socket) -> None:
        client.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    return answer


def forever(head: str, piece: bytes, every: float = 0.0) -> Answer:
    def answer(client: socket.socket) -> None:
        client.sendall(head.replace("\n", "\r\n").encode())
        for _ in range(200_000):
            client.sendall(piece)
            time.sleep(every)

    return answer


class Host:
    """A host that answers as it likes."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self.answer, self.context = answer, context
        self.heads: list[str] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            with client:
                client.settimeout(5)
                try:
                    if self.context is not None:
                        client = self.context.wrap_socket(client, server_side=True)
                    self.heads.append(client.recv(65_536).decode("latin-1"))
                    self.answer(client)
                    client.close()
                except OSError:
                    continue


@contextmanager
def host(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Host]:
    found = Host(answer, context)
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield found
    finally:
        # Closed alone it would still wait.
        found.listening.shutdown(socket.SHUT_RDWR)
        found.listening.close()
        thread.join()


def fetcher(*listed: str, **how: Any) -> Fetcher:
    return Fetcher(places(listed), MOST, **{"seconds": 2.0} | how)


def fetched(answer: Answer, **how: Any) -> bytes:
    with host(answer) as there:
        return fetcher(f"http://{there.name}", **how).fetch(f"http://{there.name}/a.wav")


def told(*addresses: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Looks up names: one address after another, as somebody says who changes his mind."""
    answers = iter(addresses)

    def resolve(name: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    return resolve


WELL = [
    plain(f"HTTP/1.1 200 OK\nContent-Length: {len(SOUND)}", SOUND),
    plain("HTTP/1.1 200 OK\nConnection: close", SOUND),
    plain("HTTP/1.0 200 OK", SOUND),
    plain("HTTP/1.1 200 OK\nContent-Encoding: identity", SOUND),
    plain("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK", SOUND),
    plain(
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked",
        b"c\r\n" + SOUND[:12] + b"\r\n%x\r\n" % (len(SOUND) - 12) + SOUND[12:] + b"\r\n0\r\n\r\n",
    ),
]


@pytest.mark.parametrize("answer", WELL)
def test_what_is_there_is_fetched(answer: Answer) -> None:
    assert fetched(answer) == SOUND


def test_what_is_asked() -> None:
    with host(WELL[0]) as there:
        address = f"HTTP://{there.name}/参考/a b.wav?x=ä%20&y=1#end".replace(" ", "%20")
        assert fetcher(f"http://{there.name}").fetch(address) == SOUND
    (head,) = there.heads
    first, *lines = head.split("\r\n")
    assert first == "GET /%E5%8F%82%E8%80%83/a%20b.wav?x=%C3%A4%20&y=1 HTTP/1.1"
    assert f"Host: {there.name}" in lines
    assert "Accept-Encoding: identity" in lines
    assert not [line for line in lines if line.lower().startswith(("cookie", "authorization"))]


HOSTILE = {
    "redirect": plain("HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/\nContent-Length: 0"),
    "for good": plain("HTTP/1.1 301 Moved\nLocation: /b.wav\nContent-Length: 0"),
    "part": plain("HTTP/1.1 206 Partial Content\nContent-Length: 4", b"RIFF"),
    "missing": plain("HTTP/1.1 404 Not Found\nContent-Length: 4", b"RIFF"),
    "larger as it says": plain(f"HTTP/1.1 200 OK\nContent-Length: {MOST + 1}", SOUND),
    "endless": forever("HTTP/1.1 200 OK\n\n", SOUND),
    "endless in chunks": forever("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", b"1\r\nx\r\n"),
    "endless trailers": forever(
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\n", b"X: " + b"x" * 1000 + b"\r\n"
    ),
    "endless head": forever("HTTP/1.1 200 OK\n", b"X: y\r\n"),
    "one huge header": forever("HTTP/1.1 200 OK\nX: ", b"x" * 10_000),
    "endless status": forever("HTTP/1.1 200 ", b"x" * 10_000),
    "endless continuing": forever("", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "shorter than it says": plain("HTTP/1.1 200 OK\nContent-Length: 12000", SOUND),
    "a chunk too short": plain("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"ffff\r\nabc"),
    "chunks of no length": plain("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"zz\r\nabc"),
    "packed": plain("HTTP/1.1 200 OK\nContent-Encoding: gzip", SOUND),
    "nothing": lambda client: None,
    "no HTTP": plain("SSH-2.0-OpenSSH_9.9"),
    "no numbers": plain("HTTP/1.1 OK OK"),
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_host_ends_in_an_error(answer: Answer) -> None:
    began = time.monotonic()
    with pytest.raises(AudioError) as caught:
        fetched(answer)
    assert time.monotonic() - began < 5
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        forever("HTTP/1.1 200 OK\n\n", b"x", every=0.05),
        forever("HTTP/1.1 200 OK\nX: ", b"x", every=0.05),
        lambda client: time.sleep(2),
    ],
    ids=["body", "head", "silence"],
)
def test_a_slow_host_is_left(answer: Answer) -> None:
    with host(answer) as there:
        asking, began = fetcher(f"http://{there.name}", seconds=0.3), time.monotonic()
        with pytest.raises(AudioError, match="now"):
            asking.fetch(f"http://{there.name}/a.wav")
        assert time.monotonic() - began < 1.5


def test_who_waits_for_slow_hosts_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_AT_ONCE", 1)
    with host(WELL[0]) as there:
        asking = fetcher(f"http://{there.name}")
        begun, go_on = threading.Event(), threading.Event()

        def slowly(client: socket.socket) -> None:
            begun.set()
            assert go_on.wait(5)
            WELL[0](client)

        there.answer = slowly
        address = f"http://{there.name}/a.wav"
        thread = threading.Thread(target=asking.fetch, args=(address,))
        thread.start()
        assert begun.wait(5)
        with pytest.raises(BusyError):
            asking.fetch(address)
        go_on.set()
        thread.join()
        for _ in range(3):
            assert asking.fetch(address) == SOUND


class TestPlaces:
    @pytest.mark.parametrize(
        ("listed", "place"),
        [
            ("Media.Example.org", Place("https", "media.example.org", 443)),
            ("https://media.example.org/", Place("https", "media.example.org", 443)),
            ("media.example.org:8443", Place("https", "media.example.org", 8443)),
            ("http://media.example.org", Place("http", "media.example.org", 80)),
            ("http://192.168.1.20:8000", Place("http", "192.168.1.20", 8000)),
            ("[FD00::7]:1", Place("https", "fd00::7", 1)),
        ],
    )
    def test_hosts(self, listed: str, place: Place) -> None:
        assert places([listed]) == {place}
        assert ServerSettings(fetch_from=f" {listed} ,").fetched_places == {place}

    @pytest.mark.parametrize(
        "listed",
        [
            *("*", "*.example.org", "http://", "ftp://a", "a/b", "https://a/b.wav", "a b", "."),
            *("u:p@a", "a:0", "a:99999", "a:b", "ä.example", "a\\b", "[::1", "http://a?b", "a#b"),
        ],
    )
    def test_what_is_no_host(self, listed: str) -> None:
        with pytest.raises(ConfigError, match="fetch_from"):
            ServerSettings(fetch_from=listed)

    def test_none_by_default(self) -> None:
        assert ServerSettings().fetched_places == frozenset()

    @pytest.mark.parametrize(
        "address",
        [
            *("http://here.example/a", "https://here.example:444/a", "https://there.example/a"),
            *("https://here.example.there.example/a", "https://there.example/here.example"),
            *("https://here.example@there.example/a", "https://there.example#here.example"),
            *("https://user@here.example/a", "https://u:p@here.example/a"),
            *("https://here.example\\@there.example/", "https://there.example\\here.example"),
            *("https://here.example./a", "https://here.example:443@there.example/"),
            *("//here.example/a", "ftp://here.example/a", "file://here.example/a", "here.example"),
            *(
                "https://here.example/a\r\nX: y",
                "https://here.example/a b",
                "https:// here.example",
            ),
            *("https:/here.example/a", "https:here.example", "https://here.example:x/"),
            *("https://ｈere.example/a", "https://here。example/a", "https://[here.example]/a"),
            *("https://here.example\t/a", " https://here.example/a", "https://here.example" * 200),
            "https://here.example/" + "a" * 3000,
        ],
    )
    def test_nothing_else_is_asked(self, address: str) -> None:
        def never(*_: Any, **__: Any) -> Any:
            raise AssertionError("a name was looked up")

        asking = fetcher("here.example", resolve=never)
        assert not asking.admits(address)
        with pytest.raises(AudioError, match="nothing from there"):
            asking.fetch(address)

    @given(st.text(max_size=40))
    @example("https://[::ffff:127.0.0.1]/")
    @example("https://[")
    def test_any_text_is_judged(self, text: str) -> None:
        assert not fetcher("here.example").admits(text)
        assert not fetcher("here.example").admits(f"https://{text}@here.example:1/")


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
            *("169.254.169.254", "100.64.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
            *("255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1"),
            *("fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
            *("::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
            *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "fe80::1%eth0", "4000::1"),
        ],
    )
    def test_of_networks_that_are_not_everybodys(self, address: str) -> None:
        assert not is_public(address)
        asking = fetcher("here.example", "http://here.example", resolve=told(address, PUBLIC))
        with pytest.raises(AudioError, match="nothing from there"):
            asking.fetch("https://here.example/a.wav")

    @pytest.mark.parametrize(
        "address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
    )
    def test_of_everybody(self, address: str) -> None:
        assert is_public(address)

    def test_one_that_is_not_is_enough(self) -> None:
        def both(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
            return [told(each)("", 1)[0] for each in (PUBLIC, "10.0.0.1")]

        with pytest.raises(AudioError, match="nothing from there"):
            fetcher("here.example", resolve=both).fetch("https://here.example/")

    def test_a_listed_name_of_this_machine_is_none(self) -> None:
        with host(WELL[0]) as there:
            address = f"http://localhost:{there.port}"
            with pytest.raises(AudioError, match="nothing from there"):
                fetcher(address).fetch(f"{address}/a.wav")
        assert not there.heads

    def test_the_connection_goes_to_the_address_that_was_judged(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever owns the name says something else the next time: he is not asked twice."""
        with host(WELL[0]) as there:
            asked: list[tuple[list[str], int]] = []

            def reached(addresses: list[str], port: int, _: float) -> socket.socket:
                asked.append((addresses, port))
                return socket.create_connection(("127.0.0.1", there.port))

            monkeypatch.setattr(fetching, "_reached", reached)
            asking = fetcher("http://here.example", resolve=told(PUBLIC, "127.0.0.1"))
            assert asking.fetch("http://here.example/a.wav") == SOUND
            assert asked == [([PUBLIC], 80)]
            with pytest.raises(AudioError, match="nothing from there"):
                asking.fetch("http://here.example/a.wav")
            assert len(asked) == 1
        assert "Host: here.example\r\n" in there.heads[0]

    def test_the_next_address_is_tried(self) -> None:
        with host(WELL[0]) as there:
            with fetching._reached(["::1", "127.0.0.1"], there.port, time.monotonic() + 2):
                pass
            with pytest.raises(TimeoutError):
                fetching._reached(["127.0.0.1"], there.port, time.monotonic())

    def test_an_unknown_name_is_an_error_of_ours(self) -> None:
        def unknown(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(-2, "Name or service not known")

        with pytest.raises(AudioError, match="now"):
            fetcher("here.example", resolve=unknown).fetch("https://here.example/")


class TestSecure:
    @pytest.fixture
    def pair(self, tmp_path: Path) -> tuple[str, str]:
        """Certificate and key of here.example."""
        files = str(tmp_path / "certificate"), str(tmp_path / "key")
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=x"]
        command += ["-addext", "subjectAltName=DNS:here.example"]
        try:
            subprocess.run(
                [*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("there is no openssl to make a certificate with")
        return files

    @pytest.mark.parametrize(
        ("name", "trusted", "well"),
        [
            ("here.example", True, True),
            ("there.example", True, False),
            ("here.example", False, False),
        ],
    )
    def test_a_host_is_who_it_says(
        self,
        name: str,
        trusted: bool,
        well: bool,
        pair: tuple[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        trusting = ssl.create_default_context(cafile=pair[0]) if trusted else fetching._context()
        monkeypatch.setattr(fetching, "_context", lambda: trusting)
        with host(WELL[0], context) as there:
            monkeypatch.setattr(
                fetching,
                "_reached",
                lambda *_: socket.create_connection(("127.0.0.1", there.port)),
            )
            asking = fetcher(name, resolve=told(PUBLIC))
            if well:
                assert asking.fetch(f"https://{name}/a.wav") == SOUND
            else:
                with pytest.raises(AudioError, match="now"):
                    asking.fetch(f"https://{name}/a.wav")
                assert not there.heads

    def test_plain_is_not_secure(self) -> None:
        with host(plain("HTTP/1.1 200 OK", SOUND)) as there:
            asking = fetcher(f"https://{there.name}", seconds=0.5)
            with pytest.raises(AudioError, match="now"):
                asking.fetch(f"https://{there.name}/a.wav")


def test_what_is_fetched_is_a_reference_like_any_other() -> None:
    with host(WELL[0]) as there:
        settings = ServerSettings(fetch_from=f"http://{there.name}")
        asking = Fetcher(settings.fetched_places, settings.most_body_bytes)
        address = f"http://{there.name}/a.wav"
        assert references.contents(address, settings, asking) == SOUND
        cast = casting.Cast.__new__(casting.Cast)
        cast._settings, cast._fetcher = settings, asking
        assert cast._meant(Clip(path=address)) is None
        with pytest.raises(AudioError):
            cast._audio(Clip(path=address))
    nobody = Fetcher(ServerSettings().fetched_places, 10)
    with pytest.raises(AudioError, match="--fetch-from"):
        references.contents(address, settings, nobody)


def test_what_a_job_needs_is_fetched_once() -> None:
    with host(WELL[0]) as there:
        settings = ServerSettings(fetch_from=f"http://{there.name}")
        cast = casting.Cast.__new__(casting.Cast)
        cast._fetcher = Fetcher(settings.fetched_places, settings.most_body_bytes)
        kept = Clip(path="anna.wav"), Clip(data=b"sound", text="Hi.")
        elsewhere = Clip(path=f"http://{there.name}/a.wav", text="Hello.", language="en")
        found = cast.fetched([*kept, elsewhere])
    assert found == (*kept, Clip(data=SOUND, text="Hello.", language="en"))
    assert cast.fetched(found) == found  # with nobody there any more
