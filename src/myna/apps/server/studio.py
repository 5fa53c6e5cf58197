"""The studio: whatever a client asks for is said here.

It lives on the event loop; work that blocks is done in threads, and speech in the threads of the
schedulers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import ParamSpec, TypeVar

from myna.apps.library import Library
from myna.apps.server.casting import Cast, Role, VoiceCard, card, speakers
from myna.apps.server.conversion import Conversion
from myna.apps.server.performance import Figures, Performance, Room, public
from myna.apps.server.requests import Clip, SpeechRequest
from myna.apps.server.settings import ServerSettings
from myna.datatypes import Delivery, Speech, Utterance, Voice
from myna.engines.randomness import draw_seed
from myna.errors import BusyError, EngineError, MynaError, TextError, VoiceError
from myna.synthesis.job import Job
from myna.synthesis.pool import Loaded, Pool

Given = ParamSpec("Given")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

_WORD = "Ready."
_SWEEP = 5.0
"""Seconds between two looks at which models are idle."""
_CLONING = 2
"""Voices that are made at the same time; others wait, and hold no thread."""
_CONVERTING = 2
"""The same of recordings that are converted."""


class Studio:
    """Says what is asked for, with whatever model it takes.

    Args:
        settings: limits.
        library: voices on disk.
        pool: models.
        ended: is told how each request went.
    """

    def __init__(
        self,
        settings: ServerSettings,
        library: Library,
        pool: Pool,
        ended: Callable[[Figures], None] | None = None,
    ) -> None:
        self.settings, self.pool = settings, pool
        self.ended = ended or _nothing
        self._cast = Cast(library, settings)
        self._room = Room(pool.memory // 2)
        self._cloning = ThreadPoolExecutor(_CLONING, thread_name_prefix="myna-cloning")
        self._converting = ThreadPoolExecutor(_CONVERTING, thread_name_prefix="myna-converting")
        self._conversions = 0
        """That are made, or wait."""
        self._opening: dict[str, asyncio.Task[None]] = {}
        """Models that are being loaded."""
        self._sweeping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Load the default model and let it say a word, so that nobody waits for what is made ready
        once.

        Raises:
            MynaError: it cannot be loaded.
        """
        name = await self.off(lambda: self._cast.model)
        await self.off(self.pool.use, name, _nothing)
        try:
            await (await self.start(SpeechRequest(text=_WORD, language="en"))).speech()
        except (VoiceError, TextError) as error:  # it has no voice of its own, or no English
            log.info("not warmed up: %s", error)
        self._sweeping = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Cancel what is being said, and let go of all models."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        await self.off(self.pool.close)
        await self.off(self.library.close)
        self._cloning.shutdown(wait=False, cancel_futures=True)
        self._converting.shutdown(wait=False, cancel_futures=True)

    @property
    def library(self) -> Library:
        """Voices on disk, as whoever asks sees them."""
        return self._cast.library

    def fetched(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """As `Cast.fetched`; blocks."""
        return self._cast.fetched(clips)

    @property
    def waiting(self) -> int:
        """Texts in the queues."""
        return sum(each.scheduler.waiting for each in self.pool.loaded)

    @property
    def saying(self) -> int:
        """Texts that are being said."""
        return sum(each.scheduler.saying for each in self.pool.loaded)

    @property
    def unready(self) -> str:
        """Why no text can be taken now; empty if one can."""
        if self._sweeping is None:
            return "starting"
        if any(each.scheduler.full for each in self.pool.loaded):
            return "busy"
        return ""

    async def off(
        self, function: Callable[Given, Result], *args: Given.args, **named: Given.kwargs
    ) -> Result:
        """Call what blocks, in a thread."""
        return await asyncio.to_thread(function, *args, **named)

    async def start(self, request: SpeechRequest) -> Performance:
        """Begin to say a text.

        Raises:
            MynaError: it cannot be said, or not now; what can be known before the first sound.
        """
        self._check(request.text)
        if not request.text.strip():
            raise TextError("There is no text to say.")
        within = self.settings.deadline
        guard = None if request.stream else request.guard

        def submit(loaded: Loaded, utterance: Utterance) -> Job:
            return loaded.scheduler.submit(
                utterance, pacing=request.pacing, within=within, guard=guard
            )

        return await self._perform(request, submit)

    async def check(self, request: SpeechRequest) -> None:
        """Find, and understand, who is to speak; nothing is said.

        Raises:
            MynaError: as `start`, of voices, models and recordings.
        """
        role = await self.off(self._cast.role, request)
        if role.voice is None:
            await self._cloned(role)

    async def open(self, request: SpeechRequest) -> Performance:
        """Begin to say a text that is still to come, by `Performance.write`.

        Raises:
            MynaError: as `start`.
        """

        def submit(loaded: Loaded, utterance: Utterance) -> Job:
            return loaded.scheduler.open(utterance, pacing=request.pacing)

        return await self._perform(replace(request, text="", stream=True), submit)

    async def voices(self) -> list[VoiceCard]:
        """All voices that can be named."""
        return await self.off(self._cast.cards)

    async def models(self) -> list[str]:
        """Names of the models that can speak."""
        return [folder.name for folder in await self.off(speakers)]

    async def use_weights(self, kind: str, named: str) -> str:
        """Let a model speak where nobody chooses one; its name.

        Args:
            kind: which of its files is named, "gpt" or "sovits"; here a model is one thing.
            named: it, or one of the files that it was converted from.

        Raises:
            ModelNotFoundError: there is none.
        """
        assert kind in ("gpt", "sovits")
        return await self.off(self._cast.choose_model, named)

    async def voice(self, name: str) -> Voice:
        """A voice by id, name or alias.

        Raises:
            VoiceError: there is none.
        """
        return await self.off(self._cast.voice, name)

    async def clone(
        self,
        clips: Sequence[Clip],
        *,
        name: str,
        model: str = "",
        description: str = "",
        languages: Sequence[str] = (),
        consent: str = "",
        licence: str = "",
    ) -> VoiceCard:
        """Make a voice of recordings, and keep it in the library.

        Raises:
            VoiceError: there is one of this name already.
            MynaError: as `Myna.clone`.
        """
        role = await self.off(self._cast.recorded, clips, model)
        voice = replace(await self._cloned(role), name=name, consent=consent, licence=licence)
        entry = await self.off(
            partial(
                self.library.add,
                voice,
                name=name,
                description=description,
                languages=tuple(languages) or None,
            )
        )
        return card(entry, {voice.model: role.model})

    async def convert(
        self,
        clip: Clip,
        *,
        voice: str = "",
        model: str = "",
        seed: int | None = None,
        delivery: Delivery | None = None,
    ) -> Speech:
        """Say what a recording says with another voice. Whoever stops waiting stops the work.

        Args:
            clip: its data, and what is said in it, if known.
            voice: id or name; empty for the default.

        Raises:
            BusyError: as many are made, or wait, as texts may be said and wait.
            DeadlineError: its turn did not come in time.
            MynaError: as `Myna.convert`; and as `start`, of voices and models.
        """
        assert clip.data is not None, "a recording that is converted comes with the request"
        self._check(clip.text)
        if self._conversions >= _CONVERTING + self.settings.most_waiting:
            raise BusyError("Too many recordings wait to be converted. Try again later.")
        role = await self.off(self._cast.role, SpeechRequest(voice=voice, model=model))
        assert role.voice is not None, "no recording was given to make one of"
        conversion = Conversion(clip, role, self.settings, seed, delivery)
        self._conversions += 1
        try:
            await self._use(role.model, _nothing)  # no thread waits for it to be loaded
            return await self._done(
                asyncio.get_running_loop().run_in_executor(
                    self._converting, self.pool.use, role.model, conversion.made
                ),
                "converts",
            )
        except MynaError as error:
            conversion.failed = error
            raise
        finally:
            self._conversions -= 1
            self.ended(conversion.over())

    async def _perform(
        self, request: SpeechRequest, submit: Callable[[Loaded, Utterance], Job]
    ) -> Performance:
        role = await self.off(self._cast.role, request)
        voice = role.voice or await self._cloned(role)
        sampling = request.sampling
        if sampling.seed is None:
            sampling = replace(sampling, seed=draw_seed())
        utterance = Utterance(
            text=request.text,
            voice=voice,
            language=request.language,
            cut=request.cut,
            markup=request.markup,
            lexicon=request.lexicon,
            sampling=sampling,
            delivery=request.delivery,
        )

        def submitted(loaded: Loaded) -> tuple[Job, int]:
            return submit(loaded, utterance), loaded.myna.engine.spec.rate

        submission = asyncio.ensure_future(self._use(role.model, submitted))
        try:
            job, rate = await asyncio.shield(submission)
        except asyncio.CancelledError:
            submission.add_done_callback(_abandon)  # the thread goes on, for nobody
            raise
        return Performance(
            job,
            rate=request.delivery.rate or rate,
            voice=voice.name,
            model=role.model,
            ended=self.ended,
            room=self._room,
        )

    async def _use(self, name: str, what: Callable[[Loaded], Result]) -> Result:
        """As `Pool.use`; who waits for a model to be loaded holds no thread, which others need.

        Raises:
            EngineError: the model is damaged, or is not here any more; or as `Pool.use`.
        """
        try:
            return await self._used(name, what)
        except MynaError as error:
            raise public(error) from error

    async def _used(self, name: str, what: Callable[[Loaded], Result]) -> Result:
        if all(each.name != name for each in self.pool.loaded):
            opening = self._opening.get(name)
            if opening is None:
                opening = asyncio.create_task(self.off(self.pool.use, name, _nothing))
                self._opening[name] = opening
                opening.add_done_callback(partial(self._opened, name))
            await asyncio.shield(opening)
        return await self.off(self.pool.use, name, what)

    def _opened(self, name: str, opening: asyncio.Task[None]) -> None:
        del self._opening[name]
        if not opening.cancelled():
            opening.exception()  # fetched: maybe nobody waits for it any more

    async def _cloned(self, role: Role) -> Voice:
        """The voice of recordings; the engine hears them between two tokens of those who speak."""

        def known(loaded: Loaded) -> Voice | None:
            return self._cast.known(role, loaded.myna.engine.fingerprint)

        def made(loaded: Loaded) -> Voice:
            if (found := known(loaded)) is not None:  # somebody asked for the same before
                return found
            voice = loaded.clone(role.references)
            self._cast.remember(role, voice)
            return voice

        if (found := await self._use(role.model, known)) is not None:
            return found
        making = asyncio.get_running_loop().run_in_executor(
            self._cloning, self.pool.use, role.model, made
        )
        return await self._done(making, "clones")

    async def _done(self, making: asyncio.Future[Result], what: str) -> Result:
        """What is made in a thread that the server may stop."""
        try:
            return await making
        except MynaError as error:
            raise public(error) from error
        except asyncio.CancelledError as error:
            if not _cancelling():
                raise EngineError(f"The server is stopped while it {what}. Try again.") from error
            raise

    def _check(self, text: str) -> None:
        most = self.settings.most_characters
        if len(text) > most:
            raise TextError(
                f"The text has {len(text)} characters; this server takes {most} at once. Send it "
                f"in parts."
            )

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            try:
                await self.off(self.pool.sweep)
            except Exception:
                log.exception("idle models cannot be unloaded")


def _abandon(submission: asyncio.Future[tuple[Job, int]]) -> None:
    if not submission.cancelled() and submission.exception() is None:
        submission.result()[0].cancel()


def _nothing(_: object) -> None:
    """For whom nobody told what to do."""


def _cancelling() -> bool:
    """Whether the task itself is being cancelled, rather than what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
