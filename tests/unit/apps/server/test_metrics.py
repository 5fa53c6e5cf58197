"""The page for Prometheus: of one worker, and of several together."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client", reason="the extra `server` is not installed")

from prometheus_client.parser import text_string_to_metric_families

from myna.apps.server.journal import Entry
from myna.apps.server.metrics import Metrics

SPOKEN = Entry(
    route="/tts",
    method="GET",
    status=200,
    characters=12,
    audio_seconds=2.0,
    first_sound=0.25,
    rtf=0.25,
)
FAILED = Entry(route="/tts", method="POST", status=500, error="EngineError")


def _values(page: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def _ours(page: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Those of the process itself change all the time."""
    return {key: value for key, value in _values(page).items() if key[0].startswith("myna_")}


def _value(page: bytes, name: str, **labels: str) -> float:
    return _values(page)[name, frozenset(labels.items())]


def test_requests_are_counted() -> None:
    metrics = Metrics()
    metrics.observe(SPOKEN)
    metrics.observe(FAILED)
    page = metrics.page()
    assert _value(page, "myna_requests_total", route="/tts", method="GET", status="200") == 1
    assert _value(page, "myna_failures_total", kind="EngineError") == 1
    assert _value(page, "myna_audio_seconds_total") == 2.0
    assert _value(page, "myna_characters_total") == 12
    assert _value(page, "myna_first_sound_seconds_bucket", route="/tts", le="0.2") == 0
    assert _value(page, "myna_first_sound_seconds_bucket", route="/tts", le="0.3") == 1
    assert _value(page, "myna_real_time_factor_sum", route="/tts") == 0.25


def test_memory_is_told() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("only Linux tells it so")
    assert _value(Metrics().page(), "process_resident_memory_bytes") > 1 << 20


def test_what_goes_on_is_asked_for_when_wanted() -> None:
    metrics, waiting = Metrics(), [3]
    metrics.watch("queue_length", "Texts that wait.", lambda: len(waiting))
    assert _value(metrics.page(), "myna_queue_length") == 1
    waiting.append(4)
    assert _value(metrics.page(), "myna_queue_length") == 2


def test_each_application_counts_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.observe(SPOKEN)
    assert b"myna_audio_seconds_total 0.0" in other.page()


def test_workers_answer_for_each_other(tmp_path: Path) -> None:
    one, other = Metrics(tmp_path, "1"), Metrics(tmp_path, "2")
    one.observe(SPOKEN)
    other.observe(SPOKEN)
    other.observe(SPOKEN)
    other.publish()
    page = one.page()
    assert _value(page, "myna_audio_seconds_total", worker="1") == 2.0
    assert _value(page, "myna_audio_seconds_total", worker="2") == 4.0
    assert page.count(b"# TYPE myna_audio_seconds_total ") == 1
    assert _ours(page) == _ours(page) | _ours(other.page())


def test_a_worker_that_is_gone_is_left_out(tmp_path: Path) -> None:
    one, other = Metrics(tmp_path, "1"), Metrics(tmp_path, "2")
    other.publish()
    long_ago = time.time() - 600
    os.utime(tmp_path / "2.json", (long_ago, long_ago))
    assert b'worker="2"' not in one.page()
    assert b'worker="1"' in one.page()


def test_names_on_the_page_cannot_break_it() -> None:
    metrics = Metrics()
    metrics.observe(Entry(route='a"} 1\nx{y="', method="GET", status=200))
    names = {name for name, _ in _values(metrics.page())}
    assert not any(name.startswith("x") for name in names)
