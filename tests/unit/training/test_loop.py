"""A run learns, is exact to repeat, split and resume, and says why it ends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
# ruff: noqa: E402 - the rest can be imported only with torch

from myna.errors import ConfigError, TrainingError
from myna.training.loop import Outcome, Progress, run
from myna.training.state import checkpoint, load, weights
from myna.training.task import LoopSettings, OptimiserSettings, ScheduleSettings
from toy_tasks import Contest, Regression, Rows

ROWS, HELD_OUT = Rows(24), Rows(5, seed=1, prefix="held")
SETTINGS = LoopSettings(
    steps=30,
    budget=40,
    most_rows=6,
    evaluate_every=7,
    sample_every=0,
    save_every=10,
    average=0.9,
    optimiser=OptimiserSettings(rate=1e-2),
    schedule=ScheduleSettings(kind="cosine", warmup_steps=5),
)
TASKS: dict[str, Callable[[], Any]] = {
    "regression": lambda: Regression(dropout=0.2),
    "contest": Contest,
}


def train(task: Any, folder: Path, settings: LoopSettings = SETTINGS, **more: Any) -> Outcome:
    return run(task, ROWS, HELD_OUT, settings, folder, device="cpu", **more)


def everything(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """All tensors, all facts and all lines of a run, but for times."""
    state = load(folder)
    assert state is not None
    tensors = {f"{p}/{n}": t for p, part in state.tensors.items() for n, t in part.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in weights(folder).items()}
    facts = {**state.facts, "best": checkpoint(folder)}
    del facts["counters"]["seconds"]
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    for line in lines:
        for name in ("seconds", "examples_per_second", "memory"):
            line.pop(name, None)
    return tensors, facts, lines


def assert_same(one: Path, other: Path) -> None:
    for first, second in zip(everything(one), everything(other), strict=True):
        assert type(first) is type(second)
        if isinstance(first, dict) and first and torch.is_tensor(next(iter(first.values()))):
            assert first.keys() == second.keys()
            for name in first:
                assert torch.equal(first[name], second[name]), name
        else:
            assert first == second


def test_losses_fall_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    seen: list[Progress] = []
    outcome = train(Regression(), tmp_path, replace(SETTINGS, steps=150), on_progress=seen.append)
    assert (outcome.steps, outcome.stopped_by) == (150, "steps")
    assert [each.step for each in seen] == list(range(1, 151))
    assert seen[-1].seconds_left == 0
    assert seen[20].seconds_left is not None
    lines = everything(tmp_path)[2]
    losses = [line["losses"]["loss"] for line in lines if line["kind"] == "held_out"]
    assert min(losses) < 0.15 * losses[0]
    assert outcome.best_loss == min(losses[1:])
    # The best weights are the averaged ones, and give the loss that was noted.
    task = Regression()
    task.nets.load_state_dict(weights(tmp_path))
    task.nets.eval()
    batch = task.collate([HELD_OUT[index] for index in range(len(HELD_OUT))])
    with torch.no_grad():
        loss = task.evaluate(batch)["loss"] / task.denominators(batch)["loss"]
    assert float(loss) == pytest.approx(outcome.best_loss, rel=1e-5)
    assert list((tmp_path / "best").iterdir()) == [
        tmp_path / "best" / f"regression-{outcome.best_step:08d}.safetensors"
    ]


@pytest.mark.parametrize(
    ("kind", "optimiser"), [("regression", "scaled_adam"), ("contest", "adamw")]
)
def test_an_interrupted_run_equals_an_uninterrupted_one(
    kind: str, optimiser: str, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, optimiser=OptimiserSettings(kind=optimiser, rate=1e-2))
    train(TASKS[kind](), tmp_path / "whole", settings)
    for ends in ([1, 2], [7, 19], [10, 29]):
        folder = tmp_path / str(ends[0])
        for end in ends:
            steps: list[Progress] = []
            outcome = train(
                TASKS[kind](),
                folder,
                settings,
                on_progress=steps.append,
                should_stop=lambda s=steps, e=end: s[-1].step >= e,  # type: ignore[misc]
            )
            assert (outcome.stopped_by, outcome.steps) == ("stop", end)
        assert train(TASKS[kind](), folder, settings).stopped_by == "steps"
        assert_same(tmp_path / "whole", folder)


def test_a_killed_run_goes_on_from_what_was_saved(tmp_path: Path) -> None:
    train(Regression(dropout=0.2), tmp_path / "whole")

    def die(progress: Progress) -> None:
        if progress.step == 25:
            raise MemoryError

    with pytest.raises(MemoryError):
        train(Regression(dropout=0.2), tmp_path / "killed", on_progress=die)
    assert checkpoint(tmp_path / "killed").step == 20  # type: ignore[union-attr]
    train(Regression(dropout=0.2), tmp_path / "killed")
    assert_same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_after_the_step_with_everything_saved(
    number: signal.Signals, tmp_path: Path
) -> None:
    train(Contest(), tmp_path / "whole")
    before = signal.getsignal(number)

    def press(progress: Progress) -> None:
        if progress.step == 12:
            os.kill(os.getpid(), number)

    outcome = train(Contest(), tmp_path / "pressed", on_progress=press)
    assert (outcome.stopped_by, outcome.steps) == ("interrupt", 12)
    assert signal.getsignal(number) is before
    assert checkpoint(tmp_path / "pressed").step == 12  # type: ignore[union-attr]
    train(Contest(), tmp_path / "pressed")
    assert_same(tmp_path / "whole", tmp_path / "pressed")


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    def press(progress: Progress) -> None:
        if progress.step == 12:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(Contest(), tmp_path, on_progress=press)
    assert checkpoint(tmp_path).step == 10  # type: ignore[union-attr]


def test_a_run_goes_on_with_more_steps_but_not_with_other_settings(tmp_path: Path) -> None:
    constant = replace(SETTINGS, schedule=ScheduleSettings(), evaluate_every=6)
    train(Contest(), tmp_path / "whole", replace(constant, steps=42))
    train(Contest(), tmp_path / "longer", constant)
    changed = replace(constant, clip=1.0, optimiser=OptimiserSettings(rate=0.5))
    with pytest.raises(TrainingError, match=r"clip was 0\.0 and is 1\.0") as error:
        train(Contest(), tmp_path / "longer", changed)
    assert "optimiser.rate was 0.01 and is 0.5" in str(error.value)
    assert "budget" not in str(error.value)
    with pytest.raises(TrainingError, match="examples was 24 of lengths"):
        run(Contest(), Rows(23), HELD_OUT, constant, tmp_path / "longer", device="cpu")
    with pytest.raises(TrainingError, match="task was contest and is regression"):
        train(Regression(), tmp_path / "longer", constant)
    train(Contest(), tmp_path / "longer", replace(constant, steps=42, save_every=3))
    assert_same(tmp_path / "whole", tmp_path / "longer")


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    task = Regression()
    task.evaluate = lambda batch: {"loss": torch.tensor(float(len(batch.keys)))}  # type: ignore[method-assign]
    outcome = train(task, tmp_path, replace(SETTINGS, patience=2))
    assert (outcome.stopped_by, outcome.steps, outcome.best_step) == ("patience", 21, 7)
    again = train(task, tmp_path, replace(SETTINGS, patience=2))
    assert (again.stopped_by, again.steps) == ("patience", 21)


@pytest.mark.parametrize("task", [Regression, Contest])
def test_pieces_have_the_gradient_of_the_whole(task: Any, tmp_path: Path) -> None:
    settings = replace(SETTINGS, clip=0.5)
    for pieces in (1, 2, 6):
        train(task(dtype=torch.float64), tmp_path / str(pieces), replace(settings, pieces=pieces))
    whole = weights(tmp_path / "1", "last")
    for pieces in (2, 6):
        for name, tensor in weights(tmp_path / str(pieces), "last").items():
            torch.testing.assert_close(tensor, whole[name], rtol=1e-9, atol=1e-11)


def test_two_players_step_as_in_a_loop_written_out(tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=12, most_rows=100, budget=10_000, average=0.0)
    settings = replace(settings, schedule=ScheduleSettings(), evaluate_every=0)
    task = Contest(dtype=torch.float64)
    run(task, ROWS, HELD_OUT, settings, tmp_path, device="cpu")
    assert task.forwards == 12, "with one piece the players share the forward pass"

    other = Contest(dtype=torch.float64)
    generator, judge = other.nets["generator"], other.nets["judge"]
    batch = other.collate([ROWS[index] for index in range(len(ROWS))])
    real, mask = batch["y"][..., None], batch["mask"][..., None]
    frames = mask.sum()
    rest = {"betas": (0.8, 0.99), "eps": 1e-9, "weight_decay": 0.01}
    of_judge = torch.optim.AdamW(judge.parameters(), 1e-2, **rest)
    of_generator = torch.optim.AdamW(
        [
            {"params": generator[0].parameters(), "lr": 4e-3},
            {"params": generator[2].parameters(), "lr": 1e-2},
        ],
        **rest,
    )
    for _ in range(12):
        made = generator(batch["x"])
        loss = (((1 - judge(real)) ** 2 + judge(made.detach()) ** 2) * mask).sum() / frames
        of_judge.zero_grad()
        loss.backward()
        of_judge.step()
        near = 2 * (made - real).abs()
        of_generator.zero_grad()
        ((((1 - judge(made)) ** 2 + near) * mask).sum() / frames).backward()
        of_generator.step()
    for name, tensor in other.nets.state_dict().items():
        torch.testing.assert_close(task.nets.state_dict()[name], tensor, rtol=1e-9, atol=1e-11)


def test_a_step_without_finite_gradients_is_left_out(tmp_path: Path) -> None:
    task, other = Regression(), Regression()
    task.spoil = {5, 9}
    moved: list[Any] = []

    def keep(progress: Progress) -> None:
        moved.append(task.nets["net"][0].weight.detach().clone())

    train(task, tmp_path, on_progress=keep)
    assert torch.equal(moved[4], moved[3])
    assert not torch.equal(moved[5], moved[4])
    assert all(bool(torch.isfinite(each).all()) for each in moved)
    lines = everything(tmp_path)[2]
    spoiled = [line for line in lines if line["kind"] == "step" and line["step"] == 5]
    assert spoiled[0]["losses"]["frames"] is None

    other.spoil = set(range(12, 31))
    with pytest.raises(TrainingError, match=r"10 steps .* 21, .*net \(frames, rows, sum, logged\)"):
        train(other, tmp_path / "other")
    assert checkpoint(tmp_path / "other").step == 20  # type: ignore[union-attr]


@pytest.mark.parametrize("task", [Regression, Contest])
def test_when_memory_runs_out_the_step_is_taken_in_more_pieces(
    task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(task(dtype=torch.float64), tmp_path / "whole")
    tight = task(dtype=torch.float64)
    enough, room = tight.losses, 3

    def losses(player: str, batch: Any, shared: Any) -> Any:
        if len(batch.keys) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return enough(player, batch, shared)

    tight.losses = losses
    train(tight, tmp_path / "tight")
    whole = weights(tmp_path / "whole", "last")
    for name, tensor in weights(tmp_path / "tight", "last").items():
        torch.testing.assert_close(tensor, whole[name], rtol=1e-9, atol=1e-11)
    assert load(tmp_path / "tight").facts["pieces"] == 2  # type: ignore[union-attr]

    room = 0
    with pytest.raises(TrainingError, match="even for one row at a time"):
        train(tight, tmp_path / "none")


def test_when_memory_runs_out_in_an_evaluation_it_is_done_in_parts(tmp_path: Path) -> None:
    train(Contest(), tmp_path / "whole", replace(SETTINGS, steps=8))
    tight = Contest()
    enough = tight.evaluate

    def evaluate(batch: Any) -> Any:
        if len(batch.keys) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return enough(batch)

    tight.evaluate = evaluate  # type: ignore[method-assign]
    train(tight, tmp_path / "tight", replace(SETTINGS, steps=8))
    losses = [
        [line["losses"]["loss"] for line in everything(folder)[2] if line["kind"] == "held_out"]
        for folder in (tmp_path / "whole", tmp_path / "tight")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_products_in_bfloat16_leave_weights_in_float32(tmp_path: Path) -> None:
    task = Contest()
    dtypes = set()
    forward = task.forward

    def noted(batch: Any, draws: Any) -> Any:
        shared = forward(batch, draws)
        dtypes.add(shared.dtype)
        return shared

    task.forward = noted  # type: ignore[method-assign]
    outcome = train(task, tmp_path, replace(SETTINGS, precision="bfloat16", steps=60))
    assert dtypes == {torch.bfloat16}
    assert {tensor.dtype for tensor in weights(tmp_path).values()} == {torch.float32}
    lines = everything(tmp_path)[2]
    assert outcome.best_loss is not None
    assert outcome.best_loss < 0.6 * lines[0]["losses"]["loss"]


def test_without_held_out_examples_there_is_no_best(tmp_path: Path) -> None:
    outcome = run(Regression(), ROWS, Rows(0), SETTINGS, tmp_path, device="cpu")
    assert (outcome.steps, outcome.best_step, outcome.best_loss) == (30, None, None)
    with pytest.raises(TrainingError, match="no best weights"):
        weights(tmp_path)
    assert weights(tmp_path, "last").keys() == Regression().nets.state_dict().keys()


def test_what_torch_draws_elsewhere_is_not_touched(tmp_path: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    train(Regression(dropout=0.5), tmp_path, replace(SETTINGS, steps=3))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps is 0; it is 1 or more"),
        ({"pieces": 0}, "pieces is 0"),
        ({"clip": -1.0}, "clip is -1"),
        ({"average": 1.0}, "average is 1"),
        ({"precision": "half"}, "precision is 'half'"),
    ],
)
def test_settings_out_of_range_are_refused(
    wrong: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        train(Regression(), tmp_path, replace(SETTINGS, **wrong))


def test_two_players_may_not_move_the_same(tmp_path: Path) -> None:
    task = Contest()
    judge, generator = task.players
    task.players = (judge, replace(generator, groups=judge.groups))
    with pytest.raises(ConfigError, match="Both judge and generator"):
        train(task, tmp_path)
    task = Contest()
    task.players = (replace(judge, weights={"missing": 1.0}), generator)
    with pytest.raises(TrainingError, match="names no loss missing for judge"):
        train(task, tmp_path)
    averaged = Contest()
    averaged.averaged = ()
    with pytest.raises(ConfigError, match="no nets to average"):
        train(averaged, tmp_path)


def test_one_folder_has_one_run(tmp_path: Path) -> None:
    def again(progress: Progress) -> None:
        if progress.step == 2:
            train(Contest(), tmp_path)

    with pytest.raises(TrainingError, match="already going on"):
        train(Contest(), tmp_path, on_progress=again)
