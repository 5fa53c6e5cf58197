"""The application of Ray Serve: see docs/deploy.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import ray
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from myna.apps.library import Library
from myna.apps.server import journal
from myna.apps.server.app import build
from myna.apps.server.settings import ServerSettings
from myna.apps.server.studio import Studio
from myna.datatypes import in_range
from myna.synthesis.pool import Pool
from myna_ray.prompter import Prompter
from myna_ray.remote import RemotePool
from myna_ray.speaker import Speaker

_MEGABYTE = 1 << 20
_LINES = 16
"""Texts that a replica takes on at the same time; further ones go to others, or wait for one that
is still to start. More of them would each be slower, and hardly more would be made in a second."""
_LONGEST = 600.0
"""Seconds for which a replica that is to leave may go on with what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What the application is told when it is deployed, by name."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of `myna serve` that concern requests, such as `tokens` and `most_characters`. `host`
    has to be what Ray Serve listens on (`http_options`), so that it is refused without tokens."""
    models: Sequence[str] = ("tiny",)
    """Loaded by each replica before it counts as ready; others when somebody asks for them."""
    least: int = 1
    """Replicas, 1 to 1000."""
    most: int = 4
    """Replicas, 1 to 1000."""
    cpus: float = 1.0
    """Cores of each replica, 0.1 to 1000, and so the threads of its computations."""
    gpus: float = 0.0
    """GPUs of each replica, 0 to 64."""
    device: str = "auto"
    """On which it computes."""
    memory: int = 2048
    """Megabytes for the models of each replica, 1 to 1000000."""
    texts: int = 256
    """That may be on their way at the same time, 1 to 100000; further ones are told when to come
    again."""

    def __post_init__(self) -> None:
        in_range("least", self.least, 1, 1000)
        in_range("most", self.most, self.least, 1000)
        in_range("cpus", self.cpus, 0.1, 1000)
        in_range("gpus", self.gpus, 0, 64)
        in_range("memory", self.memory, 1, 1_000_000)
        in_range("texts", self.texts, 1, 100_000)


@serve.deployment(max_ongoing_requests=2048)
@serve.ingress()
class Ingress:
    """Speaks with clients in all dialects, keeps the voices, and computes nothing."""

    async def __init__(
        self, speakers: DeploymentHandle[Any], settings: Mapping[str, Any], texts: int
    ) -> None:
        self._settings = ServerSettings(**settings)
        self._settings.check_binding()
        prompter = ray.remote(num_cpus=0)(Prompter).remote()
        self._pool = RemotePool(speakers, prompter, most=texts)
        self._studio = Studio(self._settings, Library(), cast(Pool, self._pool), journal.performed)

    async def lost(self) -> int:
        """How often a replica was lost that said something."""
        return self._pool.lost

    def __serve_build_asgi_app__(self) -> Any:
        return build(self._studio, self._settings)


def application(arguments: dict[str, Any]) -> Application:
    """One ingress, and as many replicas as the sound that waits to be made needs.

    Args:
        arguments: fields of `Arguments`.

    Raises:
        ConfigError: one is outside its range.
        TypeError: one is unknown.
    """
    given = Arguments(**arguments)
    speakers = serve.deployment(
        Speaker,
        name="Speaker",
        ray_actor_options={"num_cpus": given.cpus, "num_gpus": given.gpus},
        user_config={"models": list(given.models)},
        max_ongoing_requests=_LINES,
        health_check_period_s=2.0,
        graceful_shutdown_timeout_s=_LONGEST,
        autoscaling_config={
            "min_replicas": given.least,
            "max_replicas": given.most,
            "policy": {"policy_function": "myna_ray.scaling:queued_audio"},
            "metrics_interval_s": 1.0,
            "look_back_period_s": 5.0,
            "upscale_delay_s": 3.0,
            "downscale_delay_s": 120.0,
        },
    )
    threads = max(int(given.cpus), 1)
    replicas = speakers.bind(given.device, threads, given.memory * _MEGABYTE)
    return Ingress.bind(replicas, dict(given.settings), given.texts)
