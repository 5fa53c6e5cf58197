"""With several keys, each has voices, defaults and jobs of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from myna.apps.library import Library
from myna.apps.server.app import create
from myna.apps.server.asking import asked_by, asking
from myna.apps.server.casting import Cast
from myna.apps.server.job_worker import JobWorker
from myna.apps.server.jobs import Jobs
from myna.apps.server.requests import Clip, SpeechRequest
from myna.apps.server.safety.keys import parse
from myna.apps.server.safety.tokens import Identify
from myna.apps.server.settings import TOKENS_VARIABLE, ServerSettings
from myna.datatypes import Sampling, Voice
from myna.errors import VoiceError
from toy_studio import ToyStudio

TOKENS = {name: f"a-token-of-{name}-and-so-on" for name in ("ann", "bob")}

Ask = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> bytes:
    path = tmp_path / "anna.voice"
    timbre = np.zeros(8, np.float32)
    Voice(name="Anna", family="toy", model="ab" * 32, timbre=timbre).save(path)
    return path.read_bytes()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def serving(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], **settings: Any) -> Ask:
    """Ask a server with these keys; it speaks with nobody."""
    lines = "\n".join(f"{name}:{TOKENS[name]}" for name in names)
    monkeypatch.setenv(TOKENS_VARIABLE, lines)
    client = TestClient(
        create(ServerSettings(**settings)),
        base_url="http://127.0.0.1:9880",
        client=("127.0.0.1", 5000),
    )

    def ask(name: str, method: str, path: str, **how: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKENS[name]}"} if names else {}
        return client.request(method, path, headers=headers, **how)

    return ask


def imported(ask: Ask, name: str, file: bytes, called: str = "Anna") -> Any:
    given = {"data": {"name": called}, "files": {"file": ("a.voice", file)}}
    return ask(name, "POST", "/api/v1/voices/import", **given)


def listed(ask: Ask, name: str) -> set[str]:
    """Of the library, by each list there is."""
    ours = {
        each["name"]
        for each in ask(name, "GET", "/api/v1/voices").json()["voices"]
        if not each["bundled"]
    }
    lists = [
        *(ask(name, "GET", path).text for path in ("/v1/audio/voices", "/speakers")),
        ask(name, "GET", "/character_list").text,
    ]
    for each in lists:
        assert ("Anna" in each) == ("Anna" in ours), each
    return ours


def test_others_find_nothing(home: Path, file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = serving(monkeypatch, ("ann", "bob"))
    made = imported(ask, "ann", file)
    assert made.status_code == 201, made.text
    identity = made.json()["id"]
    assert listed(ask, "ann") == {"Anna"}
    assert listed(ask, "bob") == set()
    for which in ("Anna", identity):
        at = f"/api/v1/voices/{which}"
        for method, path, how in (
            ("GET", at, {}),
            ("PATCH", at, {"json": {"name": "Mine"}}),
            ("DELETE", at, {}),
            ("GET", f"{at}/export", {}),
            ("GET", f"{at}/preview", {}),
            ("DELETE", f"/v1/audio/voices/{which}", {}),
        ):
            answer = ask("bob", method, path, **how)
            missing = ask("bob", method, path.replace(which, "nobody"), **how)
            assert answer.status_code == missing.status_code == 404, (path, answer.text)
            assert answer.text == missing.text
        for path, body in (
            ("/api/v1/speech", {"text": "Hello.", "voice": which}),
            ("/tts", {"text": "Hello.", "text_lang": "en", "voice": which}),
            ("/tts", {"text": "Hello.", "text_lang": "en", "ref_audio_path": which}),
            ("/v1/audio/speech", {"input": "Hello.", "voice": which, "model": "tiny"}),
            ("/api/v1/speech", {"text": "Hello.", "voice": f"{which}+slt"}),
        ):
            answer = ask("bob", "POST", path, json=body)
            other = {key: text.replace(which, "nobody") for key, text in body.items()}
            missing = ask("bob", "POST", path, json=other)
            assert answer.status_code == missing.status_code == 400, (path, answer.text)
            assert answer.text.replace(which, "nobody") == missing.text
    assert imported(ask, "bob", file).status_code == 201  # its name is free to him
    assert ask("bob", "DELETE", "/api/v1/voices/anna").status_code == 204
    assert ask("ann", "GET", "/api/v1/voices/anna").json()["id"] == identity
    exported = ask("ann", "GET", "/api/v1/voices/anna/export")
    assert exported.content == file


@pytest.mark.parametrize(
    ("names", "settings"),
    [((), {}), (("ann",), {}), (("ann", "bob"), {"shared_voices": True})],
)
def test_who_is_alone_or_shares_sees_all(
    names: tuple[str, ...],
    settings: dict[str, Any],
    home: Path,
    file: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Library() as library:
        library.seen_by("cy").import_(file, "Of Cy")
        library.import_(file, "Of all")
    ask = serving(monkeypatch, names, **settings)
    assert imported(ask, "ann", file).status_code == 201
    assert imported(ask, "ann", file).status_code == 400
    other = names[-1] if names else "bob"
    assert listed(ask, other) == {"Anna", "Of Cy", "Of all"}
    assert ask(other, "DELETE", "/api/v1/voices/anna").status_code == 204
    assert listed(ask, "ann") == {"Of Cy", "Of all"}


def test_voices_of_before_and_of_the_machine_are_everybodys(
    home: Path, file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library() as library:
        library.import_(file, "Anna")
    ask = serving(monkeypatch, ("ann", "bob"))
    assert listed(ask, "ann") == listed(ask, "bob") == {"Anna"}
    assert ask("bob", "GET", "/api/v1/voices/anna/export").content == file


def test_no_more_voices_than_each_may_have(
    home: Path, file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = serving(monkeypatch, ("ann", "bob"), most_voices=1)
    assert imported(ask, "ann", file, "A").status_code == 201
    refused = imported(ask, "ann", file, "B")
    assert refused.status_code == 400
    assert "full" in refused.json()["error"]["message"]
    assert imported(ask, "bob", file, "B").status_code == 201
    assert ask("ann", "DELETE", "/api/v1/voices/a").status_code == 204
    assert imported(ask, "ann", file, "B").status_code == 201


def test_a_job_is_its_keys(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = serving(monkeypatch, ("ann", "bob"), jobs_waiting=2, jobs_characters=50)
    body = {"text": "Birds say what they hear."}
    made = ask("ann", "POST", "/api/v1/jobs", json=body)
    assert made.status_code == 202, made.text
    at = made.headers["Location"]
    assert [len(ask(name, "GET", "/api/v1/jobs").json()["jobs"]) for name in TOKENS] == [1, 0]
    for method, path in (
        *(("GET", at), ("GET", f"{at}/result"), ("GET", f"{at}/subtitles"), ("DELETE", at)),
    ):
        answer = ask("bob", method, path)
        missing = ask("bob", method, path.replace(at[-32:], "0" * 32))
        assert (answer.status_code, answer.text) == (404, missing.text)
    assert ask("ann", "GET", at).json()["state"] == "queued"
    assert ask("bob", "POST", "/api/v1/jobs", json={"text": "a" * 51}).status_code == 400
    assert ask("bob", "POST", "/api/v1/jobs", json=body).status_code == 202
    assert ask("bob", "POST", "/api/v1/jobs", json=body).status_code == 429
    assert ask("ann", "DELETE", at).status_code == 204


def test_a_job_is_said_for_whoever_wants_it(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs")
    request = SpeechRequest(sampling=Sampling(seed=1))
    for client in ("ann", "bob"):
        jobs.add(request, ["Hello."], client=client)

    async def say() -> list[str]:
        studio, seen = ToyStudio(tmp_path / "voices"), []
        studio.prepare = lambda _: seen.append(asking())
        worker = asyncio.create_task(JobWorker(studio, jobs).run())  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            while any(job.state != "done" for job in jobs.newest()):
                await asyncio.sleep(0.02)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        assert asking() == ""
        return seen

    assert asyncio.run(say()) == ["ann", "bob"]


class TestAsking:
    def test_it_goes_into_threads_and_tasks_and_not_beyond(self) -> None:
        async def ask(name: str) -> tuple[str, str, str]:
            async def inner() -> str:
                await asyncio.sleep(0)
                return asking()

            with asked_by(name):
                return asking(), await asyncio.to_thread(asking), await asyncio.create_task(inner())

        async def both() -> Any:
            found = await asyncio.gather(ask("ann"), ask("bob"))
            return found, asking()

        (ann, bob), after = asyncio.run(both())
        assert (set(ann), set(bob), after) == ({"ann"}, {"bob"}, "")

    def test_the_key_of_a_request_asks(self) -> None:
        seen = []

        async def app(*_: Any) -> None:
            seen.append(asking())

        ring = parse("\n".join(f"{name}:{token}" for name, token in TOKENS.items()), name="test")
        for token in (*TOKENS.values(), "nobodys-token-at-all"):
            headers = [(b"authorization", f"Bearer {token}".encode())]
            scope = {"type": "http", "headers": headers}
            asyncio.run(Identify(app, ring)(scope, None, None))  # type: ignore[arg-type]
        assert seen == ["ann", "bob", ""]
        assert asking() == ""

    def test_who_speaks_by_default_is_each_keys(
        self, tmp_path: Path, file: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(
            TOKENS_VARIABLE, "\n".join(f"{name}:{token}" for name, token in TOKENS.items())
        )
        with Library(tmp_path / "voices") as library:
            cast = Cast(library, ServerSettings())
            with asked_by("ann"):
                cast.library.import_(file)
                cast.choose_voice("anna")
                assert cast.library.settings("server.voice") == "anna"
                with pytest.raises(VoiceError, match="made by a model"):  # hers, which is not here
                    cast.role(SpeechRequest(clips=(Clip(path="./x/anna.wav"),)))
            for other in ("bob", ""):
                with asked_by(other):
                    assert cast.library.settings("server.voice") is None
                    role = cast.role(SpeechRequest())
                    assert role.voice is not None
                    assert role.voice.name != "Anna"
                    for clip in (Clip(path="anna"), Clip(path="./x/anna.wav")):
                        with pytest.raises(VoiceError, match="neither"):
                            cast.role(SpeechRequest(clips=(clip,)))
