"""Whoever listens hears each sample once, whatever happens to those who speak."""

from __future__ import annotations

import asyncio
import itertools
import pickle
from collections.abc import AsyncGenerator, Sequence

import numpy as np
import pytest
from myna_ray.again import Ask, End, Failure, LostError, Piece, Told, said

from myna import errors
from myna.datatypes import Audio, SpeechReport, Timing
from myna.errors import EngineError, MarkupError, MynaError, TextError

RATE = 100
SOUND = np.random.default_rng(1).uniform(-1, 1, 1000).astype(np.float32)
REPORT = SpeechReport(model="m", seed=1, sentences=(), warnings=())
ALL = End(len(SOUND), (), (Timing(0.0, 10.0, "all"),), REPORT)


def pieces(cuts: Sequence[int], sound: np.ndarray = SOUND) -> list[Told]:
    """The sound cut there, then the end."""
    bounds = [0, *cuts, len(sound)]
    found: list[Told] = [
        Piece(Audio(sound[start:end], RATE), (Timing(start / RATE, end / RATE, str(start)),))
        for start, end in itertools.pairwise(bounds)
    ]
    return [*found, ALL]


class Replicas:
    """Each says what it is told to, and the next one is asked after it."""

    def __init__(self, *lives: Sequence[Told | Exception]) -> None:
        self.lives, self.asked, self.closed = lives, 0, 0

    def ask(self) -> AsyncGenerator[Told, None]:
        life = self.lives[self.asked]
        self.asked += 1
        return self._live(life)

    async def _live(self, life: Sequence[Told | Exception]) -> AsyncGenerator[Told, None]:
        try:
            for each in life:
                await asyncio.sleep(0)
                if isinstance(each, Exception):
                    raise each
                yield each
        finally:
            self.closed += 1


async def _heard(ask: Ask, tries: int = 8) -> tuple[np.ndarray, list[str], list[End]]:
    found = [each async for each in said(ask, tries=tries, pause=0)]
    sound = [each for each in found if isinstance(each, Piece)]
    assert all(len(each.audio.samples) for each in sound)
    return (
        np.concatenate([each.audio.samples for each in sound]),
        [timing.text for each in sound for timing in each.timings],
        [each for each in found if isinstance(each, End)],
    )


def heard(replicas: Replicas, tries: int = 8) -> tuple[np.ndarray, list[str], list[End]]:
    return asyncio.run(_heard(replicas.ask, tries))


@pytest.mark.parametrize("lived", range(5))
def test_what_was_heard_is_not_heard_again(lived: int) -> None:
    """Those who take over may cut the sound elsewhere."""
    replicas = Replicas(
        [*pieces([100, 350, 900])[:lived], LostError("killed")], pieces([200, 350, 351])
    )
    sound, _, ends = heard(replicas)
    np.testing.assert_array_equal(sound, SOUND)
    assert ends == [ALL]
    assert (replicas.asked, replicas.closed) == (2, 2)


def test_several_may_die() -> None:
    dying = [
        [*pieces([100, 350, 900])[:lived], LostError("killed")] for lived in (0, 2, 1, 0, 3, 2)
    ]
    sound, timings, _ = heard(Replicas(*dying, pieces([100, 350, 900])))
    np.testing.assert_array_equal(sound, SOUND)
    assert timings[-1] == "900"


def test_a_stream_without_an_end_was_cut() -> None:
    replicas = Replicas(pieces([100])[:-1], pieces([100]))
    sound, _, ends = heard(replicas)
    np.testing.assert_array_equal(sound, SOUND)
    assert len(ends) == 1


def test_other_samples_are_not_glued_to_those_heard() -> None:
    other = SOUND.copy()
    other[50] += 0.001
    replicas = Replicas([*pieces([100, 350])[:2], LostError("killed")], pieces([200], other))
    with pytest.raises(EngineError, match="other samples"):
        heard(replicas)


@pytest.mark.parametrize("length", [200, 349])
def test_a_shorter_one_is_other_samples(length: int) -> None:
    end = End(length, (), (), REPORT)
    shorter = [*pieces([100], SOUND[:length])[:-1], end]
    replicas = Replicas([*pieces([100, 350])[:2], LostError("killed")], shorter)
    with pytest.raises(EngineError, match="other samples"):
        heard(replicas)


def test_an_end_that_counts_other_samples_is_not_believed() -> None:
    with pytest.raises(EngineError, match="other samples"):
        heard(Replicas([*pieces([100])[:1], ALL]))


def test_it_gives_up_when_all_die() -> None:
    replicas = Replicas(*[[LostError("killed")]] * 3)
    with pytest.raises(EngineError, match="3 replicas were lost"):
        heard(replicas, tries=3)
    assert replicas.asked == 3


def test_an_error_of_the_request_is_not_tried_again() -> None:
    replicas = Replicas([Failure.of(TextError("There is nothing to say."))])
    with pytest.raises(TextError, match="nothing to say"):
        heard(replicas)
    assert (replicas.asked, replicas.closed) == (1, 1)


def test_leaving_stops_who_speaks() -> None:
    replicas = Replicas(pieces([100, 200]))

    async def leave() -> None:
        telling = said(replicas.ask)
        await anext(telling)
        await telling.aclose()

    asyncio.run(leave())
    assert replicas.closed == 1


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(errors).values() if isinstance(kind, type)],
    ids=lambda kind: kind.__name__,
)
def test_errors_travel(kind: type[MynaError]) -> None:
    error = MarkupError("Bad.", 7) if kind is MarkupError else kind("Bad.")
    found = pickle.loads(pickle.dumps(Failure.of(error))).error()
    assert type(found) is kind
    assert str(found) == "Bad."
    assert getattr(found, "position", None) == getattr(error, "position", None)
