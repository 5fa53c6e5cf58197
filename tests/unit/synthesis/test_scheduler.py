"""Many texts on one engine: what each hears, who comes first, and what is refused."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from myna.datatypes import Audio, Guard, Pacing, Sampling, Utterance
from myna.errors import (
    BusyError,
    CancelledError,
    ConfigError,
    DeadlineError,
    EngineError,
    TextError,
)
from myna.synthesis.admission import Budget, Need, need_of
from myna.synthesis.growing import Growing
from myna.synthesis.job import Job
from myna.synthesis.performance import Script
from myna.synthesis.scheduler import Limits, Scheduler
from myna.synthesis.speaker import Myna
from myna.synthesis.turns import Speaker

TEXTS = ("Good morning to you.", "Birds say what they hear. So does this one.", "Once.", "No!")


@pytest.fixture(scope="module")
def tiny() -> Myna:
    return Myna.load("tiny")


@pytest.fixture
def scheduler(tiny: Myna) -> Iterator[Scheduler]:
    with Scheduler(tiny.engine) as found:
        yield found


def utterance(tiny: Myna, number: int, **settings: Any) -> Utterance:
    names = list(tiny.voices)
    voice = tiny.voice(names[number % len(names)])
    text = settings.pop("text", TEXTS[number % len(TEXTS)])
    return Utterance(text=text, voice=voice, sampling=Sampling(seed=number), **settings)


def samples(pieces: Any) -> np.ndarray:
    return np.concatenate([piece.samples for piece in pieces])


def test_everybody_hears_what_they_hear_alone(tiny: Myna, scheduler: Scheduler) -> None:
    alone = [samples(scheduler.submit(utterance(tiny, number))) for number in range(6)]
    jobs = [scheduler.submit(utterance(tiny, number)) for number in reversed(range(6))]
    for job, expected in zip(jobs, reversed(alone), strict=True):
        np.testing.assert_array_equal(samples(job), expected)


def test_a_failure_touches_no_other(
    tiny: Myna, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = samples(scheduler.submit(utterance(tiny, 0)))
    rendering = tiny.engine.rendering

    def broken(request: Any) -> Any:
        if request.seed == 1:
            raise ZeroDivisionError
        return rendering(request)

    monkeypatch.setattr(tiny.engine, "rendering", broken)
    with pytest.raises(TextError):
        scheduler.submit(utterance(tiny, 3, text="😀"))
    failing, good = scheduler.submit(utterance(tiny, 1)), scheduler.submit(utterance(tiny, 0))
    with pytest.raises(EngineError, match="ZeroDivisionError"):
        samples(failing)
    np.testing.assert_array_equal(samples(good), expected)


def test_numbers_that_are_none_fail_one_request(
    tiny: Myna, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    import myna.engines.onnx_engine as onnx_engine

    expected = samples(scheduler.submit(utterance(tiny, 0)))
    take = onnx_engine.Drawing.take

    def broken(drawing: Any, logits: np.ndarray) -> None:
        wrong = drawing._random._bits.state["state"]["key"][0] == 1
        take(drawing, logits * np.float32(np.nan) if wrong and drawing.count > 5 else logits)

    monkeypatch.setattr(onnx_engine.Drawing, "take", broken)
    jobs = [scheduler.submit(utterance(tiny, number)) for number in (1, 0)]
    with pytest.raises(EngineError, match="no numbers"):
        samples(jobs[0])
    np.testing.assert_array_equal(samples(jobs[1]), expected)


def test_who_came_first_is_heard_first_and_nobody_waits_for_the_longest(
    tiny: Myna, scheduler: Scheduler
) -> None:
    order: list[str] = []

    def listen(name: str, job: Any) -> None:
        for _ in job:
            order.append(name)  # noqa: PERF401 - as they come
        order.append(f"{name} over")

    long = scheduler.submit(utterance(tiny, 0, text=" ".join(TEXTS * 4)))
    short = scheduler.submit(utterance(tiny, 0))
    threads = [
        threading.Thread(target=listen, args=each) for each in (("long", long), ("short", short))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order[0] == "long"
    assert order.index("short over") < order.index("long over")


def test_a_long_whole_text_does_not_keep_short_ones_waiting(
    tiny: Myna, scheduler: Scheduler
) -> None:
    endless = "one two three four five six seven eight nine ten " * 8
    long = scheduler.submit(utterance(tiny, 0, text=endless, cut="cut0"), guard=Guard(retries=0))
    while not scheduler.saying:
        time.sleep(0.01)
    short = [scheduler.submit(utterance(tiny, 2), guard=Guard(retries=0)) for _ in range(3)]
    for job in short:
        assert samples(job).any()
    with pytest.raises(queue.Empty):
        long.take(wait=False)
    assert samples(long).any()


def test_the_queue_has_an_end(tiny: Myna) -> None:
    limits = Limits(waiting=1, saying=1)
    with Scheduler(tiny.engine, limits=limits) as scheduler:
        jobs = [scheduler.submit(utterance(tiny, 1))]
        with pytest.raises(BusyError, match="Try again later"):  # noqa: PT012
            for _ in range(4):
                jobs.append(scheduler.submit(utterance(tiny, 1)))  # noqa: PERF401
        assert 2 <= len(jobs) <= 3
        for job in jobs:
            assert samples(job).any()
        assert samples(scheduler.submit(utterance(tiny, 1))).any()


def test_who_is_too_late_is_told(tiny: Myna) -> None:
    with Scheduler(tiny.engine, limits=Limits(saying=1)) as scheduler:
        first = scheduler.submit(utterance(tiny, 1))
        late = scheduler.submit(utterance(tiny, 0), within=0.0)
        with pytest.raises(DeadlineError):
            samples(late)
        assert samples(first).any()
        assert samples(scheduler.submit(utterance(tiny, 0), within=60.0)).any()


def test_cancelling_makes_room(tiny: Myna) -> None:
    with Scheduler(tiny.engine, limits=Limits(saying=1)) as scheduler:
        long = scheduler.submit(utterance(tiny, 0, text=" ".join(TEXTS * 20)))
        assert next(iter(long)).samples.any()  # and leaves
        assert samples(scheduler.submit(utterance(tiny, 1))).any()
        waiting = [scheduler.submit(utterance(tiny, 0, text=" ".join(TEXTS * 20)))]
        waiting += [scheduler.submit(utterance(tiny, 0))]
        waiting[1].cancel()
        with pytest.raises(CancelledError):
            samples(waiting[1])
        waiting[0].cancel()


def test_closing_ends_all(tiny: Myna) -> None:
    scheduler = Scheduler(tiny.engine, limits=Limits(saying=1))
    jobs = [scheduler.submit(utterance(tiny, 0, text=" ".join(TEXTS * 20))) for _ in range(2)]
    assert next(iter(jobs[0])).samples.any()
    scheduler.close()
    with pytest.raises(CancelledError):
        samples(jobs[1])
    with pytest.raises(EngineError, match="closed"):
        scheduler.submit(utterance(tiny, 0))


def test_what_nobody_fetches_is_not_made(tiny: Myna) -> None:
    with Scheduler(tiny.engine, limits=Limits(unheard=1.0)) as scheduler:
        pacing = Pacing(first=0.2, longest=0.5)
        asleep = scheduler.submit(utterance(tiny, 0, text=" ".join(TEXTS * 4)), pacing=pacing)
        awake = scheduler.submit(utterance(tiny, 1))
        assert samples(awake).any()
        assert asleep.unheard < 2.5
        pieces: list[Audio] = list(asleep)
        assert sum(piece.seconds for piece in pieces) > 8


def test_what_needs_too_much_memory_is_refused_and_the_rest_waits(tiny: Myna) -> None:
    def need(seconds: float) -> Utterance:
        asked = utterance(tiny, 0)
        return Utterance(
            text=asked.text,
            voice=asked.voice,
            sampling=Sampling(seed=0, longest_seconds=seconds),
        )

    pacing = Pacing(longest=0.5)
    # A cache of 12 kB for each of 25 positions per second, and what decoding takes.
    with Scheduler(tiny.engine, limits=Limits(memory=112 << 20)) as scheduler:
        jobs = [scheduler.submit(need(5.0), pacing=pacing) for _ in range(3)]
        assert all(samples(job).any() for job in jobs)
        with pytest.raises(EngineError, match="shorter sentences"):
            samples(scheduler.submit(need(60.0), pacing=pacing))


def test_memory_is_for_all_schedulers_together(tiny: Myna) -> None:
    class Owner:
        pass

    one, other = Owner(), Owner()
    budget = Budget(100)
    assert budget.claim(one, [Need(20, 30), Need(20, 10)])
    assert not budget.claim(other, [Need(20, 11)])
    assert budget.claim(other, [Need(20, 10)])
    assert not budget.claim(other, [Need(20, 10), Need(1, 0)])
    assert budget.claim(one, [Need(20, 10)])
    assert budget.claim(other, [Need(20, 10), Need(30, 10)])
    with pytest.raises(EngineError, match="shorter"):
        budget.claim(one, [Need(20, 10), Need(91, 10)])
    del one  # a scheduler that is gone needs nothing
    assert budget.claim(other, [Need(20, 10), Need(70, 10)])

    shared, short = Budget(112 << 20), Sampling(seed=0, longest_seconds=5.0)
    asked = replace(utterance(tiny, 0), sampling=short)
    with (
        Scheduler(tiny.engine, budget=shared) as first,
        Scheduler(tiny.engine, budget=shared, limits=Limits(unheard=1.0)) as second,
    ):
        pacing = Pacing(longest=0.5)
        slow = [second.open(asked, pacing=pacing) for _ in range(4)]
        time.sleep(0.3)
        assert min(second.saying, second.waiting) > 0, "as many as fit"
        waits = first.submit(asked, pacing=pacing)
        time.sleep(0.3)
        assert (first.waiting, first.saying) == (1, 0)
        for job in slow:
            job.cancel()
        assert samples(waits).any()


def test_what_is_listened_to_is_what_speak_says(tiny: Myna, scheduler: Scheduler) -> None:
    asked = utterance(tiny, 0, text="Peter picked a peck. Of what?")
    expected = tiny.speak(asked.text, asked.voice, sampling=asked.sampling)
    job = scheduler.submit(asked, guard=Guard())
    speech = job.speech(list(job))
    np.testing.assert_array_equal(speech.audio.samples, expected.audio.samples)
    assert speech.report == expected.report
    assert speech.timings == expected.timings
    assert [each.source for each in speech.sentences] == ["Peter picked a peck.", " Of what?"]


def test_a_sentence_is_said_again_as_often_as_allowed(tiny: Myna, scheduler: Scheduler) -> None:
    asked = utterance(tiny, 0, text="Zyx qwv bnk.")
    never_clear = Guard(retries=2, least_score=0.0)
    job = scheduler.submit(asked, guard=never_clear)
    assert [each.retries for each in job.speech(list(job)).report.sentences] == [2]
    once = scheduler.submit(asked, guard=Guard(check=False))
    assert [each.retries for each in once.speech(list(once)).report.sentences] == [0]


def test_times_are_known_while_it_is_said(tiny: Myna, scheduler: Scheduler) -> None:
    job = scheduler.submit(utterance(tiny, 1))
    pieces = list(job)
    assert [each.text for each in job.timings] == ["Birds say what they hear.", "So does this one."]
    first, second = job.timings
    assert first.start == 0.0
    assert second.start == pytest.approx(first.end + 0.3, abs=1e-3)
    assert second.end == pytest.approx(sum(piece.seconds for piece in pieces), abs=1e-6)


def test_a_text_that_is_still_written(tiny: Myna, scheduler: Scheduler) -> None:
    text = "Birds say what they hear. So does this one. Once."
    asked = utterance(tiny, 1)
    parts = [text[start : start + 7] for start in range(0, len(text), 7)]
    pacing = Pacing(growth=1.5)  # or pieces would be as long as the machine is slow
    alone = tiny.stream(iter(parts), asked.voice, sampling=asked.sampling, pacing=pacing)
    expected = samples(alone)
    job = scheduler.open(asked, pacing=pacing)
    for part in parts[:-2]:
        job.write(part)
    begun = job.take()  # before the end of the text is known
    assert begun is not None
    meanwhile = scheduler.submit(utterance(tiny, 0))
    assert samples(meanwhile).any()
    for part in parts[-2:]:
        job.write(part)
    job.finish()
    np.testing.assert_array_equal(np.concatenate([begun.samples, samples(job)]), expected)


def test_only_a_text_that_was_opened_can_be_written_to(tiny: Myna, scheduler: Scheduler) -> None:
    job = scheduler.submit(utterance(tiny, 0))
    with pytest.raises(ConfigError, match="given whole"):
        job.write("More.")
    assert samples(job).any()


def test_a_written_text_without_words_is_an_error(tiny: Myna, scheduler: Scheduler) -> None:
    job = scheduler.open(utterance(tiny, 0))
    job.write("...")
    job.finish()
    with pytest.raises(TextError):
        samples(job)


def test_other_work_between_two_tokens(tiny: Myna, scheduler: Scheduler) -> None:
    job = scheduler.submit(utterance(tiny, 1))
    assert scheduler.ask(lambda: threading.current_thread().name).result(10) == "myna-scheduler"
    with pytest.raises(ZeroDivisionError):
        scheduler.ask(lambda: 1 // 0).result(10)
    assert samples(job).any()
    assert scheduler.asked == 0


def test_an_engine_that_fails_as_a_whole_leaves_nobody_waiting(
    tiny: Myna, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()

    def broken() -> Any:
        told.wait(10)
        raise MemoryError

    monkeypatch.setattr(tiny.engine, "generation", broken)
    scheduler = Scheduler(tiny.engine)
    job, asked = scheduler.submit(utterance(tiny, 0)), scheduler.ask(lambda: 1)
    told.set()
    with pytest.raises(EngineError, match="MemoryError"):
        samples(job)
    scheduler.close()
    assert asked.cancelled()
    assert scheduler.closed
    assert not scheduler.busy
    with pytest.raises(EngineError, match="closed"):
        scheduler.submit(utterance(tiny, 0))


def test_a_listener_that_fails_touches_no_other(tiny: Myna, scheduler: Scheduler) -> None:
    job = scheduler.submit(utterance(tiny, 0))
    job.heard = lambda: 1 // 0  # type: ignore[assignment,return-value]
    assert samples(job).any()
    assert samples(scheduler.submit(utterance(tiny, 1))).any()


def test_who_writes_no_more_is_not_waited_for(tiny: Myna) -> None:
    with Scheduler(tiny.engine, limits=Limits(silence=1.0, saying=1)) as scheduler:
        job = scheduler.open(utterance(tiny, 0))
        job.write("Good morning to you. And ")
        waits = scheduler.submit(utterance(tiny, 1))
        with pytest.raises(DeadlineError, match="No more of the text"):
            samples(job)
        assert samples(waits).any()


def test_texts_are_read_by_whoever_asks(
    tiny: Myna, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    class Watched(Script):
        def __init__(self, *args: Any, **named: Any) -> None:
            threads.append(threading.current_thread())
            super().__init__(*args, **named)

    monkeypatch.setattr("myna.synthesis.scheduler.Script", Watched)
    assert samples(scheduler.submit(utterance(tiny, 0))).any()
    assert threads == [threading.current_thread()]


def test_reading_what_is_written_lets_others_speak(
    tiny: Myna, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    add, advance = Growing.add, type(tiny.engine.generation()).advance

    def reading(growing: Any, piece: str) -> Any:
        events.append("read")
        return add(growing, piece)

    def drawing(generation: Any, drawings: Any) -> None:
        events.append("token")
        advance(generation, drawings)

    monkeypatch.setattr(Growing, "add", reading)
    monkeypatch.setattr(type(tiny.engine.generation()), "advance", drawing)
    speaking = scheduler.submit(utterance(tiny, 0, text=" ".join(TEXTS * 4)))
    assert speaking.take() is not None
    writing = scheduler.open(utterance(tiny, 1))
    for letter in "wordless" * 3:
        writing.write(letter)
    assert samples(speaking).any()
    writing.cancel()
    assert events.count("read") == 24
    assert "read read" not in " ".join(events[: events.index("read") + 40])


def test_other_work_leaves_time_for_those_who_speak(tiny: Myna, scheduler: Scheduler) -> None:
    job = scheduler.submit(utterance(tiny, 0, text=" ".join(TEXTS * 8)))
    assert job.take() is not None
    began: list[float] = []

    def work() -> None:
        began.append(time.monotonic())
        time.sleep(0.05)

    for each in [scheduler.ask(work) for _ in range(5)]:
        each.result(30)
    job.cancel()
    assert np.diff(began).min() > 0.095
    blocked = threading.Event()
    with Scheduler(tiny.engine, limits=Limits(waiting=0, saying=1)) as small:
        first = small.ask(lambda: blocked.wait(10))
        with pytest.raises(BusyError):
            small.ask(work)
        assert small.busy
        blocked.set()
        assert first.result(10)


def test_listeners_who_run_dry_come_before_answers_that_are_heard_whole() -> None:
    asked = utterance(Myna.load("tiny"), 0)

    def need(left: float | None, guard: Guard | None = None, **known: float) -> Any:
        job = Job(asked, Pacing(), guard=guard)
        job.give(Audio(np.zeros(round(1000 * known.pop("unheard", 0.0)), np.float32), 1000))
        telling: Any = SimpleNamespace(buffer=SimpleNamespace(left=left))
        nothing = Need(0, 0)
        return Speaker(job, telling, 1, nothing, 0.0, **known).need

    whole = need(None, Guard())
    assert need(None) < need(0.2) < whole < need(0.8) < need(5.0)
    # Who had much less than an equal share does not wait for ever.
    assert need(None, Guard(), due=1.0) < need(-0.5)
    # Of two that nobody hears in time, the one for which less was done comes first.
    assert need(None, Guard(), due=2.0, served=2.0) < need(-30.0, due=3.0, served=3.0)
    # Whoever fetches nothing has enough to hear.
    assert need(0.8) < need(-30.0, unheard=10.0)


def test_takes_of_a_sentence_count_as_memory(tiny: Myna) -> None:
    script = Script(tiny.engine, utterance(tiny, 0), None)

    def kept(guard: Guard | None) -> int:
        job = Job(utterance(tiny, 0), Pacing(sentences=True), guard=guard)
        return need_of(script, job.pacing, job.guard, tiny.engine.spec).kept

    assert kept(Guard(check=False, retries=0)) > kept(None)
    a_take = 60.0 / 0.5 * tiny.engine.spec.rate * 4
    grown = kept(Guard(check=False, retries=16)) - kept(Guard(check=False, retries=0))
    assert grown == pytest.approx(16 * a_take)


def test_a_program_may_end_while_it_speaks() -> None:
    code = f"""
from myna import Myna, Utterance
from myna.synthesis.scheduler import Scheduler
myna = Myna.load("tiny")
scheduler = Scheduler(myna.engine)
scheduler.submit(Utterance(text={" ".join(TEXTS * 10)!r}, voice=myna.voice())).take()
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, b"")
