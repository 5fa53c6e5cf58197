"""Say all lines of a plan that are not said yet, here or in several processes.

What is finished is on disk at once, so a run that ends in whatever way goes on from there. A line
that fails stops no other.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from myna.apps.batch.casting import Part
from myna.apps.batch.keeping import Keeping
from myna.apps.batch.manifest import MADE, Row
from myna.apps.batch.planning import Plan, Task
from myna.apps.batch.saying import Said, Speaker
from myna.apps.batch.settings import Equipment
from myna.dataset.processes import deaf, processes
from myna.errors import DatasetError
from myna.files import locked

_AHEAD = 2
"""Lines that wait for each process: enough that none idles, few enough that Ctrl-C is quick."""


@dataclass(frozen=True, slots=True)
class Order:
    """A line to say now."""

    task: Task
    part: Part
    attempt: int
    """How often it failed before."""


Answers = Generator[tuple[int, Said], None, None]
Crew = Callable[[Sequence[Order]], Answers]
"""Says orders in any order: the place of each among them, and what became of it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    """Lines, those of earlier runs among them."""
    total: int
    failed: int
    seconds: float
    """Of speech that was made in this run."""
    left: float | None
    """Seconds that the rest will take, by what was written so far; None if nobody knows yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    rows: tuple[Row, ...]
    """Of all lines, in the order of the script."""
    made: int
    """Lines that were said in this run."""
    kept: int
    """Lines that were there already."""
    stray: tuple[str, ...]
    """Files of earlier runs that are of no line any more; they are left where they are."""
    elapsed: float

    @property
    def failed(self) -> tuple[Row, ...]:
        """Lines without a recording."""
        return tuple(row for row in self.rows if row.status != MADE)


def run(
    plan: Plan,
    folder: Path,
    crew: Crew,
    *,
    retry_failed: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    finishing: Callable[[tuple[Row, ...]], Iterable[Row]] | None = None,
) -> Outcome:
    """Make what is missing or changed.

    Args:
        plan: without faults.
        folder: of the recordings and the manifest.
        crew: who says the lines, see `here` and `elsewhere`.
        retry_failed: say those that failed again, too.
        finishing: called with the rows once all lines are there; gives those that changed by it.

    Raises:
        DatasetError: another run works in the folder, or a process was ended from outside.
        MynaError: no line can be said: a package or a model is missing, say.
        OSError: the disk is full, say.
    """
    assert not plan.faults, "a script with faults is not spoken"
    started = time.monotonic()
    with locked(folder, DatasetError):
        keeping = Keeping(folder, plan.tasks, plan.parts)
        orders: list[Order] = []
        kept = len(keeping.rows)
        for task in sorted(plan.tasks, key=lambda task: (plan.parts[task.part].model, task.number)):
            if task.number in keeping.rows:
                continue
            attempts = keeping.attempts(task)
            if attempts and not retry_failed:
                keeping.still_failed(task)
            else:
                orders.append(Order(task, plan.parts[task.part], attempts))
        try:
            _work(orders, crew, keeping, len(plan.tasks), on_progress)
            if finishing is not None:
                keeping.replace(finishing(_in_order(keeping)))
        finally:
            stray = keeping.finish()
    return Outcome(
        rows=_in_order(keeping),
        made=sum(keeping.rows[order.task.number].status == MADE for order in orders),
        kept=kept,
        stray=tuple(stray),
        elapsed=time.monotonic() - started,
    )


def here(equipment: Equipment) -> Crew:
    """Say lines one after another in this process."""

    def crew(orders: Sequence[Order]) -> Answers:
        speaker = Speaker(equipment)
        for place, order in enumerate(orders):
            yield place, speaker.say(order.task, order.part, order.attempt)

    return crew


def elsewhere(equipment: Equipment, jobs: int) -> Crew:
    """Say lines in several processes, each with a model of its own and its share of the cores."""

    def crew(orders: Sequence[Order]) -> Answers:
        count = max(1, min(jobs, len(orders)))
        cores = max(1, _cores() // count)
        waiting: dict[Future[Said], int] = {}
        rest = iter(enumerate(orders))
        pool = processes(count)
        try:
            while True:
                for place, order in rest:
                    with deaf():  # it may start a process
                        future = pool.submit(_say, equipment, cores, order)
                    waiting[future] = place
                    if len(waiting) >= count * _AHEAD:
                        break
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            raise DatasetError(
                "A process that spoke was ended from outside, most likely because memory ran out. "
                "What is finished is kept: run the same again, with fewer --jobs."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return crew


def _say(equipment: Equipment, cores: int, order: Order) -> Said:
    """One line, in whatever process."""
    return _speaker(equipment, cores).say(order.task, order.part, order.attempt)


@cache
def _speaker(equipment: Equipment, cores: int) -> Speaker:
    """The one of this process, which was started for nothing else."""
    if hasattr(os, "sched_setaffinity"):
        # As many as are free for it, so that processes do not take turns on all of them.
        there = sorted(os.sched_getaffinity(0))
        first = os.getpid() * cores % len(there)
        os.sched_setaffinity(0, {there[(first + at) % len(there)] for at in range(cores)})
    return Speaker(equipment)


def _work(
    orders: Sequence[Order],
    crew: Crew,
    keeping: Keeping,
    total: int,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    tell = on_progress or (lambda _: None)
    started = time.monotonic()
    written, all_of_it = 0, sum(len(order.task.entry.text) for order in orders)
    seconds = 0.0

    def progress() -> Progress:
        spent = time.monotonic() - started
        failed = sum(row.status != MADE for row in keeping.rows.values())
        left = spent / written * (all_of_it - written) if written else None
        return Progress(len(keeping.rows), total, failed, seconds, left)

    tell(progress())
    with closing(crew(orders)) as answers:  # its processes end with it
        for place, said in answers:
            order = orders[place]
            keeping.add(order.task, said, order.attempt)
            written += len(order.task.entry.text)
            seconds += said.takes[0].seconds if said.takes else 0.0
            tell(progress())


def _in_order(keeping: Keeping) -> tuple[Row, ...]:
    return tuple(keeping.rows[number] for number in sorted(keeping.rows))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
