"""A moving average of weights: steadier than the weights of any one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from myna.errors import ConfigError


class Average:
    """Exponential moving average of the parameters that train in some of the nets.

    After step n it moves by 1 - min(decay, (1 + n) / (10 + n)) of the way, so that the first steps
    do not hold on to where the run began.

    Args:
        names: of the nets that it follows.
        decay: 0 keeps no average, and all here does nothing.

    Raises:
        ConfigError: an average is asked for, and there is nothing to follow.
    """

    def __init__(self, nets: nn.ModuleDict, names: Sequence[str], decay: float) -> None:
        self._decay = decay
        self._live: dict[str, nn.Parameter] = {}
        if decay:
            self._live = {
                f"{name}.{inner}": parameter
                for name in names
                for inner, parameter in nets[name].named_parameters()
                if parameter.requires_grad
            }
            if not self._live:
                raise ConfigError(
                    f"average is {decay}, but this task has no nets to average that train; use 0."
                )
        self._kept = {name: live.detach().clone() for name, live in self._live.items()}

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The averages by name of parameter in the nets; empty if none are kept."""
        return self._kept

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from saved averages of the same parameters."""
        assert tensors.keys() == self._kept.keys()
        for name, tensor in tensors.items():
            self._kept[name].copy_(tensor)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the weights as they are after this step, counted from 1."""
        weight = 1.0 - min(self._decay, (1 + step) / (10 + step))
        for name, live in self._live.items():
            self._kept[name].lerp_(live, weight)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block, the nets have the averaged weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for name, live in self._live.items():
            live.data, self._kept[name] = self._kept[name], live.data
