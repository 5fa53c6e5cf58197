"""Each check of the server alone and in a row, on requests and WebSockets."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="the extra `server` is not installed")
pytest.importorskip("httpx", reason="requests are made with httpx")

from fastapi import FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from myna.apps.server.safety import asgi, bodies, keys, origins, tokens
from myna.apps.server.safety.changes import CHANGING
from myna.apps.server.safety.crowd import Crowd
from myna.apps.server.safety.hosts import host_name
from myna.apps.server.safety.protecting import protect
from myna.apps.server.safety.rates import Buckets, _network
from myna.apps.server.settings import TOKENS_VARIABLE, ServerSettings

TOKEN = "a-token-of-some-length"
OTHER = "another-token-of-length"
PAGE = "http://127.0.0.1:8000"
MACHINE, STRANGER = ("127.0.0.1", 50_000), ("203.0.113.9", 50_000)

Ask = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKENS_VARIABLE, raising=False)


def _app() -> FastAPI:
    app = FastAPI()

    @app.api_route("/echo", methods=["GET", "POST", "OPTIONS"])
    async def echo(request: Request) -> dict[str, Any]:
        return {"bytes": len(await request.body()), "id": request.state.request_id}

    @app.get("/health")
    async def health() -> None:
        return None

    async def change() -> str:
        return "changed"

    for path in CHANGING:
        app.add_api_route(path, change, methods=["GET", "POST"])

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(str(socket.url.query))
        await socket.close()

    return app


@pytest.fixture
def ask() -> Ask:
    """Makes a client of an application with these settings."""

    def make(client: tuple[str, int] = MACHINE, **given: Any) -> TestClient:
        app = protect(_app(), ServerSettings(**given))
        return TestClient(app, base_url="http://127.0.0.1:9880", client=client)

    return make


def _bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# Who is called


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9880", 200),
        ("localhost", 200),
        ("LocalHost.:9880", 200),
        ("[::1]:9880", 200),
        ("myna.example", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:9880", 421),
        ("127.0.0.2", 421),
        ("", 400),
        ("a b", 400),
        ("localhost, evil.example", 400),
        ("user@localhost", 400),
        ("localhost:9880:80", 400),
        ("[::1", 400),
    ],
)
def test_only_names_of_this_server_are_answered(ask: Ask, host: str, status: int) -> None:
    client = ask(hosts="myna.example")
    assert client.get("/echo", headers={"Host": host}).status_code == status


def test_a_foreign_name_is_allowed_where_a_token_is_needed(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKENS_VARIABLE, f"kitchen:{TOKEN}")
    headers = {"Host": "evil.example"}
    assert ask().get("/echo", headers=headers).status_code == 401
    assert ask().get("/echo", headers=headers | _bearer()).status_code == 200
    listed = ask(hosts="myna.example")
    assert listed.get("/echo", headers=headers | _bearer()).status_code == 421


@given(st.text(max_size=80))
def test_any_host_header_is_a_name_or_none(value: str) -> None:
    name = host_name(value)
    assert name is None or not set(name) & set("/@\\ ,?#[]\r\n")


# Which page asks


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://127.0.0.1:9880"}, 200),
        ({"Origin": PAGE}, 200),
        ({"Origin": PAGE, "Sec-Fetch-Site": "same-site"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Referer": f"{PAGE}/chat?x"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "http://evil.example/"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Referer": f"http://evil.example/{PAGE}"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Referer": f"{PAGE}@evil.example/"}, 403),
        ({"Sec-Fetch-Site": "nonsense"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9881"}, 403),
        ({"Origin": f"{PAGE}.evil.example"}, 403),
        ({"Origin": f"{PAGE}, http://evil.example"}, 403),
        ({"Origin": "file://127.0.0.1:9880"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_listed_pages_may_ask(
    ask: Ask, headers: dict[str, str], status: int, method: str
) -> None:
    client = ask(origins=PAGE)
    assert client.request(method, "/echo", headers=headers).status_code == status


def test_browsers_are_told_what_listed_pages_may_do(ask: Ask) -> None:
    client = ask(origins=PAGE)
    asking = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = client.options("/echo", headers=asking)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-credentials" not in answer.headers
    strange = client.options("/echo", headers=asking | {"Origin": "http://evil.example"})
    assert strange.status_code == 403
    assert "access-control-allow-origin" not in strange.headers
    answer = client.post("/echo", headers={"Origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]


def test_nobody_is_listed_at_first(ask: Ask) -> None:
    answer = ask().get("/echo", headers={"Origin": PAGE})
    assert answer.status_code == 403
    plain = ask().get("/echo", headers={"Origin": "http://127.0.0.1:9880"})
    assert plain.status_code == 200
    assert "access-control-allow-origin" not in plain.headers


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_origin_passes_by_accident(value: str) -> None:
    headers = [(b"host", b"127.0.0.1:9880"), (b"origin", value.encode("latin-1"))]
    scope = {"type": "http", "headers": headers}
    may = origins.Origins(None, [PAGE])._may(scope, asgi.header(scope, b"origin"))  # type: ignore[arg-type]
    assert may == (value.strip() in (PAGE, "http://127.0.0.1:9880", "https://127.0.0.1:9880"))


# Who asks


@pytest.fixture
def keyed(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv(TOKENS_VARIABLE, f"kitchen:{TOKEN}\nphone:{OTHER}:2")
    return ask(client=STRANGER)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (_bearer(), 200),
        ({"Authorization": f"bearer  {TOKEN}"}, 200),
        ({"X-Api-Key": TOKEN}, 200),
        ({"Authorization": "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()}, 200),
        ({"Authorization": "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode()}, 200),
        ({"Authorization": "Basic " + base64.b64encode(b"me:wrong").decode()}, 401),
        ({"Authorization": "Basic ***"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff").decode()}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": f"Digest {TOKEN}"}, 401),
        ({"X-Api-Key": "kitchen"}, 401),
    ],
)
def test_a_token_is_needed(keyed: TestClient, headers: dict[str, str], status: int) -> None:
    answer = keyed.get("/echo", headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert {"message", "detail", "code", "error"} <= set(answer.json())


def test_a_token_in_a_query_is_for_websockets_alone(keyed: TestClient) -> None:
    assert keyed.get(f"/echo?token={TOKEN}").status_code == 401
    with keyed.websocket_connect(f"/ws?voice=anna&token={TOKEN}&x=%FF+1") as socket:
        assert socket.receive_text() == "voice=anna&x=%FF+1"
    with keyed.websocket_connect("/ws", headers=_bearer()) as socket:
        socket.receive_text()
    for query in ("", f"?token={TOKEN}&token={TOKEN}", "?token=", "?token=wrong"):
        with pytest.raises(WebSocketDenialResponse) as refused:
            keyed.websocket_connect(f"/ws{query}").__enter__()
        assert refused.value.status_code == 401


def test_health_is_open(keyed: TestClient) -> None:
    for _ in range(5):
        assert keyed.get("/health").status_code == 200
    assert keyed.get("/health/").status_code == 401


def test_two_authorization_headers_are_none(keyed: TestClient) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {OTHER}")]
    assert keyed.get("/echo", headers=headers).status_code == 401


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_any_authorization_is_read(value: bytes, query: bytes) -> None:
    ring = keys.parse(f"kitchen:{TOKEN}", name="x")
    for kind in ("http", "websocket"):
        for scheme in (b"Bearer ", b"Basic ", b""):
            scope = {
                "type": kind,
                "query_string": b"token=" + query,
                "headers": [(b"authorization", scheme + value)],
            }
            token = tokens.presented(scope)
            assert token is None or ring.find(token) is None


# How often


def test_a_key_has_its_own_rate(keyed: TestClient) -> None:
    answers = [keyed.get("/echo", headers=_bearer(OTHER)) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
    assert keyed.get("/echo", headers=_bearer()).status_code == 200


def test_addresses_have_the_common_rate(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ask(rate=2)
    assert {own.get("/echo").status_code for _ in range(5)} == {200}
    proxied = [own.get("/echo", headers={"X-Forwarded-For": "127.0.0.1"}) for _ in range(3)]
    assert [each.status_code for each in proxied] == [200, 200, 429]
    stranger = ask(client=STRANGER, rate=2)
    assert [stranger.get("/echo").status_code for _ in range(3)] == [200, 200, 429]
    monkeypatch.setenv(TOKENS_VARIABLE, f"kitchen:{TOKEN}")
    guessing = ask(rate=2)
    assert [guessing.get("/echo").status_code for _ in range(3)] == [401, 401, 429]
    assert guessing.get("/echo", headers=_bearer()).status_code == 200


def test_buckets_refill_evenly_and_are_few() -> None:
    now = 0.0
    buckets = Buckets(lambda: now)
    assert [buckets.take("a", 60) for _ in range(60)] == [0.0] * 60
    assert buckets.take("a", 60) == pytest.approx(1.0)
    now = 0.5
    assert buckets.take("a", 60) == pytest.approx(0.5)
    now = 1.0
    assert buckets.take("a", 60) == 0.0
    now = 1e6
    assert [buckets.take("a", 60) for _ in range(61)][-1] > 0
    for number in range(20_000):
        buckets.take(str(number), 60)
    assert len(buckets._known) == 10_000


def test_neighbours_in_ipv6_share() -> None:
    assert _network("2001:db8::1") == _network("2001:db8::ffff:2")
    assert _network("2001:db8::1") != _network("2001:db8:0:1::1")
    assert _network("::ffff:1.2.3.4") == _network("1.2.3.4") == "1.2.3.4"
    assert _network("testclient") == "testclient"


# What is asked


@pytest.mark.parametrize("path", sorted(CHANGING))
def test_what_changes_something_is_for_this_machine_and_for_keys(
    ask: Ask, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, stranger = ask(origins=PAGE), ask(client=STRANGER, origins=PAGE)
    for method in ("GET", "POST"):
        assert own.request(method, path).status_code == 200
        assert stranger.request(method, path).status_code == 403
        for headers in (
            {"Origin": PAGE},
            {"Origin": "http://127.0.0.1:9880"},
            {"Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "cross-site", "Referer": PAGE},
            {"X-Forwarded-For": "127.0.0.1"},
            {"Forwarded": "for=127.0.0.1"},
            {"Via": "1.1 proxy"},
        ):
            assert own.request(method, path, headers=headers).status_code == 403, headers
    assert own.get(path + "/", follow_redirects=False).status_code == 307
    off = ask(compatibility=False)
    assert off.get(path).status_code == 405
    assert off.post(path).status_code == 200
    monkeypatch.setenv(TOKENS_VARIABLE, f"kitchen:{TOKEN}")
    assert ask(client=STRANGER).get(path, headers=_bearer()).status_code == 200
    assert ask().get(path).status_code == 401


# How much


def test_a_large_body_is_refused_whatever_its_head_says(ask: Ask) -> None:
    client = ask(most_body=1)
    most = 1 << 20
    assert client.post("/echo", content=b"x" * most).json()["bytes"] == most

    def pieces() -> Iterator[bytes]:
        for _ in range(17):
            yield b"x" * (most // 16)

    for content in (b"x" * (most + 1), pieces()):
        answer = client.post("/echo", content=content)
        assert answer.status_code == 413
        assert "1 MB" in answer.json()["message"]


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "1, 2", "٣", "9" * 30, "+1", ""])
def test_a_damaged_length_is_refused(length: str) -> None:
    answer = asyncio.run(
        _call(
            bodies.Bodies(_fail, 100, 1.0),
            [{"type": "http.request", "body": b"x"}],
            headers=[(b"content-length", length.encode())],
        )
    )
    assert answer[0]["status"] == 400


@pytest.mark.parametrize("swallows", [True, False])
def test_a_body_that_grows_too_large_is_answered_in_the_place_of_the_application(
    swallows: bool,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect" and not swallows:
            raise RuntimeError("gone")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    more = {"type": "http.request", "body": b"x" * 60, "more_body": True}
    for coming in ([more, more], [more, more | {"more_body": False}]):
        answer = asyncio.run(_call(bodies.Bodies(app, 100, 1.0), coming))
        assert [each.get("status") for each in answer] == [413, None, None]
    fine = asyncio.run(_call(bodies.Bodies(app, 200, 1.0), [more, more | {"more_body": False}]))
    assert fine[0]["status"] == 200


def test_a_body_that_stalls_is_refused() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass

    drip = {"type": "http.request", "body": b"x", "more_body": True}
    answer = asyncio.run(_call(bodies.Bodies(app, 1000, 0.1), [drip] * 500, pause=0.02))
    assert answer[0]["status"] == 408


def test_after_its_body_a_request_may_take_its_time() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        message = await receive()
        assert message["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 200, "headers": []})

    whole = {"type": "http.request", "body": b"x"}
    gone = {"type": "http.disconnect"}
    answer = asyncio.run(_call(bodies.Bodies(app, 1000, 0.05), [whole, gone], pause=0.1))
    assert answer[0]["status"] == 200


def test_errors_of_the_application_stay_its_own() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(_call(bodies.Bodies(app, 1000, 1.0), []))


def test_a_crowd_is_kept_out_but_those_who_watch() -> None:
    async def run() -> list[int]:
        held = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/slow":
                await held.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        crowd = Crowd(app, 2)
        slow = [asyncio.create_task(_call(crowd, [], path="/slow")) for _ in range(2)]
        await asyncio.sleep(0)
        statuses = [(await _call(crowd, [], path=path))[0]["status"] for path in ("/x", "/health")]
        held.set()
        statuses += [(await each)[0]["status"] for each in slow]
        return [*statuses, (await _call(crowd, [], path="/x"))[0]["status"]]

    assert asyncio.run(run()) == [503, 200, 200, 200, 200]


# How it is answered


def test_every_answer_has_its_headers_and_a_number(ask: Ask) -> None:
    client = ask()
    for answer in (
        client.get("/echo"),
        client.get("/missing"),
        client.get("/echo", headers={"Host": "evil.example"}),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("abc-123", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("-a", False),
        ("a\tb", False),
        ("<script>", False),
    ],
)
def test_a_number_of_the_client_is_kept_if_it_is_one(ask: Ask, given_id: str, kept: bool) -> None:
    answer = ask().get("/echo", headers={"X-Request-Id": given_id})
    assert (answer.headers["x-request-id"] == given_id) == kept
    assert answer.json()["id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_websockets_are_checked_alike(ask: Ask, headers: dict[str, str]) -> None:
    client = ask()
    with client.websocket_connect("ws://127.0.0.1:9880/ws") as socket:
        socket.receive_text()
    with pytest.raises(WebSocketDenialResponse) as refused:
        client.websocket_connect("ws://127.0.0.1:9880/ws", headers=headers).__enter__()
    assert refused.value.status_code in (403, 421)


def test_a_websocket_is_refused_where_the_server_knows_no_answers_to_it() -> None:
    answer = asyncio.run(
        _call(
            tokens.Authorise(_fail),
            [{"type": "websocket.connect"}],
            type="websocket",
        )
    )
    assert [each["type"] for each in answer] == ["websocket.close"]


def test_what_is_no_request_passes() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(protect(app, ServerSettings())({"type": "lifespan"}, _nothing, _nothing))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    *(b"host", b"origin", b"referer", b"authorization", b"x-api-key", b"cookie"),
                    *(b"content-length", b"x-request-id", b"sec-fetch-site", b"forwarded", b"via"),
                    *(b"access-control-request-method", b"access-control-request-headers"),
                ]
            ),
            st.one_of(st.binary(max_size=40), st.sampled_from([b"127.0.0.1", PAGE.encode()])),
        ),
        max_size=8,
    ),
    st.sampled_from(["/echo", "/control", "/health", "/../x", "//", ""]),
    st.sampled_from(["http", "websocket"]),
)
def test_any_headers_get_one_answer(
    headers: list[tuple[bytes, bytes]], path: str, kind: str
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if kind == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    checked = protect(app, ServerSettings(origins=PAGE))
    answer = asyncio.run(
        _call(checked, [{"type": "http.request"}], headers=headers, path=path, type=kind)
    )
    starts = [each for each in answer if each["type"] != "http.response.body"]
    assert len(starts) == 1
    for name, value in starts[0].get("headers", ()):
        assert not set(name + value) & set(b"\r\n\0")
    for each in answer:
        if each.get("body") and each["type"] == "http.response.body":
            json.loads(each["body"])


async def _call(
    app: Any, coming: list[dict[str, Any]], *, pause: float = 0.0, **given_scope: Any
) -> list[dict[str, Any]]:
    """What an application sends when these messages come, and then no more."""
    sent = []
    left: AsyncIterator[dict[str, Any]] = _each(coming, pause)

    async def receive() -> dict[str, Any]:
        return await anext(left, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "client": MACHINE}
    await app(scope | given_scope, receive, send)
    return sent


async def _each(coming: list[dict[str, Any]], pause: float) -> AsyncIterator[dict[str, Any]]:
    for number, message in enumerate(coming):
        await asyncio.sleep(pause if number else 0)
        yield message


async def _fail(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the application was asked")


async def _nothing(*_: Any) -> None:
    """Neither comes nor goes."""
