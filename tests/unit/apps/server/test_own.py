"""Our own API: every answer is what it says, and every mistake has a name."""

import asyncio
import base64
import io
import json

import pytest
import soundfile
from fastapi import FastAPI

from myna.apps.server.dialects import own
from myna.apps.server.job_worker import JobWorker
from myna.apps.server.jobs import JobLimits, Jobs
from myna.apps.server.safety.keys import Key
from myna.errors import BusyError, DeadlineError, EngineError, TextError
from toy_studio import ToyStudio, call

CLIP = base64.b64encode(b"RIFF a recording").decode()


class Server:
    def __init__(self, folder, **limits):
        self.studio = ToyStudio(folder / "voices")
        self.jobs = Jobs(folder / "jobs", JobLimits(**limits))
        self.app = FastAPI()
        self.app.include_router(own.router(self.studio, self.jobs))

    def __call__(self, method, path, **how):
        return call(self.app, method, f"/api/v1{path}", **how)

    def work(self, job):
        async def until_done():
            task = asyncio.create_task(JobWorker(self.studio, self.jobs).run())
            async with asyncio.timeout(10):
                while self.jobs.get(job).state in ("queued", "running"):
                    await asyncio.sleep(0.02)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(until_done())


@pytest.fixture
def server(tmp_path):
    return Server(tmp_path)


def test_speech(server):
    body = {
        "text": "Hello there.",
        "voice": "slt",
        "language": "en",
        "sampling": {"seed": 3, "top_k": 5},
        "delivery": {"speed": 1.5, "rate": 16000},
        "container": "flac",
    }
    answer = server("POST", "/speech", json=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["x-seed"] == "3"
    sound, rate = soundfile.read(io.BytesIO(answer.content))
    assert rate == 16000
    assert len(sound) / rate == pytest.approx(0.02 * 12 / 1.5, abs=0.01)
    (asked,) = server.studio.asked
    assert (asked.voice, asked.sampling.top_k, asked.delivery.speed) == ("slt", 5, 1.5)


def test_stream(server):
    answer = server("POST", "/speech", json={"text": "Hi.", "container": "raw", "stream": True})
    assert "content-length" not in answer.headers
    assert len(answer.content) == 2 * round(0.06 * 32_000)
    assert server.studio.performances[0].cancelled


@pytest.mark.parametrize("how", ["body", "header"])
def test_timestamps(server, how):
    body = {"text": "One is here. Two is there.", "stream": True}
    body |= {"with_timestamps": True} if how == "body" else {}
    headers = {"Accept": "application/json"} if how == "header" else {}
    answer = server("POST", "/speech", json=body, headers=headers)
    found = answer.json()
    _, rate = soundfile.read(io.BytesIO(base64.b64decode(found["audio"])))
    assert rate == found["rate"] == 32_000
    assert [timing["text"].strip() for timing in found["timings"]] == [
        "One is here.",
        "Two is there.",
    ]
    assert found["timings"][1]["end"] == pytest.approx(found["seconds"])
    words = [word for timing in found["timings"] for word in timing["words"]]
    assert [word["text"] for word in words] == body["text"].split()
    assert words[-1]["end"] == pytest.approx(found["seconds"])
    assert found["report"]["model"] == "toy"
    assert found["seed"] == 7


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "Hi.", "sampling": {"top_k": 0}}, "sampling"),
        ({"text": "Hi.", "sampling": {"topk": 4}}, "sampling.topk"),
        ({"text": "Hi.", "delivery": {"speed": 9}}, "delivery"),
        ({"text": "Hi.", "container": "silk"}, "container"),
        ({"text": "Hi.", "colour": "red"}, "colour"),
        ({"text": "\ud800"}, "text"),
        ({"text": "Hi.", "clips": [{"data": "?"}]}, "clips.0.data"),
        ({"text": "Hi.", "clips": [{}]}, "clips.0"),
        ({"text": "Hi.", "clips": [{"path": "a", "data": ""}]}, "clips.0"),
    ],
)
def test_mistakes_are_named(server, body, param):
    kind = {"Content-Type": "application/json"}
    answer = server("POST", "/speech", content=json.dumps(body), headers=kind)
    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "ValidationError"
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BusyError("full"), 429),
        (DeadlineError("late"), 503),
        (TextError("no words"), 400),
        (EngineError("broke"), 500),
        (OSError("No space left on device: /secret/path"), 503),
    ],
)
def test_failures(server, error, status):
    server.studio.refuse = error
    answer = server("POST", "/speech", json={"text": "Hi."})
    assert answer.status_code == status
    assert "secret" not in answer.text
    assert (answer.headers.get("retry-after") is not None) == (status in (429, 503))


