"""A line for each request: what happened, nothing of what was said, and always one line."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="the extra `server` is not installed")
pytest.importorskip("httpx", reason="requests are made with httpx")

from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from fastapi.testclient import TestClient

from myna.apps.server import journal
from myna.apps.server.metrics import Metrics
from myna.apps.server.performance import Figures
from myna.apps.server.safety.protecting import protect
from myna.apps.server.settings import TOKENS_VARIABLE, ServerSettings
from myna.errors import EngineError

SECRET = "what-nobody-may-read"
FIGURES = Figures(
    model="tiny",
    voice="anna",
    characters=12,
    audio_seconds=2.0,
    seconds=0.5,
    first_sound=0.25,
)


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What was written, read back line by line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(journal.JsonLines())
    log = logging.getLogger(journal.LOGGER)
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    written: list[dict[str, Any]] = []

    class Lines(list[dict[str, Any]]):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            return iter([json.loads(line) for line in stream.getvalue().splitlines()])

    yield Lines(written)
    log.removeHandler(handler)
    log.setLevel(before[0])
    log.propagate = before[1]


def _client(metrics: Metrics | None = None, **given_settings: Any) -> TestClient:
    app = FastAPI()

    @app.get("/voices/{name}")
    async def voice(name: str, request: Request) -> str:
        journal.note(text=request.query_params.get("text", ""), characters=12)
        return name

    @app.get("/sound")
    async def sound() -> Response:
        async def body() -> Any:
            yield b"RIFF"
            journal.performed(FIGURES)
            yield b"data"

        return StreamingResponse(body(), media_type="audio/wav")

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError(SECRET)

    @app.get("/health")
    async def health() -> None:
        return None

    protected = protect(app, ServerSettings(**given_settings), metrics=metrics)
    return TestClient(
        protected,
        base_url="http://127.0.0.1",
        client=("127.0.0.1", 1),
        raise_server_exceptions=False,
    )


def test_a_request_is_one_line_without_what_it_says(
    lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKENS_VARIABLE, f"kitchen:token-{SECRET}")
    client = _client()
    client.get(
        f"/voices/{SECRET}?text={SECRET}",
        headers={
            "Authorization": f"Bearer token-{SECRET}",
            "X-Request-Id": "abc",
            "User-Agent": SECRET,
            "Cookie": SECRET,
        },
    )
    (line,) = lines
    assert line["route"] == "/voices/{name}"
    assert (line["id"], line["status"], line["method"]) == ("abc", 200, "GET")
    assert (line["key"], line["characters"]) == ("kitchen", 12)
    assert line["seconds"] >= 0
    assert line["time"].endswith("+00:00")
    assert SECRET not in json.dumps(line)
    assert "127.0.0.1" not in json.dumps(line)


def test_texts_are_written_where_the_owner_asks_for_them(lines: list[dict[str, Any]]) -> None:
    _client(log_text=True).get("/voices/x", params={"text": SECRET})
    (line,) = lines
    assert line["text"] == SECRET


def test_how_speech_went_is_noted(lines: list[dict[str, Any]]) -> None:
    assert _client().get("/sound").content == b"RIFFdata"
    (line,) = lines
    assert (line["voice"], line["model"], line["audio_seconds"]) == ("anna", "tiny", 2.0)
    assert (line["first_sound"], line["rtf"]) == (0.25, 0.25)


def test_refusals_and_failures_have_lines(lines: list[dict[str, Any]]) -> None:
    client = _client()
    assert client.get("/sound", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/fails").status_code == 500
    assert client.get(f"/{SECRET}").status_code == 404
    refused, failed, missing = lines
    assert (refused["status"], refused["route"]) == (421, "other")
    assert (failed["status"], failed["error"]) == (500, "RuntimeError")
    assert (missing["status"], missing["route"]) == (404, "other")
    assert SECRET not in json.dumps([failed, missing])


def test_who_watches_fills_no_log(lines: list[dict[str, Any]]) -> None:
    logging.getLogger(journal.LOGGER).setLevel(logging.INFO)
    _client().get("/health")
    assert not list(lines)


def test_noting_outside_of_a_request_is_harmless() -> None:
    journal.note(voice="anna")
    journal.performed(FIGURES)


def test_what_is_no_http_has_lines_too(lines: list[dict[str, Any]]) -> None:
    metrics = Metrics()
    with journal.recording("wyoming", metrics=metrics):
        journal.performed(FIGURES)
    with (
        pytest.raises(EngineError),
        journal.recording("wyoming", metrics=metrics),
    ):
        raise EngineError(SECRET)
    spoken, failed = lines
    assert (spoken["route"], spoken["voice"]) == ("wyoming", "anna")
    assert failed["error"] == "EngineError"
    assert SECRET not in json.dumps(failed)
    assert b'myna_failures_total{kind="EngineError"} 1.0' in metrics.page()


@given(st.text(max_size=100))
def test_nothing_can_look_like_a_line_of_its_own(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s", (text,), None)
    record.facts = {"route": text, "id": text}
    line = journal.JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["route"] == text


def test_errors_tell_where_and_not_what() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(journal.JsonLines())
    try:
        raise RuntimeError(SECRET)
    except RuntimeError as error:
        info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed\n", None, info)
        handler.emit(record)
        line = json.loads(stream.getvalue())
        assert (line["error"], line["message"]) == ("RuntimeError", "failed")
        assert line["at"][-1].startswith("test_errors_tell_where_and_not_what:")
        assert SECRET not in stream.getvalue()
        assert SECRET in journal.JsonLines(log_text=True).format(record)


def test_uvicorn_writes_no_addresses() -> None:
    pytest.importorskip("uvicorn")
    root = logging.getLogger()
    names = ("myna", "myna.text", "uvicorn", "uvicorn.access", "uvicorn.error")
    before = [
        (each, each.level, each.handlers[:], each.propagate)
        for each in (root, *map(logging.getLogger, names))
    ]
    stream = io.StringIO()
    config = journal.log_config()
    config["handlers"]["stderr"]["stream"] = stream
    log = logging.getLogger("uvicorn.error")
    try:
        # As uvicorn's own settings leave it, for a server that was there before.
        logging.getLogger("uvicorn").propagate = False
        log.setLevel(logging.WARNING)
        logging.config.dictConfig(config)
        log.info("Application startup complete.")
        log.info('%s - "WebSocket %s" [accepted]', "127.0.0.1:1", f"/ws?text={SECRET}")
        logging.getLogger("uvicorn.access").info(SECRET)
        logging.getLogger("myna.server").info("request", extra={"facts": {"route": "/x"}})
    finally:
        for each, level, handlers, propagate in before:
            each.setLevel(level)
            each.handlers[:] = handlers
            each.propagate = propagate
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in written] == ["Application startup complete.", "request"]
