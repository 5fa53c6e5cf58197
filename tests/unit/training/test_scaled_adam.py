"""ScaledAdam: what the recorded run of toy tensors does not show."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from myna.errors import ConfigError
from myna.training.scaled_adam import ScaledAdam

STEPS = 12


def parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (5,), (1,), (4, 3), (), (2, 2, 2)]
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def train(moves: ScaledAdam, values: list[nn.Parameter], start: int, stop: int) -> None:
    for step in range(start, stop):
        generator = torch.Generator().manual_seed(step)
        for value in values:
            value.grad = torch.randn(value.shape, generator=generator) * (20 if step == 9 else 1)
        moves.step()


def by_hand(
    values: list[np.ndarray], gradients: list[list[np.ndarray]], rate: float, period: int
) -> None:
    """The same, one tensor at a time, in float64."""
    beta1, beta2, eps = 0.9, 0.95, 1e-8
    size = [np.sqrt(np.mean(v**2)) for v in values]
    delta, square = [np.zeros_like(v) for v in values], [np.zeros_like(v) for v in values]
    products: list[list[float]] = [[] for _ in values]
    size_square, norms, most = [0.0] * len(values), [0.0] * period, 0.0
    for step, now in enumerate(gradients):
        terms = [g * (1 if v.size == 1 else s) for v, g, s in zip(values, now, size, strict=True)]
        norms[step % period] = np.sqrt(sum((term**2).sum() for term in terms))
        if step % period == 0:
            most = 2 * sorted(norms)[period // 4 * 2]
        clip = min(1, most / norms[step % period]) if step >= period else 1
        for i, gradient in enumerate(now):
            delta[i] *= beta1
            products[i].append(float((values[i] * gradient).sum()) * clip)
            if step % 4 == 3 and values[i].size > 1:
                size[i] = np.sqrt(np.mean(values[i] ** 2))
                last, beta = products[i][-4:], beta2**4
                size_square[i] = beta * size_square[i] + (1 - beta) * np.mean(np.square(last))
                known = 1 - beta ** ((step + 1) // 4)
                change = -rate / 10 * np.sqrt(known) * sum(last) / (np.sqrt(size_square[i]) + eps)
                change = -4 * rate / 10 if size[i] > 3 else change
                delta[i] += (1 - beta1) * values[i] * change
            square[i] = beta2 * square[i] + (1 - beta2) * gradient**2
            known = 1 - beta2 ** (step + 1)
            if values[i].size > 1 and known >= 0.99:
                known = 1
            wanted = gradient / (np.sqrt(square[i] / known) + eps)
            if values[i].size == 1:
                values[i][...] = np.clip(values[i], -10, 10)
            scale = 0.1 if values[i].size == 1 else size[i]
            delta[i] -= rate * (1 - beta1) * scale * wanted
            values[i] += delta[i]


def test_against_one_tensor_at_a_time() -> None:
    ours = parameters()
    with torch.no_grad():
        ours[3].mul_(8)  # above the largest size
        ours[2].fill_(11.0)  # above the largest number
    values = [value.detach().double().numpy().copy() for value in ours]
    generator = torch.Generator().manual_seed(3)
    gradients = [
        [torch.randn(v.shape, generator=generator) * (30 if step in (40, 90) else 1) for v in ours]
        for step in range(100)
    ]
    by_hand(values, [[g.double().numpy() for g in each] for each in gradients], 0.02, 8)
    moves = ScaledAdam(ours, lr=0.02, clipping_period=8)
    for each in gradients:
        for value, gradient in zip(ours, each, strict=True):
            value.grad = gradient
        moves.step()
    for value, expected in zip(ours, values, strict=True):
        np.testing.assert_allclose(value.detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_resuming_goes_on_exactly() -> None:
    straight = parameters()
    train(ScaledAdam(straight, clipping_period=4), straight, 0, STEPS)

    for stop in (1, 3, 6, 10):
        first = parameters()
        moves = ScaledAdam(first, clipping_period=4)
        train(moves, first, 0, stop)
        kept = copy.deepcopy(moves.state_dict())
        second = [nn.Parameter(value.detach().clone()) for value in first]
        moves = ScaledAdam(second, clipping_period=4)
        moves.load_state_dict(kept)
        train(moves, second, stop, STEPS)
        for value, other in zip(straight, second, strict=True):
            assert torch.equal(value, other)


def test_the_state_is_tensors_and_numbers() -> None:
    values = parameters()
    moves = ScaledAdam(values, clipping_period=2)
    train(moves, values, 0, 3)
    for state in moves.state_dict()["state"].values():
        assert all(isinstance(part, int | torch.Tensor) for part in state.values())


def test_a_tensor_moves_the_same_alone_and_beside_others_of_its_shape() -> None:
    together, alone = parameters(), parameters()[3:4]
    # Clipping looks at all tensors, so there is none.
    moves, other = ScaledAdam(together), ScaledAdam(alone)
    train(moves, together, 0, 9)
    for step in range(9):
        generator = torch.Generator().manual_seed(step)
        for value in together[:4]:
            gradient = torch.randn(value.shape, generator=generator)
        alone[0].grad = gradient
        other.step()
    assert torch.equal(together[3], alone[0])


def test_steps_are_relative_to_size() -> None:
    small, large = (nn.Parameter(torch.tensor([1.0, -1.0]) * size) for size in (0.01, 1.0))
    for value in (small, large):
        moves = ScaledAdam([value], lr=0.01)
        value.grad = torch.tensor([1.0, 1.0])
        moves.step()
    moved = [
        (value.detach() - value.detach().sign() * size) / size
        for value, size in ((small, 0.01), (large, 1.0))
    ]
    torch.testing.assert_close(moved[0], moved[1], rtol=1e-4, atol=0)
    # Momentum builds up from nothing: a tenth of the rate at first.
    torch.testing.assert_close(moved[1], torch.full((2,), -0.001), rtol=1e-3, atol=0)


def test_frozen_parameters_stay_and_missing_gradients_are_zeros() -> None:
    frozen, idle, moved = parameters()[0], parameters()[1], parameters()[2]
    frozen.requires_grad = False
    before = frozen.clone(), idle.detach().clone(), moved.detach().clone()
    moves = ScaledAdam([frozen, idle, moved])
    moved.grad = torch.ones_like(moved)
    moves.step()
    assert torch.equal(frozen, before[0])
    assert torch.equal(idle, before[1])
    assert not torch.equal(moved, before[2])


def test_it_learns() -> None:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(64, 8, generator=generator)
    outputs = inputs @ torch.randn(8, 4, generator=generator)
    weight = nn.Parameter(torch.randn(8, 4, generator=generator))
    moves = ScaledAdam([weight], lr=0.05)
    losses = []
    for _ in range(200):
        loss = (inputs @ weight - outputs).square().mean()
        losses.append(float(loss.detach()))
        moves.zero_grad()
        loss.backward()
        moves.step()
    assert losses[-1] < losses[0] / 100


@pytest.mark.parametrize(
    "wrong",
    [{"lr": -1.0}, {"eps": 0.0}, {"clipping": 0.0}, {"clipping_period": 0}, {"betas": (0.9, 1.0)}],
)
def test_settings_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        ScaledAdam(parameters(), **wrong)  # type: ignore[arg-type]
