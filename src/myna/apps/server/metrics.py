"""What Prometheus asks for: how many, how fast, how full, and what went wrong.

Every application has a registry of its own. With several workers each writes its page into a folder
they share, and whichever is asked answers with the pages of all, told apart by a label `worker`;
that of one that has been silent for a while is left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.extras import require
from myna.files import save_json

if TYPE_CHECKING:
    from myna.apps.server.journal import Entry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FIRST_SOUND = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
_RTF = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0)
_SILENT_SECONDS = 60.0
_FEATURE = "Metrics of the server"


class Metrics:
    """Counts requests, and asks for what is going on when somebody wants to know.

    Args:
        folder: where the workers of one server put their pages; None if there is one worker.
        worker: name of this one among them: its process, if not said.
    """

    def __init__(self, folder: Path | None = None, worker: str = "") -> None:
        client = require("prometheus_client", extra="server", feature=_FEATURE)
        self._folder = folder
        self._worker = worker or str(os.getpid())
        self._registry = client.CollectorRegistry()
        own = {"registry": self._registry}
        self._requests = client.Counter(
            "myna_requests", "Requests answered.", ("route", "method", "status"), **own
        )
        self._failures = client.Counter(
            "myna_failures", "Requests that ended in an error, by its class.", ("kind",), **own
        )
        self._first_sound = client.Histogram(
            "myna_first_sound_seconds",
            "Seconds until the first sound of an answer was sent.",
            ("route",),
            buckets=_FIRST_SOUND,
            **own,
        )
        self._rtf = client.Histogram(
            "myna_real_time_factor",
            "Seconds that an answer took per second of sound in it.",
            ("route",),
            buckets=_RTF,
            **own,
        )
        self._audio = client.Counter("myna_audio_seconds", "Seconds of sound made.", **own)
        self._characters = client.Counter("myna_characters", "Characters asked for.", **own)
        self._gauge = client.Gauge
        client.ProcessCollector(registry=self._registry)

    def observe(self, entry: Entry) -> None:
        """Count a request that has been answered."""
        self._requests.labels(entry.route, entry.method, str(entry.status)).inc()
        if entry.error or entry.status >= 500:
            self._failures.labels(entry.error or "Unknown").inc()
        if entry.first_sound is not None:
            self._first_sound.labels(entry.route).observe(entry.first_sound)
        if entry.rtf is not None:
            self._rtf.labels(entry.route).observe(entry.rtf)
        self._audio.inc(entry.audio_seconds or 0.0)
        self._characters.inc(entry.characters or 0)

    def watch(self, name: str, says: str, value: Callable[[], float]) -> None:
        """Ask for a value whenever somebody wants to know.

        Args:
            name: without the prefix `myna_`, such as `queue_length`.
            says: what it is, in a sentence.
            value: called in any thread; must not wait.
        """
        gauge = self._gauge(f"myna_{name}", says, registry=self._registry)
        gauge.set_function(value)

    def publish(self) -> None:
        """Write this worker's page for the others; call it every few seconds, and at the end.

        Raises:
            OSError: the folder cannot be written.
        """
        if self._folder is not None:
            save_json(self._folder / f"{self._worker}.json", _plain(self._registry))

    def page(self) -> bytes:
        """The page that Prometheus reads, of all workers.

        Raises:
            OSError: this worker's page cannot be written.
        """
        client = require("prometheus_client", extra="server", feature=_FEATURE)
        if self._folder is None:
            text: bytes = client.generate_latest(self._registry)
            return text
        self.publish()
        together = client.CollectorRegistry()
        together.register(_Together(self._folder, _SILENT_SECONDS))
        text = client.generate_latest(together)
        return text


class _Together:
    """The pages of all workers that still write theirs."""

    def __init__(self, folder: Path, silent_seconds: float) -> None:
        self._folder = folder
        self._oldest = time.time() - silent_seconds

    def describe(self) -> list[Any]:
        """Nothing beforehand."""
        return []

    def collect(self) -> Iterator[Any]:
        """One family after another, with the samples of all workers."""
        core = require("prometheus_client.core", extra="server", feature=_FEATURE)
        families: dict[str, Any] = {}
        for path in sorted(self._folder.glob("*.json")):
            for name, says, kind, samples in self._read(path):
                family = families.setdefault(name, core.Metric(name, says, kind))
                for sample, labels, value in samples:
                    family.add_sample(sample, {**labels, "worker": path.stem}, value)
        yield from families.values()

    def _read(self, path: Path) -> list[Any]:
        with contextlib.suppress(FileNotFoundError):  # its worker ended this moment
            if path.stat().st_mtime >= self._oldest:
                page: list[Any] = json.loads(path.read_text(encoding="utf-8"))
                return page
        return []


def _plain(registry: Any) -> list[Any]:
    """Families as (name, what they are, kind, samples)."""
    return [
        [
            family.name,
            family.documentation,
            family.type,
            [[each.name, each.labels, each.value] for each in family.samples],
        ]
        for family in registry.collect()
    ]