def test_unknown_model(server):
    assert server("POST", "/speech", json={"text": "Hi.", "model": "v9"}).status_code == 404


def test_voices(server):
    body = {"name": "Anna", "clips": [{"data": CLIP, "text": "Hm."}], "consent": "Anna, 2026"}
    made = server("POST", "/voices", json=body)
    assert made.status_code == 201
    name = made.json()["id"]
    assert made.json()["consent"] == "Anna, 2026"
    assert server.studio.cloned[0].data == b"RIFF a recording"
    changed = server("PATCH", f"/voices/{name}", json={"name": "Bea", "description": "Warm."})
    assert (changed.json()["name"], changed.json()["description"]) == ("Bea", "Warm.")
    listed = server("GET", "/voices").json()["voices"]
    assert [voice["name"] for voice in listed] == ["bdl", "darshan", "kathleen", "slt", "Bea"]
    assert [voice["bundled"] for voice in listed] == [True] * 4 + [False]
    assert server("GET", "/voices/bea").json()["id"] == name
    assert server("DELETE", f"/voices/{name}").status_code == 204
    assert server("GET", f"/voices/{name}").status_code == 404
    assert server("DELETE", f"/voices/{name}").status_code == 404


def test_upload(server):
    files = [("recordings", ("a.wav", b"first")), ("recordings", ("b.wav", b"second"))]
    facts = {"name": "Anna", "text": "Hello.", "language": "en", "licence": "CC0"}
    made = server("POST", "/voices/upload", data=facts, files=files)
    assert made.status_code == 201, made.text
    assert [clip.data for clip in server.studio.cloned] == [b"first", b"second"]
    assert (server.studio.cloned[0].text, server.studio.cloned[0].language) == ("Hello.", "en")
    assert made.json()["licence"] == "CC0"
    again = server("POST", "/voices/upload", data=facts, files=files)
    assert (again.status_code, again.json()["error"]["type"]) == (400, "VoiceError")


def test_bundled_voices_stay(server):
    for method, path in (("DELETE", "/voices/slt"), ("PATCH", "/voices/slt")):
        answer = server(method, path, json={"name": "other"} if method == "PATCH" else None)
        assert answer.status_code == 400
        assert "comes with a model" in answer.json()["error"]["message"]


def test_export_and_import(server):
    for voice in ("slt", _anna(server)):
        data = server("GET", f"/voices/{voice}/export")
        assert data.headers["content-type"] == "application/octet-stream"
        form = {"data": {"name": f"Copy of {voice[:5]}"}, "files": {"file": data.content}}
        made = server("POST", "/voices/import", **form)
        assert made.status_code == 201, made.text
        again = server("GET", f"/voices/{made.json()['id']}/export")
        assert again.content == data.content
    assert server("POST", "/voices/import", files={"file": b"{}"}).status_code == 400


def test_preview_is_kept(server):
    for voice, times in (("slt", 2), (_anna(server), 1)):
        server.studio.asked.clear()
        first, second = (server("GET", f"/voices/{voice}/preview") for _ in range(2))
        assert first.content[:4] == b"RIFF"
        assert first.content == second.content
        assert len(server.studio.asked) == times
    assert server("GET", "/voices/nobody/preview").status_code == 404


def _anna(server):
    body = {"name": "Anna", "clips": [{"data": CLIP}]}
    return server("POST", "/voices", json=body).json()["id"]


