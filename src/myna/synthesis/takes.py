"""A script said as often as its sentences need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property

from myna import text
from myna.datatypes import Audio, Guard, SemanticTokens, Voice, Word
from myna.engines.base import Engine
from myna.engines.hearing import Hearing
from myna.errors import EngineError
from myna.synthesis.coverage import Coverage, coverage, kept, trimmed, words_of
from myna.synthesis.guard import Attempts, Take, bounded, part
from myna.synthesis.performance import Context, Rendered, Script
from myna.synthesis.wording import within, words
from myna.text.sounds import spoken

Listen = Callable[[], Hearing]
"""The recogniser, made ready when it is first needed."""


def said(
    engine: Engine, script: Script, voice: Voice, guard: Guard, hearing: Listen
) -> Iterator[tuple[int, Rendered]]:
    """Each sentence of a script as it is finished, in any order: its number, and the best take.

    Sentences are said together where the engine can; those that did not come out well are said
    again together.

    Raises:
        EngineError: the model could not finish; or a sentence has words of the reference in it
            however often it is said.
    """
    listener = Listener(engine, script, voice, guard, hearing)
    attempts = [Attempts(guard, engine.spec.least_score) for _ in script.lines]
    made: dict[int, dict[Take, tuple[Rendered, SemanticTokens]]] = {
        index: {} for index in range(len(attempts))
    }
    context = Context(script.context)
    while waiting := [index for index, each in enumerate(attempts) if not each.done]:
        waiting = waiting[:1] if context.used else waiting
        requests = [script.request(index, context.before) for index in waiting]
        if guard.again:
            requests = [
                bounded(request, len(script.lines[index].phones))
                for index, request in zip(waiting, requests, strict=True)
            ]
        asked = [
            replace(request, part=part(request.part, attempts[index].next))
            for index, request in zip(waiting, requests, strict=True)
        ]
        for number, tokens in engine.generate(asked):
            index = waiting[number]
            piece = script.render(index, tokens)
            take = listener.take(index, piece, tokens)
            attempts[index].add(take)
            made[index][take] = piece, tokens
            if attempts[index].done:
                best = attempts[index].best
                found, tokens = made.pop(index)[best]
                context.add(script.said(index, tokens))
                yield index, listener.finished(index, found, best, attempts[index].retries)


class Listener:
    """Judges takes of the sentences of a script.

    Args:
        voice: who speaks; what was said in its reference may not be heard.
        hearing: is asked for only if somebody listens.
    """

    def __init__(
        self, engine: Engine, script: Script, voice: Voice, guard: Guard, hearing: Listen
    ) -> None:
        self._engine, self._script, self._voice = engine, script, voice
        self._guard, self._hearing = guard, hearing

    def take(self, index: int, piece: Rendered, tokens: SemanticTokens) -> Take:
        """What became of a sentence, listened to."""
        audio = Audio(piece.samples, self._script.rate)
        return Take(
            audio=audio,
            tokens=len(tokens.ids),
            phones=len(self._script.lines[index].phones),
            ended=tokens.ended,
            coverage=self._heard(index, audio),
        )

    def finished(self, index: int, piece: Rendered, best: Take, retries: int) -> Rendered:
        """The best take, without what is said before the text or behind it.

        Raises:
            EngineError: words of the reference are in it.
        """
        audio, found, first = best.audio, best.coverage, 0
        if found is None:
            return replace(piece, report=replace(piece.report, retries=retries))
        if found.extra:
            shorter = trimmed(audio, found)
            again = found if shorter is audio else self._heard(index, shorter)
            if again is not None and again.extra < found.extra and again.share >= found.share:
                first, _ = kept(audio, found)
                audio, found = shorter, again
        source = self._script.lines[index].sentence.source
        if found.leaked:
            raise EngineError(
                f"The model says words of the voice's reference in {source.strip()!r}, "
                f"{retries + 1} times over. Check the words that the voice was cloned with, or "
                f"clone it without them."
            )
        report = replace(
            piece.report,
            coverage=found.share,
            missing=tuple(self._script.text[start:stop] for start, stop in found.missing),
            retries=retries,
            seconds=audio.seconds,
        )
        said = [word.later(-first / audio.rate) for word in piece.words]
        return Rendered(
            audio.samples,
            report,
            within(said, audio.seconds) or self._words(index, found, audio.seconds),
        )

    def _words(self, index: int, found: Coverage, seconds: float) -> tuple[Word, ...]:
        """When each word is heard; none if it is not sure of all of them."""
        if found.share < 1:
            return ()
        sentence = self._script.lines[index].sentence
        sounds, places = spoken(sentence), iter(found.places)
        times = [next(places) if sound else None for sound in sounds]
        return words(sentence, sounds, times, seconds)

    def _heard(self, index: int, audio: Audio) -> Coverage | None:
        wanted = words_of(self._script.lines[index].sentence) if self._guard.check else None
        if wanted is None:
            return None
        return coverage(self._hearing(), audio, wanted, self._reference)

    @cached_property
    def _reference(self) -> list[int]:
        """The sounds of what is said in the voice's reference; none if nobody knows."""
        prompt = self._voice.prompt
        if prompt is None:
            return []
        spec = self._engine.spec
        sentence = text.prompt(
            prompt.text, prompt.language, spec.symbols, improved=spec.improved_reading
        )
        return [sound for sound in spoken(sentence) if sound]
