"""Lines said on a Ray cluster: a data set of lines, and a pool of actors that each hold a model.

What comes back are recordings, which this process keeps; so the folder, the manifest and going on
after a run that was ended are the same as without, and the machines need no folder in common. The
model must be installed on each of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from myna.apps.batch.running import Answers, Crew, Order
from myna.apps.batch.saying import NOT_THE_LINE, Said, Speaker
from myna.apps.batch.settings import Equipment
from myna.errors import ConfigError, DatasetError, MynaError
from myna.extras import require

_AHEAD = 2
"""Blocks of lines that wait for each actor."""
_MOST_BLOCKS = 2000
_NEW = "local"
_WHO = "Speaking on a Ray cluster"


def on_ray(equipment: Equipment, actors: int, *, address: str | None = None) -> Crew:
    """Say lines with actors of Ray Data.

    Args:
        equipment: each actor has a GPU to itself where the device is one, else a core.
        actors: how many, at least 1.
        address: of a cluster; None for a new one on this machine, which ends with the run. One
            that somebody else runs here is joined only if it is named.

    Raises:
        MissingExtraError: Ray is not installed.
        ConfigError: there is no cluster at the address.
        DatasetError: actors were ended from outside again and again.
    """
    ray = require("ray", extra="ray", feature=_WHO)
    data = require("ray.data", extra="ray", feature=_WHO)
    failures = require("ray.exceptions", extra="ray", feature=_WHO)

    def crew(orders: Sequence[Order]) -> Answers:
        if not orders:
            return
        started = not ray.is_initialized()
        if started:
            _connect(ray, address)
        try:
            for row in _lines(data, orders, equipment, actors).iter_rows():
                said: Said | MynaError = row["said"]
                if isinstance(said, MynaError):
                    raise said
                yield row["id"], said
        except failures.RayError as error:
            raise DatasetError(
                f"Ray could not say the lines ({error}). What is finished is kept: run the same "
                f"again."
            ) from error
        finally:
            if started:
                ray.shutdown()

    return crew


class Actor:
    """Says lines in a process of its own, as Ray Data calls it."""

    def __init__(self, equipment: Equipment, orders: Sequence[Order]) -> None:
        self._speaker = Speaker(equipment)
        self._orders = orders

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The place of a line among the orders, and what became of it or ends the run."""
        order = self._orders[row["id"]]
        said: Said | MynaError
        try:
            said = self._speaker.say(order.task, order.part, order.attempt)
        except NOT_THE_LINE as error:
            said = error
        return {**row, "said": said}


def _lines(data: Any, orders: Sequence[Order], equipment: Equipment, actors: int) -> Any:
    """The data set of what becomes of lines, made as one iterates over it."""
    # A block is what an actor is given at once, and gives back at once.
    blocks = min(len(orders), _MOST_BLOCKS)
    lines = data.range(len(orders), override_num_blocks=blocks).map(
        Actor,
        fn_constructor_kwargs={"equipment": equipment, "orders": list(orders)},
        compute=data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=_AHEAD),
        **({"num_gpus": 1} if equipment.device.startswith("cuda") else {"num_cpus": 1}),
    )
    lines.context.enable_progress_bars = False  # there is one already
    return lines


def _connect(ray: Any, address: str | None) -> None:
    try:
        ray.init(
            address=address or _NEW,  # without, Ray joins whatever cluster it finds here
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except ConnectionError as error:
        raise ConfigError(f"There is no Ray cluster at {address}: {error}") from error
