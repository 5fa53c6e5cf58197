"""What old clients are told: statuses and JSON as GPT-SoVITS gives them, mistakes put right."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the server is an extra")
pytest.importorskip("httpx", reason="clients are played with it")

sys.path.insert(0, str(Path(__file__).parent))

import clients
from clients import Server, ToneStudio
from fastapi.routing import APIRoute

from myna.apps.server.dialects import api_v1, api_v2, old_routes
from myna.apps.server.safety.changes import CHANGING
from myna.apps.server.settings import ServerSettings
from myna.datatypes import Pacing
from myna.errors import (
    AudioError,
    BusyError,
    DeadlineError,
    EngineError,
    ModelNotFoundError,
    MynaError,
    TextError,
)

V2 = {"text": "Hi.", "text_lang": "en", "ref_audio_path": "anna.wav", "prompt_lang": "en"}
V1 = {"text": "Hi.", "text_language": "en"}


@pytest.fixture
def studio() -> ToneStudio:
    return ToneStudio(ServerSettings())


@pytest.fixture
def server(studio: ToneStudio) -> Iterator[Server]:
    with clients.toned(studio=studio) as server:
        yield server


def post(server: Server, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    response = server.client.post(path, json=body)
    sound = response.headers["content-type"].startswith("audio/")
    return response.status_code, response.headers["content-type"] if sound else response.json()


def get(server: Server, path: str, **query: Any) -> tuple[int, Any]:
    response = server.client.get(path, params=query)
    sound = response.headers["content-type"].startswith("audio/")
    return response.status_code, response.headers["content-type"] if sound else response.json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": ""}, "text is required"),
        ({"text": None}, "text is required"),
        ({"text": "  "}, "text is required"),
        ({"text_lang": ""}, "text_lang is required"),
        ({"text_lang": "fr"}, "text_lang: fr is not supported"),
        ({"prompt_lang": "klingon"}, "prompt_lang: klingon is not supported"),
        ({"media_type": "silk"}, "media_type: silk is not supported"),
        ({"text_split_method": "cut9"}, "text_split_method:cut9 is not supported"),
        *(
            (
                {"streaming_mode": mode},
                "the value of streaming_mode must be 0, 1, 2, 3(int) or true/false(bool)",
            )
            for mode in (4, -1, "4", "maybe", [], 1.5)
        ),
        ({"temperature": 3}, "temperature is 3; it goes from 0 to 2."),
        ({"top_p": "1.5"}, "top_p is 1.5; it goes from 0 to 1."),
        ({"top_k": 10**30}, "top_k is 1000000000"),
        ({"speed_factor": -1}, "speed_factor is -1; it goes from 0 to 16."),
        ({"fragment_interval": 11}, "fragment_interval is 11; it goes from 0 to 10."),
        ({"ref_audio_path": "data:audio/wav;base64,!"}, "The recording is not well-formed"),
    ],
)
def test_bad_parameters(server: Server, change: dict[str, Any], message: str) -> None:
    status, told = post(server, "/tts", {**V2, **change})
    assert status == 400
    assert list(told) == ["message"]
    assert told["message"].startswith(message)
    assert not server.asked


def test_the_language_of_the_reference_is_asked_for_unless_it_is_given_as_unknown(
    server: Server,
) -> None:
    body = {key: value for key, value in V2.items() if key != "prompt_lang"}
    assert post(server, "/tts", body) == (400, {"message": "prompt_lang is required"})
    assert post(server, "/tts", {**body, "prompt_lang": ""}) == (200, "audio/wav")
    assert server.asked[-1].clips[0].language == "auto"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("top_k", "many", "float_parsing"),
        ("top_k", 1.5, "int_from_float"),
        ("top_k", [1], "float_type"),
        ("temperature", "nan", "finite_number"),
        ("temperature", "inf", "finite_number"),
        ("seed", True, "float_type"),
        ("text", {"a": 1}, "string_type"),
    ],
)
def test_what_is_of_another_type(server: Server, name: str, value: Any, kind: str) -> None:
    status, told = post(server, "/tts", {**V2, name: value})
    assert status == 422
    (detail,) = told["detail"]
    assert (detail["type"], detail["loc"]) == (kind, ["body", name])
    assert {"msg", "input"} <= set(detail)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"text": NaN}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"text=Hi.", "application/x-www-form-urlencoded"),
        (b'{"text": "Hi."}', "text/plain"),
        (b"\xff\xfe\xfa", "application/json"),
        (b'{"seed": ' + b"1" * 5000 + b"}", "application/json"),
    ],
)
def test_bodies_that_are_no_object(server: Server, body: bytes, kind: str) -> None:
    response = server.client.post("/tts", content=body, headers={"content-type": kind})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body"]


def test_json_that_does_not_say_so_may_speak_at_the_root(server: Server) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}  # as `curl -d` says
    response = server.client.post("/", content=json.dumps(V1), headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TextError("No."), 400),
        (AudioError("No."), 400),
        (ModelNotFoundError("No."), 404),
        (BusyError("No."), 429),
        (EngineError("No."), 500),
        (DeadlineError("No."), 503),
    ],
)
def test_nothing_could_be_said(studio: ToneStudio, error: MynaError, status: int) -> None:
    studio.failing = error
    with clients.toned(studio=studio) as server:
        response = server.client.post("/tts", json=V2)
        assert response.status_code == status
        assert response.json() == {"message": "tts failed", "Exception": "No."}
        assert ("retry-after" in response.headers) is (status in (429, 503))
        assert post(server, "/", V1) == (status, {"code": status, "message": "No."})


def test_a_failure_on_the_way_is_no_sound(studio: ToneStudio) -> None:
    studio.failing, studio.failing_late = EngineError("The model stopped."), True
    with clients.toned(studio=studio) as server:
        status, told = post(server, "/tts", V2)
        assert (status, told["Exception"]) == (500, "The model stopped.")
        assert post(server, "/", V1) == (500, {"code": 500, "message": "The model stopped."})


@pytest.mark.parametrize(
    ("media", "told"),
    [
        ("wav", "audio/wav"),
        ("RAW", "audio/raw"),
        ("ogg", "audio/ogg"),
        ("aac", "audio/aac"),
        ("mp3", "audio/mpeg"),
        ("flac", "audio/flac"),
        ("opus", "audio/ogg; codecs=opus"),
        (None, "audio/wav"),
    ],
)
@pytest.mark.parametrize("streaming", [0, 1, 2, 3])
def test_containers(server: Server, media: str | None, told: str, streaming: int) -> None:
    pytest.importorskip("av", reason="AAC is written with it")
    body = {**V2, "media_type": media, "streaming_mode": streaming}
    assert post(server, "/tts", body) == (200, told)
    asked = server.asked[-1]
    assert asked.stream is (streaming > 0)
    assert asked.separate is (streaming > 0 and media in ("ogg", "aac"))


@pytest.mark.parametrize(
    ("given", "pacing"),
    [
        ({"streaming_mode": 1}, Pacing(sentences=True)),
        ({"streaming_mode": 2}, Pacing()),
        ({"streaming_mode": 2, "min_chunk_length": 25}, Pacing(first=1.0)),
        ({"streaming_mode": 3}, Pacing(first=0.64, growth=1.0, longest=0.64)),
        (
            {"streaming_mode": "3", "min_chunk_length": "250"},
            Pacing(first=10.0, growth=1.0, longest=10.0),
        ),
        ({"streaming_mode": 3, "min_chunk_length": 2}, Pacing(first=0.08, growth=1.0, longest=0.1)),
    ],
)
def test_streaming_modes(server: Server, given: dict[str, Any], pacing: Pacing) -> None:
    assert post(server, "/tts", {**V2, **given})[0] == 200
    assert server.asked[-1].pacing == pacing


def test_values_that_clients_send_outside_of_their_ranges(server: Server) -> None:
    """0 and -1 for all tokens, 0 for greedy, -1 for any seed, and speeds to 3."""
    for top_k in (0, -1):
        assert post(server, "/tts", {**V2, "top_k": top_k, "temperature": 0, "seed": -1})[0] == 200
        asked = server.asked[-1].sampling
        assert (asked.top_k, asked.temperature, asked.seed) == (10_000, 1e-5, None)
    for speed, said in ((3, 2.0), (0, 0.5), ("1.25", 1.25)):
        response = server.client.post("/tts", json={**V2, "speed_factor": speed})
        assert response.headers["x-speed"] == f"{said:g}"
        assert server.asked[-1].delivery.speed == said


def test_what_is_asked_of_sampling_and_delivery(server: Server) -> None:
    sampling = {"top_k": "7", "top_p": 0.5, "temperature": "0.75", "repetition_penalty": 1.1}
    body = {**V2, **sampling, "seed": 2**63 - 1, "fragment_interval": "0.5"}
    assert post(server, "/tts", body)[0] == 200
    asked = server.asked[-1]
    assert (asked.sampling.top_k, asked.sampling.top_p) == (7, 0.5)
    assert (asked.sampling.temperature, asked.sampling.repetition_penalty) == (0.75, 1.1)
    assert (asked.sampling.seed, asked.delivery.pause) == (2**63 - 1, 0.5)


class TestReferences:
    def test_several(self, server: Server) -> None:
        assert get(server, "/tts", **V2, aux_ref_audio_paths=["b.wav", "c.wav"])[0] == 200
        assert [clip.path for clip in server.asked[-1].clips] == ["anna.wav", "b.wav", "c.wav"]
        assert get(server, "/", **V1, refer_wav_path="a.wav", inp_refs=["b.wav", "c.wav"])[0] == 200
        assert [clip.path for clip in server.asked[-1].clips] == ["a.wav", "b.wav", "c.wav"]

    def test_in_base64(self, server: Server) -> None:
        data = clients.recording()
        text = base64.b64encode(data).decode()
        for given in (text, f"data:audio/wav;base64,{text}"):
            assert post(server, "/tts", {**V2, "ref_audio_path": given})[0] == 200
            assert server.asked[-1].clips[0].data == data

    def test_in_base64_in_a_query_that_was_not_quoted(self, server: Server) -> None:
        data = clients.recording(0.02)
        text = base64.b64encode(data).decode()
        assert "+" in text
        query = f"text=Hi.&text_lang=en&prompt_lang=en&ref_audio_path=data:audio/wav;base64,{text}"
        assert server.client.get(f"/tts?{query}").status_code == 200
        assert server.asked[-1].clips[0].data == data

    def test_their_words(self, server: Server) -> None:
        assert post(server, "/tts", {**V2, "prompt_text": "Hello.", "prompt_lang": "EN"})[0] == 200
        clip = server.asked[-1].clips[0]
        assert (clip.path, clip.text, clip.language) == ("anna.wav", "Hello.", "en")

    def test_a_voice_by_name_with_further_recordings(self, server: Server) -> None:
        assert post(server, "/tts", {"text": "Hi.", "voice": "anna", "inp_refs": "b.wav"})[0] == 200
        assert [clip.path for clip in server.asked[-1].clips] == ["anna", "b.wav"]

    def test_none_at_all_is_the_default_voice(self, server: Server) -> None:
        for path, body in (("/tts", {"text": "Hi.", "text_lang": "en"}), ("/", V1)):
            assert post(server, path, body) == (200, "audio/wav")
            assert (server.asked[-1].voice, server.asked[-1].clips) == ("", ())

    def test_none_at_all_where_no_voice_is(self, server: Server, studio: ToneStudio) -> None:
        studio.cards = []
        told = post(server, "/tts", {"text": "Hi.", "text_lang": "en"})
        assert told == (400, {"message": "ref_audio_path is required"})
        told = post(server, "/", V1)
        assert told == (400, {"code": 400, "message": "未指定参考音频且接口无预设"})

    def test_a_default_is_kept(self, server: Server) -> None:
        for method in (get, post_words):
            told = method(server, "/set_refer_audio", refer_audio_path="ben.wav")
            assert told == (200, {"message": "success"})
        assert post(server, "/tts", {"text": "Hi.", "text_lang": "en"})[0] == 200
        assert [clip.path for clip in server.asked[-1].clips] == ["ben.wav"]
        said = {"text": "Hi.", "text_lang": "en", "prompt_text": "Mine.", "prompt_lang": "en"}
        assert post(server, "/tts", said)[0] == 200
        (clip,) = server.asked[-1].clips
        assert (clip.path, clip.text, clip.language) == ("ben.wav", "Mine.", "en")

    def test_a_default_that_cannot_be_read_changes_nothing(self, server: Server) -> None:
        assert get(server, "/set_refer_audio", refer_audio_path="ben.wav")[0] == 200
        for query in ({"refer_audio_path": "missing.wav"}, {"misnamed": "other.wav"}, {}):
            status, told = get(server, "/set_refer_audio", **query)
            assert (status, told["message"]) == (400, "set refer audio failed")
            assert told["Exception"]
        assert post(server, "/", V1)[0] == 200
        assert [clip.path for clip in server.asked[-1].clips] == ["ben.wav"]

    def test_an_upload_becomes_a_voice(self, server: Server, studio: ToneStudio) -> None:
        first = None
        for _ in range(2):  # the second takes the place of the first
            file = {"audio_file": ("mine.wav", clients.recording(), "audio/wav")}
            response = server.client.post("/set_refer_audio", files=file)
            assert (response.status_code, response.json()) == (200, {"message": "success"})
            assert post(server, "/tts", {"text": "Hi.", "text_lang": "en"})[0] == 200
            (clip,) = server.asked[-1].clips
            assert clip.path in [card.id for card in studio.cards]
            assert clip.path != first
            assert studio.library.deleted == ([first] if first else [])
            first = clip.path

    @pytest.mark.parametrize(
        "files", [{"audio_file": ("mine.wav", b"no sound")}, {"audio_file": (None, "words")}]
    )
    def test_an_upload_of_something_else(self, server: Server, files: dict[str, Any]) -> None:
        response = server.client.post("/set_refer_audio", files=files)
        assert response.status_code == 400
        assert response.json()["message"] == "set refer audio failed"

    def test_a_form_that_is_none(self, server: Server) -> None:
        kind = {"content-type": "multipart/form-data; boundary=x"}
        response = server.client.post("/set_refer_audio", content=b"nothing", headers=kind)
        assert response.status_code == 400
        response = server.client.post(
            "/set_refer_audio", content=b"x", headers={"content-type": "multipart/form-data"}
        )
        assert response.status_code == 400


class TestVersion1:
    def test_the_body_decides(self, server: Server) -> None:
        assert post(server, "/", {**V2, "text": ""}) == (400, {"message": "text is required"})
        told = post(server, "/", {**V1, "text": ""})
        assert told == (400, {"code": 400, "message": "text is required"})

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_nothing_at_all(self, server: Server, method: str) -> None:
        response = server.client.request(method, "/")
        assert response.status_code == 400
        assert response.json() == {"code": 400, "message": "text is required"}

    def test_an_unknown_language(self, server: Server) -> None:
        status, told = get(server, "/", text="Hi.", text_language="fr")
        assert (status, told["code"]) == (400, 400)
        assert told["message"].startswith("text_language: fr is not supported")

    @pytest.mark.parametrize(
        ("marks", "cut"),
        [("", "cut5"), ("。", "cut3"), (".", "cut4"), ("，。？", "cut5"), (None, "cut5")],
    )
    def test_marks_to_cut_at(self, server: Server, marks: str | None, cut: str) -> None:
        assert post(server, "/", {**V1, "cut_punc": marks})[0] == 200
        assert server.asked[-1].cut == cut

    def test_changing_the_reference(self, server: Server) -> None:
        success = (200, {"code": 0, "message": "Success"})
        whole = {"refer_wav_path": "a.wav", "prompt_text": "One.", "prompt_language": "英文"}
        assert post(server, "/change_refer", whole) == success
        assert self.reference(server) == ("a.wav", "One.", "en")
        assert get(server, "/change_refer", prompt_text="Two.") == success
        assert self.reference(server) == ("a.wav", "Two.", "en")
        assert get(server, "/change_refer", prompt_language="zh") == success
        assert self.reference(server) == ("a.wav", "Two.", "zh")
        # The words of another recording would be wrong.
        assert get(server, "/change_refer", refer_wav_path="b.wav") == success
        assert self.reference(server) == ("b.wav", "", "auto")

    def test_changing_it_to_nothing(self, server: Server) -> None:
        for query in ({}, {"prompt_text": "One."}, {"refer_wav_path": "missing.wav"}):
            status, told = get(server, "/change_refer", **query)
            assert (status, told["code"]) == (400, 400)

    def test_setting_the_model(self, server: Server, studio: ToneStudio) -> None:
        paths = {"gpt_model_path": "a.ckpt", "sovits_model_path": "b.pth"}
        assert post(server, "/set_model", paths) == (200, {"code": 0, "message": "Success"})
        assert studio.weights == [("gpt", "a.ckpt"), ("sovits", "b.pth")]
        for query in ({}, {"gpt_model_path": "dummy"}):
            status, told = get(server, "/set_model", **query)
            assert (status, told["code"]) == (400, 400)

    def reference(self, server: Server) -> tuple[str | None, str, str]:
        assert post(server, "/", V1)[0] == 200
        (clip,) = server.asked[-1].clips
        return clip.path, clip.text, clip.language


class TestWeights:
    @pytest.mark.parametrize("kind", ["gpt", "sovits"])
    def test_they_are_set(self, server: Server, studio: ToneStudio, kind: str) -> None:
        route = f"/set_{kind}_weights"
        for method in (get, post_words):
            assert method(server, route, weights_path="x") == (200, {"message": "success"})
        assert studio.weights == [(kind, "x")] * 2
        assert get(server, route) == (400, {"message": f"{kind} weight path is required"})
        status, told = get(server, route, weights_path="dummy")
        assert status == 400
        assert list(told) == ["message", "Exception"]
        assert told["message"] == f"change {kind} weight failed"


class TestControl:
    def test_a_probe(self, server: Server) -> None:
        assert get(server, "/control") == (400, {"message": "command is required"})
        for command in ("ping", "anything"):
            assert get(server, "/control", command=command) == (200, None)
            assert post(server, "/control", {"command": command}) == (200, None)

    @pytest.mark.parametrize("command", ["exit", "restart", "EXIT"])
    def test_nobody_stops_the_server(self, server: Server, command: str) -> None:
        server.client.app.state.control = pytest.fail
        for method in (get, post_words):
            status, told = method(server, "/control", command=command)
            assert (status, list(told)) == (403, ["message"])

    def test_who_may_stop_it(self) -> None:
        told: list[str] = []
        with clients.toned(settings=ServerSettings(allow_exit=True)) as server:
            assert get(server, "/control", command="exit")[0] == 403  # not ready for that
            server.client.app.state.control = told.append
            assert get(server, "/control", command="ping") == (200, None)
            assert get(server, "/control", command="exit") == (200, None)
            assert get(server, "/control", command="restart") == (200, None)
        assert told == ["exit", "restart"]


def test_other_routes_and_methods(server: Server) -> None:
    assert get(server, "/nothing") == (404, {"detail": "Not Found"})
    response = server.client.put("/tts")
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})


def test_the_routes_that_change_something_are_the_guarded_ones(studio: ToneStudio) -> None:
    routes = [*api_v2.router(studio).routes, *api_v1.router(studio).routes]  # type: ignore[arg-type]
    tagged = {
        route.path
        for route in routes
        if isinstance(route, APIRoute) and old_routes.CHANGES_STATE in route.tags
    }
    assert tagged == CHANGING


def test_the_routes_are_described(server: Server) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    asked = {each["name"] for each in paths["/tts"]["get"]["parameters"]}
    assert {"text", "text_lang", "streaming_mode", "media_type"} <= asked
    assert "requestBody" in paths["/"]["post"]


def test_halves_of_characters_are_answered(server: Server) -> None:
    for name in V2:
        body = json.dumps({**V2, name: "\ud800a"}).encode()
        response = server.client.post(
            "/tts", content=body, headers={"content-type": "application/json"}
        )
        assert response.status_code in (200, 400)


def post_words(server: Server, path: str, **body: Any) -> tuple[int, Any]:
    return post(server, path, body)
