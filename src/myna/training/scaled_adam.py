"""ScaledAdam: Adam whose steps are relative to the size of each tensor, which is learned beside.

Published token models were trained with it. Source: icefall (Apache-2.0), described in
arXiv:2310.11230, section 4.3; values checked against recorded ones in the parity tests. Tensors of
one shape are computed together.

Letters in shapes: N tensors of a stack, K steps between two updates of the size, M steps of the
history that gradients are clipped by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from myna.errors import ConfigError

_SIZE_PERIOD = 4
_SCALAR_RATE = 0.1
"""Rate of sizes and of one-element tensors, as a factor."""
_LEAST_SIZE, _MOST_SIZE = 1e-5, 3.0
"""Root mean square of a tensor."""
_MOST_SCALAR = 10.0


class ScaledAdam(Optimizer):
    """The optimiser of published token models.

    A missing gradient counts as zero. What a step needs of earlier ones is in `state_dict`, the
    history of norms included.

    Args:
        params: parameters, or groups of them, as for every optimiser of torch.
        lr: relative change of a tensor per step, about.
        clipping: where the norm of gradients, each times the size of its tensor, is larger than the
            median of `clipping_period` steps times this, the gradients of sizes are scaled down;
            those of the tensors themselves are not, as published.
        clipping_period: steps between two updates of that median; the first ones are not clipped.

    Raises:
        ConfigError: a setting is outside its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        clipping: float = 2.0,
        clipping_period: int = 1000,
    ) -> None:
        if lr < 0 or eps <= 0 or clipping <= 0 or clipping_period < 1:
            raise ConfigError(
                f"ScaledAdam got lr {lr}, eps {eps}, clipping {clipping} and clipping_period "
                f"{clipping_period}; give positive ones."
            )
        if not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(f"betas are {betas}; give two from 0 to below 1.")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "clipping": clipping,
            "clipping_period": clipping_period,
        }
        super().__init__(params, defaults)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every parameter once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                if stacks := [_Stack.of(tensors) for tensors in _of_one_shape(group["params"])]:
                    self._step_group(group, stacks)
        return loss

    def _step_group(self, group: dict[str, Any], stacks: list[_Stack]) -> None:
        for stack in stacks:
            if not self.state[stack.tensors[0]]:
                self.state[stack.tensors[0]] = stack.fresh()
        scale = self._clip(group, stacks)
        for stack in stacks:
            state = self.state[stack.tensors[0]]
            _move(stack, state, group, scale)
            state["step"] += 1
            torch._foreach_copy_(stack.tensors, list(stack.values.unbind()))

    def _clip(self, group: dict[str, Any], stacks: list[_Stack]) -> Tensor | None:
        """Note the norm of this step, and by what to scale its gradients of sizes."""
        squares = [
            (stack.gradients * self.state[stack.tensors[0]].get("size", 1.0)).square().sum()
            for stack in stacks
        ]
        norm = torch.stack(squares).sum().sqrt()
        history = self.state[stacks[0].tensors[0]]
        step, period = history["step"], group["clipping_period"]
        norms = history.setdefault("norms", torch.zeros(period, device=norm.device))
        norms[step % period] = norm
        if step < period:
            return None
        if step % period == 0:
            median = norms.sort().values[period // 4 * 2]
            history["threshold"] = group["clipping"] * median
        # As a tensor: reading it here would make the host wait for the device at every step.
        scale: Tensor = (history["threshold"] / (norm + 1e-20)).clamp(max=1.0)
        return scale


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """Parameters of one shape, copied together."""

    tensors: list[Tensor]
    values: Tensor
    """(N, ...)"""
    gradients: Tensor

    @classmethod
    def of(cls, tensors: list[Tensor]) -> _Stack:
        gradients = [torch.zeros_like(t) if t.grad is None else t.grad for t in tensors]
        return cls(tensors, torch.stack(tensors), torch.stack(gradients))

    @property
    def scalar(self) -> bool:
        return self.values[0].numel() == 1

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(range(1, self.values.ndim))

    def size(self) -> Tensor:
        """Root mean square of each, (N, 1, ...)."""
        return self.values.square().mean(self.axes, keepdim=True).sqrt()

    def fresh(self) -> dict[str, Any]:
        """State before the first step."""
        state: dict[str, Any] = {
            "step": 0,
            "delta": torch.zeros_like(self.values),
            "square": torch.zeros_like(self.values),
        }
        if not self.scalar:
            size = self.size()
            state["size"] = size
            state["size_square"] = torch.zeros_like(size)
            state["size_gradients"] = size.new_zeros(_SIZE_PERIOD, *size.shape)
        return state


def _of_one_shape(parameters: Iterable[Tensor]) -> list[list[Tensor]]:
    found: dict[tuple[Any, ...], list[Tensor]] = {}
    for parameter in parameters:
        if parameter.requires_grad:
            key = (parameter.shape, parameter.dtype, parameter.device)
            found.setdefault(key, []).append(parameter)
    return list(found.values())


def _move(stack: _Stack, state: dict[str, Any], group: dict[str, Any], clip: Tensor | None) -> None:
    """One step of one stack: its `values` change."""
    beta1, beta2 = group["betas"]
    rate, step, delta, gradients = group["lr"], state["step"], state["delta"], stack.gradients
    delta.mul_(beta1)
    if not stack.scalar:
        period = _SIZE_PERIOD
        products = (stack.values * gradients).sum(stack.axes, keepdim=True)
        if clip is not None:
            products = products * clip
        state["size_gradients"][step % period] = products
        if step % period == period - 1:
            state["size"].copy_(stack.size())
            _resize(stack, state, group)
    state["square"].mul_(beta2).addcmul_(gradients, gradients, value=1 - beta2)
    square, known = state["square"], 1 - beta2 ** (step + 1)
    # The published optimiser stops correcting here; scalars it corrects for ever.
    if known < 0.99 or stack.scalar:
        square = square / known
    direction = gradients / (square.sqrt() + group["eps"])
    if stack.scalar:
        delta.add_(direction, alpha=-rate * _SCALAR_RATE * (1 - beta1))
        stack.values.clamp_(-_MOST_SCALAR, _MOST_SCALAR)
    else:
        delta.add_(direction * state["size"].clamp(min=_LEAST_SIZE), alpha=-rate * (1 - beta1))
    stack.values.add_(delta)


def _resize(stack: _Stack, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Add to `delta` what makes tensors larger or smaller, by Adam on the logarithm of size."""
    beta1, beta2 = group["betas"]
    rate, beta = group["lr"] * _SCALAR_RATE, beta2**_SIZE_PERIOD
    gradients, square, size = state["size_gradients"], state["size_square"], state["size"]
    square.mul_(beta).add_(gradients.square().mean(0), alpha=1 - beta)
    updates = (state["step"] + 1) // _SIZE_PERIOD
    known = 1 - beta**updates
    change = gradients.sum(0) / (square.sqrt() + group["eps"]) * (-rate * known**0.5)
    change = change.masked_fill(size < _LEAST_SIZE, 0.0)
    change = change.masked_fill(size > _MOST_SIZE, -rate * _SIZE_PERIOD)
    state["delta"].add_(stack.values * change, alpha=1 - beta1)
