"""The training loop, the same for whatever is trained.

Batches come in an order that the seed and the epoch decide; at each step every player moves once;
now and then held-out examples are evaluated, samples made and everything saved. A run that was
interrupted, at any moment, goes on from its folder and ends with the same weights as one that was
not, bit for bit on a CPU.

    run.json          what the run is, and why it ended
    log.jsonl         see `myna.training.logs`, with `samples` and `tensorboard`
    checkpoint.json   see `myna.training.state`, with `state` and `best`
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from myna.errors import ConfigError, TrainingError
from myna.files import locked
from myna.training.averages import Average
from myna.training.batches import ahead, check, from_place, share
from myna.training.device_memory import gpu_use, used_bytes
from myna.training.evaluating import held_out_losses, samples
from myna.training.interrupts import Interrupts, heard
from myna.training.logs import Logs
from myna.training.precision import PRECISIONS
from myna.training.processes import Group, joined
from myna.training.resuming import Counters, gathered, identity, restore
from myna.training.state import Best, checkpoint, load, save, save_best
from myna.training.status import seconds_left, write_card
from myna.training.stepping import Share, Stepper, StepResult
from myna.training.task import Examples, LoopSettings, Task

log = logging.getLogger(__name__)

_MOST_UNMOVED = 10
"""Steps in a row with gradients that are no finite numbers, after which the run gives up."""
_RECENT = 50
"""Steps whose time tells how long others take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run is after a step."""

    step: int
    steps: int
    losses: Mapping[str, float]
    """Of the step, see `myna.training.logs`."""
    seconds_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended."""

    steps: int
    """Done, those of earlier starts included."""
    stopped_by: str
    """`steps`: all were done; `patience`: held-out examples got no better; `interrupt`: Ctrl-C or
    SIGTERM; `stop`: the caller said so. After the last two it can go on."""
    best_step: int | None
    best_loss: float | None
    """On held-out examples."""
    seconds: float
    """Taken, those of earlier starts included."""


