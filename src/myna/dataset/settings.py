"""How recordings are prepared, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from myna.datatypes import in_range
from myna.errors import ConfigError

DENOISE = ("auto", "always", "never")
VOICE_ACTIVITY = ("both", "silero", "energy")
DEVICES = ("auto", "cpu", "cuda")
SPEAKER_CHECKS = ("auto", "resemblyzer", "none")
SOUND_CHECKS = ("auto", "none")
TRANSCRIBERS = ("none", "moonshine", "faster-whisper", "funasr")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareSettings:
    """Choices about data preparation. The same choices and recordings make the same set."""

    speaker: str = ""
    """Who speaks, where no list says; empty takes the name of the folder or file given."""
    language: str = ""
    """Language code, where no list says: zh, en, ja, ko or yue; empty is found out from words."""
    tier: str = ""
    """Tier of a TextGrid that holds the sentences; empty takes the only or evident one."""
    loudness: float = -23.0
    """Loudness that all recordings are brought to, in LUFS, without clipping: -40 to -10."""
    denoise: str = "auto"
    """Take noise away: auto (below --noisy), always or never."""
    noisy: float = 20.0
    """Signal-to-noise ratio in dB below which denoise=auto takes noise away: 0 to 60."""
    too_noisy: float = 8.0
    """Signal-to-noise ratio in dB below which clips are dropped, denoised or not: 0 to 60."""
    voice_activity: str = "both"
    """What finds speech and pauses: silero (a network), energy (the level), or both together."""
    shortest: float = 3.0
    """Shortest clip that is cut at silences, in seconds: 1 to 10."""
    longest: float = 10.0
    """Longest clip that is cut at silences, in seconds: 3 to 30."""
    shortest_given: float = 1.0
    """Shortest recording or part whose words are known, in seconds: 0.2 to 10."""
    longest_given: float = 20.0
    """Longest recording or part whose words are known, in seconds: 3 to 60."""
    transcriber: str = "none"
    """What writes down words that nobody gave: none, moonshine, faster-whisper or funasr.
    Words that were given are held against what it hears."""
    model: str = ""
    """Of the transcriber: a folder, or for faster-whisper a name from its cache."""
    device: str = "auto"
    """Where the transcriber computes: auto, cpu or cuda."""
    sound_check: str = "auto"
    """What holds words against the sounds that are heard: none, or auto, which is our own
    recogniser; it hears English and Mandarin."""
    speaker_check: str = "auto"
    """What tells clips of others: resemblyzer, none, or auto, which is resemblyzer if installed."""
    licence: str = ""
    """Terms of use of the recordings; they travel with the set."""

    def __post_init__(self) -> None:
        from myna.dataset.lists import LANGUAGES

        in_range("loudness", self.loudness, -40, -10)
        in_range("noisy", self.noisy, 0, 60)
        in_range("too_noisy", self.too_noisy, 0, 60)
        in_range("shortest", self.shortest, 1, 10)
        in_range("longest", self.longest, 3, 30)
        in_range("shortest_given", self.shortest_given, 0.2, 10)
        in_range("longest_given", self.longest_given, 3, 60)
        if self.longest < 2 * self.shortest:
            raise ConfigError(
                f"shortest is {self.shortest:g} and longest {self.longest:g} s; to cut at pauses, "
                f"the longest clip is at least twice as long as the shortest."
            )
        for name, known in (
            ("denoise", DENOISE),
            ("voice_activity", VOICE_ACTIVITY),
            ("transcriber", TRANSCRIBERS),
            ("device", DEVICES),
            ("sound_check", SOUND_CHECKS),
            ("speaker_check", SPEAKER_CHECKS),
            ("language", ("", *LANGUAGES)),
        ):
            if getattr(self, name) not in known:
                choices = ", ".join(each for each in known if each)
                raise ConfigError(f"{name} is {getattr(self, name)!r}; use one of {choices}.")
        if "|" in self.speaker or not self.speaker.isprintable():
            raise ConfigError(
                f"speaker is {self.speaker!r}; a name has no '|' and no invisible characters."
            )
