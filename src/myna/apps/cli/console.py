"""What a person sees while work goes on: always on standard error, and nothing if it is quiet."""

import sys
import time

from myna.errors import MynaError

_REDRAW_SECONDS = 0.1


class UsageError(MynaError):
    """The options given do not go together."""


class Console:
    """Says how far a piece of work is.

    On a terminal one line is drawn over and over; anywhere else only what stays is written.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._drawn = 0
        self._drawn_at = 0.0
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    def progress(self, text: str) -> None:
        """Draw over the line before, unless that was drawn just now."""
        now = time.monotonic()
        if self._quiet or not self._terminal or now - self._drawn_at < _REDRAW_SECONDS:
            return
        self._drawn_at = now
        sys.stderr.write(f"\r{text:<{self._drawn}}")
        sys.stderr.flush()
        self._drawn = len(text)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if self._quiet:
            return
        if self._drawn:
            sys.stderr.write("\r" + " " * self._drawn + "\r")
            self._drawn = 0
        print(text, file=sys.stderr)


def shown(text: str) -> str:
    """One line for a terminal: what is no visible character, and might steer it, is escaped.

    Messages quote files of strangers.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def amount(size: float) -> str:
    """Bytes in words: 155.3 MB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
