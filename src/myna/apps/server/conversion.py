"""One recording that is said in another voice, on the side of the thread that does it."""

from __future__ import annotations

import threading
import time

from myna.apps.server.casting import Role
from myna.apps.server.performance import Figures
from myna.apps.server.requests import Clip
from myna.apps.server.settings import ServerSettings
from myna.audio.recordings import decode
from myna.datatypes import Delivery, Speech
from myna.errors import CancelledError, DeadlineError, MynaError
from myna.synthesis.pool import Loaded


class Conversion:
    """Waits for its turn, and can be stopped.

    Args:
        clip: its data, and what is said in it, if known.
        role: who is to speak.
        settings: how long a recording, and the wait, may be.
        seed: None draws one.
        delivery: as `Myna.convert` takes it.
    """

    def __init__(
        self,
        clip: Clip,
        role: Role,
        settings: ServerSettings,
        seed: int | None = None,
        delivery: Delivery | None = None,
    ) -> None:
        self._clip, self._role, self._settings = clip, role, settings
        self._seed, self._delivery = seed, delivery
        self._began = time.monotonic()
        self._left = threading.Event()
        self._seconds: float | None = None
        self.failed: MynaError | None = None

    def made(self, loaded: Loaded) -> Speech:
        """Convert it.

        Raises:
            DeadlineError: it is too late.
            CancelledError: nobody waits for it any more.
            MynaError: as `Myna.convert`.
        """
        self._go_on()
        if time.monotonic() - self._began > self._settings.deadline:
            raise DeadlineError("The recording waited too long to be converted. Try again later.")
        assert self._clip.data is not None
        assert self._role.voice is not None
        # Not before its turn: what waits is as small as what was sent.
        recording = decode(self._clip.data, self._settings.most_conversion_seconds)
        self._go_on()
        speech = loaded.convert(
            recording,
            self._role.voice,
            text=self._clip.text,
            language=self._clip.language,
            seed=self._seed,
            delivery=self._delivery,
            progress=self._go_on,
        )
        self._seconds = speech.audio.seconds
        return speech

    def over(self) -> Figures:
        """Stop, if it is not done, and tell how it went."""
        self._left.set()
        assert self._role.voice is not None
        return Figures(
            model=self._role.model,
            voice=self._role.voice.name,
            characters=len(self._clip.text),
            audio_seconds=self._seconds or 0.0,
            seconds=time.monotonic() - self._began,
            first_sound=None,
            error=self.failed,
            cancelled=self._seconds is None and self.failed is None,
        )

    def _go_on(self, *_: int) -> None:
        if self._left.is_set():
            raise CancelledError("The conversion was cancelled.")
