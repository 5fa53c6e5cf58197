"""What every dialect is mapped to: one request for speech."""

from __future__ import annotations

from dataclasses import dataclass, field

from myna.datatypes import Delivery, Guard, Pacing, Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A recording to clone: bytes that came with the request, a file inside the roots, or what lies
    on a host that may be fetched from."""

    data: bytes | None = None
    path: str | None = None
    """As the client wrote it; `references.contents` says what that means, if anything."""
    text: str = ""
    """What is said in it; empty if unknown."""
    language: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """Say this text; whoever asked, and in whatever dialect."""

    text: str = ""
    """Empty if it comes in pieces, see `Performance.write`."""
    voice: str = ""
    """Id or name of a voice in the library or of one that comes with a model; empty for the
    default voice."""
    clips: tuple[Clip, ...] = ()
    """Clone these instead; the first one leads, and the others are averaged in timbre."""
    model: str = ""
    """Name of a model; empty for the voice's own, or the default."""
    language: str = "auto"
    cut: str = "cut5"
    markup: str = "auto"
    lexicon: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    delivery: Delivery = field(default_factory=Delivery)
    guard: Guard = field(default_factory=Guard)
    """Of whole texts; what is streamed is heard before anybody could listen."""
    pacing: Pacing = field(default_factory=Pacing)
    container: str = "wav"
    """One of `myna.audio.encoders.CONTAINERS`."""
    stream: bool = False
    """Send sound while it is made."""
    separate: bool = False
    """Of a stream in other containers than `wav` and `raw`: each piece is a file of its own."""
