"""Every error Myna raises on purpose, at one glance.

MynaError
├── ConfigError              a setting is outside its range, or unknown        (also ValueError)
├── MissingExtraError        a package is missing; the message names the extra (also ImportError)
├── TextError                the text cannot be read aloud
│   └── MarkupError              ... because markup in it is not well formed
├── AudioError               a recording cannot be read or used
│   └── UnusableReferenceError   ... as the reference of a voice
├── VoiceError               a voice file is damaged, or belongs to another model
├── DatasetError             a list, a manifest or a prepared set is damaged or cannot be used
├── TrainingError            training cannot start, or cannot go on
├── CheckpointError          a weights file is not what it should be
│   ├── UnsafeCheckpointError    ... it asks for code to be run
│   └── UnknownCheckpointError   ... it is sound, but no model of ours
├── ModelNotFoundError       weights that are not on this machine
├── DownloadError            a download that could not be finished
├── EngineError              the model ran, and could not finish
└── RequestError             one of many requests was not served
    ├── BusyError                ... too many wait already
    ├── DeadlineError            ... nothing was heard in time
    └── CancelledError           ... somebody cancelled it

An error says what happened and what to do. Bugs of ours are not in this tree: they surface as the
usual Python errors.
"""


class MynaError(Exception):
    """Root of the tree; catch this to catch everything Myna raises on purpose."""


class ConfigError(MynaError, ValueError):
    """A setting is outside its range, or unknown."""


class MissingExtraError(MynaError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


class TextError(MynaError):
    """The text cannot be read aloud: empty, or in a language that the model does not speak."""


class MarkupError(TextError):
    """Markup, or a reading written in it, is not well formed."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position
        """Of the character at fault, in the text that was given."""


class AudioError(MynaError):
    """A recording cannot be read, or is not what the caller says it is."""


class UnusableReferenceError(AudioError):
    """A recording that cannot serve as a reference: silent, clipped, short, or without speech."""


class VoiceError(MynaError):
    """A voice file is damaged, or was made by another model."""


class DatasetError(MynaError):
    """A list, a manifest or a prepared set is damaged, or cannot be used as asked."""


class TrainingError(MynaError):
    """Training cannot start, or cannot go on; what was reached is kept on disk."""


class CheckpointError(MynaError):
    """A weights file is truncated, damaged, or not what its name says."""


class UnsafeCheckpointError(CheckpointError):
    """A weights file that asks for code to be run. Nothing in it was executed."""


class UnknownCheckpointError(CheckpointError):
    """A sound file that holds no model Myna knows."""


class ModelNotFoundError(MynaError):
    """Weights that are not on this machine; the message says how to get them."""


class DownloadError(MynaError):
    """A download that could not be finished; what had arrived is kept for the next try."""


class EngineError(MynaError):
    """The model ran, and could not finish the request."""


class RequestError(MynaError):
    """One of many requests was not served, for a reason that lies not in it alone."""


class BusyError(RequestError):
    """Too many requests wait already; try again later."""


class DeadlineError(RequestError):
    """Nothing was heard in the time that the request gave."""


class CancelledError(RequestError):
    """The request was cancelled, or whoever serves it stopped."""
