"""What the old dialects have in common: their keys, and how these become a request for speech.

They differ in the names of their keys, in what they require, and in how they tell of errors. No
name means one thing here and another there, so each is understood in all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse

from myna.apps.server import lenient, references, replies
from myna.apps.server.dialects import presets
from myna.apps.server.requests import Clip, SpeechRequest
from myna.audio.encoders import CONTAINERS
from myna.datatypes import Delivery, Pacing, Sampling
from myna.errors import (
    AudioError,
    BusyError,
    CancelledError,
    ConfigError,
    DeadlineError,
    ModelNotFoundError,
    MynaError,
    TextError,
    VoiceError,
)
from myna.specs import TOKENS_PER_SECOND
from myna.text.segments import MODES

if TYPE_CHECKING:
    from starlette.responses import Response

    from myna.apps.server.lenient import Fields
    from myna.apps.server.settings import ServerSettings
    from myna.apps.server.studio import Studio

TEXT_LANGUAGE = ("text_lang", "text_language")
REFERENCE = ("ref_audio_path", "refer_wav_path", "refer_audio_path")
MORE_REFERENCES = ("aux_ref_audio_paths", "inp_refs")
PROMPT_LANGUAGE = ("prompt_lang", "prompt_language")
VOICE = ("target_voice", "voice", "cha_name", "character")
SPEED = ("speed_factor", "speed")
STREAM = ("streaming_mode", "stream")

CUTS = ("cut0", "cut1", "cut2", "cut3", "cut4", "cut5")
SPEEDS = (0.5, 2.0)
"""Clients offer more, so what lies outside becomes the nearest of these."""
FASTEST_ASKED = 16.0
GREEDIEST = 1e-5
"""The temperature for which GPT-SoVITS takes 0."""
ALL = 10_000
"""The `top_k` that leaves all tokens in; clients mean it by 0 and -1."""
CHUNK = 16
"""Tokens of a piece of fixed length, if the client does not say."""

_FILES = frozenset(("ogg", "aac"))
"""Streamed, each piece is a file of its own: clients decode them one by one."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one of them differs from the others."""

    demands: bool
    """Whether a request with a reference must say its languages."""
    no_reference: str
    """What is answered where there is no reference, and no voice that could speak instead."""
    refusal: Callable[[str], dict[str, object]]
    """The body that tells of a bad parameter."""
    failure: Callable[[int, str], dict[str, object]]
    """The body that tells with which status, and why, nothing could be said."""

    def refused(self, message: str) -> Response:
        """The answer to a bad parameter."""
        return JSONResponse(self.refusal(message), 400)

    def failed(self, error: MynaError) -> Response:
        """The answer if nothing could be said."""
        status = status_of(error)
        headers = {"Retry-After": "1"} if status in (429, 503) else None
        return JSONResponse(self.failure(status, str(error)), status, headers)


async def said(studio: Studio, fields: Fields, dialect: Dialect) -> Response:
    """Speech, or why there is none."""
    try:
        request = await speech_request(studio, fields, dialect)
    except (ConfigError, AudioError) as error:
        return dialect.refused(str(error))
    except MynaError as error:
        return dialect.failed(error)
    try:
        response = await replies.reply(await studio.start(request), request)
    except MynaError as error:
        return dialect.failed(error)
    response.headers["X-Speed"] = f"{request.delivery.speed:g}"
    return response


async def speech_request(studio: Studio, fields: Fields, dialect: Dialect) -> SpeechRequest:
    """What `fields` ask for.

    Raises:
        ConfigError: something is missing or outside its range.
        AudioError: a recording in them is no base64.
        RequestValidationError: something is not what it should be.
    """
    text = fields.text("text", verbatim=True)
    if not text.strip():
        raise ConfigError("text is required")
    demands = dialect.demands and fields.has(*REFERENCE) and not fields.has(*VOICE)
    spoken = _language(fields, TEXT_LANGUAGE, required=demands)
    prompt = _language(fields, PROMPT_LANGUAGE, required=demands and not _given(fields))
    mode = fields.streaming_mode(*STREAM)
    container = fields.text("media_type").lower()
    container = "wav" if container in ("", "auto") else container
    if container not in CONTAINERS:
        raise ConfigError(f"media_type: {_shown(container)} is not supported")
    voice, clips = await _voice(studio, fields, prompt, dialect)
    return SpeechRequest(
        text=text,
        voice=voice,
        clips=clips,
        language=spoken,
        cut=_cut(fields),
        sampling=_sampling(fields),
        delivery=_delivery(fields),
        pacing=_pacing(fields, mode),
        container=container,
        stream=mode > 0,
        separate=mode > 0 and container in _FILES,
    )


