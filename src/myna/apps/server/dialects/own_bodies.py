"""What our own API takes and gives, as pydantic models.

Choices a caller may make are the dataclasses of `myna.datatypes`: their ranges stand there once.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, EncodedBytes, EncoderProtocol, Field, model_validator
from pydantic_core import PydanticCustomError

from myna.apps.server.requests import Clip, SpeechRequest
from myna.audio.encoders import CONTAINERS
from myna.datatypes import Delivery, Guard, Pacing, Sampling, SpeechReport, Timing
from myna.text.segments import MODES

Language = Annotated[str, Field(json_schema_extra={"enum": list(MODES)})]
Container = Literal["wav", "raw", "flac", "ogg", "opus", "mp3", "aac"]
SOUND: dict[str, Any] = {
    kind.media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
    for kind in CONTAINERS.values()
}
"""How OpenAPI describes the content of an answer that is sound."""
Cut = Literal["cut0", "cut1", "cut2", "cut3", "cut4", "cut5"]
Markup = Literal["auto", "plain", "inline", "ssml"]


class _Base64(EncoderProtocol):
    """Refuses what pydantic's own would skip."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise PydanticCustomError("base64", "It is no base64") from error

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return base64.b64encode(value)

    @classmethod
    def get_json_format(cls) -> Literal["base64"]:
        return "base64"


class Body(BaseModel):
    """What comes in: a name that we do not know is a mistake; `"5"` is read as 5."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Answer(BaseModel):
    """What goes out."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ClipBody(Body):
    """A recording to clone: either `data` or `path`."""

    data: Annotated[bytes, EncodedBytes(encoder=_Base64)] | None = None
    """A file of any kind that we read, in base64."""
    path: str | None = None
    """A recording in a folder that the server was told to read (`--roots`), or its address on a
    host that it may fetch from (`--fetch-from`)."""
    text: str = ""
    """What is said in it; without it only the timbre is taken."""
    language: Language = "auto"
    """Of `text`."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.data is None) == (self.path is None):
            raise PydanticCustomError("clip", "A recording has either data or a path")
        return self

    def clip(self) -> Clip:
        return Clip(data=self.data, path=self.path, text=self.text, language=self.language)


class SpeechBody(Body):
    """Say this text."""

    text: str = Field(min_length=1)
    """Plain, or with the marks of docs/markup.md."""
    voice: str = ""
    """Id or name; `anna(2)+bert` mixes voices of one model. Empty for the default voice."""
    clips: list[ClipBody] = Field(default_factory=list, max_length=8)
    """Recordings to clone instead; the first one leads, all are averaged in timbre."""
    model: str = ""
    """Empty for the model of the voice, or the default one."""
    language: Language = "auto"
    """Of the text."""
    cut: Cut = "cut5"
    """How the text is cut into sentences."""
    markup: Markup = "auto"
    """What in the text is markup."""
    lexicon: str = Field(default="", max_length=100_000)
    """Readings of words, one a line; they go before those of the voice."""
    sampling: Sampling = Sampling()
    delivery: Delivery = Delivery()
    guard: Guard = Guard()
    """Of whole texts only: who listens to a stream has heard it before anybody could check."""
    pacing: Pacing = Pacing()
    """Of streams only."""
    container: Container = "wav"
    """Kind of file; `raw` is 16-bit PCM, little-endian, without a header."""
    stream: bool = False
    """Send sound while it is made."""
    with_timestamps: bool = False
    """Answer with JSON that also tells when what is said, as with `Accept: application/json`."""

    def request(self) -> SpeechRequest:
        return SpeechRequest(
            text=self.text,
            voice=self.voice,
            clips=tuple(clip.clip() for clip in self.clips),
            model=self.model,
            language=self.language,
            cut=self.cut,
            markup=self.markup,
            lexicon=self.lexicon,
            sampling=self.sampling,
            delivery=self.delivery,
            guard=self.guard,
            pacing=self.pacing,
            container=self.container,
            stream=self.stream,
        )


class VoiceBody(Body):
    """A voice to be made of recordings."""

    name: str = Field(min_length=1, max_length=1000)
    clips: list[ClipBody] = Field(min_length=1, max_length=8)
    model: str = ""
    """The model that is to speak with it; empty for the default."""
    description: str = ""
    languages: list[str] = Field(default_factory=list, max_length=32)
    """That it is meant for, as codes; by default that of the first recording."""
    consent: str = ""
    """Whose voice it is and how they agreed."""
    licence: str = ""
    """Terms under which it may be used."""


class VoiceChange(Body):
    """What to change of a voice; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=1000)
    description: str | None = None
    languages: list[str] | None = Field(default=None, max_length=32)
    aliases: list[str] | None = Field(default=None, max_length=32)
    """Other names it answers to."""


class VoiceAnswer(Answer):
    """A voice."""

    id: str
    name: str
    description: str
    languages: list[str]
    model: str
    """Name of the model that speaks with it; empty if that is not on this machine."""
    bundled: bool
    """It comes with a model, and cannot be changed."""
    family: str | None = None
    created: str | None = None
    """UTC, ISO 8601."""
    consent: str | None = None
    licence: str | None = None
    size: int | None = None
    """In bytes."""
    aliases: list[str] = Field(default_factory=list)


class Voices(Answer):
    """All voices."""

    voices: list[VoiceAnswer]


class SpeechAnswer(Answer):
    """Speech with its times."""

    audio: str
    """The file, in base64."""
    media_type: str
    container: Container
    rate: int
    """In Hz."""
    seconds: float
    seed: int
    """Give it as `sampling.seed` to hear the same again."""
    timings: tuple[Timing, ...]
    """When each sentence is said, in seconds, and each of its words where that is known."""
    report: SpeechReport


class JobAnswer(Answer):
    """How a job stands."""

    id: str
    state: Literal["queued", "running", "done", "failed"]
    progress: float = Field(ge=0, le=1)
    """Share of the text that is said."""
    parts: int
    parts_done: int
    seconds: float
    """Of speech that is finished."""
    container: Container
    error: str
    """Why it failed; empty otherwise."""
    created: float
    """Seconds since 1970."""
    finished: float | None


class JobList(Answer):
    """All jobs of a client."""

    jobs: list[JobAnswer]


class ModelAnswer(Answer):
    """A model that can speak."""

    name: str


class ModelList(Answer):
    """All models that can speak."""

    models: list[ModelAnswer]


class TimingsAnswer(Answer):
    """When what is said."""

    seconds: float
    timings: tuple[Timing, ...]
    report: SpeechReport


class Problem(Answer):
    """What went wrong."""

    type: str
    """Name of the error, such as `TextError`."""
    message: str
    """What happened and what to do."""
    param: str | None = None
    """The field at fault."""


class ProblemAnswer(Answer):
    """Why a request was not served."""

    error: Problem
