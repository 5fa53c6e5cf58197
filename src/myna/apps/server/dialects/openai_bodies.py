"""What the OpenAI dialect takes and gives, as pydantic models.

Source: OpenAI's API reference for `createSpeech` and `listModels`; the extensions of vLLM-Omni
(Apache-2.0, `protocol/audio.py`) and Kokoro-FastAPI (Apache-2.0, `schemas.py`), by their names.
A field that we do not know is ignored, because clients send those of many servers.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from myna.datatypes import Sampling

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


class Body(BaseModel):
    """What every body here is: unknown keys pass."""

    model_config = ConfigDict(
        extra="ignore", use_attribute_docstrings=True, populate_by_name=True, allow_inf_nan=False
    )


class VoiceId(Body):
    """A voice as an object."""

    id: str


class SpeechBody(Body):
    """Say this text."""

    input: str = Field(min_length=1)
    """Plain, or with the marks of docs/markup.md."""
    model: str | None = None
    """A model on this machine; OpenAI's names, or none, mean the default."""
    voice: str | VoiceId | None = Field(
        default=None, validation_alias=AliasChoices("voice", "speaker")
    )
    """Name or id; OpenAI's names mean voices that come with Myna. `a(2)+b` mixes voices."""
    instructions: str | None = Field(default=None, max_length=4096)
    """Accepted and not followed: there is no model here that could. `X-Ignored` says so."""
    response_format: Format = "mp3"
    """`pcm` is 16 bits, mono, little-endian, 24 kHz, without a header."""
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    """What lies outside 0.5 to 2 becomes the nearest of these; `X-Speed` says which."""
    stream_format: Literal["audio", "sse"] | None = None
    """`audio`: bytes as they are made; `sse`: events. If not given, `pcm` comes as it is made, and
    other files once they are complete and were listened to."""
    stream: bool | None = None
    """As `stream_format: audio` (vLLM-Omni, Kokoro-FastAPI)."""
    sample_rate: int | None = Field(default=None, ge=8_000, le=96_000)
    """Of the result, in Hz (vLLM-Omni)."""
    language: str | None = Field(
        default=None, validation_alias=AliasChoices("language", "lang_code")
    )
    """A code or a name, such as `en`, `Chinese`, `Auto` (vLLM-Omni)."""
    task_type: str | None = None
    """Accepted and not needed (vLLM-Omni): a recording is cloned, a voice speaks."""
    ref_audio: str | list[str] | None = None
    """A recording to clone, in base64 or as a `data:` address, or its path in a folder that the
    server reads (vLLM-Omni). Web addresses are fetched from hosts that its owner listed."""
    ref_text: str | None = None
    """What is said in it."""
    x_vector_only_mode: bool | None = None
    """Take only the timbre of the recording (vLLM-Omni)."""
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    """Below 0: a new one each time."""

    @field_validator("response_format", "speed", mode="before")
    @classmethod
    def _nothing_is_default(cls, value: Any, info: Any) -> Any:
        """Clients send null for what nobody chose."""
        return cls.model_fields[info.field_name].default if value is None else value

    @property
    def named(self) -> str:
        """The voice that was named, if any."""
        return self.voice.id if isinstance(self.voice, VoiceId) else (self.voice or "")

    @property
    def recordings(self) -> list[str]:
        """Those to be cloned."""
        if self.ref_audio is None:
            return []
        return self.ref_audio if isinstance(self.ref_audio, list) else [self.ref_audio]

    @property
    def sampling(self) -> Sampling:
        return Sampling(seed=None if self.seed is None or self.seed < 0 else self.seed)


class PhonemesBody(Body):
    """Read this text."""

    text: str = Field(min_length=1)
    language: str = "auto"
    """A code or a name; Kokoro's letters `a` and `b` mean English, `j` Japanese, `z` Mandarin."""


class Phonemes(BaseModel):
    """How a text is read."""

    phonemes: str
    """Symbols of the model's table, with spaces between them."""
    tokens: list[int]
    """Their numbers."""


class Caption(BaseModel):
    """When a word is said."""

    word: str
    """As written, with the marks on it; a whole sentence where its words have no times."""
    start_time: float
    end_time: float


class Captioned(BaseModel):
    """Speech with the times of its text."""

    audio: str
    """The file, in base64."""
    audio_format: str
    """Its media type."""
    timestamps: list[Caption]


class Model(BaseModel):
    """A model, as clients list them."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "myna"


class Models(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model]


class Named(BaseModel):
    """Something with a name."""

    id: str
    name: str


class AudioModels(BaseModel):
    """Models that speak."""

    models: list[Named]


class VoiceItem(Named):
    """A voice, as clients list them."""

    languages: list[str]
    model: str
    description: str


class VoiceList(BaseModel):
    """All voices."""

    voices: list[VoiceItem]


class VoiceMade(BaseModel):
    """As OpenAI answers, and with `success` and `voice` as vLLM-Omni does."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    created_at: int
    success: Literal[True] = True
    voice: dict[str, str | int]


class VoiceGone(BaseModel):
    """A voice was deleted."""

    id: str
    object: Literal["audio.voice.deleted"] = "audio.voice.deleted"
    deleted: Literal[True] = True
    success: Literal[True] = True
    message: str


class Error(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """The answer when something went wrong."""

    error: Error
