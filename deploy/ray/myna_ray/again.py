"""Sound from replicas that may die: what a listener has is skipped, the rest is said elsewhere.

A request carries its seed, and the same seed gives the same samples; so whoever takes over says it
from the start, and what was already delivered is thrown away after a look that it is the same.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from myna import errors
from myna.datatypes import Audio, Sentence, SpeechReport, Timing
from myna.errors import EngineError, MynaError

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some sound."""

    audio: Audio
    timings: tuple[Timing, ...] = ()
    """Of the sentences that ended since the piece before."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of Myna's on its way between processes, where exceptions lose their kind."""

    kind: str
    message: str
    position: int = 0
    """Of markup that is not well formed."""

    @classmethod
    def of(cls, error: MynaError) -> Failure:
        """What to send."""
        return cls(type(error).__name__, str(error), getattr(error, "position", 0))

    def error(self) -> MynaError:
        """What to raise."""
        if self.kind == errors.MarkupError.__name__:
            return errors.MarkupError(self.message, self.position)
        kind: type[MynaError] = getattr(errors, self.kind, EngineError)
        return kind(self.message)


@dataclass(frozen=True, slots=True)
class End:
    """Behind the last sound: without it, a stream was cut."""

    samples: int
    sentences: tuple[Sentence, ...]
    timings: tuple[Timing, ...]
    """Of all of them."""
    report: SpeechReport


Told = Piece | Failure | End
"""What a replica sends: sound, piece by piece, and then how it ended."""

Ask = Callable[[], AsyncGenerator[Told, None]]
"""Has the request said from the start, by some replica."""


class LostError(Exception):
    """A replica died, or its stream was cut; no error of a caller's."""


async def said(
    ask: Ask, *, tries: int = 8, pause: float = 0.2
) -> AsyncGenerator[Piece | End, None]:
    """What is told of a request, each sample once, whatever happens to those who say it.

    Args:
        ask: raises `LostError` where a replica dies.
        tries: replicas that may be asked.
        pause: seconds before the second one is, and twice as long before each further one, to 2 s.

    Raises:
        MynaError: as the replica told.
        EngineError: all were lost; or one made other samples than the one before it.
    """
    heard = _Heard()
    for number in range(1, tries + 1):
        try:
            async with aclosing(ask()) as pieces:
                async for fresh in _fresh(pieces, heard):
                    yield fresh
            return
        except LostError as lost:
            log.warning("lost a replica after %d samples: %s", heard.samples, lost)
        if number < tries:
            await asyncio.sleep(min(pause * 2 ** (number - 1), _LONGEST_PAUSE))
    raise EngineError(f"{tries} replicas were lost one after another. Try again later.")


@dataclass(slots=True)
class _Heard:
    """What the listener has."""

    samples: int = 0
    sum: int = 0
    """CRC-32 of them."""


async def _fresh(pieces: AsyncIterator[Told], heard: _Heard) -> AsyncIterator[Piece | End]:
    """Of a request that is said from the start, what the listener does not have."""
    known, passed, check = heard.samples, 0, 0
    skipped: list[Timing] = []
    async for piece in pieces:
        if isinstance(piece, Failure):
            raise piece.error()
        if isinstance(piece, End):
            if piece.samples != passed or passed < known:
                raise EngineError(_OTHER)
            yield piece
            return
        samples = piece.audio.samples
        old = min(max(known - passed, 0), len(samples))
        if old:
            check = zlib.crc32(samples[:old].tobytes(), check)
            if passed + old == known and check != heard.sum:
                raise EngineError(_OTHER)
        passed += len(samples)
        new = samples[old:]
        skipped += piece.timings
        if not len(new):
            continue
        heard.samples += len(new)
        heard.sum = zlib.crc32(new.tobytes(), heard.sum)
        yield replace(piece, audio=Audio(new, piece.audio.rate), timings=tuple(skipped))
        skipped.clear()
    raise LostError("its stream ended before the text did")


_OTHER = (
    "The replica that said this text was lost, and the one that took over makes other samples. "
    "Run all replicas with the same version of Myna, on machines of one kind."
)