def run(
    task: Task,
    examples: Examples,
    held_out: Examples,
    settings: LoopSettings,
    folder: str | Path,
    *,
    device: str = "auto",
    tensorboard: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Train, or go on training where the run in `folder` stands.

    Ctrl-C and SIGTERM end the run after the step that is under way, with everything saved; a second
    one ends it at once, and it can go on from what was saved before.

    Args:
        held_out: may be empty; then there are no evaluations and no best weights.
        folder: of this run alone.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        on_progress: called after each step, in the first process.
        should_stop: asked after each step; True ends the run with everything saved.

    Raises:
        ConfigError: settings are out of range.
        TrainingError: training cannot start or go on; the folder keeps what was saved last.
        MissingExtraError: a package that logs or pictures need is missing.
    """
    folder = Path(folder)
    check_settings(settings)
    check(examples, settings)
    if len(held_out):
        check(held_out, settings)
    else:
        log.warning("There are no held-out examples, so nothing tells which weights are best.")
    with (
        joined(device) as group,
        locked(folder, TrainingError) if group.first else nullcontext(),
        heard() as interrupts,
    ):
        training = _Run(task, examples, held_out, settings, folder, group)
        return training.go(tensorboard, interrupts, on_progress, should_stop)


class _Run:
    """A run under way."""

    def __init__(
        self,
        task: Task,
        examples: Examples,
        held_out: Examples,
        settings: LoopSettings,
        folder: Path,
        group: Group,
    ) -> None:
        self._task, self._settings, self._folder, self._group = task, settings, folder, group
        self._examples, self._held_out = examples, held_out
        task.nets.to(group.device)
        self._stepper = Stepper(task, settings, group)
        self._average = Average(task.nets, task.averaged, settings.average)
        self._identity = identity(task, settings, examples, held_out)
        self._counters = Counters()
        self._best: Best | None = None
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._logs: Logs | None = None

    def go(
        self,
        tensorboard: bool,
        interrupts: Interrupts,
        on_progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> Outcome:
        """Train to the end."""
        settings, counters = self._settings, self._resumed()
        with self._logging(tensorboard), closing(self._shares()) as shares:
            ending = self._ending()
            if counters.step == 0:
                self._evaluate()
            while not ending:
                started = time.perf_counter()
                epoch, place, rows, share = next(shares)
                result = self._stepper.step(share, counters.step + 1, epoch)
                counters.step, counters.epoch, counters.place = counters.step + 1, epoch, place + 1
                self._average.update(counters.step)
                self._check_movement(result)
                counters.seconds += time.perf_counter() - started
                self._log(result, rows, time.perf_counter() - started)
                last = counters.step >= settings.steps
                if last or _due(counters.step, settings.evaluate_every):
                    self._evaluate()
                if _due(counters.step, settings.sample_every):
                    self._sample()
                if on_progress is not None and self._group.first:
                    on_progress(self._progress(result))
                ending = self._ending(interrupts, should_stop)
                if ending or _due(counters.step, settings.save_every):
                    self._save()
        if self._group.first:
            write_card(self._folder, self._task.name, settings, ending)
        # Who comes back from here finds all files written.
        self._group.wait()
        return Outcome(
            steps=counters.step,
            stopped_by=ending,
            best_step=self._best.step if self._best else None,
            best_loss=self._best.loss if self._best else None,
            seconds=counters.seconds,
        )

    def _resumed(self) -> Counters:
        """Go back to what was saved, if anything was."""
        state = load(self._folder)
        counting = checkpoint(self._folder)
        step = counting.step if counting else 0
        # All have read once all have answered, so that nobody writes too early.
        if self._group.highest(step) != -self._group.highest(-step):
            raise TrainingError(
                f"The processes of this run do not see the same files in {self._folder}. Give all "
                f"of them one folder, on a disk that they share."
            )
        if state is None:
            self._group.share_weights(self._task.nets)
        else:
            self._counters = restore(
                state, self._task, self._stepper, self._average, self._identity, self._folder
            )
            self._best = counting.best if counting else None
            log.info("Going on after step %d.", self._counters.step)
        return self._counters

    @contextmanager
    def _logging(self, tensorboard: bool) -> Iterator[None]:
        if not self._group.first:
            yield
            return
        write_card(self._folder, self._task.name, self._settings)
        # Before the first state nothing counts, not even what was found before the first step.
        step = self._counters.step or -1
        with closing(Logs(self._folder, step, tensorboard=tensorboard)) as self._logs:
            yield

    def _shares(self) -> Generator[tuple[int, int, int, Share], None, None]:
        """Epoch, place in it, rows of the whole batch, and this process's share, from here on."""
        return ahead(self._made_shares())

    def _made_shares(self) -> Iterator[tuple[int, int, int, Share]]:
        counters, group = self._counters, self._group
        for epoch, place, rows in from_place(
            self._examples.lengths, self._settings, counters.epoch, counters.place
        ):
            own = share(rows, group.rank, group.world)
            examples = [self._examples[row] for row in own or rows[:1]]
            yield epoch, place, len(rows), self._stepper.share(examples, counts=bool(own))

    def _check_movement(self, result: StepResult) -> None:
        if not result.unmoved:
            self._counters.unmoved = 0
            return
        self._counters.unmoved += 1
        at_fault = ", ".join(result.unmoved)
        log.warning("Step %d: no finite gradients of %s.", self._counters.step, at_fault)
        if self._counters.unmoved >= _MOST_UNMOVED:
            raise TrainingError(
                f"For {_MOST_UNMOVED} steps in a row, the last of them {self._counters.step}, the "
                f"gradients were no finite numbers: {at_fault}. Lower the learning rate, set "
                f"`clip`, or use precision float32; then go on from what was saved last."
            )

    def _evaluate(self) -> None:
        """Note how held-out examples do; keep the weights if they never did better."""
        if not self._settings.evaluate_every or not len(self._held_out):
            return
        counters, pieces = self._counters, self._stepper.pieces
        with self._average.in_place():
            losses = held_out_losses(
                self._task, self._held_out, self._settings, self._group, pieces
            )
            if self._logs:
                self._logs.held_out(counters.step, losses)
            if counters.step == 0:
                return
            loss = losses["loss"]
            if math.isfinite(loss) and (self._best is None or loss < self._best.loss):
                counters.misses = 0
                self._best = self._save_best(loss)
            else:
                counters.misses += 1

    def _save_best(self, loss: float) -> Best:
        name, step = self._task.name, self._counters.step
        if not self._group.first:
            return Best(step=step, loss=loss, file="")
        return save_best(self._folder, name, step, loss, self._task.nets.state_dict())

    def _sample(self) -> None:
        if self._logs and len(self._held_out):
            with self._average.in_place():
                made = samples(self._task, self._held_out, self._settings, self._group.device)
            self._logs.samples(self._counters.step, made)

    def _ending(
        self,
        interrupts: Interrupts | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> str:
        """Why the run ends here, the same in all processes; empty if it does not."""
        settings, counters = self._settings, self._counters
        if counters.step >= settings.steps:
            return "steps"
        if settings.patience and counters.misses >= settings.patience:
            return "patience"
        asked = 1 if should_stop is not None and should_stop() else 0
        if interrupts is not None and interrupts.asked:
            asked = 2
        return ("", "stop", "interrupt")[self._group.highest(asked)]

    def _save(self) -> None:
        if self._logs:
            self._logs.flush()
            state = gathered(
                self._task, self._stepper, self._average, self._counters, self._identity
            )
            save(self._folder, self._task.name, self._counters.step, state, self._best)

    def _log(self, result: StepResult, rows: int, seconds: float) -> None:
        self._recent.append(self._counters.seconds)
        if self._logs:
            self._logs.step(
                self._counters.step,
                epoch=self._counters.epoch,
                losses=result.losses,
                rates=result.rates,
                norms=result.norms,
                rows=rows,
                examples_per_second=rows / max(seconds, 1e-9),
                seconds=self._counters.seconds,
                memory=used_bytes(self._group.device),
                gpu_use=gpu_use(self._group.device),
            )

    def _progress(self, result: StepResult) -> Progress:
        return Progress(
            step=self._counters.step,
            steps=self._settings.steps,
            losses=result.losses,
            seconds_left=seconds_left(
                list(self._recent), self._settings.steps - self._counters.step
            ),
        )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def check_settings(settings: LoopSettings) -> None:
    """Check what nobody else does.

    Raises:
        ConfigError: a setting is out of range.
    """
    least = {
        "steps": 1,
        "budget": 1,
        "most_rows": 1,
        "pieces": 1,
        "clip": 0,
        "evaluate_every": 0,
        "sample_every": 0,
        "save_every": 0,
        "patience": 0,
    }
    for name, lowest in least.items():
        if not getattr(settings, name) >= lowest:
            raise ConfigError(f"{name} is {getattr(settings, name)}; it is {lowest} or more.")
    if not 0 <= settings.average < 1:
        raise ConfigError(f"average is {settings.average}; it is 0 to below 1.")
    if settings.precision not in PRECISIONS:
        raise ConfigError(
            f"precision is {settings.precision!r}; it is one of {', '.join(PRECISIONS)}."
        )