def clip_of(
    reference: str, settings: ServerSettings, text: str = "", language: str = "auto"
) -> Clip:
    """A recording as a client names it: a path, the name of a voice, or itself in base64.

    Raises:
        AudioError: it is no base64, but says so, or is too large.
    """
    head, comma, data = reference.rpartition(",")
    inline = head + comma + data.replace(" ", "+")  # which a query string turns into a space
    if references.is_inline(inline):
        decoded = references.decode(inline, most=settings.most_body_bytes)
        return Clip(data=decoded, text=text, language=language)
    return Clip(path=reference, text=text, language=language)


def words(fields: Fields) -> tuple[str, str]:
    """What is said in the reference, and in which language.

    Raises:
        ConfigError: the language is not known.
    """
    return fields.text("prompt_text"), _language(fields, PROMPT_LANGUAGE, required=False)


def status_of(error: MynaError) -> int:
    """The HTTP status that says whose fault it is, and whether to come again."""
    match error:
        case BusyError():
            return 429
        case ModelNotFoundError():
            return 404
        case DeadlineError() | CancelledError():
            return 503
        case TextError() | ConfigError() | VoiceError() | AudioError():
            return 400
        case _:
            return 500


async def _voice(
    studio: Studio, fields: Fields, prompt_language: str, dialect: Dialect
) -> tuple[str, tuple[Clip, ...]]:
    """The voice by name, or the recordings to clone; neither for the server's default voice."""
    name, reference = fields.text(*VOICE), fields.text(*REFERENCE)
    text = fields.text("prompt_text")
    more = tuple(clip_of(each, studio.settings) for each in fields.strings(*MORE_REFERENCES))
    if name:
        return ("", (Clip(path=name), *more)) if more else (name, ())
    if reference:
        return "", (clip_of(reference, studio.settings, text, prompt_language), *more)
    kept = await presets.preset(studio)
    if kept is not None:
        if text:
            kept = replace(kept, text=text, language=prompt_language)
        return "", (kept, *more)
    if not more and not await studio.voices():
        raise ConfigError(dialect.no_reference)
    return "", more


def _language(fields: Fields, names: tuple[str, ...], *, required: bool) -> str:
    given = fields.text(*names)
    if not given:
        if required:
            raise ConfigError(f"{names[0]} is required")
        return "auto"
    mode = lenient.language(given)
    if mode is None:
        name = next((name for name in names if fields.has(name)), names[0])
        known = ", ".join(MODES)
        raise ConfigError(f"{name}: {_shown(given)} is not supported; use one of {known}")
    return mode


def _given(fields: Fields) -> bool:
    """Whether the language of the reference is given, be it as nothing: one that is not known."""
    return any(name in fields for name in PROMPT_LANGUAGE)


def _cut(fields: Fields) -> str:
    method = fields.text("text_split_method").lower()
    if not method:
        marks = set(fields.text("cut_punc"))
        return {"。": "cut3", ".": "cut4"}.get(marks.pop(), "cut5") if len(marks) == 1 else "cut5"
    if method not in CUTS:
        raise ConfigError(f"text_split_method:{_shown(method)} is not supported")
    return method


def _sampling(fields: Fields) -> Sampling:
    seed = fields.whole("seed", low=-(2**63), high=2**63 - 1)
    top_k = fields.whole("top_k", low=-1, high=ALL)
    temperature = fields.number("temperature", low=0.0, high=2.0)
    return Sampling(
        temperature=None if temperature is None else max(temperature, GREEDIEST),
        top_k=ALL if top_k in (0, -1) else top_k,
        top_p=fields.number("top_p", low=0.0, high=1.0),
        repetition_penalty=fields.number("repetition_penalty", low=0.5, high=2.0),
        seed=None if seed is None or seed < 0 else seed,
    )


def _delivery(fields: Fields) -> Delivery:
    asked = fields.number(*SPEED, low=0.0, high=FASTEST_ASKED)
    pause = fields.number("fragment_interval", low=0.0, high=10.0)
    speed = 1.0 if asked is None else min(max(asked, SPEEDS[0]), SPEEDS[1])
    if asked is not None and asked != speed:
        logger.info("A speed of %g was asked for; %g is said.", asked, speed)
    return Delivery(speed=speed) if pause is None else Delivery(speed=speed, pause=pause)


def _pacing(fields: Fields, mode: int) -> Pacing:
    tokens = fields.whole("min_chunk_length", low=2, high=250)
    if mode == 1:
        return Pacing(sentences=True)
    if mode == 3:
        seconds = (tokens or CHUNK) / TOKENS_PER_SECOND
        return Pacing(first=seconds, longest=max(seconds, 0.1), growth=1.0)
    return Pacing() if tokens is None else Pacing(first=tokens / TOKENS_PER_SECOND)


def _shown(value: str) -> str:
    return value[:60]
