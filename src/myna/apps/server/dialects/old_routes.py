"""Routes of the old dialects: by GET with a query and by POST with a JSON object, in the docs too.

Values are read in `myna.apps.server.lenient`, so FastAPI is only told of them for /docs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from myna.apps.server.dialects.speaking import CUTS, FASTEST_ASKED
from myna.audio.encoders import CONTAINERS
from myna.text.segments import MODES

Endpoint = Callable[[Request], Awaitable[Response]]

CHANGES_STATE = "changes state"
"""Tag of routes that change what others hear; `safety.changes` guards their paths."""

WORDS: Mapping[str, Any] = {"type": "string"}
_LANGUAGE = {"type": "string", "enum": sorted(MODES), "default": "auto"}
_LIST = {"type": "array", "items": WORDS}

KEYS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "text": (WORDS, "What to say. Required."),
    "text_lang": (_LANGUAGE, "Its language; also `text_language`."),
    "ref_audio_path": (WORDS, "Path, name of a voice, data: or base64; also `refer_wav_path`."),
    "aux_ref_audio_paths": (_LIST, "Further recordings, for timbre; also `inp_refs`."),
    "prompt_text": (WORDS, "What is said in the reference."),
    "prompt_lang": (_LANGUAGE, "In which language; also `prompt_language`."),
    "voice": (WORDS, "A voice by id or name; also `target_voice`, `cha_name`, `character`."),
    "text_split_method": ({"type": "string", "enum": list(CUTS)}, "How the text is cut."),
    "cut_punc": (WORDS, "Marks to cut at."),
    "media_type": ({"type": "string", "enum": [*CONTAINERS, "auto"]}, "What is sent."),
    "streaming_mode": (
        {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 3}]},
        "1 or true: a sentence at a time; 2: pieces that grow; 3: pieces of one length; "
        "also `stream`.",
    ),
    "min_chunk_length": (
        {"type": "integer", "minimum": 2, "maximum": 250},
        "Length of the first piece of a stream, in 1/25 s.",
    ),
    "speed_factor": (
        {"type": "number", "minimum": 0, "maximum": FASTEST_ASKED},
        "Above 1 is faster; 0.5 to 2 are said, others become the nearest. Also `speed`.",
    ),
    "fragment_interval": (
        {"type": "number", "minimum": 0, "maximum": 10},
        "Seconds of silence between sentences.",
    ),
    "seed": ({"type": "integer"}, "Same seed, same speech; negative for a new one."),
    "top_k": ({"type": "integer", "minimum": -1, "maximum": 10_000}, "0 and -1 for all."),
    "top_p": ({"type": "number", "minimum": 0, "maximum": 1}, "Share of likelihood to keep."),
    "temperature": ({"type": "number", "minimum": 0, "maximum": 2}, "0 is greedy."),
    "repetition_penalty": ({"type": "number", "minimum": 0.5, "maximum": 2}, "1 is none."),
}
"""What may be asked of a text, under the names of api_v2."""

_NO_SOUND: Mapping[int | str, dict[str, Any]] = {
    400: {"description": "Something is missing, outside its range, or cannot be said."},
    422: {"description": "A value, or the body, is not what it should be."},
}
_SPEECH: Mapping[int | str, dict[str, Any]] = {
    200: {
        "description": "Sound.",
        "content": {
            container.media_type: {"schema": {"type": "string", "format": "binary"}}
            for container in CONTAINERS.values()
        },
    },
    **_NO_SOUND,
    404: {"description": "There is no such model."},
    429: {"description": "Too many wait; come again as Retry-After says."},
    500: {"description": "The model could not finish."},
    503: {"description": "Nothing was heard in time."},
}


def speaks(routes: APIRouter, path: str, endpoint: Endpoint, summary: str) -> None:
    """Add a route that answers with sound."""
    _add(routes, path, endpoint, summary, KEYS, _SPEECH, ["speech as in GPT-SoVITS"])


def changes(
    routes: APIRouter, path: str, endpoint: Endpoint, summary: str, keys: Iterable[str]
) -> None:
    """Add a route that changes something for all."""
    told = dict.fromkeys(keys, (WORDS, ""))
    answers = {**_NO_SOUND, 403: {"description": "Not for you, or not on this server."}}
    _add(routes, path, endpoint, summary, told, answers, [CHANGES_STATE])


def _add(
    routes: APIRouter,
    path: str,
    endpoint: Endpoint,
    summary: str,
    keys: Mapping[str, tuple[Mapping[str, Any], str]],
    answers: Mapping[int | str, dict[str, Any]],
    tags: list[str],
) -> None:
    query = [
        {"name": name, "in": "query", "schema": dict(schema), "description": words}
        for name, (schema, words) in keys.items()
    ]
    properties = {name: {**schema, "description": words} for name, (schema, words) in keys.items()}
    schema = {"type": "object", "properties": properties}
    body = {"content": {"application/json": {"schema": schema}}}
    # One by one: two methods of one route would share an id in the docs.
    for method, extra in (("GET", {"parameters": query}), ("POST", {"requestBody": body})):
        routes.add_api_route(
            path,
            endpoint,
            methods=[method],
            summary=summary,
            response_model=None,
            responses=dict(answers),
            openapi_extra=extra,
            tags=list(tags),
        )