def test_a_job(server):
    added = server("POST", "/jobs", json={"text": "One is here. Two is there.", "container": "wav"})
    assert added.status_code == 202
    name = added.json()["id"]
    assert added.headers["location"] == f"/api/v1/jobs/{name}"
    assert server("GET", f"/jobs/{name}").json()["state"] == "queued"
    assert server("GET", f"/jobs/{name}/result").status_code == 409
    server.work(name)
    found = server("GET", f"/jobs/{name}").json()
    assert (found["state"], found["progress"]) == ("done", 1.0)
    result = server("GET", f"/jobs/{name}/result")
    assert result.headers["content-type"] == "audio/wav"
    sound, rate = soundfile.read(io.BytesIO(result.content))
    assert len(sound) / rate == pytest.approx(found["seconds"])
    words = {
        kind: server("GET", f"/jobs/{name}/subtitles?format={kind}") for kind in ("srt", "vtt")
    }
    assert words["srt"].text.startswith("1\n00:00:00,000 --> ")
    assert words["vtt"].text.startswith("WEBVTT\n")
    facts = server("GET", f"/jobs/{name}/subtitles?format=json").json()
    assert len(facts["timings"]) == 2
    assert [word["text"] for word in facts["timings"][1]["words"]] == ["Two", "is", "there."]
    each = server("GET", f"/jobs/{name}/subtitles?by=word").text.strip().split("\n\n")
    assert [cue.splitlines()[2] for cue in each] == ["One", "is", "here.", "Two", "is", "there."]
    start = facts["timings"][1]["words"][1]["start"]
    assert each[4].startswith(f"5\n00:00:00,{round(start * 1000):03} --> ")
    assert server("GET", f"/jobs/{name}/subtitles?by=letter").status_code == 422
    assert server("DELETE", f"/jobs/{name}").status_code == 204
    assert server("GET", f"/jobs/{name}").status_code == 404
    assert not server.jobs.folder(name).exists()


def test_a_job_that_fails(server):
    name = server("POST", "/jobs", json={"text": "Hello."}).json()["id"]
    server.studio.refuse = EngineError("It broke.")
    server.work(name)
    assert server("GET", f"/jobs/{name}").json()["error"] == "It broke."
    answer = server("GET", f"/jobs/{name}/result")
    assert (answer.status_code, "It broke." in answer.text) == (409, True)


def test_jobs_are_bounded(tmp_path):
    server = Server(tmp_path, waiting=1, most_characters=50)
    assert server("POST", "/jobs", json={"text": "x" * 51}).status_code == 400
    assert server("POST", "/jobs", json={"text": "Hello."}).status_code == 202
    assert server("POST", "/jobs", json={"text": "Hello."}).status_code == 429
    assert server("POST", "/jobs", json={"text": "Hi.", "cut": "cut9"}).status_code == 422


def test_jobs_of_others_are_not_there(server):
    def called(name):
        async def app(scope, receive, send):
            scope.setdefault("state", {})["key"] = Key(name)
            await server.app(scope, receive, send)

        return app

    added = call(called("ann"), "POST", "/api/v1/jobs", json={"text": "Hello."})
    path = f"/api/v1/jobs/{added.json()['id']}"
    assert call(called("ann"), "GET", path).status_code == 200
    for method in ("GET", "DELETE"):
        assert call(called("bob"), method, path).status_code == 404
    assert call(called("bob"), "GET", "/api/v1/jobs").json() == {"jobs": []}
    assert len(call(called("ann"), "GET", "/api/v1/jobs").json()["jobs"]) == 1


def test_models_and_what_is_not_there(server):
    assert server("GET", "/models").json() == {"models": [{"name": "tiny"}, {"name": "v2"}]}
    assert server("GET", "/jobs/../etc").status_code == 404
    assert server("GET", "/jobs/nonsense").status_code == 422


def test_description_is_complete(server):
    described = server.app.openapi()
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            assert {"4XX", "5XX"} <= set(one["responses"]), f"{method} {path}"
    sampling = described["components"]["schemas"]["Sampling"]["properties"]
    assert "1 is greedy" in sampling["top_k"]["description"]
