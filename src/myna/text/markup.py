"""Take markup off a text, and keep what it says as notes on the characters that are read.

Two syntaxes say the same things: brackets, for people (`myna.text.inline`), and a subset of SSML,
for programs (`myna.text.ssml`). docs/markup.md tells both to users. Whether the notation of a
reading is one, is for its language to say; all else is checked here.
"""

from __future__ import annotations

from myna.errors import ConfigError
from myna.text import inline, ssml
from myna.text.notes import Language, Marked, Note, Pause, Prosody, Reading, Say, Style, fault
from myna.text.traced import Journal, Traced

__all__ = [
    "SYNTAXES",
    "Language",
    "Marked",
    "Note",
    "Pause",
    "Prosody",
    "Reading",
    "Say",
    "Style",
    "fault",
    "parse",
]

SYNTAXES = ("auto", "plain", "inline", "ssml")


def parse(text: str, *, syntax: str = "auto", journal: Journal | None = None) -> Marked:
    """What is read of `text`, and what its markup says.

    Args:
        text: as the caller wrote it.
        syntax: `plain` has no markup, all of it is read; `inline`; `ssml`; or `auto`, which is
            `ssml` for a text that begins with `<speak`, and else `inline`.
        journal: of the texts made from it.

    Returns:
        The text, each character with its place in the caller's. Without markup, all of it.

    Raises:
        MarkupError: the markup is not well formed; the message shows the place.
        ConfigError: there is no such syntax.
    """
    if syntax not in SYNTAXES:
        raise ConfigError(f"There is no markup {syntax!r}; there are {', '.join(SYNTAXES)}.")
    if syntax == "ssml" or (syntax == "auto" and ssml.looks_like(text)):
        return ssml.parse(text, journal)
    if syntax == "plain" or ("[" not in text and "\\]" not in text):
        return Marked(Traced.of(text, journal), ())
    return inline.parse(text, journal)
